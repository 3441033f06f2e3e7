"""What every engine provides: arrays in, arrays out.

An engine is one file with a class derived from `Engine`, and one entry in `ENGINES`. A model names
its engine by that entry (`Model.engine`). `trajectories.py` and `path.py` work with any engine.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# A kernel: (table, grid, max_events, budget, starts, streams, cursor, output) to a status code.
Kernel = Callable[..., int]
# Called with (finished rows, events) since the last call; False ends the run early.
Proceed = Callable[[int, int], bool]


class Sizes(NamedTuple):
    """Lengths of the arrays that a kernel works on.

    Attributes
    ----------
    counts : int
        Whole numbers of the state.
    amplitudes : int
        Real numbers of the state.
    columns : int
        Of a sample.
    dtype : type
        Of a sample.
    channels : int
        Of the model.
    """

    counts: int
    amplitudes: int
    columns: int
    dtype: type
    channels: int


@dataclass(frozen=True)
class Rows:
    """Finished trajectories; None stands for what was not kept.

    Attributes
    ----------
    samples : ndarray, shape (rows, times, columns)
        Counts of the pools as whole numbers; of a wave function expectation values as float64.
    jumps : ndarray of int64, shape (rows, times, channels)
    event_count : ndarray of int64, shape (rows,)
    event_time : ndarray of float64, shape (events,)
        Of all rows, one after the other.
    event_channel : ndarray of int32, shape (events,)
    sums : tuple of ndarray
        Of all samples, as in `statistics.exact_sums.word_sums`, in their place.
    """

    samples: NDArray[Any] | None
    jumps: NDArray[np.int64] | None
    event_count: NDArray[np.int64]
    event_time: NDArray[np.float64] | None
    event_channel: NDArray[np.int32] | None
    sums: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None


class Batch(NamedTuple):
    """Trajectories to simulate together.

    Attributes
    ----------
    times : ndarray of float64
        Times to keep in seconds, increasing.
    starts : ndarray of int64, shape (rows, pools)
        Counts at t = 0.
    streams : ndarray of uint64, shape (rows, 4)
        State of the random stream of each trajectory.
    keep : collection of str
        Any of "samples", "jumps", "events". "sums" in addition to "samples" means that only the
        sums of the samples are needed: an engine can then return `Rows.sums` instead of them.
    max_events : int or None
        Largest number of events of a trajectory; one more is a fault.
    """

    times: NDArray[np.float64]
    starts: NDArray[np.int64]
    streams: NDArray[np.uint64]
    keep: Collection[str]
    max_events: int | None = None


# Simulates a batch one trajectory after the other.
OneByOne = Callable[[Batch], Rows]


class Engine(ABC):
    """One way to simulate trajectories.

    Attributes
    ----------
    keeps : frozenset of str
        What its kernel can keep of a trajectory; records that need anything else are refused.
    compiled_keeps : frozenset of str
        Quantities that its compiled code can record; for any other, the plain kernel is used.
    """

    keeps: frozenset[str] = frozenset({"samples", "jumps", "events"})
    compiled_keeps: frozenset[str] = frozenset({"samples", "sums", "jumps", "events"})

    @abstractmethod
    def table(self, model_input: Any) -> Any:
        """Table for the kernel, made from the model's `Model.engine_input`."""

    @abstractmethod
    def sizes(self, model_input: Any) -> Sizes:
        """Lengths of the state and of what is kept of it."""

    @property
    @abstractmethod
    def kernel(self) -> Kernel:
        """The function that advances trajectories, see `direct.advance`."""

    def compiled_kernel(self, table: Any, pools: int) -> Kernel | None:  # noqa: ARG002
        """Kernel with code for this table's structure, and the same bits; None without one."""
        return None

    def run_together(
        self,
        model_input: Any,  # noqa: ARG002
        batch: Batch,  # noqa: ARG002
        slice_events: int,  # noqa: ARG002
        proceed: Proceed | None,  # noqa: ARG002
        one_by_one: OneByOne,  # noqa: ARG002
    ) -> Rows | None:
        """Simulate a batch in code that advances many trajectories at a time, with the same bits.

        Parameters
        ----------
        model_input : object
            As in `table`.
        batch : Batch
        slice_events : int
            Events after which `proceed` is called; it changes no number.
        proceed : callable or None
        one_by_one : callable
            For rows that this code cannot simulate.

        Returns
        -------
        Rows or None
            None when the engine has no such code, or when the batch does not suit it: then the
            trajectories are simulated one after the other.
        """
        return None

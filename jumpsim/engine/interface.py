"""The common interface of the engines.

An engine is a class derived from `Engine` in a file of this folder, with an entry in `ENGINES`. A
model refers to this entry (`Model.engine`). `trajectories.py` and `path.py` work with any engine.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .unfinished import Unfinished

# A kernel takes (table, grid, max_events, budget, starts, streams, cursor, output) and returns a
# status code.
Kernel = Callable[..., int]
# Called with the numbers of finished rows and of events since the last call; returns False to end
# the run early.
Proceed = Callable[[int, int], bool]


class Sizes(NamedTuple):
    """Lengths of the arrays that a kernel works on.

    Attributes
    ----------
    counts : int
        Number of integers in the state.
    amplitudes : int
        Number of real numbers in the state.
    columns : int
        Number of columns of a sample.
    dtype : type
        Type of a sample.
    channels : int
        Number of channels of the model.
    """

    counts: int
    amplitudes: int
    columns: int
    dtype: type
    channels: int


@dataclass(frozen=True)
class Rows:
    """Finished trajectories; an attribute that was not requested is None.

    Attributes
    ----------
    samples : ndarray, shape (rows, times, columns)
        Counts of the pools as integers; expectation values of a wave function as float64.
    jumps : ndarray of int64, shape (rows, times, channels)
        Number of events of each channel since t = 0.
    event_count : ndarray of int64, shape (rows,)
        Number of events of each trajectory.
    event_time : ndarray of float64, shape (events,)
        Time of each event in seconds, for all rows one after the other.
    event_channel : ndarray of int32, shape (events,)
        Index of the channel of each event.
    sums : tuple of ndarray
        Sums over all samples as in `statistics.exact_sums.add_sums`, instead of `samples`.
    unfinished : Unfinished or None
        The trajectory after these, at which the simulation ended early, to be continued later; None
        when it was not begun or only just begun, or when many are simulated at the same time.
    """

    samples: NDArray[Any] | None
    jumps: NDArray[np.int64] | None
    event_count: NDArray[np.int64]
    event_time: NDArray[np.float64] | None
    event_channel: NDArray[np.int32] | None
    sums: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
    unfinished: Unfinished | None = None


class Batch(NamedTuple):
    """Trajectories to simulate together.

    Attributes
    ----------
    times : ndarray of float64
        Times of the samples in seconds, increasing.
    starts : ndarray of int64, shape (rows, pools)
        Counts at t = 0.
    streams : ndarray of uint64, shape (rows, 4)
        State of the random stream of each trajectory.
    keep : collection of str
        Results to return: any of "samples", "jumps", "events". With "samples" and "sums", only the
        sums of the samples and of their products are needed, and with "squares" those of the
        samples and of their squares: an engine may return `Rows.sums` instead of `samples`.
    max_events : int or None
        Largest number of events of a trajectory; one more raises `Fault`.
    """

    times: NDArray[np.float64]
    starts: NDArray[np.int64]
    streams: NDArray[np.uint64]
    keep: Collection[str]
    max_events: int | None = None


# Simulates a batch one trajectory after the other.
OneByOne = Callable[[Batch], Rows]


class NotCompiledError(Exception):
    """Code for a model is needed that is not there, or not yet."""


class Engine(ABC):
    """One way to simulate trajectories.

    Attributes
    ----------
    keeps : frozenset of str
        Results that the general kernel can return; records that need others are refused.
    compiled_keeps : frozenset of str
        Results that the code for one model can return; for others the general kernel is used.
    together : int
        Number of trajectories that the code for one model advances at the same time: multiples of
        it need the least time for each.
    """

    keeps: frozenset[str] = frozenset({"samples", "jumps", "events"})
    compiled_keeps: frozenset[str] = frozenset({"samples", "sums", "squares", "jumps", "events"})
    together: int = 1

    @abstractmethod
    def table(self, model_input: Any) -> Any:
        """Convert the input of a model (`Model.engine_input`) to the table of the kernel."""

    @abstractmethod
    def sizes(self, model_input: Any) -> Sizes:
        """Lengths of the arrays of the state and of the results."""

    @property
    @abstractmethod
    def kernel(self) -> Kernel:
        """The function that simulates trajectories, see `direct_kernel.advance`."""

    def compiled_kernel(
        self,
        table: Any,  # noqa: ARG002
        pools: int,  # noqa: ARG002
        arguments: tuple[Any, ...],  # noqa: ARG002
        left: float,  # noqa: ARG002
    ) -> Kernel | None:
        """Kernel with code for one model, with identical results.

        Parameters
        ----------
        table : object
        pools : int
            Number of pools.
        arguments : tuple
            Arguments of the kernel after the table, of which the types are used.
        left : float
            Expected seconds of remaining work, from which it follows whether code is compiled.

        Returns
        -------
        callable or None
            None when there is no such code, or not yet: it is compiled in a separate process.
        """
        return None

    def run_together(
        self,
        model_input: Any,  # noqa: ARG002
        batch: Batch,  # noqa: ARG002
        slice_events: int,  # noqa: ARG002
        proceed: Proceed | None,  # noqa: ARG002
        one_by_one: OneByOne,  # noqa: ARG002
        left: float,  # noqa: ARG002
    ) -> Rows | None:
        """Simulate a batch with code that advances many trajectories at the same time.

        The results are identical to those of the kernel.

        Parameters
        ----------
        model_input : object
            As in `table`.
        batch : Batch
        slice_events : int
            Number of events after which `proceed` is called; it does not change results.
        proceed : callable or None
        one_by_one : callable
            Simulates rows for which this code cannot be used.
        left : float
            As for `compiled_kernel`.

        Returns
        -------
        Rows or None
            None when the engine has no such code or it is not applicable to the batch; the
            trajectories are then simulated one after the other.

        Raises
        ------
        NotCompiledError
            When the code is not there. The trajectories are then simulated one after the other, and
            no other code is compiled for them.
        """
        return None

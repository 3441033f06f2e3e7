"""What a run returns: an `Ensemble`, which reads from a store in memory or on disk alike."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..statistics.moments import Moments
from ..utils.progress import reading
from ..utils.resources import available_memory
from . import FileStore, Store
from .outcome import Outcome
from .records import RECORDS, columns, offered

if TYPE_CHECKING:
    import xarray

_SLAB_BYTES = 2**22
_SLAB_EVENTS = 2**20


class Ensemble:
    """Trajectories of one model.

    Attributes
    ----------
    model : Model
    initial : Thermal, Fixed or Mixture
    times : ndarray, shape (n_times,)
        Seconds.
    seed : int
    record : tuple of str
        What is kept.
    outcome : store.outcome.Outcome or None
        Why the run ended, as data; None while it has not ended.

    Notes
    -----
    Samples are right-continuous: the state after any jump at that instant.
    """

    def __init__(self, store: Store, outcome: Outcome | None = None, progress: bool | None = None):
        self._store, self._progress = store, progress
        plan = store.plan
        self.model, self.initial, self.times = plan.model, plan.initial, plan.times
        self.seed, self.record = plan.seed, plan.record
        self.outcome = outcome or store.outcome
        self._sums = None  # the ranges that were averaged, and their moments

    @property
    def stop_reason(self) -> str | None:
        """Why the run ended, in words; None while it has not ended."""
        return None if self.outcome is None else str(self.outcome)

    @property
    def ntraj(self) -> int:
        """Number of trajectories."""
        return sum(last - first for first, last in self._store.ranges())

    @property
    def indices(self) -> np.ndarray:
        """Index of each trajectory, (ntraj,): what the seed and it make is one fixed thing."""
        ranges = [np.arange(first, last) for first, last in self._store.ranges()]
        return np.concatenate(ranges) if ranges else np.zeros(0, int)

    @property
    def path(self) -> Path | None:
        """The file, or None for an ensemble in memory."""
        return self._store.path

    @property
    def n_events(self) -> int:
        """Events simulated, of all trajectories together."""
        return self._store.events

    @property
    def counts(self) -> np.ndarray:
        """Counts at `times`, (ntraj, n_times, n_pools) int64; needs record "counts"."""
        return self._all("counts")

    @property
    def expect(self) -> np.ndarray:
        """Expectation values at `times`, (ntraj, n_times, n_observables); of a wave function."""
        return self._all("expect")

    @property
    def jumps(self) -> np.ndarray:
        """Cumulative jumps at `times`, (ntraj, n_times, n_channels) int64; needs record "jumps"."""
        return self._all("jumps")

    def array(self, name: str) -> np.ndarray:
        """Array of any record with columns at `times`, such as "counts"."""
        if name in RECORDS and not RECORDS[name].dimension:
            raise InputError(f'"{name}" is no array over times and columns')
        return self._all(name)

    @property
    def event_count(self) -> np.ndarray:
        """Events of each trajectory, (ntraj,); with any record but "moments" alone."""
        return self._all("event_count")

    def events(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Every event of the i-th trajectory kept.

        Parameters
        ----------
        i : int
            Row, as in `counts[i]`.

        Returns
        -------
        times : ndarray of float64
            Seconds, up to and including times[-1].
        channels : ndarray of int
            Indices into `model.channels`.
        """
        self._need("events")
        n = self.ntraj
        if n == 0:
            raise InputError("there is no trajectory; run more")
        if isinstance(i, bool) or not isinstance(i, int | np.integer) or not -n <= i < n:
            raise InputError(f"`i` must be a row from {-n} to {n - 1}, but is {i!r}")
        row = i % n
        times, channels = self._store.read_events(row, row + 1)
        return times, channels.astype(np.int64)

    def starts(self, first: int, number: int) -> np.ndarray:
        """Counts at t = 0 of `number` trajectories from row `first`, (number, n_pools) int64."""
        indices = self.indices[first : first + number]
        runs = np.split(indices, np.flatnonzero(np.diff(indices) != 1) + 1) if number else []
        draws = [self.initial.draw(self.model, self.seed, r[0], r[-1] + 1) for r in runs]
        return np.concatenate([np.empty((0, len(self.model.pools)), np.int64), *draws])

    def event_slabs(self) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
        """Events of consecutive trajectories that fit into little memory.

        Yields
        ------
        row : int
            The first trajectory's.
        numbers : ndarray of int
            Events of each trajectory.
        times, channels : ndarray
            As in `events`, one trajectory after the other.
        """
        self._need("events")
        numbers = self.event_count
        ends = np.cumsum(numbers)
        row = 0
        with reading(len(numbers), "events", self._progress) as bar:
            while row < len(numbers):
                done = ends[row] - numbers[row]
                last = max(row + 1, int(np.searchsorted(ends, done + _SLAB_EVENTS, side="right")))
                times, channels = self._store.read_events(row, last)
                yield row, numbers[row:last], times, channels.astype(np.int64)
                bar.update(last - row)
                row = last

    def slabs(self, name: str) -> Iterator[np.ndarray]:
        """Arrays of consecutive trajectories of a record that fit into little memory.

        Parameters
        ----------
        name : str
            "counts", "expect", "jumps" or another record with columns at each stored time.
        """
        self._need(name)
        numbers = len(self.times) * len(columns(self.model, name))
        step = max(1, _SLAB_BYTES // (8 * numbers))
        ntraj = self.ntraj
        with reading(ntraj, name, self._progress) as bar:
            for row in range(0, ntraj, step):
                last = min(row + step, ntraj)
                yield self._store.read(name, row, last)
                bar.update(last - row)

    def row(self, name: str, i: int) -> np.ndarray:
        """Counts, expect or jumps of the i-th trajectory alone, (n_times, n_columns)."""
        self._need(name)
        return self._store.read(name, i, i + 1)[0]

    def mean(self) -> np.ndarray:
        """Average samples (counts) over the trajectories, (n_times, n_pools)."""
        return self.moments.mean() * self.model.samples.unit

    def var(self) -> np.ndarray:
        """Variance with divisor n-1, (n_times, n_pools)."""
        return self.moments.var() * self.model.samples.unit**2

    def cov(self) -> np.ndarray:
        """Covariance between pools, divisor n-1, (n_times, n_pools, n_pools)."""
        return self.moments.cov() * self.model.samples.unit**2

    def sem(self) -> np.ndarray:
        """Standard error of `mean`, (n_times, n_pools)."""
        return self.moments.sem() * self.model.samples.unit

    @property
    def moments(self) -> Moments:
        """Exact sums of samples and of their products, in units of `model.samples.unit`."""
        ranges = self._store.ranges()
        if self._sums is None or self._sums[0] != ranges:
            self._sums = (ranges, self._store.moments())
        return self._sums[1]

    def to_xarray(self) -> "xarray.Dataset":
        """An `xarray.Dataset` with named dimensions, units, and what is needed to run it again."""
        from .export import dataset

        return dataset(self)

    def __repr__(self):
        return f"<Ensemble: {self.ntraj} trajectories of {self.model.name}>"

    def __str__(self):
        from .export import summary

        return summary(self)

    def _need(self, name):
        if name not in self.record:
            if name not in offered(self.model):
                raise InputError(
                    f"{self.model.name} has no {name}; see `{self.model.samples.record}`"
                )
            raise InputError(
                f"this ensemble was recorded with {', '.join(self.record)}; simulate with "
                f'record="{name}" to have `{name}`'
            )

    def _all(self, name):
        if name != "event_count":
            self._need(name)
        elif not self._store.plan.keeps_trajectories:
            raise InputError('`event_count` is not kept with record="moments" alone')
        number = len(columns(self.model, name)) if name in RECORDS else 0
        need = 8 * self.ntraj * len(self.times) * number
        # Twice, because what is on disk is narrower; in memory it is there already.
        have = available_memory() if self.path else None
        if have is not None and 2 * need > have:
            raise InputError(
                f"`{name}` of {self.ntraj} trajectories needs {2 * need / 1e9:.1f} GB of memory, "
                f"but {have / 1e9:.1f} GB are free; go through `slabs('{name}')` instead"
            )
        dtype = RECORDS[name].dtype if name in RECORDS else np.int64
        return self._store.read(name, 0, self.ntraj).astype(dtype, copy=False)


def open(path: str | Path, progress: bool | None = None) -> Ensemble:
    """Open a stored run for reading.

    Parameters
    ----------
    path : path
        The output file of a run, finished or not.
    progress : bool, optional
        Whether long readings show a bar on stderr; by default when that is a terminal.

    Returns
    -------
    Ensemble
        Reads from the file what is asked for, when it is asked for.

    Raises
    ------
    StoreError
        When there is no such file, or when it cannot be read or is not one of jumpsim.
    """
    return Ensemble(FileStore(path), progress=progress)

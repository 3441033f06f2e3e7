"""The result of a run: an `Ensemble`, which reads from a store in memory or on disk."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..statistics.moments import Moments
from ..utils.files import AnyPath
from ..utils.progress import reading
from ..utils.resources import available_memory
from ..utils.typing import Array, IntArray
from . import FileStore, Store
from .outcome import Outcome
from .part import Span
from .records import RECORDS, columns, offered

if TYPE_CHECKING:
    import xarray

_SLAB_BYTES = 2**22
_SLAB_EVENTS = 2**20


class Ensemble:
    """Trajectories of one model, with identical initial state, times and seed.

    Parameters
    ----------
    store : Store
    outcome : store.outcome.Outcome, optional
        Why the run ended; default as stored.
    progress : bool, optional
        Whether long reads show a bar on stderr; by default when that is a terminal.

    Attributes
    ----------
    model : Model
    initial : Thermal, Fixed or Mixture
    times : ndarray, shape (n_times,)
        Seconds.
    seed : int
    record : tuple of str
        Names of the recorded quantities, such as "counts".
    outcome : store.outcome.Outcome or None
        Why the run ended, as data; None for a run in progress.

    Notes
    -----
    Samples are right-continuous: the state after any jump at that instant.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
    >>> run = js.simulate(model, ["0 s", "1 us"], 5, initial={"N": 12, "m": 3}, seed=1)
    >>> run.counts.shape, run.mean()[0].tolist()
    ((5, 2, 2), [12.0, 3.0])
    """

    def __init__(
        self, store: Store[Any], outcome: Outcome | None = None, progress: bool | None = None
    ) -> None:
        self._store, self._progress = store, progress
        plan = store.plan
        self.model, self.initial, self.times = plan.model, plan.initial, plan.times
        self.seed, self.record = plan.seed, plan.record
        self.outcome = outcome or store.outcome
        self._sums: tuple[list[Span], Moments] | None = None  # averaged ranges, their moments
        self._square_sums: tuple[list[Span], Moments] | None = None

    @property
    def stop_reason(self) -> str | None:
        """Why the run ended, as a sentence; None for a run in progress."""
        return None if self.outcome is None else str(self.outcome)

    @property
    def ntraj(self) -> int:
        """Number of trajectories."""
        return sum(last - first for first, last in self._store.ranges())

    @property
    def indices(self) -> IntArray:
        """Index of each trajectory, (ntraj,); seed and index determine a trajectory."""
        ranges = [np.arange(first, last) for first, last in self._store.ranges()]
        return np.concatenate(ranges) if ranges else np.zeros(0, int)

    @property
    def path(self) -> Path | None:
        """The file; None for an ensemble in memory."""
        return self._store.path

    @property
    def n_events(self) -> int:
        """Number of simulated events of all trajectories together."""
        return self._store.events

    @property
    def counts(self) -> IntArray:
        """Counts at `times`, (ntraj, n_times, n_pools) int64; needs record "counts".

        They are stored in the narrowest integer type, and converted when this is used; those in
        memory are kept converted.
        """
        return self._all("counts")

    @property
    def expect(self) -> Array:
        """Expectation values at `times`, (ntraj, n_times, n_observables), of wave functions."""
        return self._all("expect")

    @property
    def jumps(self) -> IntArray:
        """Cumulative jumps at `times`, (ntraj, n_times, n_channels) int64; needs record "jumps"."""
        return self._all("jumps")

    def array(self, name: str) -> NDArray[Any]:
        """Array of any record with columns at `times`, such as "counts"."""
        if name in RECORDS and not RECORDS[name].dimension:
            raise InputError(f'"{name}" is no array over times and columns')
        return self._all(name)

    @property
    def event_count(self) -> IntArray:
        """Number of events of each trajectory, (ntraj,); not with records of sums alone."""
        return self._all("event_count")

    def events(self, i: int) -> tuple[Array, IntArray]:
        """Every event of the i-th trajectory.

        Parameters
        ----------
        i : int
            Row, as in `counts[i]`.

        Returns
        -------
        times : ndarray of float64, shape (events,)
            Seconds, up to and including times[-1].
        channels : ndarray of int64, shape (events,)
            Indices into `model.channels`.

        Raises
        ------
        InputError
            When "events" were not recorded, or when there is no such row.
        """
        self._need("events")
        n = self.ntraj
        if n == 0:
            raise InputError("the ensemble has no trajectory; simulate with `ntraj` > 0")
        if isinstance(i, bool) or not isinstance(i, int | np.integer) or not -n <= i < n:
            raise InputError(f"`i` must be a row from {-n} to {n - 1}, but is {i!r}")
        row = i % n
        times, channels = self._store.read_events(row, row + 1)
        return times, channels.astype(np.int64)

    def starts(self, first: int, number: int) -> IntArray:
        """Counts at t = 0 of `number` trajectories from row `first`, (number, n_pools) int64."""
        indices = self.indices[first : first + number]
        runs = np.split(indices, np.flatnonzero(np.diff(indices) != 1) + 1) if number else []
        draws = [self.initial.draw(self.model, self.seed, r[0], r[-1] + 1) for r in runs]
        return np.concatenate([np.empty((0, len(self.model.pools)), np.int64), *draws])

    def event_slabs(self) -> Iterator[tuple[int, IntArray, Array, IntArray]]:
        """Events of all trajectories, in groups that need little memory.

        Yields
        ------
        row : int
            Row of the first trajectory of the group.
        numbers : ndarray of int
            Number of events of each trajectory of the group.
        times, channels : ndarray
            As in `events`, of all trajectories of the group, concatenated.
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

    def slabs(self, name: str) -> Iterator[NDArray[Any]]:
        """Array of a record for all trajectories, in groups that need little memory.

        Parameters
        ----------
        name : str
            "counts", "expect", "jumps" or another record with columns at each stored time.

        Yields
        ------
        ndarray, shape (rows, n_times, n_columns)
        """
        self._need(name)
        numbers = len(self.times) * len(columns(self.model, name))
        step = max(1, _SLAB_BYTES // (8 * numbers))
        ntraj = self.ntraj
        with reading(ntraj, name, self._progress) as bar:
            for row in range(0, ntraj, step):
                last = min(row + step, ntraj)
                yield self._store.read(name, row, last, RECORDS[name].dtype)
                bar.update(last - row)

    def row(self, name: str, i: int) -> NDArray[Any]:
        """Array of a record for the i-th trajectory alone, (n_times, n_columns)."""
        self._need(name)
        return self._store.read(name, i, i + 1, RECORDS[name].dtype)[0]

    def mean(self) -> Array:
        """Average samples (counts) over the trajectories, (n_times, n_pools)."""
        return self._squares().mean() * self.model.samples.unit

    def var(self) -> Array:
        """Variance over the trajectories with divisor n-1, (n_times, n_pools)."""
        return self._squares().var() * self.model.samples.unit**2

    def cov(self) -> Array:
        """Covariance between pools, divisor n-1, (n_times, n_pools, n_pools).

        Raises
        ------
        InputError
            When it was not recorded: the record "variances" contains variances alone.
        """
        return self.moments.cov() * self.model.samples.unit**2

    def sem(self) -> Array:
        """Standard error of `mean`, (n_times, n_pools)."""
        return self._squares().sem() * self.model.samples.unit

    @property
    def moments(self) -> Moments:
        """Exact sums of the samples and of their products, in units of `model.samples.unit`.

        Raises `InputError` when they were not recorded, as in `cov`.
        """
        ranges = self._store.ranges()
        if self._sums is None or self._sums[0] != ranges:
            self._sums = (ranges, self._store.moments())
        return self._sums[1]

    def _squares(self) -> Moments:
        """Exact sums without those of pairs of columns, which need much more time and memory."""
        ranges = self._store.ranges()
        if self._sums is not None and self._sums[0] == ranges:
            return self._sums[1].squares()
        if self._square_sums is None or self._square_sums[0] != ranges:
            self._square_sums = (ranges, self._store.moments(pairs=False))
        return self._square_sums[1]

    def to_xarray(self) -> "xarray.Dataset":
        """Labelled data: named dimensions, units, and all data needed to repeat the run."""
        from .export import dataset

        return dataset(self)

    def __repr__(self) -> str:
        return f"<Ensemble: {self.ntraj} trajectories of {self.model.name}>"

    def __str__(self) -> str:
        from .export import summary

        return summary(self)

    def _need(self, name: str) -> None:
        if name not in self.record:
            if name not in offered(self.model):
                raise InputError(
                    f"{self.model.name} has no {name}; see `{self.model.samples.record}`"
                )
            raise InputError(
                f"this ensemble was recorded with {', '.join(self.record)}; simulate with "
                f'record="{name}" to have `{name}`'
            )

    def _all(self, name: str) -> NDArray[Any]:
        if name != "event_count":
            self._need(name)
        elif not self._store.plan.keeps_trajectories:
            raise InputError(f"`event_count` is not kept with {', '.join(self.record)} alone")
        kept = self._store.in_memory(name)
        if kept is not None:
            return kept
        number = len(columns(self.model, name)) if name in RECORDS else 0
        need = 8 * self.ntraj * len(self.times) * number
        # The stored numbers have narrower types and are converted; those of a file are read first.
        need *= 2 if self.path else 1
        have = available_memory()
        if have is not None and need > have:
            raise InputError(
                f"`{name}` of {self.ntraj} trajectories needs {need / 1e9:.1f} GB of memory, "
                f"but {have / 1e9:.1f} GB are free; read it in groups with `slabs('{name}')`"
            )
        dtype = RECORDS[name].dtype if name in RECORDS else np.int64
        return self._store.whole(name, dtype)


def open(path: AnyPath, progress: bool | None = None) -> Ensemble:
    """Open a stored run for reading.

    Parameters
    ----------
    path : path
        The output file of a run, finished or not.
    progress : bool, optional
        Whether long reads show a bar on stderr; by default when that is a terminal.

    Returns
    -------
    Ensemble
        Reads data from the file only when they are requested.

    Raises
    ------
    StoreError
        When there is no such file, when it cannot be read, or when jumpsim did not write it.

    Examples
    --------
    >>> import tempfile
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = js.simulate(
    ...         model, ["0 s", "1 us"], 5, initial={"N": 12, "m": 3}, store=f"{folder}/run.h5"
    ...     )
    ...     js.open(f"{folder}/run.h5").counts.shape
    (5, 2, 2)
    """
    return Ensemble(FileStore(path), progress=progress)

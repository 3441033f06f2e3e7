"""Many trajectories together: in each pass 64 trajectories, the lanes, advance by one event.

The trajectories are those of the direct method, bit for bit: the same draws, the same logarithm,
the same products and sums in the same order, for 64 trajectories in the vector units of the
processor. A lane whose trajectory has ended takes the next one at once.

Compilers make vector code of a pass only where it has no branches and no inner loops, so the source
code is written for each model structure (`templates.py`, `lockstep_source.py`).

Samples are kept in slots, one for each stored time: every event overwrites the slot of the first
stored time that is not before it, and slots without an event are filled when the trajectory ends.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...statistics.exact_sums import add_sums
from .. import compiling
from ..interface import Batch, NotCompiledError, Proceed
from . import background, templates
from .lockstep_source import (
    DONE,
    ENDED,
    FULL,
    LANES,
    LARGE,
    NEAR,
    PASSES,
    RUNNING,
    UNDECIDED,
    WIDER,
    source,
    work_rows,
)

_MOST_SLOT_BYTES = 2**26
_LEAST_ROWS = LANES // 2
_RING_ROWS = 8 * LANES  # so few that their samples are still in the processor's cache
_MOST_PASSES = 2**30  # of one trajectory: the jumps of a channel are kept as 32 bits


class Lanes(NamedTuple):
    """What lanes contain.

    Attributes
    ----------
    state : ndarray of float64
        Each count (and number of jumps) in all lanes, then the time of the last event, then by how
        much it is too late.
    stream : ndarray of uint64
        Each of the four words of the random streams in all lanes.
    row : ndarray of int64, shape (LANES,)
        Row that is simulated; -1 for none.
    since : ndarray of int64, shape (LANES,)
        Number of passes before the first one of this row.
    work : ndarray of float64
        Intermediate results of a pass.
    slot : ndarray of int64, shape (LANES,)
        Last slot that was found by comparison of times.
    kept : ndarray of int32
        Counts after the last event before each stored time, and a spare slot, for each lane.
    """

    state: NDArray[np.float64]
    stream: NDArray[np.uint64]
    row: NDArray[np.int64]
    since: NDArray[np.int64]
    work: NDArray[np.float64]
    slot: NDArray[np.int64]
    kept: NDArray[np.int32]


class TooLarge(Exception):  # noqa: N818 - never leaves the engine: the rows are simulated without lanes
    """A count does not fit into 32 bits."""


def fits(model_input: Any, batch: Batch) -> bool:
    """Whether lanes can simulate a batch, have room for it and enough to do.

    Parameters
    ----------
    model_input : model.rates.RateTable
    batch : interface.Batch
    """
    starts, keep, changes = batch.starts, batch.keep, model_input.changes
    columns = changes.shape[1] + ("jumps" in keep) * len(model_input.constants)
    room = 4 * LANES * (len(batch.times) + 1) * columns <= _MOST_SLOT_BYTES
    kept = "events" not in keep and {"samples", "jumps"} & set(keep)
    enough = len(starts) >= _LEAST_ROWS and (model_input.constants > 0).any()
    small = starts.max(initial=0) < LARGE and changes.max(initial=0) < LARGE
    return bool(room and kept and enough and small and batch.max_events is None)


def run(
    table: Any,
    grid: NDArray[np.float64],
    starts: NDArray[np.int64],
    streams: NDArray[np.uint64],
    jumps: NDArray[np.int64],
    budget: int,
    proceed: Proceed | None,
    repair: Callable[[int], tuple[Any, Any]],
    sums: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
    left: float = math.inf,
) -> tuple[NDArray[np.int16] | NDArray[np.int32], NDArray[np.int64]]:
    """Simulate trajectories in lanes.

    Parameters
    ----------
    table : direct_kernel.Table
    grid : ndarray of float64
        Times to keep, increasing.
    starts : ndarray of int64, shape (rows, pools)
    streams : ndarray of uint64, shape (rows, 4)
    jumps : ndarray of int64, shape (rows, times, channels)
        Filled with the jumps of each channel; with 0 rows they are not counted.
    budget : int
        Passes after which `proceed` is called; it changes no number.
    proceed : callable
        Called with (finished rows, events) since the last call; False ends the run early.
    repair : callable
        Simulates one row by the plain kernel: returns its samples and number of events and fills
        in its jumps, or raises its fault. For lanes with a rate, a total or a count outside of what
        this code can decide.
    sums : tuple of ndarray, optional
        Two arrays, to which the samples of all rows are added (`exact_sums.add_sums`) as soon as a
        row has ended. Then samples are not kept, and no row when the run is ended early.
    left : float
        Expected seconds of remaining work.

    Returns
    -------
    samples : ndarray of int16 or int32, shape (rows, times, pools)
    event_count : ndarray of int64, shape (rows,)
        Of the rows before the first one that is not finished.

    Raises
    ------
    TooLarge
    NotCompiledError
        When the code for this structure is not there, see `background.find`.
    """
    rows, pools = starts.shape
    size = templates.size(table, pools + len(table.constant) * (len(jumps) > 0))
    if not compiling.loading_pays(left, size):
        raise NotCompiledError
    factors, changes = templates.structure(table)
    if len(jumps):
        changes = tuple((*change, (pools + c, 1)) for c, change in enumerate(changes))
        starts = np.hstack([starts, np.zeros((rows, len(changes)), np.int64)])
    numbers, spacing = templates.numbers(table), _spacing(grid)
    lanes, place = _lanes(starts, len(grid), len(changes)), np.zeros(4, np.int64)
    out = _Samples(rows, (len(grid), pools), sums)
    event_count, seen = np.full(rows, -1), np.zeros(2, np.int64)
    fixed = numbers, grid, spacing, budget, starts, streams, lanes, place
    more = sums is not None, jumps, table.label, event_count
    structure, arguments = (pools, starts.shape[1], factors, changes), (*fixed, *out.arrays, *more)
    advance = background.find("lockstep", source, structure, arguments, size, left)
    if advance is None:
        raise NotCompiledError
    while True:
        status = advance(*fixed, *out.arrays, *more)
        out.add_up(place)
        if status == FULL:
            continue
        if status == WIDER:
            out.widen()
            continue
        passes = (place[PASSES] - lanes.since)[lanes.row >= 0]
        if len(jumps) and passes.max(initial=0) > _MOST_PASSES:
            status = UNDECIDED
        if status == UNDECIDED:
            for row in lanes.row[lanes.row >= 0]:
                samples, event_count[row] = repair(int(row))
                out.put(row, samples)
            place[RUNNING] = 0
            _vacate(lanes, starts)
        counted = _counted(lanes, place, event_count, grid[-1])
        go_on = proceed is None or proceed(*(counted - seen).tolist())
        seen = counted
        if status == DONE or not go_on:
            break
    missing = event_count < 0
    # Sums hold rows beyond the leading ones.
    done = (int(missing.argmax()) if sums is None else 0) if missing.any() else rows
    return out.samples[:done], event_count[:done]


class _Samples:
    """Samples of finished rows: as 16 bits while they fit, else as 32; or a few, to be summed.

    Parameters
    ----------
    rows : int
    shape : tuple of int
        (times, pools).
    sums : tuple of ndarray, optional
        Sums of all samples.
    """

    def __init__(self, rows: int, shape: tuple[int, int], sums: Any) -> None:
        self.sums = sums
        self.small = np.empty((0 if sums else rows, *shape), np.int16)
        self.large = np.empty((_RING_ROWS if sums else 0, *shape), np.int32)

    @property
    def arrays(self) -> tuple[NDArray[np.int16], NDArray[np.int32]]:
        """Both arrays, of which the kernel fills the one that has rows."""
        return self.small, self.large

    @property
    def samples(self) -> NDArray[np.int16] | NDArray[np.int32]:
        """Samples of the rows."""
        return self.small if len(self.small) else self.large

    def widen(self) -> None:
        """Keep 32 bits from now on."""
        if len(self.small):
            self.large, self.small = self.small.astype(np.int32), self.small[:0]

    def add_up(self, place: NDArray[np.int64]) -> None:
        """Empty the ring of samples that are to be summed."""
        if self.sums:
            add_sums(self.large[: place[ENDED]], *self.sums)
            place[ENDED] = 0

    def put(self, row: int, samples: NDArray[np.int64]) -> None:
        """Keep the samples of a row."""
        most = samples.max(initial=0)
        if most > np.iinfo(np.int32).max:
            raise TooLarge
        if self.sums:
            add_sums(samples[None], *self.sums)
            return
        if most > np.iinfo(np.int16).max:
            self.widen()
        self.samples[row] = samples


def _lanes(starts: NDArray[np.int64], times: int, channels: int) -> Lanes:
    """Lanes without a row."""
    columns = starts.shape[1]
    size = (times + 1) * columns
    lanes = Lanes(
        _aligned((columns + 2) * LANES, np.float64),
        _aligned(4 * LANES, np.uint64),
        _aligned(LANES, np.int64),
        _aligned(LANES, np.int64),
        _aligned(work_rows(columns, channels) * LANES, np.float64),
        _aligned(LANES, np.int64),
        _aligned(LANES * size, np.int32),
    )
    lanes.stream[:] = 1
    _vacate(lanes, starts)
    return lanes


def _aligned(size: int, dtype: Any) -> NDArray[Any]:
    """Zeros that begin at a multiple of 64 bytes: no vector is in two lines of the cache."""
    width = np.dtype(dtype).itemsize
    found = np.zeros(size + 64 // width, dtype)
    first = -found.ctypes.data % 64 // width
    return found[first : first + size]


def _vacate(lanes: Lanes, starts: NDArray[np.int64]) -> None:
    """Let no lane have a row: its time is infinite, and its counts have valid rates."""
    lanes.row[:] = -1
    lanes.state[:] = np.inf
    if len(starts):
        lanes.state[: -2 * LANES] = np.repeat(starts[0], LANES)


def _counted(
    lanes: Lanes, place: NDArray[np.int64], event_count: NDArray[np.int64], end: float
) -> NDArray[np.int64]:
    """Number of finished rows, and of events also of the rows that are not finished."""
    active = np.flatnonzero(lanes.row >= 0)
    passes = place[PASSES] - lanes.since[active]
    ended = ~(lanes.state[-2 * LANES : -LANES][active] <= end)  # by a pass without an event
    finished = event_count >= 0
    events = event_count[finished].sum() + (passes - ended).sum()
    return np.array([finished.sum(), events])


def _spacing(grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Numbers a and b for which a t + b is k + 1/2 at the k-th time; a is 0 for uneven times.

    Rounded products and sums keep the order of their arguments. Therefore a t + b, rounded to a
    whole number, is the slot of t wherever it is further from a half than at all times of the grid.
    """
    if len(grid) < 2:
        return np.zeros(2)
    inverse = (len(grid) - 1) / (grid[-1] - grid[0])
    shift = 0.5 - grid[0] * inverse
    away = np.abs(grid * inverse + shift - 0.5 - np.arange(len(grid))).max()
    return np.array([inverse, shift]) if away < NEAR / 10 else np.zeros(2)

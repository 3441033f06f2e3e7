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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...statistics.exact_sums import add_sums
from .. import compiling
from ..interface import Batch, NotCompiledError, Proceed
from . import background, templates
from .lockstep_source import DONE, LANES, LARGE, NEAR, UNDECIDED, source

_MOST_SLOT_BYTES = 2**26
_LEAST_ROWS = LANES // 2
_RING_ROWS = 32 * LANES  # so few that their samples are still in the processor's cache


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
    room = 8 * LANES * (len(batch.times) + 1) * columns <= _MOST_SLOT_BYTES
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
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
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
    samples : ndarray of int32, shape (rows, times, pools)
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
    columns = starts.shape[1]
    numbers = templates.numbers(table)
    state = np.full((columns + 3) * LANES, np.inf)  # counts, time, its correction, events
    state[: columns * LANES] = np.repeat(starts[0], LANES) if rows else 0.0
    lanes, slots = np.full(LANES, -1), np.zeros(LANES, np.int64)
    stream = np.ones(4 * LANES, np.uint64)
    place = np.array([0, 0, sums is not None], np.int64)  # next row, rows ended, as a ring or not
    kept = np.full(LANES * (len(grid) + 1) * columns, -1.0)
    samples = np.empty((rows if sums is None else _RING_ROWS, len(grid), pools), np.int32)
    event_count = np.full(rows, -1)
    arguments = (
        numbers, grid, _spacing(grid), budget, starts, streams, state, stream, lanes, slots, kept,
        place, samples, jumps, table.label, event_count,
    )  # fmt: skip
    structure = pools, columns, factors, changes
    advance = background.find("lockstep", source, structure, arguments, size, left)
    if advance is None:
        raise NotCompiledError
    seen = 0, 0
    while True:
        status = advance(*arguments)
        if sums is not None:
            add_sums(samples[: place[1]], *sums)
            place[1] = 0
        if status == UNDECIDED:
            for lane in np.flatnonzero(lanes >= 0):
                row = int(lanes[lane])
                alone, event_count[row] = repair(row)
                if alone.max(initial=0) > np.iinfo(samples.dtype).max:
                    raise TooLarge
                if sums is None:
                    samples[row] = alone
                else:
                    add_sums(alone[None], *sums)
            lanes[:] = -1
            state[: columns * LANES] = np.repeat(starts[0], LANES)
            state[columns * LANES :] = np.inf
        finished = event_count >= 0
        events = int(event_count[finished].sum())
        events += int(state[(columns + 2) * LANES :][lanes >= 0].sum())
        now = int(finished.sum()), events
        go_on = proceed is None or proceed(now[0] - seen[0], now[1] - seen[1])
        seen = now
        if status == DONE or not go_on:
            break
    done = rows if finished.all() else int(finished.argmin())
    if sums is not None and done < rows:
        done = 0  # the sums hold rows beyond the leading ones
    return samples[:done], event_count[:done]


def _spacing(grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Beginning and inverse step of evenly spaced times; the inverse is 0 for other times."""
    if len(grid) < 2:
        return np.zeros(2)
    inverse = (len(grid) - 1) / (grid[-1] - grid[0])
    away = np.abs((grid - grid[0]) * inverse - np.arange(len(grid))).max()
    return np.array([grid[0], inverse if away < NEAR / 10 else 0.0])

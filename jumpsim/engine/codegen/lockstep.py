"""Many trajectories at once: 64 lanes advance together by one event, side by side.

The same trajectories as those of the direct method, bit for bit: the same draws, the same
logarithm, the same products and sums in the same order, only for 64 of them at a time, so that the
processor's vector units do the work. A lane whose trajectory has ended takes the next one at once.

A processor works on lanes side by side only where the code of a pass is one straight line, so it
is written for each model structure (`generated.py`, `lanecode.py`).

Samples are kept in slots, one for each stored time: every event overwrites the slot of the first
time that is not before it, and what was left out is filled in when the trajectory ends.
"""

import numpy as np

from ...statistics.exact_sums import word_sums
from . import templates
from .lockstep_source import DONE, DOUBTFUL, LANES, LARGE, NEAR, source

_MOST_SLOT_BYTES = 2**26
_LEAST_ROWS = LANES // 2
_RING_ROWS = 32 * LANES  # of which samples are in a cache when they are added up


class TooLarge(Exception):  # noqa: N818 - an intermediate: the rows are done without lanes
    """A count that 32 bits do not hold."""


def fits(model_input, batch):
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


def run(table, grid, starts, streams, jumps, budget, proceed, repair, sums=None):
    """Simulate trajectories in lanes.

    Parameters
    ----------
    table : direct_kernel.Table
    grid : ndarray of float64
        Times to keep, increasing.
    starts : ndarray of int64, shape (rows, pools)
    streams : ndarray of uint64, shape (rows, 4)
    jumps : ndarray of int64, shape (rows, times, channels)
        Filled with the jumps of each channel, which are counts that no rate looks at; without
        rows they are not counted.
    budget : int
        Passes after which `proceed` is asked; it changes no number.
    proceed : callable
        Called with (finished rows, events) since the last call; False ends the run early.
    repair : callable
        Given a row, returns its samples and number of events by the direct method, and fills in its
        jumps, or raises its fault: for a lane with a rate, a total or a count that lanes do not
        judge.
    sums : tuple of ndarray, optional
        Two arrays, to which the samples of all rows are added (`sums.word_sums`), row by row while
        they are at hand; the samples themselves are not kept then, and no row when the run is
        ended early.

    Returns
    -------
    samples : ndarray of int32, shape (rows, times, pools)
    event_count : ndarray of int64, shape (rows,)
        Of the leading rows that are all finished.

    Raises
    ------
    TooLarge
    """
    rows, pools = starts.shape
    factors, changes = templates.structure(table)
    if len(jumps):
        changes = tuple((*change, (pools + c, 1)) for c, change in enumerate(changes))
        starts = np.hstack([starts, np.zeros((rows, len(changes)), np.int64)])
    columns = starts.shape[1]
    module = templates.load("lockstep", source, pools, columns, factors, changes)
    numbers = templates.numbers(table)
    state = np.full((columns + 2) * LANES, np.inf)
    state[: columns * LANES] = np.repeat(starts[0], LANES) if rows else 0.0
    lanes, slots = np.full(LANES, -1), np.zeros(LANES, np.int64)
    stream = np.ones(4 * LANES, np.uint64)
    place = np.array([0, 0, sums is not None], np.int64)  # next row, rows ended, as a ring or not
    kept = np.full(LANES * (len(grid) + 1) * columns, -1.0)
    samples = np.empty((rows if sums is None else _RING_ROWS, len(grid), pools), np.int32)
    event_count = np.full(rows, -1)
    spacing, seen = _spacing(grid), (0, 0)
    while True:
        status = module.advance(
            numbers, grid, spacing, budget, starts, streams, state, stream, lanes, slots, kept,
            place, samples, jumps, table.label, event_count,
        )  # fmt: skip
        if sums is not None:
            word_sums(samples[: place[1]], *sums)
            place[1] = 0
        if status == DOUBTFUL:
            for lane in np.flatnonzero(lanes >= 0):
                row = int(lanes[lane])
                alone, event_count[row] = repair(row)
                if alone.max(initial=0) > np.iinfo(samples.dtype).max:
                    raise TooLarge
                if sums is None:
                    samples[row] = alone
                else:
                    word_sums(alone[None], *sums)
            lanes[:] = -1
            state[: columns * LANES] = np.repeat(starts[0], LANES)
            state[columns * LANES :] = np.inf
        finished = event_count >= 0
        events = int(event_count[finished].sum())
        events += int(state[(columns + 1) * LANES :][lanes >= 0].sum())
        now = int(finished.sum()), events
        go_on = proceed is None or proceed(now[0] - seen[0], now[1] - seen[1])
        seen = now
        if status == DONE or not go_on:
            break
    done = rows if finished.all() else int(finished.argmin())
    if sums is not None and done < rows:
        done = 0  # the sums hold rows beyond the leading ones
    return samples[:done], event_count[:done]


def _spacing(grid):
    """Beginning and inverse step of evenly spaced times; 0 for others."""
    if len(grid) < 2:
        return np.zeros(2)
    inverse = (len(grid) - 1) / (grid[-1] - grid[0])
    away = np.abs((grid - grid[0]) * inverse - np.arange(len(grid))).max()
    return np.array([grid[0], inverse if away < NEAR / 10 else 0.0])

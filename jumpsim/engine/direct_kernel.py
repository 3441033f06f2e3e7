"""General kernel of Gillespie's direct method: all events of one trajectory after the other.

It takes and fills arrays, and returns a status code. With IEEE arithmetic in a fixed order and its
own logarithm a trajectory has the same bits on every machine.

Each event uses two numbers of the random stream: the first for the waiting time, the second for the
channel.
"""

import math
from typing import NamedTuple

import numpy as np

from ..utils.compiled import njit
from .kernel_state import (  # fmt: skip
    BUFFER_FULL,
    COUNT_LIMIT,
    DONE,
    EVENTS,
    FAULT,
    FILLED,
    FRESH,
    GRID,
    MORE,
    NEGATIVE_RATE,
    NOT_FINITE,
    OVERFLOW,
    ROW,
    TOO_MANY_EVENTS,
)
from .random import exponential, later, next_bits, uniform

_U = np.uint64


class Table(NamedTuple):
    """Channels with a constant > 0 as flat arrays; `label` is the index of a channel in the model.

    Indices are unsigned, because the check of signed indices for negative values costs a third of
    the speed.
    """

    constant: np.ndarray  # float64, channels
    first: np.ndarray  # uint64, channels + 1: where a channel's factors begin
    pool: np.ndarray  # uint64, factors
    offset: np.ndarray  # float64, factors
    slope: np.ndarray  # float64, factors
    change_first: np.ndarray  # uint64, channels + 1: where a channel's changes begin
    change_pool: np.ndarray  # uint64, changes
    change: np.ndarray  # int64, changes
    label: np.ndarray  # int64, channels


@njit(cache=True, inline="always", error_model="numpy")
def _cumulate(table, counts, cumulative):
    """Running sums of the jump rates; the total, or -1 - c when channel c's rate is not ≥ 0."""
    total = 0.0
    f = _U(0)
    for c in range(_U(len(table.constant))):
        rate = table.constant[c]
        stop = table.first[c + _U(1)]
        while f < stop:
            rate *= table.offset[f] + table.slope[f] * counts[table.pool[f]]
            f += _U(1)
        if not rate >= 0.0:
            return -1.0 - c
        total += rate
        cumulative[c] = total
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def advance(table, grid, max_events, budget, starts, streams, cursor, out):
    """Simulate trajectories, one after the other, for about `budget` events at most.

    Parameters
    ----------
    table : Table
    grid : ndarray of float64
        Times of the samples, increasing. A sample is the state after any jump at its time.
    max_events : int
        Largest number of events of a trajectory; one more gives the status TOO_MANY_EVENTS.
    budget : int
        Number of events plus samples after which the call returns MORE; it does not change results.
    starts : ndarray of int64, (rows, pools)
    streams : ndarray of uint64, (rows, 4)
    cursor : Cursor
        State from which the call continues; changed in place.
    out : Output
        Filled in place. The caller empties the event buffer (BUFFER_FULL, DONE).

    Returns
    -------
    int
        A status code. For an error, `cursor.place` contains the row and the channel.
    """
    place, stream, counts = cursor.place, cursor.stream, cursor.counts
    keep_samples, keep_jumps = len(out.samples) > 0, len(out.jumps) > 0
    capacity = len(out.event_time)
    channels = len(table.constant)
    cumulative = np.full(channels + 1, math.inf)  # the last entry ends every search
    used = 0
    while place[ROW] < len(starts):
        row = place[ROW]
        if place[GRID] == FRESH:
            place[GRID] = 0
            place[EVENTS] = 0
            cursor.clock[:] = 0.0
            cursor.jumps[:] = 0
            for p in range(len(counts)):
                counts[p] = starts[row, p]
            for w in range(4):
                stream[w] = streams[row, w]
        k, events, filled = place[GRID], place[EVENTS], place[FILLED]
        t, late = cursor.clock[0], cursor.clock[1]
        status = DONE
        while True:
            if used >= budget:
                status = MORE
                break
            if capacity > 0 and filled == capacity:
                status = BUFFER_FULL
                break
            total = _cumulate(table, counts, cumulative)
            if not 0.0 <= total < math.inf:
                status = NEGATIVE_RATE if total < 0.0 else NOT_FINITE
                place[FAULT] = table.label[int(-1.0 - total)] if total < 0.0 else -1
                break
            before = stream[0], stream[1], stream[2], stream[3]
            # The state is absorbing only when every rate is exactly 0; rates have no lower bound.
            wait = math.inf if total == 0.0 else exponential(next_bits(stream)) / total
            following, following_late = later(t, late, wait)
            while k < len(grid) and grid[k] < following:
                if keep_samples:
                    for p in range(len(counts)):
                        out.samples[row, k, p] = counts[p]
                if keep_jumps:
                    for c in range(len(cursor.jumps)):
                        out.jumps[row, k, c] = cursor.jumps[c]
                k += 1
                used += 1
            if k == len(grid):  # a later call may continue from here with later times
                stream[0], stream[1], stream[2], stream[3] = before
                break
            if events == max_events:
                status = TOO_MANY_EVENTS
                break
            x = uniform(next_bits(stream)) * total
            c = _U(0)
            while x >= cumulative[c]:
                c += _U(1)
            if c == channels:  # rounding of a product with a subnormal total
                status = NOT_FINITE
                break
            t, late = following, following_late
            events += 1
            used += 1
            for i in range(table.change_first[c], table.change_first[c + _U(1)]):
                p = table.change_pool[i]
                counts[p] += table.change[i]
                if counts[p] > COUNT_LIMIT:
                    status = OVERFLOW
                    place[FAULT] = table.label[c]
            cursor.jumps[table.label[c]] += 1
            if capacity > 0:
                out.event_time[filled] = t
                out.event_channel[filled] = table.label[c]
                filled += 1
            if status == OVERFLOW:
                break
        place[GRID], place[EVENTS], place[FILLED] = k, events, filled
        cursor.clock[0], cursor.clock[1] = t, late
        if status != DONE:
            return status
        out.event_count[row] = events
        place[ROW] = row + 1
        place[GRID] = FRESH
        used += 1
    return DONE

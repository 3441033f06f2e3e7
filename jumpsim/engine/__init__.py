"""The engines: arrays in, arrays out. Nothing in here knows a model, a file or a worker."""

from dataclasses import dataclass

import numpy as np

from . import direct
from .direct import ENGINE_VERSION
from .status import Fault

METHODS = ("direct",)

# Events after which a kernel returns to Python: about 50 ms. It changes no number.
SLICE_EVENTS = 2**20
_BUFFER_EVENTS = 2**17

__all__ = ["ENGINE_VERSION", "METHODS", "SLICE_EVENTS", "Fault", "Rows", "run", "warm"]


@dataclass(frozen=True)
class Rows:
    """Finished trajectories; None stands for what was not kept.

    Attributes
    ----------
    counts : ndarray of int64, shape (rows, times, pools)
    jumps : ndarray of int64, shape (rows, times, channels)
    event_count : ndarray of int64, shape (rows,)
    event_time : ndarray of float64, shape (events,)
        Of all rows, one after the other.
    event_channel : ndarray of int32, shape (events,)
    """

    counts: np.ndarray | None
    jumps: np.ndarray | None
    event_count: np.ndarray
    event_time: np.ndarray | None
    event_channel: np.ndarray | None


def run(table, times, starts, states, keep, max_events=None, slice_events=None, proceed=None):
    """Simulate trajectories, one after the other.

    Parameters
    ----------
    table : rates.RateTable
    times : ndarray of float64
        Times to keep, increasing.
    starts : ndarray of int64, shape (rows, pools)
        Counts at t = 0.
    states : ndarray of uint64, shape (rows, 4)
        Random streams.
    keep : collection of str
        Any of "counts", "jumps", "events".
    max_events : int, optional
        Most events of a trajectory; one more is a fault.
    slice_events : int, optional
        Events after which `proceed` is asked.
    proceed : callable, optional
        Called with (finished rows, events) since the last call; False ends the run early.

    Returns
    -------
    Rows
        As many rows as were finished.

    Raises
    ------
    Fault
    """
    rows, pools, channels = len(starts), len(table.changes[0]), len(table.constants)
    out = direct.Output(
        np.zeros((rows if "counts" in keep else 0, len(times), pools), np.int64),
        np.zeros((rows if "jumps" in keep else 0, len(times), channels), np.int64),
        np.zeros(rows, np.int64),
        np.empty(_BUFFER_EVENTS if "events" in keep else 0),
        np.empty(_BUFFER_EVENTS if "events" in keep else 0, np.int32),
    )
    cursor = direct.Cursor(
        np.array([0, direct.FRESH, 0, 0, -1], np.int64),
        np.zeros(1),
        np.zeros(4, np.uint64),
        np.zeros(pools, np.int64),
        np.zeros(channels, np.int64),
    )
    lowered = direct.lower(table)
    limit = np.iinfo(np.int64).max if max_events is None else max_events
    budget = SLICE_EVENTS if slice_events is None else slice_events
    event_times, event_channels = [], []
    seen_rows = seen_events = 0
    while True:
        status = direct.advance(lowered, times, limit, budget, starts, states, cursor, out)
        filled = cursor.place[direct.FILLED]
        event_times.append(out.event_time[:filled].copy())
        event_channels.append(out.event_channel[:filled].copy())
        cursor.place[direct.FILLED] = 0
        done = int(cursor.place[direct.ROW])
        if status not in (direct.DONE, direct.MORE, direct.BUFFER_FULL):
            raise Fault(
                status,
                done,
                float(cursor.clock[0]),
                int(cursor.place[direct.FAULT]),
                int(cursor.place[direct.EVENTS]),
            )
        events = int(out.event_count[:done].sum())
        if status != direct.DONE and cursor.place[direct.GRID] != direct.FRESH:
            events += int(cursor.place[direct.EVENTS])
        go_on = proceed is None or proceed(done - seen_rows, events - seen_events)
        seen_rows, seen_events = done, events
        if status == direct.DONE or not go_on:
            break
    kept = int(out.event_count[:done].sum())
    return Rows(
        out.counts[:done] if "counts" in keep else None,
        out.jumps[:done] if "jumps" in keep else None,
        out.event_count[:done],
        np.concatenate(event_times)[:kept] if "events" in keep else None,
        np.concatenate(event_channels)[:kept] if "events" in keep else None,
    )


def warm(table):
    """Compile the kernel, or load it from the cache, before workers start."""
    pools = len(table.changes[0])
    run(table, np.zeros(1), np.zeros((0, pools), np.int64), np.zeros((0, 4), np.uint64), ())

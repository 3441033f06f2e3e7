"""Simulation of many trajectories with any engine."""

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import kernel_state
from .compiling import switching_kernel
from .engines import ENGINES
from .interface import Batch, Engine, Proceed, Rows
from .kernel_state import Cursor, Output
from .status import Fault

# Number of events after which a kernel returns to Python, about 50 ms; it does not change results.
SLICE_EVENTS = 2**20
EVENT_BUFFER = 2**17  # number of recorded events after which a kernel returns to Python


def run(
    engine: str,
    model_input: Any,
    times: NDArray[np.float64],
    starts: NDArray[np.int64],
    streams: NDArray[np.uint64],
    keep: Collection[str],
    max_events: int | None = None,
    slice_events: int | None = None,
    proceed: Proceed | None = None,
    compiled: bool = False,
) -> Rows:
    """Simulate trajectories.

    Parameters
    ----------
    engine : str
        Name of an engine in `ENGINES` (`Model.engine`).
    model_input : object
        Input of the engine for a model (`Model.engine_input`).
    times, starts, streams, keep, max_events
        See `interface.Batch`.
    slice_events : int, optional
        Number of events after which `proceed` is called.
    proceed : callable, optional
        Called with the numbers of finished rows and of events since the last call; returns False to
        end the simulation early.
    compiled : bool
        Whether code for this model is compiled from the beginning, because the remaining work is
        large; it does not change results.

    Returns
    -------
    Rows
        The finished rows.

    Raises
    ------
    Fault
        When the simulation of a trajectory fails.
    """
    made = ENGINES[engine]
    batch = Batch(times, starts, streams, keep, max_events)
    budget = SLICE_EVENTS if slice_events is None else slice_events
    if compiled and made.compiled_keeps.issuperset(keep):

        def alone(single: Batch) -> Rows:
            return _one_by_one(made, model_input, single, SLICE_EVENTS, None, False)

        rows = made.run_together(model_input, batch, budget, proceed, alone)
        if rows is not None:
            return rows
    return _one_by_one(made, model_input, batch, budget, proceed, compiled)


def _one_by_one(
    engine: Engine,
    model_input: Any,
    batch: Batch,
    budget: int,
    proceed: Proceed | None,
    compiled: bool,
) -> Rows:
    """Simulate trajectories one after the other."""
    keep, times, starts = batch.keep, batch.times, batch.starts
    table = engine.table(model_input)
    advance = engine.kernel
    if engine.compiled_keeps.issuperset(keep):
        advance = switching_kernel(engine, table, starts.shape[1], compiled)
    cursor, out = prepared(engine, model_input, len(starts), len(times), keep)
    limit = np.iinfo(np.int64).max if batch.max_events is None else batch.max_events
    event_times, event_channels = [], []
    seen_rows = seen_events = 0
    while True:
        status = advance(table, times, limit, budget, starts, batch.streams, cursor, out)
        filled = cursor.place[kernel_state.FILLED]
        event_times.append(out.event_time[:filled].copy())
        event_channels.append(out.event_channel[:filled].copy())
        cursor.place[kernel_state.FILLED] = 0
        done = int(cursor.place[kernel_state.ROW])
        if status not in (kernel_state.DONE, kernel_state.MORE, kernel_state.BUFFER_FULL):
            raise Fault.at(status, cursor)
        events = int(out.event_count[:done].sum())
        if status != kernel_state.DONE and cursor.place[kernel_state.GRID] != kernel_state.FRESH:
            events += int(cursor.place[kernel_state.EVENTS])
        go_on = proceed is None or proceed(done - seen_rows, events - seen_events)
        seen_rows, seen_events = done, events
        if status == kernel_state.DONE or not go_on:
            break
    kept = int(out.event_count[:done].sum())
    return Rows(
        out.samples[:done] if "samples" in keep else None,
        out.jumps[:done] if "jumps" in keep else None,
        out.event_count[:done],
        np.concatenate(event_times)[:kept] if "events" in keep else None,
        np.concatenate(event_channels)[:kept] if "events" in keep else None,
    )


def prepared(
    engine: Engine, model_input: Any, rows: int, times: int, keep: Collection[str]
) -> tuple[Cursor, Output]:
    """Create the cursor for the beginning of the first row, and the arrays for the results.

    Parameters
    ----------
    engine : Engine
    model_input : object
        Input of the engine for a model.
    rows, times : int
        Number of trajectories and of times.
    keep : collection of str
        As for `interface.Batch`.

    Returns
    -------
    cursor : Cursor
    out : Output
    """
    sizes = engine.sizes(model_input)
    buffer = EVENT_BUFFER if "events" in keep else 0
    cursor = Cursor(
        np.array([0, kernel_state.FRESH, 0, 0, -1], np.int64),
        np.zeros(2),
        np.zeros(4, np.uint64),
        np.zeros(sizes.counts, np.int64),
        np.zeros(sizes.amplitudes),
        np.zeros(sizes.channels, np.int64),
    )
    out = Output(
        np.zeros((rows if "samples" in keep else 0, times, sizes.columns), sizes.dtype),
        np.zeros((rows if "jumps" in keep else 0, times, sizes.channels), np.int64),
        np.zeros(rows, np.int64),
        np.empty(buffer),
        np.empty(buffer, np.int32),
    )
    return cursor, out


def warm(engine: str, model_input: Any, pools: int) -> None:
    """Compile the kernel, or load it from the cache, before workers start.

    Parameters
    ----------
    engine : str
        Name of an engine in `ENGINES`.
    model_input : object
        Input of the engine for a model.
    pools : int
        Number of pools.
    """
    nothing = np.zeros((0, pools), np.int64), np.zeros((0, 4), np.uint64)
    run(engine, model_input, np.zeros(1), *nothing, ())

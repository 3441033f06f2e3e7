"""Simulation of many trajectories with any engine."""

import math
import time
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import kernel_state, unfinished
from .compiling import switching_kernel
from .engines import ENGINES
from .interface import Batch, Engine, NotCompiledError, Proceed, Rows
from .kernel_state import Cursor, Output
from .status import Fault
from .unfinished import Unfinished

# Number of events after which a kernel returns to Python, about 50 ms; it does not change results.
SLICE_EVENTS = 2**20
EVENT_BUFFER = 2**17  # number of recorded events after which a kernel returns to Python
LEAST_SECONDS = 0.1  # computing time of a trajectory below which its state is not worth keeping


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
    left: float = 0.0,
    begun: Unfinished | None = None,
    seconds: float = math.inf,
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
    left : float
        Expected seconds of work that is left, of which these trajectories may be a small part. It
        decides whether code for this model is used (`compiling.py`) and does not change results.
    begun : Unfinished, optional
        `Rows.unfinished` of an earlier call, which ended during the trajectory of the first row.
        The row is continued there, or simulated from its beginning if this is not possible.
    seconds : float, optional
        Computing time after which the simulation ends early, for trajectories that are simulated
        one after the other.

    Returns
    -------
    Rows
        The finished rows and, if the simulation ended early, the state of the next one.

    Raises
    ------
    Fault
        When the simulation of a trajectory fails.
    """
    made = ENGINES[engine]
    batch = Batch(
        plain(times, np.float64),
        plain(starts, np.int64),
        plain(streams, np.uint64),
        keep,
        max_events,
    )
    budget = SLICE_EVENTS if slice_events is None else slice_events
    if left > 0 and begun is None and made.compiled_keeps.issuperset(keep):

        def alone(single: Batch) -> Rows:
            return _OneByOne(made, model_input, single, 0.0, None).run(SLICE_EVENTS, None)

        try:
            rows = made.run_together(model_input, batch, budget, proceed, alone, left)
            if rows is not None:
                return rows
        except NotCompiledError:
            left = 0.0
    return _OneByOne(made, model_input, batch, left, begun).run(budget, proceed, seconds)


def plain(array: NDArray[Any], kind: type) -> NDArray[Any]:
    """The array as kernels need it.

    For another type or order of elements, and for a read-only array, they would be compiled again.
    """
    return np.require(array, kind, ["C_CONTIGUOUS", "WRITEABLE"])


class _OneByOne:
    """Simulates trajectories one after the other."""

    def __init__(
        self,
        engine: Engine,
        model_input: Any,
        batch: Batch,
        left: float,
        begun: Unfinished | None,
    ) -> None:
        self.batch, self.table, self.advance = batch, engine.table(model_input), engine.kernel
        keep, starts = batch.keep, batch.starts
        if engine.compiled_keeps.issuperset(keep):
            self.advance = switching_kernel(engine, self.table, starts.shape[1], left)
        self.cursor, self.out = prepared(engine, model_input, len(starts), len(batch.times), keep)
        self.limit = np.iinfo(np.int64).max if batch.max_events is None else batch.max_events
        self.event_times: list[NDArray[np.float64]] = []
        self.event_channels: list[NDArray[np.int32]] = []
        self.seen = 0, 0  # rows and events at the last call of `proceed`
        self.began, self.earlier = time.monotonic(), 0.0  # of the row: see `_seconds`
        able = unfinished.can_continue
        if begun is not None and able(begun, self.cursor, self.out, keep, self.limit):
            unfinished.put_back(begun, self.cursor, self.out)
            self.seen, self.earlier = (0, begun.events), begun.seconds
            if "events" in keep:
                self.event_times.append(begun.arrays["event_time"])
                self.event_channels.append(begun.arrays["event_channel"])

    def run(self, budget: int, proceed: Proceed | None, seconds: float = math.inf) -> Rows:
        """Simulate until all rows are finished, `proceed` says no or the time is used up."""
        batch, cursor, out, ends = self.batch, self.cursor, self.out, time.monotonic() + seconds
        while True:
            status = self.advance(
                self.table, batch.times, self.limit, budget, batch.starts, batch.streams,
                cursor, out,
            )  # fmt: skip
            filled = cursor.place[kernel_state.FILLED]
            self.event_times.append(out.event_time[:filled].copy())
            self.event_channels.append(out.event_channel[:filled].copy())
            cursor.place[kernel_state.FILLED] = 0
            if status not in (kernel_state.DONE, kernel_state.MORE, kernel_state.BUFFER_FULL):
                raise Fault.at(status, cursor)
            rows, events = self._counted()
            go_on = proceed is None or proceed(rows - self.seen[0], events - self.seen[1])
            if rows > self.seen[0]:
                self.began, self.earlier = time.monotonic(), 0.0
            self.seen = rows, events
            if status == kernel_state.DONE or not go_on or time.monotonic() > ends:
                return self._rows()

    def _counted(self) -> tuple[int, int]:
        """Number of finished rows, and of events also of the row that is not finished."""
        place = self.cursor.place
        done = int(place[kernel_state.ROW])
        events = int(self.out.event_count[:done].sum())
        if done < len(self.batch.starts) and place[kernel_state.GRID] != kernel_state.FRESH:
            events += int(place[kernel_state.EVENTS])
        return done, events

    def _rows(self) -> Rows:
        keep, out, done = self.batch.keep, self.out, self.seen[0]
        kept = int(out.event_count[:done].sum()) if "events" in keep else 0
        times, channels = np.concatenate(self.event_times), np.concatenate(self.event_channels)
        rest = None
        place, seconds = self.cursor.place, self.earlier + time.monotonic() - self.began
        begun = done < len(self.batch.starts) and place[kernel_state.GRID] != kernel_state.FRESH
        if begun and seconds > LEAST_SECONDS:
            rest = unfinished.stopped(
                self.cursor, out, keep, times[kept:], channels[kept:], seconds
            )
        return Rows(
            out.samples[:done] if "samples" in keep else None,
            out.jumps[:done] if "jumps" in keep else None,
            out.event_count[:done],
            times[:kept] if "events" in keep else None,
            channels[:kept] if "events" in keep else None,
            unfinished=rest,
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

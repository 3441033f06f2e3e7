"""The engines: arrays in, arrays out. Nothing in here knows a model, a file or a worker."""

import contextlib
import time
from dataclasses import dataclass

import numpy as np

from . import kernel_state
from .codegen.cache import kernel_cache
from .kernel_state import ENGINE_VERSION
from .status import Fault

with kernel_cache():
    from . import direct, wavefunction
    from .codegen import lockstep, scalar

# What a run may be done with; a method is part of a run's identity.
KERNELS = {"direct": direct, "wavefunction": wavefunction}
METHODS = tuple(KERNELS)

# Events after which a kernel returns to Python: about 50 ms. It changes no number.
SLICE_EVENTS = 2**20
_BUFFER_EVENTS = 2**17
_PATIENCE = 3.0  # seconds with the plain kernel, until code for the model is worth compiling

__all__ = ["ENGINE_VERSION", "METHODS", "SLICE_EVENTS", "Fault", "Path", "Rows", "run", "warm"]


@dataclass(frozen=True)
class Rows:
    """Finished trajectories; None stands for what was not kept.

    Attributes
    ----------
    samples : ndarray, shape (rows, times, columns)
        Counts of the pools as whole numbers; of a wave function expectation values as float64.
    jumps : ndarray of int64, shape (rows, times, channels)
    event_count : ndarray of int64, shape (rows,)
    event_time : ndarray of float64, shape (events,)
        Of all rows, one after the other.
    event_channel : ndarray of int32, shape (events,)
    sums : tuple of ndarray
        Of all samples, as in `sums.word_sums`, in their place.
    """

    samples: np.ndarray | None
    jumps: np.ndarray | None
    event_count: np.ndarray
    event_time: np.ndarray | None
    event_channel: np.ndarray | None
    sums: tuple | None = None


def run(
    method, lowered, times, starts, states, keep, max_events=None, slice_events=None, proceed=None,
    compiled=False,
):  # fmt: skip
    """Simulate trajectories, one after the other.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    lowered : rates.RateTable or coherent.CoherentRates
        What that method simulates.
    times : ndarray of float64
        Times to keep, increasing.
    starts : ndarray of int64, shape (rows, pools)
        Counts at t = 0.
    states : ndarray of uint64, shape (rows, 4)
        Random streams.
    keep : collection of str
        Any of "samples", "jumps", "events"; beside "samples" also "sums", when these alone are
        wanted of them: then an engine may give `Rows.sums` in their place.
    max_events : int, optional
        Most events of a trajectory; one more is a fault.
    slice_events : int, optional
        Events after which `proceed` is asked.
    proceed : callable, optional
        Called with (finished rows, events) since the last call; False ends the run early.
    compiled : bool
        Whether so much is to be done that code for this model is worth compiling, be it lanes or
        not; changes no number.

    Returns
    -------
    Rows
        As many rows as were finished.

    Raises
    ------
    Fault
    """
    compiled = compiled and method == "direct"
    if compiled and lockstep.fits(lowered, starts, len(times), keep, max_events):
        with contextlib.suppress(lockstep.TooLarge):
            return _run_lanes(lowered, times, starts, states, keep, slice_events, proceed)
    kernel = KERNELS[method]
    table, advance = kernel.lower(lowered), kernel.advance
    if kernel is direct:
        advance = _patient(table, starts.shape[1], compiled)
    cursor, out = _prepared(kernel, lowered, len(starts), len(times), keep)
    limit = np.iinfo(np.int64).max if max_events is None else max_events
    budget = SLICE_EVENTS if slice_events is None else slice_events
    event_times, event_channels = [], []
    seen_rows = seen_events = 0
    while True:
        status = advance(table, times, limit, budget, starts, states, cursor, out)
        filled = cursor.place[kernel_state.FILLED]
        event_times.append(out.event_time[:filled].copy())
        event_channels.append(out.event_channel[:filled].copy())
        cursor.place[kernel_state.FILLED] = 0
        done = int(cursor.place[kernel_state.ROW])
        if status not in (kernel_state.DONE, kernel_state.MORE, kernel_state.BUFFER_FULL):
            raise _fault(status, cursor)
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


class Path:
    """One trajectory of the direct method, from one grid of times to the next.

    The same events as in one go: nothing is drawn that a later time would need.

    Parameters
    ----------
    lowered : rates.RateTable
    start : ndarray of int64, shape (pools,)
    state : ndarray of uint64, shape (4,)
        Random stream.
    """

    def __init__(self, lowered, start, state):
        self._lowered, self._table = lowered, direct.lower(lowered)
        self._start, self._state = start[None], state[None]
        self.cursor, _ = _prepared(direct, lowered, 1, 1, ())
        self._advance = _patient(self._table, len(start))

    @property
    def events(self):
        """Events so far."""
        return int(self.cursor.place[kernel_state.EVENTS])

    def state(self):
        """Where the trajectory is, as a dict of copies, for `go_on_from`."""
        cursor = self.cursor
        return {
            "clock": cursor.clock.copy(),
            "stream": cursor.stream.copy(),
            "counts": cursor.counts.copy(),
            "events": self.events,
        }

    def go_on_from(self, clock, stream, counts, events, jumps):
        """Take up a trajectory where another one like it was, see `state`."""
        cursor = self.cursor
        cursor.clock[:], cursor.stream[:] = clock, stream
        cursor.counts[:], cursor.jumps[:] = counts, jumps
        cursor.place[kernel_state.GRID], cursor.place[kernel_state.EVENTS] = 0, events

    def sample(self, times, proceed=None):
        """Counts and cumulative jumps at times later than those before, as in `Rows`.

        Returns
        -------
        samples : ndarray of int64, shape (times, pools)
        jumps : ndarray of int64, shape (times, channels)
            Both None when `proceed`, which is called with the events since the last call, ended it.

        Raises
        ------
        Fault
        """
        _, out = _prepared(direct, self._lowered, 1, len(times), ("samples", "jumps"))
        place = self.cursor.place
        seen = self.events if place[kernel_state.GRID] != kernel_state.FRESH else 0
        while True:
            status = self._advance(
                self._table, times, np.iinfo(np.int64).max, SLICE_EVENTS, self._start, self._state,
                self.cursor, out,
            )  # fmt: skip
            if status not in (kernel_state.DONE, kernel_state.MORE):
                raise _fault(status, self.cursor)
            go_on = proceed is None or proceed(self.events - seen)
            seen = self.events
            if status == kernel_state.DONE:
                place[kernel_state.ROW] = place[kernel_state.GRID] = 0
                return out.samples[0], out.jumps[0]
            if not go_on:
                return None, None


def _patient(table, pools, at_once=False):
    """Function like `direct.advance`: the plain kernel, and after a while the model's own code."""
    began, own = time.monotonic(), None

    def advance(*given):
        nonlocal own
        if own is None and (at_once or time.monotonic() - began >= _PATIENCE):
            own = scalar.kernel(table, pools)
        return (own or direct.advance)(*given)

    return advance


def _run_lanes(lowered, times, starts, states, keep, slice_events, proceed):
    """Run the direct method in lanes; what lanes do not judge is done alone."""
    counted = len(starts) if "jumps" in keep else 0
    jumps = np.zeros((counted, len(times), len(lowered.constants)), np.int64)

    def repair(row):
        one = slice(row, row + 1)
        try:
            alone = run("direct", lowered, times, starts[one], states[one], {"samples", "jumps"})
        except Fault as fault:
            fault.row = row
            raise
        jumps[one] = alone.jumps[: len(jumps)]
        return alone.samples[0], alone.event_count[0]

    budget = max(1, (SLICE_EVENTS if slice_events is None else slice_events) // lockstep.LANES)
    shape = len(times), starts.shape[1]
    sums = np.zeros((*shape, 2), np.int64), np.zeros((*shape, shape[1], 2), np.int64)
    samples, event_count = lockstep.run(
        direct.lower(lowered), times, starts, states, jumps, budget, proceed, repair,
        sums if "sums" in keep else None,
    )  # fmt: skip
    return Rows(
        samples if "samples" in keep and "sums" not in keep else None,
        jumps[: len(event_count)] if "jumps" in keep else None,
        event_count,
        None,
        None,
        sums if "sums" in keep else None,
    )


def _fault(status, cursor):
    place = cursor.place
    return Fault(
        status,
        int(place[kernel_state.ROW]),
        float(cursor.clock[0]),
        int(place[kernel_state.FAULT]),
        int(place[kernel_state.EVENTS]),
    )


def _prepared(kernel, lowered, rows, times, keep):
    """Cursor at the beginning of the first row, and arrays for what is kept."""
    counts, amplitudes, columns, dtype, channels = kernel.sizes(lowered)
    buffer = _BUFFER_EVENTS if "events" in keep else 0
    cursor = kernel_state.Cursor(
        np.array([0, kernel_state.FRESH, 0, 0, -1], np.int64),
        np.zeros(1),
        np.zeros(4, np.uint64),
        np.zeros(counts, np.int64),
        np.zeros(amplitudes),
        np.zeros(channels, np.int64),
    )
    out = kernel_state.Output(
        np.zeros((rows if "samples" in keep else 0, times, columns), dtype),
        np.zeros((rows if "jumps" in keep else 0, times, channels), np.int64),
        np.zeros(rows, np.int64),
        np.empty(buffer),
        np.empty(buffer, np.int32),
    )
    return cursor, out


def warm(method, lowered, pools):
    """Compile the kernel, or load it from the cache, before workers start."""
    nothing = np.zeros((0, pools), np.int64), np.zeros((0, 4), np.uint64)
    run(method, lowered, np.zeros(1), *nothing, ())

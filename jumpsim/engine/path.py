"""A single trajectory that is simulated for one grid of times after the other."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import kernel_state, trajectories
from .compiling import switching_kernel
from .engines import ENGINES
from .status import Fault


class Path:
    """A single trajectory that is simulated for one grid of times after the other.

    Its events are identical to those of a single simulation: a random number that is drawn for an
    event after the last time of a grid is drawn again for the next grid.

    Parameters
    ----------
    engine : str
        Name of an engine in `ENGINES`.
    model_input : object
        Input of the engine for a model (`Model.engine_input`).
    start : ndarray of int64, shape (pools,)
        Counts at t = 0.
    stream : ndarray of uint64, shape (4,)
        State of the random stream.
    """

    def __init__(
        self,
        engine: str,
        model_input: Any,
        start: NDArray[np.int64],
        stream: NDArray[np.uint64],
    ) -> None:
        self._engine, self._input = ENGINES[engine], model_input
        self._table = self._engine.table(model_input)
        self._start = trajectories.plain(start[None], np.int64)
        self._stream = trajectories.plain(stream[None], np.uint64)
        self.cursor, _ = trajectories.prepared(self._engine, model_input, 1, 1, ())
        self._advance = switching_kernel(self._engine, self._table, len(start))

    @property
    def events(self) -> int:
        """Number of events since t = 0."""
        return int(self.cursor.place[kernel_state.EVENTS])

    def state(self) -> dict[str, Any]:
        """State of the trajectory as a dict of copies, for `go_on_from`."""
        cursor = self.cursor
        return {
            "clock": cursor.clock.copy(),
            "stream": cursor.stream.copy(),
            "counts": cursor.counts.copy(),
            "events": self.events,
        }

    def go_on_from(
        self,
        clock: NDArray[np.float64],
        stream: NDArray[np.uint64],
        counts: NDArray[np.int64],
        events: int,
        jumps: NDArray[np.int64],
    ) -> None:
        """Continue from the state of another `Path` of the same trajectory.

        Parameters
        ----------
        clock, stream, counts, events
            Entries of `state`.
        jumps : ndarray of int64, shape (channels,)
            Number of events of each channel since t = 0.
        """
        cursor = self.cursor
        cursor.clock[:], cursor.stream[:] = clock, stream
        cursor.counts[:], cursor.jumps[:] = counts, jumps
        cursor.place[kernel_state.GRID], cursor.place[kernel_state.EVENTS] = 0, events

    def sample(
        self, times: NDArray[np.float64], proceed: Any = None
    ) -> tuple[NDArray[Any] | None, NDArray[np.int64] | None]:
        """Simulate up to later times, and return the samples and cumulative jumps at these times.

        Parameters
        ----------
        times : ndarray of float64
            Seconds, increasing, later than all times of previous calls.
        proceed : callable, optional
            Called with the number of events since the last call; returns False to end the
            simulation.

        Returns
        -------
        samples : ndarray, shape (times, columns)
        jumps : ndarray of int64, shape (times, channels)
            Both are None when `proceed` has ended the simulation.

        Raises
        ------
        Fault
            When the simulation fails.
        """
        _, out = trajectories.prepared(
            self._engine, self._input, 1, len(times), ("samples", "jumps")
        )
        place, times = self.cursor.place, trajectories.plain(times, np.float64)
        seen = self.events if place[kernel_state.GRID] != kernel_state.FRESH else 0
        while True:
            status = self._advance(
                self._table, times, np.iinfo(np.int64).max, trajectories.SLICE_EVENTS, self._start,
                self._stream, self.cursor, out,
            )  # fmt: skip
            if status not in (kernel_state.DONE, kernel_state.MORE):
                raise Fault.at(status, self.cursor)
            go_on = proceed is None or proceed(self.events - seen)
            seen = self.events
            if status == kernel_state.DONE:
                place[kernel_state.ROW] = place[kernel_state.GRID] = 0
                return out.samples[0], out.jumps[0]
            if not go_on:
                return None, None

"""One trajectory that is followed from one grid of times to the next."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import kernel_state, trajectories
from .compiling import switching_kernel
from .engines import ENGINES
from .status import Fault


class Path:
    """One trajectory, from one grid of times to the next.

    The events are those of a single call: nothing is drawn that a later time would need.

    Parameters
    ----------
    engine : str
        Name of an engine in `ENGINES`.
    model_input : object
        What that engine takes of a model.
    start : ndarray of int64, shape (pools,)
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
        self._start, self._stream = start[None], stream[None]
        self.cursor, _ = trajectories.prepared(self._engine, model_input, 1, 1, ())
        self._advance = switching_kernel(self._engine, self._table, len(start))

    @property
    def events(self) -> int:
        """Events so far."""
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
        """Continue from the `state` of another path of the same trajectory."""
        cursor = self.cursor
        cursor.clock[:], cursor.stream[:] = clock, stream
        cursor.counts[:], cursor.jumps[:] = counts, jumps
        cursor.place[kernel_state.GRID], cursor.place[kernel_state.EVENTS] = 0, events

    def sample(
        self, times: NDArray[np.float64], proceed: Any = None
    ) -> tuple[NDArray[Any] | None, NDArray[np.int64] | None]:
        """Samples and cumulative jumps at times later than those before, as in `Rows`.

        Returns
        -------
        samples : ndarray, shape (times, columns)
        jumps : ndarray of int64, shape (times, channels)
            Both None when `proceed`, which is called with the events since the last call, ended it.

        Raises
        ------
        Fault
        """
        _, out = trajectories.prepared(
            self._engine, self._input, 1, len(times), ("samples", "jumps")
        )
        place = self.cursor.place
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

"""Meaning of the status codes of kernels: one table turns a code into a sentence."""

from collections.abc import Sequence

from ..errors import SimulationError
from . import kernel_state

SENTENCES = {
    kernel_state.NEGATIVE_RATE: "channel '{channel}' has a negative or undefined rate. Check "
    "that its constant and its pools' limits allow no count at which the rate changes sign",
    kernel_state.NOT_FINITE: "the total rate is not a finite, normal number, or a phase is beyond "
    "10^15. Check the constants and units of the channels",
    kernel_state.OVERFLOW: "channel '{channel}' raised a count above 2^53 (beside a coherent "
    "exchange photons above 2^21), where sums are not exact. The model grows without bound: "
    "stop earlier",
    kernel_state.TOO_MANY_EVENTS: "more events than `max_events` = {events}. Raise it, or "
    "stop at an earlier time (long trajectories are not dropped, because that would bias averages)",
}


class Fault(Exception):  # noqa: N818 - an intermediate, always turned into a SimulationError
    """A status code that is an error, with the row, time and channel of its origin."""

    def __init__(self, status: int, row: int, time: float, channel: int, events: int) -> None:
        super().__init__(status, row, time, channel, events)
        self.status, self.row, self.time = status, row, time
        self.channel, self.events = channel, events

    @classmethod
    def at(cls, status: int, cursor: kernel_state.Cursor) -> "Fault":
        """Make the fault of a kernel that returned `status` with this cursor."""
        place = cursor.place
        return cls(
            status,
            int(place[kernel_state.ROW]),
            float(cursor.clock[0]),
            int(place[kernel_state.FAULT]),
            int(place[kernel_state.EVENTS]),
        )

    def explain(self, first: int, channels: Sequence[str]) -> SimulationError:
        """Error with trajectory, time and channel; `first` is the index of row 0."""
        name = channels[self.channel] if self.channel >= 0 else "?"
        text = SENTENCES[self.status].format(channel=name, events=self.events)
        return SimulationError(f"trajectory {first + self.row}, t = {self.time:.6g} s: {text}")

"""Error messages for the status codes of kernels."""

from collections.abc import Sequence

from ..errors import SimulationError
from . import kernel_state

SENTENCES = {
    kernel_state.NEGATIVE_RATE: "channel '{channel}' has a negative or undefined rate. Check "
    "that its constant and its pools' limits allow no count at which the rate changes sign",
    kernel_state.NOT_FINITE: "the total rate is not a finite, normal number, or a phase is beyond "
    "10^15. Check the constants and units of the channels",
    kernel_state.OVERFLOW: "channel '{channel}' increased a count above 2^53 (a photon "
    "number above 2^21 with a coherent exchange), where sums are not exact. If the counts of the "
    "model grow without limit, choose an earlier last time",
    kernel_state.TOO_MANY_EVENTS: "more events than `max_events` = {events}. Increase it, "
    "or choose an earlier last time (long trajectories are not dropped, because this would bias "
    "averages)",
}


class Fault(Exception):  # noqa: N818 - an intermediate, always turned into a SimulationError
    """Failure of a kernel: its status code, and the row, time and channel at which it occurred."""

    def __init__(self, status: int, row: int, time: float, channel: int, events: int) -> None:
        super().__init__(status, row, time, channel, events)
        self.status, self.row, self.time = status, row, time
        self.channel, self.events = channel, events

    @classmethod
    def at(cls, status: int, cursor: kernel_state.Cursor) -> "Fault":
        """Create the `Fault` of a kernel that returned `status` with this cursor."""
        place = cursor.place
        return cls(
            status,
            int(place[kernel_state.ROW]),
            float(cursor.clock[0]),
            int(place[kernel_state.FAULT]),
            int(place[kernel_state.EVENTS]),
        )

    def explain(self, first: int, channels: Sequence[str]) -> SimulationError:
        """Convert to the error for the user, with trajectory, time and channel.

        Parameters
        ----------
        first : int
            Index of the trajectory in row 0.
        channels : sequence of str
            Names of the channels of the model.

        Returns
        -------
        SimulationError
        """
        name = channels[self.channel] if self.channel >= 0 else "?"
        text = SENTENCES[self.status].format(channel=name, events=self.events)
        return SimulationError(f"trajectory {first + self.row}, t = {self.time:.6g} s: {text}")

"""A trajectory that was stopped: the state of its kernel, and what was recorded up to then.

Simulated further from there, it has the same bits as without a stop. Nothing here depends on what
the arrays of the state contain.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import kernel_state
from .kernel_state import Cursor, Output

_STATE = "state_"  # begin of the names of the arrays of a cursor


@dataclass(frozen=True)
class Unfinished:
    """A trajectory that was stopped.

    Attributes
    ----------
    time : float
        Time of its last event, in seconds.
    events : int
        Number of its events.
    seconds : float
        Computing time so far.
    arrays : dict of str to ndarray
        The state of the kernel, and what was recorded: "samples" and "jumps" at the times so far,
        "event_time" and "event_channel".
    """

    time: float
    events: int
    seconds: float
    arrays: dict[str, NDArray[Any]]

    @property
    def nbytes(self) -> int:
        """Size of the arrays in bytes."""
        return sum(array.nbytes for array in self.arrays.values())


def stopped(
    cursor: Cursor,
    out: Output,
    keep: Collection[str],
    event_time: NDArray[np.float64],
    event_channel: NDArray[np.int32],
    seconds: float,
) -> Unfinished:
    """What is needed to continue the trajectory at which a kernel was stopped.

    Parameters
    ----------
    cursor : Cursor
    out : Output
    keep : collection of str
        As for `interface.Batch`.
    event_time, event_channel : ndarray, shape (events,)
        Recorded events of this trajectory.
    seconds : float
        Computing time so far.

    Returns
    -------
    Unfinished
    """
    row, reached = cursor.place[kernel_state.ROW], cursor.place[kernel_state.GRID]
    arrays: dict[str, NDArray[Any]] = {
        _STATE + name: array.copy() for name, array in cursor._asdict().items()
    }
    arrays[_STATE + "place"][kernel_state.ROW] = 0
    if "samples" in keep:
        arrays["samples"] = out.samples[row, :reached].copy()
    if "jumps" in keep:
        arrays["jumps"] = out.jumps[row, :reached].copy()
    if "events" in keep:
        arrays["event_time"], arrays["event_channel"] = event_time, event_channel
    events = int(cursor.place[kernel_state.EVENTS])
    return Unfinished(float(cursor.clock[0]), events, seconds, arrays)


def can_continue(
    begun: Unfinished, cursor: Cursor, out: Output, keep: Collection[str], most_events: int
) -> bool:
    """Whether a trajectory can be continued with these arrays; else it has to begin again.

    It cannot when it was recorded with less than `keep`, when it has more events than are allowed,
    or when a kernel with another state has written it.
    """
    needed: dict[str, NDArray[Any]] = {
        _STATE + name: array for name, array in cursor._asdict().items()
    }
    place = begun.arrays.get(_STATE + "place", np.zeros(0))
    if begun.events > most_events or not _is_like(place, cursor.place):
        return False
    reached = place[kernel_state.GRID]
    if "samples" in keep:
        needed["samples"] = out.samples[0, :reached]
    if "jumps" in keep:
        needed["jumps"] = out.jumps[0, :reached]
    if "events" in keep:
        needed["event_time"] = np.empty(begun.events)
        needed["event_channel"] = np.empty(begun.events, np.int32)
    return all(
        name in begun.arrays and _is_like(begun.arrays[name], array)
        for name, array in needed.items()
    )


def put_back(begun: Unfinished, cursor: Cursor, out: Output) -> None:
    """Set a cursor, and the first row of the results, to where a trajectory was stopped."""
    for name, array in cursor._asdict().items():
        array[...] = begun.arrays[_STATE + name]
    reached = cursor.place[kernel_state.GRID]
    if len(out.samples):
        out.samples[0, :reached] = begun.arrays["samples"]
    if len(out.jumps):
        out.jumps[0, :reached] = begun.arrays["jumps"]


def _is_like(array: NDArray[Any], other: NDArray[Any]) -> bool:
    return (array.shape, array.dtype) == (other.shape, other.dtype)

"""Status codes of the kernels, their state between two calls, and their output arrays.

A kernel is called repeatedly, each time for a limited amount of work. A `Cursor` contains the
complete state between two calls, so that results do not depend on the number of calls.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

ENGINE_VERSION = 2

# Status codes; `status.SENTENCES` contains the messages for those that are errors.
DONE, MORE, BUFFER_FULL, NEGATIVE_RATE, NOT_FINITE, OVERFLOW, TOO_MANY_EVENTS = range(7)

# An integer above 2^53 is in general not exact as float64, so that rates would be wrong.
COUNT_LIMIT = 2**53

# Indices of the entries of Cursor.place.
ROW, GRID, EVENTS, FILLED, FAULT = range(5)
FRESH = -1  # Cursor.place[GRID] of a trajectory that has not begun


class Cursor(NamedTuple):
    """State of a kernel between two calls."""

    place: NDArray[np.int64]  # entries ROW, GRID, EVENTS, FILLED, FAULT
    clock: NDArray[np.float64]  # time of the last event, and by how much that is too late
    stream: NDArray[np.uint64]  # four words: the state of the random stream
    counts: NDArray[np.int64]  # integers of the physical state
    amplitudes: NDArray[np.float64]  # real numbers of the physical state
    jumps: NDArray[np.int64]  # events so far of each channel of the model


class Output(NamedTuple):
    """Arrays that a kernel fills; an array of length 0 is not requested."""

    samples: NDArray[Any]  # (rows, times, columns): counts as int64, or expectation values
    jumps: NDArray[np.int64]  # (rows, times, channels of the model)
    event_count: NDArray[np.int64]  # (rows,)
    event_time: NDArray[np.float64]  # (capacity of the buffer,)
    event_channel: NDArray[np.int32]  # (capacity of the buffer,)

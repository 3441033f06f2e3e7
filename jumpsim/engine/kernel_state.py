"""What all kernels share: status codes, the state between two calls, and the arrays to fill.

A kernel is called again and again, each time for a bounded amount of work. All that the next call
needs is in a `Cursor`, so that the number of calls changes no result.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

ENGINE_VERSION = 1

# Status codes; their meaning is in `status.SENTENCES`.
DONE, MORE, BUFFER_FULL, NEGATIVE_RATE, NOT_FINITE, OVERFLOW, TOO_MANY_EVENTS = range(7)

# A count above 2^53 has no exact float64, and its rates would be wrong.
COUNT_LIMIT = 2**53

# What the entries of Cursor.place mean.
ROW, GRID, EVENTS, FILLED, FAULT = range(5)
FRESH = -1  # Cursor.place[GRID] of a trajectory that has not begun


class Cursor(NamedTuple):
    """State of a kernel between two calls."""

    place: NDArray[np.int64]  # entries ROW, GRID, EVENTS, FILLED, FAULT
    clock: NDArray[np.float64]  # one entry: the time of the last event
    stream: NDArray[np.uint64]  # four words: the state of the random stream
    counts: NDArray[np.int64]  # whole numbers of the physical state
    amplitudes: NDArray[np.float64]  # real numbers of the physical state
    jumps: NDArray[np.int64]  # events so far of each channel of the model


class Output(NamedTuple):
    """Arrays that a kernel fills; an array of length 0 is not filled."""

    samples: NDArray[Any]  # (rows, times, columns): counts as int64, or expectation values
    jumps: NDArray[np.int64]  # (rows, times, channels of the model)
    event_count: NDArray[np.int64]  # (rows,)
    event_time: NDArray[np.float64]  # (capacity of the buffer,)
    event_channel: NDArray[np.int32]  # (capacity of the buffer,)

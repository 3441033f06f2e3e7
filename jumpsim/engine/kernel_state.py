"""What all kernels share: status codes, where a kernel is, and what it fills.

A kernel is called in slices of bounded work. Everything that one slice hands on to the next is in
a `Cursor`, so that how often it returns changes no number.
"""

from typing import NamedTuple

import numpy as np

ENGINE_VERSION = 1

# Status codes; `status.SENTENCES` says what they mean.
DONE, MORE, BUFFER_FULL, NEGATIVE_RATE, NOT_FINITE, OVERFLOW, TOO_MANY_EVENTS = range(7)

# A count above 2^53 has no exact float64, and its rates would be wrong.
COUNT_LIMIT = 2**53

# What the entries of Cursor.place mean.
ROW, GRID, EVENTS, FILLED, FAULT = range(5)
FRESH = -1  # Cursor.place[GRID] of a trajectory that has not begun


class Cursor(NamedTuple):
    """Everything that one slice hands on to the next."""

    place: np.ndarray  # int64: ROW, GRID, EVENTS, FILLED, FAULT
    clock: np.ndarray  # float64, 1
    stream: np.ndarray  # uint64, 4
    counts: np.ndarray  # int64: the state, as far as it is whole numbers
    amplitudes: np.ndarray  # float64: the rest of it
    jumps: np.ndarray  # int64, channels of the model


class Output(NamedTuple):
    """What is kept; an array of length 0 is not asked for."""

    samples: np.ndarray  # (rows, times, columns): counts as int64, or expectation values
    jumps: np.ndarray  # int64, (rows, times, channels of the model)
    event_count: np.ndarray  # int64, rows
    event_time: np.ndarray  # float64, capacity of the buffer
    event_channel: np.ndarray  # int32, the same

"""From a time to the row of stored samples that belongs to it: one rounding rule for all analyses.

A stored time of np.linspace and the same time written as "0.7 us" may differ in their last digits.
Times that agree to one part in 10⁹ are therefore the same time everywhere.
"""

import numpy as np

from .. import units
from ..errors import InputError

_SAME = 1e-9  # relative difference up to which two times are the same


def first_row(times: np.ndarray, after: float | str, name: str = "after", least: int = 1) -> int:
    """Row of the first stored time that is not earlier than a given time.

    Parameters
    ----------
    times : ndarray, shape (n_times,)
        Stored times in seconds, increasing.
    after : float or str
        Seconds, or a text such as "0.7 us".
    name : str
        Name of the argument in an error message.
    least : int
        Number of stored times that must be left from this row on.

    Returns
    -------
    int

    Raises
    ------
    InputError
        When `after` is not a time, or when fewer stored times are left.
    """
    after = units.time(after, name)
    row = int(np.searchsorted(times, after * (1 - _SAME)))
    if (left := len(times) - row) < least:
        raise InputError(
            f"`{name}`: the analysis needs at least {least} of the stored times from {after:g} s "
            f"on, but there are {left}; the last stored time is {times[-1]:g} s"
        )
    return row


def stored_row(times: np.ndarray, time: float | str, name: str = "time") -> int:
    """Row of a stored time.

    Parameters
    ----------
    times : ndarray, shape (n_times,)
        Stored times in seconds, increasing.
    time : float or str
        Seconds, or a text such as "0.7 us".
    name : str
        Name of the argument in an error message.

    Returns
    -------
    int

    Raises
    ------
    InputError
        When `time` is not a time, or is not stored.
    """
    time = units.time(time, name)
    row = int(np.abs(times - time).argmin())
    if abs(times[row] - time) > _SAME * time:
        given, nearest = f"{time:g}", f"{times[row]:g}"
        if given == nearest:
            given, nearest = repr(time), repr(float(times[row]))
        raise InputError(
            f"`{name}` must be one of the stored times, but the nearest to {given} s is {nearest} s"
        )
    return row


def first_row_or_start(times: np.ndarray, after: float | str, name: str, least: int = 1) -> int:
    """Row as `first_row` has it; -1 for the start t = 0 when that is not stored."""
    if units.time(after, name) == 0 < times[0]:
        return -1
    return first_row(times, after, name, least)


def stored_row_or_start(times: np.ndarray, time: float | str, name: str) -> int:
    """Row as `stored_row` has it; -1 for the start t = 0 when that is not stored."""
    return -1 if units.time(time, name) == 0 < times[0] else stored_row(times, time, name)

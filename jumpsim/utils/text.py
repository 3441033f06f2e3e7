"""Numbers as readable text."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def readable_bytes(size: float) -> str:
    """Size in bytes with a readable unit.

    Examples
    --------
    >>> readable_bytes(3_310_000)
    '3.31 MB'
    """
    unit = "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if size >= 1000:
            size, unit = size / 1000, larger
    return f"{size:.4g} {unit}"


def readable_times(times: ArrayLike) -> tuple[float, str]:
    """Factor and unit in which a list of times is readable.

    Parameters
    ----------
    times : array_like
        Seconds.

    Returns
    -------
    factor : float
        Number of units in a second.
    unit : str

    Examples
    --------
    >>> readable_times([0, 10e-6])
    (1000000.0, 'µs')
    """
    longest = float(np.max(times))
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns"), (1e12, "ps")):
        if longest * factor >= 1:
            return factor, unit
    return (1.0, "s") if longest == 0 else (1e15, "fs")


def readable_ranges(ranges: Sequence[tuple[int, int]], most: int = 5) -> str:
    """Ranges (first, last + 1) in words, such as "85 ... 113, 120 ... 130 and 3 more ranges".

    Parameters
    ----------
    ranges : sequence of (int, int)
    most : int
        Number of ranges that are written out.
    """
    text = ", ".join(f"{first} ... {last - 1}" for first, last in ranges[:most])
    more = len(ranges) - most
    return f"{text} and {more} more ranges" if more > 0 else text


def with_error(
    value: float,
    error: float,
    digits: str = ".4g",
    error_digits: str = ".2g",
    unknown: str = "undecided",
) -> str:
    """Value and standard error, such as "1.234 ± 0.05"; other words where the value is not known.

    Parameters
    ----------
    value, error : float
    digits, error_digits : str
        How both are written, as in a format string.
    unknown : str
        What is written for a value that is NaN or infinite.
    """
    if not np.isfinite(value):
        return unknown
    return f"{value:{digits}} ± {error:{error_digits}}"


def with_interval(value: float, low: float, high: float, digits: str = ".4g") -> str:
    """Value and interval, such as "0.12 [0.1, 0.15]"; "undecided" for an unknown interval."""
    interval = f"{low:{digits}}, {high:{digits}}" if np.isfinite(low) else "undecided"
    return f"{value:{digits}} [{interval}]"


def some_of(items: Sequence[str], most: int = 12) -> str:
    """Texts separated by commas; of many the first ones, the last one and their number.

    Examples
    --------
    >>> some_of(["A", "B", "m"]), some_of(["a", "b", "c", "d", "e"], most=3)
    ('A, B, m', 'a, b, ..., e (5)')
    """
    if len(items) <= most:
        return ", ".join(items)
    return ", ".join([*items[: most - 1], "...", items[-1]]) + f" ({len(items)})"

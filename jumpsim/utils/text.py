"""Numbers as readable text."""

from collections.abc import Sequence

import numpy as np


def readable_bytes(size):
    """Bytes in words, such as "3.31 MB"."""
    unit = "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if size >= 1000:
            size, unit = size / 1000, larger
    return f"{size:.4g} {unit}"


def readable_times(times):
    """Factor and unit that make a list of times readable: (1e6, "µs") for 10 µs.

    Returns
    -------
    factor : float
        What to multiply seconds by.
    unit : str
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

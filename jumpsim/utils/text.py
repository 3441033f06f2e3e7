"""Numbers in words."""

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

"""Plain text tables with aligned columns."""

from collections.abc import Container, Iterable, Sequence

import numpy as np


def columns(
    rows: Iterable[Sequence[str]], head: Sequence[str], right: Container[int] = ()
) -> list[str]:
    """Lines of a table with aligned columns.

    Parameters
    ----------
    rows : iterable of sequence of str
    head : sequence of str
        Titles of the columns.
    right : collection of int
        Indices of the columns that are aligned to the right.

    Returns
    -------
    list of str
        The line of titles, then one line for each row.

    Examples
    --------
    >>> for line in columns([("A", "12"), ("m", "3")], ("pool", "count"), right=[1]):
    ...     print(line)
    pool  count
    A        12
    m         3
    """
    lines = [tuple(head), *map(tuple, rows)]
    widths = [max(len(line[c]) for line in lines) for c in range(len(head))]
    return [
        "  ".join(
            cell.rjust(width) if c in right else cell.ljust(width)
            for c, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def log_spaced_rows(n: int, number: int, from_zero: bool = False) -> np.ndarray:
    """Choose rows of a long table: closely spaced at its beginning, widely at its end.

    Parameters
    ----------
    n : int
        Length of the table.
    number : int
        Largest number of rows to choose, not counting row 0 with `from_zero`.
    from_zero : bool
        Whether row 0 is that of time or lag 0, which has no logarithm: then it is always chosen,
        and the others are spaced from row 1 on.

    Returns
    -------
    ndarray of int
        Increasing; the last row is among them.
    """
    if from_zero:
        return np.append(0, 1 + log_spaced_rows(n - 1, number)) if n > 1 else np.zeros(n, int)
    return np.unique(np.geomspace(1, n, number).round().astype(int)) - 1

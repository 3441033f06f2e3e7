"""Plain text tables: the reaction table of a model, and aligned columns for the terminal."""

import numpy as np


def columns(rows, head, right=()):
    """Lines of aligned columns.

    Parameters
    ----------
    rows : list of sequence of str
    head : sequence of str
        Titles of the columns.
    right : collection of int
        Columns that are aligned to the right.
    """
    rows = [tuple(head), *map(tuple, rows)]
    widths = [max(len(row[c]) for row in rows) for c in range(len(head))]
    return [
        "  ".join(
            cell.rjust(width) if c in right else cell.ljust(width)
            for c, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
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

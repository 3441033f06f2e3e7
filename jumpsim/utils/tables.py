"""Plain text tables: the reaction table of a model, and aligned columns for the terminal."""


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

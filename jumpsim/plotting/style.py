"""How figures look: pools differ by mark and line as well as by colour, for a grey print."""

from contextlib import contextmanager

import numpy as np

COLOURS = ("#0b5394", "#c1440e", "#3d7a35", "#7b3f9e", "#8a6d00", "#444444")
MARKS = ("o", "s", "^", "D", "v", "P")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1)), (0, (1, 1)))

STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "errorbar.capsize": 2,
    "figure.dpi": 100,
    "savefig.dpi": 200,
}


@contextmanager
def sheet(panels, title, width=3.7, height=3.6):
    """Give a figure and its panels side by side; letters them, and titles the whole.

    Parameters
    ----------
    panels : int
    title : str
    width, height : float
        Of each panel, inches.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width * panels + 0.4, height), layout="constrained")
        axes = figure.subplots(1, panels, squeeze=False)[0]
        yield figure, axes
        if panels > 1:
            for axis, letter in zip(axes, "abcdef", strict=False):
                axis.set_title(f"({letter})", loc="left")
        figure.suptitle(title.replace("_", " "), fontsize=9)


def look(p, name=None):
    """Line of the theory and marks of the p-th pool."""
    colour = COLOURS[p % 6]
    marks = {"fmt": MARKS[p % 6], "color": colour, "mfc": "white", "label": name}
    return {"color": colour, "linestyle": LINES[p % 6]}, marks


def thinned(n, most):
    """Places of at most `most` of n marks, evenly."""
    return np.unique(np.linspace(0, n - 1, min(most, n)).round().astype(int))

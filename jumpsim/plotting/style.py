"""How figures look: pools differ by mark and line as well as by colour, for a grey print."""

import textwrap
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
_LETTERS_PER_INCH = 14  # of a title


def plain(name, longest=60):
    """Write a name so that a dollar sign in it begins no formula, cut where it is long."""
    name = name if len(name) <= longest else f"{name[:longest]} ..."
    return name.replace("$", r"\$")


def upright(symbol, name):
    """Write a symbol with a pool's name as its index."""
    index = name.replace("_", r"\_")  # else "a__b" is a formula that cannot be read
    return f"${symbol}_\\mathrm{{{index}}}$"


def titled(title, inches):
    """Write a title in lines that fit a width; a dollar sign in a name begins no formula."""
    lines, width = title.replace("_", " ").split("\n"), int(_LETTERS_PER_INCH * inches)
    return "\n".join(textwrap.fill(line, width) for line in lines).replace("$", r"\$")


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
        figure.suptitle(titled(title, figure.get_figwidth()), fontsize=9)


def look(p, name=None):
    """Line of the theory and marks of the p-th pool."""
    colour = COLOURS[p % 6]
    label = f" {name}" if name and name.startswith("_") else name  # else legends leave it out
    marks = {"fmt": MARKS[p % 6], "color": colour, "mfc": "white", "label": label}
    return {"color": colour, "linestyle": LINES[p % 6]}, marks


def thinned(n, most):
    """Places of at most `most` of n marks, evenly."""
    return np.unique(np.linspace(0, n - 1, min(most, n)).round().astype(int))

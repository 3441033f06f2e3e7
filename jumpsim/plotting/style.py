"""Style of the figures: series differ by marker and line style as well as by colour."""

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0b5394", "#c1440e", "#3d7a35", "#7b3f9e", "#8a6d00", "#444444")
MARKERS = ("o", "s", "^", "D", "v", "P")
MOST_POOLS = 12  # in one figure; more would take long to draw, and could not be distinguished
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1)), (0, (1, 1)))

STYLE: dict[Any, Any] = {
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


def escaped_name(name: str, longest: int = 60) -> str:
    """Shorten a long name, and escape dollar signs so that they do not start a formula.

    Parameters
    ----------
    name : str
    longest : int
        Number of characters after which the name is cut.

    Returns
    -------
    str

    Examples
    --------
    >>> escaped_name("two-level systems", 9)
    'two-level ...'
    """
    name = name if len(name) <= longest else f"{name[:longest]} ..."
    return name.replace("$", r"\$")


def indexed_symbol(symbol: str, name: str) -> str:
    r"""Formula of a symbol with the name of a pool as its index.

    Examples
    --------
    >>> indexed_symbol("n", "A")
    '$n_\\mathrm{A}$'
    """
    index = name.replace("_", r"\_")  # otherwise "a__b" is not a valid formula
    return f"${symbol}_\\mathrm{{{index}}}$"


def wrapped_title(title: str, inches: float) -> str:
    """Break a title into lines that fit a width in inches, and escape dollar signs.

    Examples
    --------
    >>> wrapped_title("open_waveguide", 5)
    'open waveguide'
    """
    lines, width = title.replace("_", " ").split("\n"), int(_LETTERS_PER_INCH * inches)
    return "\n".join(textwrap.fill(line, width) for line in lines).replace("$", r"\$")


def of_pools(pools: Sequence[str]) -> str:
    """Words at the end of a title that tell how many pools are drawn; empty when all are.

    Examples
    --------
    >>> of_pools(["a"] * 40)
    '; the first 12 of 40 pools'
    """
    number = len(pools)
    return f"; the first {MOST_POOLS} of {number} pools" if number > MOST_POOLS else ""


@contextmanager
def panel_figure(
    panels: int, title: str, width: float = 3.7, height: float = 3.6
) -> "Iterator[tuple[Figure, NDArray[np.object_]]]":
    """Create a figure with panels side by side, panel letters and a title.

    Parameters
    ----------
    panels : int
        Number of panels.
    title : str
        Title of the whole figure.
    width, height : float
        Size of each panel in inches.

    Yields
    ------
    figure : matplotlib.figure.Figure
    axes : ndarray of matplotlib.axes.Axes, shape (panels,)
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
        figure.suptitle(wrapped_title(title, figure.get_figwidth()), fontsize=9)


def series_style(p: int, name: str | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Line style of a theory and marker style of simulated values for the p-th series.

    Parameters
    ----------
    p : int
        Number of the pool or series; styles repeat after six.
    name : str, optional
        Label of the markers in the legend.

    Returns
    -------
    line, markers : dict
        Keyword arguments of `Axes.plot` and of `Axes.errorbar`.
    """
    colour = COLOURS[p % 6]
    # Matplotlib leaves labels that start with an underscore out of the legend.
    label = f" {name}" if name and name.startswith("_") else name
    marks = {"fmt": MARKERS[p % 6], "color": colour, "mfc": "white", "label": label}
    return {"color": colour, "linestyle": LINES[p % 6]}, marks


def legend(axis: "Axes", **options: Any) -> None:
    """Draw the legend of the labelled series, if there are any; else matplotlib would warn."""
    if axis.get_legend_handles_labels()[0]:
        axis.legend(**options)


def reference_line(axis: "Axes", value: float, name: str) -> None:
    """Draw a thin horizontal line at a reference value, with its name at the right end."""
    axis.axhline(value, color="0.6", linewidth=0.8)
    axis.annotate(
        name, (1, value), (0, 2), xycoords=("axes fraction", "data"), color="0.4",
        textcoords="offset points", ha="right", va="bottom", fontsize=8,
    )  # fmt: skip


def evenly_spaced(n: int, most: int) -> NDArray[np.int64]:
    """Indices of at most `most` of `n` points, evenly spaced.

    Examples
    --------
    >>> evenly_spaced(101, 5)
    array([  0,  25,  50,  75, 100])
    """
    return np.unique(np.linspace(0, n - 1, min(most, n)).round().astype(int))

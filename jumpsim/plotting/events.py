"""Figures of what events tell: counts in windows, waits and first passages, coincidences."""

import numpy as np

from ..utils.text import readable_times
from .style import look, sheet, thinned


def counting(result):
    """Draw the mean number counted and its Fano factor against the length of the window.

    Parameters
    ----------
    result : inference.counting.Counting

    Returns
    -------
    matplotlib.figure.Figure
        Lines are the master equation, where the system is small.
    """
    factor, unit = readable_times(result.ensemble.times)
    windows, shown = result.windows * factor, thinned(len(result.windows), 30)
    title = f"{result.counted} of {_trajectories(result)}, from {result.after * factor:g} {unit} on"
    exact = None if result.exact is None else result.exact
    with sheet(2, title + _lines(exact)) as (figure, axes):
        for axis, value, error, theory, label in (
            (axes[0], result.cumulants[0], result.errors[0],
             exact and exact.cumulants[0], "mean"),
            (axes[1], result.fano, result.fano_error, exact and exact.fano, "variance / mean"),
        ):  # fmt: skip
            style, marks = look(0)
            axis.errorbar(windows[shown], value[shown], error[shown], **marks)
            if theory is not None:
                axis.plot(windows, theory, **style)
            axis.set_xlabel(f"length of the window ({unit})")
            axis.set_ylabel(label)
        axes[1].axhline(1, color="0.6", linewidth=0.8)  # Poisson
    return figure


def waiting(result):
    """Draw how likely it is still to wait, for an event or for a first passage.

    Parameters
    ----------
    result : inference.waiting.WaitingTimes or inference.passage.FirstPassages

    Returns
    -------
    matplotlib.figure.Figure
    """
    factor, unit = readable_times(result.times)
    times, shown = result.times * factor, thinned(len(result.times), 30)
    title = f"{len(result.durations)} waits for {result.what} in {_trajectories(result)}"
    with sheet(1, title + _lines(result.exact), width=4.6) as (figure, (axis,)):
        style, marks = look(0)
        axis.errorbar(times[shown], result.survival[shown], result.error[shown], **marks)
        if result.exact is not None:
            axis.plot(times, result.exact.survival, **style)
        axis.set_ylim(0, 1.02)
        axis.set_xlabel(f"time ({unit})")
        axis.set_ylabel("probability still to wait")
    return figure


def coincidences(result):
    """Draw g² against the lag; a bar across each bin, over which it is averaged.

    Parameters
    ----------
    result : inference.coincidence.Coincidences

    Returns
    -------
    matplotlib.figure.Figure
    """
    factor, unit = readable_times(result.edges)
    edges = result.edges * factor
    title = f"coincidences of {result.what}, {_trajectories(result)}"
    with sheet(1, title + _lines(result.exact), width=4.6) as (figure, (axis,)):
        style, marks = look(0)
        middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
        axis.errorbar(middle, result.g2, result.error, half, **marks)
        if result.exact is not None:
            axis.stairs(result.exact, edges, baseline=None, **style)
        axis.axhline(1, color="0.6", linewidth=0.8)
        if np.nanmin(result.g2, initial=1) < 0.5:
            axis.set_ylim(bottom=0)
        axis.set_xlabel(f"lag ({unit})")
        axis.set_ylabel("$g^{(2)}$")
    return figure


def uncertainty(result):
    """Draw how far a current is from the limits of the uncertainty relations.

    Parameters
    ----------
    result : inference.uncertainty.Uncertainty

    Returns
    -------
    matplotlib.figure.Figure
    """
    factor, unit = readable_times(result.ensemble.times)
    windows, shown = result.windows * factor, thinned(len(result.windows), 25)
    title = f"current {result.counted}, {_trajectories(result)} at rest"
    ratios = (
        (r"kinetic: Var$(J)\,\langle K\rangle/\langle J\rangle^2$",
         result.kinetic, result.kinetic_error),
        (r"thermodynamic: Var$(J)\,\langle\Sigma\rangle/2\langle J\rangle^2$",
         result.thermodynamic, result.thermodynamic_error),
    )  # fmt: skip
    with sheet(1, title + _lines(result.exact), width=5.2) as (figure, (axis,)):
        for k, (label, value, error) in enumerate(ratios):
            style, marks = look(k, label)
            if np.isfinite(value).any():
                axis.errorbar(windows[shown], value[shown], error[shown], **marks)
            if result.exact is not None:
                axis.plot(windows, result.exact[k], **style)
        axis.axhline(1, color="black", linewidth=0.8)
        axis.text(windows[-1], 1, "limit", ha="right", va="bottom", fontsize=8)
        axis.set_yscale("log")
        axis.set_xlabel(f"length of the window ({unit})")
        axis.set_ylabel("ratio to the limit")
        axis.legend()
    return figure


def _trajectories(result):
    return f"{result.ensemble.ntraj} trajectories of {result.ensemble.model.name}"


def _lines(exact):
    return "" if exact is None else "\n± standard error (marks), master equation (line)"

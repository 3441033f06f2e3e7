"""Figures of event statistics: counts in windows, waiting times, coincidences, uncertainty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..utils.text import readable_times
from .style import evenly_spaced, legend, panel_figure, reference_line, series_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..analysis.entropy.uncertainty import Uncertainty
    from ..analysis.events.coincidences import Coincidences
    from ..analysis.events.counting import Counting
    from ..analysis.events.first_passages import FirstPassages
    from ..analysis.events.waiting_times import WaitingTimes


def counting(result: Counting) -> Figure:
    """Draw mean and Fano factor of the number of events against the length of the window.

    Parameters
    ----------
    result : analysis.events.counting.Counting

    Returns
    -------
    matplotlib.figure.Figure
        Lines are the master equation, for small systems.
    """
    factor, unit = readable_times(result.ensemble.times)
    windows, shown = result.windows * factor, evenly_spaced(len(result.windows), 30)
    title = f"{result.counted} of {_trajectories(result)}, from {result.after * factor:g} {unit} on"
    exact = None if result.exact is None else result.exact
    with panel_figure(2, title + _lines(exact)) as (figure, axes):
        for axis, value, error, theory, label in (
            (axes[0], result.cumulants[0], result.errors[0],
             exact and exact.cumulants[0], "mean number of events"),
            (axes[1], result.fano, result.fano_error,
             exact and exact.fano, "Fano factor (variance / mean)"),
        ):  # fmt: skip
            style, marks = series_style(0)
            axis.errorbar(windows[shown], value[shown], error[shown], **marks)
            if theory is not None:
                axis.plot(windows, theory, **style)
            axis.set_xlabel(f"length of the window ({unit})")
            axis.set_ylabel(label)
        reference_line(axes[1], 1, "Poisson process")
    return figure


def waiting_times(result: WaitingTimes) -> Figure:
    """Draw the survival function of waiting times.

    Parameters
    ----------
    result : WaitingTimes
        Result of `jumpsim.waiting_times`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    factor, unit = readable_times(result.times)
    times, shown = result.times * factor, evenly_spaced(len(result.times), 30)
    title = f"{len(result.durations)} waiting times for {result.what} in {_trajectories(result)}"
    with panel_figure(1, title + _lines(result.exact), width=4.6) as (figure, (axis,)):
        style, marks = series_style(0)
        axis.errorbar(times[shown], result.survival[shown], result.error[shown], **marks)
        if result.exact is not None:
            axis.plot(times, result.exact.survival, **style)
        axis.set_ylim(0, 1.02)
        axis.set_xlabel(f"time ({unit})")
        axis.set_ylabel("probability of a longer waiting time")
    return figure


def first_passages(result: FirstPassages) -> Figure:
    """Draw the survival function of first-passage times.

    Parameters
    ----------
    result : FirstPassages
        Result of `jumpsim.first_passages`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    return waiting_times(result)


def coincidences(result: Coincidences) -> Figure:
    """Draw the second-order coherence g² against the lag; horizontal bars show the bins.

    Parameters
    ----------
    result : analysis.events.coincidences.Coincidences

    Returns
    -------
    matplotlib.figure.Figure
    """
    factor, unit = readable_times(result.edges)
    edges = result.edges * factor
    title = f"coincidences of {result.what}, {_trajectories(result)}"
    with panel_figure(1, title + _lines(result.exact), width=4.6) as (figure, (axis,)):
        style, marks = series_style(0)
        middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
        axis.errorbar(middle, result.g2, result.error, half, **marks)
        if result.exact is not None:
            axis.stairs(result.exact, edges, baseline=None, **style)
        reference_line(axis, 1, "independent events")
        if np.nanmin(result.g2, initial=1) < 0.5:
            axis.set_ylim(bottom=0)
        axis.set_xlabel(f"lag ({unit})")
        axis.set_ylabel("$g^{(2)}$")
    return figure


def uncertainty(result: Uncertainty) -> Figure:
    """Draw the ratios of a current's fluctuations to the bounds of the uncertainty relations.

    Parameters
    ----------
    result : analysis.entropy.uncertainty.Uncertainty

    Returns
    -------
    matplotlib.figure.Figure
    """
    factor, unit = readable_times(result.ensemble.times)
    windows, shown = result.windows * factor, evenly_spaced(len(result.windows), 25)
    title = f"current {result.counted}, {_trajectories(result)} in the steady state"
    ratios = (
        (r"kinetic: Var$(J)\,\langle K\rangle/\langle J\rangle^2$",
         result.kinetic, result.kinetic_error),
        (r"thermodynamic: Var$(J)\,\langle\Sigma\rangle/2\langle J\rangle^2$",
         result.thermodynamic, result.thermodynamic_error),
    )  # fmt: skip
    with panel_figure(1, title + _lines(result.exact), width=5.2) as (figure, (axis,)):
        for k, (label, value, error) in enumerate(ratios):
            style, marks = series_style(k, label)
            if np.isfinite(value).any():
                axis.errorbar(windows[shown], value[shown], error[shown], **marks)
            if result.exact is not None:
                axis.plot(windows, result.exact[k], **style)
        axis.axhline(1, color="black", linewidth=0.8)
        axis.text(windows[-1], 1, "bound", ha="right", va="bottom", fontsize=8)
        axis.set_yscale("log")
        axis.set_xlabel(f"length of the window ({unit})")
        axis.set_ylabel("ratio to the bound")
        legend(axis)
    return figure


def _trajectories(result: Counting | WaitingTimes | Coincidences | Uncertainty) -> str:
    return f"{result.ensemble.ntraj} trajectories of {result.ensemble.model.name}"


def _lines(exact: object) -> str:
    return "" if exact is None else "\n± standard error (markers), master equation (line)"

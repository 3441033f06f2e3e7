"""Figures of the distribution of one count and of single two-level systems."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..statistics.intervals import survival_function
from ..utils.text import readable_times
from .style import legend, panel_figure, series_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..analysis.events.telegraph import Telegraph
    from ..analysis.fluctuations.distribution import Distribution

_MAX_CLASSES = 60
_MAX_SYSTEMS = 40  # more rows cannot be distinguished


def distribution(result: Distribution) -> Figure:
    """Draw the distribution of a count with confidence intervals, and the master equation.

    Parameters
    ----------
    result : analysis.fluctuations.distribution.Distribution

    Returns
    -------
    matplotlib.figure.Figure
    """
    ensemble = result.ensemble
    factor, unit = readable_times(ensemble.times)
    title = (
        f"{result.pool} of {ensemble.ntraj} trajectories of {ensemble.model.name} at "
        f"{result.time * factor:.4g} {unit}\nwith 95 % confidence intervals (markers)"
    )
    title += "" if result.exact is None else ", master equation (line)"
    with panel_figure(1, title, width=4.6) as (figure, (axis,)):
        style, marks = series_style(0)
        first, last, observed, low, high, exact = result.grouped(_MAX_CLASSES)
        axis.errorbar((first + last) / 2, observed, [observed - low, high - observed], **marks)
        if exact is not None:
            axis.stairs(exact, np.append(first, last[-1] + 1) - 0.5, **style)
        axis.set_ylim(bottom=0)
        axis.set_xlabel(f"count of {result.pool}")
        width = first[1] - first[0] if len(first) > 1 else 1
        each = "" if width == 1 else f" in each {width} counts"
        axis.set_ylabel(f"fraction of trajectories{each}")
    return figure


def telegraph(result: Telegraph) -> Figure:
    """Draw the telegraph signal of each two-level system and the distribution of its dwell times.

    Parameters
    ----------
    result : analysis.events.telegraph.Telegraph

    Returns
    -------
    matplotlib.figure.Figure
        Left, bars while a system is excited (the first 40 systems); right, the probability that a
        dwell time in the excited or in the ground state exceeds a time (product-limit estimate).
    """
    factor, unit = readable_times(np.append(result.times, result.end))
    number = len(result.start)
    title = f"{number} two-level systems '{result.pool}' of one trajectory of {result.model.name}"
    with panel_figure(2, title, width=4.2) as (figure, (rows, dwells)):
        for k in range(min(number, _MAX_SYSTEMS)):
            edges, states = result.states_of(k)
            spans = [
                (a * factor, (b - a) * factor)
                for a, b, excited in zip(edges[:-1], edges[1:], states, strict=True)
                if excited
            ]
            rows.broken_barh(spans, (k + 0.1, 0.8), color="0.15", linewidth=0)
        rows.set_xlim(0, result.end * factor)
        rows.set_ylim(0, min(number, _MAX_SYSTEMS))
        rows.yaxis.get_major_locator().set_params(integer=True)
        rows.set_xlabel(f"time ({unit})")
        rows.set_ylabel("two-level system (bars: excited)")
        _dwell_panel(dwells, result, factor)
        dwells.set_xlabel(f"dwell time ({unit})")
        dwells.set_ylabel("probability of a longer dwell time")
    return figure


def _dwell_panel(axis: Axes, result: Telegraph, factor: float) -> None:
    """Survival function of dwell times that begin in the run; those cut at its end are censored."""
    for k, (state, name) in enumerate(((True, "excited"), (False, "ground"))):
        durations, ended = result.started_dwells(state)
        if ended.any():
            style, _ = series_style(k)
            longer = survival_function(durations, ended, durations)
            axis.step(
                np.append(0, durations) * factor, np.append(1, longer), where="post",
                label=f"{name}: {len(durations)} dwell times", **style,
            )  # fmt: skip
    if axis.lines:
        axis.set_ylim(0, 1.02)
        legend(axis)
    else:
        axis.text(0.5, 0.5, "no dwell time ended", ha="center", transform=axis.transAxes)

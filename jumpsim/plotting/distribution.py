"""Figures of one count's law and of single two-level systems."""

import numpy as np

from ..statistics.intervals import survival_function
from ..utils.text import readable_times
from .style import look, sheet

_MOST_CLASSES = 60
_MOST_SYSTEMS = 40  # rows that can be told apart


def distribution(result):
    """Draw the histogram of a count with intervals beside the master equation.

    Parameters
    ----------
    result : inference.distribution.Distribution

    Returns
    -------
    matplotlib.figure.Figure
    """
    ensemble = result.ensemble
    factor, unit = readable_times(ensemble.times)
    title = (
        f"{result.pool} of {ensemble.ntraj} trajectories of {ensemble.model.name} at "
        f"{result.time * factor:.4g} {unit}\nwith 95 % intervals (marks)"
    )
    title += "" if result.exact is None else ", master equation (line)"
    with sheet(1, title, width=4.6) as (figure, (axis,)):
        style, marks = look(0)
        first, last, observed, low, high, exact = result.grouped(_MOST_CLASSES)
        axis.errorbar((first + last) / 2, observed, [observed - low, high - observed], **marks)
        if exact is not None:
            axis.stairs(exact, np.append(first, last[-1] + 1) - 0.5, **style)
        axis.set_ylim(bottom=0)
        axis.set_xlabel(f"count of {result.pool}")
        width = first[1] - first[0] if len(first) > 1 else 1
        each = "" if width == 1 else f" in each {width} counts"
        axis.set_ylabel(f"fraction of trajectories{each}")
    return figure


def telegraph(result):
    """Draw when each two-level system is excited, and how long its stretches last.

    Parameters
    ----------
    result : inference.telegraph.Telegraph

    Returns
    -------
    matplotlib.figure.Figure
        Bars where a system is excited (the first 40 systems); the probability that a
        stretch of any system lasts longer than a time.
    """
    factor, unit = readable_times(np.append(result.times, result.end))
    number = len(result.start)
    title = f"{number} two-level systems '{result.pool}' of one trajectory of {result.model.name}"
    with sheet(2, title, width=4.2) as (figure, (rows, dwells)):
        for k in range(min(number, _MOST_SYSTEMS)):
            edges, states = result.states_of(k)
            spans = [
                (a * factor, (b - a) * factor)
                for a, b, excited in zip(edges[:-1], edges[1:], states, strict=True)
                if excited
            ]
            rows.broken_barh(spans, (k + 0.1, 0.8), color="0.15", linewidth=0)
        rows.set_xlim(0, result.end * factor)
        rows.set_ylim(0, min(number, _MOST_SYSTEMS))
        rows.yaxis.get_major_locator().set_params(integer=True)
        rows.set_xlabel(f"time ({unit})")
        rows.set_ylabel("two-level system (bars: excited)")
        _dwell_panel(dwells, result, factor)
        dwells.set_xlabel(f"duration ({unit})")
        dwells.set_ylabel("probability to last longer")
    return figure


def _dwell_panel(axis, result, factor):
    """Draw how long stretches that began in the run last; cut ones count while they were seen."""
    for k, (state, name) in enumerate(((True, "excited"), (False, "ground"))):
        durations, ended = result.begun(state)
        if ended.any():
            style, _ = look(k)
            longer = survival_function(durations, ended, durations)
            axis.step(
                np.append(0, durations) * factor, np.append(1, longer), where="post",
                label=f"{name}: {len(durations)} stretches", **style,
            )  # fmt: skip
    if axis.lines:
        axis.set_ylim(0, 1.02)
        axis.legend()
    else:
        axis.text(0.5, 0.5, "no stretch ended", ha="center", transform=axis.transAxes)

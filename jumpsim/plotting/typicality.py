"""Figures of single trajectories and the rate equations: how typical a trajectory is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..utils.text import readable_times, with_error
from .style import COLOURS, LINES, MOST_POOLS, legend, of_pools, panel_figure, series_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..analysis.entropy.production_signs import SignScaling
    from ..analysis.fluctuations.gaussian_tail import GaussianTail
    from ..analysis.fluctuations.typicality import Scaling, Typicality
    from ..analysis.fluctuations.typicality_study import TypicalityStudy


def typicality(result: TypicalityStudy | Typicality) -> Figure:
    """Draw deviations of single trajectories from the rate equations.

    The panels show, for the smallest system, the most typical and the most atypical trajectory
    with quantile bands and the rate equations; the tail of the distribution of deviations and that
    of linear noise; deviations against system size with the fitted power law; how often the
    entropy production has the atypical sign.

    Parameters
    ----------
    result : TypicalityStudy or Typicality
        Result of `jumpsim.typicality_study`; or of `jumpsim.typicality` for the first panel alone.

    Returns
    -------
    matplotlib.figure.Figure
    """
    run = result.runs[0] if hasattr(result, "runs") else result
    panels = ((_tail, "tail"), (_scaling, "scaling"), (_signs, "signs_scaling"))
    optional = [(draw, getattr(result, name, None)) for draw, name in panels]
    drawn: list[tuple[Callable[..., None], Any]] = [(_portrait, run)]
    drawn += [(draw, part) for draw, part in optional if part is not None]
    title = f"{run.ensemble.model.name}: typicality of {run.ntraj} trajectories"
    title += of_pools(run.ensemble.model.pools)
    with panel_figure(len(drawn), title) as (figure, axes):
        for axis, (draw, part) in zip(axes, drawn, strict=True):
            draw(axis, part)
    return figure


def _portrait(axis: Axes, run: Typicality) -> None:
    """Draw the pool in which the most atypical trajectory has its largest relative deviation."""
    ensemble = run.ensemble
    average = run.deviations.mean(axis=0)
    unusual = run.deviations[run.most_atypical] / np.where(average > 0, average, np.inf)
    p = int(unusual.argmax())
    factor, unit = readable_times(ensemble.times)
    times, size = ensemble.times * factor, run.sizes[p]
    for outer, grey in ((0, "0.88"), (1, "0.74")):
        span = f"{run.quantiles[outer]:.0%} to {run.quantiles[-1 - outer]:.0%}"
        axis.fill_between(
            times, run.bands[outer, :, p] / size, run.bands[-1 - outer, :, p] / size,
            color=grey, linewidth=0, label=span,
        )  # fmt: skip
    axis.plot(times, run.theory.counts[:, p] / size, color="black", label="rate equations")
    rows = ((run.most_typical, "most typical"), (run.most_atypical, "most atypical"))
    for k, (row, name) in enumerate(rows):
        counts = ensemble.row("counts", row)[:, p] / size
        axis.plot(
            times, counts, color=COLOURS[k], linestyle=LINES[k + 1], linewidth=0.9, label=name
        )
    pool = ensemble.model.pool_specs[p]
    axis.set_xlabel(f"time ({unit})")
    axis.set_ylabel(f"count of {pool.name} / {size:g}")
    axis.legend(fontsize=7)


def _tail(axis: Axes, tail: GaussianTail) -> None:
    for p, pool in enumerate(tail.run.ensemble.model.pool_specs[:MOST_POOLS]):
        style, marks = series_style(p, pool.name)
        observed = tail.observed[:, p]
        bars = [observed - tail.low[:, p], tail.high[:, p] - observed]
        axis.plot(tail.thresholds[:, p], tail.predicted[:, p], **style)
        axis.errorbar(tail.thresholds[:, p], observed, bars, markersize=3, **marks)
    axis.set_yscale("log")
    axis.set_ylim(bottom=0.2 / tail.run.ntraj)
    axis.set_xlabel("largest deviation / system size")
    axis.set_ylabel("fraction with a larger deviation")
    axis.plot([], [], color="0.4", label="linear noise")
    axis.legend(loc="upper right")


def _scaling(axis: Axes, scaling: Scaling) -> None:
    factors = np.geomspace(scaling.factors[0], scaling.factors[-1], 60)
    fitted = scaling.fitted(factors)
    for p, name in enumerate(scaling.model.pools[:MOST_POOLS]):
        error = scaling.typical[:, p] * scaling.error[:, p]
        exponent = with_error(scaling.exponents[p], scaling.exponent_errors[p], "+.4f", ".4f")
        label = f"{name}: {exponent}"
        style, marks = series_style(p, label)
        axis.errorbar(scaling.factors, scaling.typical[:, p], error, **marks)
        axis.plot(factors, fitted[:, p], **style)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("system size, relative to the smallest")
    axis.set_ylabel("typical largest deviation / system size")
    axis.legend(title="exponent ± s.e.")


def _signs(axis: Axes, signs: SignScaling) -> None:
    style, marks = series_style(0, "fraction of the time")
    axis.errorbar(signs.factors, signs.share, signs.share_error, **marks)
    axis.plot(signs.factors, signs.share, **style)
    style, marks = series_style(1, "fraction of trajectories, at any time")
    ever = signs.ever[:, 0]
    axis.errorbar(signs.factors, ever, np.abs(signs.ever[:, 1:].T - ever), **marks)
    axis.plot(signs.factors, ever, **style)
    axis.set_xscale("log")
    axis.set_yscale("symlog", linthresh=1e-3)
    axis.set_ylim(0, 1.5)
    axis.set_xlabel("system size, relative to the smallest")
    axis.set_ylabel("atypical sign of entropy production")
    legend(axis)

"""Figures of single trajectories beside the rate equations."""

import numpy as np

from ..utils.text import readable_times
from .style import COLOURS, LINES, look, sheet


def typicality(runs, tail=None, scaling=None, signs=None):
    """Draw how typical trajectories are.

    For the smallest system the most typical and the most atypical trajectory with quantile bands
    and the rate equations; the tail of the deviations against linear noise; deviations against
    size with the fitted power law; how often entropy production has the unusual sign.

    Parameters
    ----------
    runs : list of inference.typicality.Typicality
    tail : inference.tail.GaussianTail, optional
        Of the first run.
    scaling : inference.typicality.Scaling, optional
    signs : inference.signs.SignScaling, optional

    Returns
    -------
    matplotlib.figure.Figure
    """
    drawn = [(_tail, tail), (_scaling, scaling), (_signs, signs)]
    drawn = [(_portrait, runs[0]), *((draw, what) for draw, what in drawn if what is not None)]
    title = f"{runs[0].ensemble.model.name}: typicality of {runs[0].ntraj} trajectories"
    with sheet(len(drawn), title) as (figure, axes):
        for axis, (draw, what) in zip(axes, drawn, strict=True):
            draw(axis, what)
    return figure


def _portrait(axis, run):
    """Draw the pool in which the most atypical trajectory strays most from what is usual."""
    ensemble = run.ensemble
    average = run.deviations.mean(axis=0)
    unusual = run.deviations[run.most_atypical] / np.where(average > 0, average, np.inf)
    p = int(unusual.argmax())
    factor, unit = readable_times(ensemble.times)
    times, size = ensemble.times * factor, run.sizes[p]
    for outer, grey in ((0, "0.88"), (1, "0.74")):
        span = f"{run.levels[outer]:.0%} to {run.levels[-1 - outer]:.0%}"
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
    axis.set_ylabel(f"{pool.name} / {size:g}")
    axis.legend(fontsize=7)


def _tail(axis, tail):
    for p, pool in enumerate(tail.run.ensemble.model.pool_specs):
        style, marks = look(p, pool.name)
        observed = tail.observed[:, p]
        bars = [observed - tail.low[:, p], tail.high[:, p] - observed]
        axis.plot(tail.levels[:, p], tail.predicted[:, p], **style)
        axis.errorbar(tail.levels[:, p], observed, bars, markersize=3, **marks)
    axis.set_yscale("log")
    axis.set_ylim(bottom=0.2 / tail.run.ntraj)
    axis.set_xlabel("largest deviation / size")
    axis.set_ylabel("fraction of trajectories beyond")
    axis.plot([], [], color="0.4", label="linear noise")
    axis.legend(loc="upper right")


def _scaling(axis, scaling):
    factors = np.geomspace(scaling.factors[0], scaling.factors[-1], 60)
    fitted = scaling.fitted(factors)
    for p, name in enumerate(scaling.model.pools):
        error = scaling.typical[:, p] * scaling.error[:, p]
        label = f"{name}: {scaling.exponents[p]:+.4f} ± {scaling.exponent_errors[p]:.4f}"
        style, marks = look(p, label)
        axis.errorbar(scaling.factors, scaling.typical[:, p], error, **marks)
        axis.plot(factors, fitted[:, p], **style)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("size, relative to the smallest")
    axis.set_ylabel("typical largest deviation / size")
    axis.legend(title="exponent ± s.e.")


def _signs(axis, signs):
    style, marks = look(0, "share of the time")
    axis.errorbar(signs.factors, signs.share, signs.share_error, **marks)
    axis.plot(signs.factors, signs.share, **style)
    style, marks = look(1, "trajectories, ever")
    ever = signs.ever[:, 0]
    axis.errorbar(signs.factors, ever, np.abs(signs.ever[:, 1:].T - ever), **marks)
    axis.plot(signs.factors, ever, **style)
    axis.set_xscale("log")
    axis.set_yscale("symlog", linthresh=1e-3)
    axis.set_ylim(0, 1.5)
    axis.set_xlabel("size, relative to the smallest")
    axis.set_ylabel("unusual sign of entropy production")
    axis.legend()

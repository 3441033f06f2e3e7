"""Figures of single trajectories beside the rate equations."""

import numpy as np

from . import units
from .style import COLOURS, LINES, MARKS, STYLE


def typicality(runs, tail=None, scaling=None):
    """Draw how typical trajectories are.

    For the smallest system the most typical and the most atypical trajectory with quantile bands
    and the rate equations; the tail of the deviations against linear noise; deviations against
    size with the fitted power law.

    Parameters
    ----------
    runs : list of inference.typicality.Typicality
    tail : inference.tail.GaussianTail, optional
        Of the first run.
    scaling : inference.typicality.Scaling, optional

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    panels = 1 + (tail is not None) + (scaling is not None)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.7 * panels + 0.4, 3.6), layout="constrained")
        axes = list(np.atleast_1d(figure.subplots(1, panels)))
        _portrait(axes.pop(0), runs[0])
        if tail is not None:
            _tail(axes.pop(0), tail)
        if scaling is not None:
            _scaling(axes.pop(0), scaling)
        for axis, letter in zip(figure.axes, "abc", strict=False):
            axis.set_title(f"({letter})", loc="left")
        name = runs[0].ensemble.model.name.replace("_", " ")
        figure.suptitle(f"{name}: typicality of {runs[0].ntraj} trajectories", fontsize=9)
    return figure


def _look(p, name):
    """Line of the theory and marks of the p-th pool."""
    colour = COLOURS[p % 6]
    marks = {"fmt": MARKS[p % 6], "color": colour, "mfc": "white", "label": name}
    return {"color": colour, "linestyle": LINES[p % 6]}, marks


def _portrait(axis, run):
    """Draw the pool in which the most atypical trajectory strays most from what is usual."""
    ensemble = run.ensemble
    average = run.deviations.mean(axis=0)
    unusual = run.deviations[run.most_atypical] / np.where(average > 0, average, np.inf)
    p = int(unusual.argmax())
    factor, unit = units.readable_times(ensemble.times)
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
        style, marks = _look(p, pool.name)
        observed = tail.observed[:, p]
        bars = [observed - tail.low[:, p], tail.high[:, p] - observed]
        axis.plot(tail.levels[:, p], tail.predicted[:, p], **style)
        axis.errorbar(tail.levels[:, p], observed, bars, markersize=3, **marks)
    axis.set_yscale("log")
    axis.set_ylim(bottom=0.2 / tail.run.ntraj)
    axis.set_xlabel("largest deviation / size")
    axis.set_ylabel("fraction of trajectories beyond")
    axis.plot([], [], color="0.4", label="linear noise")
    axis.legend()


def _scaling(axis, scaling):
    for p, name in enumerate(scaling.model.pools):
        error = scaling.typical[:, p] * scaling.error[:, p]
        label = f"{name}: {scaling.exponents[p]:+.3f} ± {scaling.exponent_errors[p]:.3f}"
        style, marks = _look(p, label)
        axis.errorbar(scaling.factors, scaling.typical[:, p], error, **marks)
        line = scaling.typical[0, p] * scaling.factors ** scaling.exponents[p]
        axis.plot(scaling.factors, line, **style)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("size, relative to the smallest")
    axis.set_ylabel("typical largest deviation / size")
    axis.legend(title="exponent ± s.e.")


def fluctuations(result):
    """Draw variances, Fano factors and third cumulants of every pool beside the theories.

    Parameters
    ----------
    result : inference.fluctuations.Fluctuations

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    ensemble = result.ensemble
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11.0, 3.6), layout="constrained")
        variance, fano, third = figure.subplots(1, 3)
        factor, unit = units.readable_times(ensemble.times)
        times = ensemble.times * factor
        shown = np.unique(np.linspace(0, len(times) - 1, min(25, len(times))).round().astype(int))
        linear = np.diagonal(result.noise.covariance, axis1=-2, axis2=-1)
        for p, name in enumerate(ensemble.model.pools):
            style, marks = _look(p, name)
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = linear[:, p] / result.noise.mean[:, p]
            variance.plot(times, linear[:, p], **style)
            fano.plot(times, ratio, **style)
            for axis, value, error in (
                (variance, result.cumulants[1], result.errors[1]),
                (fano, result.fano, result.fano_error),
                (third, result.cumulants[2], result.errors[2]),
            ):
                axis.errorbar(times[shown], value[shown, p], error[shown, p], **marks)
        third.axhline(0, color="0.6", linewidth=0.8)
        for axis, label, letter in (
            (variance, "variance of the count", "a"),
            (fano, "variance / mean", "b"),
            (third, "third cumulant", "c"),
        ):
            axis.set_xlabel(f"time ({unit})")
            axis.set_ylabel(label)
            axis.set_title(f"({letter})", loc="left")
        figure.legend(*variance.get_legend_handles_labels(), loc="outside right center")
        name = ensemble.model.name.replace("_", " ")
        figure.suptitle(
            f"{name}: {ensemble.ntraj} trajectories ± standard error (marks), linear noise (lines)",
            fontsize=9,
        )
    return figure


def correlations(result):
    """Draw normalised autocovariances and power spectra beside linear noise.

    Parameters
    ----------
    result : inference.correlations.Correlations

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    ensemble = result.ensemble
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.0, 3.6), layout="constrained")
        decay, spectrum = figure.subplots(1, 2)
        factor, unit = units.readable_times(ensemble.times)
        half = len(result.lags) // 2 + 1  # later lags are averages over few origins
        lags, omega = result.lags[:half] * factor, result.frequencies / factor
        for p, name in enumerate(ensemble.model.pools):
            scale = result.covariance[0, p]
            if not scale > 0:
                continue
            style, marks = _look(p, name)
            decay.plot(lags, result.expected[:half, p] / scale, **style)
            decay.errorbar(
                lags, result.covariance[:half, p] / scale, result.error[:half, p] / scale, **marks
            )
            spectrum.plot(omega, result.expected_power[:, p] * factor, **style)
            spectrum.errorbar(
                omega, result.power[:, p] * factor, result.power_error[:, p] * factor, **marks
            )
        decay.axhline(0, color="0.6", linewidth=0.8)
        decay.set_xlabel(f"lag ({unit})")
        decay.set_ylabel("autocovariance / variance")
        spectrum.set_yscale("log")
        spectrum.set_xlabel(f"angular frequency (1/{unit})")
        spectrum.set_ylabel(f"power (quanta² {unit})")
        for axis, letter in ((decay, "a"), (spectrum, "b")):
            axis.set_title(f"({letter})", loc="left")
        figure.legend(*decay.get_legend_handles_labels(), loc="outside right center")
        name = ensemble.model.name.replace("_", " ")
        figure.suptitle(
            f"{name} at rest: {ensemble.ntraj} trajectories ± standard error (marks), "
            "linear noise (lines)",
            fontsize=9,
        )
    return figure

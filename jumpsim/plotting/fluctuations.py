"""Figures of fluctuations and of their correlations in time."""

from itertools import combinations

import numpy as np

from ..utils.text import readable_times
from .style import look, sheet, thinned


def fluctuations(result):
    """Draw variances, Fano factors, third and fourth cumulants of every pool beside the theory.

    Parameters
    ----------
    result : inference.fluctuations.Fluctuations

    Returns
    -------
    matplotlib.figure.Figure
        Lines are the master equation, or else linear noise, which is Gaussian and has no third
        and fourth cumulant.
    """
    ensemble = result.ensemble
    theory = "linear noise" if result.exact is None else "master equation"
    title = (
        f"{ensemble.model.name}: {ensemble.ntraj} trajectories ± standard error (marks), "
        f"{theory} (lines)"
    )
    factor, unit = readable_times(ensemble.times)
    times, shown = ensemble.times * factor, thinned(len(ensemble.times), 25)
    expected = result.expected
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = expected[1] / expected[0]
    panels = (
        ("variance of the count", expected[1], result.cumulants[1], result.errors[1]),
        ("variance / mean", ratio, result.fano, result.fano_error),
        ("third cumulant", expected[2], result.cumulants[2], result.errors[2]),
        ("fourth cumulant", expected[3], result.cumulants[3], result.errors[3]),
    )
    with sheet(4, title, width=3.1) as (figure, axes):
        for axis, (label, line, value, error) in zip(axes, panels, strict=True):
            for p, name in enumerate(ensemble.model.pools):
                style, marks = look(p, name)
                axis.plot(times, line[:, p], **style)
                axis.errorbar(times[shown], value[shown, p], error[shown, p], **marks)
            axis.set_xlabel(f"time ({unit})")
            axis.set_ylabel(label)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")
    return figure


def correlations(result):
    """Draw normalised covariances in time and power spectra beside linear noise.

    Parameters
    ----------
    result : inference.correlations.Correlations

    Returns
    -------
    matplotlib.figure.Figure
        Of every pool with itself, of every pair of pools (the earlier lag is that of the pool
        named first), and the spectra.
    """
    ensemble = result.ensemble
    title = (
        f"{ensemble.model.name} at rest: {ensemble.ntraj} trajectories ± standard error (marks), "
        "linear noise (lines)"
    )
    factor, unit = readable_times(ensemble.times)
    moving = [p for p in range(len(ensemble.model.pools)) if result.covariance[0, p] > 0]
    pairs = list(combinations(moving, 2))
    with sheet(2 + bool(pairs), title) as (figure, axes):
        _decays(axes[0], result, factor, moving)
        if pairs:
            _between(axes[1], result, factor, pairs)
        for axis in axes[:-1]:
            axis.axhline(0, color="0.6", linewidth=0.8)
            axis.set_xlabel(f"lag ({unit})")
        _spectra(axes[-1], result, factor, moving)
        axes[-1].set_xlabel(f"angular frequency (1/{unit})")
        axes[-1].set_ylabel(f"power (quanta² {unit})")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")
    return figure


def _decays(axis, result, factor, moving):
    half = len(result.lags) // 2 + 1  # later lags are averages over few origins
    shown = thinned(half, 25)
    lags = result.lags * factor
    for p in moving:
        scale = result.covariance[0, p]
        style, marks = look(p, result.ensemble.model.pools[p])
        axis.plot(lags[:half], result.expected[:half, p] / scale, **style)
        values, errors = result.covariance[shown, p] / scale, result.error[shown, p] / scale
        axis.errorbar(lags[shown], values, errors, **marks)
    axis.set_ylabel("autocovariance / variance")


def _between(axis, result, factor, pairs):
    """Both orders of each pair on one axis: negative lags are those of the second pool."""
    half = len(result.lags) // 2 + 1
    shown, expected = thinned(half, 12), result.noise.correlation(result.lags[:half])
    names, lags = result.ensemble.model.pools, result.lags * factor
    for k, (p, q) in enumerate(pairs):
        scale = np.sqrt(result.covariance[0, p] * result.covariance[0, q])
        style, marks = look(k, f"{names[q]}(t + lag), {names[p]}(t)")
        for sign, a, b in ((1, q, p), (-1, p, q)):
            axis.plot(sign * lags[:half], expected[:, a, b] / scale, **style)
            values, errors = result.between[shown, a, b], result.between_error[shown, a, b]
            axis.errorbar(sign * lags[shown], values / scale, errors / scale, **marks)
            marks["label"] = None
    axis.set_ylabel("covariance / standard deviations")
    axis.legend(fontsize=7)


def _spectra(axis, result, factor, moving):
    omega = result.frequencies / factor
    for p in moving:
        style, marks = look(p)
        axis.plot(omega, result.expected_power[:, p] * factor, **style)
        axis.errorbar(
            omega, result.power[:, p] * factor, result.power_error[:, p] * factor, **marks
        )
    axis.set_yscale("log")

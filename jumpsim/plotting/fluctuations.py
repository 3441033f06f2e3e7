"""Figures of fluctuations and of their correlations in time."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from ..utils.text import readable_times
from .style import MOST_POOLS, evenly_spaced, of_pools, panel_figure, series_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..analysis.fluctuations.correlations import Correlations
    from ..analysis.fluctuations.cumulants import Fluctuations


def fluctuations(result: Fluctuations) -> Figure:
    """Draw variance, Fano factor, third and fourth cumulant of every pool, with the theory.

    Parameters
    ----------
    result : analysis.fluctuations.cumulants.Fluctuations

    Returns
    -------
    matplotlib.figure.Figure
        Lines are the master equation or, for large systems, linear noise, whose third and fourth
        cumulants vanish because it is Gaussian.
    """
    ensemble = result.ensemble
    theory = "linear noise" if result.exact is None else "master equation"
    title = (
        f"{ensemble.model.name}: {ensemble.ntraj} trajectories ± standard error (markers), "
        f"{theory} (lines){of_pools(ensemble.model.pools)}"
    )
    factor, unit = readable_times(ensemble.times)
    times, shown = ensemble.times * factor, evenly_spaced(len(ensemble.times), 25)
    expected = result.expected
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = expected[1] / expected[0]
    panels = (
        ("variance of the count", expected[1], result.cumulants[1], result.errors[1]),
        ("Fano factor (variance / mean)", ratio, result.fano, result.fano_error),
        ("third cumulant", expected[2], result.cumulants[2], result.errors[2]),
        ("fourth cumulant", expected[3], result.cumulants[3], result.errors[3]),
    )
    with panel_figure(4, title, width=3.1) as (figure, axes):
        for axis, (label, line, value, error) in zip(axes, panels, strict=True):
            for p, name in enumerate(ensemble.model.pools[:MOST_POOLS]):
                style, marks = series_style(p, name)
                axis.plot(times, line[:, p], **style)
                axis.errorbar(times[shown], value[shown, p], error[shown, p], **marks)
            axis.set_xlabel(f"time ({unit})")
            axis.set_ylabel(label)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")
    return figure


def correlations(result: Correlations) -> Figure:
    """Draw normalised time correlations and power spectra, with linear noise.

    Parameters
    ----------
    result : analysis.fluctuations.correlations.Correlations

    Returns
    -------
    matplotlib.figure.Figure
        Autocovariances of every pool, cross-covariances of every pair of pools, and spectra.
    """
    ensemble = result.ensemble
    title = (
        f"{ensemble.model.name} in the steady state: {ensemble.ntraj} trajectories ± standard "
        f"error (markers), linear noise (lines){of_pools(ensemble.model.pools)}"
    )
    factor, unit = readable_times(ensemble.times)
    number = min(len(ensemble.model.pools), MOST_POOLS)
    varying = [p for p in range(number) if result.covariance[0, p] > 0]
    pairs = list(combinations(varying, 2))
    with panel_figure(2 + bool(pairs), title) as (figure, axes):
        _autocovariances(axes[0], result, factor, varying)
        if pairs:
            _cross_covariances(axes[1], result, factor, pairs)
        for axis in axes[:-1]:
            axis.axhline(0, color="0.6", linewidth=0.8)
            axis.set_xlabel(f"lag ({unit})")
        _spectra(axes[-1], result, factor, varying)
        axes[-1].set_xlabel(f"angular frequency (1/{unit})")
        axes[-1].set_ylabel(f"power (quanta² {unit})")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")
    return figure


def _autocovariances(axis: Axes, result: Correlations, factor: float, varying: list[int]) -> None:
    half = len(result.lags) // 2 + 1  # longer lags are averages over few time origins
    shown = evenly_spaced(half, 25)
    lags = result.lags * factor
    for p in varying:
        scale = result.covariance[0, p]
        style, marks = series_style(p, result.ensemble.model.pools[p])
        axis.plot(lags[:half], result.expected[:half, p] / scale, **style)
        values, errors = result.covariance[shown, p] / scale, result.error[shown, p] / scale
        axis.errorbar(lags[shown], values, errors, **marks)
    axis.set_ylabel("autocovariance / variance")


def _cross_covariances(
    axis: Axes, result: Correlations, factor: float, pairs: list[tuple[int, int]]
) -> None:
    """Cross-covariances of each pair on one axis; negative lags exchange the two pools."""
    half = len(result.lags) // 2 + 1
    shown, expected = evenly_spaced(half, 12), result.expected_between[:half]
    names, lags = result.ensemble.model.pools, result.lags * factor
    for k, (p, q) in enumerate(pairs):
        scale = np.sqrt(result.covariance[0, p] * result.covariance[0, q])
        style, marks = series_style(k, f"{names[q]}(t + lag), {names[p]}(t)")
        for sign, a, b in ((1, q, p), (-1, p, q)):
            axis.plot(sign * lags[:half], expected[:, a, b] / scale, **style)
            values, errors = result.between[shown, a, b], result.between_error[shown, a, b]
            axis.errorbar(sign * lags[shown], values / scale, errors / scale, **marks)
            marks["label"] = None
    axis.set_ylabel("covariance / product of standard deviations")
    axis.legend(fontsize=7)


def _spectra(axis: Axes, result: Correlations, factor: float, varying: list[int]) -> None:
    omega = result.frequencies / factor
    for p in varying:
        style, marks = series_style(p)
        axis.plot(omega, result.expected_power[:, p] * factor, **style)
        axis.errorbar(
            omega, result.power[:, p] * factor, result.power_error[:, p] * factor, **marks
        )
    axis.set_yscale("log")

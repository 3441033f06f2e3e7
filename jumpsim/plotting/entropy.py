"""Figures of entropy production and of the second law along single trajectories."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..utils.text import readable_times, with_error
from .style import LINES, escaped_name, evenly_spaced, legend, panel_figure, series_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..analysis.entropy.clausius import Clausius
    from ..analysis.entropy.demon import Demon
    from ..analysis.entropy.fluctuation_theorem import FluctuationTheorem

_CLASSES = 40


def clausius(result: Clausius) -> Figure:
    """Draw the fraction of trajectories with negative entropy production against system size.

    Parameters
    ----------
    result : analysis.entropy.clausius.Clausius

    Returns
    -------
    matplotlib.figure.Figure
        For each family of systems, histograms of the entropy production divided by the system
        size; in the last panel the fraction of trajectories with negative entropy production.
    """
    run = result.families[0][0]
    factor, unit = readable_times(np.array([run.begin, run.end]))
    title = (
        f"internal entropy production of single trajectories, {run.begin * factor:g} to "
        f"{run.end * factor:g} {unit}"
    )
    with panel_figure(len(result.families) + 1, title) as (figure, axes):
        for f, axis in enumerate(axes[:-1]):
            _histograms(axis, result, f)
        for f, runs in enumerate(result.families):
            part, low, high = np.array([run.decreasing for run in runs]).T
            sizes = [run.size for run in runs]
            style, marks = series_style(f, escaped_name(result.label(f), 30))
            axes[-1].errorbar(sizes, part, [part - low, high - part], **marks)
            axes[-1].plot(sizes, part, **style)
        axes[-1].axhline(0.5, color="0.6", linewidth=0.8)
        axes[-1].set_xscale("log")
        axes[-1].set_ylim(-0.04, 1.04)
        axes[-1].set_xlabel("system size (number of TLS or modes)")
        axes[-1].set_ylabel("fraction with negative entropy production")
        axes[-1].legend(loc="center right", bbox_to_anchor=(1.0, 0.66))
    return figure


def _histograms(axis: Axes, result: Clausius, family: int) -> None:
    runs = result.families[family]
    # Small systems have few values of the entropy; their high peaks would hide the others.
    shown = [runs[k] for k in evenly_spaced(len(runs), 5)]
    shown = shown[len(shown) > 3 :]
    every = np.concatenate([run.produced / run.size for run in shown])
    low, high = np.quantile(every, [0.002, 0.998])
    if not high > low:
        low, high = low - 0.5, low + 0.5
    edges = np.linspace(low, high, _CLASSES + 1)
    for k, run in enumerate(shown):
        density, _ = np.histogram(run.produced / run.size, edges, density=True)
        shade = str(0.75 * (1 - (k + 1) / len(shown)))
        axis.stairs(density, edges, color=shade, linestyle=LINES[k], label=f"size {run.size:g}")
    axis.axvline(0, color="0.6", linewidth=0.8)
    axis.set_yticks([])
    axis.set_xlabel("entropy production / size ($k_B$)")
    axis.set_ylabel(f"probability density, {escaped_name(result.label(family), 30)}")
    axis.legend(fontsize=7)


def fluctuation_theorem(result: FluctuationTheorem) -> Figure:
    """Draw the integral fluctuation theorem against time and the detailed one at a late time.

    Parameters
    ----------
    result : analysis.entropy.fluctuation_theorem.FluctuationTheorem

    Returns
    -------
    matplotlib.figure.Figure
    """
    ensemble = result.ensemble
    title = f"fluctuation theorem: {ensemble.ntraj} trajectories of {ensemble.model.name}"
    with panel_figure(3, title) as (figure, axes):
        _integral(axes[0], result)
        decided = np.flatnonzero(result.decided)
        k = int(decided[-1]) if len(decided) else len(ensemble.times) - 1
        _frequencies(axes[1], result, k)
        _detailed(axes[2], result, k)
    return figure


def _integral(axis: Axes, result: FluctuationTheorem) -> None:
    factor, unit = readable_times(result.ensemble.times)
    times, decided = result.ensemble.times * factor, result.decided
    style, marks = series_style(0, r"$\langle e^{-\Sigma}\rangle$")
    axis.errorbar(times[decided], result.average[decided], result.error[decided], **marks)
    if result.exact is not None:
        axis.plot(times, result.exact, label="master equation", **style)
    if result.lost[:, 0].any():
        style, _ = series_style(1)
        axis.plot(times, 1 - result.lost[:, 0], label="1 - irreversible fraction", **style)
    axis.axhline(1, color="0.6", linewidth=0.8)
    axis.set_xlabel(f"time ({unit})")
    axis.set_ylabel("exponential average")
    legend(axis)


def _frequencies(axis: Axes, result: FluctuationTheorem, k: int) -> None:
    sigma = result.production[:, k]
    sigma = sigma[np.isfinite(sigma)]
    factor, unit = readable_times(result.ensemble.times)
    if len(sigma):
        low, high = np.quantile(sigma, [0.0005, 0.9995])
        edges = np.linspace(low, high if high > low else low + 1, _CLASSES + 1)
        density, _ = np.histogram(sigma, edges, density=True)
        axis.stairs(density, edges, color="black", fill=False)
    axis.axvline(0, color="0.6", linewidth=0.8)
    axis.set_xlabel(r"$\Sigma$ ($k_B$)")
    axis.set_ylabel(f"probability density at {result.ensemble.times[k] * factor:.4g} {unit}")


def _detailed(axis: Axes, result: FluctuationTheorem, k: int) -> None:
    """Logarithm of P(Σ)/P(-Σ) in classes of |Σ| with equal numbers of trajectories."""
    sigma = result.production[:, k]
    sigma = sigma[np.isfinite(sigma) & (np.abs(sigma) > 1e-12)]
    size = np.abs(sigma).round(9)  # equal values, up to rounding, belong to one class
    edges = np.empty(0)
    if len(size):
        edges = np.unique(np.quantile(size, np.linspace(0, 1, 16), method="lower"))
    place = np.searchsorted(edges, size)
    for c in range(len(edges)):
        up, down = (sigma[place == c] > 0).sum(), (sigma[place == c] < 0).sum()
        if min(up, down) >= 5:
            ratio, error = np.log(up / down), np.sqrt(1 / up + 1 / down)
            axis.errorbar(size[place == c].mean(), ratio, error, **series_style(0)[1])
    if len(edges):
        axis.plot([0, edges[-1]], [0, edges[-1]], color="black", label="slope 1")
    if np.isfinite(result.slope[k]):
        fit = f"fit: {with_error(result.slope[k], result.slope_error[k], '.3f', '.3f')}"
        axis.plot([], [], linestyle="none", label=fit)
    axis.set_xlabel(r"$\Sigma$ ($k_B$)")
    axis.set_ylabel(r"$\ln P(\Sigma)/P(-\Sigma)$")
    if axis.get_legend_handles_labels()[0]:
        legend(axis)


def demon(result: Demon) -> Figure:
    """Draw the photon imbalance of asymmetric loops, their entropy deficit and fluctuations.

    Parameters
    ----------
    result : analysis.entropy.demon.Demon

    Returns
    -------
    matplotlib.figure.Figure
        Against the asymmetry γ̃_2/γ̃_1: ⟨N_B - N_A⟩, entropy deficit, standard deviation of
        N_B - N_A; lines are the rate equations and linear noise.
    """
    runs = result.runs
    x = [run.asymmetry for run in runs]
    expected = np.array([run.expected for run in runs])
    panels = (
        (f"⟨{runs[0].difference}⟩", "sorted_photons", "sorted_error", expected[:, 0]),
        ("entropy deficit ($k_B$)", "deficit", "deficit_error", expected[:, 2]),
        (f"standard deviation of {runs[0].difference}", "spread", "spread_error", expected[:, 1]),
    )
    title = (
        f"{runs[0].ensemble.model.name} in the steady state: trajectories (markers), rate "
        "equations and linear noise (lines)"
    )
    with panel_figure(3, title) as (figure, axes):
        for k, (axis, (label, value, error, line)) in enumerate(zip(axes, panels, strict=True)):
            style, marks = series_style(k)
            axis.errorbar(
                x, [getattr(r, value) for r in runs], [getattr(r, error) for r in runs], **marks
            )
            axis.plot(x, line, **style)
            axis.set_xlim(1.04, -0.04)
            axis.set_xlabel(r"$\tilde\gamma_2/\tilde\gamma_1$ (1: reciprocal, 0: chiral)")
            axis.set_ylabel(label)
    return figure

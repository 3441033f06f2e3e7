"""Figures of the second law along trajectories."""

import numpy as np

from ..utils.text import readable_times
from .style import LINES, look, plain, sheet, thinned

_CLASSES = 40


def clausius(result):
    """Draw how often entropy falls: two families of systems, as they grow.

    Parameters
    ----------
    result : inference.clausius.Clausius

    Returns
    -------
    matplotlib.figure.Figure
        For each family the histograms of the entropy produced, divided by the size; then the
        fraction of trajectories that lose entropy, against the size.
    """
    run = result.families[0][0]
    factor, unit = readable_times(np.array([run.begin, run.end]))
    title = (
        f"entropy produced within single trajectories, {run.begin * factor:g} to "
        f"{run.end * factor:g} {unit}"
    )
    with sheet(len(result.families) + 1, title) as (figure, axes):
        for f, axis in enumerate(axes[:-1]):
            _histograms(axis, result, f)
        for f, runs in enumerate(result.families):
            part, low, high = np.array([run.falling for run in runs]).T
            sizes = [run.size for run in runs]
            style, marks = look(f, plain(result.label(f), 30))
            axes[-1].errorbar(sizes, part, [part - low, high - part], **marks)
            axes[-1].plot(sizes, part, **style)
        axes[-1].axhline(0.5, color="0.6", linewidth=0.8)
        axes[-1].set_xscale("log")
        axes[-1].set_ylim(-0.04, 1.04)
        axes[-1].set_xlabel("size (two-level systems or modes)")
        axes[-1].set_ylabel("trajectories that lose entropy")
        axes[-1].legend(loc="center right", bbox_to_anchor=(1.0, 0.66))
    return figure


def _histograms(axis, result, family):
    runs = result.families[family]
    # The smallest system's entropy takes a few values only, which hide the others.
    shown = [runs[k] for k in thinned(len(runs), 5)]
    shown = shown[len(shown) > 3 :]
    every = np.concatenate([run.produced / run.size for run in shown])
    edges = np.linspace(*np.quantile(every, [0.002, 0.998]), _CLASSES + 1)
    if not edges[-1] > edges[0]:
        edges = np.linspace(edges[0] - 0.5, edges[0] + 0.5, _CLASSES + 1)
    for k, run in enumerate(shown):
        density, _ = np.histogram(run.produced / run.size, edges, density=True)
        shade = str(0.75 * (1 - (k + 1) / len(shown)))
        axis.stairs(density, edges, color=shade, linestyle=LINES[k], label=f"size {run.size:g}")
    axis.axvline(0, color="0.6", linewidth=0.8)
    axis.set_yticks([])
    axis.set_xlabel("entropy produced / size ($k_B$)")
    axis.set_ylabel(f"frequency, {plain(result.label(family), 30)}")
    axis.legend(fontsize=7)


def theorem(result):
    """Draw the integral theorem against time, and the detailed one at the last decided time.

    Parameters
    ----------
    result : inference.theorem.FluctuationTheorem

    Returns
    -------
    matplotlib.figure.Figure
    """
    ensemble = result.ensemble
    title = f"fluctuation theorem: {ensemble.ntraj} trajectories of {ensemble.model.name}"
    with sheet(3, title) as (figure, axes):
        _integral(axes[0], result)
        decided = np.flatnonzero(result.decided)
        k = int(decided[-1]) if len(decided) else len(ensemble.times) - 1
        _frequencies(axes[1], result, k)
        _detailed(axes[2], result, k)
    return figure


def _integral(axis, result):
    factor, unit = readable_times(result.ensemble.times)
    times, decided = result.ensemble.times * factor, result.decided
    style, marks = look(0, r"$\langle e^{-\Sigma}\rangle$")
    axis.errorbar(times[decided], result.average[decided], result.error[decided], **marks)
    if result.exact is not None:
        axis.plot(times, result.exact, label="master equation", **style)
    if result.lost[:, 0].any():
        style, _ = look(1)
        axis.plot(times, 1 - result.lost[:, 0], label="1 - part without reverse", **style)
    axis.axhline(1, color="0.6", linewidth=0.8)
    axis.set_xlabel(f"time ({unit})")
    axis.set_ylabel("exponential average")
    axis.legend()


def _frequencies(axis, result, k):
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
    axis.set_ylabel(f"frequency at {result.ensemble.times[k] * factor:.4g} {unit}")


def _detailed(axis, result, k):
    """Log ratio of frequencies of Σ and -Σ in classes of equal numbers."""
    sigma = result.production[:, k]
    sigma = sigma[np.isfinite(sigma) & (np.abs(sigma) > 1e-12)]
    size = np.abs(sigma).round(9)  # equal heats, equal up to rounding, stay together
    edges = np.unique(np.quantile(size, np.linspace(0, 1, 16), method="lower")) if len(size) else []
    place = np.searchsorted(edges, size)
    for c in range(len(edges)):
        up, down = (sigma[place == c] > 0).sum(), (sigma[place == c] < 0).sum()
        if min(up, down) >= 5:
            ratio, error = np.log(up / down), np.sqrt(1 / up + 1 / down)
            axis.errorbar(size[place == c].mean(), ratio, error, **look(0)[1])
    if len(edges):
        axis.plot([0, edges[-1]], [0, edges[-1]], color="black", label="slope 1")
    if np.isfinite(result.slope[k]):
        told = f"fit: {result.slope[k]:.3f} ± {result.slope_error[k]:.3f}"
        axis.plot([], [], linestyle="none", label=told)
    axis.set_xlabel(r"$\Sigma$ ($k_B$)")
    axis.set_ylabel(r"$\ln P(\Sigma)/P(-\Sigma)$")
    if axis.get_legend_handles_labels()[0]:
        axis.legend()


def demon(result):
    """Draw what loops of different asymmetry sort, the entropy it costs, and how they fluctuate.

    Parameters
    ----------
    result : inference.demon.Demon

    Returns
    -------
    matplotlib.figure.Figure
        Lines are the rate equations and linear noise at the same asymmetries.
    """
    runs = result.runs
    x = [run.asymmetry for run in runs]
    expected = np.array([run.expected for run in runs])
    panels = (
        (r"$\langle N_B - N_A\rangle$", "sorted_photons", "sorted_error", expected[:, 0]),
        ("entropy deficit ($k_B$)", "deficit", "deficit_error", expected[:, 2]),
        (r"standard deviation of $N_B - N_A$", "spread", "spread_error", expected[:, 1]),
    )
    title = f"{runs[0].ensemble.model.name} at rest: trajectories (marks), rate equations and noise"
    with sheet(3, title) as (figure, axes):
        for k, (axis, (label, value, error, line)) in enumerate(zip(axes, panels, strict=True)):
            style, marks = look(k)
            axis.errorbar(
                x, [getattr(r, value) for r in runs], [getattr(r, error) for r in runs], **marks
            )
            axis.plot(x, line, **style)
            axis.set_xlim(1.04, -0.04)
            axis.set_xlabel(r"$\tilde\gamma_2/\tilde\gamma_1$ (1: reciprocal, 0: chiral)")
            axis.set_ylabel(label)
    return figure

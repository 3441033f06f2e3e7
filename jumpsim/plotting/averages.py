"""Figure of ensemble averages and the rate equations (black lines)."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, cast

import numpy as np

from .. import thermo
from ..utils.text import readable_times
from .style import (
    COLOURS,
    LINES,
    MARKERS,
    MOST_POOLS,
    STYLE,
    indexed_symbol,
    legend,
    of_pools,
    wrapped_title,
)
from .twolevel import density_matrix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from ..analysis.averages.density_matrix import DensityMatrixComparison
    from ..analysis.averages.rate_equations import Comparison
    from ..model.declaration import Pool

_MAX_MARKERS = 30  # more would overlap


def compare(result: Comparison | DensityMatrixComparison) -> Figure:
    """Draw ensemble averages and the rate equations, or, for quantum jumps, the density matrix.

    The upper panels show for every pool the average count with its standard error, the standard
    deviation of single trajectories, the rate equations and, below, the residuals in standard
    errors. The lower panels show the local temperatures (BM Fig. 2) and the occupations per mode
    on a logarithmic axis (BM Fig. 3). Of more than 12 pools, the first ones are shown.

    Parameters
    ----------
    result : Comparison or DensityMatrixComparison
        Result of `jumpsim.compare`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    model = result.ensemble.model
    if not model.has_rates:
        return density_matrix(cast("DensityMatrixComparison", result))
    result = cast("Comparison", result)
    pools = min(MOST_POOLS, len(model.pools))
    columns = min(3, pools)
    rows = -(-pools // columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.5 * columns, 3.1 * rows + 3.2), layout="constrained")
        upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=(3.1 * rows, 3.2))[:, 0]
        axes = upper.subplots(2 * rows, columns, sharex=True, squeeze=False,
                              height_ratios=[2.6, 1] * rows)  # fmt: skip
        for p in range(rows * columns):
            pair = axes[2 * (p // columns) : 2 * (p // columns) + 2, p % columns]
            if p < pools:
                _pool_panel(pair[0], pair[1], result, p)
            else:
                for axis in pair:
                    axis.set_axis_off()
        warm = any(pool.kind != "mass_action" for pool in model.pool_specs[:pools])
        below = lower.subplots(1, 1 + warm, squeeze=False)[0]
        if warm:
            _temperature_panel(below[0], result, _letter(pools))
        _occupation_panel(below[-1], result, _letter(pools + warm))
        ensemble = result.ensemble
        title = (
            f"{model.name}: {ensemble.ntraj} trajectories of single events, seed {ensemble.seed}"
            f"{of_pools(model.pools)}"
        )
        figure.legend(
            *axes[0, 0].get_legend_handles_labels(),
            title=wrapped_title(
                title, 0.8 * figure.get_figwidth()
            ),  # the font of the legend's title is larger
            title_fontsize=11,
            loc="outside upper center",
            ncols=3,
        )
    return figure


def _pool_panel(above: Axes, below: Axes, result: Comparison, p: int) -> None:
    times, fine, _ = _times(result)
    model = result.ensemble.model
    pool = model.pool_specs[p]
    mean, sem = result.mean[:, p], result.sem[:, p]
    spread = result.spread[:, p]
    marked = _marked_times(result)
    above.fill_between(
        times, np.maximum(mean - spread, 0), mean + spread,
        color="0.85", linewidth=0, label="± one standard deviation",
    )  # fmt: skip
    above.errorbar(
        times[marked], mean[marked], sem[marked],
        fmt=MARKERS[0], color=COLOURS[0], mfc="white", label="average ± standard error",
    )  # fmt: skip
    above.plot(fine, result.curve.counts[:, p], color="black", label="rate equations")
    above.set_ylim(bottom=0)
    label = {"tls": "excited TLS", "mass_action": f"count of {pool.name}"}
    above.set_ylabel(label.get(pool.kind, f"quanta in {pool.name}"))
    above.set_title(f"{_letter(p)} {_pool_title(pool)}", loc="left")
    below.axhspan(-1, 1, color="0.9", linewidth=0)
    below.axhline(0, color="black", linewidth=0.8)
    below.plot(times, result.residuals[:, p], ".", color=COLOURS[0], markersize=3)
    for sign in (-1, 1):
        below.axhline(sign * result.threshold, color="0.4", linewidth=0.8, linestyle=":")
    largest = np.nanmax(np.abs(result.residuals), initial=result.threshold)
    below.set_ylim(-1.15 * largest, 1.15 * largest)
    below.set_ylabel("residual (s.e.)")
    _time_axis(below, result)


def _temperature_panel(axis: Axes, result: Comparison, letter: str) -> None:
    """Local temperatures, or their inverses when a TLS pool is inverted and T diverges."""
    times, fine, _ = _times(result)
    model = result.ensemble.model
    factor, name = thermo.temperature_unit(model)
    mean, error = thermo.temperatures(model, result.mean, result.sem)
    theory = thermo.temperatures(model, result.curve.counts)
    inverted = bool((theory < 0).any())
    if inverted:
        with np.errstate(divide="ignore", invalid="ignore"):
            mean, error, theory, factor = 1 / mean, error / mean**2, 1 / theory, 1.0
    marked = _marked_times(result)
    for p, pool in enumerate(model.pool_specs[:MOST_POOLS]):
        if pool.kind == "mass_action":
            continue
        label = indexed_symbol("T", "TLS" if pool.kind == "tls" else pool.name)
        axis.plot(fine, factor * theory[:, p], color=COLOURS[p % 6], linestyle=LINES[p % 6])
        axis.errorbar(
            times[marked], factor * mean[marked, p], factor * error[marked, p],
            fmt=MARKERS[p % 6], color=COLOURS[p % 6], mfc="white", linestyle="none", label=label,
        )  # fmt: skip
    _time_axis(axis, result)
    if inverted:
        axis.axhline(0, color="0.6", linewidth=0.8)
        axis.set_ylabel(r"inverse temperature ($\hbar\Omega/k_B T$)")
        axis.set_title(f"{letter} inverse local temperatures", loc="left")
    else:
        axis.set_ylim(bottom=0)
        axis.set_ylabel(f"temperature ({name.replace('ħΩ/k_B', '$ħΩ/k_B$')})")
        axis.set_title(f"{letter} local temperatures", loc="left")
    legend(axis)


def _occupation_panel(axis: Axes, result: Comparison, letter: str) -> None:
    times, fine, _ = _times(result)
    model = result.ensemble.model
    marked = _marked_times(result)
    for p, pool in enumerate(model.pool_specs[:MOST_POOLS]):
        size = pool.size or 1
        mean, error = result.mean[:, p] / size, result.sem[:, p] / size
        positive = mean > 0
        axis.plot(
            fine, result.curve.counts[:, p] / size,
            color=COLOURS[p % 6], linestyle=LINES[p % 6],
        )  # fmt: skip
        shown = marked[positive[marked]]
        # An error bar that reaches zero cannot be drawn on a logarithmic axis.
        low = np.minimum(error[shown], 0.9 * mean[shown])
        axis.errorbar(
            times[shown], mean[shown], [low, error[shown]],
            fmt=MARKERS[p % 6], color=COLOURS[p % 6], mfc="white", label=_occupation(pool),
        )  # fmt: skip
    axis.set_yscale("log")
    _time_axis(axis, result)
    what = "occupation" if all(pool.size for pool in model.pool_specs) else "count"
    axis.set_ylabel(f"mean {what}")
    axis.set_title(f"{letter} {what}s, logarithmic", loc="left")
    legend(axis)


def _letter(panel: int) -> str:
    return f"({string.ascii_lowercase[panel % 26]})"


def _occupation(pool: Pool) -> str:
    if pool.kind == "bosonic":
        return indexed_symbol("n", pool.name)
    label = f"{pool.name}/{pool.size}" if pool.size else pool.name
    return f" {label}" if label.startswith("_") else label  # else not in the legend


def _pool_title(pool: Pool) -> str:
    if pool.kind == "bosonic":
        return f"{pool.name}: reservoir, {pool.size:g} modes"
    if pool.kind == "tls":
        return f"{pool.name}: {pool.size} two-level systems"
    return pool.name


def _times(result: Comparison) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
    factor, unit = readable_times(result.ensemble.times)
    return result.ensemble.times * factor, result.curve.times * factor, unit


def _linear_width(result: Comparison) -> float | None:
    """Time up to which the time axis is linear; later it is logarithmic. None: linear throughout.

    The axis is logarithmic when half of the total change of the counts happens in the first tenth
    of the window.
    """
    _, fine, _ = _times(result)
    counts = result.curve.counts
    variation = np.abs(np.diff(counts, axis=0)) / np.maximum(np.ptp(counts, axis=0), 1e-300)
    share = np.cumsum(variation.sum(axis=1)) / max(variation.sum(), 1e-300)
    early = fine[1:][np.searchsorted(share, 0.5)] if variation.sum() > 0 else 0
    return float(10 ** np.round(np.log10(2 * early))) if 0 < early < 0.1 * fine[-1] else None


def _time_axis(axis: Axes, result: Comparison) -> None:
    _, fine, unit = _times(result)
    axis.set_xlabel(f"time ({unit})")
    width = _linear_width(result)
    if width is None:
        return
    axis.set_xscale("asinh", linear_width=width)
    steps = (1, 2, 5) if fine[-1] < 200 * width else (1,)
    ticks = [0, *(s * width * 10.0**k for k in range(8) for s in steps)]
    ticks = [t for t in ticks if t <= fine[-1] * 1.001]
    axis.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axis.set_xticks([], minor=True)
    axis.set_xlim(-0.02 * width, 1.03 * fine[-1])
    axis.set_xlabel(f"time ({unit}), logarithmic beyond {width:g}")


def _marked_times(result: Comparison) -> NDArray[np.int64]:
    """Indices of the stored times that get a marker, evenly spaced along the axis."""
    times, _, _ = _times(result)
    width = _linear_width(result)
    places = times if width is None else np.arcsinh(times / width)
    wanted = np.linspace(places[0], places[-1], _MAX_MARKERS)
    return np.unique(np.abs(places[:, None] - wanted).argmin(axis=0))

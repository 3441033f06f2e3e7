"""Ensemble averages beside the rate equations: black lines are the rate equations."""

import numpy as np

from .. import thermo
from ..utils.text import readable_times
from .style import COLOURS, LINES, MARKS, STYLE, titled, upright
from .twolevel import density_matrix

_MOST_MARKS = 30  # more would touch each other


def comparison(result):
    """Draw an ensemble against the rate equations; quantum jumps against the density matrix.

    Above, for every pool, the average count with its standard error, the spread of single
    trajectories (one standard deviation), the rate equations, and underneath the residuals in
    standard errors. Below, the local temperatures (BM Fig. 2) and the occupations per mode on a
    logarithmic axis (BM Fig. 3).

    Parameters
    ----------
    result : inference.compare.Comparison or inference.densitymatrix.DensityMatrixComparison

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    model = result.ensemble.model
    if model.sampled == "expect":
        return density_matrix(result)
    columns = min(3, len(model.pools))
    rows = -(-len(model.pools) // columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.5 * columns, 3.1 * rows + 3.2), layout="constrained")
        upper, lower = figure.subfigures(2, 1, height_ratios=(3.1 * rows, 3.2))
        axes = upper.subplots(2 * rows, columns, sharex=True, squeeze=False,
                              height_ratios=[2.6, 1] * rows)  # fmt: skip
        for p in range(rows * columns):
            pair = axes[2 * (p // columns) : 2 * (p // columns) + 2, p % columns]
            if p < len(model.pools):
                _pool_panel(*pair, result, p)
            else:
                for axis in pair:
                    axis.set_axis_off()
        left, right = lower.subplots(1, 2)
        _temperature_panel(left, result)
        _occupation_panel(right, result)
        ensemble = result.ensemble
        title = (
            f"{model.name}: {ensemble.ntraj} trajectories of single events, seed {ensemble.seed}"
        )
        figure.legend(
            *axes[0, 0].get_legend_handles_labels(),
            title=titled(title, 0.8 * figure.get_figwidth()),  # larger letters
            title_fontsize=11,
            loc="outside upper center",
            ncols=3,
        )
    return figure


def _pool_panel(above, below, result, p):
    times, fine, _ = _times(result)
    model = result.ensemble.model
    pool = model.pool_specs[p]
    mean, sem = result.mean[:, p], result.sem[:, p]
    spread = result.spread[:, p]
    few = _thinned(result)
    above.fill_between(
        times, np.maximum(mean - spread, 0), mean + spread,
        color="0.85", linewidth=0, label="± one standard deviation",
    )  # fmt: skip
    above.errorbar(
        times[few], mean[few], sem[few],
        fmt=MARKS[0], color=COLOURS[0], mfc="white", label="average ± standard error",
    )  # fmt: skip
    above.plot(fine, result.curve.counts[:, p], color="black", label="rate equations")
    above.set_ylim(bottom=0)
    above.set_ylabel("excited TLS" if pool.kind == "tls" else f"quanta in {pool.name}")
    above.set_title(_pool_title(pool), loc="left")
    below.axhspan(-1, 1, color="0.9", linewidth=0)
    below.axhline(0, color="black", linewidth=0.8)
    below.plot(times, result.residuals[:, p], ".", color=COLOURS[0], markersize=3)
    for sign in (-1, 1):
        below.axhline(sign * result.threshold, color="0.4", linewidth=0.8, linestyle=":")
    largest = np.nanmax(np.abs(result.residuals), initial=result.threshold)
    below.set_ylim(-1.15 * largest, 1.15 * largest)
    below.set_ylabel("residual (s.e.)")
    _time_axis(below, result)


def _temperature_panel(axis, result):
    """Local temperatures; inverse ones when a TLS pool is inverted, because T diverges there."""
    times, fine, _ = _times(result)
    model = result.ensemble.model
    factor, name = thermo.temperature_unit(model)
    mean, error = thermo.temperatures(model, result.mean, result.sem)
    theory = thermo.temperatures(model, result.curve.counts)
    inverted = bool((theory < 0).any())
    if inverted:
        with np.errstate(divide="ignore", invalid="ignore"):
            mean, error, theory, factor = 1 / mean, error / mean**2, 1 / theory, 1.0
    few = _thinned(result)
    for p, pool in enumerate(model.pool_specs):
        if pool.kind == "mass_action":
            continue
        label = upright("T", "TLS" if pool.kind == "tls" else pool.name)
        axis.plot(fine, factor * theory[:, p], color=COLOURS[p % 6], linestyle=LINES[p % 6])
        axis.errorbar(
            times[few], factor * mean[few, p], factor * error[few, p],
            fmt=MARKS[p % 6], color=COLOURS[p % 6], mfc="white", linestyle="none", label=label,
        )  # fmt: skip
    _time_axis(axis, result)
    if inverted:
        axis.axhline(0, color="0.6", linewidth=0.8)
        axis.set_ylabel(r"inverse temperature ($\hbar\Omega/k_B T$)")
        axis.set_title("inverse local temperatures", loc="left")
    else:
        axis.set_ylim(bottom=0)
        axis.set_ylabel(f"temperature ({name.replace('ħΩ/k_B', '$ħΩ/k_B$')})")
        axis.set_title("local temperatures", loc="left")
    axis.legend()


def _occupation_panel(axis, result):
    times, fine, _ = _times(result)
    model = result.ensemble.model
    few = _thinned(result)
    for p, pool in enumerate(model.pool_specs):
        size = pool.size or 1
        mean, error = result.mean[:, p] / size, result.sem[:, p] / size
        seen = mean > 0
        axis.plot(
            fine, result.curve.counts[:, p] / size,
            color=COLOURS[p % 6], linestyle=LINES[p % 6],
        )  # fmt: skip
        shown = few[seen[few]]
        # A bar down to nothing would leave the logarithmic axis.
        low = np.minimum(error[shown], 0.9 * mean[shown])
        axis.errorbar(
            times[shown], mean[shown], [low, error[shown]],
            fmt=MARKS[p % 6], color=COLOURS[p % 6], mfc="white", label=_occupation(pool),
        )  # fmt: skip
    axis.set_yscale("log")
    _time_axis(axis, result)
    axis.set_ylabel("mean occupation")
    axis.set_title("occupations, logarithmic", loc="left")
    axis.legend()


def _occupation(pool):
    if pool.kind == "bosonic":
        return upright("n", pool.name)
    label = f"{pool.name}/{pool.size}" if pool.size else pool.name
    return f" {label}" if label.startswith("_") else label  # else the legend leaves it out


def _pool_title(pool):
    if pool.kind == "bosonic":
        return f"{pool.name}: reservoir, {pool.size:g} modes"
    if pool.kind == "tls":
        return f"{pool.name}: {pool.size} two-level systems"
    return pool.name


def _times(result):
    factor, unit = readable_times(result.ensemble.times)
    return result.ensemble.times * factor, result.curve.times * factor, unit


def _linear_width(result):
    """Time up to which the axis is linear, logarithmic later; None for a linear axis.

    Logarithmic where half of all change happens in the first tenth of the window.
    """
    _, fine, _ = _times(result)
    counts = result.curve.counts
    way = np.abs(np.diff(counts, axis=0)) / np.maximum(np.ptp(counts, axis=0), 1e-300)
    share = np.cumsum(way.sum(axis=1)) / max(way.sum(), 1e-300)
    early = fine[1:][np.searchsorted(share, 0.5)] if way.sum() > 0 else 0
    return 10 ** np.round(np.log10(2 * early)) if 0 < early < 0.1 * fine[-1] else None


def _time_axis(axis, result):
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


def _thinned(result):
    """Indices of the marks: all of a few times, chosen evenly along the axis from many."""
    times, _, _ = _times(result)
    width = _linear_width(result)
    places = times if width is None else np.arcsinh(times / width)
    wanted = np.linspace(places[0], places[-1], _MOST_MARKS)
    return np.unique(np.abs(places[:, None] - wanted).argmin(axis=0))

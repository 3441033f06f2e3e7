"""Figures of quantum jumps: averages and the density matrix, and their thermodynamics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..statistics.intervals import proportion_interval
from ..utils.tables import log_spaced_rows
from ..utils.text import readable_times
from .style import COLOURS, evenly_spaced, legend, panel_figure, series_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..analysis.averages.density_matrix import DensityMatrixComparison
    from ..analysis.entropy.twolevel import LevelThermodynamics
    from ..analysis.events.rabi_onset import RabiOnset
    from ..systems.twolevel.quantum_jumps import TwoLevel

_MAX_MARKERS = 30
_SHOWN = 3  # number of single trajectories
_MIN_COUNTS = 20  # number of trajectories from which P(N) and P(-N) are estimated


def density_matrix(result: DensityMatrixComparison) -> Figure:
    """Draw averages of quantum jumps, the density matrix and single trajectories.

    Parameters
    ----------
    result : analysis.averages.density_matrix.DensityMatrixComparison

    Returns
    -------
    matplotlib.figure.Figure
        Occupations, photon number, and real and imaginary part of the coherence; the net emission
        rate R is twice the coupling times the imaginary part.
    """
    ensemble = result.ensemble
    factor, unit = readable_times(ensemble.times)
    title = (
        f"{ensemble.ntraj} quantum-jump trajectories of {ensemble.model.name}, seed "
        f"{ensemble.seed}: averages ± standard errors (markers), density matrix (lines), single "
        "trajectories (thin)"
    )
    single = None
    if "expect" in ensemble.record:
        single = next(ensemble.slabs("expect"))[:_SHOWN]
    panels = (("occupation", (0, 1)), ("photons", (2,)), ("coherence", (3, 4)))
    with panel_figure(3, title) as (figure, axes):
        for axis, (label, columns) in zip(axes, panels, strict=True):
            for k, o in enumerate(columns):
                style, marks = series_style(k, ensemble.model.samples.names[o])
                _average(axis, result, o, factor, style, marks)
                if single is not None and len(columns) == 1:
                    axis.plot(
                        ensemble.times * factor,
                        single[:, :, o].T,
                        color="0.6",
                        linewidth=0.4,
                        drawstyle="steps-post",
                    )
            axis.set_xlabel(f"time ({unit})")
            axis.set_ylabel(label)
            legend(axis)
    return figure


def _average(
    axis: Axes,
    result: DensityMatrixComparison,
    column: int,
    factor: float,
    style: dict[str, Any],
    marks: dict[str, Any],
) -> None:
    times = result.ensemble.times * factor
    marked = evenly_spaced(len(times), _MAX_MARKERS)
    axis.plot(times, result.theory[:, column], **style)
    axis.errorbar(times[marked], result.mean[marked, column], result.sem[marked, column], **marks)


def level_thermodynamics(result: LevelThermodynamics) -> Figure:
    """Draw entropy flow, fluctuation theorem and precision of quantum jumps.

    Parameters
    ----------
    result : analysis.entropy.twolevel.LevelThermodynamics

    Returns
    -------
    matplotlib.figure.Figure
        (a) Entropy flow into the reservoirs with effective and with bare energies; (b)
        ln P(N)/P(-N) of the net number N of emitted quanta; (c) Fano factor and precision.
    """
    ensemble = result.ensemble
    factor, unit = readable_times(ensemble.times)
    title = (
        f"{ensemble.ntraj} quantum-jump trajectories of {ensemble.model.name} from "
        f"{result.after * factor:.4g} {unit} on, with standard errors"
    )
    with panel_figure(3, title) as (figure, (entropy, theorem, precision)):
        _entropy_panel(entropy, result, factor)
        _theorem_panel(theorem, result, factor, unit)
        _precision_panel(precision, result, factor)
        for axis in (entropy, precision):
            axis.set_xlabel(f"window ({unit})")
    return figure


def _entropy_panel(axis: Axes, result: LevelThermodynamics, factor: float) -> None:
    windows = result.windows * factor
    axis.axhline(0, color="0.6", linewidth=0.8)
    for k, (name, (mean, error)) in enumerate(result.entropy.items()):
        style, marks = series_style(
            k, f"{name} energies" if name != "fillings" else "from the fillings"
        )
        slope = result.stationary_production[name]
        if np.isfinite(slope):
            axis.plot(windows, slope * result.windows, **style)
        if np.isfinite(mean).all():
            axis.errorbar(windows, mean, error, **marks)
    axis.set_ylabel("entropy flow into the reservoirs ($k_B$)")
    if axis.get_legend_handles_labels()[0]:  # empty when all are infinite
        legend(axis)


def _theorem_panel(axis: Axes, result: LevelThermodynamics, factor: float, unit: str) -> None:
    """ln P(N)/P(-N) for three windows, and the fluctuation theorem for long windows."""
    drawn = [0.0]
    places = log_spaced_rows(len(result.windows), 3)
    for k, place in enumerate(places):
        net = result.net[:, place]
        counts = {n: (int((net == n).sum()), int((net == -n).sum())) for n in range(1, 40)}
        kept = [n for n, both in counts.items() if min(both) >= _MIN_COUNTS]
        if not kept or not np.isfinite(result.affinity):
            continue
        up, down = np.array([counts[n] for n in kept]).T
        if result.affinity < 0:
            up, down = down, up
        x = abs(result.affinity) * np.array(kept)
        low, high = (np.log(p / (1 - p)) for p in proportion_interval(up, up + down, 0.683))
        odds = np.log(up / down)
        _, marks = series_style(k, f"{result.windows[place] * factor:.3g} {unit}")
        axis.errorbar(x, odds, [odds - low, high - odds], **marks)
        drawn += x.tolist()
    line = np.array([min(drawn), max(drawn)])
    axis.plot(line, line, color="black", label="theorem (long windows)")
    axis.set_xlabel("affinity × number $A N$")
    axis.set_ylabel("$\\ln\\,P(N)/P(-N)$")
    legend(axis)


def _precision_panel(axis: Axes, result: LevelThermodynamics, factor: float) -> None:
    windows = result.windows * factor
    value, error = result.precision
    for k, (name, y, e, exact) in enumerate(
        (
            ("Fano factor", np.abs(result.fano), result.fano_error, abs(result.exact_fano)),
            (
                "Var(N)⟨AN⟩/2⟨N⟩²", value, error,
                abs(result.exact_fano * result.affinity) / 2,
            ),
        )
    ):  # fmt: skip
        style, marks = series_style(k, name)
        known = np.isfinite(y) & (e < np.abs(y))
        axis.errorbar(windows[known], y[known], e[known], **marks)
        if np.isfinite(exact):
            axis.axhline(exact, **style)
    axis.axhline(
        1, label="bound of classical jumps", color=COLOURS[5], linewidth=0.8, linestyle=":"
    )
    axis.set_ylim(bottom=0)
    axis.set_ylabel("Fano factor, precision")
    legend(axis)


def rabi_onset(result: RabiOnset) -> Figure:
    """Draw the distribution of the time of the first photon for every coupling.

    Parameters
    ----------
    result : analysis.events.rabi_onset.RabiOnset

    Returns
    -------
    matplotlib.figure.Figure
        One panel for each coupling: trajectories (markers), density matrix (solid line), golden
        rule (dotted line).
    """
    factor, unit = readable_times(result.fine)
    first = result.ensembles[0]
    title = (
        f"first photon to the bath in quantum-jump trajectories of {first.model.name} (markers), "
        "density matrix (lines), golden rule (dotted)"
    )
    middle = (result.edges[1:] + result.edges[:-1]) / 2 * factor
    with panel_figure(len(result.ensembles), title, width=3.2) as (figure, axes):
        for k, (axis, ensemble) in enumerate(zip(axes, result.ensembles, strict=True)):
            style, marks = series_style(k)
            style["linestyle"] = "-"
            axis.errorbar(middle, result.density[k] / factor, result.error[k] / factor, **marks)
            axis.plot(result.fine * factor, result.exact[k] / factor, **style)
            axis.plot(result.fine * factor, result.golden[k] / factor, color="0.3", linestyle=":")
            axis.set_ylim(bottom=0)
            axis.set_xlabel(f"time of the first photon ({unit})")
            model = cast("TwoLevel", ensemble.model)
            strength = 4 * model.coupling / model.parameters.width
            place = {"transform": axis.transAxes, "ha": "right", "va": "top"}
            axis.text(0.95, 0.95, f"4g/Γ = {strength:.3g}", **place)
        axes[0].set_ylabel(f"probability density (1/{unit})")
    return figure

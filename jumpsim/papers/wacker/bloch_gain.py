"""Bloch gain (W 31): net emission rate of two subbands against the detuning."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ... import units
from ...errors import finite_number, positive_number
from ...plotting.style import LINES, panel_figure, series_style
from ...theory import twolevel
from .parameter_files import count, evenly, interval, word

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TABLES = {
    "parameters": {"gamma_u": positive_number, "gamma_l": positive_number, "E_k": finite_number},
    "scan": {"detuning": interval, "points": count},
    "cases": [
        {"name": word, "T": positive_number, "mu_u": finite_number, "mu_l": finite_number}
    ],
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Gain:
    """Net emission rates u → l against the detuning, up to a common factor.

    Attributes
    ----------
    detuning : ndarray
    exact, effective, bare : ndarray
        Rate of the density matrix (W 31), and golden-rule rates with effective and bare energies.
    """

    detuning: NDArray[np.float64]
    exact: NDArray[np.float64]
    effective: NDArray[np.float64]
    bare: NDArray[np.float64]

    @property
    def extrema(self) -> tuple[float, float]:
        """Detunings of the maximum and of the minimum of the exact rate."""
        return self.detuning[self.exact.argmax()], self.detuning[self.exact.argmin()]

    @property
    def zero(self) -> float:
        """Detuning at which the exact rate changes from gain to loss; NaN if it does not."""
        crossings = np.flatnonzero((self.exact[:-1] > 0) & (self.exact[1:] <= 0))
        if not len(crossings):
            return np.nan
        k = crossings[0]
        step = self.exact[k] / (self.exact[k] - self.exact[k + 1])
        return self.detuning[k] + step * (self.detuning[k + 1] - self.detuning[k])


def gain(
    parameters: Mapping[str, Any], case: Mapping[str, Any], detuning: NDArray[np.float64]
) -> Gain:
    """Gain spectrum for given fillings of the subbands.

    Parameters
    ----------
    parameters, case : dict
        As in the parameter file; both subbands have thermal fillings.
    detuning : ndarray
        Detunings Δ at which the rates are computed.

    Returns
    -------
    Gain
    """

    def subband(potential: float) -> Callable[[Any], Any]:
        return lambda energy: units.fermi((energy - potential) / case["T"])

    f_u, f_l, energy = subband(case["mu_u"]), subband(case["mu_l"]), parameters["E_k"]
    widths = parameters["gamma_u"], parameters["gamma_l"]
    exact, effective = twolevel.bloch_gain(detuning, energy, *widths, f_u, f_l)
    line = sum(widths) / (detuning**2 + sum(widths) ** 2 / 4)
    return Gain(detuning, exact, effective, line * (f_u(energy) - f_l(energy)))


def draw(settings: Mapping[str, Any]) -> tuple["Figure", list[str]]:
    """Draw the gain spectra of all cases side by side, in units of γ_l.

    Parameters
    ----------
    settings : dict
        The checked parameter file.

    Returns
    -------
    figure : matplotlib.figure.Figure
    findings : list of str
        Numerical results as text, one line each.
    """
    parameters, scan = settings["parameters"], settings["scan"]
    detuning, unit = evenly(scan["detuning"], scan["points"]), parameters["gamma_l"]
    title, findings = f"{settings['title']} (ħ = k = 1); gain shaded", []
    with panel_figure(len(settings["cases"]), title, width=3.3) as (figure, axes):
        for axis, case in zip(axes, settings["cases"], strict=True):
            found = gain(parameters, case, detuning)
            _panel(axis, found, unit, sum((parameters["gamma_u"], unit)) / 2)
            axis.text(0.97, 0.97, f"{case['name']}\n$T$ = {case['T'] / unit:g} $\\gamma_l$",
                      transform=axis.transAxes, ha="right", va="top")  # fmt: skip
            findings.append(_summary(case, found, parameters))
        axes[0].set_ylabel("net emission (arbitrary units)")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure, findings


def _panel(axis: "Axes", found: Gain, unit: float, half: float) -> None:
    x = found.detuning / unit
    axis.axhline(0, color="0.6", linewidth=0.8)
    for side in (-half, half):
        label = r"$\Delta=\pm(\gamma_u+\gamma_l)/2$" if side > 0 else None
        axis.axvline(side / unit, color="0.6", linewidth=0.8, linestyle=LINES[5], label=label)
    axis.fill_between(x, np.maximum(found.exact, 0), color="0.9", linewidth=0)
    axis.plot(x, found.bare, color="0.5", linewidth=0.8, label="bare energies")
    for k, (name, label) in enumerate((("exact", "exact"), ("effective", "effective energies"))):
        axis.plot(x, getattr(found, name), label=label, **series_style(k)[0])
    axis.set_xlabel(r"detuning $\Delta/\gamma_l$")


def _summary(case: Mapping[str, Any], found: Gain, parameters: Mapping[str, Any]) -> str:
    unit = parameters["gamma_l"]
    half = (parameters["gamma_u"] + unit) / 2 / unit
    most, least = (x / unit for x in found.extrema)
    off = np.abs(found.effective - found.exact).max() / np.abs(found.exact).max()
    zero = "none" if np.isnan(found.zero) else f"{found.zero / unit:.4f}"
    return (
        f"{case['name']}, T = {case['T'] / unit:g}: gain below Δ = {zero} (μ_u - μ_l = "
        f"{(case['mu_u'] - case['mu_l']) / unit:g}); maximum at {most:.2f}, minimum at {least:.2f} "
        f"((γ_u+γ_l)/2 = {half:g}); largest error of effective energies {100 * off:.2g} %"
    )

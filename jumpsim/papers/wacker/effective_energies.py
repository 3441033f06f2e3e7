"""Effective energies (W 14, 21): ratio of energy flow to particle flow, against the detuning."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, finite_number, positive_number
from ...plotting.style import panel_figure, series_style
from ...theory import twolevel
from .parameter_files import count, evenly, filling, interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TABLES = {
    "parameters": {
        "E_u": finite_number, "E_l": finite_number, "gamma_u": positive_number,
        "gamma_l": positive_number, "gamma_b": positive_number, "epsilon": positive_number,
        "g": positive_number, "f_u": filling, "f_l": filling, "n_b": finite_number,
    },
    "scan": {"detuning": interval, "points": count},
}  # fmt: skip
_NAMES = {"u": r"$\tilde E_u$", "l": r"$\tilde E_l$", "b": r"$\tilde E_{ph}$"}


@dataclass(frozen=True, eq=False)
class Energies:
    """Energies of the levels ("u", "l") and of a photon ("b") against the detuning.

    Attributes
    ----------
    detuning : ndarray
    bare, closed, flows : dict of str to ndarray
        Bare energies, closed form of the effective energies, and ratio of energy flow to particle
        flow of the density matrix.
    """

    detuning: NDArray[np.float64]
    bare: dict[str, NDArray[np.float64]]
    closed: dict[str, NDArray[np.float64]]
    flows: dict[str, NDArray[np.float64]]

    @property
    def mismatch(self) -> float:
        """Largest difference between the closed form and the ratio of flows."""
        return max(float(np.abs(self.closed[k] - self.flows[k]).max()) for k in self.flows)


def classical(parameters: Mapping[str, Any], detuning: NDArray[np.float64]) -> Energies:
    """Effective energies in a classical field (W 14), and ratios of flows (W A6, A7).

    Parameters
    ----------
    parameters : dict
        As in the parameter file.
    detuning : ndarray

    Returns
    -------
    Energies
    """
    p = parameters
    field = twolevel.classical_field(
        p["E_u"], p["E_l"], p["E_u"] - p["E_l"] + detuning, p["gamma_u"], p["gamma_l"],
        p["epsilon"], f_u=p["f_u"], f_l=p["f_l"],
    )  # fmt: skip
    particles, energies = field.flows((field.occupation_u, field.occupation_l, field.coherence))
    bare = {k: np.full_like(detuning, p[f"E_{k}"]) for k in "ul"}
    flows = {k: _energy_per_particle(energies[k], particles[k]) for k in "ul"}
    return Energies(detuning, bare, {"u": field.E_u, "l": field.E_l}, flows)


def quantised(parameters: Mapping[str, Any], detuning: NDArray[np.float64]) -> Energies:
    """Effective energies with a quantised mode (W 21), and ratios of flows (W B7, B8).

    Parameters
    ----------
    parameters : dict
        As in the parameter file.
    detuning : ndarray

    Returns
    -------
    Energies
    """
    p, gap = parameters, parameters["E_u"] - parameters["E_l"]
    modes = [
        twolevel.quantised_mode(
            p["E_u"], p["E_l"], gap + d, p["g"], p["gamma_u"], p["gamma_l"], p["gamma_b"],
            f_u=p["f_u"], f_l=p["f_l"], n_b=p["n_b"],
        )
        for d in detuning
    ]  # fmt: skip
    bare = {k: np.full_like(detuning, p[f"E_{k}"]) for k in "ul"} | {"b": gap + detuning}
    closed = np.array([(m.E_u, m.E_l, m.E_ph) for m in modes]).T
    flows = {
        k: _energy_per_particle(
            *np.array([(m.energy_flows[k], m.particle_flows[k]) for m in modes]).T
        )
        for k in "ulb"
    }
    return Energies(detuning, bare, dict(zip("ulb", closed, strict=True)), flows)


def _energy_per_particle(
    energy: NDArray[np.float64], particles: NDArray[np.float64]
) -> NDArray[np.float64]:
    if (particles == 0).any():
        raise InputError(
            "[parameters]: nothing flows, so that the energy per particle is not defined"
        )
    return energy / particles


def draw(settings: Mapping[str, Any]) -> tuple["Figure", list[str]]:
    """Draw the effective energies for a classical field and a quantised mode, in units of γ_l.

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
    found = [classical(parameters, detuning), quantised(parameters, detuning)]
    title = (
        f"{settings['title']} (ħ = 1): closed form (lines), ratio of energy flow to particle flow "
        "of the density matrix (markers), bare energies (grey)"
    )
    with panel_figure(2, title, width=3.9, height=4.0) as (figure, axes):
        for axis, energies, index in zip(axes, found, (r"", r"_{cav}"), strict=True):
            _panel(axis, energies, unit)
            axis.set_xlabel(rf"detuning $\Delta{index}/\gamma_l$")
        axes[0].set_ylabel(r"energy $/\,\gamma_l$")
        low = min(axis.get_ylim()[0] for axis in axes)
        high = max(axis.get_ylim()[1] for axis in axes)
        for axis in axes:
            axis.set_ylim(low, high)
    names = ("classical field (W 14)", "quantised mode (W 21)")
    return figure, [
        f"({letter}) {name}: energy per particle differs from the closed form by at most "
        f"{energies.mismatch / unit:.1g} γ_l"
        for letter, name, energies in zip("ab", names, found, strict=True)
    ]


def _panel(axis: "Axes", energies: Energies, unit: float) -> None:
    x = energies.detuning / unit
    for k, name in enumerate(energies.closed):
        line, marks = series_style(k)
        axis.plot(x, energies.bare[name] / unit, color="0.7", linewidth=0.8)
        axis.plot(x, energies.closed[name] / unit, **line)
        axis.errorbar(x, energies.flows[name] / unit, **marks)
        axis.annotate(
            _NAMES[name], (x[-1], energies.closed[name][-1] / unit), (7, 0),
            textcoords="offset points", va="center", color=line["color"],
        )  # fmt: skip

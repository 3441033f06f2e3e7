"""Effective energies (W 14, 21): energy flow over particle flow, against the detuning."""

from dataclasses import dataclass

import numpy as np

from ...errors import InputError, finite_number, positive_number
from ...plotting.style import panel_figure, series_style
from ...theory import twolevel
from .parameter_files import count, filling, interval

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
    """Energies by level ("u", "l") and photon ("b"), each an array over the detuning."""

    detuning: np.ndarray
    bare: dict
    closed: dict
    flows: dict

    @property
    def mismatch(self):
        """Largest difference between the closed form and the flows."""
        return max(float(np.abs(self.closed[k] - self.flows[k]).max()) for k in self.flows)


def classical(parameters, detuning):
    """Energies in a classical field: (W 14), and flow over flow of the density matrix (W A6, A7).

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
    flows = {k: _each(energies[k], particles[k]) for k in "ul"}
    return Energies(detuning, bare, {"u": field.E_u, "l": field.E_l}, flows)


def quantised(parameters, detuning):
    """Energies with a quantised mode: (W 21), and flow over flow of the density matrix (W B7, B8).

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
        k: _each(*np.array([(m.energy_flows[k], m.particle_flows[k]) for m in modes]).T)
        for k in "ulb"
    }
    return Energies(detuning, bare, dict(zip("ulb", closed, strict=True)), flows)


def _each(energy, particles):
    if (particles == 0).any():
        raise InputError("[parameters]: nothing flows, so that no particle has an energy")
    return energy / particles


def draw(settings):
    """Draw both, in units of γ_l.

    Parameters
    ----------
    settings : dict
        As read by `TABLES`.

    Returns
    -------
    matplotlib.figure.Figure, list of str
    """
    parameters, scan = settings["parameters"], settings["scan"]
    detuning, unit = np.linspace(*scan["detuning"], scan["points"]), parameters["gamma_l"]
    found = [classical(parameters, detuning), quantised(parameters, detuning)]
    title = (
        f"{settings['title']} (ħ = 1): closed form (lines), energy per particle out of the density "
        "matrix (marks), bare energies (grey)"
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


def _panel(axis, energies, unit):
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

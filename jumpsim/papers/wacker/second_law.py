"""Entropy production in a classical field (W 9, 14-16), with bare and effective energies."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, finite_number, positive_number
from ...plotting.style import panel_figure, series_style
from ...statistics.intervals import proportion_interval
from ...theory import twolevel
from .parameter_files import count, evenly, interval, scales, seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TABLES = {
    "parameters": {
        "E_u": finite_number, "E_l": finite_number, "gamma_u": positive_number,
        "gamma_l": positive_number, "epsilon": positive_number, "T_u": positive_number,
        "T_l": positive_number, "mu_u": finite_number, "mu_l": finite_number,
    },
    "scan": {"omega": interval, "points": count, "marked": finite_number},
    "random": {
        "sets": count, "seed": seed, "energies": interval, "omega": interval, "rates": scales,
        "epsilon": scales, "temperatures": scales,
    },
}  # fmt: skip
KINDS = ("bare", "effective")
_SAME = 1e-14  # fillings that differ by less are equal up to rounding; the sign is undefined
_LINEAR = 1e-3  # the axis of the distribution is linear up to this absolute value


def production(parameters: Mapping[str, Any], omega: NDArray[np.float64] | float) -> dict[str, Any]:
    """Solutions in a classical field with fillings from bare and from effective energies.

    Parameters
    ----------
    parameters : dict
        Arguments of `theory.twolevel.classical_field` except ω; numbers or arrays.
    omega : ndarray

    Returns
    -------
    dict of str to ClassicalField
        By the kind of energies, "bare" and "effective".
    """
    return {
        kind: twolevel.classical_field(omega=omega, energies=kind, **parameters) for kind in KINDS
    }


@dataclass(frozen=True, eq=False)
class Sample:
    """Entropy production of random parameter sets.

    Attributes
    ----------
    sigma : dict of str to ndarray
        Entropy production divided by γ_l, by the kind of energies.
    decided : dict of str to ndarray of bool
        Sets whose fillings differ, so that the sign of the entropy production is defined.
    """

    sigma: dict[str, NDArray[np.float64]]
    decided: dict[str, NDArray[np.bool_]]

    def negative(self, kind: str) -> tuple[int, int]:
        """Number of sets with negative entropy production, and of sets with a defined sign."""
        decided = self.decided[kind]
        return int((self.sigma[kind][decided] < 0).sum()), int(decided.sum())


def sample(ranges: Mapping[str, Any]) -> Sample:
    """Entropy production of random parameter sets.

    Parameters
    ----------
    ranges : dict
        The table [random]; energies, chemical potentials and ω are distributed uniformly, rates,
        couplings and temperatures uniformly in their logarithm.

    Returns
    -------
    Sample
    """
    rng, n = np.random.default_rng(ranges["seed"]), ranges["sets"]

    def log_uniform(name: str) -> NDArray[np.float64]:
        low, high = np.log10(ranges[name])
        return 10 ** rng.uniform(low, high, n)

    def uniform(name: str) -> NDArray[np.float64]:
        low, high = ranges[name]
        return rng.uniform(low, high, n)

    parameters = {k: uniform("energies") for k in ("E_u", "E_l", "mu_u", "mu_l")}
    omega = uniform("omega")
    parameters |= {k: log_uniform("rates") for k in ("gamma_u", "gamma_l")}
    parameters |= {k: log_uniform("temperatures") for k in ("T_u", "T_l")} | {
        "epsilon": log_uniform("epsilon")
    }
    made = production(parameters, omega)
    filled = {kind: field.parameters for kind, field in made.items()}
    decided = {kind: np.abs(p.f_u - p.f_l) > _SAME for kind, p in filled.items()}
    if not all(some.any() for some in decided.values()):
        raise InputError("[random]: nothing flows, all fillings are equal; give more `sets`")
    sigma = {k: field.entropy_production / parameters["gamma_l"] for k, field in made.items()}
    return Sample(sigma, decided)


def draw(settings: Mapping[str, Any]) -> tuple["Figure", list[str]]:
    """Draw an example against ω, and the distribution over random parameter sets.

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
    title = f"{settings['title']} (ħ = k = 1); second law violated where shaded"
    found = sample(settings["random"])
    with panel_figure(2, title, width=3.9) as (figure, (left, right)):
        findings = _example(left, settings["parameters"], settings["scan"])
        _distribution(right, found)
    for kind in KINDS:
        negative, decided = found.negative(kind)
        low, high = proportion_interval(negative, decided)
        findings.append(
            f"{kind}: negative in {negative} of {decided} random sets, {negative / decided:.4f} "
            f"[{float(low):.4f}, {float(high):.4f}] (95 %); {len(found.sigma[kind]) - decided} "
            "more have equal fillings up to rounding"
        )
    return figure, findings


def _example(axis: "Axes", parameters: Mapping[str, Any], scan: Mapping[str, Any]) -> list[str]:
    unit, findings = parameters["gamma_l"], []
    omega = evenly(scan["omega"], scan["points"])
    curves, at = production(parameters, omega), production(parameters, scan["marked"])
    axis.axhline(0, color="0.6", linewidth=0.8)
    for k, kind in enumerate(KINDS):
        line, marks = series_style(k)
        sigma, marked = curves[kind].entropy_production, float(at[kind].entropy_production)
        axis.fill_between(omega / unit, np.minimum(sigma, 0) / unit, color="0.85", linewidth=0)
        axis.plot(omega / unit, sigma / unit, label=f"{kind} energies", **line)
        axis.errorbar([scan["marked"] / unit], [marked / unit], **marks)
        findings.append(
            f"{kind}: entropy production {marked:+.8f} at ω = {scan['marked']:g} "
            f"(R = {float(at[kind].R):+.8f})"
        )
    axis.set_xlabel(r"frequency of the light $\omega/\gamma_l$")
    axis.set_ylabel(r"entropy production $/\,\gamma_l$")
    axis.legend()
    return findings


def _distribution(axis: "Axes", found: Sample) -> None:
    every = np.concatenate([found.sigma[kind][found.decided[kind]] for kind in KINDS])
    axis.set_xscale("asinh", linear_width=_LINEAR)
    axis.axvspan(min(every.min(), 0), 0, color="0.85", linewidth=0)
    for k, kind in enumerate(KINDS):
        negative, decided = found.negative(kind)
        line, marks = series_style(k, f"{kind}: {100 * negative / decided:.3g} % negative")
        sigma = np.sort(found.sigma[kind][found.decided[kind]])
        part = np.arange(1, decided + 1) / decided
        axis.step(sigma, part, where="post", **line)
        axis.errorbar([0], [negative / decided], zorder=4, **marks)
    axis.set_xlim(every.min(), every.max())
    axis.set_xticks([-1, -1e-2, 0, 1e-2, 1], ["−1", "−0.01", "0", "0.01", "1"])
    axis.minorticks_off()
    axis.set_ylim(-0.02, 1.02)
    axis.set_xlabel(r"entropy production $/\,\gamma_l$")
    axis.set_ylabel("cumulative fraction of random sets")
    axis.legend(loc="lower right")

"""Laser (W IV): photon statistics through threshold, and frequency pulling (W 30)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, finite_number, positive_number
from ...plotting.style import LINES, panel_figure, series_style
from ...theory import twolevel
from .parameter_files import count, evenly, filling, interval, numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SYSTEM = {
    "E_u": finite_number, "E_l": finite_number, "gamma_u": positive_number,
    "gamma_l": positive_number, "g": positive_number,
}  # fmt: skip


def inversions(value: object, name: str) -> list[float]:
    """Check an interval of the inversion f_u - f_l, lower bound first."""
    found = interval(value, name)
    if found[0] <= -1 or found[1] > 1:
        raise InputError(f"`{name}` must be > -1 and ≤ 1, but is {value!r}")
    return found


def widths(value: object, name: str) -> list[float]:
    """Check a list of ratios γ_b/(γ_u+γ_l)."""
    return [positive_number(x, name) for x in numbers(value, name)]


_FINE = 1001  # points of the semiclassical curve
TABLES = {
    "threshold": {
        **_SYSTEM, "omega_cav": finite_number, "gamma_b": positive_number,
        "inversion": inversions, "points": count,
    },
    "pulling": {
        **_SYSTEM, "f_u": filling, "f_l": filling, "widths": widths, "detuning": interval,
        "points": count,
    },
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Threshold:
    """Laser against its inversion: semiclassical theory and quantised mode.

    Attributes
    ----------
    inversion : ndarray
        f_u - f_l, with f_u + f_l = 1.
    threshold : float
        Inversion at threshold.
    n, g2 : ndarray
        ⟨n⟩ and g²(0) of the quantised mode without thermal photons.
    lasing, intensity : ndarray
        Inversions above threshold, on a fine grid, and |a|² there.
    """

    inversion: NDArray[np.float64]
    threshold: float
    n: NDArray[np.float64]
    g2: NDArray[np.float64]
    lasing: NDArray[np.float64]
    intensity: NDArray[np.float64]


def through_threshold(settings: Mapping[str, Any]) -> Threshold:
    """Photon statistics for a range of inversions.

    Parameters
    ----------
    settings : dict
        The table [threshold].

    Returns
    -------
    Threshold
    """
    given = dict(settings)
    inversion = evenly(given.pop("inversion"), given.pop("points"))
    modes = [twolevel.quantised_mode(**given, n_b=0.0, **_fillings(d)) for d in inversion]
    fine = np.linspace(inversion[0], inversion[-1], _FINE)
    lasers = [twolevel.laser(**given, **_fillings(d)) for d in fine]
    above = np.array([laser.lasing for laser in lasers])
    return Threshold(
        inversion, lasers[0].threshold,
        np.array([mode.n for mode in modes]), np.array([mode.g2 for mode in modes]),
        fine[above], np.array([laser.intensity for laser in lasers])[above],
    )  # fmt: skip


def _fillings(inversion: float) -> dict[str, float]:
    return {"f_u": (1 + inversion) / 2, "f_l": (1 - inversion) / 2}


@dataclass(frozen=True, eq=False)
class Pulling:
    """Frequency of a laser against the detuning of its cavity, for one γ_b.

    Attributes
    ----------
    ratio : float
        γ_b/(γ_u+γ_l).
    detuning : ndarray
        ω_cav - (E_u - E_l).
    omega : ndarray
        Laser frequency (W 30) minus E_u - E_l; NaN below threshold.
    carried : ndarray
        Energy per photon that leaves the quantised mode, minus E_u - E_l; NaN below threshold.
    intensity : ndarray
        |a|², 0 below threshold.
    """

    ratio: float
    detuning: NDArray[np.float64]
    omega: NDArray[np.float64]
    carried: NDArray[np.float64]
    intensity: NDArray[np.float64]


def pulled(settings: Mapping[str, Any]) -> list[Pulling]:
    """Laser frequencies against the detuning for every ratio of widths.

    Parameters
    ----------
    settings : dict
        The table [pulling].

    Returns
    -------
    list of Pulling
    """
    given = dict(settings)
    detuning, ratios = evenly(given.pop("detuning"), given.pop("points")), given.pop("widths")
    gap, electrons = given["E_u"] - given["E_l"], given["gamma_u"] + given["gamma_l"]
    found = []
    for ratio in ratios:
        given["gamma_b"] = ratio * electrons
        lasers = [twolevel.laser(omega_cav=gap + d, **given) for d in detuning]
        omega, carried = np.full((2, len(detuning)), np.nan)
        for k, laser in enumerate(lasers):
            if laser.lasing:
                mode = twolevel.quantised_mode(omega_cav=gap + detuning[k], n_b=0.0, **given)
                omega[k] = laser.omega - gap
                carried[k] = mode.energy_flows["b"] / mode.particle_flows["b"] - gap
        intensity = np.array([laser.intensity for laser in lasers])
        found.append(Pulling(ratio, detuning, omega, carried, intensity))
    return found


def draw(settings: Mapping[str, Any]) -> tuple["Figure", list[str]]:
    """Draw the photon number, g²(0) and the laser frequency.

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
    found, lasers = through_threshold(settings["threshold"]), pulled(settings["pulling"])
    title = f"{settings['title']} (ħ = 1): semiclassical (lines), quantised mode (markers)"
    with panel_figure(3, title, width=3.5) as (figure, axes):
        _threshold_panels(axes[0], axes[1], found)
        _pulling_panel(axes[2], lasers, settings["pulling"]["gamma_l"])
    return figure, [*_threshold_summary(found), *(_pulling_summary(laser) for laser in lasers)]


def _threshold_panels(left: "Axes", middle: "Axes", found: Threshold) -> None:
    line, marks = series_style(0, r"quantised mode, $\langle n\rangle$")
    for axis in (left, middle):
        axis.axvline(
            found.threshold, color="0.6", linewidth=0.8, linestyle=LINES[1], label="threshold"
        )
        axis.set_xlabel("inversion $f_u-f_l$")
    left.plot(found.lasing, found.intensity, label="semiclassical, $|a|^2$", **line)
    left.errorbar(found.inversion, found.n, **marks)
    left.set_ylim(found.n.min() / 2, found.n.max() * 2)
    left.set_yscale("log")
    left.set_ylabel("photon number")
    left.legend(loc="lower right", frameon=True, framealpha=1, edgecolor="none")
    for value, name in ((1, "coherent light"), (2, "thermal light")):
        middle.axhline(value, color="0.8", linewidth=0.8)
        place = (found.inversion[0], value)
        middle.annotate(name, place, (0, 3), color="0.4", textcoords="offset points")
    middle.errorbar(found.inversion, found.g2, **series_style(0)[1])
    middle.set_ylabel("$g^2(0)$ of the quantised mode")


def _pulling_panel(axis: "Axes", lasers: list[Pulling], unit: float) -> None:
    x = lasers[0].detuning / unit
    axis.plot(x, x, color="0.7", linewidth=0.8)
    axis.plot(x, 0 * x, color="0.7", linewidth=0.8)
    for name, height in ((r"$\omega_{cav}$", x[-1]), ("$E_u-E_l$", 0)):
        axis.annotate(name, (x[-1], height), (0, 4), color="0.4", ha="right",
                      textcoords="offset points")  # fmt: skip
    for k, laser in enumerate(lasers):
        line, marks = series_style(k)
        axis.plot(x, laser.omega / unit, label=f"{laser.ratio:g}", **line)
        axis.errorbar(x, laser.carried / unit, **marks)
    axis.set_xlabel(r"detuning of the cavity $\Delta_{cav}/\gamma_l$")
    axis.set_ylabel(r"laser frequency $(\omega-E_u+E_l)\,/\,\gamma_l$")
    axis.legend(title=r"$\gamma_b/(\gamma_u+\gamma_l)$")


def _threshold_summary(found: Threshold) -> list[str]:
    first, last = found.inversion[[0, -1]]
    intensity = f"{found.intensity[-1]:.4f}" if len(found.lasing) else "0"
    return [
        f"threshold at f_u - f_l = {found.threshold:.5f}; at {last:g} ⟨n⟩ = {found.n[-1]:.4f}, "
        f"|a|² = {intensity}",
        f"g²(0) = {found.g2[0]:.4f} at {first:g}, {found.g2[-1]:.4f} at {last:g}",
    ]


def _pulling_summary(laser: Pulling) -> str:
    lasing = ~np.isnan(laser.omega)
    if not lasing.any():
        return f"γ_b/(γ_u+γ_l) = {laser.ratio:g}: below threshold at every detuning"
    off = np.abs(laser.omega - laser.carried)[lasing].max()
    last = np.flatnonzero(lasing)[-1]
    return (
        f"γ_b/(γ_u+γ_l) = {laser.ratio:g}: above threshold at {int(lasing.sum())} of {len(lasing)} "
        f"detunings, |a|² up to {laser.intensity.max():.3g}; pulled from "
        f"{laser.detuning[last]:.4f} to {laser.omega[last]:.4f}; largest difference "
        f"to the energy per photon of the quantised mode {off:.1g}"
    )

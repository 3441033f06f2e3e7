"""The second law in a classical field (W 9, 14-16): fillings from bare or effective energies."""

from dataclasses import dataclass

import numpy as np

from ...errors import InputError, finite_number, positive_number
from ...plotting.style import panel_figure, series_style
from ...statistics.intervals import proportion_interval
from ...theory import twolevel
from .parameter_files import count, interval, scales, seed

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
_SAME = 1e-14  # fillings that differ by less are equal but for rounding, and carry no sign
_LINEAR = 1e-3  # the axis of the distribution is linear around zero, as far as this


def production(parameters, omega):
    """Entropy production per second with both kinds of fillings.

    Parameters
    ----------
    parameters : dict
        All but ω of `theory.twolevel.classical_field`; arrays broadcast.
    omega : ndarray

    Returns
    -------
    dict of str to ClassicalField
        By kind, "bare" and "effective".
    """
    return {
        kind: twolevel.classical_field(omega=omega, energies=kind, **parameters) for kind in KINDS
    }


@dataclass(frozen=True, eq=False)
class Sample:
    """Random parameter sets: entropy production over γ_l by kind, and where its sign is known."""

    sigma: dict
    decided: dict

    def negative(self, kind):
        """Give how many sets of a kind lose entropy, and of how many that can be told."""
        decided = self.decided[kind]
        return int((self.sigma[kind][decided] < 0).sum()), int(decided.sum())


def sample(ranges):
    """Entropy production of random parameter sets.

    Parameters
    ----------
    ranges : dict
        The table [random]: energies, potentials and ω are uniform; rates, couplings and
        temperatures are spread evenly over powers of ten.

    Returns
    -------
    Sample
    """
    rng, n = np.random.default_rng(ranges["seed"]), ranges["sets"]

    def spread(name):
        return 10 ** rng.uniform(*np.log10(ranges[name]), n)

    parameters = {k: rng.uniform(*ranges["energies"], n) for k in ("E_u", "E_l", "mu_u", "mu_l")}
    omega = rng.uniform(*ranges["omega"], n)
    parameters |= {k: spread("rates") for k in ("gamma_u", "gamma_l")}
    parameters |= {k: spread("temperatures") for k in ("T_u", "T_l")} | {
        "epsilon": spread("epsilon")
    }
    made = production(parameters, omega)
    filled = {kind: field.parameters for kind, field in made.items()}
    decided = {kind: np.abs(p.f_u - p.f_l) > _SAME for kind, p in filled.items()}
    if not all(some.any() for some in decided.values()):
        raise InputError("[random]: nothing flows, all fillings are equal; give more `sets`")
    sigma = {k: field.entropy_production / parameters["gamma_l"] for k, field in made.items()}
    return Sample(sigma, decided)


def draw(settings):
    """Draw the example against ω, and the distribution over random sets.

    Parameters
    ----------
    settings : dict
        As read by `TABLES`.

    Returns
    -------
    matplotlib.figure.Figure, list of str
    """
    title = f"{settings['title']} (ħ = k = 1); second law broken where shaded"
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
            "more have equal fillings to rounding"
        )
    return figure, findings


def _example(axis, parameters, scan):
    unit, findings = parameters["gamma_l"], []
    omega = np.linspace(*scan["omega"], scan["points"])
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


def _distribution(axis, found):
    every = np.concatenate([found.sigma[kind][found.decided[kind]] for kind in KINDS])
    axis.set_xscale("asinh", linear_width=_LINEAR)
    axis.axvspan(min(every.min(), 0), 0, color="0.85", linewidth=0)
    for k, kind in enumerate(KINDS):
        negative, decided = found.negative(kind)
        line, marks = series_style(k, f"{100 * negative / decided:.3g} % negative")
        sigma = np.sort(found.sigma[kind][found.decided[kind]])
        part = np.arange(1, decided + 1) / decided
        axis.step(sigma, part, where="post", **line)
        axis.errorbar([0], [negative / decided], zorder=4, **marks)
    axis.set_xlim(every.min(), every.max())
    axis.set_xticks([-1, -1e-2, 0, 1e-2, 1], ["−1", "−0.01", "0", "0.01", "1"])
    axis.minorticks_off()
    axis.set_ylim(-0.02, 1.02)
    axis.set_xlabel(r"entropy production $/\,\gamma_l$")
    axis.set_ylabel("part of random sets with less")
    axis.legend(loc="lower right")

"""Errors of golden-rule jumps, compared with the density matrix of the quantised mode."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import finite_number, positive_number, whole_number
from ...plotting.style import LINES, panel_figure, series_style
from ...systems import two_level
from ...theory import twolevel
from ...theory.master_equation import master_equation
from ...theory.stationary import stationary
from .parameter_files import count, filling, fillings, interval, scales, seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TABLES = {
    "random": {
        "sets": count, "seed": seed, "rates": scales, "detuning": interval, "strength": scales,
        "fillings": fillings, "n_b": scales,
    },
    "transient": {
        "g": positive_number, "delta_cav": finite_number, "gamma_u": positive_number,
        "gamma_l": positive_number, "gamma_b": positive_number, "f_u": filling, "f_l": filling,
        "n_b": finite_number, "photon": lambda value, name: whole_number(value, name, 0, 1000),
        "stop": positive_number, "points": count,
    },
}  # fmt: skip
# Documented limits of the steady-state errors of R and ⟨n⟩, with the largest s they apply to: the
# largest errors that scripts/golden_rule_limits.py found with a margin.
LIMITS = ((0.01, 3e-3), (0.1, 2.5e-2), (np.inf, 5e-2))
_NO_FLOW = 1e-9  # ratio of R to the gross flow below which R is mostly rounding error
_EMPTY = {"u": 0, "l": 0, "photon": 0}


@dataclass(frozen=True, eq=False)
class Comparison:
    """Errors of the golden rule for random parameter sets; arrays have one entry for each set.

    Attributes
    ----------
    s : ndarray
        Strength |g|² (2⟨n⟩+1)/(Γ²/4 + Δ²) of the coupling.
    R, n, g2 : ndarray
        Relative errors of R, ⟨n⟩ and g²(0) in the steady state.
    emitted : ndarray
        Fraction of emitted photons, (⟨n⟩ - n_b)/⟨n⟩; negative for net absorption.
    left_out : int
        Number of sets without flow, for which the relative error of R is not defined.
    """

    s: NDArray[np.float64]
    R: NDArray[np.float64]
    n: NDArray[np.float64]
    g2: NDArray[np.float64]
    emitted: NDArray[np.float64]
    left_out: int


def compare(ranges: Mapping[str, Any]) -> Comparison:
    """Solve random parameter sets with the golden rule and with the density matrix.

    Parameters
    ----------
    ranges : dict
        The table [random]; detuning and fillings are distributed uniformly, the other parameters
        uniformly in their logarithm.

    Returns
    -------
    Comparison
    """
    rng, rows = np.random.default_rng(ranges["seed"]), []
    for _ in range(ranges["sets"]):
        rates = {f"gamma_{name}": _log_uniform(rng, ranges["rates"]) for name in "ulb"}
        detuning, width = rng.uniform(*ranges["detuning"]), sum(rates.values())
        rates |= {f"f_{name}": rng.uniform(*ranges["fillings"]) for name in "ul"}
        rates["n_b"] = _log_uniform(rng, ranges["n_b"])
        g = np.sqrt(_log_uniform(rng, ranges["strength"]) * (width**2 / 4 + detuning**2))
        rows.append(errors(g, detuning, rates))
    kept = np.array([row for row in rows if row is not None])
    s, rate, n, g2, emitted = kept.T
    return Comparison(s, rate, n, g2, emitted, left_out=len(rows) - len(kept))


def _log_uniform(rng: np.random.Generator, bounds: list[float]) -> float:
    return 10 ** rng.uniform(*np.log10(bounds))


def errors(g: float, detuning: float, rates: dict[str, Any]) -> tuple[float, ...] | None:
    """Errors of the golden rule for one set of parameters.

    Parameters
    ----------
    g, detuning : float
        Coupling, and ω_cav - (E_u - E_l).
    rates : dict
        gamma_u, gamma_l, gamma_b, f_u, f_l and n_b.

    Returns
    -------
    tuple of float, or None
        s; the relative errors of R, ⟨n⟩ and g²(0) in the steady state; the fraction of emitted
        photons. None where the flow is too small for the relative error of R.
    """
    exact = twolevel.quantised_mode(0.0, 0.0, detuning, g, **rates)
    p = exact.parameters
    if abs(exact.R) < _NO_FLOW * (p.gamma_u + p.gamma_l + p.gamma_b * (1 + exact.n)):
        return None
    # Twice the cutoff of the density matrix, because the tails of the distributions differ.
    cutoff = {"photon": 2 * (exact.populations.shape[1] - 1)}
    steady = stationary(two_level(g, detuning, **rates), _EMPTY, truncate=cutoff)
    upper, lower, n = steady.states.T.astype(float)
    rate = p.alpha * steady.average(upper * (1 - lower) * (1 + n) - lower * (1 - upper) * n)
    mean = steady.average(n)
    g2 = steady.average(n * (n - 1)) / mean**2
    s = abs(g) ** 2 * (2 * exact.n + 1) / (p.width**2 / 4 + detuning**2)
    errors = (abs(found / true - 1) for found, true in (
        (rate, exact.R), (mean, exact.n), (g2, exact.g2)
    ))  # fmt: skip
    return s, *errors, 1 - p.n_b / exact.n


def transient(
    settings: Mapping[str, Any],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Time evolution from u filled, l empty and some photons, with both descriptions.

    Parameters
    ----------
    settings : dict
        The table [transient].

    Returns
    -------
    times : ndarray
    exact, golden : ndarray, shape (2, n_times)
        Occupation of u and mean photon number.
    """
    given = dict(settings)
    times = np.linspace(0, given.pop("stop"), given.pop("points"))
    start = {"u": 1, "l": 0, "photon": given.pop("photon")}
    g, detuning = given.pop("g"), given.pop("delta_cav")
    state = twolevel.quantised_mode(0.0, 0.0, detuning, g, **given).evolve(times, start)
    solution = master_equation(
        two_level(g, detuning, **given), times, start,
        truncate={"photon": state.populations.shape[-1] - 1},
    )  # fmt: skip
    return times, np.array([state.occupation_u, state.n]), solution.mean.T[[0, 2]]


def draw(settings: Mapping[str, Any]) -> tuple["Figure", list[str]]:
    """Draw the errors of R and ⟨n⟩, the errors of g²(0), and a transient.

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
    found = compare(settings["random"])
    title = f"{settings['title']} (ħ = 1); {len(found.s)} random parameter sets"
    with panel_figure(3, title, width=3.5, height=3.8) as (figure, axes):
        _means_panel(axes[0], found)
        _g2_panel(axes[1], found)
        transient_findings = _transient_panel(axes[2], settings["transient"])
    return figure, [*_error_summary(found), *transient_findings]


def _means_panel(axis: "Axes", found: Comparison) -> None:
    reach = [found.s.min() / 2, found.s.max() * 2]
    edges = np.clip([reach[0], *(s for s, _ in LIMITS)], *reach)
    axis.stairs([limit for _, limit in LIMITS], edges, baseline=None, color="black",
                linewidth=1.5, label="documented limit", zorder=3)  # fmt: skip
    for k, (name, label) in enumerate((("R", "$R$"), ("n", r"$\langle n\rangle$"))):
        _points(axis, found.s, getattr(found, name), k, label)
    _strength(axis, reach)
    axis.set_ylim(1e-9, 1)
    axis.set_ylabel("relative error in the steady state")
    axis.legend(loc="upper left", markerscale=1.5)


def _g2_panel(axis: "Axes", found: Comparison) -> None:
    mostly = found.emitted > 0.5
    for k, (chosen, label) in enumerate((
        (mostly, "photons mostly emitted"), (~mostly, "photons mostly from the bath"),
    )):  # fmt: skip
        _points(axis, found.s[chosen], found.g2[chosen], k, label)
    _strength(axis, [found.s.min() / 2, found.s.max() * 2])
    axis.set_ylim(1e-9, 100)
    axis.set_ylabel("relative error of $g^2(0)$, steady state")
    axis.legend(loc="upper left", markerscale=1.5)


def _points(
    axis: "Axes", s: NDArray[np.float64], errors: NDArray[np.float64], k: int, label: str
) -> None:
    marks = series_style(k)[1]
    axis.plot(
        s, errors, marks["fmt"], color=marks["color"], markersize=2,
        mfc="white" if k else marks["color"], mew=0.6, label=label, rasterized=True,
    )  # fmt: skip


def _strength(axis: "Axes", reach: list[float]) -> None:
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlim(reach[0], reach[1])
    axis.set_xlabel(r"$s = g^2(2\langle n\rangle+1)\,/\,(\Gamma^2/4+\Delta^2)$")


def _transient_panel(axis: "Axes", settings: Mapping[str, Any]) -> list[str]:
    unit = settings["gamma_l"]
    times, exact, golden = transient(settings)
    for k, name in enumerate((r"$\langle n_u\rangle$", r"$\langle n\rangle$")):
        colour = series_style(k)[0]["color"]
        axis.plot(times * unit, exact[k], color=colour)
        axis.plot(times * unit, golden[k], color=colour, linestyle=LINES[1])
        axis.annotate(name, (times[-1] * unit, exact[k, -1]), (-4, 5), color=colour, ha="right",
                      textcoords="offset points")  # fmt: skip
    for label, style in (("density matrix", LINES[0]), ("golden rule", LINES[1])):
        axis.plot([], [], color="black", linestyle=style, label=label)
    axis.set_xlim(0, times[-1] * unit)
    axis.set_xlabel(r"time $\gamma_l t$")
    axis.set_ylabel("occupation of u, photon number")
    axis.legend(loc="center right")
    off, k = np.abs(golden - exact).max(axis=1), np.abs(golden - exact).argmax(axis=1)
    width = sum(settings[f"gamma_{name}"] for name in "ulb")
    return [
        f"transient: largest errors {off[0]:.3f} of ⟨n_u⟩ (at Γt = {width * times[k[0]]:.2f}) and "
        f"{off[1]:.3f} of ⟨n⟩ (at Γt = {width * times[k[1]]:.2f}); at the end "
        f"{abs(golden - exact)[1, -1]:.1g} of ⟨n⟩"
    ]


def _error_summary(found: Comparison) -> list[str]:
    lines, low = [], 0.0
    for high, limit in LIMITS:
        inside = (found.s >= low) & (found.s < high)
        if inside.any():
            worst = max(found.R[inside].max(), found.n[inside].max())
            emitted = inside & (found.emitted > 0.5)
            g2 = f"{100 * found.g2[emitted].max():.2g} %" if emitted.any() else "undecided"
            lines.append(
                f"{low:g} ≤ s < {high:g}: {int(inside.sum())} sets, largest errors: R "
                f"{100 * found.R[inside].max():.2g} %, ⟨n⟩ {100 * found.n[inside].max():.2g} % "
                f"(documented: {100 * limit:g} %{'' if worst < limit else ', NOT MET'}); g²(0) "
                f"of mostly emitted photons {g2}"
            )
        low = high
    lines.append(f"omitted: {found.left_out} sets without flow")
    return lines

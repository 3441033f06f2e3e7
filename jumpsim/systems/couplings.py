"""Golden-rule rates from microscopic couplings and densities of states, and the inverse.

D. Braak and J. Mannhart, *Fermi's golden rule and the second law of thermodynamics*, Eqs. (40),
(42), (56), (57), (68), (70), (83), (86), (89); below "BM". Coupling energies are divided by ħ
(per second) and densities of states multiplied by ħ (modes per unit of angular frequency, in
seconds), so that the rates contain no ħ.
"""

import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import units
from ..errors import InputError, PhysicsWarning, positive_number
from ..model.disorder import Rates
from ._groups import RatePair, RatePairs, rate_pair, rate_pairs

_TOLERANCE = 0.01  # relative; rates are usually given with two or three digits
_MUCH_LARGER = 10
_MOST_LISTED = 8  # ratios in a sentence; of more, the smallest and the largest


@dataclass(frozen=True)
class Couplings:
    """Microscopic constants of a chiral waveguide.

    Parameters
    ----------
    h : float or str
        Coupling h̄/ħ of a reservoir mode to a waveguide mode, per second or "1 MHz"; > 0.
    g : pair of float or str
        Couplings (ḡ_1/ħ, ḡ_2/ħ) of one TLS to the modes of channels 1 and 2, per second; ≥ 0.
    rho, rho_wg : float or str
        Densities of states ħρ, ħρ_wg of one reservoir and of one waveguide channel: modes per unit
        of angular frequency, in seconds or "64 us"; > 0.
    window : float or str
        Width Δ of the resonant window, angular frequency per second; > 0.

    Raises
    ------
    InputError
        When a constant is not valid.

    Examples
    --------
    >>> import jumpsim as js
    >>> from jumpsim.systems.couplings import Couplings
    >>> couplings = Couplings.from_rates(100, 50, "10 kHz", "20 kHz", ("10 MHz", 0))
    >>> round(couplings.gamma_0), round(couplings.modes_wg)
    (20000, 50)
    >>> model = js.systems.open_waveguide(tls=100, **couplings.open_waveguide())
    """

    h: float
    g: tuple[float, float]
    rho: float
    rho_wg: float
    window: float

    if TYPE_CHECKING:  # arguments may be strings with units, attributes are floats

        def __init__(
            self,
            h: float | str,
            g: Sequence[float | str],
            rho: float | str,
            rho_wg: float | str,
            window: float | str,
        ) -> None: ...

    def __post_init__(self) -> None:
        for name, parse in (
            *(("h", units.rate), ("window", units.rate)),
            *(("rho", _density), ("rho_wg", _density)),
        ):
            value = parse(getattr(self, name), name)
            if value == 0:
                raise InputError(f"`{name}` must be > 0, but is {getattr(self, name)!r}")
            object.__setattr__(self, name, value)
        object.__setattr__(self, "g", rate_pair(self.g, "g"))

    @property
    def gamma_dec(self) -> float:
        """Loss of a reservoir photon into one waveguide channel, 2π h² ρ_wg (BM 40)."""
        return 2 * math.pi * self.h**2 * self.rho_wg

    @property
    def gamma_dec_wg(self) -> float:
        """Loss rate per waveguide mode, γ'_dec = (ρ/ρ_wg) γ_dec (BM 83)."""
        return self.rho / self.rho_wg * self.gamma_dec

    @property
    def gamma_0(self) -> float:
        """Transfer rate between the reservoirs per mode, 2π³ h⁴ ρ_wg² ρ (BM 56)."""
        return 2 * math.pi**3 * self.h**4 * self.rho_wg**2 * self.rho

    @property
    def gamma_3(self) -> float:
        """Transfer rate between the channels through a reservoir, 2π³ h⁴ ρ² ρ_wg (BM 89)."""
        return 2 * math.pi**3 * self.h**4 * self.rho**2 * self.rho_wg

    @property
    def gamma_tilde_wg(self) -> tuple[float, float]:
        """(γ̃_11, γ̃_12): exchange of one TLS with the channels, 2π g_r² ρ_wg (BM 42, 84)."""
        first, second = (2 * math.pi * g**2 * self.rho_wg for g in self.g)
        return first, second

    @property
    def gamma_tilde(self) -> tuple[float, float]:
        """(γ̃_1, γ̃_2): exchange of one TLS with a reservoir, 2π³ h² g_r² ρ_wg² ρ (BM 68)."""
        scale = 2 * math.pi**3 * self.h**2
        first, second = (scale * g**2 * self.rho_wg**2 * self.rho for g in self.g)
        return first, second

    @property
    def modes(self) -> float:
        """Number of modes 𝒩 = Δρ of a reservoir in the resonant window (BM 70)."""
        return self.window * self.rho

    @property
    def modes_wg(self) -> float:
        """Number of modes 𝒩' = Δρ_wg of a channel in the resonant window (BM 86)."""
        return self.window * self.rho_wg

    def open_waveguide(self) -> dict[str, Any]:
        """Keyword arguments of `systems.open_waveguide`, except `tls`."""
        names = ("modes", "gamma_dec", "gamma_0", "gamma_tilde", "gamma_tilde_wg")
        return {name: getattr(self, name) for name in names}

    def closed_waveguide(self) -> dict[str, Any]:
        """Keyword arguments of `systems.closed_waveguide`, except `tls`."""
        return {**self.open_waveguide(), "modes_wg": self.modes_wg, "gamma_3": self.gamma_3}

    @classmethod
    def from_rates(
        cls,
        modes: float,
        modes_wg: float,
        gamma_dec: float | str,
        gamma_0: float | str,
        gamma_tilde_wg: RatePair,
    ) -> "Couplings":
        """Couplings that give these rates; γ̃_r and γ_3 then follow from the couplings.

        Parameters
        ----------
        modes, modes_wg : float
            𝒩 and 𝒩'. The rates determine ρ; ρ_wg = ρ 𝒩'/𝒩 also needs 𝒩'.
        gamma_dec, gamma_0 : float or str
            > 0.
        gamma_tilde_wg : pair of float or str
            (γ̃_11, γ̃_12).

        Returns
        -------
        Couplings

        Raises
        ------
        InputError
            When a density of states would not be positive and finite.
        """
        modes, modes_wg = positive_number(modes, "modes"), positive_number(modes_wg, "modes_wg")
        gamma_dec = units.rate(gamma_dec, "gamma_dec")
        gamma_0 = units.rate(gamma_0, "gamma_0")
        for name, rate in (("gamma_dec", gamma_dec), ("gamma_0", gamma_0)):
            if rate == 0:
                raise InputError(
                    f"`{name}` must be > 0, because the density of states is computed from it"
                )
        rho = density_of_states(gamma_dec, gamma_0)
        rho_wg = rho * modes_wg / modes
        if not (0 < rho < math.inf and 0 < rho_wg < math.inf and modes / rho < math.inf):
            raise InputError(
                f"no couplings give these rates: the density of states would be {rho_wg:g} s"
            )
        h = math.sqrt(gamma_dec / (2 * math.pi * rho_wg))
        g_1, g_2 = (
            math.sqrt(rate / (2 * math.pi * rho_wg))
            for rate in rate_pair(gamma_tilde_wg, "gamma_tilde_wg")
        )
        return cls(h, (g_1, g_2), rho, rho_wg, modes / rho)

    def __str__(self) -> str:
        g_1, g_2 = self.g
        return (
            f"couplings: h/ħ = {self.h:.6g} /s, g_1/ħ = {g_1:.6g} /s, g_2/ħ = {g_2:.6g} /s; "
            f"densities of states ħρ = {self.rho:.6g} s, ħρ_wg = {self.rho_wg:.6g} s; window "
            f"Δ = {self.window:.6g} /s with {self.modes:g} and {self.modes_wg:g} modes"
        )


@dataclass(frozen=True)
class Validity:
    """Consistency of rates with microscopic couplings, and validity of the golden rule.

    Attributes
    ----------
    ratios : dict of str to float
        Ratios of second-order to first-order rates; if couplings exist, all are equal to
        π² h² ρ_wg ρ (BM 57). NaN for 0/0.
    mode_ratios : dict of str to float
        γ_3/γ_0 and 𝒩/𝒩', both equal to ρ/ρ_wg if couplings exist; empty for an open waveguide.
    window : float
        Δ = 𝒩/ħρ, per second; NaN when γ_dec or γ_0 is 0.
    linewidth : float
        Largest γ̃_11 + γ̃_12 of all groups, per second; Δ must be much larger.

    Examples
    --------
    >>> check = validity("10 kHz", "10 kHz", ("10 MHz", 0), ("10 MHz", 0), modes=100)
    >>> check.consistent, check.premise
    (True, False)
    """

    ratios: dict[str, float]
    mode_ratios: dict[str, float]
    window: float
    linewidth: float

    @property
    def consistent(self) -> bool:
        """Whether some microscopic couplings give these rates, within 1 %."""
        return not self.problems

    @property
    def problems(self) -> list[str]:
        """One sentence for each identity that is violated."""
        sentences = []
        for ratios, equation in ((self.ratios, "BM 57"), (self.mode_ratios, "BM 70, 86, 89")):
            known = {name: r for name, r in ratios.items() if not math.isnan(r)}
            if known and not _all_close(known.values()):
                if len(known) > _MOST_LISTED:
                    known = {name: known[name] for name in _extremes(known)}
                values = ", ".join(f"{name} = {r:.4g}" for name, r in known.items())
                sentences.append(
                    f"no couplings give these rates, because {values} differ ({equation})"
                )
        return sentences

    @property
    def premise(self) -> bool | None:
        """Whether Δ is at least ten times the linewidth; None when Δ is not known."""
        if math.isnan(self.window):
            return None
        return self.window >= _MUCH_LARGER * self.linewidth

    def __str__(self) -> str:
        ratios = [
            f"{name} = " + ("0/0" if math.isnan(r) else f"{r:.4g}")
            for name, r in {**self.ratios, **self.mode_ratios}.items()
        ]
        lines = [
            "identities   " + ", ".join(ratios),
            *(f"             {p}" for p in self.problems or ["consistent with couplings (BM 57)"]),
        ]
        if self.premise is None:
            lines.append("mode window  Δ is not known, because γ_dec or γ_0 is 0")
        else:
            relation = "is" if self.premise else "is NOT"
            lines.append(
                f"mode window  Δ = {self.window:.4g} /s {relation} much larger than the linewidth "
                f"{self.linewidth:.4g} /s (golden rule)"
            )
        strongest = max((r for r in self.ratios.values() if not math.isnan(r)), default=0.0)
        relation = "small" if strongest <= 1 / _MUCH_LARGER else "NOT small"
        lines.append(f"orders       second/first = {strongest:.4g}, {relation} compared with 1")
        return "\n".join(lines)


def validity(
    gamma_dec: float | str,
    gamma_0: float | str,
    gamma_tilde: RatePairs,
    gamma_tilde_wg: RatePairs,
    modes: float,
    modes_wg: float | None = None,
    gamma_3: float | str | None = None,
    tls: int | Sequence[int] | None = None,
) -> Validity:
    """Check whether rates follow from microscopic couplings, and whether the golden rule is valid.

    Parameters
    ----------
    gamma_dec, gamma_0 : float or str
        Loss and transfer rates (BM 40, 56).
    gamma_tilde, gamma_tilde_wg : pair of float or str, or a list of pairs
        (γ̃_1, γ̃_2) and (γ̃_11, γ̃_12), for each group of TLS.
    modes : float
        Number of modes 𝒩 of a reservoir.
    modes_wg, gamma_3 : float or str, optional
        𝒩' and γ_3 of a closed waveguide.
    tls : int or list of int, optional
        Number of two-level systems, or of those in each group; needed for individual rates.

    Returns
    -------
    Validity
        Can be printed.

    Raises
    ------
    InputError
        When a rate is not valid.

    Examples
    --------
    >>> print(validity("10 kHz", "10 kHz", ("1 kHz", 0), ("1 kHz", 0), modes=100))
    identities   γ_0/γ_dec = 1, γ̃_1/γ̃_11 = 1, γ̃_2/γ̃_12 = 0/0
                 consistent with couplings (BM 57)
    mode window  Δ = 1.571e+06 /s is much larger than the linewidth 1000 /s (golden rule)
    orders       second/first = 1, NOT small compared with 1
    """
    gamma_dec, gamma_0 = units.rate(gamma_dec, "gamma_dec"), units.rate(gamma_0, "gamma_0")
    second = rate_pairs(gamma_tilde, "gamma_tilde", tls)
    first = rate_pairs(gamma_tilde_wg, "gamma_tilde_wg", tls)
    if len(first) != len(second):
        raise InputError(
            "`gamma_tilde` and `gamma_tilde_wg` must be given for the same groups, but there are "
            f"{len(second)} and {len(first)}"
        )
    ratios = {"γ_0/γ_dec": _ratio(gamma_0, gamma_dec)}
    for k, (tilde, tilde_wg) in enumerate(zip(second, first, strict=True), 1):
        group = f" (group {k})" if len(second) > 1 else ""
        for r in (0, 1):
            found = _ratios(tilde[r], tilde_wg[r])
            for which, ratio in found.items():
                ratios[f"γ̃_{r + 1}/γ̃_1{r + 1}{group}{which}"] = ratio
    mode_ratios = {}
    if modes_wg is not None:
        modes_wg = positive_number(modes_wg, "modes_wg")
        mode_ratios["γ_3/γ_0"] = _ratio(units.rate(gamma_3, "gamma_3"), gamma_0)
        mode_ratios["𝒩/𝒩'"] = positive_number(modes, "modes") / modes_wg
    rho = density_of_states(gamma_dec, gamma_0) if gamma_dec and gamma_0 else math.nan
    return Validity(ratios, mode_ratios, _ratio(modes, rho), _linewidth(first))


def warn_unless_derivable(*rates: Any, **more_rates: Any) -> None:
    """Issue a `PhysicsWarning` when no couplings give these rates; arguments as for `validity`."""
    for problem in validity(*rates, **more_rates).problems:
        warnings.warn(problem, PhysicsWarning, stacklevel=3)


def density_of_states(gamma_dec: float, gamma_0: float) -> float:
    """Density of states ħρ = 2 γ_0/(π γ_dec²) of a reservoir in seconds (BM 40, 57)."""
    return 2 * gamma_0 / (math.pi * gamma_dec) / gamma_dec


def _density(value: float | str, name: str) -> float:
    return units.time(value, name)


def _ratios(second_order: float | Rates, first_order: float | Rates) -> dict[str, float]:
    """Ratio of two rates; of individual ones the smallest and the largest if they differ."""
    pairs = np.broadcast(np.asarray(second_order, float), np.asarray(first_order, float))
    known = [ratio for ratio in (_ratio(float(x), float(y)) for x, y in pairs) if ratio == ratio]
    if not known:
        return {"": math.nan}
    if _all_close(known):
        return {"": known[0]}
    return {" (smallest)": min(known), " (largest)": max(known)}


def _linewidth(first: Sequence[tuple[float | Rates, float | Rates]]) -> float:
    """Largest sum of the rates of a TLS."""
    return max(float(np.max(np.add(*map(np.asarray, pair)))) for pair in first)


def _ratio(x: float, y: float) -> float:
    if y == 0:
        return math.nan if x == 0 else math.inf
    return x / y


def _extremes(values: dict[str, float]) -> list[str]:
    return [min(values, key=values.__getitem__), max(values, key=values.__getitem__)]


def _all_close(values: Iterable[float]) -> bool:
    low, high = min(values), max(values)
    return low == high or (high < math.inf and high - low <= _TOLERANCE * high)

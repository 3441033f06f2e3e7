"""Golden-rule rates from microscopic couplings and densities of states, and back.

D. Braak and J. Mannhart, *Fermi's golden rule and the second law of thermodynamics*, Eqs. (40),
(42), (56), (57), (68), (70), (83), (86), (89); below "BM". Coupling energies are divided by ħ
(per second), densities of states multiplied by ħ (modes per unit of angular frequency, seconds), so
that no ħ is left in any rate.
"""

import math
import warnings
from dataclasses import dataclass

from .. import units
from ..errors import InputError, PhysicsWarning, positive_number

_AGREE = 0.01  # rates are typed with two or three digits
_MUCH_LARGER = 10


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
    """

    h: float
    g: tuple
    rho: float
    rho_wg: float
    window: float

    def __post_init__(self):
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
    def gamma_dec(self):
        """Loss of a reservoir photon into one waveguide channel, 2π h² ρ_wg (BM 40)."""
        return 2 * math.pi * self.h**2 * self.rho_wg

    @property
    def gamma_dec_wg(self):
        """γ'_dec = (ρ/ρ_wg) γ_dec, the same seen per waveguide mode (BM 83)."""
        return self.rho / self.rho_wg * self.gamma_dec

    @property
    def gamma_0(self):
        """Transfer between the reservoirs per mode, 2π³ h⁴ ρ_wg² ρ (BM 56)."""
        return 2 * math.pi**3 * self.h**4 * self.rho_wg**2 * self.rho

    @property
    def gamma_3(self):
        """Transfer between the channels via a reservoir per mode, 2π³ h⁴ ρ² ρ_wg (BM 89)."""
        return 2 * math.pi**3 * self.h**4 * self.rho**2 * self.rho_wg

    @property
    def gamma_tilde_wg(self):
        """(γ̃_11, γ̃_12): one TLS and one channel, 2π g_r² ρ_wg (BM 42, 84)."""
        return tuple(2 * math.pi * g**2 * self.rho_wg for g in self.g)

    @property
    def gamma_tilde(self):
        """(γ̃_1, γ̃_2): one TLS and a reservoir, 2π³ h² g_r² ρ_wg² ρ (BM 68)."""
        return tuple(2 * math.pi**3 * self.h**2 * g**2 * self.rho_wg**2 * self.rho for g in self.g)

    @property
    def modes(self):
        """Modes 𝒩 = Δρ of a reservoir in the window (BM 70)."""
        return self.window * self.rho

    @property
    def modes_wg(self):
        """Modes 𝒩' = Δρ_wg of a waveguide channel in the window (BM 86)."""
        return self.window * self.rho_wg

    def open_waveguide(self):
        """Keyword arguments of `systems.open_waveguide`, all but `tls`."""
        names = ("modes", "gamma_dec", "gamma_0", "gamma_tilde", "gamma_tilde_wg")
        return {name: getattr(self, name) for name in names}

    def closed_waveguide(self):
        """Keyword arguments of `systems.closed_waveguide`, all but `tls`."""
        return {**self.open_waveguide(), "modes_wg": self.modes_wg, "gamma_3": self.gamma_3}

    @classmethod
    def from_rates(cls, modes, modes_wg, gamma_dec, gamma_0, gamma_tilde_wg):
        """Couplings that give these rates; γ̃_r and γ_3 follow from them.

        Parameters
        ----------
        modes, modes_wg : float
            𝒩 and 𝒩'. Rates alone fix ρ, but ρ_wg only by way of 𝒩'.
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
                    f"`{name}` must be > 0, because a density of states is found from it"
                )
        rho = density_of_states(gamma_dec, gamma_0)
        rho_wg = rho * modes_wg / modes
        if not (0 < rho < math.inf and 0 < rho_wg < math.inf and modes / rho < math.inf):
            raise InputError(
                f"no couplings give these rates: the density of states would be {rho_wg:g} s"
            )
        h = math.sqrt(gamma_dec / (2 * math.pi * rho_wg))
        g = [
            math.sqrt(rate / (2 * math.pi * rho_wg))
            for rate in rate_pair(gamma_tilde_wg, "gamma_tilde_wg")
        ]
        return cls(h, g, rho, rho_wg, modes / rho)

    def __str__(self):
        g_1, g_2 = self.g
        return (
            f"couplings: h/ħ = {self.h:.6g} /s, g_1/ħ = {g_1:.6g} /s, g_2/ħ = {g_2:.6g} /s; "
            f"densities of states ħρ = {self.rho:.6g} s, ħρ_wg = {self.rho_wg:.6g} s; window "
            f"Δ = {self.window:.6g} /s with {self.modes:g} and {self.modes_wg:g} modes"
        )


@dataclass(frozen=True)
class Validity:
    """Whether rates can come from couplings, and whether the golden rule's premises hold.

    Attributes
    ----------
    ratios : dict of str to float
        All equal π² h² ρ_wg ρ if couplings exist (BM 57); NaN for 0/0.
    mode_ratios : dict of str to float
        γ_3/γ_0 and 𝒩/𝒩', equal to ρ/ρ_wg; empty for an open waveguide.
    window : float
        Δ = 𝒩/ħρ, per second; NaN when γ_dec or γ_0 is 0.
    linewidth : float
        γ̃_11 + γ̃_12, the largest of all groups, per second; Δ must be much larger.
    """

    ratios: dict
    mode_ratios: dict
    window: float
    linewidth: float

    @property
    def consistent(self):
        """Whether some couplings give these rates (to 1 %)."""
        return not self.problems

    @property
    def problems(self):
        """One sentence for each identity that fails."""
        sentences = []
        for ratios, equation in ((self.ratios, "BM 57"), (self.mode_ratios, "BM 70, 86, 89")):
            known = {name: r for name, r in ratios.items() if not math.isnan(r)}
            if known and not _all_close(known.values()):
                told = ", ".join(f"{name} = {r:.4g}" for name, r in known.items())
                sentences.append(f"no couplings give these rates, since {told} differ ({equation})")
        return sentences

    @property
    def premise(self):
        """Whether Δ exceeds the linewidth at least ten times; None when Δ is not known."""
        if math.isnan(self.window):
            return None
        return self.window >= _MUCH_LARGER * self.linewidth

    def __str__(self):
        told = [
            f"{name} = " + ("0/0" if math.isnan(r) else f"{r:.4g}")
            for name, r in {**self.ratios, **self.mode_ratios}.items()
        ]
        lines = [
            "identities   " + ", ".join(told),
            *(f"             {p}" for p in self.problems or ["consistent with couplings (BM 57)"]),
        ]
        if self.premise is None:
            lines.append("mode window  Δ is not known, because γ_dec or γ_0 is 0")
        else:
            relation = "exceeds" if self.premise else "does NOT exceed"
            lines.append(
                f"mode window  Δ = {self.window:.4g} /s {relation} by far the linewidth "
                f"{self.linewidth:.4g} /s, as the golden rule needs"
            )
        strongest = max((r for r in self.ratios.values() if not math.isnan(r)), default=0.0)
        relation = "small" if strongest <= 1 / _MUCH_LARGER else "NOT small"
        lines.append(f"orders       second/first = {strongest:.4g}, {relation} beside 1")
        return "\n".join(lines)


def validity(gamma_dec, gamma_0, gamma_tilde, gamma_tilde_wg, modes, modes_wg=None, gamma_3=None):
    """Check rates against what couplings could give, and against the golden rule's premises.

    Parameters
    ----------
    gamma_dec, gamma_0 : float or str
    gamma_tilde, gamma_tilde_wg : pair of float or str, or a list of pairs
        (γ̃_1, γ̃_2) and (γ̃_11, γ̃_12), for each group of TLS.
    modes : float
        𝒩.
    modes_wg, gamma_3 : float or str, optional
        𝒩' and γ_3 of a closed waveguide.

    Returns
    -------
    Validity
        Printable.
    """
    gamma_dec, gamma_0 = units.rate(gamma_dec, "gamma_dec"), units.rate(gamma_0, "gamma_0")
    second = rate_pairs(gamma_tilde, "gamma_tilde")
    first = rate_pairs(gamma_tilde_wg, "gamma_tilde_wg")
    if len(first) != len(second):
        raise InputError(
            "`gamma_tilde` and `gamma_tilde_wg` must be given for the same groups, but there are "
            f"{len(second)} and {len(first)}"
        )
    ratios = {"γ_0/γ_dec": _ratio(gamma_0, gamma_dec)}
    for k, (tilde, tilde_wg) in enumerate(zip(second, first, strict=True), 1):
        group = f" (group {k})" if len(second) > 1 else ""
        for r in (0, 1):
            ratios[f"γ̃_{r + 1}/γ̃_1{r + 1}{group}"] = _ratio(tilde[r], tilde_wg[r])
    mode_ratios = {}
    if modes_wg is not None:
        modes_wg = positive_number(modes_wg, "modes_wg")
        mode_ratios["γ_3/γ_0"] = _ratio(units.rate(gamma_3, "gamma_3"), gamma_0)
        mode_ratios["𝒩/𝒩'"] = positive_number(modes, "modes") / modes_wg
    rho = density_of_states(gamma_dec, gamma_0) if gamma_dec and gamma_0 else math.nan
    return Validity(ratios, mode_ratios, modes / rho, max(map(sum, first)))


def warn_unless_derivable(*rates, **more_rates):
    """Give a `PhysicsWarning` when no couplings lead to these rates; arguments of `validity`."""
    for problem in validity(*rates, **more_rates).problems:
        warnings.warn(problem, PhysicsWarning, stacklevel=3)


def density_of_states(gamma_dec, gamma_0):
    """ħρ = 2 γ_0/(π γ_dec²) of a reservoir in seconds, from (40) and (57) of BM."""
    return 2 * gamma_0 / (math.pi * gamma_dec) / gamma_dec


def rate_pair(values, name):
    """Rates for channels 1 and 2, checked."""
    if isinstance(values, str) or not hasattr(values, "__len__") or len(values) != 2:
        raise InputError(
            f"`{name}` must be a pair of rates, for channels 1 and 2, but is {values!r}"
        )
    return tuple(units.rate(v, f"{name}[{r}]") for r, v in enumerate(values))


def rate_pairs(values, name):
    """A pair of rates for each group of TLS; one pair alone is that of the only group."""
    if isinstance(values, list | tuple) and values and all(map(_is_list, values)):
        return [rate_pair(pair, f"{name}[{k}]") for k, pair in enumerate(values)]
    return [rate_pair(values, name)]


def _is_list(value):
    return isinstance(value, list | tuple)


def _density(value, name):
    return units.time(value, name)


def _ratio(x, y):
    if y == 0:
        return math.nan if x == 0 else math.inf
    return x / y


def _all_close(values):
    low, high = min(values), max(values)
    return low == high or (high < math.inf and high - low <= _AGREE * high)

"""Parameters of two electronic levels, each with a reservoir, that are coupled by light.

A. Wacker, *Nonresonant two-level transitions* (2022); below "W". ħ = k_B = 1. The parameters
define the density matrix (`theory.twolevel`), the quantum jumps (`quantum_jumps.TwoLevel`) and,
with the golden rule, a model with jump rates (`systems.two_level`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import units
from ...errors import InputError

ENERGIES = ("effective", "bare")


def check_rates(**rates: ArrayLike) -> list[Any]:
    """Check that rates are numbers ≥ 0; returns them as floats or arrays, in the given order."""
    found = []
    for name, value in rates.items():
        value = _real(value, name)
        if (value < 0).any():
            raise InputError(f"`{name}` must be ≥ 0, but is {_as_text(value)}")
        found.append(value[()])
    return found


def real(**values: ArrayLike) -> list[Any]:
    """Check that values are finite real numbers or arrays; returns them in the given order."""
    return [_real(value, name)[()] for name, value in values.items()]


def fillings(
    given: Mapping[str, tuple[Any, Any, Any]],
    levels: Mapping[str, tuple[Any, Any, int]],
    energies: str,
) -> dict[str, Any]:
    """Fillings of the reservoirs, given directly or by temperatures and chemical potentials.

    Parameters
    ----------
    given : dict
        By reservoir (filling, temperature, chemical potential); each one may be None.
    levels : dict
        By reservoir (effective energy, bare energy, sign); the sign is +1 for electrons (Fermi
        function) and -1 for photons (Bose function).
    energies : str
        "effective" or "bare": the energy at which the Fermi and Bose functions are taken.

    Returns
    -------
    dict of str to float or ndarray

    Raises
    ------
    InputError
        When neither or both of filling and temperature are given, or when one is out of range.
    """
    if energies not in ENERGIES:
        raise InputError(f'`energies` must be "effective" or "bare", but is {energies!r}')
    found = {}
    for name, (filling, temperature, potential) in given.items():
        effective, bare, sign = levels[name]
        key = f"f_{name}" if sign > 0 else f"n_{name}"
        if (filling is None) == (temperature is None):
            raise InputError(
                f"give either `{key}` or `T_{name}`" + (f" with `mu_{name}`" if sign > 0 else "")
            )
        if filling is not None:
            found[name] = _filling(filling, key, sign)
            continue
        if sign > 0 and potential is None:
            raise InputError(f"`T_{name}` needs `mu_{name}` as well")
        temperature = _real(temperature, f"T_{name}")
        if (temperature <= 0).any():
            raise InputError(f"`T_{name}` must be > 0, but is {_as_text(temperature)}")
        energy = effective if energies == "effective" else bare
        potential = _real(potential, f"mu_{name}")[()] if sign > 0 else 0.0
        y = (energy - potential) / temperature[()]
        if sign < 0 and np.any(np.asarray(y) <= 0):
            raise InputError(
                f"the {energies} photon energy must be > 0 for a thermal filling, but is "
                f"{_as_text(np.asarray(energy))}"
            )
        found[name] = units.fermi(y) if sign > 0 else units.bose(y)
    return found


def _filling(value: ArrayLike, name: str, sign: int) -> Any:
    value = _real(value, name)
    if (value < 0).any() or (sign > 0 and (value > 1).any()):
        limits = "from 0 to 1" if sign > 0 else "≥ 0"
        raise InputError(f"`{name}` must be {limits}, but is {_as_text(value)}")
    return value[()]


def _real(value: ArrayLike, name: str) -> NDArray[np.float64]:
    try:
        value = np.asarray(value, float)
    except (TypeError, ValueError):
        value = np.array(np.nan)
    if not np.isfinite(value).all():
        raise InputError(f"`{name}` must be a finite real number")
    return value


def _as_text(value: NDArray[np.float64]) -> str:
    return f"{float(value):g}" if np.ndim(value) == 0 else "an array with values outside"


def exponent(filling: Any, sign: int = 1) -> Any:
    """Exponent x with e^(-x) = f/(1-f) for electrons (sign 1), n/(1+n) for photons (sign -1)."""
    with np.errstate(divide="ignore"):
        return np.log1p(-sign * filling) - np.log(filling)


@dataclass(frozen=True, eq=False)
class FieldParameters:
    """Parameters of two levels in a classical field; see `theory.twolevel.classical_field`.

    Attributes
    ----------
    E_u, E_l, omega : float or ndarray
        Bare energies and the frequency of the field.
    gamma_u, gamma_l : float or ndarray
        Exchange rates with the reservoirs, per second.
    epsilon : complex or ndarray
        Coupling to the field (W 10).
    f_u, f_l : float or ndarray
        Fillings of the reservoirs.
    reservoirs : dict
        (temperature, chemical potential) of "u" and "l"; None where the filling was given.
    """

    E_u: Any
    E_l: Any
    omega: Any
    gamma_u: Any
    gamma_l: Any
    epsilon: Any
    f_u: Any
    f_l: Any
    reservoirs: dict[str, Any]

    @property
    def detuning(self) -> Any:
        """Detuning Δ = ω - (E_u - E_l)."""
        return self.omega - (self.E_u - self.E_l)

    @property
    def width(self) -> Any:
        """Width γ_u + γ_l of the transition."""
        return self.gamma_u + self.gamma_l

    @property
    def alpha(self) -> Any:
        """Golden-rule rate α = |ε|² (γ_u+γ_l)/(Δ² + (γ_u+γ_l)²/4) (W A12)."""
        return np.abs(self.epsilon) ** 2 * self.width / (self.width**2 / 4 + self.detuning**2)

    @property
    def effective(self) -> tuple[Any, Any, Any]:
        """Effective energies of u and l (W 14), and of a photon: ω."""
        part = self.detuning / self.width
        return self.E_u + self.gamma_u * part, self.E_l - self.gamma_l * part, self.omega

    @property
    def bare(self) -> tuple[Any, Any, Any]:
        """Bare energies of u and l, and of a photon: ω."""
        return self.E_u, self.E_l, self.omega

    @property
    def exponents(self) -> dict[str, Any]:
        """Exponents x_u and x_l with e^(-x) = f/(1-f)."""
        return {"u": exponent(self.f_u), "l": exponent(self.f_l)}


@dataclass(frozen=True, eq=False)
class ModeParameters:
    """Parameters of two levels and a quantised mode; see `theory.twolevel.quantised_mode`.

    Attributes
    ----------
    E_u, E_l, omega_cav : float
        Bare energies and the frequency of the empty cavity.
    g : complex
        Coupling to the mode (W 18).
    gamma_u, gamma_l, gamma_b : float
        Exchange rates with the electron reservoirs and the photon bath, per second.
    f_u, f_l, n_b : float
        Fillings of the electron reservoirs, occupation of the photon bath.
    reservoirs : dict
        (temperature, chemical potential) of "u" and "l", temperature of "b"; None where the
        filling was given.
    """

    E_u: float
    E_l: float
    omega_cav: float
    g: complex
    gamma_u: float
    gamma_l: float
    gamma_b: float
    f_u: float
    f_l: float
    n_b: float
    reservoirs: dict[str, Any]

    @property
    def detuning(self) -> float:
        """Detuning Δ_cav = ω_cav - (E_u - E_l)."""
        return self.omega_cav - (self.E_u - self.E_l)

    @property
    def width(self) -> float:
        """Width Γ = γ_u + γ_l + γ_b of the transition."""
        return self.gamma_u + self.gamma_l + self.gamma_b

    @property
    def alpha(self) -> float:
        """Golden-rule rate α_Q = |g|² Γ/(Δ_cav² + Γ²/4), with R = α_Q F (W after B11)."""
        return abs(self.g) ** 2 * self.width / (self.detuning**2 + self.width**2 / 4)

    @property
    def effective(self) -> tuple[float, float, float]:
        """Effective energies of u, l and a photon (W 21)."""
        part = self.detuning / self.width
        return (
            self.E_u + self.gamma_u * part,
            self.E_l - self.gamma_l * part,
            self.omega_cav - self.gamma_b * part,
        )

    @property
    def bare(self) -> tuple[float, float, float]:
        """Bare energies of u and l, and of a photon in the empty cavity."""
        return self.E_u, self.E_l, self.omega_cav

    @property
    def exponents(self) -> dict[str, float]:
        """Exponents x_u, x_l, x_b with e^(-x) = f/(1-f) and e^(-x_b) = n_b/(1+n_b)."""
        return {"u": exponent(self.f_u), "l": exponent(self.f_l), "b": exponent(self.n_b, -1)}

    @property
    def affinity(self) -> float:
        """Affinity x_b + x_l - x_u, which has the sign of the net emission rate R."""
        x = self.exponents
        return x["b"] + x["l"] - x["u"]


def field_parameters(
    E_u: ArrayLike,
    E_l: ArrayLike,
    omega: ArrayLike,
    gamma_u: ArrayLike,
    gamma_l: ArrayLike,
    epsilon: ArrayLike,
    *,
    f_u: ArrayLike | None = None,
    f_l: ArrayLike | None = None,
    T_u: ArrayLike | None = None,
    T_l: ArrayLike | None = None,
    mu_u: ArrayLike | None = None,
    mu_l: ArrayLike | None = None,
    energies: str = "effective",
) -> FieldParameters:
    """Check the arguments of `theory.twolevel.classical_field` and compute the fillings."""
    E_u, E_l, omega = real(E_u=E_u, E_l=E_l, omega=omega)
    gamma_u, gamma_l = check_rates(gamma_u=gamma_u, gamma_l=gamma_l)
    if np.any(gamma_u == 0) or np.any(gamma_l == 0):
        raise InputError("`gamma_u` and `gamma_l` must be > 0, or there is no unique steady state")
    epsilon = _complex(epsilon, "epsilon")
    reservoirs = {name: _reservoir(*given) for name, *given in (("u", T_u, mu_u), ("l", T_l, mu_l))}
    bare = FieldParameters(E_u, E_l, omega, gamma_u, gamma_l, epsilon, 0.5, 0.5, reservoirs)
    upper, lower, _ = bare.effective
    filled = fillings(
        {"u": (f_u, T_u, mu_u), "l": (f_l, T_l, mu_l)},
        {"u": (upper, E_u, 1), "l": (lower, E_l, 1)},
        energies,
    )
    return replace(bare, f_u=filled["u"], f_l=filled["l"])


def mode_parameters(
    E_u: float,
    E_l: float,
    omega_cav: float,
    g: complex,
    gamma_u: float,
    gamma_l: float,
    gamma_b: float,
    *,
    f_u: float | None = None,
    f_l: float | None = None,
    n_b: float | None = None,
    T_u: float | None = None,
    T_l: float | None = None,
    T_b: float | None = None,
    mu_u: float | None = None,
    mu_l: float | None = None,
    energies: str = "effective",
) -> ModeParameters:
    """Check the arguments of `theory.twolevel.quantised_mode` and compute the fillings."""
    E_u, E_l, omega_cav = real(E_u=E_u, E_l=E_l, omega_cav=omega_cav)
    rates = check_rates(gamma_u=gamma_u, gamma_l=gamma_l, gamma_b=gamma_b)
    others = (g, f_u, f_l, n_b, T_u, T_l, T_b, mu_u, mu_l)
    if any(np.ndim(v) for v in (E_u, E_l, omega_cav, *rates, *others)):
        raise InputError("the quantised mode is solved for one set of parameters, not for arrays")
    if min(rates) == 0:
        raise InputError("`gamma_u`, `gamma_l` and `gamma_b` must be > 0 for a unique steady state")
    reservoirs = {"u": _reservoir(T_u, mu_u), "l": _reservoir(T_l, mu_l), "b": T_b}
    bare = ModeParameters(
        float(E_u), float(E_l), float(omega_cav), complex(_complex(g, "g")), float(rates[0]),
        float(rates[1]), float(rates[2]), 0.5, 0.5, 1.0, reservoirs,
    )  # fmt: skip
    upper, lower, photon = bare.effective
    filled = fillings(
        {"u": (f_u, T_u, mu_u), "l": (f_l, T_l, mu_l), "b": (n_b, T_b, None)},
        {"u": (upper, E_u, 1), "l": (lower, E_l, 1), "b": (photon, omega_cav, -1)},
        energies,
    )
    f_u, f_l, n_b = (float(filled[name]) for name in "ulb")
    return replace(bare, f_u=f_u, f_l=f_l, n_b=n_b)


def _reservoir(temperature: Any, potential: Any) -> tuple[Any, Any] | None:
    return None if temperature is None else (temperature, potential)


def _complex(value: ArrayLike, name: str) -> Any:
    try:
        value = np.asarray(value, complex)[()]
    except (TypeError, ValueError):
        value = np.nan
    if not np.isfinite(value).all():
        raise InputError(f"`{name}` must be a finite number")
    return value

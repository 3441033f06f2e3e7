"""Two electronic levels with a reservoir each, and light between them: what they are made of.

A. Wacker, *Nonresonant two-level transitions* (2022); below "W". ħ = k_B = 1. From the parameters
follow the density matrix (`theory.twolevel`), its quantum jumps (`quantum_jumps.TwoLevel`)
and, with the golden rule, a model of counts (`systems.two_level`).
"""

from dataclasses import dataclass, replace

import numpy as np

from ... import units
from ...errors import InputError

ENERGIES = ("effective", "bare")


def check_rates(**rates):
    """Refuse rates that are not numbers ≥ 0; returns them as arrays or floats."""
    found = []
    for name, value in rates.items():
        value = _real(value, name)
        if (value < 0).any():
            raise InputError(f"`{name}` must be ≥ 0, but is {_told(value)}")
        found.append(value[()])
    return found


def real(**values):
    """Refuse what is not a finite real number or an array of them."""
    return [_real(value, name)[()] for name, value in values.items()]


def fillings(given, levels, energies):
    """Fillings of the reservoirs: those given, or those of temperatures and potentials.

    Parameters
    ----------
    given : dict
        By reservoir (f, T, mu): the filling or None, temperature or None, potential or None.
    levels : dict
        By reservoir (effective energy, bare energy, sign): sign +1 for electrons, -1 for photons.
    energies : str
        "effective" or "bare".

    Returns
    -------
    dict of str to float or ndarray
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
            raise InputError(f"`T_{name}` must be > 0, but is {_told(temperature)}")
        energy = effective if energies == "effective" else bare
        y = (energy - (potential if sign > 0 else 0.0)) / temperature[()]
        if sign < 0 and np.any(np.asarray(y) <= 0):
            raise InputError(
                f"the {energies} photon energy must be > 0 for a thermal filling, but is "
                f"{_told(np.asarray(energy))}"
            )
        found[name] = units.fermi(y) if sign > 0 else units.bose(y)
    return found


def _filling(value, name, sign):
    value = _real(value, name)
    if (value < 0).any() or (sign > 0 and (value > 1).any()):
        limits = "from 0 to 1" if sign > 0 else "≥ 0"
        raise InputError(f"`{name}` must be {limits}, but is {_told(value)}")
    return value[()]


def _real(value, name):
    try:
        value = np.asarray(value, float)
    except (TypeError, ValueError):
        value = np.array(np.nan)
    if not np.isfinite(value).all():
        raise InputError(f"`{name}` must be a finite real number")
    return value


def _told(value):
    return f"{float(value):g}" if np.ndim(value) == 0 else "an array with others"


def exponent(filling, sign=1):
    """x with e^(-x) = f/(1-f) for electrons (sign 1) and n/(1+n) for photons (sign -1)."""
    with np.errstate(divide="ignore"):
        return np.log1p(-sign * filling) - np.log(filling)


@dataclass(frozen=True, eq=False)
class FieldParameters:
    """What the two levels and a classical field are made of; see `theory.twolevel.classical_field`.

    Numbers, or arrays that broadcast.
    """

    E_u: float
    E_l: float
    omega: float
    gamma_u: float
    gamma_l: float
    epsilon: complex
    f_u: float
    f_l: float
    reservoirs: dict

    @property
    def detuning(self):
        """Δ = ω - (E_u - E_l)."""
        return self.omega - (self.E_u - self.E_l)

    @property
    def width(self):
        """γ_u + γ_l."""
        return self.gamma_u + self.gamma_l

    @property
    def alpha(self):
        """α = |ε|² (γ_u+γ_l)/(Δ² + (γ_u+γ_l)²/4) (W A12)."""
        return np.abs(self.epsilon) ** 2 * self.width / (self.width**2 / 4 + self.detuning**2)

    @property
    def effective(self):
        """Effective energies of u and l (W 14), and of a photon: ω."""
        part = self.detuning / self.width
        return self.E_u + self.gamma_u * part, self.E_l - self.gamma_l * part, self.omega

    @property
    def bare(self):
        """Bare energies of u and l, and of a photon: ω."""
        return self.E_u, self.E_l, self.omega

    @property
    def exponents(self):
        """x_u and x_l, with e^(-x) = f/(1-f)."""
        return {"u": exponent(self.f_u), "l": exponent(self.f_l)}


@dataclass(frozen=True, eq=False)
class ModeParameters:
    """What the two levels and their mode are made of; see `theory.twolevel.quantised_mode`."""

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
    reservoirs: dict

    @property
    def detuning(self):
        """Δ_cav = ω_cav - (E_u - E_l)."""
        return self.omega_cav - (self.E_u - self.E_l)

    @property
    def width(self):
        """Γ = γ_u + γ_l + γ_b."""
        return self.gamma_u + self.gamma_l + self.gamma_b

    @property
    def alpha(self):
        """α_Q = |g|² Γ/(Δ_cav² + Γ²/4): R = α_Q F."""
        return abs(self.g) ** 2 * self.width / (self.detuning**2 + self.width**2 / 4)

    @property
    def effective(self):
        """Effective energies of u, l and a photon (W 21)."""
        part = self.detuning / self.width
        return (
            self.E_u + self.gamma_u * part,
            self.E_l - self.gamma_l * part,
            self.omega_cav - self.gamma_b * part,
        )

    @property
    def bare(self):
        """Bare energies of u and l, and of a photon in the empty cavity."""
        return self.E_u, self.E_l, self.omega_cav

    @property
    def exponents(self):
        """x_u, x_l and x_b, with e^(-x) = f/(1-f) and n_b/(1+n_b)."""
        return {"u": exponent(self.f_u), "l": exponent(self.f_l), "b": exponent(self.n_b, -1)}

    @property
    def affinity(self):
        """x_b + x_l - x_u: R never has the other sign."""
        x = self.exponents
        return x["b"] + x["l"] - x["u"]


def field_parameters(
    E_u, E_l, omega, gamma_u, gamma_l, epsilon, *, f_u=None, f_l=None, T_u=None, T_l=None,
    mu_u=None, mu_l=None, energies="effective",
):  # fmt: skip
    """Check what `theory.twolevel.classical_field` is given, and find the fillings."""
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
    E_u, E_l, omega_cav, g, gamma_u, gamma_l, gamma_b, *, f_u=None, f_l=None, n_b=None,
    T_u=None, T_l=None, T_b=None, mu_u=None, mu_l=None, energies="effective",
):  # fmt: skip
    """Check what `theory.twolevel.quantised_mode` is given, and find the fillings."""
    E_u, E_l, omega_cav = real(E_u=E_u, E_l=E_l, omega_cav=omega_cav)
    rates = check_rates(gamma_u=gamma_u, gamma_l=gamma_l, gamma_b=gamma_b)
    if any(np.ndim(v) for v in (E_u, E_l, omega_cav, *rates)):
        raise InputError("the quantised mode is solved for one set of parameters, not for arrays")
    if min(rates) == 0:
        raise InputError("`gamma_u`, `gamma_l` and `gamma_b` must be > 0 for a unique steady state")
    reservoirs = {"u": _reservoir(T_u, mu_u), "l": _reservoir(T_l, mu_l), "b": T_b}
    bare = ModeParameters(
        float(E_u), float(E_l), float(omega_cav), complex(_complex(g, "g")), *map(float, rates),
        0.5, 0.5, 1.0, reservoirs,
    )  # fmt: skip
    upper, lower, photon = bare.effective
    filled = fillings(
        {"u": (f_u, T_u, mu_u), "l": (f_l, T_l, mu_l), "b": (n_b, T_b, None)},
        {"u": (upper, E_u, 1), "l": (lower, E_l, 1), "b": (photon, omega_cav, -1)},
        energies,
    )
    f_u, f_l, n_b = (float(filled[name]) for name in "ulb")
    return replace(bare, f_u=f_u, f_l=f_l, n_b=n_b)


def _reservoir(temperature, potential):
    return None if temperature is None else (temperature, potential)


def _complex(value, name):
    try:
        value = np.asarray(value, complex)[()]
    except (TypeError, ValueError):
        value = np.nan
    if not np.isfinite(value).all():
        raise InputError(f"`{name}` must be a finite number")
    return value

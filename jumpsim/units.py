"""Physical constants, quantities with units, thermal occupations and their inverses.

Rates are per second, times in seconds, lengths in metres. A number stands for itself; a string
carries its unit ("10 MHz", "0.75 us", "10 um"). A frequency is a rate of events: 10 MHz is 1e7
per second, without a factor 2π. Energies are in ħΩ, temperatures in ħΩ/k_B, entropies in k_B.
"""

import functools
import math
import numbers
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import units
from .errors import InputError

# Exact by the definition of the SI (CODATA 2018).
PLANCK = 6.62607015e-34  # J s
LIGHT = 299792458.0  # m/s
BOLTZMANN = 1.380649e-23  # J/K

_QUANTITY = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*")
# Only names and single-digit powers reach the unit library: a parameter file is not to be trusted.
_NAME = r"[A-Za-zµμ]{1,20}(?:\s?(?:\^|\*\*)\s?-?\d)?"
_UNIT_TEXT = re.compile(rf"(?:1?\s?/\s?)?{_NAME}(?:\s?[*/ ]\s?{_NAME}){{0,4}}")
_DIMENSIONS = {
    "rate": ("1/second", "'10 MHz' or '0.1 /us', or a plain number per second"),
    "time": ("second", "'0.75 us', or a plain number in seconds"),
    "length": ("metre", "'10 um', or a plain number in metres"),
}


@functools.cache
def _registry() -> Any:
    import pint  # here, because it takes longer to load than the rest of the package

    return pint.UnitRegistry(cache_folder=None)


@functools.lru_cache(maxsize=256)
def _unit_factor(unit: str, dimension: str) -> float | None:
    """SI value of one `unit`, or None when it is not a unit of this dimension."""
    import pint

    if not _UNIT_TEXT.fullmatch(unit):
        return None
    ureg = _registry()
    try:
        parsed = ureg.parse_units(f"1{unit}" if unit.startswith("/") else unit)
        quantity = ureg.Quantity(1.0, parsed)
        if "radian" in str(quantity.to_root_units().units):
            return None  # turns per second: a factor 2π would enter unseen
        return float(quantity.to(_DIMENSIONS[dimension][0]).magnitude)
    except (pint.errors.PintError, ValueError, TypeError, ArithmeticError, AssertionError):
        return None


def _number(value: Any, name: str, dimension: str) -> float:
    """Number in SI units of anything a user may write for a quantity."""
    _, example = _DIMENSIONS[dimension]
    if isinstance(value, str):
        match = _QUANTITY.fullmatch(value)
        factor = _unit_factor(match[2], dimension) if match and match[2] else None
        if match is None or factor is None:
            raise InputError(f"`{name}` must be a {dimension} such as {example}, but is {value!r}")
        number = float(match[1])
        # A division by the inverse keeps "10 us" at exactly 10 / 1e6, which 10 * 1e-6 is not.
        inverse = round(1 / factor) if 0 < factor < 1 else 0
        if inverse and math.isclose(inverse * factor, 1, rel_tol=1e-12):
            return number / inverse
        return number * factor
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise InputError(f"`{name}` must be a {dimension} such as {example}, but is {value!r}")
    return as_float(value)


def as_float(number: Any) -> float:
    """Return a real number as a float; infinite when it is too large."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def rate(value: float | str, name: str = "rate") -> float:
    """Events per second, from a number or a string such as "10 MHz".

    Parameters
    ----------
    value : float or str
        A number per second, or a string with a unit of dimension 1/time.
    name : str
        What the quantity is called in an error message.

    Returns
    -------
    float
        Finite and ≥ 0.

    Raises
    ------
    InputError
        When the value is negative, not finite, or of another dimension.
    """
    number = _number(value, name, "rate")
    if not (math.isfinite(number) and number >= 0):
        raise InputError(f"`{name}` must be a finite rate ≥ 0, but is {value!r}")
    return number


def time(value: float | str, name: str = "time") -> float:
    """Seconds, from a number or a string such as "0.75 us"; finite and ≥ 0, else `InputError`."""
    number = _number(value, name, "time")
    if not (math.isfinite(number) and number >= 0):
        raise InputError(f"`{name}` must be a finite time ≥ 0, but is {value!r}")
    return number


def length(value: float | str, name: str = "length") -> float:
    """Metres, from a number or a string such as "10 um"; finite and > 0, else `InputError`."""
    number = _number(value, name, "length")
    if not (math.isfinite(number) and number > 0):
        raise InputError(f"`{name}` must be a finite length > 0, but is {value!r}")
    return number


def kelvin_per_quantum(wavelength: float) -> float:
    """Temperature ħΩ/k_B in kelvin of the quantum whose vacuum wavelength is given in metres."""
    return PLANCK * LIGHT / (wavelength * BOLTZMANN)


def bose(x: ArrayLike) -> NDArray[np.float64]:
    """Mean photon number 1/(e^x - 1) of a mode, x = ħΩ/k_B T > 0 (BM 16)."""
    with np.errstate(over="ignore"):
        return 1 / np.expm1(x)


def fermi(x: ArrayLike) -> NDArray[np.float64]:
    """Probability 1/(e^x + 1) that a two-level system is excited, x = ħΩ/k_B T (BM 13)."""
    # Not scipy.special.expit: it rounds differently, and starts drawn from it would change.
    with np.errstate(over="ignore"):
        return 1 / (np.exp(x) + 1)


def inverse_bose(n: ArrayLike) -> NDArray[np.float64]:
    """x = ħΩ/k_B T = ln((1+n)/n) of a mode with mean photon number n (BM 76)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log1p(1 / np.asarray(n, float))


def inverse_fermi(p: ArrayLike) -> NDArray[np.float64]:
    """x = ħΩ/k_B T = ln((1-p)/p) of a two-level system excited with probability p (BM 76)."""
    p = np.asarray(p, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log((1 - p) / p)


def as_times(times: Sequence[float | str] | NDArray[Any]) -> NDArray[np.float64]:
    """Times as an increasing float64 array in seconds.

    Parameters
    ----------
    times : sequence of float or str
        Seconds, or strings such as "0.5 us".
    """
    if isinstance(times, str):
        raise InputError(f"`times` must be a list of times, but is {times!r}")
    if not isinstance(times, np.ndarray):
        try:
            times = [units.time(t, "times") if isinstance(t, str) else t for t in times]
        except TypeError:
            raise InputError(f"`times` must be a list of times, but is {times!r}") from None
    try:
        array = np.array(times)
        usable = array.dtype.kind in "iuf" and array.ndim == 1 and len(array) > 0
    except ValueError:
        usable = False
    if not usable:
        raise InputError("`times` must be a non-empty list of numbers in seconds")
    array = array.astype(float)
    if not np.isfinite(array).all() or array[0] < 0:
        raise InputError("`times` must be finite and ≥ 0, because the start is at t = 0")
    if (back := np.flatnonzero(np.diff(array) <= 0)).size:
        k = int(back[0])
        raise InputError(
            f"`times` must increase, but times[{k + 1}] = {array[k + 1]:g} s does not exceed "
            f"times[{k}] = {array[k]:g} s"
        )
    array.flags.writeable = False
    return array

"""Physical constants, quantities with units, thermal occupations and their inverses.

Rates are per second, times in seconds, lengths in metres. A quantity may be given as a number in
these units or as a string with a unit ("10 MHz", "0.75 us", "10 um"). A frequency is a rate of
events: 10 MHz is 1e7 per second, without a factor 2π. Energies are in ħΩ, temperatures in ħΩ/k_B,
entropies in k_B.
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
# Only names and single-digit powers are passed to the unit library, because a parameter file is
# untrusted input.
_NAME = r"[A-Za-zµμ]{1,20}(?:\s?(?:\^|\*\*)\s?-?\d)?"
_UNIT_TEXT = re.compile(rf"(?:1?\s?/\s?)?{_NAME}(?:\s?[*/ ]\s?{_NAME}){{0,4}}")
_DIMENSIONS = {
    "rate": ("1/second", "'10 MHz' or '0.1 /us', or a plain number per second"),
    "time": ("second", "'0.75 us', or a plain number in seconds"),
    "length": ("metre", "'10 um', or a plain number in metres"),
}
# Common units with the values that the unit library gives: importing it takes 0.15 to 0.3 s.
_COMMON = {
    "rate": {"Hz": 1.0, "kHz": 1e3, "MHz": 1e6, "GHz": 1e9, "/s": 1.0, "/us": 1e6, "/µs": 1e6},
    "time": {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9, "ps": 1e-12},
    "length": {"m": 1.0, "cm": 1e-2, "mm": 1e-3, "um": 1e-6, "µm": 1e-6, "μm": 1e-6, "nm": 1e-9},
}


@functools.cache
def _registry() -> Any:
    import pint  # here, because importing it takes longer than importing the rest of the package

    return pint.UnitRegistry(cache_folder=None)


@functools.lru_cache(maxsize=256)
def _unit_factor(unit: str, dimension: str) -> float | None:
    """Value of one `unit` in SI units, or None when it is not a unit of this dimension."""
    if unit in _COMMON[dimension]:
        return _COMMON[dimension][unit]
    if not _UNIT_TEXT.fullmatch(unit):
        return None
    import pint

    ureg = _registry()
    try:
        parsed = ureg.parse_units(f"1{unit}" if unit.startswith("/") else unit)
        quantity = ureg.Quantity(1.0, parsed)
        if "radian" in str(quantity.to_root_units().units):
            return None  # an angular frequency: the factor 2π could be missed by the user
        return float(quantity.to(_DIMENSIONS[dimension][0]).magnitude)
    except (pint.errors.PintError, ValueError, TypeError, ArithmeticError, AssertionError):
        return None


def _number(value: Any, name: str, dimension: str) -> float:
    """Value in SI units of a quantity that is given as a number or as a string with a unit."""
    _, example = _DIMENSIONS[dimension]
    if isinstance(value, str):
        match = _QUANTITY.fullmatch(value)
        if match and not match[2] and dimension == "time":  # as typed on the command line
            return float(match[1])
        factor = _unit_factor(match[2], dimension) if match and match[2] else None
        if match is None or factor is None:
            raise InputError(f"`{name}` must be a {dimension} such as {example}, but is {value!r}")
        number = float(match[1])
        # Division by the inverse factor gives "10 us" the value 10 / 1e6, the float64 nearest to
        # 1e-5; the product 10 * 1e-6 is rounded differently.
        inverse = round(1 / factor) if 0 < factor < 1 else 0
        if inverse and math.isclose(inverse * factor, 1, rel_tol=1e-12):
            return number / inverse
        return number * factor
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise InputError(f"`{name}` must be a {dimension} such as {example}, but is {value!r}")
    return as_float(value)


def as_float(number: Any) -> float:
    """Convert a real number to float; ±infinity when it is too large.

    Parameters
    ----------
    number : real number

    Returns
    -------
    float

    Examples
    --------
    >>> as_float(10**400)
    inf
    """
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
        Name of the quantity in an error message.

    Returns
    -------
    float
        Finite and ≥ 0.

    Raises
    ------
    InputError
        When the value is negative, not finite, or of another dimension.

    Examples
    --------
    >>> from jumpsim import units
    >>> units.rate("10 MHz"), units.rate("0.1 /us"), units.rate(5)
    (10000000.0, 100000.0, 5.0)
    """
    number = _number(value, name, "rate")
    if not (math.isfinite(number) and number >= 0):
        raise InputError(f"`{name}` must be a finite rate ≥ 0, but is {value!r}")
    return number


def time(value: float | str, name: str = "time") -> float:
    """Seconds, from a number or a string such as "0.75 us".

    Parameters
    ----------
    value : float or str
        A number in seconds, also as text ("1e-6"), or a string with a unit of time.
    name : str
        Name of the quantity in an error message.

    Returns
    -------
    float
        Finite and ≥ 0.

    Raises
    ------
    InputError
        When the value is negative, not finite, or of another dimension.

    Examples
    --------
    >>> from jumpsim import units
    >>> units.time("0.75 us")
    7.5e-07
    """
    number = _number(value, name, "time")
    if not (math.isfinite(number) and number >= 0):
        raise InputError(f"`{name}` must be a finite time ≥ 0, but is {value!r}")
    return number


def length(value: float | str, name: str = "length") -> float:
    """Metres, from a number or a string such as "10 um".

    Parameters
    ----------
    value : float or str
        A number in metres, or a string with a unit of length.
    name : str
        Name of the quantity in an error message.

    Returns
    -------
    float
        Finite and > 0.

    Raises
    ------
    InputError
        When the value is not positive, not finite, or of another dimension.

    Examples
    --------
    >>> from jumpsim import units
    >>> units.length("10 um")
    1e-05
    """
    number = _number(value, name, "length")
    if not (math.isfinite(number) and number > 0):
        raise InputError(f"`{name}` must be a finite length > 0, but is {value!r}")
    return number


def kelvin_per_quantum(wavelength: float) -> float:
    """Temperature ħΩ/k_B of a quantum with a given vacuum wavelength.

    Parameters
    ----------
    wavelength : float
        Vacuum wavelength in metres.

    Returns
    -------
    float
        Kelvin.

    Examples
    --------
    >>> from jumpsim import units
    >>> round(units.kelvin_per_quantum(10e-6), 2)
    1438.78
    """
    return PLANCK * LIGHT / (wavelength * BOLTZMANN)


def bose(x: ArrayLike) -> NDArray[np.float64]:
    """Mean photon number 1/(e^x - 1) of a mode in equilibrium (BM 16).

    Parameters
    ----------
    x : array_like
        ħΩ/k_B T > 0.

    Returns
    -------
    ndarray
        Of the shape of `x`.

    Examples
    --------
    >>> import numpy as np
    >>> from jumpsim import units
    >>> print(units.bose(np.log([2, 3])).round(6))
    [1.  0.5]
    """
    with np.errstate(over="ignore"):
        return 1 / np.expm1(x)


def fermi(x: ArrayLike) -> NDArray[np.float64]:
    """Probability 1/(e^x + 1) that a two-level system in equilibrium is excited (BM 13).

    Parameters
    ----------
    x : array_like
        ħΩ/k_B T.

    Returns
    -------
    ndarray
        Of the shape of `x`.

    Examples
    --------
    >>> import numpy as np
    >>> from jumpsim import units
    >>> print(units.fermi(np.log([1, 3])).round(6))
    [0.5  0.25]
    """
    # Not scipy.special.expit, which rounds differently: thermal starts that are drawn with these
    # probabilities would change.
    with np.errstate(over="ignore"):
        return 1 / (np.exp(x) + 1)


def inverse_bose(n: ArrayLike) -> NDArray[np.float64]:
    """Inverse of `bose`: x = ħΩ/k_B T = ln((1+n)/n) (BM 76).

    Parameters
    ----------
    n : array_like
        Mean photon number of a mode.

    Returns
    -------
    ndarray
        Of the shape of `n`; infinite for n = 0.

    Examples
    --------
    >>> from jumpsim import units
    >>> print(units.inverse_bose([0, 1]).round(6))  # the second is ln 2
    [     inf 0.693147]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log1p(1 / np.asarray(n, float))


def inverse_fermi(p: ArrayLike) -> NDArray[np.float64]:
    """Inverse of `fermi`: x = ħΩ/k_B T = ln((1-p)/p) (BM 76).

    Parameters
    ----------
    p : array_like
        Probability that a two-level system is excited.

    Returns
    -------
    ndarray
        Of the shape of `p`; negative for p > 1/2, infinite for p = 0.

    Examples
    --------
    >>> from jumpsim import units
    >>> print(units.inverse_fermi([0.5, 0.25]).round(6))  # the second is ln 3
    [0.       1.098612]
    """
    p = np.asarray(p, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log((1 - p) / p)


def as_times(times: Sequence[float | str] | NDArray[Any]) -> NDArray[np.float64]:
    """Times as an increasing float64 array in seconds.

    Parameters
    ----------
    times : sequence of float or str
        Seconds, or strings such as "0.5 us".

    Returns
    -------
    ndarray, shape (n_times,)
        Seconds; read-only.

    Raises
    ------
    InputError
        When the list is empty, or the times are negative, not finite or not increasing.

    Examples
    --------
    >>> from jumpsim import units
    >>> units.as_times([0, "0.5 us"]).tolist()
    [0.0, 5e-07]
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
        raise InputError("`times` must be finite and ≥ 0, because a trajectory starts at t = 0")
    if (back := np.flatnonzero(np.diff(array) <= 0)).size:
        k = int(back[0])
        raise InputError(
            f"`times` must increase, but times[{k + 1}] = {array[k + 1]:g} s does not exceed "
            f"times[{k}] = {array[k]:g} s"
        )
    array.flags.writeable = False
    return array

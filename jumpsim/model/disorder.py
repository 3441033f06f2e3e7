"""Rates that differ between the two-level systems of a pool: lists, and log-normal ones."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from .. import streams, units
from ..errors import InputError, finite_number, whole_number

# A rate, one for each two-level system, or {"lognormal": median, "sigma": s, "seed": k}.
AnyRates = float | str | Sequence[float | str] | Mapping[str, Any]
_SHOWN = 3  # rates in the repr of many
_FORM = '{lognormal = "10 MHz", sigma = 0.3, seed = 1}'


class Rates(tuple[float, ...]):
    """A rate for each two-level system of a pool, per second; a tuple with a short repr.

    Examples
    --------
    >>> Rates([1.0, 2.0, 3.0, 4.0, 5.0])
    (1, 2, 3, ...: 5 rates)
    """

    __slots__ = ()

    def __repr__(self) -> str:
        shown = ", ".join(f"{rate:g}" for rate in self[:_SHOWN])
        return f"({shown}, ...: {len(self)} rates)" if len(self) > _SHOWN else f"({shown},)"


def lognormal_rates(median: float | str, sigma: float, number: int, seed: int) -> Rates:
    """Log-normal rates, one for each of a number of two-level systems: median · exp(sigma · z).

    Parameters
    ----------
    median : float or str
        Median rate, events per second or with a unit.
    sigma : float
        Standard deviation of the logarithm of the rate, ≥ 0.
    number : int
        Number of two-level systems.
    seed : int
        0 ≤ seed < 2⁶⁴. The standard normal numbers z depend on nothing else, so that rates with one
        seed are proportional for the same sigma.

    Returns
    -------
    Rates
        Per second, rounded to 12 digits, so that they are the same on every machine.

    Raises
    ------
    InputError
        When an argument is not valid.

    Examples
    --------
    >>> import jumpsim as js
    >>> js.lognormal_rates("10 MHz", 0.3, 3, seed=1)
    (1.10093e+07, 2.10683e+07, 7.75798e+06,)
    """
    center = units.rate(median, "lognormal")
    if finite_number(sigma, "sigma") < 0:
        raise InputError(f"`sigma` must be ≥ 0, but is {sigma!r}")
    number = whole_number(number, "number", 1)
    seed = whole_number(seed, "seed", 0, streams.SEED_LIMIT)
    u = streams.uniforms(streams.states(seed, 0, number, streams.RATES), 2)
    z = np.sqrt(-2 * np.log1p(-u[:, 0])) * np.cos(2 * np.pi * u[:, 1])  # Box and Muller
    return Rates(float(f"{rate:.12g}") for rate in center * np.exp(sigma * z))


def multiplied(rate: float | Rates, factor: float) -> float | Rates:
    """A rate, or each of many, times a factor."""
    return Rates(factor * each for each in rate) if isinstance(rate, Rates) else factor * rate


def as_rates(value: AnyRates, name: str, number: int | None = None) -> float | Rates:
    """Rate per second, or one rate for each two-level system of a pool.

    Parameters
    ----------
    value : float, str, sequence or mapping
        A rate; or a list of them; or arguments of `lognormal_rates`.
    name : str
        Name of the quantity in an error message.
    number : int, optional
        Number of two-level systems, if it is known.

    Returns
    -------
    float or Rates
        Per second, ≥ 0.

    Raises
    ------
    InputError
        When a rate is not valid, or when the number of rates is not `number`.

    Examples
    --------
    >>> as_rates(["10 MHz", 5.0], "gamma")
    (1e+07, 5,)
    """
    if isinstance(value, Mapping):
        if set(value) != {"lognormal", "sigma", "seed"}:
            raise InputError(
                f"`{name}` must be a rate, a list of rates, or {_FORM}, but is {value!r}"
            )
        if number is None:
            raise InputError(
                f"`{name}`: log-normal rates must be given for the two-level systems of one pool; "
                "where there are several groups, for each group"
            )
        return lognormal_rates(value["lognormal"], value["sigma"], number, value["seed"])
    if not isinstance(value, list | tuple | np.ndarray) or np.ndim(cast(Any, value)) == 0:
        return units.rate(cast("float | str", value), name)
    found = Rates(units.rate(rate, f"{name}[{k}]") for k, rate in enumerate(_plain(value)))
    if not found or number not in (None, len(found)):
        wanted = "at least one rate" if number is None else f"one rate for each of {number} systems"
        raise InputError(f"`{name}` must give {wanted}, but gives {len(found)}")
    return found


def _plain(values: Any) -> Any:
    return values.tolist() if isinstance(values, np.ndarray) else values

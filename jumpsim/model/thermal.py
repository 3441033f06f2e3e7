"""Thermal equilibrium as the distribution of the counts at t = 0."""

import functools
import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from .. import streams, units
from ..errors import InputError, choices
from ..utils.labels import by_name
from ..utils.typing import Array
from .base import BaseModel
from .microstates import log_certain, log_states

_MAX_ENTRIES = 10**7  # of a tabulated distribution
_NEGLIGIBLE = 1e-20  # weight, relative to that of the mode, below which the tail is cut


@dataclass(frozen=True)
class Thermal:
    """Thermal equilibrium of every pool; a new state is drawn for each trajectory.

    Bosonic pools have the distribution of a sum over 𝒩 Bose-distributed modes (negative binomial),
    TLS and fermionic pools the binomial distribution, with the means of BM (13) and (16).

    Parameters
    ----------
    x : float or dict
        x = ħΩ/k_B T of all pools, or of each pool by name; > 0 for bosonic pools, infinite for
        T = 0. The exponent of a pool whose quantum has the energy ε (in ħΩ) is x·ε.
    spread : bool
        False: every trajectory starts from the rounded mean counts instead of a random draw.

    Raises
    ------
    InputError
        When `x` holds no numbers.

    Notes
    -----
    Counts are drawn by inversion of the cumulative distribution, with one uniform number per pool,
    in pool order, from the random stream of the trajectory.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
    >>> js.Thermal(1.0).mean(model).round(3)
    array([5.82 , 5.379])
    >>> js.Thermal(1.0).draw(model, seed=1, first=0, last=2).shape
    (2, 2)
    """

    x: float | Mapping[str, float]
    spread: bool = True

    def __post_init__(self) -> None:
        named = by_name(self.x, "x")
        if named is not None:
            object.__setattr__(self, "x", named)
        numbers_given: dict[str, Any] = {"x": self.x} if named is None else named
        for name, x in numbers_given.items():
            real = isinstance(x, numbers.Real) and not isinstance(x, bool)
            if not (real and (abs(x) < 1e300 or x in (math.inf, -math.inf))):
                raise InputError(f"`{name}` must be a number ħΩ/k_B T, but is {x!r}")
        if isinstance(self.x, Mapping):
            object.__setattr__(self, "x", {name: float(x) for name, x in self.x.items()})
        else:
            object.__setattr__(self, "x", float(self.x))
        if not isinstance(self.spread, bool):
            raise InputError(f"`spread` must be True or False, but is {self.spread!r}")

    def scaled(self, factor: float) -> "Thermal":  # noqa: ARG002 - intensive: same temperature
        """Initial state of the system that is `factor` times larger: the same temperatures."""
        return self

    def check(self, model: BaseModel) -> None:
        """Raise `InputError` for pools without a thermal state and for impossible temperatures."""
        for pool, y, mean in zip(
            model.pool_specs, self._exponents(model), self.mean(model), strict=True
        ):
            # Entries of the table that `draw` makes: tail of one mode, width of many.
            entries: float = 20 * math.sqrt(pool.size or 0)
            if pool.kind == "bosonic":
                with np.errstate(over="ignore", divide="ignore"):  # the energy may be 0
                    entries = 50 / np.float64(y) + 20 * np.sqrt(mean / np.float64(y))
            if mean > 2**53 or (self.spread and entries > _MAX_ENTRIES):
                raise InputError(
                    f"pool '{pool.name}' would start with about {mean:.3g} quanta, which is too "
                    "hot or too large to draw from; give spread=False or start counts"
                )

    def mean(self, model: BaseModel) -> NDArray[np.float64]:
        """Mean counts at t = 0, shape (n_pools,): 𝒩 n(x) and M p(x), the start of the means."""
        mean = np.array(
            [
                (pool.size or 0) * (units.bose(y) if pool.kind == "bosonic" else units.fermi(y))
                for pool, y in zip(model.pool_specs, self._exponents(model), strict=True)
            ]
        )
        return mean if self.spread else np.rint(mean)

    def draw(self, model: BaseModel, seed: int, first: int, last: int) -> NDArray[np.int64]:
        """Counts at t = 0 of the trajectories first ... last-1, shape (last - first, n_pools)."""
        if not self.spread:
            return np.tile(self.mean(model).astype(np.int64), (last - first, 1))
        state = streams.states(seed, first, last, streams.START)
        u = streams.uniforms(state, len(model.pools))
        counts = np.empty(u.shape, np.int64)
        for p, (least, cumulative) in enumerate(_tables(tuple(self._pools(model)))):
            counts[:, p] = least + np.searchsorted(cumulative, u[:, p], side="right")
        return counts

    def covariance(self, model: BaseModel) -> NDArray[np.float64]:
        """Covariance of the counts at t = 0, (n_pools, n_pools): 𝒩 n(1+n) and M p(1-p)."""
        if not self.spread:
            return np.zeros((len(model.pools),) * 2)
        sizes = np.array([pool.size for pool in model.pool_specs])
        signs = np.array([1 if pool.kind == "bosonic" else -1 for pool in model.pool_specs])
        mean = self.mean(model)
        return np.diag(mean * (1 + signs * mean / sizes))

    def distributions(self, model: BaseModel) -> list[tuple[int, NDArray[np.float64]]]:
        """Distribution of the count of each pool at t = 0.

        Returns
        -------
        list of (int, ndarray)
            For each pool its smallest count, and the probabilities of this and the next counts.
        """
        if not self.spread:
            return [(int(n), np.ones(1)) for n in self.mean(model)]
        found = [_thermal_weights(*pool) for pool in self._pools(model)]
        return [(least, weights / weights.sum()) for least, weights in found]

    def log_probability(self, model: BaseModel, counts: NDArray[Any]) -> NDArray[np.float64]:
        """ln p_0 of counts of shape (..., n_pools); -inf for counts with probability 0."""
        if not self.spread:
            return log_certain(self.mean(model), counts)
        parts = []
        for p, (pool, y) in enumerate(zip(model.pool_specs, self._exponents(model), strict=True)):
            n = counts[..., p]
            size = pool.size or 0
            if math.isfinite(y):
                one = np.log1p(-np.exp(-y)) if pool.kind == "bosonic" else -np.logaddexp(0, -y)
                parts.append(log_states(pool, n) - y * n + size * one)
            else:  # T = 0 from above or below: one state
                parts.append(log_certain(np.array([0 if y > 0 else size]), n[..., None]))
        return cast("NDArray[np.float64]", sum(parts))

    def asdict(self) -> dict[str, Any]:
        """Plain dict for JSON; `initial.fromdict` is the inverse."""
        if isinstance(self.x, dict):
            return {"thermal": {n: _json(x) for n, x in self.x.items()}, "spread": self.spread}
        return {"thermal": _json(float(self.x)), "spread": self.spread}  # type: ignore[arg-type]

    def _pools(self, model: BaseModel) -> list[tuple[bool, float, float]]:
        """Whether each pool is bosonic, its size, and ε/k_B T."""
        return [
            (pool.kind == "bosonic", pool.size or 0, y)
            for pool, y in zip(model.pool_specs, self._exponents(model), strict=True)
        ]

    def _exponents(self, model: BaseModel) -> list[float]:
        """ε/k_B T of each pool."""
        if isinstance(self.x, Mapping):
            if unknown := [n for n in self.x if n not in model.pools]:
                raise InputError(
                    f"`x`: unknown pool '{unknown[0]}'; " + choices(unknown[0], model.pools)
                )
            if missing := [n for n in model.pools if n not in self.x]:
                raise InputError(f"`x` must name every pool, but '{missing[0]}' is missing")
        exponents = []
        for pool in model.pool_specs:
            if pool.kind == "mass_action":
                raise InputError(
                    f"pool '{pool.name}' has no thermal state (mass action); give start counts"
                )
            y = pool.energy * (self.x[pool.name] if isinstance(self.x, Mapping) else self.x)
            if math.isnan(y):
                raise InputError(
                    f"pool '{pool.name}' has no state at T = 0, because the energy of its quanta "
                    "is 0"
                )
            if pool.kind == "bosonic" and not y > 0:
                raise InputError(
                    f"ħΩ/k_B T must be > 0 for the bosonic pool '{pool.name}', but is {y!r}"
                )
            exponents.append(y)
        return exponents


def _json(x: float) -> float | str:
    """A number for JSON, which has no infinity (T = 0): that is written as a string."""
    return x if math.isfinite(x) else str(x)


@functools.lru_cache(maxsize=1)
def _tables(pools: tuple[tuple[bool, float, float], ...]) -> list[tuple[int, Array]]:
    """Smallest count and cumulative distribution of each pool, as in `_thermal_weights`.

    Those of the last call are kept, because the starts of a run are drawn in many small blocks.
    """
    tables = []
    for pool in pools:
        least, weights = _thermal_weights(*pool)
        cumulative = np.cumsum(weights)
        tables.append((least, cumulative / cumulative[-1]))
    return tables


def _thermal_weights(bosonic: bool, size: float, y: float) -> tuple[int, Array]:
    """Smallest count and weights of a pool at ε/k_B T = y, by recurrence from the mode.

    Only one exponential and the operations +, *, / are used, in a fixed order, so that the draws
    are the same on every machine.
    """
    ratio = math.exp(-y) if bosonic or y > -700 else math.inf
    if ratio == math.inf:
        return int(size), np.ones(1)
    if bosonic:  # P(k+1)/P(k) = ratio (𝒩+k)/(k+1)
        mode = max(0, math.floor((size * ratio - 1) / (1 - ratio)))
        top, sign = math.inf, 1.0
    else:
        mode = min(int(size), math.floor((size + 1) * float(units.fermi(y))))
        top, sign = size, -1.0

    def up(k: NDArray[Any]) -> Array:
        return ratio * (float(size) + sign * k) / (k + 1)

    above = _tail(lambda a, n: up(mode + np.arange(a, n)), np.multiply, top - mode)
    below = _tail(lambda a, n: up(mode - 1 - np.arange(a, n)), np.divide, mode)
    return mode - len(below), np.concatenate([below[::-1], [1.0], above])


def _tail(factors: Callable[[int, int], Array], operation: np.ufunc, most: float) -> Array:
    """Weights on one side of the mode, one factor after the other, until they are negligible."""
    weights, first = np.ones(1), 0
    while weights[-1] > _NEGLIGIBLE and first < most:
        last = int(min(most, 2 * first + 64))
        added = operation.accumulate(np.append(weights[-1], factors(first, last)))
        weights, first = np.concatenate([weights, added[1:]]), last
    kept = weights[1:] > _NEGLIGIBLE
    return weights[1:] if kept.all() else weights[1 : 1 + int(kept.argmin())]

"""How trajectories start, at t = 0: in thermal equilibrium, from given counts, or a mixture."""

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .. import streams, units
from ..errors import InputError, choices, positive_number
from .microstates import log_states

_MOST_ENTRIES = 10**7
_NEGLIGIBLE = 1e-20  # weight, relative to the mode, below which a law's tail is cut


@dataclass(frozen=True)
class Thermal:
    """Thermal equilibrium of every pool; a new state is drawn for each trajectory.

    Bosonic pools are drawn from the sum of 𝒩 Bose-distributed modes (negative binomial), TLS and
    fermionic pools from the binomial law, each with its mean of BM (13), (16).

    Parameters
    ----------
    x : float or dict
        ħΩ/k_B T of all pools, or by pool name; x > 0 for bosonic pools, infinite for T = 0.
        A pool whose quantum has the energy ε feels x·ε.
    spread : bool
        False: every trajectory starts from the nearest whole numbers instead of a draw.

    Notes
    -----
    Draws are made by inversion of the cumulative law, one uniform number per pool in pool order,
    from the trajectory's own stream.
    """

    x: float | Mapping
    spread: bool = True

    def __post_init__(self):
        for name, x in self.x.items() if isinstance(self.x, Mapping) else [("x", self.x)]:
            real = isinstance(x, numbers.Real) and not isinstance(x, bool)
            if not (real and (abs(x) < 1e300 or x in (math.inf, -math.inf))):
                raise InputError(f"`{name}` must be a number ħΩ/k_B T, but is {x!r}")
        if isinstance(self.x, Mapping):
            object.__setattr__(self, "x", {name: float(x) for name, x in self.x.items()})
        else:
            object.__setattr__(self, "x", float(self.x))
        if not isinstance(self.spread, bool):
            raise InputError(f"`spread` must be True or False, but is {self.spread!r}")

    def scaled(self, factor):  # noqa: ARG002 - the same temperature, however large the system
        """The start of the system that is `factor` times larger: the same temperatures."""
        return self

    def check(self, model):
        """Refuse pools without a thermal state, and temperatures they cannot have."""
        for pool, y, mean in zip(
            model.pool_specs, self._exponents(model), self.mean(model), strict=True
        ):
            # Entries of the law that `draw` tabulates: the tail of one mode, the width of many.
            entries = 20 * math.sqrt(pool.size)
            if pool.kind == "bosonic":
                with np.errstate(over="ignore", divide="ignore"):  # a quantum may cost nothing
                    entries = 50 / np.float64(y) + 20 * np.sqrt(mean / np.float64(y))
            if mean > 2**53 or (self.spread and entries > _MOST_ENTRIES):
                raise InputError(
                    f"pool '{pool.name}' would start with about {mean:.3g} quanta, which is too "
                    "hot or too large to draw from; give spread=False or start counts"
                )

    def mean(self, model):
        """Mean counts at t = 0, (n_pools,): the start of the rate equations."""
        mean = np.array(
            [
                pool.size * (units.bose(y) if pool.kind == "bosonic" else units.fermi(y))
                for pool, y in zip(model.pool_specs, self._exponents(model), strict=True)
            ]
        )
        return mean if self.spread else np.rint(mean)

    def draw(self, model, seed, first, last):
        """Counts at t = 0 of the trajectories first ... last-1, (last - first, n_pools) int64."""
        if not self.spread:
            return np.tile(self.mean(model).astype(np.int64), (last - first, 1))
        state = streams.states(seed, first, last, streams.START)
        u = streams.uniforms(state, len(model.pools))
        counts = np.empty(u.shape, np.int64)
        for p, (least, weights) in enumerate(self._weights(model)):
            cumulative = np.cumsum(weights)
            cumulative /= cumulative[-1]
            counts[:, p] = least + np.searchsorted(cumulative, u[:, p], side="right")
        return counts

    def covariance(self, model):
        """Covariance of the counts at t = 0, (n_pools, n_pools): 𝒩 n(1+n) and M p(1-p)."""
        if not self.spread:
            return np.zeros((len(model.pools),) * 2)
        sizes = np.array([pool.size for pool in model.pool_specs])
        signs = np.array([1 if pool.kind == "bosonic" else -1 for pool in model.pool_specs])
        mean = self.mean(model)
        return np.diag(mean * (1 + signs * mean / sizes))

    def laws(self, model):
        """Law of each pool's count at t = 0: its smallest count, and probabilities from there."""
        if not self.spread:
            return [(int(n), np.ones(1)) for n in self.mean(model)]
        return [(least, weights / weights.sum()) for least, weights in self._weights(model)]

    def log_probability(self, model, counts):
        """ln p_0 of counts (..., n_pools); -inf where they cannot be drawn."""
        if not self.spread:
            return _at(self.mean(model), counts)
        parts = []
        for p, (pool, y) in enumerate(zip(model.pool_specs, self._exponents(model), strict=True)):
            n = counts[..., p]
            if math.isfinite(y):
                one = np.log1p(-np.exp(-y)) if pool.kind == "bosonic" else -np.logaddexp(0, -y)
                parts.append(log_states(pool, n) - y * n + pool.size * one)
            else:  # T = 0 from above or below: one state
                parts.append(_at(np.array([0 if y > 0 else pool.size]), n[..., None]))
        return sum(parts)

    def asdict(self):
        """Plain dict; `fromdict` is its inverse."""
        if isinstance(self.x, dict):
            return {"thermal": {n: _word(x) for n, x in self.x.items()}, "spread": self.spread}
        return {"thermal": _word(self.x), "spread": self.spread}

    def _weights(self, model):
        return [
            _law(pool, y) for pool, y in zip(model.pool_specs, self._exponents(model), strict=True)
        ]

    def _exponents(self, model):
        """Return ε/k_B T of each pool."""
        if isinstance(self.x, dict):
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
            y = pool.energy * (self.x[pool.name] if isinstance(self.x, dict) else self.x)
            if math.isnan(y):
                raise InputError(
                    f"pool '{pool.name}' has no state at T = 0, because its quantum costs nothing"
                )
            if pool.kind == "bosonic" and not y > 0:
                raise InputError(
                    f"ħΩ/k_B T must be > 0 for the bosonic pool '{pool.name}', but is {y!r}"
                )
            exponents.append(y)
        return exponents


@dataclass(frozen=True)
class Fixed:
    """The same counts for every trajectory.

    Parameters
    ----------
    counts : dict
        Count of each pool by name.
    """

    counts: Mapping

    def __post_init__(self):
        if not isinstance(self.counts, Mapping):
            raise InputError(
                f"`counts` must give a count for each pool, such as {{'A': 58}}, but is "
                f"{self.counts!r}"
            )
        object.__setattr__(self, "counts", dict(self.counts))

    def scaled(self, factor):
        """The start of the system that is `factor` times larger, in whole numbers."""
        counts = {name: factor * n for name, n in self.counts.items()}
        if broken := [n for n in counts if not math.isclose(counts[n], round(counts[n]))]:
            raise InputError(
                f"the count of '{broken[0]}' times {factor:g} is {counts[broken[0]]:g}, which is "
                "not a whole number"
            )
        return Fixed({name: round(n) for name, n in counts.items()})

    def check(self, model):
        """Refuse counts that the pools cannot hold."""
        model.as_counts(self.counts, whole=True)

    def mean(self, model):
        """Counts at t = 0 as floats, (n_pools,)."""
        return model.as_counts(self.counts)

    def draw(self, model, seed, first, last):  # noqa: ARG002 - one state for all
        """Counts at t = 0 of the trajectories first ... last-1, (last - first, n_pools) int64."""
        return np.tile(model.as_counts(self.counts, whole=True), (last - first, 1))

    def covariance(self, model):
        """Covariance of the counts at t = 0, (n_pools, n_pools): none."""
        return np.zeros((len(model.pools),) * 2)

    def laws(self, model):
        """Law of each pool's count at t = 0: that count, and a probability of 1."""
        return [(int(n), np.ones(1)) for n in model.as_counts(self.counts, whole=True)]

    def log_probability(self, model, counts):
        """ln p_0 of counts (..., n_pools): 0 for those of the start, -inf for others."""
        return _at(model.as_counts(self.counts), counts)

    def asdict(self):
        """Plain dict; `fromdict` is its inverse."""
        return {"counts": {name: _plain(n) for name, n in self.counts.items()}}


@dataclass(frozen=True)
class Mixture:
    """One of several states, drawn for each trajectory.

    Parameters
    ----------
    states : sequence of (dict, float)
        Count of each pool by name, and the weight of that state, > 0; weights add up to 1.

    Notes
    -----
    Drawn by one uniform number from the trajectory's own stream.
    """

    states: tuple

    def __post_init__(self):
        if not isinstance(self.states, list | tuple) or not self.states:
            raise InputError("a mixture must list its states, each with counts and a weight")
        made = []
        for state in self.states:
            if not isinstance(state, list | tuple) or len(state) != 2:
                raise InputError(f"a mixture must list (counts, weight), but has {state!r}")
            counts, weight = state
            made.append((Fixed(counts).counts, positive_number(weight, "weight")))
        total = math.fsum(weight for _, weight in made)
        if abs(total - 1) > 1e-9:
            raise InputError(f"the weights of a mixture must add up to 1, but give {total:g}")
        object.__setattr__(self, "states", tuple(made))

    def scaled(self, factor):
        """The start of the system that is `factor` times larger, in whole numbers."""
        return Mixture([(Fixed(counts).scaled(factor).counts, w) for counts, w in self.states])

    def check(self, model):
        """Refuse counts that the pools cannot hold."""
        self.law(model)

    def law(self, model):
        """Its states, (n, n_pools) int64, and their probabilities, (n,)."""
        merged = {}  # a state may be named twice
        for counts, weight in self.states:
            state = tuple(model.as_counts(counts, whole=True).tolist())
            merged[state] = merged.get(state, 0.0) + weight
        weights = np.array(list(merged.values()))
        return np.array(list(merged)), weights / weights.sum()

    def mean(self, model):
        """Mean counts at t = 0, (n_pools,)."""
        states, weights = self.law(model)
        return weights @ states

    def draw(self, model, seed, first, last):
        """Counts at t = 0 of the trajectories first ... last-1, (last - first, n_pools) int64."""
        states, weights = self.law(model)
        u = streams.uniforms(streams.states(seed, first, last, streams.START), 1)[:, 0]
        below = np.cumsum(weights)[:-1]
        return states[np.searchsorted(below, u, side="right")]

    def covariance(self, model):
        """Covariance of the counts at t = 0, (n_pools, n_pools)."""
        states, weights = self.law(model)
        away = states - weights @ states
        return (weights * away.T) @ away

    def log_probability(self, model, counts):
        """ln p_0 of counts (..., n_pools); -inf where they cannot be drawn."""
        states, weights = self.law(model)
        same = (np.asarray(counts)[..., None, :] == states).all(axis=-1)
        with np.errstate(divide="ignore"):
            return np.log(same @ weights)

    def asdict(self):
        """Plain dict; `fromdict` is its inverse."""
        return {
            "mixture": [
                {"counts": Fixed(counts).asdict()["counts"], "weight": weight}
                for counts, weight in self.states
            ]
        }


def as_initial(initial, model):
    """Convert what a user may give for `initial`.

    Parameters
    ----------
    initial : Thermal, Fixed, Mixture, mapping or sequence
        A mapping gives counts by pool name, a sequence counts in pool order.
    model : Model

    Returns
    -------
    Thermal, Fixed or Mixture
    """
    if isinstance(initial, Thermal | Fixed | Mixture):
        return initial
    if isinstance(initial, Mapping):
        return Fixed(initial)
    counts = np.asarray(model.as_start(initial))
    if counts.ndim != 1:
        raise InputError(f"`initial` must be one count for each pool, but has shape {counts.shape}")
    return Fixed(dict(zip(model.pools, counts.tolist(), strict=True)))


def fromdict(data):
    """Rebuild a start from its `asdict`."""
    if set(data) == {"thermal", "spread"}:
        x = data["thermal"]
        x = {n: float(v) for n, v in x.items()} if isinstance(x, dict) else float(x)
        return Thermal(x, data["spread"])
    if set(data) == {"counts"} and isinstance(data["counts"], dict):
        return Fixed(data["counts"])
    if set(data) == {"mixture"}:
        return Mixture([(state["counts"], state["weight"]) for state in data["mixture"]])
    raise InputError(
        "not a start's dict: it holds neither `thermal` and `spread` nor `counts` nor `mixture`"
    )


def _word(x):
    """T = 0 as a word, because JSON knows no infinity."""
    return x if math.isfinite(x) else str(x)


def _at(state, counts):
    return np.where((counts == state).all(axis=-1), 0.0, -np.inf)


def _plain(number):
    return int(number) if number == int(number) else float(number)


def _law(pool, y):
    """Smallest count and weights of a pool at ε/k_B T = y, by recurrence from the mode.

    Apart from one exponential only +, * and / enter, in a fixed order: the same draws everywhere.
    """
    if pool.kind == "bosonic":
        ratio = math.exp(-y)  # P(k+1)/P(k) = ratio (𝒩+k)/(k+1)
        mode = max(0, math.floor((pool.size * ratio - 1) / (1 - ratio)))
        top = math.inf

        def up(k):
            return ratio * (pool.size + k) / (k + 1)
    else:
        ratio = math.exp(-y) if y > -700 else math.inf
        mode = min(pool.size, math.floor((pool.size + 1) * float(units.fermi(y))))
        top = pool.size
        if ratio == math.inf:
            return top, np.ones(1)

        def up(k):
            return ratio * (pool.size - k) / (k + 1)

    above, weight, k = [], 1.0, mode
    while k < top and (weight := weight * up(k)) > _NEGLIGIBLE:
        above.append(weight)
        k += 1
    below, weight, k = [], 1.0, mode
    while k > 0 and (weight := weight / up(k - 1)) > _NEGLIGIBLE:
        below.append(weight)
        k -= 1
    return k, np.array([*reversed(below), 1.0, *above])

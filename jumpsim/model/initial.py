"""Initial states of trajectories at t = 0: fixed counts, mixtures, and thermal equilibrium."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import streams
from ..errors import InputError, finite_number, positive_number
from ..utils.labels import by_name
from .base import BaseModel
from .microstates import log_certain
from .thermal import Thermal

__all__ = ["Fixed", "Initial", "Mixture", "Thermal", "as_initial", "fromdict"]


@dataclass(frozen=True)
class Fixed:
    """The same counts for every trajectory.

    Parameters
    ----------
    counts : dict
        Count of each pool by name.

    Raises
    ------
    InputError
        When `counts` is not a mapping.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
    >>> js.Fixed({"N": 12, "m": 3}).mean(model)
    array([12.,  3.])
    """

    counts: Mapping[str, float]

    def __post_init__(self) -> None:
        counts = by_name(self.counts, "counts")
        if counts is None:
            raise InputError(
                f"`counts` must give a count for each pool, such as {{'A': 58}}, but is "
                f"{self.counts!r}"
            )
        object.__setattr__(self, "counts", counts)

    def scaled(self, factor: float) -> "Fixed":
        """Initial counts of the system that is `factor` times larger; must be whole numbers."""
        counts = {
            name: factor * finite_number(n, f"count of '{name}'") for name, n in self.counts.items()
        }
        if fractional := [n for n in counts if not math.isclose(counts[n], round(counts[n]))]:
            raise InputError(
                f"the count of '{fractional[0]}' times {factor:g} is {counts[fractional[0]]:g}, "
                "which is not a whole number"
            )
        return Fixed({name: round(n) for name, n in counts.items()})

    def check(self, model: BaseModel) -> None:
        """Raise `InputError` for counts that the pools cannot hold."""
        model.as_counts(self.counts, whole=True)

    def mean(self, model: BaseModel) -> NDArray[np.float64]:
        """Mean counts at t = 0, shape (n_pools,): the fixed counts."""
        return model.as_counts(self.counts)

    def draw(self, model: BaseModel, seed: int, first: int, last: int) -> NDArray[np.int64]:  # noqa: ARG002 - not random
        """Counts at t = 0 of the trajectories first ... last-1, shape (last - first, n_pools)."""
        return np.tile(model.as_counts(self.counts, whole=True), (last - first, 1))

    def covariance(self, model: BaseModel) -> NDArray[np.float64]:
        """Covariance of the counts at t = 0, shape (n_pools, n_pools): 0."""
        return np.zeros((len(model.pools),) * 2)

    def distributions(self, model: BaseModel) -> list[tuple[int, NDArray[np.float64]]]:
        """Distribution of the count of each pool at t = 0: the fixed count has probability 1."""
        return [(int(n), np.ones(1)) for n in model.as_counts(self.counts, whole=True)]

    def log_probability(self, model: BaseModel, counts: NDArray[Any]) -> NDArray[np.float64]:
        """ln p_0 of counts of shape (..., n_pools): 0 for the fixed counts, -inf for others."""
        return log_certain(model.as_counts(self.counts), counts)

    def asdict(self) -> dict[str, Any]:
        """Plain dict for JSON; `fromdict` is the inverse."""
        return {"counts": {name: _json_number(n) for name, n in self.counts.items()}}


@dataclass(frozen=True)
class Mixture:
    """Mixture of states with given probabilities; one is drawn for each trajectory.

    Parameters
    ----------
    states : sequence of (dict, float)
        Count of each pool by name, and the probability of that state, > 0; they add up to 1.

    Raises
    ------
    InputError
        When `states` has another form, or when the probabilities do not add up to 1.

    Notes
    -----
    A state is drawn with one uniform number from the random stream of the trajectory.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
    >>> js.Mixture([({"N": 12, "m": 3}, 0.25), ({"N": 8, "m": 7}, 0.75)]).mean(model)
    array([9., 6.])
    """

    states: Sequence[tuple[Mapping[str, float], float]]

    def __post_init__(self) -> None:
        if not isinstance(self.states, list | tuple) or not self.states:
            raise InputError("a mixture must list its states, each with counts and a weight")
        checked: list[tuple[Mapping[str, float], float]] = []
        for state in self.states:
            if not isinstance(state, list | tuple) or len(state) != 2:
                raise InputError(f"a mixture must list (counts, weight), but has {state!r}")
            counts, weight = state
            checked.append((Fixed(counts).counts, positive_number(weight, "weight")))
        total = math.fsum(weight for _, weight in checked)
        if abs(total - 1) > 1e-9:
            raise InputError(f"the weights of a mixture must add up to 1, but give {total:g}")
        object.__setattr__(self, "states", tuple(checked))

    def scaled(self, factor: float) -> "Mixture":
        """Initial states of the system that is `factor` times larger; must be whole numbers."""
        return Mixture([(Fixed(counts).scaled(factor).counts, w) for counts, w in self.states])

    def check(self, model: BaseModel) -> None:
        """Raise `InputError` for counts that the pools cannot hold."""
        self.distribution(model)

    def distribution(self, model: BaseModel) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Different states, shape (n, n_pools) int64, and their probabilities, shape (n,)."""
        merged: dict[tuple[int, ...], float] = {}  # a state may be listed more than once
        for counts, weight in self.states:
            state = tuple(model.as_counts(counts, whole=True).tolist())
            merged[state] = merged.get(state, 0.0) + weight
        weights = np.array(list(merged.values()))
        return np.array(list(merged)), weights / weights.sum()

    def mean(self, model: BaseModel) -> NDArray[np.float64]:
        """Mean counts at t = 0, shape (n_pools,)."""
        states, weights = self.distribution(model)
        return weights @ states

    def draw(self, model: BaseModel, seed: int, first: int, last: int) -> NDArray[np.int64]:
        """Counts at t = 0 of the trajectories first ... last-1, shape (last - first, n_pools)."""
        states, weights = self.distribution(model)
        u = streams.uniforms(streams.states(seed, first, last, streams.START), 1)[:, 0]
        cumulative = np.cumsum(weights)[:-1]
        return states[np.searchsorted(cumulative, u, side="right")]

    def covariance(self, model: BaseModel) -> NDArray[np.float64]:
        """Covariance of the counts at t = 0, shape (n_pools, n_pools)."""
        states, weights = self.distribution(model)
        deviations = states - weights @ states
        return (weights * deviations.T) @ deviations

    def log_probability(self, model: BaseModel, counts: NDArray[Any]) -> NDArray[np.float64]:
        """ln p_0 of counts of shape (..., n_pools); -inf for counts with probability 0."""
        states, weights = self.distribution(model)
        same = (np.asarray(counts)[..., None, :] == states).all(axis=-1)
        with np.errstate(divide="ignore"):
            return np.log(same @ weights)

    def asdict(self) -> dict[str, Any]:
        """Plain dict for JSON; `fromdict` is the inverse."""
        return {
            "mixture": [
                {"counts": Fixed(counts).asdict()["counts"], "weight": weight}
                for counts, weight in self.states
            ]
        }


Initial = Thermal | Fixed | Mixture
Start = Initial | Mapping[str, float] | ArrayLike  # what functions take for a start


def as_initial(initial: Initial | Mapping[str, float] | ArrayLike, model: BaseModel) -> Initial:
    """Convert the argument `initial` of the public functions to an initial state.

    Parameters
    ----------
    initial : Thermal, Fixed, Mixture, mapping or sequence
        A mapping gives counts by pool name, a sequence counts in pool order.
    model : Model or TwoLevel

    Returns
    -------
    Thermal, Fixed or Mixture

    Raises
    ------
    InputError
        When the counts do not fit the pools of the model.
    """
    if isinstance(initial, Thermal | Fixed | Mixture):
        return initial
    named = by_name(initial, "initial")
    if named is not None:
        return Fixed(named)
    counts = np.asarray(model.as_start(cast("ArrayLike", initial)))
    if counts.ndim != 1:
        raise InputError(f"`initial` must be one count for each pool, but has shape {counts.shape}")
    return Fixed(dict(zip(model.pools, counts.tolist(), strict=True)))


def fromdict(data: Mapping[str, Any]) -> Initial:
    """Initial state from the dict that its `asdict` returned."""
    if set(data) == {"thermal", "spread"}:
        x = data["thermal"]
        x = {n: float(v) for n, v in x.items()} if isinstance(x, dict) else float(x)
        return Thermal(x, data["spread"])
    if set(data) == {"counts"} and isinstance(data["counts"], dict):
        return Fixed(data["counts"])
    if set(data) == {"mixture"}:
        return Mixture([(state["counts"], state["weight"]) for state in data["mixture"]])
    raise InputError(
        "not the dict of an initial state: it must hold `thermal` and `spread`, `counts`, or "
        "`mixture`"
    )


def _json_number(number: float) -> int | float:
    return int(number) if number == int(number) else float(number)

"""The reachable states of a small system, and the generator of its master equation."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import lgamma
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, choices, whole_number
from ..model.initial import Initial, Mixture
from ..model.model import Model
from ..utils.labels import by_name
from ..utils.typing import Array, IntArray
from .transitions import Transitions

MOST_STATES = 100_000
_TAIL = 1e-12  # omitted probability of the initial distribution of each pool; part of the leak
_UNLIMITED = 2**53
_MOST_TOTAL = 100_000  # number of quanta up to which states are counted exactly


class TooManyStatesError(InputError):
    """A system can reach more states than an exact theory may use."""


@dataclass(frozen=True, eq=False)
class StateSpace:
    """All states that a system can reach from its initial state, in lexicographic order.

    Attributes
    ----------
    model : Model
    states : ndarray of int64, shape (n_states, n_pools)
        Counts.
    start : ndarray, shape (n_states,)
        Probabilities at t = 0; their sum is 1 minus the omitted tails of the distribution.
    edges : tuple of ndarray, each shape (n_edges,)
        Index of the source state, index of the target state, index of the channel, and rate per
        second of every possible event. The target is the source when the event changes no count,
        and -1 when the state after the event is excluded by `truncate`.
    tops : ndarray of int64, shape (n_pools,)
        Largest count of each pool that is not excluded.
    """

    model: Model
    states: IntArray
    start: Array
    edges: tuple[Any, ...]
    tops: IntArray

    def __len__(self) -> int:
        return len(self.states)

    @cached_property
    def generator(self) -> Any:
        """Sparse matrix G of dp/dt = G p.

        The sum of each column is minus the rate of events into excluded states.
        """
        return self.matrix()

    def matrix(self, silent: Collection[int] = (), reflecting: bool = False) -> Any:
        """Generator in which some events are modified; parameters as for `transitions`.

        Returns
        -------
        sparse array, shape (n_states, n_states)
        """
        return self.transitions(silent, reflecting).matrix

    def transitions(self, silent: Collection[int] = (), reflecting: bool = False) -> Transitions:
        """Rates between the states; events into excluded states remove probability.

        Parameters
        ----------
        silent : collection of int
            Indices of channels whose events remove probability instead of moving it to another
            state, so that p is conditioned on no such event.
        reflecting : bool
            Whether events into states that are excluded by `truncate` are suppressed; otherwise
            their probability is lost.

        Returns
        -------
        Transitions
        """
        from scipy import sparse  # here, because it takes long to load

        source, target, channel, rate = self.edges
        inside, quiet = target >= 0, np.isin(channel, list(silent))
        moving = inside & ~quiet & (target != source)
        leaving = inside & quiet if reflecting else quiet | ~inside
        n = len(self)
        rates = sparse.csc_array((rate[moving], (target[moving], source[moving])), (n, n))
        return Transitions(rates, sums(rate[leaving], source[leaving], n))

    def counted(self, weights: Array) -> Any:
        """Rates of events, each multiplied by a weight of its channel, as a sparse array.

        Parameters
        ----------
        weights : ndarray, shape (n_channels,)

        Returns
        -------
        sparse array, shape (n_states, n_states)
            From the state of the column to the state of the row; the diagonal holds the events that
            change no count.
        """
        from scipy import sparse

        source, target, channel, rate = self.edges
        kept = (target >= 0) & (weights[channel] != 0)
        values = (rate * weights[channel])[kept]
        return sparse.csc_array((values, (target[kept], source[kept])), (len(self), len(self)))

    def rate_of(self, chosen: NDArray[np.bool_]) -> Array:
        """Total rate of the events of some channels in each state, shape (n_states,).

        Parameters
        ----------
        chosen : ndarray of bool, shape (n_channels,)
        """
        source, _, channel, rate = self.edges
        events = chosen[channel]
        return sums(rate[events], source[events], len(self))

    def excluded_flow(self, probabilities: Array) -> Array:
        """Rate of events into excluded states, by the pool whose count would be too large.

        Parameters
        ----------
        probabilities : ndarray, shape (n_states,)

        Returns
        -------
        ndarray, shape (n_pools,)
        """
        source, beyond = self._excluded
        flow = probabilities[source] * self.edges[3][self.edges[1] < 0]
        return flow @ beyond

    def excluded_weight(self, probabilities: Array) -> Array:
        """Estimated probability of states that `truncate` excludes, by pool.

        It is the probability of the states just outside, from the balance of the events into them
        and out of them.

        Parameters
        ----------
        probabilities : ndarray, shape (n_states,)
            Stationary probabilities without these states.

        Returns
        -------
        ndarray, shape (n_pools,)
            Relative to the probability of all other states; infinite when no event leads back.
        """
        source, beyond = self._excluded
        outside = self.edges[1] < 0
        table = self.model.table
        states = self.states[source] + table.changes[self.edges[2][outside]]
        back = np.zeros(len(states))
        for rate, change in zip(table.jump_rates(states).T, table.changes, strict=True):
            back += np.where((states + change <= self.tops).all(axis=1), rate, 0.0)
        flow = probabilities[source] * self.edges[3][outside]
        occurring = flow > 0
        weight = np.zeros(len(flow))
        with np.errstate(divide="ignore"):
            weight[occurring] = flow[occurring] / back[occurring]
        return np.array([weight[column].sum() for column in beyond.T])

    @cached_property
    def _excluded(self) -> tuple[IntArray, NDArray[np.bool_]]:
        """State before each excluded event, and the pools whose count would be too large."""
        source, target, channel, _ = self.edges
        outside = target < 0
        after = self.states[source[outside]] + self.model.table.changes[channel[outside]]
        return source[outside], after > self.tops

    def index(self, states: IntArray) -> IntArray:
        """Index of each of the given states, -1 for a state that is not in the space."""
        order, keys = self._sorted_keys
        wanted = _keys(states)
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        row = order[place]
        return np.where((self.states[row] == states).all(axis=-1), row, -1)

    @cached_property
    def _sorted_keys(self) -> tuple[IntArray, NDArray[np.uint64]]:
        keys = _keys(self.states)
        order = np.argsort(keys)
        return order, keys[order]

    def __str__(self) -> str:
        return f"{len(self)} reachable states of {self.model.name}, {len(self.edges[0])} events"


def sums(values: Array, place: IntArray, n: int) -> Array:
    """Sum of the values at each of n places, (n,)."""
    return np.asarray(np.bincount(place, values, n), float)


def reachable(
    model: Model,
    initial: Initial,
    truncate: Mapping[str, int] | None = None,
    max_states: int = MOST_STATES,
) -> StateSpace:
    """Enumerate the states that can be reached from an initial state or distribution.

    Parameters
    ----------
    model : Model
    initial : Thermal, Fixed or Mixture
        The tails of a thermal distribution, a probability of 1e-12 for each pool, are omitted.
    truncate : mapping of str to int, optional
        Largest count of a pool; states with a larger count are excluded.
    max_states : int
        Largest number of states.

    Returns
    -------
    StateSpace

    Raises
    ------
    InputError
        When there are more states; the message gives their number and possible remedies.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=2, modes=2, gamma_tilde=1.0)
    >>> reachable(model, js.Fixed({"N": 2, "m": 0})).states.tolist()
    [[0, 2], [1, 1], [2, 0]]
    """
    initial.check(model)
    tops = largest_counts(model, truncate)
    max_states = whole_number(max_states, "max_states", 1, 10**8)
    first, weights = start_states(model, initial, tops, max_states)
    keep = (first <= tops).all(axis=1)
    if not keep.any():
        raise InputError("`truncate` excludes every initial state")
    first, weights = first[keep], weights[keep]
    states = _closure(model, first, tops, max_states)
    states = states[np.lexsort(states.T[::-1])]
    space = StateSpace(model, states, np.zeros(len(states)), (), tops)
    np.add.at(space.start, space.index(first), weights)
    return StateSpace(model, states, space.start, _edges(model, space), tops)


def largest_counts(model: Model, truncate: Mapping[str, int] | None) -> IntArray:
    """Largest count of each pool, (n_pools,), from limits by name.

    Raises
    ------
    InputError
        When a pool is unknown, or a limit is no whole number ≥ 0.
    """
    tops = np.full(len(model.pools), _UNLIMITED)
    if truncate is None:
        return tops
    named = by_name(truncate, "truncate")
    if named is None:
        raise InputError(
            f"`truncate` must give a largest count by pool, such as {{'A': 30}}, but is "
            f"{truncate!r}"
        )
    for name, top in named.items():
        if name not in model.pools:
            raise InputError(f"`truncate`: unknown pool '{name}'; " + choices(name, model.pools))
        tops[model.pools.index(name)] = whole_number(top, f"truncate['{name}']", 0, _UNLIMITED)
    return tops


def start_states(
    model: Any, initial: Initial, tops: IntArray, max_states: int
) -> tuple[IntArray, Array]:
    """States of an initial distribution and their probabilities, without negligible tails.

    Parameters
    ----------
    model : Model
    initial : Thermal, Fixed or Mixture
    tops : ndarray of int64, shape (n_pools,)
        Largest count of each pool.
    max_states : int
        Largest number of states.

    Returns
    -------
    states : ndarray of int64, shape (n_states, n_pools)
    probabilities : ndarray, shape (n_states,)

    Raises
    ------
    InputError
        When there are no states or too many.
    """
    if isinstance(initial, Mixture):
        return initial.distribution(model)
    counts, weights = [], []
    for (least, probabilities), top in zip(initial.distributions(model), tops, strict=True):
        above = np.cumsum(probabilities[::-1])[::-1]
        keep = (np.cumsum(probabilities) > _TAIL / 2) & (above > _TAIL / 2)
        values = least + np.flatnonzero(keep)
        probabilities = probabilities[keep]
        counts.append(values[values <= top])
        weights.append(probabilities[values <= top])
        if not len(counts[-1]):
            raise InputError("`truncate` excludes every initial state")
    number = np.prod([float(len(c)) for c in counts])
    if number > max_states:
        raise too_many(model, max_states, f"{number:.4g} in its initial distribution alone")
    states = np.zeros((1, 0), np.int64)
    weight = np.ones(1)
    for values, probabilities in zip(counts, weights, strict=True):
        repeated = np.repeat(states, len(values), axis=0)
        states = np.column_stack([repeated, np.tile(values, len(states))])
        weight = np.multiply.outer(weight, probabilities).ravel()
    return states.astype(np.int64), weight


def _closure(model: Model, first: IntArray, tops: IntArray, max_states: int) -> IntArray:
    """All states that can be reached by events from the states `first`, by breadth-first search."""
    table = model.table
    moving = np.flatnonzero(table.changes.any(axis=1))
    states, layer = [first], first
    seen = set(_keys(first).tolist())
    while len(layer):
        rates = table.jump_rates(layer)
        found = [layer[rates[:, c] > 0] + table.changes[c] for c in moving]
        layer = np.concatenate([np.empty((0, first.shape[1]), np.int64), *found])
        layer = layer[(layer <= tops).all(axis=1)]
        keys, rows = np.unique(_keys(layer), return_index=True)
        new = np.array([key not in seen for key in keys.tolist()], bool)
        layer = layer[rows[new]]
        states.append(layer)
        seen.update(keys[new].tolist())
        if len(seen) > max_states:
            most = _bound(model, first)
            raise too_many(
                model, max_states, f"at most {most}" if most else "possibly infinitely many"
            )
    return np.concatenate(states)


def _edges(model: Model, space: StateSpace) -> tuple[Any, ...]:
    """Source, target, channel and rate of every possible event."""
    rates = model.table.jump_rates(space.states)
    parts = []
    for c, change in enumerate(model.table.changes):
        source = np.flatnonzero(rates[:, c] > 0)
        if len(source):
            target = space.index(space.states[source] + change)
            parts.append((source, target, np.full(len(source), c), rates[source, c]))
    empty = (np.empty(0, np.int64),) * 3 + (np.empty(0),)
    return tuple(np.concatenate(part) for part in zip(empty, *parts, strict=True))


def _keys(states: IntArray) -> Any:
    """A 64-bit hash of each state; after a hash is found, the states themselves are compared."""
    radix = np.array([pow(0x9E3779B97F4A7C15, k + 1, 2**64) for k in range(states.shape[-1])])
    return states.astype(np.uint64) @ radix.astype(np.uint64)


def _bound(model: Model, first: IntArray) -> str | None:
    """Upper bound of the number of states for the given total numbers of quanta, as text.

    None when an event increases the total number of quanta.
    """
    steps = model.table.changes[model.table.constants > 0].sum(axis=1)
    if (steps > 0).any():
        return None
    totals = first.sum(axis=1)
    largest = int(totals.max())
    if largest > _MOST_TOTAL:  # ways to distribute quanta over pools without a capacity
        n = len(model.pools) - (0 if (steps < 0).any() else 1)
        digits = (lgamma(largest + n + 1) - lgamma(largest + 1) - lgamma(n + 1)) / np.log(10)
        return f"10^{digits:.0f}"
    ways = np.zeros(largest + 1)
    ways[0] = 1.0
    for pool in model.pool_specs:
        ways = np.cumsum(ways)
        if pool.capacity is not None and pool.capacity + 1 < len(ways):
            ways[pool.capacity + 1 :] -= ways[: -pool.capacity - 1].copy()
    return f"{ways.sum() if (steps < 0).any() else ways[np.unique(totals)].sum():.4g}"


def too_many(model: Model, max_states: int, number: str) -> TooManyStatesError:
    """Error of a system with more than `max_states` states; `number` says how many, in words."""
    return TooManyStatesError(
        f"the master equation of {model.name} has more than {max_states} states ({number}); make "
        "the system smaller, start from fixed counts, limit counts with `truncate`, or increase "
        "`max_states`"
    )

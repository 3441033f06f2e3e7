"""The reachable states of a small system, and the generator of its master equation."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, choices, whole_number
from ..model.initial import Initial, Mixture
from ..model.model import Model
from ..utils.typing import Array, IntArray

MOST_STATES = 100_000
_TAIL = 1e-12  # of each pool's initial distribution, left out; included in the leak


@dataclass(frozen=True, eq=False)
class StateSpace:
    """Every state that a system can reach from a start, in lexicographic order.

    Attributes
    ----------
    model : Model
    states : ndarray of int64, shape (n_states, n_pools)
    start : ndarray, shape (n_states,)
        Probabilities at t = 0; their sum is 1 minus the omitted tails of the distribution.
    edges : tuple of ndarray, each shape (n_edges,)
        Source, target, channel and rate of every event between two states. The target is -1 where
        the state after the event was left out by `truncate`.
    """

    model: Model
    states: IntArray
    start: Array
    edges: tuple[Any, ...]

    def __len__(self) -> int:
        return len(self.states)

    @cached_property
    def generator(self) -> Any:
        """Sparse G with dp/dt = G p; columns add up to minus the rate into states left out."""
        return self.matrix()

    def matrix(self, silent: Collection[int] = (), reflecting: bool = False) -> Any:
        """Generator with changes.

        Parameters
        ----------
        silent : collection of int
            Channels whose events lead out of the system.
        reflecting : bool
            Whether events into states left out by `truncate` are suppressed.
        """
        from scipy import sparse  # here, because it takes long to load

        source, target, channel, rate = self.edges
        inside = target >= 0
        kept = inside & ~np.isin(channel, list(silent))
        leaving = inside if reflecting else np.ones(len(rate), bool)
        n = len(self)
        away = np.bincount(source[leaving], rate[leaving], n)
        return (
            sparse.csc_array((rate[kept], (target[kept], source[kept])), (n, n))
            - sparse.dia_array((away[None, :], [0]), (n, n))
        ).tocsc()

    def index(self, states: IntArray) -> IntArray:
        """Row of each state, -1 for a state that is not in the space."""
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


def reachable(
    model: Model,
    initial: Initial,
    truncate: Mapping[str, int] | None = None,
    max_states: int = MOST_STATES,
) -> StateSpace:
    """Enumerate the states that can be reached from an initial state.

    Parameters
    ----------
    model : Model
    initial : Thermal, Fixed or Mixture
        Of a drawn thermal start all but 1e-12 of each pool's distribution is included.
    truncate : mapping of str to int, optional
        Largest count of a pool; states beyond it are left out.
    max_states : int

    Returns
    -------
    StateSpace

    Raises
    ------
    InputError
        When there are more states; the message gives their number and possible remedies.
    """
    initial.check(model)
    tops = _tops(model, truncate)
    max_states = whole_number(max_states, "max_states", 1, 10**8)
    first, weights = start_states(model, initial, tops, max_states)
    keep = (first <= tops).all(axis=1)
    if not keep.any():
        raise InputError("`truncate` leaves out every state of the start")
    first, weights = first[keep], weights[keep]
    states = _closure(model, first, tops, max_states)
    states = states[np.lexsort(states.T[::-1])]
    space = StateSpace(model, states, np.zeros(len(states)), ())
    np.add.at(space.start, space.index(first), weights)
    return StateSpace(model, states, space.start, _edges(model, space))


def _tops(model: Model, truncate: Mapping[str, int] | None) -> IntArray:
    tops = np.full(len(model.pools), 2**53)
    if truncate is None:
        return tops
    if not isinstance(truncate, Mapping):
        raise InputError(
            f"`truncate` must give a largest count by pool, such as {{'A': 30}}, but is "
            f"{truncate!r}"
        )
    for name, top in truncate.items():
        if name not in model.pools:
            raise InputError(f"`truncate`: unknown pool '{name}'; " + choices(name, model.pools))
        tops[model.pools.index(name)] = whole_number(top, f"truncate['{name}']", 0, 2**53)
    return tops


def start_states(
    model: Any, initial: Initial, tops: IntArray, max_states: int
) -> tuple[IntArray, Array]:
    """States of the start and their probabilities, without the tails of drawn pools."""
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
            raise InputError("`truncate` leaves out every state of the start")
    number = np.prod([float(len(c)) for c in counts])
    if number > max_states:
        raise _too_many(model, max_states, f"{number:.4g} in its start alone")
    grid = np.meshgrid(*counts, indexing="ij")
    weight = np.ones(1)
    for probabilities in weights:
        weight = np.multiply.outer(weight, probabilities)
    return np.stack([g.ravel() for g in grid], axis=-1).astype(np.int64), weight.ravel()


def _closure(model: Model, first: IntArray, tops: IntArray, max_states: int) -> IntArray:
    """All states that events lead to, by layers."""
    table = model.table
    states, seen, layer = [first], np.sort(_keys(first)), first
    while len(layer):
        rates = table.jump_rates(layer)
        found = [
            layer[rates[:, c] > 0] + change
            for c, change in enumerate(table.changes)
            if change.any()
        ]
        layer = np.concatenate([np.empty((0, first.shape[1]), np.int64), *found])
        layer = layer[(layer <= tops).all(axis=1)]
        keys, rows = np.unique(_keys(layer), return_index=True)
        place = np.minimum(np.searchsorted(seen, keys), len(seen) - 1)
        new = seen[place] != keys
        layer = layer[rows[new]]
        states.append(layer)
        seen = np.sort(np.concatenate([seen, keys[new]]))
        if len(seen) > max_states:
            most = _bound(model, first)
            raise _too_many(model, max_states, f"at most {most:.4g}" if most else "perhaps no end")
    return np.concatenate(states)


def _edges(model: Model, space: StateSpace) -> tuple[Any, ...]:
    """Source, target, channel and rate of every event that changes the state."""
    rates = model.table.jump_rates(space.states)
    parts = []
    for c, change in enumerate(model.table.changes):
        source = np.flatnonzero(rates[:, c] > 0)
        if len(source) and change.any():
            target = space.index(space.states[source] + change)
            parts.append((source, target, np.full(len(source), c), rates[source, c]))
    empty = (np.empty(0, np.int64),) * 3 + (np.empty(0),)
    return tuple(np.concatenate(part) for part in zip(empty, *parts, strict=True))


def _keys(states: IntArray) -> Any:
    """One 64-bit word for each state; equality of states is checked where words are looked up."""
    radix = np.array([pow(0x9E3779B97F4A7C15, k + 1, 2**64) for k in range(states.shape[-1])])
    return states.astype(np.uint64) @ radix.astype(np.uint64)


def _bound(model: Model, first: IntArray) -> float | None:
    """Number of states that the total number of quanta allows, when no event raises it; or None."""
    steps = model.table.changes[model.table.constants > 0].sum(axis=1)
    if (steps > 0).any():
        return None
    totals = first.sum(axis=1)
    ways = np.zeros(int(totals.max()) + 1)
    ways[0] = 1.0
    for pool in model.pool_specs:
        ways = np.cumsum(ways)
        if pool.capacity is not None and pool.capacity + 1 < len(ways):
            ways[pool.capacity + 1 :] -= ways[: -pool.capacity - 1].copy()
    return ways.sum() if (steps < 0).any() else ways[np.unique(totals)].sum()


def _too_many(model: Model, max_states: int, number: str) -> InputError:
    return InputError(
        f"the master equation of {model.name} has more than {max_states} states ({number}); make "
        "the system smaller, start from fixed counts, cut pools with `truncate`, or raise "
        "`max_states`"
    )

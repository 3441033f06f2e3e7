"""Detailed balance by Kolmogorov's criterion, which needs only the rates.

In detailed balance the stationary distribution P obeys
ln(w_forward/w_reverse) = ln P(after) - ln P(before) for every event, so that the affinity
Σ ln(w_forward/w_reverse) of every cycle of events is 0. This is decided for all cycles of a copy of
the model with few states; for the full model, `small_cycles` tests short cycles at random states.

Each channel is compared with its declared reverse, and the rates of different channels between two
states are never added: a two-level system between a hot and a cold bath goes up by one and down by
the other, which is a cycle of two events that carries heat. An event that changes no count is a
cycle of one event.
"""

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...model.model import Model

MOST_STATES = 10_000
_BALANCED = 1e-9  # largest affinity that counts as 0
_Ratios = list[dict[int, dict[int, float]]]  # ln(w/w_reverse) by state, next state and channel


@dataclass(frozen=True, eq=False)
class Cycle:
    """A cycle of events with an affinity that is not 0.

    Attributes
    ----------
    channels : tuple of str
        Channel of each event, in the order of the events.
    states : tuple of tuple of int
        Counts before each event.
    affinity : float
        Σ ln(w_forward/w_reverse), k_B; infinite when the reverse cycle is impossible.
    """

    channels: tuple[str, ...]
    states: tuple[tuple[int, ...], ...]
    affinity: float

    def __str__(self) -> str:
        events = ", ".join(self.channels)
        if np.isinf(self.affinity):
            return f"{events} (the reverse is impossible)"
        return f"{events} (affinity {self.affinity:.4g} k_B)"


@dataclass(frozen=True, eq=False)
class Balance:
    """Kolmogorov's criterion for every cycle of a reduced copy of a model.

    Attributes
    ----------
    states : int
        Number of states of the copy.
    holds : bool
        Whether the affinity of every cycle is 0, and every event has a reverse.
    cycle : Cycle or None
        A cycle with an affinity that is not 0.
    one_way : tuple of str
        Channels with an event that has no reverse.
    """

    states: int
    holds: bool
    cycle: Cycle | None
    one_way: tuple[str, ...]


def reduced_copy(model: Model, most: int = MOST_STATES) -> tuple[Model, NDArray[np.int64]]:
    """Copy of a model with few states: at most k quanta in each pool and at most k TLS in a pool.

    Parameters
    ----------
    model : Model
    most : int
        Largest number of states.

    Returns
    -------
    model : Model
    states : ndarray of int64, shape (n_states, n_pools)
        All states, for the largest k that gives at most `most` states.

    Raises
    ------
    InputError
        When there are more states even for k = 1.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
    >>> copy, states = reduced_copy(model, most=10)
    >>> copy.pool("m").size, len(states)
    (2, 9)
    """
    k, tops = 0, None
    while True:
        larger = [min(int(p.capacity), k + 1) if p.capacity else k + 1 for p in model.pool_specs]
        if np.prod([t + 1.0 for t in larger]) > most or larger == tops:
            break
        k, tops = k + 1, larger
    if tops is None:
        raise InputError(
            f"{model.name} has too many pools for an audit: with at most one quantum in each there "
            f"are 2^{len(model.pools)} states, more than {most}"
        )
    pools = [
        replace(p, size=min(p.size, k)) if p.kind == "tls" and p.size is not None else p
        for p in model.pool_specs
    ]
    grid = np.indices([t + 1 for t in tops]).reshape(len(tops), -1).T
    return Model(pools, model.channel_specs, model.name, model.wavelength), grid.astype(np.int64)


def kolmogorov(model: Model, channels: Collection[int], most: int = MOST_STATES) -> Balance:
    """Decide Kolmogorov's criterion on a reduced copy of a model.

    Parameters
    ----------
    model : Model
    channels : collection of int
        Indices of the channels that are considered.
    most : int
        Largest number of states of the copy.

    Returns
    -------
    Balance

    Raises
    ------
    InputError
        As for `reduced_copy`.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
    >>> found = kolmogorov(model, channels=[0, 1])
    >>> found.holds, found.cycle
    (True, None)
    """
    copy, states = reduced_copy(model, most)
    graph = _Graph(copy, states, channels)
    return Balance(
        len(states), graph.cycle is None and not graph.one_way, graph.cycle,
        tuple(model.channels[c] for c in graph.one_way),
    )  # fmt: skip


def undeclared(model: Model) -> tuple[tuple[str, str], ...]:
    """Pairs of channels without a reverse, of which each takes what the other gives.

    Parameters
    ----------
    model : Model

    Returns
    -------
    tuple of (str, str)
    """
    table = zip(model.channel_specs, model.table.constants, strict=True)
    single = [c for c, k in table if c.reverse is None and k > 0]
    return tuple(
        (a.name, b.name)
        for k, a in enumerate(single)
        for b in single[k + 1 :]
        if (a.takes, a.gives, a.bath) == (b.gives, b.takes, b.bath)
    )


class _Graph:
    """Events between states: ratios[i][j] maps each channel from state i to j to ln(w/w_reverse).

    The ratio is infinite where the declared reverse is missing, or has the rate 0 in state j. A
    cycle is a list of (state before the event, channel).
    """

    def __init__(self, model: Model, states: NDArray[np.int64], channels: Collection[int]) -> None:
        self.model, self.states = model, states
        self.ratios: list[dict[int, dict[int, float]]] = [{} for _ in states]
        shape = states.max(axis=0) + 1
        for c in sorted(channels):
            rates, after = model.table.rate_of(c, states), states + model.table.changes[c]
            inside = ((after >= 0) & (after < shape)).all(axis=1) & (rates > 0)
            targets = np.ravel_multi_index(after[inside].T, shape)
            back, ratios = _reverse(model, c), np.full(len(targets), np.inf)
            if back in channels:
                with np.errstate(divide="ignore"):
                    ratios = np.log(rates[inside] / model.table.rate_of(back, after[inside]))
            places = np.flatnonzero(inside).tolist()
            for i, j, ratio in zip(places, targets.tolist(), ratios.tolist(), strict=True):
                self.ratios[i].setdefault(j, {})[c] = ratio
        self.irreversible = [
            (i, j, c)
            for i, to in enumerate(self.ratios)
            for j, ratios in to.items()
            for c, ratio in ratios.items()
            if ratio == np.inf
        ]
        self.one_way = sorted({c for _, _, c in self.irreversible})
        self.cycle = self._irreversible_cycle() or self._reversible_cycle()

    def _irreversible_cycle(self) -> Cycle | None:
        """Shortest cycle through an event without a reverse, or None."""
        best = None
        for i, j, c in self._one_for_each_channel():
            path = self._path(j, i)
            if path and (best is None or len(path) < len(best)):
                steps = [(a, next(iter(self.ratios[a][b]))) for a, b in itertools.pairwise(path)]
                best = [(i, c), *steps]
        return None if best is None else self._named(best, np.inf)

    def _one_for_each_channel(self) -> list[tuple[int, int, int]]:
        """One event without a reverse for each channel, far from empty pools."""
        found: dict[int, tuple[int, int, int]] = {}
        for i, j, c in self.irreversible:
            if c not in found or self.states[i].min() > self.states[found[c][0]].min():
                found[c] = (i, j, c)
        return list(found.values())

    def _path(self, start: int, goal: int) -> list[int] | None:
        """States on a shortest sequence of events from `start` to `goal`, or None."""
        from scipy.sparse.csgraph import breadth_first_order

        _, before = breadth_first_order(_matrix(self.ratios), start)
        path = [goal]
        while path[-1] != start:
            if before[path[-1]] < 0:
                return None
            path.append(int(before[path[-1]]))
        return path[::-1]

    def _reversible_cycle(self) -> Cycle | None:
        """Short cycle of reversible events with an affinity that is not 0, or None."""
        undone = [
            {j: finite for j, ratios in to.items() if (finite := _finite(ratios))}
            for to in self.ratios
        ]
        order, parent = _spanning_forest(undone)
        potential: dict[int, float] = {}
        for j in order:
            i = parent[j]
            potential[j] = 0.0 if i is None else potential[i] + _first(undone[i][j])[1]
        for i in order:
            for j, ratios in undone[i].items():
                for c, ratio in ratios.items():
                    excess = abs(potential[i] + ratio - potential[j])
                    if excess > _BALANCED * (1 + abs(potential[j])):
                        short = self._short_cycle(undone, (i, j))
                        return short or self._tree_cycle(undone, (i, j, c), parent)
        return None

    def _short_cycle(self, undone: _Ratios, near: tuple[int, int]) -> Cycle | None:
        """Cycle of one to four events through a state of `near` with a positive affinity, or None.

        A longer cycle is sought only when there is no shorter one.
        """
        for length in (1, 2, 3, 4):
            for start in near:
                for steps, affinity in _walks(undone, start, length):
                    if affinity > _BALANCED:
                        return self._named(steps, affinity)
        return None

    def _tree_cycle(
        self, undone: _Ratios, event: tuple[int, int, int], parent: dict[int, int | None]
    ) -> Cycle:
        """Cycle of an event from i to j, and of the events between them in the spanning tree."""

        def path_to_root(state: int) -> list[int]:
            path = [state]
            while (before := parent[path[-1]]) is not None:
                path.append(before)
            return path

        i, j, c = event
        up, down = path_to_root(j), path_to_root(i)
        shared = next(s for s in up if s in set(down))
        path = [*up[: up.index(shared) + 1], *reversed(down[: down.index(shared)])]
        steps, affinity = [(i, c)], undone[i][j][c]
        for a, b in itertools.pairwise(path):
            if parent[b] == a:
                channel, ratio = _first(undone[a][b])
            else:  # the event of the tree, backwards
                channel = _reverse(self.model, _first(undone[b][a])[0])
                ratio = undone[a][b][channel]
            steps.append((a, channel))
            affinity += ratio
        if affinity < 0:
            after = [s for s, _ in steps[1:]] + [i]
            backwards = zip(after, steps, strict=True)
            steps = [(b, _reverse(self.model, channel)) for b, (_, channel) in backwards][::-1]
        return self._named(steps, abs(affinity))

    def _named(self, steps: Sequence[tuple[int, int]], affinity: float) -> Cycle:
        """Cycle of these events."""
        return Cycle(
            tuple(self.model.channels[c] for _, c in steps),
            tuple(tuple(int(n) for n in self.states[i]) for i, _ in steps),
            float(affinity),
        )


def _reverse(model: Model, channel: int) -> int:
    """Index of the declared reverse of a channel; -1 if there is none."""
    name = model.channel_specs[channel].reverse
    return -1 if name is None else model.channels.index(name)


def _finite(ratios: dict[int, float]) -> dict[int, float]:
    return {c: ratio for c, ratio in ratios.items() if ratio < np.inf}


def _first(ratios: dict[int, float]) -> tuple[int, float]:
    return next(iter(ratios.items()))


def _walks(
    undone: _Ratios, start: int, length: int
) -> Iterator[tuple[list[tuple[int, int]], float]]:
    """Cycles of `length` reversible events that begin at `start`, and their affinities."""
    walks: list[tuple[list[tuple[int, int]], int, float]] = [([], start, 0.0)]
    for left in range(length, 0, -1):
        walks = [
            ([*steps, (state, c)], j, affinity + ratio)
            for steps, state, affinity in walks
            for j, ratios in undone[state].items()
            if (j == start if left == 1 else j != state and all(j != i for i, _ in steps))
            for c, ratio in ratios.items()
        ]
    return ((steps, affinity) for steps, _, affinity in walks)


def _spanning_forest(
    targets_of: Sequence[Collection[int]],
) -> tuple[list[int], dict[int, int | None]]:
    """Breadth-first spanning tree of each connected set of states.

    Parameters
    ----------
    targets_of : sequence of collections of int
        Targets of the transitions from each state.

    Returns
    -------
    order : list of int
        The states in the order of the search, one connected set after the other.
    parent : dict of int
        Predecessor of each state; None for the first state of a set.
    """
    from scipy.sparse.csgraph import breadth_first_order, connected_components

    label = connected_components(_matrix(targets_of), directed=False)[1]
    roots, top = np.unique(label, return_index=True)[1].tolist(), len(targets_of)
    # An additional state with transitions to the first state of each set: one search from it visits
    # all sets.
    order, before = breadth_first_order(_matrix([*targets_of, roots]), top)
    order = order[1:][np.argsort(label[order[1:]], kind="stable")].tolist()
    return order, {j: None if before[j] == top else int(before[j]) for j in order}


def _matrix(targets_of: Sequence[Collection[int]]) -> Any:
    """Sparse adjacency matrix, from the targets of the transitions from each state."""
    from scipy.sparse import csr_array

    targets = [j for to in targets_of for j in to]
    ends = np.cumsum([0, *map(len, targets_of)])
    return csr_array(
        (np.ones(len(targets)), targets, ends), shape=(len(targets_of), len(targets_of))
    )

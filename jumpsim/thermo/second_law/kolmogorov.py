"""Detailed balance, decided from rates alone.

In detailed balance the stationary distribution P obeys
ln(w_forward/w_reverse) = ln P(after) - ln P(before) for every event, so that the sum of
ln(w_forward/w_reverse) around every cycle of events is 0 (Kolmogorov's condition). On a
reduced copy this is decided for all cycles; on the full model it is tested round small cycles at
random states. "Lumped" adds up all channels between two states; "resolved" takes each channel with
its declared reverse.
"""

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...model.model import Model

MOST_STATES = 10_000
_CLOSED = 1e-9  # largest sum of logarithms round a cycle that counts as 0


@dataclass(frozen=True, eq=False)
class Cycle:
    """Events that lead back to where they began, and are not balanced by their reverses.

    Attributes
    ----------
    channels : tuple of str
        In the order in which they happen.
    states : tuple of tuple of int
        Before each event.
    affinity : float
        Σ ln(w_forward/w_reverse), k_B; infinite when the way back is closed.
    """

    channels: tuple
    states: tuple
    affinity: float

    def __str__(self) -> str:
        way = ", ".join(self.channels)
        if np.isinf(self.affinity):
            return f"{way} (the way back is closed)"
        return f"{way} (affinity {self.affinity:.4g} k_B)"


@dataclass(frozen=True, eq=False)
class Balance:
    """Kolmogorov's condition on every cycle of a reduced copy.

    Attributes
    ----------
    states : int
        Size of the copy.
    lumped, resolved : bool
        Whether every cycle closes, with all channels between two states together, and with each
        channel and its declared reverse.
    cycle : Cycle or None
        One that does not close.
    one_way : tuple of str
        Channels whose step is never undone.
    """

    states: int
    lumped: bool
    resolved: bool
    cycle: Cycle | None
    one_way: tuple


def reduced_copy(model: Model, most: int = MOST_STATES) -> tuple[Model, NDArray[np.int64]]:
    """The same channels with few quanta: TLS pools of at most k, and at most k quanta in each pool.

    Returns
    -------
    model : Model
    states : ndarray of int64, shape (n_states, n_pools)
        All counts up to k, the largest k with at most `most` states.
    """
    k, tops = 0, None
    while True:
        larger = [min(int(p.capacity), k + 1) if p.capacity else k + 1 for p in model.pool_specs]
        if np.prod([t + 1.0 for t in larger]) > most or larger == tops:
            break
        k, tops = k + 1, larger
    if tops is None:
        raise InputError(
            f"{model.name} has too many pools for an audit: with one quantum in each there are "
            f"2^{len(model.pools)} states, and detailed balance is decided on at most {most}"
        )
    pools = [
        replace(p, size=min(p.size, k)) if p.kind == "tls" and p.size is not None else p
        for p in model.pool_specs
    ]
    grid = np.indices([t + 1 for t in tops]).reshape(len(tops), -1).T
    return Model(pools, model.channel_specs, model.name, model.wavelength), grid.astype(np.int64)


def kolmogorov(model: Model, channels: Collection[int], most: int = MOST_STATES) -> Balance:
    """Decide Kolmogorov's condition for some channels on a reduced copy.

    Parameters
    ----------
    model : Model
    channels : collection of int
        Which channels take part.
    most : int
        Largest number of states of the copy.

    Returns
    -------
    Balance
    """
    copy, states = reduced_copy(model, most)
    graph = _Graph(copy, states, channels)
    return Balance(
        len(states), graph.cycle is None and not graph.one_way, graph.resolved(), graph.cycle,
        tuple(model.channels[c] for c in graph.one_way),
    )  # fmt: skip


class _Graph:
    """States of a copy; ways[i][j] maps the channels from state i to state j to their rates."""

    def __init__(self, model: Model, states: NDArray[np.int64], channels: Collection[int]) -> None:
        self.model, self.states, self.channels = model, states, sorted(channels)
        self.ways: list[dict[int, dict[int, float]]] = [{} for _ in states]
        shape = states.max(axis=0) + 1
        for c in self.channels:
            change = model.table.changes[c]
            if not change.any():
                continue
            rates, after = model.table.rate_of(c, states), states + change
            inside = ((after >= 0) & (after < shape)).all(axis=1) & (rates > 0)
            targets = np.ravel_multi_index(after[inside].T, shape)
            for i, j, rate in zip(np.flatnonzero(inside), targets, rates[inside], strict=True):
                self.ways[i].setdefault(int(j), {})[c] = rate
        self.closed = [
            (i, j) for i, to in enumerate(self.ways) for j in to if i not in self.ways[j]
        ]
        self.one_way = sorted({c for i, j in self.closed for c in self.ways[i][j]})
        self.cycle = self._closed_cycle() or self._open_cycle()

    def log_ratio(self, i: int, j: int) -> float:
        """ln(w_forward/w_reverse) of the step from i to j, all channels together."""
        return np.log(sum(self.ways[i][j].values()) / sum(self.ways[j][i].values()))

    def resolved(self) -> bool:
        """Whether each channel and its declared reverse have the ratio of the whole step."""
        if self.cycle is not None or self.one_way:
            return False
        names = self.model.channels
        back = [names.index(c.reverse) if c.reverse else -1 for c in self.model.channel_specs]
        for i, to in enumerate(self.ways):
            for j, rates in to.items():
                whole = self.log_ratio(i, j)
                for c, rate in rates.items():
                    reverse = self.ways[j][i].get(back[c], 0.0)
                    if reverse == 0 or abs(np.log(rate / reverse) - whole) > _CLOSED:
                        return False
        return True

    def _closed_cycle(self) -> Cycle | None:
        """Shortest of the cycles through a step that is never undone, or None."""
        best = None
        for i, j in self._one_for_each_channel():
            path = self._path(j, i)
            if path and (best is None or len(path) < len(best)):
                best = path
        return None if best is None else self._named([best[-1], *best], np.inf)

    def _one_for_each_channel(self) -> list[tuple[int, int]]:
        """Steps that are never undone, those with the most quanta around first."""
        found: dict[tuple[int, ...], tuple[int, int]] = {}
        for i, j in self.closed:
            key = tuple(self.ways[i][j])
            if key not in found or self.states[i].min() > self.states[found[key][0]].min():
                found[key] = (i, j)
        return list(found.values())

    def _path(self, start: int, goal: int) -> list[int] | None:
        """States on a shortest sequence of events, or None."""
        from scipy.sparse.csgraph import breadth_first_order

        _, before = breadth_first_order(_matrix(self.ways), start)
        path = [goal]
        while path[-1] != start:
            if before[path[-1]] < 0:
                return None
            path.append(int(before[path[-1]]))
        return path[::-1]

    def _open_cycle(self) -> Cycle | None:
        """Give a short cycle whose steps can all be undone, but do not balance, or None."""
        undone = [[j for j in to if i in self.ways[j]] for i, to in enumerate(self.ways)]
        order, parent = _spanning_forest(undone)
        potential: dict[int, float] = {}
        for j in order:
            i = parent[j]
            potential[j] = 0.0 if i is None else potential[i] + self.log_ratio(i, j)
        for i in order:
            for j in undone[i]:
                excess = abs(potential[i] + self.log_ratio(i, j) - potential[j])
                if excess > _CLOSED * (1 + abs(potential[j])):
                    return self._short_cycle(i, j) or self._tree_cycle(i, j, parent)
        return None

    def _short_cycle(self, i: int, j: int) -> Cycle | None:
        """Give a cycle of three or four events near a step that does not balance."""
        for start in (i, j):
            for length in (2, 3, 4):
                for path in self._walks(start, length):
                    affinity = sum(self.log_ratio(a, b) for a, b in itertools.pairwise(path))
                    if affinity > _CLOSED:
                        return self._named(path, affinity)
        return None

    def _walks(self, start: int, length: int) -> list[list[int]]:
        """Closed walks of events that can all be undone."""
        walks = [[start]]
        for left in range(length, 0, -1):
            walks = [
                [*w, j]
                for w in walks
                for j in self.ways[w[-1]]
                if w[-1] in self.ways[j] and (j == start if left == 1 else j not in w)
            ]
        return walks

    def _tree_cycle(self, i: int, j: int, parent: dict[int, int | None]) -> Cycle:
        def way_up(state: int) -> list[int]:
            way = [state]
            while (before := parent[way[-1]]) is not None:
                way.append(before)
            return way

        up, down = way_up(j), way_up(i)
        shared = next(s for s in up if s in set(down))
        path = [i, *up[: up.index(shared) + 1], *reversed(down[: down.index(shared)])]
        affinity = sum(self.log_ratio(a, b) for a, b in itertools.pairwise(path))
        return self._named(path if affinity > 0 else path[::-1], abs(affinity))

    def _named(self, path: list[int], affinity: float) -> Cycle:
        """Name the strongest channel of each step."""
        names, steps = self.model.channels, list(itertools.pairwise(path))
        strongest = [max(self.ways[i][j], key=self.ways[i][j].__getitem__) for i, j in steps]
        return Cycle(
            tuple(names[c] for c in strongest),
            tuple(tuple(int(n) for n in self.states[i]) for i, _ in steps),
            float(affinity),
        )


def _spanning_forest(ways: Sequence[Collection[int]]) -> tuple[list[int], dict[int, int | None]]:
    """Visit every state, each connected set of states breadth first from its first state.

    Returns
    -------
    order : list of int
        The states, one connected set after the other.
    parent : dict of int
        The state from which each one is reached; None for the first of a set.
    """
    from scipy.sparse.csgraph import breadth_first_order, connected_components

    label = connected_components(_matrix(ways), directed=False)[1]
    roots, top = np.unique(label, return_index=True)[1].tolist(), len(ways)
    # One more state that leads to the first state of each set, so that one search visits them all.
    order, before = breadth_first_order(_matrix([*ways, roots]), top)
    order = order[1:][np.argsort(label[order[1:]], kind="stable")].tolist()
    return order, {j: None if before[j] == top else int(before[j]) for j in order}


def _matrix(ways: Sequence[Collection[int]]) -> Any:
    """Sparse matrix with an entry for each step, from the targets of the steps from each state."""
    from scipy.sparse import csr_array

    targets = [j for to in ways for j in to]
    ends = np.cumsum([0, *map(len, ways)])
    return csr_array((np.ones(len(targets)), targets, ends), shape=(len(ways), len(ways)))

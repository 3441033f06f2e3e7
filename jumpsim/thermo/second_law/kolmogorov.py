"""Detailed balance by Kolmogorov's criterion, which needs only the rates.

In detailed balance the stationary distribution P obeys
ln(w_forward/w_reverse) = ln P(after) - ln P(before) for every event, so that the affinity
Σ ln(w_forward/w_reverse) of every cycle of events is 0. This is decided for all cycles of a copy of
the model with few states; for the full model, `small_cycles` tests short cycles at random states.
"Lumped" means that the rates of all channels between two states are added; "resolved" means that
each channel is compared with its declared reverse.
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
_BALANCED = 1e-9  # largest affinity that counts as 0


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
    lumped, resolved : bool
        Whether the affinity of every cycle is 0, for the sum of all channels between two states,
        and for each channel with its declared reverse.
    cycle : Cycle or None
        A cycle with an affinity that is not 0.
    one_way : tuple of str
        Channels that have a transition without a reverse transition.
    """

    states: int
    lumped: bool
    resolved: bool
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
    >>> found.lumped, found.resolved, found.cycle
    (True, True, None)
    """
    copy, states = reduced_copy(model, most)
    graph = _Graph(copy, states, channels)
    return Balance(
        len(states), graph.cycle is None and not graph.one_way, graph.resolved(), graph.cycle,
        tuple(model.channels[c] for c in graph.one_way),
    )  # fmt: skip


class _Graph:
    """Transitions between states: rates[i][j] maps each channel from state i to j to its rate."""

    def __init__(self, model: Model, states: NDArray[np.int64], channels: Collection[int]) -> None:
        self.model, self.states, self.channels = model, states, sorted(channels)
        self.rates: list[dict[int, dict[int, float]]] = [{} for _ in states]
        shape = states.max(axis=0) + 1
        for c in self.channels:
            change = model.table.changes[c]
            if not change.any():
                continue
            rates, after = model.table.rate_of(c, states), states + change
            inside = ((after >= 0) & (after < shape)).all(axis=1) & (rates > 0)
            targets = np.ravel_multi_index(after[inside].T, shape)
            for i, j, rate in zip(np.flatnonzero(inside), targets, rates[inside], strict=True):
                self.rates[i].setdefault(int(j), {})[c] = rate
        self.irreversible = [
            (i, j) for i, to in enumerate(self.rates) for j in to if i not in self.rates[j]
        ]
        self.one_way = sorted({c for i, j in self.irreversible for c in self.rates[i][j]})
        self.cycle = self._irreversible_cycle() or self._reversible_cycle()

    def log_ratio(self, i: int, j: int) -> float:
        """ln(w_forward/w_reverse) of the transition from i to j, summed over channels."""
        return np.log(sum(self.rates[i][j].values()) / sum(self.rates[j][i].values()))

    def resolved(self) -> bool:
        """Whether each channel and its declared reverse have the ratio of the summed rates."""
        if self.cycle is not None or self.one_way:
            return False
        names = self.model.channels
        back = [names.index(c.reverse) if c.reverse else -1 for c in self.model.channel_specs]
        for i, to in enumerate(self.rates):
            for j, rates in to.items():
                lumped = self.log_ratio(i, j)
                for c, rate in rates.items():
                    reverse = self.rates[j][i].get(back[c], 0.0)
                    if reverse == 0 or abs(np.log(rate / reverse) - lumped) > _BALANCED:
                        return False
        return True

    def _irreversible_cycle(self) -> Cycle | None:
        """Shortest cycle through a transition without a reverse, or None."""
        best = None
        for i, j in self._one_for_each_channel():
            path = self._path(j, i)
            if path and (best is None or len(path) < len(best)):
                best = path
        return None if best is None else self._named([best[-1], *best], np.inf)

    def _one_for_each_channel(self) -> list[tuple[int, int]]:
        """One transition without a reverse for each set of channels, far from empty pools."""
        found: dict[tuple[int, ...], tuple[int, int]] = {}
        for i, j in self.irreversible:
            key = tuple(self.rates[i][j])
            if key not in found or self.states[i].min() > self.states[found[key][0]].min():
                found[key] = (i, j)
        return list(found.values())

    def _path(self, start: int, goal: int) -> list[int] | None:
        """States on a shortest sequence of events from `start` to `goal`, or None."""
        from scipy.sparse.csgraph import breadth_first_order

        _, before = breadth_first_order(_matrix(self.rates), start)
        path = [goal]
        while path[-1] != start:
            if before[path[-1]] < 0:
                return None
            path.append(int(before[path[-1]]))
        return path[::-1]

    def _reversible_cycle(self) -> Cycle | None:
        """Short cycle of reversible transitions with an affinity that is not 0, or None."""
        undone = [[j for j in to if i in self.rates[j]] for i, to in enumerate(self.rates)]
        order, parent = _spanning_forest(undone)
        potential: dict[int, float] = {}
        for j in order:
            i = parent[j]
            potential[j] = 0.0 if i is None else potential[i] + self.log_ratio(i, j)
        for i in order:
            for j in undone[i]:
                excess = abs(potential[i] + self.log_ratio(i, j) - potential[j])
                if excess > _BALANCED * (1 + abs(potential[j])):
                    return self._short_cycle(i, j) or self._tree_cycle(i, j, parent)
        return None

    def _short_cycle(self, i: int, j: int) -> Cycle | None:
        """Cycle of two to four events through i or j with a positive affinity, or None."""
        for start in (i, j):
            for length in (2, 3, 4):
                for path in self._walks(start, length):
                    affinity = sum(self.log_ratio(a, b) for a, b in itertools.pairwise(path))
                    if affinity > _BALANCED:
                        return self._named(path, affinity)
        return None

    def _walks(self, start: int, length: int) -> list[list[int]]:
        """Cycles of `length` reversible transitions that begin at `start`."""
        walks = [[start]]
        for left in range(length, 0, -1):
            walks = [
                [*w, j]
                for w in walks
                for j in self.rates[w[-1]]
                if w[-1] in self.rates[j] and (j == start if left == 1 else j not in w)
            ]
        return walks

    def _tree_cycle(self, i: int, j: int, parent: dict[int, int | None]) -> Cycle:
        """Cycle of the transition from i to j and the path between them in the spanning tree."""

        def path_to_root(state: int) -> list[int]:
            path = [state]
            while (before := parent[path[-1]]) is not None:
                path.append(before)
            return path

        up, down = path_to_root(j), path_to_root(i)
        shared = next(s for s in up if s in set(down))
        path = [i, *up[: up.index(shared) + 1], *reversed(down[: down.index(shared)])]
        affinity = sum(self.log_ratio(a, b) for a, b in itertools.pairwise(path))
        return self._named(path if affinity > 0 else path[::-1], abs(affinity))

    def _named(self, path: list[int], affinity: float) -> Cycle:
        """Cycle of these states, with the channel of the largest rate for each transition."""
        names, steps = self.model.channels, list(itertools.pairwise(path))
        strongest = [max(self.rates[i][j], key=self.rates[i][j].__getitem__) for i, j in steps]
        return Cycle(
            tuple(names[c] for c in strongest),
            tuple(tuple(int(n) for n in self.states[i]) for i, _ in steps),
            float(affinity),
        )


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

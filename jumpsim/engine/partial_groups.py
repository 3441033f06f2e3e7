"""Which factors of the rates are shared, and the groups of channels that share them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 8  # numbers whose sum is one number of the next level of a tree
_REBUILD = 2.0  # cost of a group among all of them, in levels of a tree that is updated


@dataclass(frozen=True)
class Live:
    """The channels with a constant > 0, one after the other, with their factors and changes.

    Attributes
    ----------
    index : ndarray of int64, shape (C,)
        Index of each channel in the model; the same for all two-level systems of a pool.
    constant : ndarray of float64, shape (C,)
    channel, pool : ndarray of int64, shape (F,)
        Channel and pool of each factor.
    line : ndarray of float64, shape (F, 2)
        Offset and slope of each factor.
    changing, changed, change : ndarray of int64
        Channel, pool and number of each change.
    column : ndarray of int64, shape (P,)
        Pool of the model to whose count each count is added.
    """

    index: NDArray[np.int64]
    constant: NDArray[np.float64]
    channel: NDArray[np.int64]
    pool: NDArray[np.int64]
    line: NDArray[np.float64]
    changing: NDArray[np.int64]
    changed: NDArray[np.int64]
    change: NDArray[np.int64]
    column: NDArray[np.int64]

    @property
    def pools(self) -> int:
        """Number of counts."""
        return len(self.column)

    def in_order(self, order: NDArray[np.int64]) -> "Live":
        """The same channels in another order."""
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        f = np.argsort(place[self.channel], kind="stable")
        m = np.argsort(place[self.changing], kind="stable")
        return Live(
            self.index[order], self.constant[order],
            place[self.channel[f]], self.pool[f], self.line[f],
            place[self.changing[m]], self.changed[m], self.change[m], self.column,
        )  # fmt: skip


@dataclass(frozen=True)
class Groups:
    """Groups of channels with the same shared factors.

    Attributes
    ----------
    shared : ndarray of bool, shape (P,)
        Whether the factors of a pool are shared.
    group : ndarray of int64, shape (C,)
        Group of each channel; groups are in the order of their first channels.
    sizes : ndarray of int64
        Number of members of each group.
    all_groups : ndarray of bool, shape (C,)
        Whether all groups are computed again after an event, because it changes most of them.
    cost : float
        Estimated work for an event, the average over the channels.
    """

    shared: NDArray[np.bool_]
    group: NDArray[np.int64]
    sizes: NDArray[np.int64]
    all_groups: NDArray[np.bool_]
    cost: float


def live_channels(model_input: Any) -> Live:
    """The channels of a model with a constant > 0.

    Parameters
    ----------
    model_input : model.rates.RateTable

    Returns
    -------
    Live
    """
    alive, moves = model_input.constants > 0, model_input.sparse_changes
    place = np.cumsum(alive) - 1
    labels = model_input.channel_index
    labels = np.arange(len(alive)) if labels is None else labels
    channel = np.repeat(np.arange(len(alive)), np.diff(model_input.first))
    factors, changes = np.flatnonzero(alive[channel]), np.flatnonzero(alive[moves.channels])
    return Live(
        labels[alive],
        model_input.constants[alive],
        place[channel[factors]],
        model_input.pools[factors],
        np.stack([model_input.offsets[factors], model_input.slopes[factors]], axis=1),
        place[moves.channels[changes]],
        moves.pools[changes],
        moves.numbers[changes],
        np.arange(moves.width) if model_input.pool_index is None else model_input.pool_index,
    )


def chosen_groups(live: Live) -> Groups:
    """Groups for which an event costs least, as an average over the channels.

    The shared factors are those of the pools that more than a number L of channels depend on;
    several L are compared.

    Parameters
    ----------
    live : Live

    Returns
    -------
    Groups
    """
    degree = np.bincount(pairs(live.pool, live.channel)[0], minlength=live.pools)
    most = int(degree.max(initial=0))
    limits = [0, *(4**k for k in range(1, 12) if 4**k < most), most]
    values = numbered(live.pool, *live.line.T)
    return min((_grouped(live, values, degree > limit) for limit in limits), key=lambda g: g.cost)


def pairs(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """Different pairs (a, b), sorted, shape (2, n)."""
    base = int(b.max(initial=0)) + 1
    return np.stack(np.divmod(np.unique(a * base + b), base))


def levels(leaves: int) -> int:
    """Number of levels of a tree with so many leaves."""
    number = 1
    while leaves > BLOCK:
        leaves, number = -(-leaves // BLOCK), number + 1
    return number


def numbered(*columns: NDArray[Any]) -> NDArray[np.int64]:
    """Number of each row, from 0 on; it is equal for equal rows."""
    found = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        number = np.unique(column, return_inverse=True)[1]
        joined = found * (number.max(initial=0) + 1) + number
        found = np.unique(joined, return_inverse=True)[1]
    return found


def kinds(owner: NDArray[np.int64], values: NDArray[np.int64], owners: int) -> NDArray[np.int64]:
    """Number of each owner, from 0 on; it is equal for owners of the same sequence of values.

    Parameters
    ----------
    owner : ndarray of int64
        Sorted: owner of each value.
    values : ndarray of int64
    owners : int
        Number of owners; some may have no values.
    """
    found = np.zeros(owners, np.int64)
    position = np.arange(len(owner)) - np.searchsorted(owner, owner)
    for k in range(position.max(initial=-1) + 1):
        value = np.full(owners, -1)
        at = position == k
        value[owner[at]] = values[at]
        found = numbered(found, value)
    return found


def _grouped(live: Live, values: NDArray[np.int64], often: NDArray[np.bool_]) -> Groups:
    """Group the channels, if the factors of the pools `often` are shared."""
    chosen = np.flatnonzero(often[live.pool])
    group = kinds(live.channel[chosen], values[chosen], len(live.index))
    _, first, group = np.unique(group, return_index=True, return_inverse=True)
    group = np.argsort(np.argsort(first))[group]
    sizes = np.bincount(group)
    all_groups, cost = _costs(live, often, group, sizes)
    return Groups(often, group, sizes, all_groups, cost)


def _costs(
    live: Live, often: NDArray[np.bool_], group: NDArray[np.int64], sizes: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], float]:
    """Whether an event of each channel changes most groups; the average cost of an event."""
    if not len(group):
        return np.zeros(0, bool), 0.0
    shared = often[live.pool]
    pool, channel = pairs(live.pool[~shared], live.channel[~shared])
    affected = pairs(live.pool[shared], group[live.channel[shared]])[0]
    depth = np.array([levels(n) for n in sizes.tolist()])[group]
    leaves = np.bincount(pool, 1.0 + depth[channel], live.pools)
    touched = np.bincount(np.concatenate([pool, affected]), minlength=live.pools)
    each = 1.0 + levels(len(sizes))
    work = np.bincount(live.changing, each * touched[live.changed], len(group))
    cost = depth + np.bincount(live.changing, leaves[live.changed], len(group))
    cost = cost + np.minimum(work, _REBUILD * len(sizes))  # integers when nothing ever changes
    return work > _REBUILD * len(sizes), float(cost.mean())

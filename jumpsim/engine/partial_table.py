"""The table of the kernel of partial propensities."""

import itertools

import numpy as np
from numpy.typing import NDArray

from .partial_groups import BLOCK, Groups, Live, levels, pairs
from .partial_kernel import Products, Table


def table(live: Live, groups: Groups) -> Table:
    """Table for the kernel: channels sorted by group, and what depends on each pool.

    Parameters
    ----------
    live : Live
    groups : Groups

    Returns
    -------
    Table
    """
    order = np.argsort(groups.group, kind="stable")
    group, channels, number = groups.group[order], len(order), len(groups.sizes)
    live = live.in_order(order)
    group_first = np.concatenate([[0], np.cumsum(groups.sizes)])
    shared = groups.shared[live.pool]
    # The shared factors of a group are those of its first channel.
    leader = np.isin(live.channel, group_first[:-1]) & shared
    own = _products(live, ~shared, live.channel, channels)
    pool, channel = pairs(live.pool[~shared], live.channel[~shared])
    of_pool, affected = pairs(live.pool[shared], group[live.channel[shared]])
    touched = np.bincount(np.concatenate([pool, of_pool]), minlength=live.pools)
    tree_first, level, nodes = _trees([*groups.sizes.tolist(), number])
    first_change = _first(live.changing, channels)
    event = np.stack([first_change, [*live.index, 0], [*groups.all_groups[order], False]], axis=1)
    return Table(
        live.constant,
        own,
        _unsigned(group_first),
        _products(live, leader, group[live.channel], number),
        _unsigned(event),
        np.stack([live.changed, live.change, live.column[live.changed]], axis=1).astype(np.int32),
        _first(pool, live.pools),
        _unsigned(np.stack([group[channel], channel - group_first[group[channel]]], axis=1)),
        live.constant[channel],
        _chosen(own, channel),
        _first(of_pool, live.pools),
        _unsigned(affected),
        int(np.bincount(live.changing, touched[live.changed], channels).max(initial=0)),
        tree_first,
        level,
        nodes,
        _unsigned(live.column),
    )


def _products(
    live: Live, factors: NDArray[np.bool_], owner: NDArray[np.int64], number: int
) -> Products:
    """Products of some of the factors, for each of their owners."""
    return Products(
        _first(owner[factors], number), _unsigned(live.pool[factors]), live.line[factors]
    )


def _chosen(products: Products, chosen: NDArray[np.int64]) -> Products:
    """Copies of products, in the order in which they are used."""
    first = products.first.astype(np.int64)
    lengths = np.diff(first)[chosen]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    factors = np.arange(starts[-1]) + np.repeat(first[chosen] - starts[:-1], lengths)
    return Products(_unsigned(starts), products.pool[factors], products.line[factors])


def _first(numbers: NDArray[np.int64], size: int) -> NDArray[np.uint32]:
    """Where the entries of 0 ... size - 1 begin in sorted numbers, and where the last ones end."""
    return _unsigned(np.searchsorted(numbers, np.arange(size + 1)))


def _unsigned(numbers: NDArray[np.int64]) -> NDArray[np.uint32]:
    return numbers.astype(np.uint32)


def _trees(leaves: list[int]) -> tuple[NDArray[np.uint32], NDArray[np.uint32], int]:
    """Levels of each tree, the place of each level among the nodes, and the number of nodes."""
    lengths = [[-(-n // BLOCK**k) for k in range(levels(n))] for n in leaves]
    padded = [BLOCK * max(1, -(-n // BLOCK)) for n in itertools.chain(*lengths)]
    first = np.cumsum([0, *map(len, lengths)])
    level = np.cumsum([0, *padded])
    return _unsigned(first), _unsigned(level[:-1]), int(level[-1])

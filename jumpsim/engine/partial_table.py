"""The table of the kernel of partial propensities."""

import itertools

import numpy as np
from numpy.typing import NDArray

from ..utils.arrays import owners
from .partial_groups import BLOCK, Groups, Live, kinds, levels, numbered, pairs
from .partial_kernel import OWN, Products, Table


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
    live, all_groups = live.in_order(order), groups.all_groups[order]
    group_first = np.concatenate([[0], np.cumsum(groups.sizes)])
    shared = groups.shared[live.pool]
    # The shared factors of a group are those of its first channel.
    leader = np.isin(live.channel, group_first[:-1]) & shared
    pool, member = pairs(live.pool[~shared], live.channel[~shared])
    of_pool, affected = pairs(live.pool[shared], group[live.channel[shared]])
    own = _own_pools(live, shared)
    product, products = _distinct_products(
        live, ~shared, np.concatenate([np.arange(channels), member]), np.concatenate([own, pool])
    )
    kind, kind_table, change = _kinds_of_events(live, own, all_groups)
    touched = np.bincount(np.concatenate([pool, of_pool]), minlength=live.pools)
    tree_first, level, nodes = _trees([*groups.sizes.tolist(), number])
    return Table(
        live.constant,
        _unsigned(np.stack([own, product[:channels], kind], axis=1)),
        _unsigned(group_first),
        _products(live, leader, group[live.channel], number),
        products,
        kind_table,
        change,
        np.stack([_first(pool, live.pools), _first(of_pool, live.pools)], axis=1),
        _unsigned(
            np.stack(
                [group[member], member - group_first[group[member]], product[channels:]], axis=1
            )
        ),
        live.constant[member],
        _unsigned(affected),
        int(np.bincount(live.changing, touched[live.changed], channels).max(initial=0)),
        tree_first,
        level,
        nodes,
        _unsigned(live.column),
    )


def _own_pools(live: Live, shared: NDArray[np.bool_]) -> NDArray[np.int64]:
    """A pool of each channel: of its first factor that is not shared, or of its first change."""
    own = np.zeros(len(live.index), np.int64)
    for channel, pool in (
        (live.changing, live.changed),
        (live.channel[~shared], live.pool[~shared]),
    ):
        own[channel[::-1]] = pool[::-1]
    return own


def _distinct_products(
    live: Live,
    factors: NDArray[np.bool_],
    channel: NDArray[np.int64],
    own: NDArray[np.int64],
) -> tuple[NDArray[np.int64], Products]:
    """Products of some factors of channels, with their own pools; equal ones are stored once.

    Returns
    -------
    number : ndarray of int64
        Product of each of the channels.
    products : Products
    """
    chosen = np.flatnonzero(factors)
    owner, inside = _entries(_starts(live.channel[chosen], len(live.index)), channel)
    entry = chosen[inside]
    pool = np.where(live.pool[entry] == own[owner], OWN, live.pool[entry])
    number = kinds(owner, numbered(pool, *live.line[entry].T), len(channel))
    _, example = np.unique(number, return_index=True)
    kept = np.isin(owner, example)
    order = np.argsort(number[owner[kept]], kind="stable")
    first = _first(np.sort(number[owner[kept]]), len(example))
    return number, Products(
        first, _unsigned(pool[kept][order]), *live.line[entry[kept][order]].T.copy()
    )


def _kinds_of_events(
    live: Live, own: NDArray[np.int64], all_groups: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.int32]]:
    """Kind of the events of each channel; index in the model and changes of each kind."""
    pool = np.where(live.changed == own[live.changing], -1, live.changed)
    rows = np.stack([pool, live.change, live.column[live.changed]], axis=1)
    of_changes = kinds(live.changing, numbered(*rows.T), len(own))
    kind = numbered(live.index, all_groups, of_changes)
    _, example = np.unique(kind, return_index=True)
    kept = np.isin(live.changing, example)
    order = np.argsort(kind[live.changing[kept]], kind="stable")
    first = _first(np.sort(kind[live.changing[kept]]), len(example))
    table = np.stack([first, [*live.index[example], 0], [*all_groups[example], 0]], axis=1)
    return kind, _unsigned(table), rows[kept][order].astype(np.int32)


def _products(
    live: Live, factors: NDArray[np.bool_], owner: NDArray[np.int64], number: int
) -> Products:
    """Products of some of the factors, for each of their owners."""
    return Products(
        _first(owner[factors], number), _unsigned(live.pool[factors]), *live.line[factors].T.copy()
    )


def _starts(numbers: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Where the entries of 0 ... size - 1 begin in sorted numbers, and where the last ones end."""
    return np.searchsorted(numbers, np.arange(size + 1))


def _entries(
    first: NDArray[np.int64], chosen: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Entries of the chosen numbers, one after the other: place in `chosen`, and index."""
    owner, place = owners(np.diff(first)[chosen])
    return owner, first[chosen][owner] + place


def _first(numbers: NDArray[np.int64], size: int) -> NDArray[np.uint32]:
    """`_starts` for the kernel."""
    return _unsigned(_starts(numbers, size))


def _unsigned(numbers: NDArray[np.int64]) -> NDArray[np.uint32]:
    return numbers.astype(np.uint32)


def _trees(leaves: list[int]) -> tuple[NDArray[np.uint32], NDArray[np.uint32], int]:
    """Levels of each tree, the place of each level among the nodes, and the number of nodes."""
    lengths = [[-(-n // BLOCK**k) for k in range(levels(n))] for n in leaves]
    padded = [BLOCK * max(1, -(-n // BLOCK)) for n in itertools.chain(*lengths)]
    first = np.cumsum([0, *map(len, lengths)])
    level = np.cumsum([0, *padded])
    return _unsigned(first), _unsigned(level[:-1]), int(level[-1])

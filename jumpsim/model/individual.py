"""Pools whose two-level systems are simulated individually, because each has its own rates."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import streams
from ..errors import InputError
from ..utils.arrays import owners
from .declaration import Channel, Pool
from .rates import RateTable
from .stoichiometry import Changes

if TYPE_CHECKING:
    from .model import Model


def individual_pools(model: "Model") -> dict[str, int]:
    """Pools with individual rates, and their numbers of two-level systems, in the order of pools.

    Raises
    ------
    InputError
        When a channel with a list of rates has no pool that it is for, or when a channel of such a
        pool would change two of its two-level systems.
    """
    found = {_pool_of(channel, model) for channel in model.channel_specs if channel.individual}
    pools = {p.name: int(p.size or 0) for p in model.pool_specs if p.name in found}
    for channel in model.channel_specs if pools else ():
        quanta = [
            (n, k) for part in (channel.takes, channel.gives) for n, k in part.items() if n in pools
        ]
        if len(quanta) > 1 or any(k > 1 for _, k in quanta):
            names = ", ".join(f"'{n}'" for n, _ in quanta)
            raise InputError(
                f"channel '{channel.name}': an event can change one two-level system of a pool "
                f"with individual rates, but this one changes several ({names})"
            )
    return pools


def without_counts(model: "Model") -> str:
    """Error message of functions that need jump rates as functions of the counts."""
    name = next(iter(model.individual))
    return (
        f"{model.name}: the rates depend on which two-level systems of pool '{name}' are excited, "
        "because each has its own; use `model.resolved()`, in which each is a pool"
    )


def _pool_of(channel: Channel, model: "Model") -> str:
    """The pool that a list of rates is for."""
    pools = [model.pool(name) for part in (channel.takes, channel.gives) for name in part]
    fitting = [p.name for p in pools if p.kind == "tls" and p.size == len(channel.constants)]
    if len(fitting) != 1:
        raise InputError(
            f"channel '{channel.name}': its list of {len(channel.constants)} rates must be for the "
            f"two-level systems of one pool of this size, which it takes or gives"
        )
    return fitting[0]


def single_table(model: "Model", whole: RateTable) -> RateTable:
    """Rates of single two-level systems, from a table in which each pool has one of them.

    Parameters
    ----------
    model : Model
    whole : RateTable
        Pools and channels as declared; the constants of individual rates are not used.

    Returns
    -------
    RateTable
        With a pool for each two-level system, and a channel for each of those of a pool that a
        channel takes or gives, if its rate is not always 0.
    """
    many = np.array([model.individual.get(name, 1) for name in model.pools])
    is_many = np.isin(model.pools, list(model.individual))
    moves = whole.sparse_changes
    copies = np.ones(len(whole.constants), np.int64)
    copies[moves.channels] = np.maximum(copies[moves.channels], many[moves.pools])
    copies[[not channel.occurs for channel in model.channel_specs]] = 1  # they need no work
    channel, place = owners(copies)
    pool_of, _ = owners(many)
    begin = np.cumsum(many) - many

    def repeated(first: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Entry, and place of the two-level system, of everything that belongs to a channel."""
        entry, inside = owners(np.diff(first)[channel])
        return first[channel][entry] + inside, place[entry]

    def chosen(pools: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.int64]:
        return begin[pools] + np.where(is_many[pools], places, 0)

    def starts(first: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.concatenate([[0], np.cumsum(np.diff(first)[channel])])

    f, f_place = repeated(whole.first)
    m, m_place = repeated(moves.first)
    numbers = zip(model.channel_specs, copies.tolist(), strict=True)
    constants = [np.broadcast_to(channel.constants[:n], (n,)) for channel, n in numbers]
    return RateTable(
        np.concatenate(constants),
        starts(whole.first),
        chosen(whole.pools[f], f_place),
        whole.offsets[f],
        whole.slopes[f],
        whole.mean_offsets[f],
        Changes(
            starts(moves.first),
            chosen(moves.pools[m], m_place),
            moves.numbers[m],
            len(pool_of),
        ),
        pool_of,
        channel,
    )


def placed(
    model: "Model", counts: NDArray[np.int64], seed: int, first: int, last: int
) -> NDArray[np.int64]:
    """State of each two-level system at t = 0, if the counts of the pools are given.

    Which ones of a pool are excited is random, all choices with the same probability.

    Parameters
    ----------
    model : Model
    counts : ndarray of int64, shape (last - first, n_pools)
    seed, first, last : int
        The trajectories first ... last - 1 of this seed.

    Returns
    -------
    ndarray of int64, shape (last - first, n)
        For a pool with individual rates one entry for each of its two-level systems, 1 if it is
        excited, else 0; for each other pool its count.
    """
    if not model.individual:
        return counts
    words = streams.words(seed, first, last, streams.PLACES, sum(model.individual.values()))
    columns, used = [], 0
    for p, name in enumerate(model.pools):
        if name not in model.individual:
            columns.append(counts[:, p : p + 1])
            continue
        size = model.individual[name]
        columns.append(_smallest(words[:, used : used + size], counts[:, p]))
        used += size
    return np.concatenate(columns, axis=1)


def spread(
    model: "Model", mean: NDArray[np.float64], covariance: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and covariance of the state of `placed` counts, from those of the counts of the pools.

    Two different two-level systems of a pool of M, of which n are excited, are both excited with
    the probability n(n-1)/M(M-1).

    Parameters
    ----------
    model : Model
    mean : ndarray, shape (n_pools,)
    covariance : ndarray, shape (n_pools, n_pools)

    Returns
    -------
    mean : ndarray, shape (n,)
    covariance : ndarray, shape (n, n)
    """
    sizes = np.array([model.individual.get(name, 1) for name in model.pools])
    pool, _ = owners(sizes)
    each = spread_mean(model, mean)
    full = (covariance / np.outer(sizes, sizes))[np.ix_(pool, pool)]
    for p in np.flatnonzero(sizes > 1):
        size, own = sizes[p], pool == p
        pairs = covariance[p, p] + mean[p] ** 2 - mean[p]  # mean of n(n-1)
        block = np.full((size, size), pairs / (size * (size - 1)) - (mean[p] / size) ** 2)
        np.fill_diagonal(block, each[own] * (1 - each[own]))
        full[np.ix_(own, own)] = block
    return each, full


def spread_mean(model: "Model", mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the state of `placed` counts, from that of the counts of the pools."""
    sizes = np.array([model.individual.get(name, 1) for name in model.pools])
    each: NDArray[np.float64] = (mean / sizes)[owners(sizes)[0]]
    return each


def totals(model: "Model", values: NDArray[Any], axis: int = -1) -> NDArray[Any]:
    """Sums over the two-level systems of each pool, along one axis of an array."""
    sizes = [model.individual.get(name, 1) for name in model.pools]
    return np.add.reduceat(values, np.cumsum([0, *sizes[:-1]]), axis=axis)


def _smallest(words: NDArray[np.uint64], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """1 at the smallest words of each row, as many as `numbers` says, else 0."""
    size = words.shape[1]
    bits = np.uint64(max(1, (size - 1).bit_length()))
    keys = (words >> bits << bits) | np.arange(size, dtype=np.uint64)  # all different
    limits = np.take_along_axis(np.sort(keys, axis=1), np.maximum(numbers - 1, 0)[:, None], axis=1)
    return ((keys <= limits) & (numbers > 0)[:, None]).astype(np.int64)


def resolved(model: "Model") -> tuple[list[Pool], list[Channel]]:
    """Pools and channels of single two-level systems, as `Model.resolved` declares them."""
    pools = [single for pool in model.pool_specs for single in _singles(pool, model)]
    channels = []
    for channel in model.channel_specs:
        parts = channel.takes, channel.gives
        name = next((n for part in parts for n in part if n in model.individual), None)
        if name is None:
            channels.append(channel)
            continue
        rates = np.broadcast_to(channel.constants, model.individual[name])
        for k, rate in enumerate(rates.tolist()):
            single = f"{name}{k + 1}"
            takes, gives = (
                {single if n == name else n: number for n, number in part.items()} for part in parts
            )
            channels.append(
                replace(
                    channel,
                    name=f"{channel.name}, {single}",
                    rate=rate,
                    takes=takes,
                    gives=gives,
                    reverse=None if channel.reverse is None else f"{channel.reverse}, {single}",
                )
            )
    return pools, channels


def _singles(pool: Pool, model: "Model") -> list[Pool]:
    size = model.individual.get(pool.name)
    if size is None:
        return [pool]
    return [replace(pool, name=f"{pool.name}{k + 1}", size=1) for k in range(size)]

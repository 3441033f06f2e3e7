"""Affinities of short cycles of the full model at random states: one to four events."""

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...model.model import Model
from ...utils.typing import Array, IntArray


@dataclass(frozen=True, eq=False)
class Closure:
    """Affinities of short cycles at random states of the full model.

    Attributes
    ----------
    cycles : int
        Number of cycles that were evaluated.
    largest : float
        Largest |Σ ln(w_forward/w_reverse)| of a cycle, k_B; 0 in detailed balance.
    events : tuple of str
        Channels of the cycle with the largest affinity.
    one_way : tuple of str
        Channels that are left out, because they have no reverse of a rate > 0.
    """

    cycles: int
    largest: float
    events: tuple[str, ...]
    one_way: tuple[str, ...]

    @property
    def closes(self) -> bool:
        """Whether all affinities are 0 within rounding errors."""
        return self.largest < 1e-9


def closure(model: Model, channels: Collection[int], states: IntArray) -> Closure:
    """Affinities of all pairs, triangles and squares of channels with their declared reverses.

    An event that changes no count is a cycle of its own; a pair is an event by one channel, and
    back by the reverse of another.

    Parameters
    ----------
    model : Model
    channels : collection of int
        Indices of the channels that are considered.
    states : ndarray of int64, shape (n_states, n_pools)
        Counts that allow a few events in every direction, as from `random_states`.

    Returns
    -------
    Closure

    Examples
    --------
    >>> import numpy as np
    >>> import jumpsim as js
    >>> model = js.systems.open_waveguide(10, 10, 0.0, 0.0, (1.0, 1.0), (1.0, 1.0))
    >>> within = [c for c, channel in enumerate(model.channel_specs) if channel.bath is None]
    >>> closure(model, within, random_states(model, np.array([5, 5, 5]))).closes
    True
    """
    names, backs = model.channels, {}
    for c in channels:
        back = model.channel_specs[c].reverse
        if back is not None and model.channel(back).occurs and names.index(back) in channels:
            backs[c] = names.index(back)

    def log_ratio(c: int, at: IntArray) -> Array:
        reverse = model.table.rate_of(backs[c], at + model.table.changes[c])
        return _log(model.table.rate_of(c, at)) - _log(reverse)

    items = [(names[c], model.table.changes[c], lambda at, c=c: log_ratio(c, at)) for c in backs]
    one_way = tuple(names[c] for c in channels if c not in backs)
    return Closure(*_largest(items, states), one_way)


def random_states(model: Model, typical: Array, number: int = 50, seed: int = 0) -> IntArray:
    """Random integer counts that allow a few events in every direction.

    Parameters
    ----------
    model : Model
    typical : ndarray, shape (n_pools,)
        Counts of a typical state; the random ones are at most about twice as large.
    number : int
        Number of states.
    seed : int
        Seed of numpy's random generator.

    Returns
    -------
    ndarray of int64, shape (number, n_pools)
    """
    rng = np.random.default_rng(seed)
    room = 3 * int(np.abs(model.table.changes).max(initial=1))
    columns = []
    for pool, mean in zip(model.pool_specs, typical, strict=True):
        top = int(2 * mean) + 4 * room
        high = top if pool.capacity is None else min(top, int(pool.capacity) - room)
        low = min(room, max(high, 0))
        columns.append(rng.integers(low, max(high, low) + 1, number))
    return np.stack(columns, axis=-1)


def _largest(items: Sequence[Any], states: IntArray) -> tuple[int, float, tuple[str, ...]]:
    """Number of cycles of up to four events, the largest affinity, and the events of that cycle."""
    number, worst = 0, 0.0
    events: tuple[str, ...] = ()
    with np.errstate(divide="ignore", invalid="ignore"):
        usable = [(name, step, ratio, ratio(states)) for name, step, ratio in items]
        usable = [item for item in usable if np.isfinite(item[3]).any()]
        staying = [((name,), here) for name, step, _, here in usable if not step.any()]
        usable = [item for item in usable if item[1].any()]
        for names, sums in itertools.chain(staying, _pairs(usable), _squares(usable, states),
                                           _triangles(usable, states)):  # fmt: skip
            size = np.abs(sums[np.isfinite(sums)])
            number += len(size)
            if size.max(initial=0) > worst:
                worst, events = float(size.max()), names
    return number, worst, events


def _pairs(items: Sequence[Any]) -> Iterator[tuple[tuple[str, ...], Array]]:
    """Cycles of two events: a transition by one channel, and back by the reverse of another."""
    for (name, step, _, here), (other, more, _, there) in itertools.combinations(items, 2):
        if (step == more).all():
            yield (name, other), here - there


def _squares(items: Sequence[Any], states: IntArray) -> Iterator[tuple[tuple[str, ...], Array]]:
    """Cycles of four events: a, b, reverse of a, reverse of b."""
    for one, two in itertools.combinations(items, 2):
        (name, step, ratio, here), (other, more, ratio_2, there) = one, two
        yield (name, other), here + ratio_2(states + step) - there - ratio(states + more)


def _triangles(items: Sequence[Any], states: IntArray) -> Iterator[tuple[tuple[str, ...], Array]]:
    """Cycles of three events."""
    for one, two, three in itertools.combinations(items, 3):
        if (one[1] + two[1] + three[1]).any():
            continue
        sums = one[3] + two[2](states + one[1]) + three[2](states + one[1] + two[1])
        yield (one[0], two[0], three[0]), sums


def _log(rate: Any) -> Array:
    return np.log(np.asarray(rate, float))

"""Jump rates of a model as flat arrays, and the rate equations that follow from them.

The jump rate of a channel is

    constant × Π_f (offset_f + slope_f · count[pool_f])

with one affine factor for each quantum destroyed, each quantum created and each mode passed through
(golden rule: occupation; 1 + occupation or number of unoccupied states; 1 + occupation). Two
equal quanta give a falling (destroyed) or rising (created) factorial, which is again a product of
affine factors. The rate equations use the same products of real numbers without the shifts of the
factorials, which are small in large systems; the 1 of spontaneous emission remains.
"""

import math
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .base import BaseModel
from .declaration import Channel, Pool
from .stoichiometry import Changes

_MOST_QUANTA = 170  # the factorial of more is no float
_MOST_LISTED = 30  # factors of a channel, above which products before and after each are used
_LEAST_CONSTANT = 1e-290  # smaller constants would lose digits

Factor = tuple[int, float, float, float]  # index of the pool, offset, slope, mean offset
Places = Mapping[str, tuple[int, Pool]]  # index of each pool and the pool, by name


@dataclass(frozen=True, eq=False)
class RateTable:
    """Jump rates as flat arrays; channel c has the factors first[c] ≤ f < first[c+1].

    Attributes
    ----------
    constants : ndarray of float64, shape (C,)
        Rate constant of each channel, events per second.
    first : ndarray of int64, shape (C + 1,)
        Index of the first factor of each channel.
    pools : ndarray of int64, shape (F,)
        Index of the pool of each factor.
    offsets, slopes : ndarray of float64, shape (F,)
        The factor is offset + slope · count.
    mean_offsets : ndarray of float64, shape (F,)
        Offsets in the large-system limit, without the shifts of the factorials.
    sparse_changes : Changes
        Change of the counts by one event of each channel; `changes` has the numbers of all pools.
    pool_index, channel_index : ndarray of int64, shape (P,) and (C,), optional
        Where two-level systems are simulated individually: index in the model of the pool of each
        count, and of the channel.

    Examples
    --------
    >>> import numpy as np
    >>> import jumpsim as js
    >>> table = js.systems.hohlraum(tls=20, modes=10, gamma_tilde=1.0).table
    >>> table.jump_rates(np.array([12, 3]))  # 3 (1 + 12/10) and (20 - 3) 12/10
    array([ 6.6, 20.4])
    """

    constants: NDArray[np.float64]
    first: NDArray[np.int64]
    pools: NDArray[np.int64]
    offsets: NDArray[np.float64]
    slopes: NDArray[np.float64]
    mean_offsets: NDArray[np.float64]
    sparse_changes: Changes
    pool_index: NDArray[np.int64] | None = None
    channel_index: NDArray[np.int64] | None = None

    @property
    def changes(self) -> NDArray[np.int64]:
        """Change of the counts by one event of each channel, shape (C, P)."""
        return self.sparse_changes.dense

    def jump_rates(self, counts: ArrayLike) -> NDArray[np.float64]:
        """Jump rate of each channel in events per second, shape (..., C), at counts (..., P)."""
        return self._product(np.asarray(counts), self.offsets)

    def rate_of(self, channel: int, counts: ArrayLike) -> NDArray[np.float64]:
        """Jump rate of the channel with this index, shape (...), at counts (..., P)."""
        rate = np.full(np.shape(counts)[:-1], self.constants[channel])
        for f in range(self.first[channel], self.first[channel + 1]):
            rate *= self.offsets[f] + self.slopes[f] * np.asarray(counts)[..., self.pools[f]]
        return rate

    def mean_rates(self, counts: ArrayLike) -> NDArray[Any]:
        """Rates in the large-system limit, shape (..., C), at real or complex counts (..., P)."""
        return self._product(np.asarray(counts), self.mean_offsets)

    def drift(self, counts: ArrayLike) -> NDArray[Any]:
        """Right-hand side of the rate equations, counts per second, shape (..., P)."""
        rates, matrix = self.mean_rates(counts), self.sparse_changes.matrix
        with np.errstate(invalid="ignore"):  # differences of infinite rates are NaN
            if isinstance(matrix, np.ndarray):
                return rates @ matrix
            flat = rates.reshape(-1, rates.shape[-1]) @ matrix
        return flat.reshape(*rates.shape[:-1], flat.shape[-1])

    def diffusion(self, counts: ArrayLike) -> NDArray[Any]:
        """Diffusion matrix Σ rate · change · changeᵀ of linear noise, shape (..., P, P)."""
        changes = self.changes.astype(float)
        return (self.mean_rates(counts)[..., None, :] * changes.T) @ changes

    def jacobian(self, counts: ArrayLike) -> NDArray[Any]:
        """Jacobian ∂drift_p/∂count_q, exact by the product rule, shape (..., P, P)."""
        counts = np.asarray(counts)
        factors = self._factors(counts, self.mean_offsets)
        channels = self._channels
        slopes = self.constants[channels] * self.slopes * self._products_of_others(factors)
        columns = np.zeros((counts.shape[-1], *counts.shape), factors.dtype)  # q first
        moved = np.moveaxis(slopes, -1, 0)[..., None]
        batch = [1] * (counts.ndim - 1)
        moves = self.changes[channels].reshape(len(channels), *batch, counts.shape[-1])
        with np.errstate(invalid="ignore"):  # infinite rates times a change of 0 are NaN
            np.add.at(columns, self.pools, moved * moves)
        return np.moveaxis(columns, 0, -1)

    def sparse_jacobian(self, counts: NDArray[Any]) -> Any:
        """The Jacobian at one state, shape (P,), as a sparse array, (P, P)."""
        from scipy import sparse

        factors = self._factors(counts, self.mean_offsets)
        slopes = self.constants[self._channels] * self.slopes * self._products_of_others(factors)
        number, width = len(self.constants), len(counts)
        by_channel = sparse.csr_array((slopes, (self._channels, self.pools)), (number, width))
        moves = self.sparse_changes
        changes = sparse.csr_array(
            (moves.numbers.astype(float), (moves.pools, moves.channels)), (width, number)
        )
        return changes @ by_channel

    @cached_property
    def _places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Places of constants and factors in a row that has each constant before its factors."""
        constants = self.first[:-1] + np.arange(len(self.constants))
        number = len(self.constants) + len(self.pools)
        return constants, np.setdiff1d(np.arange(number), constants)

    @cached_property
    def _channels(self) -> NDArray[np.int64]:
        """Channel of each factor."""
        return np.repeat(np.arange(len(self.constants)), np.diff(self.first))

    @cached_property
    def _other_factors(self) -> NDArray[np.int64]:
        """The other factors of the channel of each factor, filled up with F."""
        most = int(np.diff(self.first).max(initial=0))
        others = np.full((len(self.pools), max(0, most - 1)), len(self.pools))
        for f, c in enumerate(self._channels):
            rest = [g for g in range(self.first[c], self.first[c + 1]) if g != f]
            others[f, : len(rest)] = rest
        return others

    def _products_of_others(self, factors: NDArray[Any]) -> NDArray[Any]:
        """Product of all other factors of the same channel, for each factor, shape (..., F)."""
        numbers = np.diff(self.first)
        if numbers.max(initial=0) <= _MOST_LISTED:
            one = np.ones((*factors.shape[:-1], 1), factors.dtype)
            return np.concatenate([factors, one], axis=-1)[..., self._other_factors].prod(axis=-1)
        # A list of the others of each of many factors would be long: products of those before it
        # and of those after it.
        place = self._channels, np.arange(len(self.pools)) - self.first[self._channels]
        rows = np.ones((*factors.shape[:-1], len(numbers), numbers.max() + 2), factors.dtype)
        rows[(..., place[0], place[1] + 1)] = factors
        with np.errstate(over="ignore", invalid="ignore"):  # a rate that is too large is infinite
            before = np.cumprod(rows, axis=-1)[(..., *place)]
            after = np.cumprod(rows[..., ::-1], axis=-1)[..., ::-1][(..., place[0], place[1] + 2)]
            product: NDArray[Any] = before * after
        return product

    def _factors(self, counts: NDArray[Any], offsets: NDArray[np.float64]) -> NDArray[Any]:
        return offsets + self.slopes * counts[..., self.pools]

    def _product(self, counts: NDArray[Any], offsets: NDArray[np.float64]) -> NDArray[Any]:
        factors = self._factors(counts, offsets)
        constants, places = self._places
        terms = np.empty((*counts.shape[:-1], len(constants) + len(places)), factors.dtype)
        terms[..., constants] = self.constants
        terms[..., places] = factors
        with np.errstate(over="ignore"):  # a rate that is too large is infinite
            return np.multiply.reduceat(terms, constants, axis=-1)


def lower(model: BaseModel, single: Container[str] = ()) -> RateTable:
    """Convert a model to a `RateTable`.

    Parameters
    ----------
    model : Model
        Its pools and channels are already checked.
    single : container of str
        Names of pools of which the table holds one two-level system.

    Returns
    -------
    RateTable
        With read-only arrays.
    """
    place = {
        pool.name: (p, replace(pool, size=1) if pool.name in single else pool)
        for p, pool in enumerate(model.pool_specs)
    }
    constants, first, rows = [], [0], []
    moved: list[tuple[int, int]] = []
    first_moved = [0]
    for channel in model.channel_specs:
        constant, factors = channel_factors(channel, place)
        constants.append(constant)
        rows += factors
        first.append(len(rows))
        moved += _moved(channel, place)
        first_moved.append(len(moved))
    pools, offsets, slopes, mean_offsets = zip(*rows, strict=True) if rows else ((),) * 4
    changes = np.array(moved, np.int64).reshape(-1, 2)
    arrays = (
        np.array(constants, float),
        np.array(first, np.int64),
        np.array(pools, np.int64),
        np.array(offsets, float),
        np.array(slopes, float),
        np.array(mean_offsets, float),
    )
    of_events = np.array(first_moved, np.int64), changes[:, 0].copy(), changes[:, 1].copy()
    for array in (*arrays, *of_events):  # all views of the model share them
        array.flags.writeable = False
    return RateTable(*arrays, Changes(*of_events, len(model.pool_specs)))


def _moved(channel: Channel, place: Places) -> list[tuple[int, int]]:
    """Pools whose count an event of a channel changes, in their order, and the changes."""
    names = {*channel.takes, *channel.gives}
    changes = ((n, channel.gives.get(n, 0) - channel.takes.get(n, 0)) for n in names)
    return sorted((place[n][0], change) for n, change in changes if change)


def channel_factors(channel: Channel, place: Places) -> tuple[float, list[Factor]]:
    """Rate constant and affine factors of one channel.

    Parameters
    ----------
    channel : Channel
    place : mapping of str to (int, Pool)
        Index of each pool of the model, and the pool, by its name.

    Returns
    -------
    constant : float
        Events per second; divided by k! for k equal mass-action quanta (``P(P-1)/2``). For so many
        quanta that k! or the quotient is no ordinary float, powers of 2 are moved to the factors.
    factors : list of (pool index, offset, slope, mean offset)
        First those of quanta destroyed, then created, then of modes passed through, each in the
        order of the pools.
    """
    constant = float(channel.constants[0])
    factors: list[Factor] = []
    for p, pool, number in _in_order(channel.takes, place):
        slope = 1 / cast(float, pool.size) if pool.kind == "bosonic" else 1.0
        slopes = [slope] * number
        if pool.kind == "mass_action":
            divided = constant / math.factorial(min(number, _MOST_QUANTA))
            if constant > 0 and (number > _MOST_QUANTA or divided < _LEAST_CONSTANT):
                slopes, scale = _scaled_slopes(number)
                divided = constant * scale
            constant = divided
        factors += [(p, -j * s, s, 0.0) for j, s in enumerate(slopes)]
    for p, pool, number in _in_order(channel.gives, place):
        if pool.kind == "mass_action":
            continue
        size = cast(float, pool.size)
        if pool.kind == "bosonic":
            factors += [(p, 1 + j / size, 1 / size, 1.0) for j in range(number)]
        else:
            factors += [(p, float(size) - j, -1.0, float(size)) for j in range(number)]
    for p, pool, number in _in_order(channel.through, place):
        factors += [(p, 1.0, 1 / cast(float, pool.size), 1.0)] * number
    return constant, factors


def _in_order(quanta: Mapping[str, int], place: Places) -> list[tuple[int, Pool, int]]:
    """Index, pool and number of quanta, in the order of the pools."""
    return sorted((*place[name], number) for name, number in quanta.items())


def _scaled_slopes(number: int) -> tuple[list[float], float]:
    """Slopes s_j, powers of 2, and the scale such that scale · Π s_j (n - j) = n(n-1).../number!.

    The product stays near 1 at each step for n = `number`, and is exactly 0 for a smaller count n,
    because multiplication by a power of 2 is not rounded.
    """
    exponents, left = [], Fraction(1)
    for j in range(1, number + 1):
        exponents.append(round(math.log2(left * j)))
        left = left * j / 2 ** exponents[-1]
    return [2.0**-e for e in exponents], float(1 / left)

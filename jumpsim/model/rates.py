"""Lower a model to flat arrays, and evaluate every deterministic view from those arrays alone.

Each channel's jump rate is

    constant × Π_f (offset_f + slope_f · count[pool_f])

where quanta that are destroyed, quanta that are created and modes that are passed through give one
affine factor each (golden rule: occupation, 1 + occupation or free places, 1 + occupation). Two
equal quanta give a falling (destroyed) or rising (created) factorial, again affine factor by affine
factor. The rate equations use the same product on real numbers with those ±1 shifts dropped, and
keep the vacuum's 1.
"""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class RateTable:
    """One model as flat arrays; factor f of channel c lies at first[c] ≤ f < first[c+1].

    Attributes
    ----------
    constants : ndarray of float64, shape (C,)
        Constant of each channel, events per second.
    first : ndarray of int64, shape (C + 1,)
        Where each channel's factors begin.
    pools : ndarray of int64, shape (F,)
        Pool of each factor.
    offsets, slopes : ndarray of float64, shape (F,)
        Factor = offset + slope · count.
    mean_offsets : ndarray of float64, shape (F,)
        Offsets in the large-system limit: without the shifts of equal quanta.
    changes : ndarray of int64, shape (C, P)
        What each channel adds to the counts.
    """

    constants: np.ndarray
    first: np.ndarray
    pools: np.ndarray
    offsets: np.ndarray
    slopes: np.ndarray
    mean_offsets: np.ndarray
    changes: np.ndarray

    def jump_rates(self, counts):
        """Events per second of each channel, shape (..., C), for counts of shape (..., P)."""
        return self._product(np.asarray(counts), self.offsets)

    def rate_of(self, channel, counts):
        """Events per second of one channel (its index), shape (...), for counts (..., P)."""
        rate = np.full(np.shape(counts)[:-1], self.constants[channel])
        for f in range(self.first[channel], self.first[channel + 1]):
            rate *= self.offsets[f] + self.slopes[f] * np.asarray(counts)[..., self.pools[f]]
        return rate

    def mean_rates(self, counts):
        """The same in the large-system limit, for real (or complex) counts."""
        return self._product(np.asarray(counts), self.mean_offsets)

    def drift(self, counts):
        """Right-hand side of the rate equations, counts per second, shape (..., P)."""
        return self.mean_rates(counts) @ self.changes

    def diffusion(self, counts):
        """Σ rate · change · changeᵀ, shape (..., P, P): noise strength of the linear theory."""
        return np.einsum("...c,cp,cq->...pq", self.mean_rates(counts), self.changes, self.changes)

    def jacobian(self, counts):
        """Exact ∂drift_p/∂count_q by the product rule, shape (..., P, P)."""
        counts = np.asarray(counts)
        factors = self._factors(counts, self.mean_offsets)
        gradient = np.zeros(
            (*counts.shape[:-1], len(self.constants), counts.shape[-1]), factors.dtype
        )
        for c, constant in enumerate(self.constants):
            span = range(self.first[c], self.first[c + 1])
            for f in span:
                others = [g for g in span if g != f]
                gradient[..., c, self.pools[f]] += (
                    constant * self.slopes[f] * factors[..., others].prod(axis=-1)
                )
        return np.einsum("cp,...cq->...pq", self.changes, gradient)

    def _factors(self, counts, offsets):
        return offsets + self.slopes * counts[..., self.pools]

    def _product(self, counts, offsets):
        factors = self._factors(counts, offsets)
        rates = np.empty((*counts.shape[:-1], len(self.constants)), factors.dtype)
        for c, constant in enumerate(self.constants):
            rate = constant
            for f in range(self.first[c], self.first[c + 1]):
                rate = rate * factors[..., f]
            rates[..., c] = rate
        return rates


def lower(model):
    """Lower a model to a `RateTable`.

    Parameters
    ----------
    model : Model
        Anything with `pool_specs` and `channel_specs`, already validated.
    """
    place = {pool.name: p for p, pool in enumerate(model.pool_specs)}
    constants, first, rows, changes = [], [0], [], []
    for channel in model.channel_specs:
        constant, factors = channel_factors(channel, model.pool_specs)
        constants.append(constant)
        rows += [(place[name], *factor) for name, *factor in factors]
        first.append(len(rows))
        changes.append(
            [channel.gives.get(p.name, 0) - channel.takes.get(p.name, 0) for p in model.pool_specs]
        )
    pools, offsets, slopes, mean_offsets = zip(*rows, strict=True) if rows else ((),) * 4
    arrays = (
        np.array(constants, float),
        np.array(first, np.int64),
        np.array(pools, np.int64),
        np.array(offsets, float),
        np.array(slopes, float),
        np.array(mean_offsets, float),
        np.array(changes, np.int64).reshape(len(model.channel_specs), len(model.pool_specs)),
    )
    for array in arrays:  # shared by every view of the model
        array.flags.writeable = False
    return RateTable(*arrays)


def channel_factors(channel, pools):
    """Constant and affine factors of one channel.

    Returns
    -------
    constant : float
        Events per second; mass action divides by k! for k equal quanta (``P(P-1)/2``).
    factors : list of (pool name, offset, slope, mean offset)
        In the order of the pools: destroyed, then created, then passed through.
    """
    constant = channel.rate
    factors = []
    for pool in pools:
        number = channel.takes.get(pool.name, 0)
        slope = 1 / pool.size if pool.kind == "bosonic" else 1.0
        factors += [(pool.name, -j * slope, slope, 0.0) for j in range(number)]
        if pool.kind == "mass_action":
            constant = constant / math.factorial(number)
    for pool in pools:
        number = channel.gives.get(pool.name, 0)
        if pool.kind == "bosonic":
            factors += [(pool.name, 1 + j / pool.size, 1 / pool.size, 1.0) for j in range(number)]
        elif pool.kind in ("tls", "fermionic"):
            size = float(pool.size)
            factors += [(pool.name, size - j, -1.0, size) for j in range(number)]
    for pool in pools:
        number = channel.through.get(pool.name, 0)
        factors += [(pool.name, 1.0, 1 / pool.size, 1.0) for _ in range(number)]
    return constant, factors

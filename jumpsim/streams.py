"""Random streams as functions of (seed, index, purpose), independent of how work is distributed.

A stream is one xoshiro256++ generator (Blackman & Vigna, ACM Trans. Math. Softw. 47, 36, 2021)
whose 256-bit state is the Threefry-4x64-20 image (Salmon et al., SC'11,
doi 10.1145/2063384.2063405) of the counter (index, purpose, 0, 0) under the key (seed, 0, 0, 0).
Threefry is a bijection of the counter, so two trajectories of one seed can never start in the same
state; for two seeds the probability of equal states is 2⁻²⁵⁶ per pair.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

STREAM_VERSION = 1
SEED_LIMIT = 2**64

# Purposes of streams. Each purpose has its own stream, so that additional draws for one purpose
# do not change the numbers of another.
START, JUMPS = 0, 1
PLACES = 2  # which of the two-level systems of a pool with individual rates are excited at t = 0
RATES = 3  # individual rates that are drawn; the seed is not that of a run
SYSTEMS = 16  # plus the index of a pool: which of its two-level systems jumps

_ROTATIONS = ((14, 16), (52, 57), (23, 40), (5, 37), (25, 33), (46, 12), (58, 22), (32, 32))
_PARITY = 0x1BD11BDAA9FC1A22
_ROUNDS = 20


def _rotate(x: NDArray[np.uint64], bits: int) -> NDArray[np.uint64]:
    return (x << np.uint64(bits)) | (x >> np.uint64(64 - bits))


def threefry(counter: Sequence[Any], key: Sequence[int]) -> NDArray[np.uint64]:
    """Apply the block function Threefry-4x64-20 to many counters.

    Parameters
    ----------
    counter : sequence of four arrays of uint64
        The four words of each counter.
    key : sequence of four int
        The four words of the key.

    Returns
    -------
    ndarray of uint64, shape (n, 4)
        The four words of each result.
    """
    mask = SEED_LIMIT - 1
    schedule = [int(k) & mask for k in key]
    schedule.append(_PARITY ^ schedule[0] ^ schedule[1] ^ schedule[2] ^ schedule[3])
    x = [np.array(c, np.uint64) + np.uint64(k) for c, k in zip(counter, schedule, strict=False)]
    for r in range(_ROUNDS):
        a, b = _ROTATIONS[r % 8]
        x[0] += x[1]
        x[1] = _rotate(x[1], a) ^ x[0]
        x[2] += x[3]
        x[3] = _rotate(x[3], b) ^ x[2]
        x[1], x[3] = x[3], x[1]
        if r % 4 == 3:
            s = r // 4 + 1
            for w in range(4):
                x[w] += np.uint64((schedule[(s + w) % 5] + (s if w == 3 else 0)) & mask)
    return np.stack(x, axis=-1)


def states(seed: int, first: int, last: int, purpose: int) -> NDArray[np.uint64]:
    """Generator states of the trajectories first ... last-1.

    Parameters
    ----------
    seed : int
        0 ≤ seed < 2⁶⁴.
    first, last : int
        Range of trajectory indices.
    purpose : int
        `START`, `JUMPS`, `PLACES`, `RATES`, or `SYSTEMS` plus the index of a pool.

    Returns
    -------
    ndarray of uint64, shape (last - first, 4)

    Examples
    --------
    A state depends on the index of the trajectory, not on the range that is requested.

    >>> bool((states(7, 0, 10, JUMPS)[3] == states(7, 3, 4, JUMPS)[0]).all())
    True
    """
    index = np.arange(first, last, dtype=np.uint64)
    zero = np.zeros_like(index)
    return threefry((index, zero + np.uint64(purpose), zero, zero), (seed, 0, 0, 0))


def words(seed: int, first: int, last: int, purpose: int, number: int) -> NDArray[np.uint64]:
    """Many random words at once for the trajectories first ... last-1, without a generator.

    They are the Threefry images of the counters (index, purpose, k, 0) for k = 0, 1, ...

    Parameters
    ----------
    seed, first, last, purpose : int
        As for `states`; a purpose is used either here or there.
    number : int
        Number of words for each trajectory.

    Returns
    -------
    ndarray of uint64, shape (last - first, number)

    Examples
    --------
    >>> words(7, 0, 10, PLACES, 6).shape
    (10, 6)
    """
    blocks = -(-number // 4)
    index = np.repeat(np.arange(first, last, dtype=np.uint64), blocks)
    block = np.tile(np.arange(blocks, dtype=np.uint64), last - first)
    zero = np.zeros_like(index)
    images = threefry((index, zero + np.uint64(purpose), block, zero), (seed, 0, 0, 0))
    return images.reshape(last - first, 4 * blocks)[:, :number]


def uniforms(state: NDArray[np.uint64], draws: int) -> NDArray[np.float64]:
    """Draw uniform random numbers from each of many streams.

    Parameters
    ----------
    state : ndarray of uint64, shape (n, 4)
        Generator states; not changed.
    draws : int
        Number of draws from each stream.

    Returns
    -------
    ndarray of float64, shape (n, draws)
        Multiples of 2⁻⁵³ in [0, 1).

    Examples
    --------
    >>> uniforms(states(7, 0, 10, START), 3).shape
    (10, 3)
    """
    a, b, c, d = (word.copy() for word in state.T)
    out = np.empty((len(state), draws))
    for k in range(draws):
        out[:, k] = ((_rotate(a + d, 23) + a) >> np.uint64(11)) * 2.0**-53
        shifted = b << np.uint64(17)
        c ^= a
        d ^= b
        b ^= c
        a ^= d
        c ^= shifted
        d = _rotate(d, 45)
    return out

"""Exact sums of integers and of their products as pairs of 64-bit words."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..utils.compiled import njit

_HALF = 26  # bits of the low half of a sample
_LOW = 2**_HALF - 1
_GROUP = 256  # number of samples for which sums of products of halves fit into one word
_SMALL = 22  # bits of samples for which sums of products over a group are exact as float64
_MOST_ROWS = 2**18  # of small samples, for which sums of products fit into one word
_FEW = 2**17  # products that are computed without compiled code, which takes long to load
_Integers = NDArray[np.int64]

# Arrays are made inside of the compiled functions, because the compiler uses vector instructions
# only for arrays that cannot overlap.


@njit(cache=True, nogil=True)
def _small_sums(samples: Any, columns: int, sums: Any, products: Any) -> bool:
    """Add sums over all rows, if the absolute values of all samples are below 2^_SMALL.

    The sums over a group are computed in float64, together for all pairs of equal column distance,
    and for four rows at a time, so that each sum is read and written less often.
    """
    n, size = samples.shape
    a, b = np.zeros(size + columns), np.zeros(size + columns)
    c, d = np.zeros(size + columns), np.zeros(size + columns)
    single, pairs = np.zeros(size), np.zeros(columns * size)
    found: Any = 0
    for begin in range(0, n, _GROUP):
        single[:] = 0.0
        pairs[:] = 0.0
        end = min(begin + _GROUP, n)
        for r in range(begin, end, 4):
            for row, k in ((a, r), (b, r + 1), (c, r + 2), (d, r + 3)):
                if k < end:
                    for i in range(size):
                        x = np.int64(samples[k, i])
                        found |= x ^ (x >> 63)
                        row[i] = x
                else:
                    row[:] = 0.0
            for i in range(size):
                single[i] += (a[i] + b[i]) + (c[i] + d[i])
            for p in range(columns):
                pair = pairs[p * size : (p + 1) * size]
                for i in range(size):
                    j = i + p
                    pair[i] += (a[i] * a[j] + b[i] * b[j]) + (c[i] * c[j] + d[i] * d[j])
        if found >= 2**_SMALL:
            return False
        for i in range(size):
            sums[i] += np.int64(single[i])
        for i in range(columns * size):
            products[i] += np.int64(pairs[i])
    return True


@njit(cache=True, nogil=True)
def _large_sums(samples: Any, columns: int) -> Any:
    """Sums over a group: of samples, and of the products of their high and low halves.

    For x = 2^26 h + l and y = 2^26 i + k these are h i, h k + l i and l k.
    """
    n, size = samples.shape
    high, low = np.zeros(size + columns, np.int64), np.zeros(size + columns, np.int64)
    sums, squares = np.zeros(size, np.int64), np.zeros(columns * size, np.int64)
    mixed, small = np.zeros(columns * size, np.int64), np.zeros(columns * size, np.int64)
    for row in range(n):
        for i in range(size):
            x = np.int64(samples[row, i])
            sums[i] += x
            high[i], low[i] = x >> _HALF, x & _LOW
        for p in range(columns):
            for i in range(size):
                j, k = i + p, p * size + i
                squares[k] += high[i] * high[j]
                mixed[k] += high[i] * low[j] + low[i] * high[j]
                small[k] += low[i] * low[j]
    return sums, squares, mixed, small


def prepare() -> None:
    """Compile what `word_sums` needs for many small samples, or load it from the cache."""
    for kind in (np.int32, np.int64):
        _small_sums(np.zeros((1, 1), kind), 1, np.zeros(1, np.int64), np.zeros(1, np.int64))


def word_sums(samples: NDArray[np.signedinteger[Any]], first: _Integers, second: _Integers) -> None:
    """Add Σ x_p and, for p ≤ q, Σ x_p x_q over the first axis to sums of two words (high, low).

    Parameters
    ----------
    samples : ndarray of int32 or int64, shape (n, T, P)
        |sample| ≤ 2⁵³.
    first : ndarray of int64, shape (T, P, 2)
        Sums Σ x_p, changed in place.
    second : ndarray of int64, shape (T, P, P, 2)
        Sums Σ x_p x_q, changed in place.
    """
    whole = samples.astype(np.int64) if samples.size * samples.shape[2] <= _FEW else None
    if whole is not None and (np.abs(whole) < 2**_SMALL).all():
        sums, products = whole.sum(axis=0), np.triu(np.einsum("ntp,ntq->tpq", whole, whole))
        _add(first, sums >> 63, sums)
        _add(second, products >> 63, products)
        return
    for begin in range(0, len(samples), _MOST_ROWS):
        _add_sums(samples[begin : begin + _MOST_ROWS], first, second)


def _add_sums(samples: NDArray[np.signedinteger[Any]], first: _Integers, second: _Integers) -> None:
    n, times, columns = samples.shape
    flat = samples.reshape(n, times * columns)
    sums = np.zeros(times * columns, np.int64)
    products = np.zeros(columns * times * columns, np.int64)
    if _small_sums(flat, columns, sums, products):
        _add(first, sums.reshape(times, columns) >> 63, sums.reshape(times, columns))
        _add_pairs(second, products, 0)
        return
    for begin in range(0, n, _GROUP):
        sums, squares, mixed, small = _large_sums(flat[begin : begin + _GROUP], columns)
        _add(first, sums.reshape(times, columns) >> 63, sums.reshape(times, columns))
        _add_pairs(second, squares, 2 * _HALF)
        _add_pairs(second, mixed, _HALF)
        _add_pairs(second, small, 0)


def _add_pairs(second: _Integers, products: _Integers, bits: int) -> None:
    """Add 2^bits times the products of columns p and p + distance, by distance, time and p."""
    times, columns = second.shape[:2]
    p, q = np.triu_indices(columns)
    numbers = products.reshape(columns, times, columns)[q - p, :, p].T
    words = second[:, p, q]
    _add(words, numbers >> 63 if bits == 0 else numbers >> (64 - bits), numbers << bits)
    second[:, p, q] = words


def _add(words: _Integers, high: _Integers, low: _Integers) -> None:
    """Add high·2⁶⁴ + low to numbers that consist of two words."""
    before = np.ascontiguousarray(low).view(np.uint64)
    total = words[..., 1].view(np.uint64) + before
    words[..., 0] += high + (total < before)
    words[..., 1] = total.view(np.int64)


def zero_sums(times: int, columns: int, pairs: bool) -> tuple[_Integers, _Integers]:
    """Sums of no samples, for `add_sums`: of products of all pairs of columns, or of squares."""
    second = (times, columns, columns, 2) if pairs else (times, columns, 2)
    return np.zeros((times, columns, 2), np.int64), np.zeros(second, np.int64)


def add_sums(samples: NDArray[Any], first: _Integers, second: _Integers) -> None:
    """Add samples to the sums of `zero_sums`.

    Parameters
    ----------
    samples : ndarray of int32 or int64, shape (n, T, P), in C order
        |sample| ≤ 2⁵³.
    first : ndarray of int64, shape (T, P, 2)
        Sums Σ x_p, changed in place.
    second : ndarray of int64, shape (T, P, P, 2) or (T, P, 2)
        Sums Σ x_p x_q for p ≤ q, or Σ x_p², changed in place.
    """
    if second.ndim == first.ndim:  # every number as a column of its own: there are no pairs
        size = second[..., 0].size
        samples, first = samples.reshape(len(samples), size, 1), first.reshape(size, 1, 2)
        second = second.reshape(size, 1, 1, 2)
    word_sums(samples, first, second)

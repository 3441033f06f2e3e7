"""Exact sums of integers and of their products as pairs of 64-bit words, in compiled code."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..utils.compiled import njit

_HALF = 26  # bits of the low half of a sample
_LOW = 2**_HALF - 1
_GROUP = 256  # number of samples for which sums of products of halves fit into one word
_SMALL = 22  # bits of samples for which sums of products over a group are exact as float64
_U = np.uint64
_Integers = NDArray[np.int64]


@njit(cache=True, inline="always")
def _add(words: Any, high: Any, low: Any) -> None:
    """Add high·2⁶⁴ + low to a number that consists of two words."""
    total = _U(words[1]) + _U(low)
    words[0] += high + (1 if total < _U(low) else 0)
    words[1] = np.int64(total)


@njit(cache=True)
def _all_small(samples: _Integers) -> bool:
    """Whether the absolute values of all samples are below 2^_SMALL, as for most counts."""
    found: Any = 0
    for x in samples.ravel():
        found |= np.int64(x) ^ (np.int64(x) >> 63)
    return found < 2**_SMALL


@njit(cache=True)
def _small_sums(samples: _Integers, first: _Integers, second: _Integers) -> None:
    """Sums over a group in float64, computed together for all pairs of equal column distance."""
    n, times, columns = samples.shape
    size = times * columns
    flat = samples.reshape(n, size)
    # Four rows at a time, so that each sum is read and written less often.
    a, b, c, d = np.zeros((4, size + columns))
    single, products = np.zeros(size), np.zeros((columns, size))
    for r in range(0, n, 4):
        for row, k in ((a, r), (b, r + 1), (c, r + 2), (d, r + 3)):
            if k < n:
                for i in range(size):
                    row[i] = flat[k, i]
            else:
                row[:] = 0.0
        for i in range(size):
            single[i] += (a[i] + b[i]) + (c[i] + d[i])
        for p in range(columns):
            product = products[p]
            for i in range(size):
                j = i + p
                product[i] += (a[i] * a[j] + b[i] * b[j]) + (c[i] * c[j] + d[i] * d[j])
    for t in range(times):
        for p in range(columns):
            _add_whole(first[t, p], single[t * columns + p])
            for q in range(p, columns):
                _add_whole(second[t, p, q], products[q - p, t * columns + p])


@njit(cache=True, inline="always")
def _add_whole(words: Any, number: Any) -> None:
    whole = np.int64(number)
    _add(words, whole >> 63, whole)


@njit(cache=True)
def _multiply(h: Any, low: Any, i: Any, j: Any, parts: Any) -> None:
    squares, mixed, small = parts[0], parts[1], parts[2]
    for t in range(len(h)):
        squares[t] += h[t] * i[t]
        mixed[t] += h[t] * j[t] + low[t] * i[t]
        small[t] += low[t] * j[t]


@njit(cache=True)
def _large_sums(samples: _Integers, first: _Integers, second: _Integers) -> None:
    """Sums over a group, from the products of the high and the low halves of the samples."""
    n, times, columns = samples.shape
    single = np.zeros((columns, times), np.int64)
    # The products h h, h l + l h and l l of x = 2^26 h + l; the last axis is the time, so that the
    # compiler can use vector instructions.
    parts = np.zeros((3, columns, columns, times), np.int64)
    high, low = np.zeros((2, columns, times), np.int64)
    for row in range(n):
        for t in range(times):
            for p in range(columns):
                x = np.int64(samples[row, t, p])
                single[p, t] += x
                high[p, t], low[p, t] = x >> _HALF, x & _LOW
        for p in range(columns):
            for q in range(p, columns):
                _multiply(high[p], low[p], high[q], low[q], parts[:, p, q])
    for t in range(times):
        for p in range(columns):
            _add(first[t, p], single[p, t] >> 63, single[p, t])
            for q in range(p, columns):
                a, b, c = parts[0, p, q, t], parts[1, p, q, t], parts[2, p, q, t]
                _add(second[t, p, q], a >> (64 - 2 * _HALF), a << (2 * _HALF))
                _add(second[t, p, q], b >> (64 - _HALF), b << _HALF)
                _add(second[t, p, q], 0, c)


@njit(cache=True, nogil=True)
def word_sums(samples: _Integers, first: _Integers, second: _Integers) -> None:
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
    for begin in range(0, len(samples), _GROUP):
        group = samples[begin : begin + _GROUP]
        if _all_small(group):
            _small_sums(group, first, second)
        else:
            _large_sums(group, first, second)


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

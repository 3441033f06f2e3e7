"""Exact first and second moments of integer samples, which can be added."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

_WORD = 2**64


@dataclass(frozen=True)
class Moments:
    """First and second moments of integer samples, stored as exact sums.

    The sums are integers without a limit of size. Therefore the moments do not depend on how the
    samples were grouped or in which order the groups were added, and no precision is lost.

    Attributes
    ----------
    n : int
        Number of samples (trajectories).
    first : ndarray of Python int, shape (..., P)
        Σ x_p.
    second : ndarray of Python int, shape (..., P, P) or (..., P)
        Σ x_p x_q; or Σ x_p² alone, for which time and memory do not grow with P². Moments that are
        added must be of the same kind.

    Examples
    --------
    >>> from jumpsim import statistics
    >>> moments = statistics.Moments.of([[1, 2], [3, 4]]) + statistics.Moments.of([[5, 0]])
    >>> moments.n, moments.mean().tolist(), moments.var().tolist()
    (3, [3.0, 2.0], [4.0, 4.0])
    """

    n: int
    first: NDArray[np.float64]
    second: NDArray[np.float64]

    @property
    def pairs(self) -> bool:
        """Whether there are products of different columns, and not only squares."""
        return self.second.ndim > self.first.ndim

    @classmethod
    def zero(cls, shape: tuple[int, ...], pairs: bool = True) -> "Moments":
        """Moments of zero samples, whose shape would be `shape` = (..., P)."""
        second = (*shape, shape[-1]) if pairs else shape
        return cls(0, np.full(shape, 0, object), np.full(second, 0, object))

    @classmethod
    def of(cls, samples: ArrayLike, pairs: bool = True) -> "Moments":
        """Moments of integer samples.

        Parameters
        ----------
        samples : array_like of int, shape (n, ..., P)
            |sample| ≤ 2⁵³.
        pairs : bool
            Whether to sum products of different columns, and not only squares.

        Returns
        -------
        Moments
        """
        from .exact_sums import add_sums, zero_sums  # here, because numba takes long to load

        samples = np.asarray(samples)
        small = np.can_cast(samples.dtype, np.int32)
        samples = np.ascontiguousarray(samples, np.int32 if small else np.int64)
        shape = samples.shape[1:]
        flat = samples.reshape(len(samples), int(np.prod(shape[:-1])), shape[-1])
        first, second = zero_sums(*flat.shape[1:], pairs)
        add_sums(flat, first, second)
        second = second.reshape(*shape, *second.shape[2:])
        return cls.of_sums(len(samples), first.reshape(*shape, 2), second)

    @classmethod
    def of_sums(cls, n: int, first: NDArray[np.int64], second: NDArray[np.int64]) -> "Moments":
        """Moments from the sums of `exact_sums.add_sums`.

        Parameters
        ----------
        n : int
            Number of samples.
        first : ndarray of int64, shape (..., P, 2)
        second : ndarray of int64, shape (..., P, P, 2) or (..., P, 2)
            Of products, only entries with p ≤ q are used; the others are overwritten.

        Returns
        -------
        Moments
        """
        if second.ndim > first.ndim:
            below = np.tril_indices(second.shape[-2], -1)
            second[..., below[0], below[1], :] = second[..., below[1], below[0], :]
        return cls.from_words(n, first, second)

    def squares(self) -> "Moments":
        """The same moments with squares alone."""
        if not self.pairs:
            return self
        return Moments(self.n, self.first, np.diagonal(self.second, axis1=-2, axis2=-1))

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(self.n + other.n, self.first + other.first, self.second + other.second)

    def mean(self) -> NDArray[np.float64]:
        """Sample mean, shape (..., P), rounded once; NaN for n = 0."""
        if self.n == 0:
            return np.full(self.first.shape, np.nan)
        return (self.first / self.n).astype(float)

    def cov(self) -> NDArray[np.float64]:
        """Sample covariance with divisor n-1, shape (..., P, P), rounded once; NaN for n < 2.

        Raises
        ------
        InputError
            When there are only squares.
        """
        if not self.pairs:
            raise InputError("covariances need sums of products, but there are only squares")
        return self._central(self.first[..., :, None] * self.first[..., None, :])

    def var(self) -> NDArray[np.float64]:
        """Sample variance with divisor n-1, shape (..., P), rounded once; NaN for n < 2."""
        return self.squares()._central(self.first**2)

    def _central(self, products: NDArray[Any]) -> NDArray[np.float64]:
        """Σ (x_p - ⟨x_p⟩)(x_q - ⟨x_q⟩)/(n - 1) with the products Σ x_p Σ x_q."""
        if self.n < 2:
            return np.full(products.shape, np.nan)
        return ((self.n * self.second - products) / (self.n * (self.n - 1))).astype(float)

    def sem(self) -> NDArray[np.float64]:
        """Standard error of the mean, shape (..., P)."""
        return np.sqrt(self.var() / max(self.n, 1))

    def words(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Each sum as two 64-bit words (high, low), for storage in a file.

        Returns
        -------
        first : ndarray of int64, shape (..., P, 2)
        second : ndarray of int64, shape (..., P, P, 2) or (..., P, 2)
        """
        return _to_words(self.first), _to_words(self.second)

    @classmethod
    def from_words(cls, n: int, first: NDArray[np.int64], second: NDArray[np.int64]) -> "Moments":
        """Moments from the results of `words`; `n` is the number of samples."""
        return cls(int(n), _from_words(first), _from_words(second))


def _to_words(sums: Any) -> NDArray[np.int64]:
    high = np.array([int(s) // _WORD for s in sums.flat], np.int64)
    low = np.array([int(s) % _WORD for s in sums.flat], np.uint64).view(np.int64)
    return np.stack([high, low], -1).reshape(*sums.shape, 2)


def _from_words(words: ArrayLike) -> Any:
    words = np.asarray(words, np.int64)
    low = np.ascontiguousarray(words[..., 1]).view(np.uint64).astype(object)
    return words[..., 0].astype(object) * _WORD + low

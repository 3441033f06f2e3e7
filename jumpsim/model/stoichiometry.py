"""Numbers of quanta by pool, and the linear combinations that a set of events conserves."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST_DENSE = 10**6  # numbers in a matrix, above which a sparse one is multiplied


class Quanta(Mapping[str, int]):
    """Number of quanta of each pool by name: an immutable and hashable mapping.

    Examples
    --------
    >>> Quanta({"A": 1, "B": 2})["B"]
    2
    """

    def __init__(self, numbers: Mapping[str, int] | Iterable[tuple[str, int]] = ()) -> None:
        self._numbers = dict(numbers)

    def __getitem__(self, name: str) -> int:
        return self._numbers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def __hash__(self) -> int:
        return hash(frozenset(self._numbers.items()))

    def __repr__(self) -> str:
        return repr(self._numbers)


@dataclass(frozen=True, eq=False)
class Changes:
    """What an event of each channel changes: only the numbers that are not 0.

    Attributes
    ----------
    first : ndarray of int64, shape (C + 1,)
        Channel c has the entries first[c] ≤ i < first[c+1] of the next two arrays.
    pools : ndarray of int64
        Index of a pool whose count changes; in each channel they increase.
    numbers : ndarray of int64
        The change of its count.
    width : int
        Number P of pools.

    Examples
    --------
    >>> import numpy as np
    >>> changes = Changes.of(np.array([[0, 2, -1], [0, 0, 0]]))
    >>> changes.pools, changes.numbers, changes.first
    (array([1, 2]), array([ 2, -1]), array([0, 2, 2]))
    """

    first: NDArray[np.int64]
    pools: NDArray[np.int64]
    numbers: NDArray[np.int64]
    width: int

    @classmethod
    def of(cls, dense: NDArray[np.int64]) -> "Changes":
        """From the changes of all pools, shape (C, P)."""
        channels, pools = np.nonzero(dense)
        first = np.searchsorted(channels, np.arange(len(dense) + 1))
        return cls(first, pools, dense[channels, pools], dense.shape[1])

    @cached_property
    def channels(self) -> NDArray[np.int64]:
        """Channel of each entry."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))

    @cached_property
    def dense(self) -> NDArray[np.int64]:
        """Changes of all pools, shape (C, P)."""
        dense = np.zeros((len(self.first) - 1, self.width), np.int64)
        dense[self.channels, self.pools] = self.numbers
        dense.flags.writeable = False
        return dense

    @cached_property
    def matrix(self) -> Any:
        """The changes as floats, (C, P), for products: an array, or a sparse array when large."""
        size = (len(self.first) - 1) * self.width
        if size <= _MOST_DENSE:
            return self.dense.astype(float)
        from scipy import sparse

        numbers = self.numbers.astype(float)
        return sparse.csr_array(
            (numbers, self.pools, self.first), (len(self.first) - 1, self.width)
        )


def null_space(rows: NDArray[np.int64]) -> list[list[int]]:
    """Integer basis of the null space {v : rows · v = 0}, by exact Gaussian elimination.

    Parameters
    ----------
    rows : ndarray of int, shape (n, P)

    Returns
    -------
    list of list of int
        Basis vectors of length P.

    Examples
    --------
    >>> import numpy as np
    >>> null_space(np.array([[1, -1, 0], [0, 1, -1]]))
    [[1, 1, 1]]
    """
    width = rows.shape[1]
    # Only the entries that are not 0, by column: an event changes few of many pools.
    matrix: list[dict[int, Fraction]] = [
        {int(c): Fraction(int(row[c])) for c in np.flatnonzero(row)}
        for row in np.unique(rows, axis=0)
    ]
    pivots: list[int] = []
    for column in range(width):
        top = len(pivots)
        pivot = next((r for r in range(top, len(matrix)) if column in matrix[r]), None)
        if pivot is None:
            continue
        matrix[top], matrix[pivot] = matrix[pivot], matrix[top]
        lead = matrix[top][column]
        matrix[top] = {c: x / lead for c, x in matrix[top].items()}
        for r, row in enumerate(matrix):
            if r != top and column in row:
                _subtract(row, row[column], matrix[top])
        pivots.append(column)
    basis = []
    for free in sorted(set(range(width)) - set(pivots)):
        vector = [Fraction(int(c == free)) for c in range(width)]
        for r, column in enumerate(pivots):
            vector[column] = -matrix[r].get(free, Fraction(0))
        scale = math.lcm(*(v.denominator for v in vector))
        basis.append([int(v * scale) for v in vector])
    return basis


def _subtract(row: dict[int, Fraction], factor: Fraction, other: dict[int, Fraction]) -> None:
    """Subtract a multiple of another row, in place."""
    for column, x in other.items():
        value = row.get(column, Fraction(0)) - factor * x
        if value:
            row[column] = value
        else:
            row.pop(column, None)

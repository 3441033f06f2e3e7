"""Whole numbers of quanta, and what a set of events conserves."""

import math
from collections.abc import Mapping
from fractions import Fraction

import numpy as np


class Quanta(Mapping):
    """Whole numbers of quanta by pool name; immutable, hashable."""

    def __init__(self, numbers=()):
        self._numbers = dict(numbers)

    def __getitem__(self, name):
        return self._numbers[name]

    def __iter__(self):
        return iter(self._numbers)

    def __len__(self):
        return len(self._numbers)

    def __hash__(self):
        return hash(frozenset(self._numbers.items()))

    def __repr__(self):
        return repr(self._numbers)


def null_space(rows):
    """Whole-number basis of {v : rows · v = 0}, by exact elimination."""
    width = rows.shape[1]
    matrix = [[Fraction(int(x)) for x in row] for row in np.unique(rows, axis=0)]
    pivots = []
    for column in range(width):
        pivot = next((r for r in range(len(pivots), len(matrix)) if matrix[r][column]), None)
        if pivot is None:
            continue
        top = len(pivots)
        matrix[top], matrix[pivot] = matrix[pivot], matrix[top]
        lead = matrix[top][column]
        matrix[top] = [x / lead for x in matrix[top]]
        for r, row in enumerate(matrix):
            if r != top and row[column]:
                matrix[r] = [x - row[column] * t for x, t in zip(row, matrix[top], strict=True)]
        pivots.append(column)
    basis = []
    for free in (c for c in range(width) if c not in pivots):
        vector = [Fraction(int(c == free)) for c in range(width)]
        for r, column in enumerate(pivots):
            vector[column] = -matrix[r][free]
        scale = math.lcm(*(v.denominator for v in vector))
        basis.append([int(v * scale) for v in vector])
    return basis

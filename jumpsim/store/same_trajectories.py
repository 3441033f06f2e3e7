"""Trajectories that two parts of a store both hold must be equal, bit for bit."""

from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError, StoreError
from . import hdf5_layout, index_ranges

if TYPE_CHECKING:
    from .base import Store
    from .file_part import FilePart


def intersect(spans: list[tuple[int, int]], others: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Common part of two lists of ranges, sorted, neighbours joined, nothing twice."""
    found = sorted(
        (max(a, c), min(b, d)) for a, b in spans for c, d in others if max(a, c) < min(b, d)
    )
    joined: list[tuple[int, int]] = []
    for first, last in found:
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


def check_equal(part: "FilePart", store: "Store") -> None:
    """Compare everything that a part holds with the same trajectories in a store, which has them.

    Raises
    ------
    StoreError
        Which names the first trajectory that differs, or that some are not there.
    """
    if intersect(part.ranges, store.ranges()) != intersect(part.ranges, part.ranges):
        raise StoreError(f"{part.path}: some of its trajectories were not simulated again")
    check_common(part, store)


def check_common(part: "FilePart", store: "Store") -> None:
    """Compare the trajectories that a part and a store have in common.

    Raises
    ------
    StoreError
        Which names the first trajectory that differs.
    """
    held = store.ranges()
    row, common = 0, 0
    for first, last in part.ranges:
        for a, b in intersect([(first, last)], held):
            offset = sum(min(stop, a) - start for start, stop in held if start < a)
            _check_rows(part, store, row + a - first, offset, a, b - a)
            common += b - a
        row += last - first
    if part.sums is not None and common:
        _check_sums(part, store, common == row)


def _check_rows(part, store, row, offset, first, count):
    """Compare `count` trajectories from index `first`: rows of the part and of the store."""
    names = [variable.name for variable in part.plan.variables if variable.per_trajectory]
    wide = len(part.plan.times) * len(part.plan.model.channels)
    step = max(1, hdf5_layout.SLAB_BYTES // (8 * wide))
    for a in range(0, count, step):
        b = min(a + step, count)
        for name in names:
            mine = part.read(name, row + a, row + b)
            _check(mine == store.read(name, offset + a, offset + b), part, first + a)
    if any(variable.per_event for variable in part.plan.variables):
        for a, b in hdf5_layout.event_slabs(part, row, row + count):
            mine = part.read_events(a, b)
            theirs = store.read_events(offset + a - row, offset + b - row)
            for x, y in zip(mine, theirs, strict=True):
                _check(np.array([np.array_equal(x, y)]), part, first + a - row)


def _check(equal, part, first):
    if not equal.all():
        bad = first + int(np.argmin(equal.reshape(len(equal), -1).all(axis=1)))
        raise StoreError(
            f"{part.path}: trajectory {bad} differs from the same trajectory simulated again or "
            "stored elsewhere; one of them is damaged, or was made by another engine"
        )


def _check_sums(part, store, whole):
    """Compare sums; of trajectories whose samples were compared they need not be."""
    if part.plan.model.samples.record in part.plan.record:
        return
    same = [
        (max(a, first), min(b, last), other, row + max(a, first) - a)
        for a, b, other, row in store.pieces()
        for first, last in part.ranges
        if max(a, first) < min(b, last)
    ]
    try:
        if not whole:
            raise InputError
        theirs = index_ranges.moments(store.plan, same)
    except InputError:
        raise StoreError(
            f"{part.path}: only sums were kept, and some of its trajectories are in another file "
            "too: they cannot be taken apart, to be compared and counted once"
        ) from None
    if (theirs.first != part.sums.first).any() or (theirs.second != part.sums.second).any():
        raise StoreError(f"{part.path}: its sums differ from those of the same trajectories")

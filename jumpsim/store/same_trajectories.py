"""Comparison of trajectories that two parts of a store both contain, bit for bit."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, StoreError
from . import hdf5_layout, index_ranges
from .part import Span

if TYPE_CHECKING:
    from .base import Store
    from .file_part import FilePart


def intersect(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """Intersection of two lists of ranges, sorted, adjacent ranges joined.

    Examples
    --------
    >>> intersect([(0, 5), (5, 9)], [(3, 7)])
    [(3, 7)]
    """
    found = sorted(
        (max(a, c), min(b, d)) for a, b in spans for c, d in others if max(a, c) < min(b, d)
    )
    joined: list[Span] = []
    for first, last in found:
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


def check_equal(part: "FilePart", store: "Store[Any]") -> None:
    """Compare all trajectories of a part with the same trajectories in a store.

    Raises
    ------
    StoreError
        When a trajectory differs or is missing in the store; the text names the first one that
        differs.
    """
    if intersect(part.ranges, store.ranges()) != intersect(part.ranges, part.ranges):
        raise StoreError(f"{part.path}: some of its trajectories were not simulated again")
    check_common(part, store)


def check_common(part: "FilePart", store: "Store[Any]") -> None:
    """Compare the trajectories that a part and a store have in common.

    Raises
    ------
    StoreError
        When a trajectory differs; the text names the first one.
    """
    stored = store.ranges()
    row, common = 0, 0
    for first, last in part.ranges:
        for a, b in intersect([(first, last)], stored):
            offset = sum(min(stop, a) - start for start, stop in stored if start < a)
            _check_rows(part, store, row + a - first, offset, a, b - a)
            common += b - a
        row += last - first
    if part.sums is not None and common:
        _check_sums(part, store, common == row)


def _check_rows(
    part: "FilePart", store: "Store[Any]", row: int, offset: int, first: int, count: int
) -> None:
    """Compare `count` trajectories from index `first`; they begin at `row` and `offset`."""
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
            events = part.read_events(a, b)
            others = store.read_events(offset + a - row, offset + b - row)
            for x, y in zip(events, others, strict=True):
                _check(np.array([np.array_equal(x, y)]), part, first + a - row)


def _check(equal: NDArray[Any], part: "FilePart", first: int) -> None:
    """Raise an error if a row of `equal` is not true everywhere; row 0 is trajectory `first`."""
    if not equal.all():
        bad = first + int(np.argmin(equal.reshape(len(equal), -1).all(axis=1)))
        raise StoreError(
            f"{part.path}: trajectory {bad} differs from the same trajectory simulated again or "
            "stored elsewhere; one of them is damaged, or was simulated by another engine"
        )


def _check_sums(part: "FilePart", store: "Store[Any]", complete: bool) -> None:
    """Compare sums; `complete` states whether the store contains all trajectories of the part."""
    sums = part.sums
    if sums is None or part.plan.model.samples.record in part.plan.record:
        return  # the samples were compared
    same = [
        (max(a, first), min(b, last), other, row + max(a, first) - a)
        for a, b, other, row in store.pieces()
        for first, last in part.ranges
        if max(a, first) < min(b, last)
    ]
    try:
        if not complete:
            raise InputError
        theirs = index_ranges.moments(store.plan, same, pairs=sums.pairs)
    except InputError:
        raise StoreError(
            f"{part.path}: only sums were kept, and some of its trajectories are also in another "
            "file; they cannot be separated from the sums, so that they would be counted twice"
        ) from None
    if (theirs.first != sums.first).any() or (theirs.second != sums.second).any():
        raise StoreError(f"{part.path}: its sums differ from those of the same trajectories")

"""Ranges of trajectory indices: which rows of which part hold each trajectory, exactly once.

A piece is (first index, last index + 1, part, first row in the part). A range or span is
(first, last + 1).
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..errors import InputError
from ..statistics.moments import Moments
from . import records
from .block import sample_moments
from .part import P, Part, Piece, Span

if TYPE_CHECKING:
    from ..model.base import BaseModel
    from .plan import Plan


def select(parts: Iterable[P]) -> list[Piece[P]]:
    """Pieces that cover all indices of the parts, sorted by index, each index once.

    Overlapping parts of one run contain the same trajectories, so that either can be used.
    """
    spans: list[tuple[int, int, int, P, int]] = []
    for part in parts:
        row = 0
        for first, last in part.ranges:
            spans.append((first, -last, len(spans), part, row))
            row += last - first
    pieces: list[Piece[P]] = []
    reached = 0
    for first, last, _, part, row in sorted(spans, key=lambda span: span[:3]):
        begin = max(first, reached)
        if begin < -last:
            pieces.append((begin, -last, part, row + begin - first))
            reached = -last
    return pieces


def ranges(pieces: Sequence[Piece[P]]) -> list[Span]:
    """Ranges that the pieces cover, adjacent ranges joined."""
    joined: list[Span] = []
    for first, last, _, _ in pieces:
        if joined and joined[-1][1] == first:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined


def gaps(ranges: Sequence[Span], number: int) -> list[Span]:
    """Ranges of the indices below `number` that the sorted ranges do not cover.

    Examples
    --------
    >>> gaps([(0, 3), (5, 8)], 10)
    [(3, 5), (8, 10)]
    """
    found, reached = [], 0
    for first, last in [*ranges, (number, number)]:
        if reached < min(first, number):
            found.append((reached, min(first, number)))
        reached = max(reached, last)
    return found


def by_part(pieces: Sequence[Piece[P]], below: int | None = None) -> list[tuple[P, list[Span]]]:
    """Each part with the spans of its rows that the pieces use, for indices below `below`."""
    spans: dict[int, tuple[P, list[Span]]] = {}
    for first, last, part, row in pieces:
        stop = last if below is None else min(last, below)
        if first < stop:
            spans.setdefault(id(part), (part, []))[1].append((row, row + stop - first))
    return list(spans.values())


def is_complete(part: Part, spans: Sequence[Span]) -> bool:
    """Whether the spans contain all rows of the part."""
    return sum(b - a for a, b in spans) == sum(b - a for a, b in part.ranges)


def events(pieces: Sequence[Piece[P]]) -> int:
    """Number of events of the trajectories of the pieces."""
    total = 0
    for part, spans in by_part(pieces):
        if is_complete(part, spans):
            total += part.events
        else:
            total += sum(int(part.read("event_count", a, b).sum()) for a, b in spans)
    return total


def moments(
    plan: "Plan", pieces: Sequence[Piece[P]], below: int | None = None, pairs: bool = True
) -> Moments:
    """Exact moments of the samples of all trajectories, or of those with index < `below`.

    Without `pairs` only squares are summed: for 200 pools the products of all pairs take 200 times
    the time and the memory.

    Raises
    ------
    InputError
        When neither the sums nor samples were recorded, or when only sums were recorded and some of
        the trajectories in a sum would have to be excluded.
    """
    what, sampled = "covariances need" if pairs else "averages need", plan.model.samples.record
    records.check_averages(plan.model, plan.record, what, pairs)
    shape = (len(plan.times), len(plan.model.samples.names))
    total = Moments.zero(shape, pairs)
    for part, spans in by_part(pieces, below):
        sums = part.sums if is_complete(part, spans) else None
        if sums is not None and sums.pairs >= pairs:
            total += sums if pairs else sums.squares()
        elif sampled in plan.record:
            total += _sums_of_samples(plan.model, part, spans, shape, pairs)
        else:
            raise InputError(
                "only sums were kept, from which some of the trajectories cannot be excluded; "
                f'average over all of them, or simulate with record="{sampled}"'
            )
    return total


def _sums_of_samples(
    model: "BaseModel", part: Part, spans: Sequence[Span], shape: tuple[int, int], pairs: bool
) -> Moments:
    total = Moments.zero(shape, pairs)
    step = max(1, 2**19 // (shape[0] * shape[1]))
    for first, last in spans:
        for a in range(first, last, step):
            samples = part.read(model.samples.record, a, min(a + step, last))
            total += sample_moments(model, samples, pairs)
    return total

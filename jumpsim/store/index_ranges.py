"""What parts contribute to a store: each trajectory once, however the parts overlap.

A piece is (first index, last index + 1, part, first row in the part).
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..statistics.moments import Moments
from .block import sample_moments

if TYPE_CHECKING:
    from .plan import Plan

Piece = tuple[int, int, Any, int]


def select(parts: Iterable) -> list[Piece]:
    """Return pieces that cover what the parts cover, sorted by index, nothing twice.

    Overlapping parts of one run hold the same trajectories, so that either may be taken.
    """
    spans = []
    for part in parts:
        row = 0
        for first, last in part.ranges:
            spans.append((first, -last, len(spans), part, row))
            row += last - first
    pieces, reached = [], 0
    for first, last, _, part, row in sorted(spans, key=lambda span: span[:3]):
        begin = max(first, reached)
        if begin < -last:
            pieces.append((begin, -last, part, row + begin - first))
            reached = -last
    return pieces


def ranges(pieces: list[Piece]) -> list[tuple[int, int]]:
    """Ranges (first, last + 1) that pieces cover, neighbours joined."""
    joined: list[tuple[int, int]] = []
    for first, last, _, _ in pieces:
        if joined and joined[-1][1] == first:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined


def gaps(ranges: list[tuple[int, int]], number: int) -> list[tuple[int, int]]:
    """Ranges of the indices below `number` that sorted ranges do not cover."""
    found, reached = [], 0
    for first, last in [*ranges, (number, number)]:
        if reached < min(first, number):
            found.append((reached, min(first, number)))
        reached = max(reached, last)
    return found


def by_part(
    pieces: list[Piece], below: int | None = None
) -> list[tuple[Any, list[tuple[int, int]]]]:
    """Each part with the spans of its rows that count, of indices below `below`."""
    spans = {}
    for first, last, part, row in pieces:
        stop = last if below is None else min(last, below)
        if first < stop:
            spans.setdefault(id(part), (part, []))[1].append((row, row + stop - first))
    return list(spans.values())


def is_whole(part: Any, spans: list[tuple[int, int]]) -> bool:
    """Whether the spans are all rows of the part."""
    return sum(b - a for a, b in spans) == sum(b - a for a, b in part.ranges)


def events(pieces: list[Piece]) -> int:
    """Events of the trajectories of pieces."""
    total = 0
    for part, spans in by_part(pieces):
        if is_whole(part, spans):
            total += part.events
        else:
            total += sum(int(part.read("event_count", a, b).sum()) for a, b in spans)
    return total


def moments(plan: "Plan", pieces: list[Piece], below: int | None = None) -> Moments:
    """Exact moments of the samples of the trajectories (with an index below `below`).

    Raises
    ------
    InputError
        When neither sums nor samples were kept, or when sums would have to be taken apart.
    """
    sampled = plan.model.samples.record
    if not {sampled, "moments"} & set(plan.record):
        raise InputError(
            f"averages need {sampled} or moments, but the record is {', '.join(plan.record)}"
        )
    shape = (len(plan.times), len(plan.model.samples.names))
    total = Moments.zero(shape)
    for part, spans in by_part(pieces, below):
        if part.sums is not None and is_whole(part, spans):
            total += part.sums
        elif sampled in plan.record:
            total += _sums_of_samples(plan.model, part, spans, shape)
        else:
            raise InputError(
                "only sums were kept, and those of some trajectories cannot be taken apart"
            )
    return total


def _sums_of_samples(model, part, spans, shape):
    total = Moments.zero(shape)
    step = max(1, 2**19 // (shape[0] * shape[1]))
    for first, last in spans:
        for a in range(first, last, step):
            total += sample_moments(model, part.read(model.samples.record, a, min(a + step, last)))
    return total

"""Common interface of the stores in memory and on disk."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Generic

import numpy as np
from numpy.typing import NDArray

from ..statistics.moments import Moments
from . import index_ranges
from .outcome import Outcome
from .part import P, Piece, Span
from .plan import Plan
from .records import RECORDS, columns


class Store(Generic[P]):
    """Trajectories of one plan, in parts that each cover ranges of indices (see `part.Part`).

    A writable store also has `write(blocks)`, which returns when the blocks are stored (for a
    store on disk: when they are on the disk), and `finish(outcome, complete)`, which ends a run
    and joins the parts of a complete run. The plan of a writable store can contain more records
    than the plan it was created with, when the file already contains more records.

    Parameters
    ----------
    plan : Plan

    Attributes
    ----------
    plan : Plan
    path : pathlib.Path or None
    outcome : Outcome or None
        Why the last run ended; None when this is not known.
    chunk_rows : int or None
        Number of trajectories in one chunk of a file; None for a store in memory.
    """

    path: Path | None = None
    outcome: Outcome | None = None
    chunk_rows: int | None = None

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._parts: list[P] = []

    def begin(self, ntraj: int) -> None:
        """Record the requested number of trajectories before the simulation starts."""

    @property
    def parts(self) -> tuple[P, ...]:
        """The files or blocks of the store."""
        return tuple(self._parts)

    def pieces(self) -> list[Piece[P]]:
        """Pieces that contain each trajectory once, see `index_ranges.select`."""
        return index_ranges.select(self._parts)

    @property
    def events(self) -> int:
        """Number of simulated events."""
        return index_ranges.events(self.pieces())

    def ranges(self) -> list[Span]:
        """Ranges (first, last + 1) of the stored indices, sorted, adjacent ranges joined."""
        return index_ranges.ranges(self.pieces())

    def missing(self, ntraj: int) -> list[Span]:
        """Ranges of the indices below `ntraj` that are not stored."""
        return index_ranges.gaps(self.ranges(), ntraj)

    def read(self, name: str, first: int, last: int, dtype: Any = None) -> NDArray[Any]:
        """Rows first ... last-1 of a variable, in the order of the trajectory indices.

        By default in the narrowest type in which they are all stored.
        """
        found = [part.read(name, a, b) for part, a, b in self._rows(first, last)]
        if len(found) == 1:
            return found[0] if dtype is None else found[0].astype(dtype, copy=False)
        return np.concatenate(found, dtype=dtype) if found else self._empty(name)

    def in_memory(self, name: str) -> NDArray[Any] | None:  # noqa: ARG002
        """Result of an earlier call of `whole`, if the store keeps it."""
        return None

    def whole(self, name: str, dtype: Any) -> NDArray[Any]:
        """All rows of a variable as this type."""
        return self.read(name, 0, sum(last - first for first, last in self.ranges()), dtype)

    def read_events(self, first: int, last: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Times and channels of the events of rows first ... last-1, concatenated."""
        found = [part.read_events(a, b) for part, a, b in self._rows(first, last)]
        if not found:
            return np.zeros(0), np.zeros(0, np.int32)
        times, channels = zip(*found, strict=True)
        return np.concatenate(times), np.concatenate(channels)

    def moments(self, below: int | None = None, pairs: bool = True) -> Moments:
        """Exact moments of the samples of all trajectories, see `index_ranges.moments`."""
        return index_ranges.moments(self.plan, self.pieces(), below, pairs)

    def _rows(self, first: int, last: int) -> Iterator[tuple[P, int, int]]:
        """(part, first row, last row + 1 in the part) that make up rows first ... last-1."""
        row = 0
        for start, stop, part, offset in self.pieces():
            a, b = max(first, row), min(last, row + stop - start)
            if a < b:
                yield part, offset + a - row, offset + b - row
            row += stop - start

    def _empty(self, name: str) -> NDArray[Any]:
        if name not in RECORDS:  # such as "event_count"
            return np.zeros(0, np.int64)
        shape = (0, len(self.plan.times), len(columns(self.plan.model, name)))
        return np.zeros(shape, RECORDS[name].dtype)

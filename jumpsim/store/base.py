"""The small interface that stores in memory and on disk share."""

from pathlib import Path
from typing import Any

import numpy as np

from ..statistics.moments import Moments
from . import index_ranges
from .outcome import Outcome
from .plan import Plan
from .records import RECORDS, columns


class Store:
    """Trajectories of one plan, in parts that each cover ranges of indices.

    A store that can be written to also has `write(blocks)`, which returns when they are on the
    disk, and `finish(outcome, complete)`, which ends a run and puts the parts of a complete
    one together. Its plan may ask for more to be recorded than the plan it was made with, when it
    holds more already.

    A part has `ranges`, `events`, `sums`, `read(name, first, last)` and `read_events(first, last)`
    on its own rows, which are in the order of its ranges.

    Attributes
    ----------
    plan : Plan
    path : pathlib.Path or None
    outcome : Outcome or None
        Why the last run ended, as far as it is known.
    """

    path: Path | None = None
    outcome: Outcome | None = None
    chunk_rows: int | None = None  # trajectories in a chunk of a file

    def __init__(self, plan: Plan):
        self.plan = plan
        self._parts: list[Any] = []

    def begin(self, ntraj: int) -> None:
        """Write down how many trajectories were asked for, before any is simulated."""

    @property
    def parts(self) -> tuple:
        """The files or blocks that make up the store."""
        return tuple(self._parts)

    def pieces(self) -> list:
        """Return the pieces that make up the store, see `index_ranges.select`."""
        return index_ranges.select(self._parts)

    @property
    def events(self) -> int:
        """Events simulated."""
        return index_ranges.events(self.pieces())

    def ranges(self) -> list[tuple[int, int]]:
        """Ranges (first, last + 1) of the indices that are there, sorted, neighbours joined."""
        return index_ranges.ranges(self.pieces())

    def missing(self, ntraj: int) -> list[tuple[int, int]]:
        """Ranges of the indices below `ntraj` that are not there."""
        return index_ranges.gaps(self.ranges(), ntraj)

    def read(self, name: str, first: int, last: int) -> np.ndarray:
        """Rows first ... last-1 (in the order of their indices) of a variable."""
        found = [part.read(name, a, b) for part, a, b in self._rows(first, last)]
        if len(found) == 1:
            return found[0]
        return np.concatenate(found) if found else self._empty(name)

    def read_events(self, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """Times and channels of the events of rows first ... last-1, one after the other."""
        found = [part.read_events(a, b) for part, a, b in self._rows(first, last)]
        if not found:
            return np.zeros(0), np.zeros(0, np.int32)
        times, channels = zip(*found, strict=True)
        return np.concatenate(times), np.concatenate(channels)

    def moments(self, below: int | None = None) -> Moments:
        """Exact moments of the samples (of the trajectories with an index below `below`)."""
        return index_ranges.moments(self.plan, self.pieces(), below)

    def _rows(self, first, last):
        """(part, first row, last row in the part) that make up rows first ... last-1."""
        row = 0
        for start, stop, part, offset in self.pieces():
            a, b = max(first, row), min(last, row + stop - start)
            if a < b:
                yield part, offset + a - row, offset + b - row
            row += stop - start

    def _empty(self, name):
        if name not in RECORDS:  # such as "event_count"
            return np.zeros(0, np.int64)
        shape = (0, len(self.plan.times), len(columns(self.plan.model, name)))
        return np.zeros(shape, RECORDS[name].dtype)

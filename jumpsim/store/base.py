"""The small interface that stores in memory and on disk share."""

import numpy as np

from ..errors import InputError
from ..statistics import Moments


class Store:
    """Trajectories of one plan, in parts that each cover ranges of indices.

    A store that can be written to also has `write(blocks)`, which returns when they are there for
    good, and `finish(stop_reason, complete)`, which ends a run and puts the parts of a complete
    one together.

    A part has `ranges`, `events`, `sums`, `read(name, first, last)` and `read_events(first, last)`
    on its own rows, which are in the order of its ranges.

    Attributes
    ----------
    plan : Plan
    path : pathlib.Path or None
    stop_reason : str or None
    """

    path = None
    stop_reason = None

    def __init__(self, plan):
        self.plan = plan
        self._parts = []

    @property
    def events(self):
        """Events simulated."""
        return sum(part.events for part in self._parts)

    def ranges(self):
        """Ranges (first, last) of the indices that are there, sorted, neighbours joined."""
        joined = []
        for first, last, _, _ in self._pieces():
            if joined and joined[-1][1] == first:
                joined[-1] = (joined[-1][0], last)
            else:
                joined.append((first, last))
        return joined

    def missing(self, ntraj):
        """Ranges of the indices below `ntraj` that are not there."""
        gaps, reached = [], 0
        for first, last in [*self.ranges(), (ntraj, ntraj)]:
            if reached < min(first, ntraj):
                gaps.append((reached, min(first, ntraj)))
            reached = max(reached, last)
        return gaps

    def read(self, name, first, last):
        """Rows first ... last-1 (in the order of their indices) of a variable."""
        found = [part.read(name, a, b) for part, a, b in self._rows(first, last)]
        if len(found) == 1:
            return found[0]
        return np.concatenate(found) if found else self._empty(name)

    def read_events(self, first, last):
        """Times and channels of the events of rows first ... last-1, one after the other."""
        found = [part.read_events(a, b) for part, a, b in self._rows(first, last)]
        if not found:
            return np.zeros(0), np.zeros(0, np.int32)
        return tuple(np.concatenate(arrays) for arrays in zip(*found, strict=True))

    def moments(self, below=None):
        """Exact moments of the counts of the trajectories (with an index below `below`).

        Raises
        ------
        InputError
            When neither sums nor counts were kept, or when sums straddle `below`.
        """
        shape = (len(self.plan.times), len(self.plan.model.pools))
        total = Moments.zero(shape)
        if "moments" not in self.plan.record and "counts" not in self.plan.record:
            raise InputError(
                f"averages need counts or moments, but the record is {', '.join(self.plan.record)}"
            )
        for part in self._parts:
            inside = [first for first, _ in part.ranges if below is None or first < below]
            if not inside:
                continue
            whole = below is None or max(last for _, last in part.ranges) <= below
            if part.sums is not None and whole:
                total += part.sums
            elif "counts" in self.plan.record:
                total += self._sums_of_counts(part, below, shape)
            else:
                raise InputError(f"only sums were kept, and some straddle trajectory {below}")
        return total

    def _sums_of_counts(self, part, below, shape):
        total, row = Moments.zero(shape), 0
        step = max(1, 2**22 // (shape[0] * shape[1]))
        for first, last in part.ranges:
            stop = last if below is None else max(first, min(last, below))
            for a in range(first, stop, step):
                b = min(a + step, stop)
                total += Moments.of(part.read("counts", row + a - first, row + b - first))
            row += last - first
        return total

    def _pieces(self):
        """(first index, last index, part, first row in the part), sorted by index."""
        pieces = []
        for part in self._parts:
            row = 0
            for first, last in part.ranges:
                pieces.append((first, last, part, row))
                row += last - first
        return sorted(pieces, key=lambda piece: piece[:2])

    def _rows(self, first, last):
        """(part, first row, last row in the part) that make up rows first ... last-1."""
        row = 0
        for start, stop, part, offset in self._pieces():
            a, b = max(first, row), min(last, row + stop - start)
            if a < b:
                yield part, offset + a - row, offset + b - row
            row += stop - start

    def _empty(self, name):
        columns = {"counts": self.plan.model.pools, "jumps": self.plan.model.channels}
        if name not in columns:
            return np.zeros(0, np.int64)
        return np.zeros((0, len(self.plan.times), len(columns[name])), np.int64)

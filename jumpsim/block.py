"""A run of trajectories in memory: what a worker delivers and a store takes."""

from dataclasses import dataclass

import numpy as np

from .statistics import Moments

_ARRAYS = ("counts", "expect", "jumps", "event_count", "event_time", "event_channel")


def sample_moments(model, samples):
    """Exact moments of samples, in whole multiples of the model's `sample_unit`."""
    if model.sample_unit != 1:
        samples = np.rint(samples * (1 / model.sample_unit)).astype(np.int64)
    return Moments.of(samples)


@dataclass(frozen=True)
class Block:
    """Trajectories first ... last-1 as an engine delivers them; None stands for what is not kept.

    Attributes
    ----------
    counts : ndarray, shape (rows, times, pools)
    expect : ndarray, shape (rows, times, observables)
    jumps : ndarray, shape (rows, times, channels)
    event_count : ndarray, shape (rows,)
    event_time, event_channel : ndarray, shape (events,)
    sums : statistics.Moments
        Of the samples, in units of the model's `sample_unit`.
    events : int
        Events simulated.
    """

    first: int
    last: int
    events: int
    counts: np.ndarray | None = None
    expect: np.ndarray | None = None
    jumps: np.ndarray | None = None
    event_count: np.ndarray | None = None
    event_time: np.ndarray | None = None
    event_channel: np.ndarray | None = None
    sums: Moments | None = None

    @property
    def ranges(self):
        """The one range of trajectory indices in here."""
        return [(self.first, self.last)]

    @property
    def nbytes(self):
        """Bytes of the arrays."""
        arrays = (getattr(self, name) for name in _ARRAYS)
        return sum(a.nbytes for a in arrays if a is not None)

    def read(self, name, first, last):
        """Rows first ... last-1 of "counts", "expect", "jumps" or "event_count"."""
        return getattr(self, name)[first:last]

    def read_events(self, first, last):
        """Times and channels of the events of rows first ... last-1, one after the other."""
        stop = np.concatenate([[0], np.cumsum(self.event_count[:last])])
        span = slice(stop[first], stop[last])
        return self.event_time[span], self.event_channel[span]


def join_blocks(blocks):
    """One block of blocks that follow each other without a gap."""
    if len(blocks) == 1:
        return blocks[0]

    def joined(name):
        arrays = [getattr(b, name) for b in blocks]
        return None if arrays[0] is None else np.concatenate(arrays)

    sums = None
    if blocks[0].sums is not None:
        sums = blocks[0].sums
        for block in blocks[1:]:
            sums += block.sums
    return Block(
        blocks[0].first,
        blocks[-1].last,
        sum(b.events for b in blocks),
        **{name: joined(name) for name in _ARRAYS},
        sums=sums,
    )


def join_neighbours(blocks):
    """Join the blocks that follow each other; returns a sorted list."""
    runs = []
    for block in sorted(blocks, key=lambda b: b.first):
        if runs and runs[-1][-1].last == block.first:
            runs[-1].append(block)
        else:
            runs.append([block])
    return [join_blocks(run) for run in runs]

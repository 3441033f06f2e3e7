"""A run of trajectories in memory: what a worker delivers and a store takes."""

from dataclasses import dataclass, replace

import numpy as np

from ..statistics.moments import Moments
from .chunks import PackedRows

_ARRAYS = ("counts", "expect", "jumps", "event_count", "event_time", "event_channel")
_NARROW = ("counts", "jumps")


def narrowest(array):
    """Narrowest signed integer type for an array: unsigned ones wrap when a user subtracts."""
    if array.dtype == np.int16 or isinstance(array, PackedRows):
        return array.dtype
    bits = int(np.bitwise_or.reduce(array, axis=None)) if array.size else 0
    if 0 <= bits < 2**15:  # one look at each number instead of two
        return np.dtype(np.int16)
    low, high = int(array.min(initial=0)), int(array.max(initial=0))
    return np.result_type(np.int16, np.min_scalar_type(low), np.min_scalar_type(-1 - high))


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
    counts : ndarray or PackedRows, shape (rows, times, pools)
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

    def narrowed(self):
        """The same block with counts and jumps in their narrowest types: less to hold or send."""
        arrays = {name: getattr(self, name) for name in _NARROW}
        return replace(
            self,
            **{n: a.astype(narrowest(a), copy=False) for n, a in arrays.items() if a is not None},
        )

    def packed(self, number):
        """The same block with everything of trajectories in chunks of `number` rows."""
        arrays = {name: getattr(self, name) for name in _ARRAYS[:4]}
        packed = {
            name: PackedRows(array, number, self.dtype(name))
            for name, array in arrays.items()
            if array is not None
        }
        return replace(self, **packed)

    def dtype(self, name):
        """Type that a variable is stored with."""
        array = getattr(self, name)
        return narrowest(array) if name in _NARROW else array.dtype

    def whole_chunks(self, name, number, dtype):
        """Chunks of `number` rows of this type that are made already."""
        rows = getattr(self, name)
        fits = isinstance(rows, PackedRows) and (rows.number, rows.dtype) == (number, dtype)
        return len(rows.chunks) if fits else 0

    def chunks(self, name, first, last):
        """Yield the chunks first ... last-1 of a variable, see `whole_chunks`."""
        yield from getattr(self, name).chunks[first:last] if first < last else ()

    def read(self, name, first, last):
        """Rows first ... last-1 of "counts", "expect", "jumps" or "event_count"."""
        return getattr(self, name)[first:last]

    def read_events(self, first, last):
        """Times and channels of the events of rows first ... last-1, one after the other."""
        stop = np.concatenate([[0], np.cumsum(self.event_count[:last])])
        span = slice(stop[first], stop[last])
        return self.event_time[span], self.event_channel[span]


def neighbours(blocks):
    """Lists of blocks that follow each other, sorted."""
    runs = []
    for block in sorted(blocks, key=lambda b: b.first):
        if runs and runs[-1][-1].last == block.first:
            runs[-1].append(block)
        else:
            runs.append([block])
    return runs


def join_blocks(blocks):
    """One block of blocks that follow each other without a gap; counts and jumps as int64."""

    def joined(name):
        arrays = [getattr(b, name) for b in blocks]
        if arrays[0] is None:
            return None
        dtype = np.int64 if name in _NARROW else arrays[0].dtype
        return np.concatenate(arrays, dtype=dtype)

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

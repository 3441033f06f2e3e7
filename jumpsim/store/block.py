"""Trajectories in memory: what a worker delivers and a store takes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ..statistics.moments import Moments
from .chunks import Chunk, PackedRows
from .records import OF_TRAJECTORIES

if TYPE_CHECKING:
    from ..model.base import BaseModel

_NARROWED = {v.name for v in OF_TRAJECTORIES if v.narrowed}
_ROWS = {v.name for v in OF_TRAJECTORIES if v.per_trajectory}


def narrowest(array: np.ndarray | PackedRows) -> np.dtype:
    """Narrowest signed integer type for an array: unsigned ones wrap when a user subtracts."""
    if array.dtype == np.int16 or isinstance(array, PackedRows):
        return array.dtype
    bits = int(np.bitwise_or.reduce(array, axis=None)) if array.size else 0
    if 0 <= bits < 2**15:  # one look at each number instead of two
        return np.dtype(np.int16)
    low, high = int(array.min(initial=0)), int(array.max(initial=0))
    return np.result_type(np.int16, np.min_scalar_type(low), np.min_scalar_type(-1 - high))


def sample_moments(model: "BaseModel", samples: np.ndarray) -> Moments:
    """Exact moments of samples, in whole multiples of `model.samples.unit`."""
    if model.samples.unit != 1:
        samples = np.rint(samples * (1 / model.samples.unit)).astype(np.int64)
    return Moments.of(samples)


@dataclass(frozen=True)
class Block:
    """Trajectories first ... last-1 as an engine delivers them.

    Attributes
    ----------
    first, last : int
    events : int
        Events simulated.
    arrays : mapping of str to ndarray or PackedRows
        The variables of single trajectories that are kept, by their names in `records.RECORDS`,
        such as "counts", shape (rows, times, pools), and "event_count", shape (rows,).
    sums : statistics.Moments or None
        Of the samples, in units of `model.samples.unit`.
    """

    first: int
    last: int
    events: int
    arrays: Mapping[str, np.ndarray | PackedRows] = field(default_factory=dict)
    sums: Moments | None = None

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The one range of trajectory indices in here."""
        return [(self.first, self.last)]

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return sum(array.nbytes for array in self.arrays.values())

    def narrowed(self) -> "Block":
        """The same block in the narrowest types that a file may have: less to hold or send."""
        arrays = {n: a.astype(self.dtype(n), copy=False) for n, a in self.arrays.items()}
        return replace(self, arrays=arrays)

    def packed(self, number: int) -> "Block":
        """The same block with all rows of trajectories in chunks of `number` rows."""
        arrays = {
            name: PackedRows(array, number, self.dtype(name)) if name in _ROWS else array
            for name, array in self.arrays.items()
        }
        return replace(self, arrays=arrays)

    def dtype(self, name: str) -> np.dtype:
        """Type that a variable is stored with."""
        array = self.arrays[name]
        return narrowest(array) if name in _NARROWED else array.dtype

    def whole_chunks(self, name: str, number: int, dtype: np.dtype) -> int:
        """Number of chunks of `number` rows of this type that are made already."""
        rows = self.arrays[name]
        fits = isinstance(rows, PackedRows) and (rows.number, rows.dtype) == (number, dtype)
        return len(rows.chunks) if fits else 0

    def chunks(self, name: str, first: int, last: int) -> Iterator[Chunk]:
        """Yield the chunks first ... last-1 of a variable, see `whole_chunks`."""
        yield from self.arrays[name].chunks[first:last] if first < last else ()

    def read(self, name: str, first: int, last: int) -> np.ndarray:
        """Rows first ... last-1 of a variable that has one row for each trajectory."""
        return self.arrays[name][first:last]

    def read_events(self, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """Times and channels of the events of rows first ... last-1, one after the other."""
        stop = np.concatenate([[0], np.cumsum(self.arrays["event_count"][:last])])
        span = slice(stop[first], stop[last])
        return self.arrays["event_time"][span], self.arrays["event_channel"][span]


def neighbours(blocks: Iterable[Block]) -> list[list[Block]]:
    """Lists of blocks that follow each other, sorted."""
    runs: list[list[Block]] = []
    for block in sorted(blocks, key=lambda b: b.first):
        if runs and runs[-1][-1].last == block.first:
            runs[-1].append(block)
        else:
            runs.append([block])
    return runs


def join_blocks(blocks: Sequence[Block]) -> Block:
    """One block of blocks that follow each other without a gap; narrowed numbers as int64."""

    def joined(name):
        arrays = [block.arrays[name] for block in blocks]
        dtype = np.int64 if name in _NARROWED else arrays[0].dtype
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
        {name: joined(name) for name in blocks[0].arrays},
        sums,
    )

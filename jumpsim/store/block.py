"""Blocks of trajectories in memory: workers return them and stores save them."""

import functools
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..engine import Unfinished
from ..statistics.moments import Moments
from .chunks import Chunk, PackedRows
from .records import OF_TRAJECTORIES

if TYPE_CHECKING:
    from ..model.base import BaseModel

_NARROWED = {v.name for v in OF_TRAJECTORIES if v.narrowed}
_ROWS = {v.name for v in OF_TRAJECTORIES if v.per_trajectory}


def narrowest(array: NDArray[Any] | PackedRows) -> np.dtype[Any]:
    """Narrowest signed integer type for an array; differences of unsigned types would wrap."""
    if array.dtype == np.int16 or isinstance(array, PackedRows):
        return array.dtype
    bits = int(np.bitwise_or.reduce(array, axis=None)) if array.size else 0
    if 0 <= bits < 2**15:  # reads each number once instead of twice
        return np.dtype(np.int16)
    low, high = int(array.min(initial=0)), int(array.max(initial=0))
    return np.result_type(np.int16, np.min_scalar_type(low), np.min_scalar_type(-1 - high))


def sample_moments(model: "BaseModel", samples: NDArray[Any], pairs: bool) -> Moments:
    """Exact moments of samples, in integer multiples of `model.samples.unit`."""
    if model.samples.unit != 1:
        samples = np.rint(samples * (1 / model.samples.unit)).astype(np.int64)
    return Moments.of(samples, pairs)


@dataclass(frozen=True)
class Block:
    """Trajectories first ... last-1 of one run.

    Attributes
    ----------
    first, last : int
        First trajectory index, and last index + 1.
    events : int
        Number of simulated events.
    arrays : mapping of str to ndarray or PackedRows
        The recorded variables of single trajectories, by their names in `records.RECORDS`, such
        as "counts", shape (rows, times, pools), and "event_count", shape (rows,).
    sums : statistics.Moments or None
        Moments of the samples, in units of `model.samples.unit`.
    unfinished : engine.Unfinished or None
        Trajectory `last`, at which the simulation was stopped, to be continued.
    """

    first: int
    last: int
    events: int
    arrays: Mapping[str, NDArray[Any] | PackedRows] = field(default_factory=dict)
    sums: Moments | None = None
    unfinished: Unfinished | None = None

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The one range of trajectory indices of the block."""
        return [(self.first, self.last)]

    @property
    def nbytes(self) -> int:
        """Size of the arrays in bytes."""
        return sum(array.nbytes for array in self.arrays.values())

    def narrowed(self) -> "Block":
        """The same block in the narrowest types that a file can have; saves memory."""
        arrays = {n: a[:].astype(self.dtype(n), copy=False) for n, a in self.arrays.items()}
        return replace(self, arrays=arrays)

    def packed(self, number: int) -> "Block":
        """The same block with its rows compressed in chunks of `number` rows."""
        arrays = {
            name: PackedRows(array[:], number, self.dtype(name)) if name in _ROWS else array
            for name, array in self.arrays.items()
        }
        return replace(self, arrays=arrays)

    def dtype(self, name: str) -> np.dtype[Any]:
        """Type with which a variable is stored."""
        array = self.arrays[name]
        return narrowest(array) if name in _NARROWED else array.dtype

    def complete_chunks(self, name: str, number: int, dtype: np.dtype[Any]) -> int:
        """Number of chunks of `number` rows of this type that are compressed already."""
        rows = self.arrays[name]
        if not isinstance(rows, PackedRows) or (rows.number, rows.dtype) != (number, dtype):
            return 0
        return len(rows.chunks)

    def chunks(self, name: str, first: int, last: int) -> Iterator[Chunk]:
        """Yield the chunks first ... last-1 of a variable, see `complete_chunks`."""
        rows = self.arrays[name]
        if isinstance(rows, PackedRows):
            yield from rows.chunks[first:last]

    def read(self, name: str, first: int, last: int) -> NDArray[Any]:
        """Rows first ... last-1 of a variable that has one row for each trajectory."""
        return self.arrays[name][first:last]

    def read_events(self, first: int, last: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Times and channels of the events of rows first ... last-1, concatenated."""
        stop = np.concatenate([[0], np.cumsum(self.arrays["event_count"][:last])])
        span = slice(stop[first], stop[last])
        return self.arrays["event_time"][span], self.arrays["event_channel"][span]


@dataclass(frozen=True)
class WrittenBlock:
    """Description of a block that a worker wrote to disk itself; returned instead of the block.

    Attributes
    ----------
    file : pathlib.Path
    first, last : int
        First trajectory index, and last index + 1.
    events : int
        Number of simulated events.
    nbytes : int
        Size of the arrays in memory.
    """

    file: Path
    first: int
    last: int
    events: int
    nbytes: int


def neighbours(blocks: Iterable[Block]) -> list[list[Block]]:
    """Sort blocks and group those whose ranges of indices are adjacent."""
    groups: list[list[Block]] = []
    for block in sorted(blocks, key=lambda b: b.first):
        if groups and groups[-1][-1].last == block.first:
            groups[-1].append(block)
        else:
            groups.append([block])
    return groups


def join_blocks(blocks: Sequence[Block]) -> Block:
    """Join blocks with adjacent ranges of indices."""
    if len(blocks) == 1:
        return blocks[0]

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([block.arrays[name][:] for block in blocks])

    sums = [block.sums for block in blocks if block.sums is not None]
    return Block(
        blocks[0].first,
        blocks[-1].last,
        sum(b.events for b in blocks),
        {name: joined(name) for name in blocks[0].arrays},
        functools.reduce(operator.add, sums) if sums else None,
        blocks[-1].unfinished,
    )

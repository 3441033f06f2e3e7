"""Chunks of a variable: compressed by the workers, and handed to HDF5 as they stand.

HDF5 would compress with a slower library, one chunk at a time under its lock, and once more when
the blocks of a run are put together; a chunk that is made here is taken over as it is wherever it
falls on one of the finished file. What is stored is what HDF5's own filters (shuffle, deflate)
make and read.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from ..errors import StoreError

try:
    from isal.isal_zlib import compress, crc32, decompress
except ImportError:  # a processor without it: the same format, only slower
    from zlib import compress, crc32, decompress

__all__ = ["FILTERS", "Chunk", "PackedRows", "crc32", "cut", "encode", "leaf"]

FILTERS = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


class Chunk(NamedTuple):
    """Some rows of a variable as they are stored."""

    leaf: bytes  # digest of the rows
    data: bytes


class PackedRows:
    """Rows of a variable, compressed but for the last ones, which do not fill a chunk.

    Parameters
    ----------
    rows : ndarray
    number : int
        Rows in a chunk.
    dtype : dtype, optional
        What they are stored as.
    """

    def __init__(self, rows: np.ndarray, number: int, dtype: np.dtype | None = None):
        self.number, self.dtype, self.shape = number, np.dtype(dtype or rows.dtype), rows.shape
        self.chunks, end = [], len(rows) // number * number
        for k in range(0, end, number):
            part = rows[k : k + number].astype(self.dtype, copy=False)
            # The library is checked once for each variable of a block.
            self.chunks.append(encode(part, number, checked=k == 0))
        self.rest = rows[end:].astype(self.dtype)
        self.nbytes = self.rest.nbytes + sum(len(chunk.data) for chunk in self.chunks)

    def __getitem__(self, span: slice) -> np.ndarray:
        first, last, _ = span.indices(self.shape[0])
        whole, number = len(self.chunks) * self.number, self.number
        found = [
            self._decoded(k)[max(first - k * number, 0) : last - k * number]
            for k in range(first // number, -(-min(last, whole) // number))
        ]
        found.append(self.rest[max(first - whole, 0) : max(last - whole, 0)])
        return np.concatenate(found)

    def _decoded(self, k):
        size, count = self.dtype.itemsize, self.number * int(np.prod(self.shape[1:]))
        shuffled = np.frombuffer(decompress(self.chunks[k].data, bufsize=size * count), np.uint8)
        rows = shuffled.reshape(size, count).T.copy().view(self.dtype)
        return rows.reshape(self.number, *self.shape[1:])


def _shuffled(rows):
    """First bytes of all numbers, second bytes of all numbers, ...: (bytes, numbers) uint8."""
    flat, size = np.ascontiguousarray(rows).reshape(-1), rows.dtype.itemsize
    if rows.dtype.kind != "i":
        return np.ascontiguousarray(flat.view(np.uint8).reshape(-1, size).T)
    shuffled = np.empty((size, len(flat)), np.uint8)
    for k in range(size):  # several times faster than picking bytes
        np.copyto(shuffled[k], flat >> 8 * k if k else flat, casting="unsafe")
    return shuffled


def _digest(shuffled):
    """Digest of numbers without their upper bytes that are 0 everywhere: of any integer type."""
    used = len(shuffled)
    while used > 1 and not shuffled[used - 1].any():
        used -= 1
    return hashlib.blake2b(shuffled[:used].data, digest_size=16).digest()


def leaf(rows: np.ndarray) -> bytes:
    """Digest of the rows of one chunk; a checksum is made of these."""
    return _digest(_shuffled(rows))


def encode(rows: np.ndarray, number: int, checked: bool = True) -> Chunk:
    """Chunk of `number` rows, of which the last ones may be missing.

    When it is checked, it is decompressed again and compared.
    """
    shuffled = _shuffled(rows)
    digest = _digest(shuffled)
    if len(rows) < number:
        missing = np.zeros((number - len(rows), *rows.shape[1:]), rows.dtype)
        shuffled = np.hstack([shuffled, _shuffled(missing)])
    meant = shuffled.tobytes()
    data = compress(meant, 1)
    if checked and decompress(data, bufsize=len(meant)) != meant:
        raise StoreError("what was compressed does not decompress to what it was")
    return Chunk(digest, data)


def cut(slabs: Iterable[np.ndarray | Chunk], number: int) -> Iterator[np.ndarray | Chunk]:
    """Arrays of `number` rows, the last one shorter, of slabs of any length.

    A `Chunk` among the slabs stands for `number` rows that begin where one of these arrays would;
    it is passed on.
    """
    held, size = [], 0
    for slab in slabs:
        if isinstance(slab, Chunk):
            yield slab
            continue
        while size + len(slab) >= number:
            held.append(slab[: number - size])
            slab = slab[number - size :]
            yield held[0] if len(held) == 1 else np.concatenate(held)
            held, size = [], 0
        if len(slab):
            held.append(slab)
            size += len(slab)
    if held:
        yield np.concatenate(held)

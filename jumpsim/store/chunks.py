"""Chunks of a variable: compressed by the workers, and written to HDF5 without further filters.

HDF5 would compress with a slower library, one chunk at a time under its lock, and a second time
when the blocks of a run are joined. A chunk that was compressed here is copied unchanged when its
rows are exactly the rows of a chunk of the finished file. The stored bytes are in the format of
HDF5's own filters (shuffle, deflate), so that any HDF5 library can read them.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError

try:
    from isal.isal_zlib import compress, crc32, decompress
except ImportError:  # not available for every processor; zlib has the same format but is slower
    from zlib import compress, crc32, decompress

__all__ = ["FILTERS", "Chunk", "PackedRows", "crc32", "cut", "encode", "leaf"]

FILTERS = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


class Chunk(NamedTuple):
    """Some rows of a variable as they are stored."""

    leaf: bytes  # digest of the rows
    data: bytes


class PackedRows:
    """Rows of a variable, compressed in chunks; the last rows, if they fill no chunk, are not.

    Parameters
    ----------
    rows : ndarray, shape (rows, ...)
    number : int
        Number of rows in a chunk.
    dtype : dtype, optional
        Type with which they are stored; default that of `rows`.

    Attributes
    ----------
    chunks : list of Chunk
        The complete chunks.
    rest : ndarray
        The last rows, uncompressed.
    nbytes : int
        Size in bytes.

    Examples
    --------
    >>> import numpy as np
    >>> rows = PackedRows(np.arange(10), number=4)
    >>> len(rows.chunks), rows[2:9].tolist()
    (2, [2, 3, 4, 5, 6, 7, 8])
    """

    def __init__(self, rows: NDArray[Any], number: int, dtype: np.dtype[Any] | None = None) -> None:
        self.number, self.dtype, self.shape = number, np.dtype(dtype or rows.dtype), rows.shape
        self.chunks: list[Chunk] = []
        end = len(rows) // number * number
        for k in range(0, end, number):
            part = rows[k : k + number].astype(self.dtype, copy=False)
            # One check per variable and block is enough to detect a faulty library.
            self.chunks.append(encode(part, number, checked=k == 0))
        self.rest = rows[end:].astype(self.dtype)
        self.nbytes = self.rest.nbytes + sum(len(chunk.data) for chunk in self.chunks)

    def __getitem__(self, span: slice) -> NDArray[Any]:
        first, last, _ = span.indices(self.shape[0])
        packed, number = len(self.chunks) * self.number, self.number  # rows in chunks
        found = [
            self._decoded(k)[max(first - k * number, 0) : last - k * number]
            for k in range(first // number, -(-min(last, packed) // number))
        ]
        found.append(self.rest[max(first - packed, 0) : max(last - packed, 0)])
        return np.concatenate(found)

    def _decoded(self, k: int) -> NDArray[Any]:
        size, count = self.dtype.itemsize, self.number * int(np.prod(self.shape[1:]))
        shuffled = np.frombuffer(decompress(self.chunks[k].data, bufsize=size * count), np.uint8)
        rows = shuffled.reshape(size, count).T.copy().view(self.dtype)
        return rows.reshape(self.number, *self.shape[1:])


def _shuffled(rows: NDArray[Any]) -> NDArray[np.uint8]:
    """First bytes of all numbers, then second bytes of all numbers, ...: (bytes, numbers)."""
    flat, size = np.ascontiguousarray(rows).reshape(-1), rows.dtype.itemsize
    if rows.dtype.kind != "i":
        return np.ascontiguousarray(flat.view(np.uint8).reshape(-1, size).T)
    shuffled = np.empty((size, len(flat)), np.uint8)
    for k in range(size):  # several times faster than a transposed copy of the bytes
        np.copyto(shuffled[k], flat >> 8 * k if k else flat, casting="unsafe")
    return shuffled


def _digest(shuffled: NDArray[np.uint8]) -> bytes:
    """Digest without the upper bytes that are 0 in all numbers: independent of integer type."""
    used = len(shuffled)
    while used > 1 and not shuffled[used - 1].any():
        used -= 1
    return hashlib.blake2b(shuffled[:used].data, digest_size=16).digest()


def leaf(rows: NDArray[Any]) -> bytes:
    """Digest of the rows of one chunk; the checksum of a file is computed from these digests."""
    return _digest(_shuffled(rows))


def encode(rows: NDArray[Any], number: int, checked: bool = True) -> Chunk:
    """Compress one chunk.

    Parameters
    ----------
    rows : ndarray, shape (at most number, ...)
        Missing rows are filled with zeros, which are not part of the digest.
    number : int
        Number of rows in a chunk.
    checked : bool
        Whether to decompress the result again and compare it.

    Returns
    -------
    Chunk

    Raises
    ------
    StoreError
        When the check finds a difference.
    """
    shuffled = _shuffled(rows)
    digest = _digest(shuffled)
    if len(rows) < number:
        missing = np.zeros((number - len(rows), *rows.shape[1:]), rows.dtype)
        shuffled = np.hstack([shuffled, _shuffled(missing)])
    original = shuffled.tobytes()
    data = compress(original, 1)
    if checked and decompress(data, bufsize=len(original)) != original:
        raise StoreError(
            "a compressed chunk does not decompress to the original bytes; check the memory and "
            "the compression library of this machine"
        )
    return Chunk(digest, data)


def cut(slabs: Iterable[NDArray[Any] | Chunk], number: int) -> Iterator[NDArray[Any] | Chunk]:
    """Cut slabs of any length into arrays of `number` rows; the last one may be shorter.

    A `Chunk` among the slabs represents `number` rows that begin where one of these arrays would
    begin; it is yielded unchanged.
    """
    held: list[NDArray[Any]] = []
    size = 0
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

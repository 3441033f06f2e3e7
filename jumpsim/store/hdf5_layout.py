"""Layout of the files: HDF5 that is also valid netCDF4, written once and never changed.

The files of blocks and of finished runs have the same layout. Every variable has a dimension
scale on each axis, `units` and `long_name`; events are CF contiguous ragged arrays. The attribute
`run` contains the plan, `ranges` the trajectory indices, and `checksum` a BLAKE2b digest of the
ranges and of the digests of the chunks of all variables.
"""

import contextlib
import errno
import hashlib
import json
import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from ..utils import provenance
from ..utils.typing import Array, IntArray
from . import chunks, records, seals
from .block import narrowest
from .index_ranges import events, moments
from .index_ranges import ranges as covered
from .outcome import Outcome
from .part import P, Part, Piece
from .plan import Plan
from .variables import EVENT_COUNT, Variable

FORMAT = "jumpsim trajectories"
FORMAT_VERSION = 2

_CHUNK_BYTES = 2**18  # small enough for a processor's cache
_MOST_ROWS = 2**12  # largest number of trajectories in a chunk
_MOST_LEAVES = 2**11  # largest number of chunks whose digests are stored in an attribute
_IN_MEMORY_BYTES = 2**26
SLAB_BYTES = 2**22
_PURE_DIMENSION = "This is a netCDF dimension but not a netCDF variable."  # netCDF-4 convention


def chunk_rows(plan: Plan) -> int:
    """Number of trajectories in a chunk: equal for all variables, so that blocks can align."""
    columns = max(len(records.columns(plan.model, name)) for name in plan.record)
    row_bytes = 2 * len(plan.times) * columns
    return max(1, min(_MOST_ROWS, _CHUNK_BYTES // max(row_bytes, 1)))


def write(
    path: Path, plan: Plan, pieces: Sequence[Piece[P]], outcome: Outcome | None = None
) -> tuple[str, int]:
    """Write one new file; the caller gives it its final name after it was checked.

    Parameters
    ----------
    path : path
        Must not exist.
    plan : Plan
    pieces : list of (first, last, part, row)
        Sorted by index, without overlap; `row` is the first row in the part.
    outcome : Outcome, optional
        Why a finished run ended.

    Returns
    -------
    checksum : str
        The checksum in the file.
    crc : int
        Checksum of all chunks that were written, to be compared with `FilePart.crc`.

    Raises
    ------
    OSError
        When the disk is full, or the file cannot be written.
    """
    ranges = np.array(covered(pieces), np.int64)
    parts = list({id(part): part for _, _, part, _ in pieces}.values())
    digest, crc = content_digest(ranges), 0
    n_events = events(pieces)
    with _new_file(path, parts) as file:
        file.attrs["Conventions"] = "CF-1.11"
        file.attrs["title"] = f"Single photon events of {plan.model.name}"
        file.attrs["format"] = FORMAT
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs["run"] = run = provenance.canonical_json(plan.asdict())
        file.attrs["context"] = json.dumps(provenance.context())
        file.attrs["ranges"] = ranges.ravel()  # attributes of netCDF have at most one dimension
        file.attrs["events"] = n_events
        file.attrs["header_checksum"] = header_digest(run, plan.times, ranges, n_events)
        if outcome:
            file.attrs["stop_reason"] = str(outcome)
            file.attrs["outcome"] = provenance.canonical_json(outcome.asdict())
        contents = _contents(plan, pieces, parts)
        sizes = _write_scales(file, plan, ranges, contents)
        for variable, content in contents:
            crc = _write_variable(file, variable, sizes, content, digest, crc)
        file.attrs["checksum"] = digest.hexdigest()
    return digest.hexdigest(), crc


@contextlib.contextmanager
def _new_file(path: Path, parts: Sequence[Part]) -> Iterator[h5py.File]:
    """Create an HDF5 file such that a full disk raises an ordinary `OSError`.

    After a write that fails, HDF5 prints to stderr and may crash later. Therefore a file of up to
    64 MB is created in memory and then written with one call of the system; for a larger one, the
    free space is checked first.
    """
    size = sum(part.nbytes for part in parts)
    if size < _IN_MEMORY_BYTES:
        with h5py.File(path.name, "w", driver="core", backing_store=False) as file:
            yield file
            file.flush()
            image = file.id.get_file_image()
        with open(path, "xb") as out:
            out.write(seals.sealed(image))
        return
    free = shutil.disk_usage(path.parent).free
    if free < 1.1 * size:
        raise OSError(errno.ENOSPC, f"No space left: {free} bytes are free, {size} needed")
    with h5py.File(path, "x") as file:
        yield file
    with open(path, "rb+") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
        file.write(seals.seal(digest.digest()))


class _Content(NamedTuple):
    """Content of a variable that will be written."""

    length: int  # of the first axis
    rows: int  # number of rows in a chunk
    dtype: np.dtype[Any]
    slabs: Callable[[], Iterator[NDArray[Any] | chunks.Chunk]]


def _contents(
    plan: Plan, pieces: Sequence[Piece[P]], parts: Sequence[P]
) -> list[tuple[Variable, _Content]]:
    """Each variable with its content, in the order of the checksum."""
    number, trajectories = chunk_rows(plan), sum(last - first for first, last, _, _ in pieces)
    number = min(number, max(trajectories, 1))

    def rows_of(variable: Variable) -> _Content:
        name = variable.name
        dtype = np.result_type(np.int16, *(part.dtype(name) for part in parts))

        def slabs() -> Iterator[NDArray[Any] | chunks.Chunk]:
            at = 0
            for first, last, part, row in pieces:
                step = max(1, SLAB_BYTES // (8 * _row_numbers(plan, variable)))
                stop = row + last - first
                head, tail = _aligned(part, name, row, stop, at, number, dtype)
                yield from _arrays(part, name, row, head, step)
                yield from part.chunks(name, head // number, tail // number)
                yield from _arrays(part, name, tail, stop, step)
                at += last - first

        return _Content(trajectories, number, dtype, slabs)

    ragged = [v.name for v in plan.variables if v.per_event]

    def events_of(variable: Variable) -> _Content:
        position = ragged.index(variable.name)
        dtype: np.dtype[Any] = np.dtype(variable.dtype or np.int64)
        if variable.index_into:
            largest = len(records.labels(plan.model, variable.index_into))
            dtype = narrowest(np.array([largest]))

        def slabs() -> Iterator[NDArray[Any]]:
            for first, last, part, row in pieces:
                for a, b in event_slabs(part, row, row + last - first):
                    yield part.read_events(a, b)[position]

        return _Content(events(pieces), _CHUNK_BYTES // 8, dtype, slabs)

    averages = _averages(plan, pieces)

    def average_of(variable: Variable) -> _Content:
        array = averages[variable.name]
        rows = max(1, _CHUNK_BYTES // max(1, array[:1].nbytes))
        return _Content(len(array), rows, array.dtype, lambda: iter([array]))

    contents = []
    for variable in plan.variables:
        make = average_of
        if variable.per_trajectory:
            make = rows_of
        elif variable.per_event:
            make = events_of
        contents.append((variable, make(variable)))
    return contents


def _averages(plan: Plan, pieces: Sequence[Piece[P]]) -> dict[str, NDArray[Any]]:
    """Arrays of the records of sums, by the names of their variables."""
    found: dict[str, NDArray[Any]] = {}
    unit = plan.model.samples.unit
    for record in (records.RECORDS[name] for name in plan.record):
        if record.sums:
            sums = moments(plan, pieces, pairs=record.pairs)
            spread = sums.cov() if record.pairs else sums.var()
            arrays = (*sums.words(), sums.mean() * unit, spread * unit**2)
            names = (variable.name for variable in records.averages(plan.model, record.name))
            found |= zip(names, arrays, strict=True)
    return found


def _aligned(
    part: Part, name: str, row: int, stop: int, at: int, number: int, dtype: np.dtype[Any]
) -> tuple[int, int]:
    """Rows (first, last + 1) of a part whose compressed chunks can be copied unchanged.

    They must be complete chunks both in the part and in the new file, in which row `row` of the
    part is row `at`.
    """
    head = row + -at % number
    tail = min(stop, number * part.complete_chunks(name, number, dtype)) // number * number
    return (head, tail) if head % number == 0 and head < tail else (stop, stop)


def _arrays(part: Part, name: str, first: int, last: int, step: int) -> Iterator[NDArray[Any]]:
    for a in range(first, last, step):
        yield part.read(name, a, min(a + step, last))


def event_slabs(part: Part, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Ranges of rows of a part whose events fit into a slab; each has at least one row."""
    counts = part.read("event_count", first, last)
    a, size = first, 0
    for row, n in enumerate(counts.tolist(), start=first):
        if row > a and size + n > SLAB_BYTES // 8:
            yield a, row
            a, size = row, 0
        size += n
    if a < last:
        yield a, last


def _row_numbers(plan: Plan, variable: Variable) -> int:
    """Number of array elements in one row of a variable."""
    lengths = {"time": len(plan.times)}
    return math.prod(
        lengths.get(d) or len(records.labels(plan.model, d)) for d in variable.dimensions[1:]
    )


def _write_scales(
    file: h5py.File,
    plan: Plan,
    ranges: IntArray,
    contents: Sequence[tuple[Variable, _Content]],
) -> dict[str, int]:
    """Write the variable of each dimension that is used; returns the lengths of the dimensions."""
    indices = [np.arange(first, last) for first, last in ranges]
    text = h5py.string_dtype("utf-8")
    known: dict[str, tuple[NDArray[Any], Any, str | None, str]] = {
        "time": (plan.times, None, "s", "time since the start"),
        "trajectory": (
            np.concatenate([np.zeros(0, np.int64), *indices]),
            np.int64,
            "1",
            "index of the trajectory",
        ),
        "word": (np.arange(2), np.int64, "1", "0 for the high word, 1 for the low one"),
    }
    used = records.dimensions(variable for variable, _ in contents) | {"time"}
    scales = {}
    for name in records.DIMENSIONS:
        if name in known and name in used:
            scales[name] = known[name]
        elif name in used:
            labels = np.array(records.labels(plan.model, name), dtype=object)
            scales[name] = (labels, text, None, records.LABELS[name][0])
    sizes = {}
    for name, (values, dtype, unit, long_name) in scales.items():
        dataset = file.create_dataset(name, data=values, dtype=dtype)
        dataset.make_scale(name)
        dataset.attrs["long_name"] = long_name
        if unit:
            dataset.attrs["units"] = unit
        sizes[name] = len(values)
    lengths = [content.length for variable, content in contents if variable.per_event]
    if lengths:
        sizes["event"] = lengths[0]
        dimension = file.create_dataset("event", (sizes["event"],), ">f4")
        dimension.make_scale(f"{_PURE_DIMENSION}{sizes['event']:>10}")
    return sizes


def _write_variable(
    file: h5py.File,
    variable: Variable,
    sizes: dict[str, int],
    content: _Content,
    digest: "hashlib.blake2b",
    crc: int,
) -> int:
    """Write a variable, and update the checksum `digest`; returns the updated `crc`."""
    name, dimensions = variable.name, variable.dimensions
    shape = tuple(sizes[d] for d in dimensions)
    rows, empty = min(content.rows, shape[0]), 0 in shape
    filters = {} if empty else chunks.FILTERS | {"chunks": (rows, *shape[1:])}
    dataset = file.create_dataset(name, shape, content.dtype, **filters)
    dataset.attrs["long_name"] = variable.long_name
    dataset.attrs["units"] = variable.units
    if variable is EVENT_COUNT and "event" in sizes:
        dataset.attrs["sample_dimension"] = "event"
    for axis, dimension in enumerate(dimensions):
        dataset.dims[axis].attach_scale(file[dimension])
    digest.update(name.encode())
    leaves = []
    for k, chunk in enumerate(() if empty else chunks.cut(content.slabs(), rows)):
        if not isinstance(chunk, chunks.Chunk):
            chunk = chunks.encode(chunk.astype(dataset.dtype, copy=False), rows)
        dataset.id.write_direct_chunk((k * rows, *(0 for _ in shape[1:])), chunk.data)
        leaves.append(chunk.leaf)
        crc = chunks.crc32(chunk.data, crc)
    digest.update(b"".join(leaves))
    if not empty and len(leaves) <= _MOST_LEAVES:
        dataset.attrs["leaves"] = np.frombuffer(b"".join(leaves), np.uint8)
    return crc


def header_digest(run: str, times: Array, ranges: IntArray, events: int) -> str:
    """Checksum of the header: the run, its times, and the trajectories in the file."""
    digest = hashlib.blake2b(run.encode(), digest_size=16)
    digest.update(np.ascontiguousarray(times, "<f8").data)
    digest.update(np.ascontiguousarray(ranges, "<i8").data)
    digest.update(str(events).encode())
    return digest.hexdigest()


def content_digest(ranges: IntArray) -> "hashlib.blake2b":
    """Begin the checksum of the content with the ranges; the variables are added later."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(np.ascontiguousarray(ranges, "<i8").tobytes())
    return digest

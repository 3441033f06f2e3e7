"""The file: plain HDF5 that is also valid netCDF4, written whole and never changed.

A block of a run in progress and a finished run have the same layout. Every variable has a
dimension scale on each axis, `units` and `long_name`; events are CF contiguous ragged arrays. The
attribute `run` holds the plan, `ranges` the trajectory indices, `checksum` a BLAKE2b digest of the
ranges and of the digests of every variable's chunks.
"""

import contextlib
import errno
import hashlib
import json
import shutil
from collections.abc import Callable
from typing import NamedTuple

import h5py
import numpy as np

from ..utils import provenance
from . import chunks
from .block import narrowest
from .index_ranges import events, moments
from .index_ranges import ranges as covered

FORMAT = "jumpsim trajectories"
FORMAT_VERSION = 2
SEAL, SEAL_BYTES = b"jumpsim\0", 24

_CHUNK_BYTES = 2**18  # small enough for a processor's cache
_MOST_ROWS = 2**12  # of trajectories, in a chunk
_MOST_LEAVES = 2**11  # of which an attribute holds the digests
_IN_MEMORY_BYTES = 2**26
SLAB_BYTES = 2**22
_PURE_DIMENSION = "This is a netCDF dimension but not a netCDF variable."  # netCDF-4 convention

# name: (dimensions, dtype or None for the narrowest integer, units, long name)
_VARIABLES = {
    "event_count": (("trajectory",), np.int64, "1", "number of events of the trajectory"),
    "counts": (("trajectory", "time", "pool"), None, "1", "quanta in the pool, right-continuous"),
    "expect": (
        ("trajectory", "time", "observable"),
        np.float64,
        "1",
        "expectation value in the state of the trajectory, right-continuous",
    ),
    "jumps": (
        ("trajectory", "time", "channel"),
        None,
        "1",
        "events of the channel up to and including this time",
    ),
    "event_time": (("event",), np.float64, "s", "time of the event"),
    "event_channel": (("event",), None, "1", "channel of the event, index into channel"),
    "count_sum": (
        ("time", "pool", "word"),
        np.int64,
        "1",
        "sum of the counts over trajectories, as two 64-bit words (high, low)",
    ),
    "count_product_sum": (
        ("time", "pool", "other_pool", "word"),
        np.int64,
        "1",
        "sum of the products of two pools' counts, as two 64-bit words (high, low)",
    ),
    "mean": (("time", "pool"), np.float64, "1", "average count over trajectories"),
    "covariance": (
        ("time", "pool", "other_pool"),
        np.float64,
        "1",
        "covariance of two pools' counts, divisor n - 1",
    ),
    "expect_sum": (
        ("time", "observable", "word"),
        np.int64,
        "1",
        "sum of the expectation values in whole multiples of 2^-32, as two 64-bit words",
    ),
    "expect_product_sum": (
        ("time", "observable", "other_observable", "word"),
        np.int64,
        "1",
        "sum of their products in multiples of 2^-64, as two 64-bit words (high, low)",
    ),
    "expect_mean": (("time", "observable"), np.float64, "1", "average over trajectories"),
    "expect_covariance": (
        ("time", "observable", "other_observable"),
        np.float64,
        "1",
        "covariance of two expectation values between trajectories, divisor n - 1",
    ),
}
_OF_RECORD = {
    "counts": ("counts",),
    "expect": ("expect",),
    "jumps": ("jumps",),
    "events": ("event_time", "event_channel"),
}
# Sums, sums of products, averages and covariances of each kind of sample.
MOMENTS = {
    "counts": ("count_sum", "count_product_sum", "mean", "covariance"),
    "expect": ("expect_sum", "expect_product_sum", "expect_mean", "expect_covariance"),
}
# Name of the dimension of each kind of sample, and what it is.
SCALES = {
    "counts": ("pool", "pool of quanta"),
    "expect": ("observable", "what the expectation value is of"),
}


def names(plan):
    """Variables of a file of this plan, in the order of the checksum."""
    variables = _OF_RECORD | {"moments": MOMENTS[plan.model.sampled]}
    wanted = {name for r in plan.record for name in variables[r]}
    if plan.record != ("moments",):
        wanted.add("event_count")
    return [name for name in _VARIABLES if name in wanted]


def is_real(name):
    """Whether a variable holds real numbers, not whole ones."""
    return _VARIABLES[name][1] is np.float64


def describe(name):
    """Dimensions, units and long name of a variable."""
    dimensions, _, unit, long_name = _VARIABLES[name]
    return dimensions, unit, long_name


def chunk_rows(plan):
    """Trajectories in a chunk: the same for each variable, so that blocks can end with one."""
    columns = [len(columns) for name, columns in plan.model.columns.items() if name in plan.record]
    row_bytes = 2 * len(plan.times) * max(columns, default=0)
    return max(1, min(_MOST_ROWS, _CHUNK_BYTES // max(row_bytes, 1)))


def write(path, plan, pieces, stop_reason=None):
    """Write one new file; the caller renames it once it is safe.

    Parameters
    ----------
    path : path
        Must not exist.
    plan : Plan
    pieces : list of (first, last, part, row)
        Sorted by index, without overlap; `row` is the first row in the part.
    stop_reason : str, optional
        Why a finished run ended.

    Returns
    -------
    checksum : str
        As it is in the file.
    crc : int
        Of all chunks as they were meant to be stored; compare `FilePart.crc`.
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
        file.attrs["ranges"] = ranges.ravel()  # netCDF knows no attributes of two dimensions
        file.attrs["events"] = n_events
        file.attrs["header_checksum"] = header_digest(run, plan.times, ranges, n_events)
        if stop_reason:
            file.attrs["stop_reason"] = stop_reason
        contents = _contents(plan, pieces, parts)
        sizes = _write_scales(file, plan, ranges, contents)
        for name, content in contents.items():
            crc = _write_variable(file, name, sizes, content, digest, crc)
        file.attrs["checksum"] = digest.hexdigest()
    return digest.hexdigest(), crc


@contextlib.contextmanager
def _new_file(path, parts):
    """Create an HDF5 file that meets a full disk in order.

    HDF5 does not survive a write that fails: it complains on stderr and may crash later. So a file
    of some megabytes is made in memory and written by the system; for a larger one there must be
    room before it is begun.
    """
    size = sum(part.nbytes for part in parts)
    if size < _IN_MEMORY_BYTES:
        with h5py.File(path.name, "w", driver="core", backing_store=False) as file:
            yield file
            file.flush()
            image = file.id.get_file_image()
        with open(path, "xb") as out:
            out.write(image + seal(hashlib.blake2b(image, digest_size=16)))
        return
    free = shutil.disk_usage(path.parent).free
    if free < 1.1 * size:
        raise OSError(errno.ENOSPC, f"No space left: {free} bytes are free, {size} needed")
    with h5py.File(path, "x") as file:
        yield file
    with open(path, "rb+") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
        file.write(seal(digest))


def seal(digest):
    """Return the last bytes of a file: a mark, and the checksum of all bytes before.

    HDF5 may crash over damaged bytes, so they are looked at before it sees them. It ignores what
    follows its own end of a file, and drops it when the file is opened for writing.
    """
    return SEAL + digest.digest()


class _Content(NamedTuple):
    """A variable that will be written."""

    length: int  # of the first axis
    rows: int  # in a chunk
    dtype: type
    slabs: Callable  # yields arrays, or chunks that are stored already


def _contents(plan, pieces, parts):
    """The `_Content` of each variable, in the order of the checksum."""
    number, trajectories = chunk_rows(plan), sum(last - first for first, last, _, _ in pieces)
    number = min(number, max(trajectories, 1))

    def stacked(name):
        dtype = np.result_type(np.int16, *(part.dtype(name) for part in parts))

        def slabs():
            at = 0
            for first, last, part, row in pieces:
                step = max(1, SLAB_BYTES // (8 * _columns(plan, name)))
                stop = row + last - first
                head, tail = _aligned(part, name, row, stop, at, number, dtype)
                yield from _arrays(part, name, row, head, step)
                yield from part.chunks(name, head // number, tail // number)
                yield from _arrays(part, name, tail, stop, step)
                at += last - first

        return _Content(trajectories, number, dtype, slabs)

    def ragged(position, dtype):
        def slabs():
            for first, last, part, row in pieces:
                for a, b in event_slabs(part, row, row + last - first):
                    yield part.read_events(a, b)[position]

        return _Content(events(pieces), _CHUNK_BYTES // 8, dtype, slabs)

    def once(array):
        rows = max(1, _CHUNK_BYTES // max(1, array[:1].nbytes))
        return _Content(len(array), rows, array.dtype, lambda: iter([array]))

    averaged = {}
    if "moments" in plan.record:
        sums = moments(plan, pieces)
        unit = plan.model.sample_unit
        found = (*sums.words(), sums.mean() * unit, sums.cov() * unit**2)
        averaged = dict(zip(MOMENTS[plan.model.sampled], map(once, found), strict=True))
    contents = {}
    for name in names(plan):
        if name == "event_time":
            contents[name] = ragged(0, np.dtype(np.float64))
        elif name == "event_channel":
            contents[name] = ragged(1, narrowest(np.array([len(plan.model.channels)])))
        elif name in averaged:
            contents[name] = averaged[name]
        else:
            contents[name] = stacked(name)
    return contents


def _aligned(part, name, row, stop, at, number, dtype):
    """Rows of a part that are whole chunks, and are so too where row `row` stands at `at`."""
    head = row + -at % number
    tail = min(stop, number * part.whole_chunks(name, number, dtype)) // number * number
    return (head, tail) if head % number == 0 and head < tail else (stop, stop)


def _arrays(part, name, first, last, step):
    for a in range(first, last, step):
        yield part.read(name, a, min(a + step, last))


def event_slabs(part, first, last):
    """Row ranges of a part whose events fit into a slab, one row at least."""
    counts = part.read("event_count", first, last)
    a, size = first, 0
    for row, n in enumerate(counts.tolist(), start=first):
        if row > a and size + n > SLAB_BYTES // 8:
            yield a, row
            a, size = row, 0
        size += n
    if a < last:
        yield a, last


def _columns(plan, name):
    columns = plan.model.columns
    return len(plan.times) * len(columns[name]) if name in columns else 1


def _write_scales(file, plan, ranges, contents):
    indices = [np.arange(first, last) for first, last in ranges]
    text = h5py.string_dtype("utf-8")
    sampled = plan.model.sampled
    scale, meaning = SCALES[sampled]
    columns = np.array(plan.model.columns[sampled], dtype=object)
    scales = {"time": (plan.times, None, "s", "time since the start")}
    if "event_count" in contents:
        scales["trajectory"] = (
            np.concatenate([np.zeros(0, np.int64), *indices]),
            np.int64,
            "1",
            "index of the trajectory",
        )
    averaged = MOMENTS[sampled][2] in contents
    if sampled in contents or averaged:
        scales[scale] = (columns, text, None, meaning)
    if "jumps" in contents or "event_channel" in contents:
        channels = np.array(plan.model.channels, dtype=object)
        scales["channel"] = (channels, text, None, "kind of event")
    if averaged:
        scales[f"other_{scale}"] = (columns, text, None, meaning)
        scales["word"] = (np.arange(2), np.int64, "1", "0 for the high word, 1 for the low one")
    sizes = {}
    for name, (values, dtype, unit, long_name) in scales.items():
        dataset = file.create_dataset(name, data=values, dtype=dtype)
        dataset.make_scale(name)
        dataset.attrs["long_name"] = long_name
        if unit:
            dataset.attrs["units"] = unit
        sizes[name] = len(values)
    if "event_time" in contents:
        sizes["event"] = contents["event_time"][0]
        dimension = file.create_dataset("event", (sizes["event"],), ">f4")
        dimension.make_scale(f"{_PURE_DIMENSION}{sizes['event']:>10}")
    return sizes


def _write_variable(file, name, sizes, content, digest, crc):
    dimensions, _, unit, long_name = _VARIABLES[name]
    shape = tuple(sizes[d] for d in dimensions)
    rows, empty = min(content.rows, shape[0]), 0 in shape
    filters = {} if empty else chunks.FILTERS | {"chunks": (rows, *shape[1:])}
    dataset = file.create_dataset(name, shape, content.dtype, **filters)
    dataset.attrs["long_name"] = long_name
    dataset.attrs["units"] = unit
    if name == "event_count" and "event" in sizes:
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


def header_digest(run, times, ranges, events):
    """Checksum of what says whose numbers these are."""
    digest = hashlib.blake2b(run.encode(), digest_size=16)
    digest.update(np.ascontiguousarray(times, "<f8").data)
    digest.update(np.ascontiguousarray(ranges, "<i8").data)
    digest.update(str(events).encode())
    return digest.hexdigest()


def content_digest(ranges):
    """Begin the checksum of the ranges and of every variable."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(np.ascontiguousarray(ranges, "<i8").tobytes())
    return digest

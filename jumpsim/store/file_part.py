"""One file of trajectories; what it says is checked before memory is allocated for it."""

import contextlib
import hashlib
import json
from collections.abc import Iterator, KeysView
from pathlib import Path

import h5py
import numpy as np

from ..errors import DamagedError, StoreError
from ..statistics.moments import Moments
from . import chunks, hdf5_layout, records
from .outcome import restored
from .plan import Plan

_MOST_TIMES = 10**8
_LARGEST_SEALED = 2**32  # beyond, the seal would take too long; content is verified when read
_MOST_INDEX = 2**53
# What h5py, json and numpy raise over bytes that are not what they should be.
_DAMAGE = (
    OSError,
    RuntimeError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    ArithmeticError,
    MemoryError,
)


class FilePart:
    """A file as a part of a store; opened anew for each access, because it never changes.

    Its whole content is verified before the first number of it is returned: bytes that are
    correct but in the wrong place pass every check that HDF5 makes.

    Attributes
    ----------
    path : pathlib.Path
    plan : Plan
    ranges : list of (int, int)
        Trajectory indices (first, last + 1), increasing.
    events : int
        Events simulated.
    outcome : Outcome or None
        Why the run ended that wrote it; None for a block.
    context : dict
        Software, machine, command and time.
    checksum : str
        Of the ranges and variables as they were written.

    Raises
    ------
    StoreError
        When the file is missing, cannot be read, or is of a newer format.
    DamagedError
        When it is foreign or damaged: an error of the system while it is read proves nothing.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.checksum = None
        self._verified = self._sealed = self._has_valid_seal()
        with self._open() as file:
            if "format" not in file.attrs or str(file.attrs["format"]) != hdf5_layout.FORMAT:
                kind = str(file.attrs.get("format", "not one of jumpsim"))
                raise DamagedError(f"{self.path}: an HDF5 file, but {kind}")
            version = int(file.attrs["format_version"])
            if version > hdf5_layout.FORMAT_VERSION:
                raise StoreError(
                    f"{self.path}: format {version} is newer than this jumpsim knows "
                    f"({hdf5_layout.FORMAT_VERSION}); update jumpsim"
                )
            if version < hdf5_layout.FORMAT_VERSION:
                raise StoreError(
                    f"{self.path}: format {version} has checksums that this jumpsim does not "
                    f"know ({hdf5_layout.FORMAT_VERSION}); read it with xarray or "
                    "h5py, or simulate it again"
                )
            self._read_header(file)
            self._check_shapes(file)

    def _has_valid_seal(self):
        """Whether the bytes are those that were written; False when the file has no seal.

        Another program that opened the file for writing has taken the seal away.
        """
        try:
            with open(self.path, "rb") as file:
                size = file.seek(0, 2) - hdf5_layout.SEAL_BYTES
                if not 0 < size < _LARGEST_SEALED:
                    return False
                file.seek(size)
                seal = file.read()
                if not seal.startswith(hdf5_layout.SEAL):
                    return False
                file.seek(0)
                digest = hashlib.blake2b(digest_size=16)
                while size > 0 and (piece := file.read(min(size, 2**22))):
                    digest.update(piece)
                    size -= len(piece)
        except FileNotFoundError:
            raise StoreError(f"{self.path}: no such file") from None
        except IsADirectoryError:
            raise self._damaged("is a folder") from None
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be read ({error.strerror or error})") from None
        if hdf5_layout.seal(digest) != seal:
            raise self._damaged("its bytes are not those that were written")
        return True

    def _read_header(self, file):
        times = file["time"]
        stored = times.id.get_storage_size()
        if times.ndim != 1 or not 0 < times.size <= min(_MOST_TIMES, stored // 8):
            raise self._damaged("its times have an impossible size")
        times, run = times[()], str(file.attrs["run"])
        bounds = np.asarray(file.attrs["ranges"])
        self.events = int(file.attrs["events"])
        self.checksum = str(file.attrs["checksum"])
        header = hdf5_layout.header_digest(run, times, bounds.reshape(-1, 2), self.events)
        if header != str(file.attrs["header_checksum"]):
            raise self._damaged("its header does not fit the header's checksum")
        edges = [int(i) for i in bounds]
        self.ranges = list(zip(edges[::2], edges[1::2], strict=True))
        if edges != sorted(set(edges)) or edges[0] < 0 or edges[-1] > _MOST_INDEX:
            raise self._damaged("its ranges of trajectories are impossible")
        self.plan = Plan.fromdict(json.loads(run), times)
        outcome = json.loads(str(file.attrs.get("outcome", "null")))
        self.outcome = restored(outcome, str(file.attrs.get("stop_reason", "")))
        self.context = json.loads(str(file.attrs["context"]))

    def _check_shapes(self, file):
        """Compare the shape of every variable that is there with what the header says."""
        variables = self.plan.variables
        sizes = {
            "trajectory": self.rows,
            "time": len(self.plan.times),
            "word": 2,
            "event": self.events,
        }
        for dimension in records.dimensions(variables) - sizes.keys():
            sizes[dimension] = len(records.labels(self.plan.model, dimension))
        self.dtypes = {}
        for variable in variables:
            name = variable.name
            if name not in file:
                continue
            shape = tuple(sizes[d] for d in variable.dimensions)
            # The exact type, because the same bytes in another order are other numbers.
            if file[name].shape != shape or file[name].dtype not in variable.file_types:
                raise self._damaged(f"'{name}' has not the shape or type that the header says")
            self.dtypes[name] = file[name].dtype

    @contextlib.contextmanager
    def _open(self):
        try:
            file = h5py.File(self.path, "r")
        except FileNotFoundError:
            raise StoreError(f"{self.path}: no such file") from None
        except _DAMAGE as error:
            reason = (str(error).splitlines() or ["unknown"])[0]
            if "unable to lock" in reason:
                reason += "; on a file system without locks set HDF5_USE_FILE_LOCKING=FALSE"
            kind = DamagedError if self._proves_damage(error) else StoreError
            raise kind(f"{self.path}: cannot be read as HDF5 ({reason})") from None
        try:
            with file:
                if self.checksum is not None and str(file.attrs["checksum"]) != self.checksum:
                    raise StoreError(
                        f"{self.path}: was replaced since it was opened, because its run went on; "
                        "open it again"
                    )
                yield file
        except StoreError as error:
            named = str(error).startswith(str(self.path))
            raise error if named else self._damaged(str(error)) from None
        except _DAMAGE as error:
            reason = (str(error).splitlines() or ["unknown"])[0]
            if self._proves_damage(error):
                raise self._damaged(reason) from None
            raise StoreError(f"{self.path}: cannot be read ({reason})") from None

    def _proves_damage(self, error):
        """Whether an error proves that the bytes are wrong, and is no error of the system."""
        return not self._sealed and getattr(error, "errno", None) is None

    def _damaged(self, reason):
        return DamagedError(f"{self.path}: damaged: {reason}")

    def _variable(self, file, name):
        if name not in self.dtypes:
            raise StoreError(f"{self.path}: '{name}' was recorded, but is not in the file any more")
        return file[name]

    @property
    def rows(self) -> int:
        """Number of trajectories."""
        return sum(last - first for first, last in self.ranges)

    @property
    def requested(self) -> int:
        """Trajectories that the whole run was to have, as far as its outcome says; else 0."""
        return (self.outcome.requested or 0) if self.outcome else 0

    @property
    def nbytes(self) -> int:
        """Bytes on disk."""
        return self.path.stat().st_size

    @property
    def sums(self) -> Moments | None:
        """Moments of the samples, or None when they were not kept."""
        averages = records.averages(self.plan.model)
        if averages[0] not in self.plan.variables:
            return None
        self._verify_once()
        with self._open() as file:
            first, second = (self._variable(file, v.name)[()] for v in averages[:2])
            return Moments.from_words(self.rows, first, second)

    @property
    def present(self) -> KeysView[str]:
        """Names of the variables that are there."""
        return self.dtypes.keys()

    def dtype(self, name: str) -> np.dtype:
        """Type of a variable."""
        return self.dtypes[name]

    def whole_chunks(self, name: str, number: int, dtype: np.dtype) -> int:
        """Number of chunks of `number` rows of this type that `chunks` can return."""
        if not self._sealed or self.dtypes.get(name) != dtype:
            return 0
        with self._open() as file:
            variable = file[name]
            fits = "leaves" in variable.attrs and variable.chunks[0] == number
            return len(variable) // number if fits else 0

    def chunks(self, name: str, first: int, last: int) -> Iterator[chunks.Chunk]:
        """Yield the chunks first ... last-1 of a variable, see `whole_chunks`."""
        if first == last:
            return
        with self._open() as file:
            variable = self._variable(file, name)
            leaves = variable.attrs["leaves"].tobytes()
            for k, data in enumerate(_raw(variable, first, last), first):
                yield chunks.Chunk(leaves[16 * k : 16 * (k + 1)], data)

    def read(self, name: str, first: int, last: int) -> np.ndarray:
        """Rows first ... last-1 of a variable that has one row for each trajectory."""
        self._verify_once()
        return self.read_unverified(name, first, last)

    def read_events(self, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """Times and channels of the events of rows first ... last-1, one after the other."""
        self._verify_once()
        times, channels = (v.name for v in self.plan.variables if v.per_event)
        return (
            self.read_unverified(times, first, last),
            self.read_unverified(channels, first, last),
        )

    def read_unverified(self, name: str, first: int, last: int) -> np.ndarray:
        """Rows first ... last-1 of any variable of trajectories, as they are in the file."""
        with self._open() as file:
            if any(v.name == name and v.per_event for v in self.plan.variables):
                counts = self._variable(file, "event_count")[:last]
                first, last = int(counts[:first].sum()), int(counts.sum())
            return self._variable(file, name)[first:last]

    def _verify_once(self):
        if not self._verified:
            self.verify()

    def verify(self) -> None:
        """Read everything; raises `StoreError` when it is not what was written."""
        digest = hdf5_layout.content_digest(np.array(self.ranges, np.int64))
        with self._open() as file:
            for name in (variable.name for variable in self.plan.variables):
                variable = self._variable(file, name)
                digest.update(name.encode())
                if variable.chunks is None:  # nothing is in it
                    continue
                number = variable.chunks[0]
                for row in range(0, len(variable), number):
                    digest.update(chunks.leaf(variable[row : row + number]))
        if digest.hexdigest() != self.checksum:
            raise self._damaged("its content does not fit the checksum")
        self._verified = True

    def crc(self) -> int:
        """Checksum of all chunks as they are stored, as `hdf5_layout.write` returns it."""
        crc = 0
        with self._open() as file:
            for variable in self.plan.variables:
                for data in _raw(self._variable(file, variable.name)):
                    crc = chunks.crc32(data, crc)
        return crc


def _raw(variable, first=0, last=None):
    """Bytes of the chunks first ... last-1 along the first axis, as they are stored."""
    if variable.chunks is None:  # nothing is in it
        return
    number = variable.chunks[0]
    for row in range(first * number, len(variable) if last is None else last * number, number):
        mask, data = variable.id.read_direct_chunk((row, *(0 for _ in variable.shape[1:])))
        if mask:
            raise ValueError("a filter was left out")
        yield data

"""One file of trajectories; its header is checked before memory is allocated for its content."""

import contextlib
import json
from collections.abc import Iterator, KeysView
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ..errors import DamagedError, StoreError
from ..statistics.moments import Moments
from . import chunks, hdf5_layout, records
from .outcome import Outcome, restored
from .part import Span
from .plan import Plan
from .seals import has_valid_seal

_MOST_TIMES = 10**8
_MOST_INDEX = 2**53
# Exceptions that h5py, json and numpy raise when they read damaged bytes.
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
    """A file as a part of a store; it is opened for each access and closed again.

    Its complete content is verified before any number is returned, because correct bytes in the
    wrong place pass all checks of HDF5.

    Parameters
    ----------
    path : path

    Attributes
    ----------
    path : pathlib.Path
    plan : Plan
    ranges : list of (int, int)
        Ranges (first, last + 1) of the trajectory indices, increasing.
    events : int
        Number of simulated events.
    outcome : Outcome or None
        Why the run that wrote the file ended; None for a block.
    context : dict
        Software, machine, command and time.
    checksum : str
        Checksum of the ranges and variables when the file was written.
    dtypes : dict
        Type of each stored variable.

    Raises
    ------
    StoreError
        When the file is missing, cannot be read, or has a newer format.
    DamagedError
        When the file is damaged, or when jumpsim did not write it. An error of the operating
        system during a read does not prove damage; it raises `StoreError`.
    """

    ranges: list[Span]
    events: int
    outcome: Outcome | None
    context: dict[str, Any]
    dtypes: dict[str, np.dtype[Any]]

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.checksum: str | None = None
        self._verified = self._sealed = has_valid_seal(self.path)
        with self._open() as file:
            if "format" not in file.attrs or str(file.attrs["format"]) != hdf5_layout.FORMAT:
                kind = str(file.attrs.get("format", "not one of jumpsim"))
                raise DamagedError(f"{self.path}: an HDF5 file, but {kind}")
            version = int(file.attrs["format_version"])
            if version > hdf5_layout.FORMAT_VERSION:
                raise StoreError(
                    f"{self.path}: format {version} is newer than this jumpsim can read "
                    f"({hdf5_layout.FORMAT_VERSION}); update jumpsim"
                )
            if version < hdf5_layout.FORMAT_VERSION:
                raise StoreError(
                    f"{self.path}: format {version} is older than this jumpsim can read "
                    f"({hdf5_layout.FORMAT_VERSION}); read it with xarray or "
                    "h5py, or simulate it again"
                )
            self._read_header(file)
            self._check_shapes(file)

    def _read_header(self, file: h5py.File) -> None:
        times = file["time"]
        stored = times.id.get_storage_size()
        if times.ndim != 1 or not 0 < times.size <= min(_MOST_TIMES, stored // 8):
            raise self._damaged("the number of its times is impossible")
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

    def _check_shapes(self, file: h5py.File) -> None:
        """Check the shape and type of every stored variable against the header."""
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
            # The exact type, including the byte order.
            if file[name].shape != shape or file[name].dtype not in variable.file_types:
                raise self._damaged(f"'{name}' has not the shape or type that the header gives")
            self.dtypes[name] = file[name].dtype

    @contextlib.contextmanager
    def _open(self) -> Iterator[h5py.File]:
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
                        f"{self.path}: was replaced since it was opened, because its run was "
                        "continued; open it again"
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

    def _proves_damage(self, error: BaseException) -> bool:
        """Whether an error proves that the bytes are wrong; an error of the system does not."""
        return not self._sealed and getattr(error, "errno", None) is None

    def _damaged(self, reason: str) -> DamagedError:
        return DamagedError(f"{self.path}: damaged: {reason}")

    def _variable(self, file: h5py.File, name: str) -> Any:
        """The h5py dataset of a variable."""
        if name not in self.dtypes:
            raise StoreError(f"{self.path}: '{name}' was recorded, but is missing in the file")
        return file[name]

    @property
    def rows(self) -> int:
        """Number of trajectories."""
        return sum(last - first for first, last in self.ranges)

    @property
    def requested(self) -> int:
        """Requested number of trajectories of the whole run; 0 when unknown."""
        return (self.outcome.requested or 0) if self.outcome else 0

    @property
    def nbytes(self) -> int:
        """Size on disk in bytes."""
        return self.path.stat().st_size

    @property
    def sums(self) -> Moments | None:
        """Moments of the samples; None when they are not stored."""
        record = records.sums(self.plan.record)
        if record is None:
            return None
        self._verify_once()
        names = [v.name for v in records.averages(self.plan.model, record.name)]
        with self._open() as file:
            first, second = (self._variable(file, name)[()] for name in names[:2])
            return Moments.from_words(self.rows, first, second)

    @property
    def present(self) -> KeysView[str]:
        """Names of the stored variables."""
        return self.dtypes.keys()

    def dtype(self, name: str) -> np.dtype[Any]:
        """Type with which a variable is stored."""
        return self.dtypes[name]

    def complete_chunks(self, name: str, number: int, dtype: np.dtype[Any]) -> int:
        """Number of compressed chunks of `number` rows of this type that `chunks` can return."""
        if not self._sealed or self.dtypes.get(name) != dtype:
            return 0
        with self._open() as file:
            variable = file[name]
            fits = "leaves" in variable.attrs and variable.chunks[0] == number
            return len(variable) // number if fits else 0

    def chunks(self, name: str, first: int, last: int) -> Iterator[chunks.Chunk]:
        """Yield the compressed chunks first ... last-1 of a variable, see `complete_chunks`."""
        if first == last:
            return
        with self._open() as file:
            variable = self._variable(file, name)
            leaves = variable.attrs["leaves"].tobytes()
            for k, data in enumerate(_raw(variable, first, last), first):
                yield chunks.Chunk(leaves[16 * k : 16 * (k + 1)], data)

    def read(self, name: str, first: int, last: int) -> NDArray[Any]:
        """Rows first ... last-1 of a variable that has one row for each trajectory."""
        self._verify_once()
        return self.read_unverified(name, first, last)

    def read_events(self, first: int, last: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Times and channels of the events of rows first ... last-1, concatenated."""
        self._verify_once()
        times, channels = (v.name for v in self.plan.variables if v.per_event)
        return (
            self.read_unverified(times, first, last),
            self.read_unverified(channels, first, last),
        )

    def read_unverified(self, name: str, first: int, last: int) -> NDArray[Any]:
        """Entries of a variable for the rows first ... last-1, without verification."""
        with self._open() as file:
            if any(v.name == name and v.per_event for v in self.plan.variables):
                counts = self._variable(file, "event_count")[:last]
                first, last = int(counts[:first].sum()), int(counts.sum())
            return self._variable(file, name)[first:last]

    def _verify_once(self) -> None:
        if not self._verified:
            self.verify()

    def verify(self) -> None:
        """Read the complete content and compare it with the checksum.

        Raises
        ------
        DamagedError
            When the content is not what was written.
        """
        digest = hdf5_layout.content_digest(np.array(self.ranges, np.int64))
        with self._open() as file:
            for name in (variable.name for variable in self.plan.variables):
                variable = self._variable(file, name)
                digest.update(name.encode())
                if variable.chunks is None:  # an empty variable
                    continue
                number = variable.chunks[0]
                for row in range(0, len(variable), number):
                    digest.update(chunks.leaf(variable[row : row + number]))
        if digest.hexdigest() != self.checksum:
            raise self._damaged("its content does not fit the checksum")
        self._verified = True

    def crc(self) -> int:
        """Checksum of all stored chunks, to be compared with that of `hdf5_layout.write`."""
        crc = 0
        with self._open() as file:
            for variable in self.plan.variables:
                for data in _raw(self._variable(file, variable.name)):
                    crc = chunks.crc32(data, crc)
        return crc


def _raw(variable: Any, first: int = 0, last: int | None = None) -> Iterator[bytes]:
    """Compressed bytes of the chunks first ... last-1 (default all) along the first axis."""
    if variable.chunks is None:  # an empty variable
        return
    number = variable.chunks[0]
    for row in range(first * number, len(variable) if last is None else last * number, number):
        mask, data = variable.id.read_direct_chunk((row, *(0 for _ in variable.shape[1:])))
        if mask:
            raise ValueError("a chunk was not compressed with all filters")
        yield data

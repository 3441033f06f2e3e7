"""Trajectories that a run has begun and not finished, as files beside its blocks.

Each file holds the state from which one trajectory is continued (`engine.Unfinished`), the plan it
belongs to, and a digest of all of this. It is replaced as a whole, and removed when the trajectory
is part of a block. A file that is damaged costs the time that it stands for, and no number.
"""

import hashlib
import json
import math
import warnings
import zipfile
from collections.abc import Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine import Unfinished
from ..errors import DamagedError, StoreError, StoreWarning
from ..utils import provenance
from ..utils.files import new_file, write_error
from .part import Part
from .paths import unfinished_files, unfinished_name
from .plan import Plan

_FORMAT = "unfinished trajectory of jumpsim, 1"
_MOST_NAMED = 5


@dataclass(frozen=True)
class UnfinishedTrajectory:
    """An unfinished trajectory of a plan.

    Attributes
    ----------
    plan : Plan
    index : int
    state : engine.Unfinished
    """

    plan: Plan
    index: int
    state: Unfinished

    def __str__(self) -> str:
        # Rounded down, so that no trajectory is said to be finished before its end.
        percent = math.floor(1000 * share(self.plan, self.state)) / 10
        return f"trajectory {self.index} ({percent:g} % done)"


def share(plan: Plan, state: Unfinished) -> float:
    """Part of the time of a trajectory that is simulated, 0 ... 1."""
    last = float(plan.times[-1])
    return min(1.0, state.time / last) if last > 0 else 1.0


def seconds_left(plan: Plan, state: Unfinished) -> float:
    """Computing time until the end of a trajectory, if events are as frequent as before."""
    done = share(plan, state)
    return state.seconds * (1 / done - 1) if done > 0 else math.inf


class UnfinishedFiles(MutableMapping[int, Unfinished]):
    """The unfinished trajectories in a folder of blocks: index → state.

    Parameters
    ----------
    folder : path
    plan : Plan

    Raises
    ------
    StoreError
        When one of them belongs to another run, or cannot be read. Damaged ones are removed, with a
        warning.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._folder, self._plan = folder, plan
        self._indices: set[int] = set()
        for file in unfinished_files(folder):
            found = _intact(file)
            if found and (differences := found.plan.differences(plan)):
                raise StoreError(f"{file}: belongs to another run: {'; '.join(differences[:3])}")
            self._indices |= {found.index} if found else set()

    def __getitem__(self, index: int) -> Unfinished:
        """State of a trajectory; KeyError when there is none, or when its file is damaged."""
        if index in self._indices:
            if found := _intact(self._file(index)):
                return found.state
            self._indices.discard(index)
        raise KeyError(index)

    def __setitem__(self, index: int, state: Unfinished) -> None:
        """Write the state of a trajectory; it is on the disk when this returns."""
        write(self._file(index), UnfinishedTrajectory(self._plan, index, state))
        self._indices.add(index)

    def __delitem__(self, index: int) -> None:
        self._indices.remove(index)
        self._file(index).unlink(missing_ok=True)

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._indices))

    def __len__(self) -> int:
        return len(self._indices)

    def _file(self, index: int) -> Path:
        return self._folder / unfinished_name(index)


def drop_finished(unfinished: MutableMapping[int, Unfinished], parts: Iterable[Part]) -> None:
    """Remove the states of trajectories that are finished, as parts of a store."""
    for first, last in (span for part in parts for span in part.ranges):
        for index in [index for index in unfinished if first <= index < last]:
            del unfinished[index]


def write(path: Path, trajectory: UnfinishedTrajectory) -> None:
    """Write the file of an unfinished trajectory.

    Raises
    ------
    StoreError
        When it cannot be written; an earlier file then stays as it was.
    """
    state = trajectory.state
    header = provenance.canonical_json(
        {
            "format": _FORMAT,
            "run": trajectory.plan.asdict(),
            "index": trajectory.index,
            "time": state.time,
            "events": state.events,
            "seconds": state.seconds,
        }
    )
    arrays: dict[str, Any] = {"times": trajectory.plan.times, **state.arrays}
    digest = _digest(header, arrays)
    with new_file(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, header=np.array(header), digest=np.array(digest), **arrays)


def read(path: Path) -> UnfinishedTrajectory:
    """Read the file of an unfinished trajectory.

    Raises
    ------
    StoreError
        When the file cannot be read.
    DamagedError
        When it is damaged, or none of jumpsim.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        header, digest = str(arrays.pop("header")), str(arrays.pop("digest"))
        if _digest(header, arrays) != digest:
            raise DamagedError(f"{path}: damaged: its content does not fit its digest")
        data = json.loads(header)
        if data["format"] != _FORMAT or path.name != unfinished_name(data["index"]):
            raise DamagedError(f"{path}: not the file of an unfinished trajectory of this name")
        plan = Plan.fromdict(data["run"], arrays.pop("times"))
        state = Unfinished(data["time"], data["events"], data["seconds"], arrays)
        return UnfinishedTrajectory(plan, data["index"], state)
    except StoreError:
        raise
    except OSError as error:
        if error.errno is None:  # of a library, about the content
            raise DamagedError(f"{path}: damaged ({error})") from None
        raise StoreError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, EOFError, MemoryError, AttributeError, RuntimeError,
            NotImplementedError, zipfile.BadZipFile) as error:  # fmt: skip
        reason = (str(error).splitlines() or ["unknown"])[0]
        raise DamagedError(f"{path}: damaged ({reason})") from None


def readable(folder: Path) -> tuple[list[UnfinishedTrajectory], list[str]]:
    """The unfinished trajectories in a folder of blocks, and one line for each damaged file."""
    found: list[UnfinishedTrajectory] = []
    damaged: list[str] = []
    for file in unfinished_files(folder):
        try:
            found.append(read(file))
        except StoreError as error:
            if file.exists():  # else the trajectory was finished in the meantime
                damaged.append(str(error))
    return found, damaged


def summary(folder: Path) -> str:
    """Clause about the unfinished trajectories in a folder of blocks; "" when there are none."""
    found, _ = readable(folder)
    if not found:
        return ""
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return f"unfinished ones are kept: {', '.join(map(str, found[:_MOST_NAMED]))}{more}"


def _intact(file: Path) -> UnfinishedTrajectory | None:
    """Content of a file; a damaged file, which is good for nothing, is removed, with a warning."""
    try:
        return read(file)
    except DamagedError as error:
        try:
            file.unlink()
        except OSError as failure:
            raise write_error(failure, file) from None
        warnings.warn(f"{error}. It was removed; its trajectory begins again", StoreWarning,
                      stacklevel=2)  # fmt: skip
        return None


def _digest(header: str, arrays: dict[str, NDArray[Any]]) -> str:
    digest = hashlib.blake2b(header.encode(), digest_size=16)
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()

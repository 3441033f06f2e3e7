"""Names of the files and folders of a store on disk, and the file about a run in progress."""

import json
import os
import re
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import StoreError
from ..utils.files import AnyPath, as_path
from .records import RECORDS, in_order

_LETTERS = {name: record.letter for name, record in RECORDS.items()}
# In file names of earlier versions, "e" stands for "expect" and for "events".
_EARLIER_LETTERS = {"counts": "c", "expect": "e", "jumps": "j", "events": "e", "moments": "m"}


def _some_of(letters: Mapping[str, str]) -> str:
    """Regular expression for any of the letters, in their order."""
    return "".join(f"{letter}?" for letter in letters.values())


BLOCK_NAME = re.compile(
    rf"traj-(\d{{12,}})-(\d{{12,}})(-(?=\w)({_some_of(_LETTERS)}|{_some_of(_EARLIER_LETTERS)}))?\.h5"
)
_RUN_FILE = "run.json"
UNFINISHED_NAME = re.compile(r"unfinished-\d{12,}\.npz")


def blocks_folder(path: AnyPath) -> Path:
    """Folder for the blocks of a run in progress.

    Raises
    ------
    StoreError
        When `path` is a folder.

    Examples
    --------
    >>> blocks_folder("results/run.h5").name
    'run.h5.blocks'
    """
    path = as_path(path, "store")
    if path.is_dir() or not path.name:
        raise StoreError(f"{path}: is a folder, but must be the name of a file")
    return path.with_name(path.name + ".blocks")


def block_name(first: int, last: int, record: Iterable[str] = ()) -> str:
    """File name of the trajectories first ... last-1, with one letter for each given record.

    Examples
    --------
    >>> block_name(0, 128, ["counts", "jumps"])
    'traj-000000000000-000000000128-cj.h5'
    """
    return _block_name(first, last, record, _LETTERS)


def is_block_name(name: str, first: int, last: int, record: Iterable[str]) -> bool:
    """Whether `name` is a valid file name for a block of these trajectories and records."""
    names = [block_name(first, last), block_name(first, last, record)]
    if set(record) <= _EARLIER_LETTERS.keys():
        names.append(_block_name(first, last, record, _EARLIER_LETTERS))
    return name in names


def _block_name(first: int, last: int, record: Iterable[str], letters: Mapping[str, str]) -> str:
    text = "".join(letters[name] for name in in_order(set(record)))
    return f"traj-{first:012d}-{last:012d}{'-' + text if text else ''}.h5"


def block_files(folder: Path) -> list[Path]:
    """Files of the finished blocks, sorted."""
    if not folder.is_dir():
        return []
    return sorted(f for f in folder.iterdir() if BLOCK_NAME.fullmatch(f.name))


def unfinished_name(index: int) -> str:
    """File name of an unfinished trajectory."""
    return f"unfinished-{index:012d}.npz"


def unfinished_files(folder: Path) -> list[Path]:
    """Files of the unfinished trajectories, sorted."""
    if not folder.is_dir():
        return []
    return sorted(f for f in folder.iterdir() if UNFINISHED_NAME.fullmatch(f.name))


def store_exists(path: AnyPath) -> bool:
    """Whether a finished file exists, or blocks of a run in progress."""
    return as_path(path, "store").is_file() or bool(block_files(blocks_folder(path)))


@dataclass(frozen=True)
class RunInfo:
    """Description of a run in progress, in a file next to its blocks.

    Attributes
    ----------
    requested : int
        Number of trajectories that the store is to contain at the end.
    present : int
        Number of trajectories that were stored when the run began.
    began : float
        Time when the run began, seconds since 1970.
    pid : int
        Number of the process.
    host : str
        Name of the machine.
    """

    requested: int
    present: int
    began: float
    pid: int
    host: str

    @classmethod
    def of_this_process(cls, requested: int, present: int) -> "RunInfo":
        """Description of a run that begins now in this process."""
        return cls(requested, present, time.time(), os.getpid(), socket.gethostname())

    @classmethod
    def read(cls, folder: Path) -> "RunInfo | None":
        """Read the description from a folder of blocks; None if it is missing or damaged."""
        try:
            data = json.loads(run_file(folder).read_text())
            return cls(
                int(data["wanted"]),
                int(data["had"]),
                float(data["began"]),
                int(data["pid"]),
                str(data["host"]),
            )
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def text(self) -> str:
        """Text of the file; `read` is its inverse."""
        return json.dumps(
            {
                "wanted": self.requested,
                "pid": self.pid,
                "host": self.host,
                "began": self.began,
                "had": self.present,
            }
        )


def run_file(folder: Path) -> Path:
    """File in a folder of blocks that describes the run in progress."""
    return folder / _RUN_FILE

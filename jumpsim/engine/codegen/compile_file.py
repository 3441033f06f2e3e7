"""The process that compiles one file of generated code: ``python -m`` this module.

The name of the file and the types of the arguments arrive as a pickle on the standard input. The
machine code goes into numba's cache. The process ends when its standard input is closed, which
happens at the latest with the end of the process that has started it.
"""

import contextlib
import fcntl
import os
import pickle
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import templates


def compile_file(file: Path, signature: tuple[Any, ...]) -> None:
    """Compile the function `advance` of a file for one signature, unless its cache has it.

    Parameters
    ----------
    file : Path
        Written by `templates.module`.
    signature : tuple of numba types
    """
    with _alone(file):
        templates.executed(file).advance.compile(signature)


@contextlib.contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Wait until no other process compiles this file, so that it is compiled once."""
    with open(file, "rb+") as handle:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)  # returns when the pipe is closed
    os._exit(1)


if __name__ == "__main__":
    request = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    compile_file(*request)

"""Generated code is compiled in separate processes, while the general kernel goes on.

In a thread, compilation would delay progress, time limits and signals for as long as it lasts. A
process writes the machine code to numba's cache, from which it is then loaded in about 0.1 s.
"""

import contextlib
import os
import pickle
import subprocess
import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from numba import config, typeof

from ...utils.compiled import load
from .. import compiling
from . import templates

_lock = threading.Lock()
_known: dict[Any, "_Code | None"] = {}  # by source code and types; None: it cannot be written
_runs = 0  # contexts of `ended_with_runs` that are open


class _Code:
    """Generated code for one structure, called with arguments of certain types."""

    def __init__(self, module: types.ModuleType, signature: tuple[Any, ...]) -> None:
        self.module, self.signature = module, signature
        self.process: subprocess.Popen[bytes] | None = None
        self.loaded = self.failed = False

    def available(self, left: float, size: int) -> bool:
        """Whether the code is loaded; loads or compiles it when this is worth it."""
        if self.loaded or self.failed:
            return self.loaded
        if self.process is None:
            self.loaded = load(self.module.advance, self.signature)
            if not self.loaded and compiling.compiling_pays(left, size):
                self._begin()
        if self.process is not None and (status := self.process.poll()) is not None:
            self.end()
            self.loaded = status == 0 and load(self.module.advance, self.signature)
            self.failed = not self.loaded
        return self.loaded

    def _begin(self) -> None:
        try:
            self.process = begin(Path(str(self.module.__file__)), self.signature)
        except (OSError, TypeError):  # there is no memory, or no program for Python
            self.failed = True

    def end(self) -> None:
        """End the process that compiles this code, if there is one."""
        if self.process is not None:
            with self.process:  # which waits for its end
                self.process.kill()
            self.process = None


def begin(file: Path, signature: tuple[Any, ...]) -> "subprocess.Popen[bytes]":
    """Start a process that compiles a file, see `compile_file`; it ends with this process."""
    # "-P": a file of the current folder must not be imported instead of a package.
    command = [sys.executable, "-P", "-m", f"{__package__}.compile_file"]
    paths = {"PYTHONPATH": os.pathsep.join(sys.path), "NUMBA_CACHE_DIR": config.CACHE_DIR}
    process = subprocess.Popen(
        command,
        bufsize=0,  # so that nothing is written when the pipe is closed
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | paths,
        start_new_session=True,  # signals of the terminal are for the run only
    )
    assert process.stdin is not None  # it is a pipe
    with contextlib.suppress(OSError):  # the process has ended already
        process.stdin.write(pickle.dumps((file, signature)))
    return process


def find(
    prefix: str,
    write: Callable[..., str],
    structure: tuple[Any, ...],
    arguments: tuple[Any, ...],
    size: int,
    left: float,
) -> Callable[..., Any] | None:
    """The function `advance` of generated code, if it is in memory or in the cache.

    Otherwise it is compiled in a separate process when this is expected to save time, once for all
    threads; a later call then finds it. Nothing is compiled in this process.

    Parameters
    ----------
    prefix : str
        Kind of the code.
    write : callable
        Writes the source code from `structure`.
    structure : tuple
    arguments : tuple
        Arguments of `advance`, of which the types are used.
    size : int
        Result of `templates.size`.
    left : float
        Expected seconds of remaining work.

    Returns
    -------
    callable or None
        None while the code is not there, is not worth it, or cannot be compiled.
    """
    signature = tuple(typeof(argument) for argument in arguments)
    with _lock:
        key = prefix, structure, signature
        if key not in _known:
            _known[key] = None
            with contextlib.suppress(OSError):  # no folder can be written to
                _known[key] = _Code(templates.module(prefix, write, *structure), signature)
        code = _known[key]
        return code.module.advance if code and code.available(left, size) else None


@contextlib.contextmanager
def ended_with_runs() -> Iterator[None]:
    """Context of a run: with the last one, the processes that still compile are ended."""
    global _runs
    with _lock:
        _runs += 1
    try:
        yield
    finally:
        with _lock:
            _runs -= 1
            for code in [] if _runs else _at_work():
                code.end()


def compiling_now() -> bool:
    """Whether a process compiles code for this process."""
    return bool(_at_work())


def wait() -> None:
    """Wait for the end of all processes that compile; for measurements and tests."""
    for code in _at_work():
        if (process := code.process) is not None:
            process.wait()


def _at_work() -> "list[_Code]":
    return [code for code in list(_known.values()) if code and code.process is not None]


def _after_fork() -> None:
    """Leave the processes to the parent: it waits for them, and they end with its pipe only."""
    global _lock, _runs
    _lock, _runs = threading.Lock(), 0
    for code in _at_work():
        assert code.process is not None  # see `_at_work`
        assert code.process.stdin is not None
        code.process.stdin.close()
        code.process = None


os.register_at_fork(after_in_child=_after_fork)

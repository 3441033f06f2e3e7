"""Trajectories on disk: blocks that are written once, and one file when the run is finished.

While a run goes on, `OUT.h5.blocks/` holds files `traj-<first>-<last>.h5` (indices first ...
last-1). Each is written under a temporary name, closed, read back and compared, fsynced and
renamed, so that a block is either whole or absent. A finished run is put together into `OUT.h5` in
the same way, and the blocks are removed only after that. Nothing that has its name is ever written
to again.
"""

import contextlib
import os
import re
import uuid
from pathlib import Path

from ..block import join_neighbours
from ..errors import StoreError
from . import layout
from .base import Store

_BLOCK_NAME = re.compile(r"traj-(\d{12})-(\d{12})\.h5")


class FileStore(Store):
    """A store on disk, open for reading; made by `open_store` or `create_store`."""

    def __init__(self, path, plan=None):
        self.path = Path(path)
        self._folder = self.path.with_name(self.path.name + ".blocks")
        parts = [layout.FilePart(file) for file in self._files()]
        if plan is None:
            if not parts:
                raise StoreError(f"{self.path}: no such file, and no blocks of a run in progress")
            plan = parts[0].plan
        super().__init__(plan)
        for part in parts:
            if differences := part.plan.differences(plan):
                raise StoreError(f"{part.path}: belongs to another run: {differences[0]}")
        # A crash between the last two steps of `finish` leaves blocks that the file has already.
        self._parts = [part for part in parts if not self._covered(part, parts[0])]
        self._leftovers = [part.path for part in parts if part not in self._parts]
        self.stop_reason = parts[0].stop_reason if parts else None

    @property
    def context(self):
        """Software, machine and command that wrote the file (its first part)."""
        return self._parts[0].context

    def _covered(self, part, file):
        first, last = part.ranges[0][0], part.ranges[-1][1]
        inside = any(a <= first and last <= b for a, b in file.ranges)
        return file.path == self.path and part is not file and inside

    def _files(self):
        """The finished file, if there is one, then the blocks that add to it."""
        files = [self.path] if self.path.exists() else []
        if self._folder.is_dir():
            files += sorted(f for f in self._folder.iterdir() if _BLOCK_NAME.fullmatch(f.name))
        return files


class WritableStore(FileStore):
    """A store on disk that takes blocks; one writer at a time."""

    def write(self, blocks):
        """Add blocks; when this returns they are on the disk."""
        for block in join_neighbours(blocks):
            target = self._folder / f"traj-{block.first:012d}-{block.last:012d}.h5"
            pieces = [(block.first, block.last, block, 0)]
            _write_once(target, self.plan, pieces)
            self._parts.append(layout.FilePart(target))

    def finish(self, stop_reason, complete):
        """End a run: put a complete one together into one file, and remove its blocks."""
        self.stop_reason = stop_reason
        blocks = [part.path for part in self._parts if part.path != self.path]
        if complete and blocks:
            _write_once(self.path, self.plan, self._pieces(), stop_reason)
            self._parts = [layout.FilePart(self.path)]
            self._leftovers += blocks
        for leftover in self._leftovers if complete else ():
            leftover.unlink()
        with contextlib.suppress(OSError):  # something else may lie in it
            self._folder.rmdir()


def open_store(path):
    """Open for reading; finished or still running."""
    return FileStore(path)


def store_exists(path):
    """Whether there is a finished file, or the folder of a run in progress."""
    path = Path(path)
    folder = path.with_name(path.name + ".blocks")
    return path.is_file() or (folder.is_dir() and any(folder.glob("traj-*.h5")))


def create_store(path, plan):
    """Open for writing; what is there already must belong to the same run.

    Raises
    ------
    StoreError
        With the first difference, or when the folder is missing or cannot be written to.
    """
    path = Path(path)
    if path.is_dir():
        raise StoreError(f"{path}: is a folder, but must be the name of a file")
    if not path.parent.is_dir():
        raise StoreError(f"{path}: the folder '{path.parent}' does not exist")
    if not os.access(path.parent, os.W_OK):
        raise StoreError(f"{path}: the folder '{path.parent}' cannot be written to")
    store = WritableStore(path, plan)
    if store._parts and (kept := store._parts[0].plan.record) != plan.record:
        raise StoreError(
            f"{path}: was recorded with {', '.join(kept)}, but {', '.join(plan.record)} is asked "
            "for; give another output file, or the same record"
        )
    try:
        store._folder.mkdir(exist_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror})") from None
    return store


def _write_once(target, plan, pieces, stop_reason=None):
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        meant = layout.write(temporary, plan, pieces, stop_reason)
        if layout.FilePart(temporary).verify() != meant:
            raise StoreError(f"{temporary}: reads back differently from what was written")
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
        _sync_folder(target.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, StoreError) or not isinstance(error, OSError | RuntimeError):
            raise
        if "No space" in str(error):
            raise StoreError(
                f"{target}: no space left on the disk; what was written before is safe"
            ) from None
        raise StoreError(f"{target}: cannot be written ({error})") from None


def _sync_folder(folder):
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

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

from ..errors import StoreError
from . import layout
from .base import Store, join_neighbours

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
        self._parts = parts
        self.stop_reason = parts[0].stop_reason if parts else None

    @property
    def context(self):
        """Software, machine and command that wrote the file (its first part)."""
        return self._parts[0].context

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
            if not self._folder.is_dir():
                self._folder.mkdir()
                _sync_folder(self._folder.parent)
            target = self._folder / f"traj-{block.first:012d}-{block.last:012d}.h5"
            pieces = [(block.first, block.last, block, 0)]
            _write_once(target, self.plan, pieces)
            self._parts.append(layout.FilePart(target))

    def finish(self, stop_reason, complete):
        """End a run: put a complete one together into one file, and remove its blocks."""
        self.stop_reason = stop_reason
        blocks = [part.path for part in self._parts if part.path != self.path]
        if not (complete and blocks):
            return
        _write_once(self.path, self.plan, self._pieces(), stop_reason)
        self._parts = [layout.FilePart(self.path)]
        for block in blocks:
            block.unlink()
        with contextlib.suppress(OSError):  # something else may lie in it
            self._folder.rmdir()


def open_store(path):
    """Open for reading; finished or still running."""
    return FileStore(path)


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
        if isinstance(error, (OSError, RuntimeError)) and "No space" in str(error):
            raise StoreError(f"{target}: no space left on the disk; blocks written before are safe") from None
        raise


def _sync_folder(folder):
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Trajectories on disk: blocks that are written once, and one file when the run is finished.

While a run goes on, `OUT.h5.blocks/` holds files `traj-<first>-<last>.h5` (indices first ...
last-1). Each is written under a temporary name, closed, read back and compared, fsynced and
renamed, so that a block is either complete or absent. A finished run is put together into `OUT.h5`
in the same way, and the blocks are removed only after that. A file that has its final name is never
written to again.

Nothing depends on the lock: two writers would write the same blocks under the same names. Its
purpose is that the second one gets an error message.
"""

import contextlib
import fcntl
import os
import re
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import DamagedError, StoreError, StoreWarning
from ..utils.files import new_file, remove_temporaries, sync_folder, write_error
from . import hdf5_layout, same_trajectories
from .base import Store
from .block import Block, neighbours
from .file_part import FilePart
from .outcome import Outcome
from .paths import (
    BLOCK_NAME,
    RunInfo,
    block_files,
    block_name,
    blocks_folder,
    is_block_name,
    run_file,
)
from .plan import Plan
from .records import in_order

_APPEARS_SECONDS = 10.0  # that a shared file system may take to show what another machine wrote


class FileStore(Store):
    """A store on disk, open for reading; finished or still running."""

    path: Path

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.folder = blocks_folder(path)
        while True:
            finished = self.path.exists()
            parts = list(self._open_all())
            if self.path.exists() == finished:  # else blocks have just become the finished file
                break
        if not parts:
            raise StoreError(f"{self.path}: no such file, and no blocks of a run in progress")
        super().__init__(parts[0].plan)
        for part in parts:
            check_same_run(part, self.plan)
        # While a record is added to, blocks hold more than the file: it is read until it is done.
        record = set(self.plan.record)
        self._parts = [part for part in parts if record <= set(part.plan.record)]
        self.outcome = parts[0].outcome

    @property
    def context(self) -> dict:
        """Software, machine and command that wrote the file (its first part)."""
        return self._parts[0].context

    def _open_all(self):
        """Parts of the finished file and of the blocks that are not damaged."""
        if self.path.exists():
            yield FilePart(self.path)
        for file in block_files(self.folder):
            try:
                yield FilePart(file)
            except StoreError as error:
                if file.exists():  # else it was taken up into the finished file meanwhile
                    text = (
                        f"{error}. It is left out; run the same command again to repair the store"
                    )
                    warnings.warn(text, StoreWarning, stacklevel=2)


class WritableStore(Store):
    """A store on disk that takes blocks; ended by `finish`."""

    path: Path

    def __init__(self, path: str | Path, plan: Plan, own: list[tuple[int, int]] | None = None):
        self.path = Path(path)
        self.folder = blocks_folder(path)
        self._own = own  # ranges of indices that are to be in here; None for all
        self._make_folder()
        self._key, self._lock = _lock(self.folder / "lock", self.path)
        try:
            self._remove_leftovers()
            parts = self._open_all(plan)
            record = set(plan.record).union(*(part.plan.record for part in parts))
            super().__init__(replace(plan, record=in_order(record)))
        except BaseException:
            self._release()
            raise
        self.chunk_rows = hdf5_layout.chunk_rows(self.plan)
        self._parts = [part for part in parts if part.plan.record == self.plan.record]
        # Parts with a smaller record: simulated again, and compared before they are removed.
        self._smaller = [part for part in parts if part not in self._parts]

    def missing(self, ntraj: int) -> list[tuple[int, int]]:
        """Ranges of the indices to simulate: those below `ntraj`, and what has a smaller record."""
        again = [last for part in self._smaller for _, last in part.ranges]
        gaps = super().missing(max([ntraj, *again]))
        own = [(0, ntraj)] if self._own is None else self._own
        needed = [*own, *(span for part in self._smaller for span in part.ranges)]
        return same_trajectories.intersect(gaps, needed)

    def begin(self, ntraj: int) -> None:
        """Write down what was asked for, so that others can see how far the run is."""
        present = sum(last - first for first, last in self.ranges())
        self._run_text = RunInfo.of_this_process(ntraj, present).text()
        with new_file(run_file(self.folder)) as temporary:
            temporary.write_text(self._run_text)

    def write(self, blocks: list[Block]) -> None:
        """Add blocks; when this returns they are on the disk."""
        for run in neighbours(blocks):
            target = self.folder / self.block_name(run[0].first, run[-1].last)
            pieces = [(block.first, block.last, block, 0) for block in run]
            self._add(write_once(target, self.plan, pieces))

    def block_name(self, first: int, last: int) -> str:
        """Name of the file of a block."""
        # Blocks with a smaller record stay until they have been compared: another name.
        return block_name(first, last, self.plan.record if self._smaller else ())

    def shared(self) -> tuple[str, str]:
        """Folder that workers may write blocks to, and the text of the file that identifies it."""
        return str(self.folder.resolve()), self._run_text

    def admit(self, written: "Written") -> None:
        """Take in a block that a worker wrote into the folder, once it can be seen from here."""
        file = self.folder / written.file.name
        deadline = time.monotonic() + _APPEARS_SECONDS
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        part = FilePart(file)
        check_same_run(part, self.plan)
        self._add(part)

    def _add(self, part):
        part.plan = self.plan  # one for all: there may be many thousand parts
        self._parts.append(part)

    def adopt(self, part: FilePart) -> bool:
        """Take in a part of another store; what both have must agree, and counts once.

        Returns
        -------
        bool
            Whether it brought anything new.
        """
        check_same_run(part, self.plan)
        if part.plan.record != self.plan.record:
            raise StoreError(
                f"{part.path}: was recorded with {', '.join(part.plan.record)}, but the others "
                f"with {', '.join(self.plan.record)}; run one of them again with the same record"
            )
        part.verify()
        same_trajectories.check_common(part, self)
        before = self.ranges()
        self._parts.append(part)
        if self.ranges() != before:
            return True
        self._parts.pop()
        return False

    @property
    def all_parts(self) -> tuple[FilePart, ...]:
        """The parts, and those with a smaller record than the store's."""
        return (*self._parts, *self._smaller)

    def discard(self) -> None:
        """Remove all files, whose content is in another store now."""
        for part in self.all_parts:
            part.path.unlink(missing_ok=True)
        self._parts, self._smaller = [], []

    def finish(self, outcome: Outcome | None, complete: bool) -> None:
        """End a run: put a complete one together into one file, and remove its blocks."""
        self.outcome = outcome
        try:
            if complete:
                self._compact(outcome)
        finally:
            self._release()

    def _compact(self, outcome):
        for part in self._smaller:
            same_trajectories.check_equal(part, self)
        parts = self._parts + self._smaller
        blocks = [part.path for part in parts if part.path.parent == self.folder]
        if any(part.path != self.path for part in parts) or self._smaller:
            written = write_once(self.path, self.plan, self.pieces(), outcome)
            self._parts, self._smaller = [written], []
        for block in blocks:
            with contextlib.suppress(OSError):  # it is in the file now, and counts once
                block.unlink()

    def _make_folder(self):
        if not self.path.parent.is_dir():
            raise StoreError(f"{self.path}: the folder '{self.path.parent}' does not exist")
        try:
            self.folder.mkdir(exist_ok=True)
            sync_folder(self.path.parent)
        except OSError as error:
            raise write_error(error, self.path) from None

    def _remove_leftovers(self):
        """Remove the temporary files of a writer that was killed, and no others."""
        remove_temporaries(self.path.parent, re.escape(self.path.name))
        remove_temporaries(self.folder, rf"{BLOCK_NAME.pattern}|run(\.json)?")

    def _open_all(self, plan):
        """Every part that is not damaged; damaged ones are renamed, another run is refused."""
        parts = []
        if self.path.exists():
            # A file with a damaged header is refused, because it may be of another run.
            check_same_run(FilePart(self.path), plan)
        for file in [*([self.path] if self.path.exists() else []), *block_files(self.folder)]:
            try:
                part = FilePart(file)
                part.verify()
                first, last = part.ranges[0][0], part.ranges[-1][1]
                own = is_block_name(file.name, first, last, part.plan.record)
                if file != self.path and not own:
                    raise DamagedError(f"{file}: holds the trajectories {first} ... {last - 1}")
            except DamagedError as error:
                _rename_damaged(file, error)
                continue
            check_same_run(part, plan)
            parts.append(part)
        return parts

    def _release(self):
        """Release the lock, and remove the folder when no block is left in it."""
        if self._lock is None:
            return
        try:
            if not any(block_files(self.folder)):
                with contextlib.suppress(OSError):  # damaged blocks stay
                    for file in (run_file(self.folder), self.folder / "lock"):
                        file.unlink(missing_ok=True)
                    self.folder.rmdir()
        finally:  # also when a Ctrl-C comes in between
            _held.discard(self._key)
            os.close(self._lock)
            self._lock = None


def write_once(target: Path, plan: Plan, pieces: list, outcome: Outcome | None = None) -> FilePart:
    """Write a file so that it is there complete, or not at all; returns it as a part."""
    with new_file(target) as temporary:
        checksum, crc = hdf5_layout.write(temporary, plan, pieces, outcome)
        written = FilePart(temporary)
        if (written.checksum, written.crc()) != (checksum, crc):
            raise StoreError(f"{temporary}: reads back differently from what was written")
    written.path = target
    return written


@dataclass(frozen=True)
class Written:
    """What a worker returns in place of a block that it wrote to disk itself."""

    file: Path
    first: int
    last: int
    events: int
    nbytes: int


def write_block(target: Path, plan: Plan, block: Block) -> Written:
    """Write a block where a run in another process will look for it."""
    write_once(target, plan, [(block.first, block.last, block, 0)])
    return Written(target, block.first, block.last, block.events, block.nbytes)


def check_same_run(part: FilePart | Store, plan: Plan) -> None:
    """Refuse a part, or a store, that holds other trajectories than a plan's."""
    if differences := part.plan.differences(plan):
        more = f" (and {len(differences) - 3} more)" if len(differences) > 3 else ""
        raise StoreError(f"{part.path}: belongs to another run: {'; '.join(differences[:3])}{more}")


def _rename_damaged(file, error):
    names = (f"{file.name}.damaged{n}" for n in ("", *range(2, 1000)))
    aside = next(a for a in map(file.with_name, names) if not os.path.lexists(a))
    try:
        os.replace(file, aside)
    except OSError as failure:
        raise write_error(failure, file) from None
    warnings.warn(
        f"{error}. It was set aside as {aside.name}; its trajectories are simulated again",
        StoreWarning,
        stacklevel=2,
    )


# Record locks belong to a process: forked workers do not inherit them, which would leave a store
# locked by the orphans of a killed run. Within one process they do not exclude, so that is noted.
_held: set[str] = set()


def _lock(file, path):
    """Take the lock of a store, or raise an error because another writer has it."""
    taken = StoreError(
        f"{path}: another process is writing to it; wait for it, or give another output"
    )
    key = str(Path(file).resolve())
    if key in _held:
        raise taken
    while True:
        try:
            handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise write_error(error, path) from None
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            os.close(handle)
            raise taken from None
        except OSError:  # a file system without locks
            break
        # The last holder may have removed the file between the two steps.
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(handle).st_ino == os.stat(file).st_ino:
                break
        os.close(handle)
    _held.add(key)
    return key, handle

"""Trajectories on disk: blocks that are written once, and one file when the run is finished.

During a run, the folder `OUT.h5.blocks/` contains files `traj-<first>-<last>.h5` (indices first
... last-1). Each file is written under a temporary name, closed, read back and compared, fsynced
and renamed, so that a block is either complete or absent. The blocks of a finished run are joined
in `OUT.h5` in the same way, and only then are they removed. A file that has its final name is
never changed.

The lock is not needed for correctness: two writers would write the same blocks under the same
names. It is there to give the second writer an error message.
"""

import contextlib
import fcntl
import os
import re
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import DamagedError, StoreError, StoreWarning
from ..utils.differences import in_short
from ..utils.files import AnyPath, as_path, new_file, remove_temporaries, sync_folder, write_error
from . import hdf5_layout, same_trajectories
from .base import Store
from .block import Block, WrittenBlock, neighbours
from .file_part import FilePart
from .outcome import Kind, Outcome
from .part import P, Piece, Span
from .paths import (
    BLOCK_NAME,
    UNFINISHED_NAME,
    RunInfo,
    block_files,
    block_name,
    blocks_folder,
    is_block_name,
    run_file,
    unfinished_files,
)
from .plan import Plan
from .records import in_order
from .unfinished import UnfinishedFiles, drop_finished, summary

_OWN_NAMES = f"{BLOCK_NAME.pattern}|{UNFINISHED_NAME.pattern}"
_APPEARS_SECONDS = 10.0  # longest delay until a shared file system shows a file of another machine


class FileStore(Store[FilePart]):
    """A store on disk, open for reading; the run can be finished or in progress.

    Parameters
    ----------
    path : path
        The output file of the run.

    Raises
    ------
    StoreError
        When there is no such file, or when it cannot be read.
    """

    path: Path

    def __init__(self, path: AnyPath) -> None:
        self.path = as_path(path, "store")
        self.folder = blocks_folder(path)
        while True:
            finished = self.path.exists()
            parts = list(self._open_all())
            if self.path.exists() == finished:  # else the blocks were joined in the meantime
                break
        if not parts:
            begun = summary(self.folder)
            none = "no such file, and no blocks of a run in progress"
            reason = f"no trajectory is complete yet; {begun}" if begun else none
            raise StoreError(f"{self.path}: {reason}")
        super().__init__(parts[0].plan)
        for part in parts:
            check_same_run(part, self.plan)
        # While records are added to a finished file, the blocks contain more records than the
        # file; until the run is finished, the file alone contains all trajectories.
        record = set(self.plan.record)
        self._parts = [part for part in parts if record <= set(part.plan.record)]
        self.outcome = parts[0].outcome

    @property
    def context(self) -> dict[str, Any]:
        """Software, machine and command that wrote the first part of the store."""
        return self._parts[0].context

    def _open_all(self) -> Iterator[FilePart]:
        """The finished file, and the blocks that are not damaged."""
        if self.path.exists():
            yield FilePart(self.path)
        for file in block_files(self.folder):
            try:
                yield FilePart(file)
            except StoreError as error:
                if file.exists():  # else it was joined into the finished file in the meantime
                    text = (
                        f"{error}. It is left out; run the same command again to repair the store"
                    )
                    warnings.warn(text, StoreWarning, stacklevel=2)


class WritableStore(Store[FilePart]):
    """A store on disk to which blocks can be added, until `finish` is called.

    Parameters
    ----------
    path : path
        The output file of the run.
    plan : Plan
    own : list of (first, last + 1), optional
        Ranges of indices that this store is to contain; default all.

    Raises
    ------
    StoreError
        When the folder does not exist or cannot be written to, when another process is writing to
        the store, or when it contains another run.
    """

    path: Path

    def __init__(self, path: AnyPath, plan: Plan, own: list[Span] | None = None) -> None:
        self.path = as_path(path, "store")
        self.folder = blocks_folder(path)
        self._own = own
        self._lock: int | None = None
        self._make_folder()
        self._key, self._lock = _lock(self.folder / "lock", self.path)
        try:
            self._remove_leftovers()
            parts = self._open_all(plan)
            record = set(plan.record).union(*(part.plan.record for part in parts))
            super().__init__(replace(plan, record=in_order(record)))
            self.unfinished = UnfinishedFiles(self.folder, self.plan)
        except BaseException:
            self._release()
            raise
        self.chunk_rows = hdf5_layout.chunk_rows(self.plan)
        self._parts = [part for part in parts if part.plan.record == self.plan.record]
        # Parts with fewer records: simulated again, and compared before they are removed.
        self._smaller = [part for part in parts if part not in self._parts]
        drop_finished(self.unfinished, self._parts)

    def missing(self, ntraj: int) -> list[Span]:
        """Ranges of the indices to simulate: missing ones, and those stored with fewer records."""
        again = [last for part in self._smaller for _, last in part.ranges]
        gaps = super().missing(max([ntraj, *again]))
        own = [(0, ntraj)] if self._own is None else self._own
        needed = [*own, *(span for part in self._smaller for span in part.ranges)]
        return same_trajectories.intersect(gaps, needed)

    def begin(self, ntraj: int) -> None:
        """Write the file `run.json`, from which `status` reads the progress of the run."""
        present = sum(last - first for first, last in self.ranges())
        self._run_text = RunInfo.of_this_process(ntraj, present).text()
        with new_file(run_file(self.folder)) as temporary:
            temporary.write_text(self._run_text)

    def write(self, blocks: list[Block]) -> None:
        """Add blocks; they are on the disk when this returns."""
        for group in neighbours(blocks):
            target = self.folder / self.block_name(group[0].first, group[-1].last)
            pieces = [(block.first, block.last, block, 0) for block in group]
            self._add(write_once(target, self.plan, pieces))

    def block_name(self, first: int, last: int) -> str:
        """Name of the file of a block."""
        # Blocks with fewer records stay until they have been compared, so the names must differ.
        return block_name(first, last, self.plan.record if self._smaller else ())

    def shared(self) -> tuple[str, str]:
        """Folder to which workers write blocks, and the text of the file that identifies it."""
        return str(self.folder.resolve()), self._run_text

    def add_file(self, written: WrittenBlock) -> None:
        """Add a block that a worker wrote to the folder; waits until the file is visible here."""
        file = self.folder / written.file.name
        deadline = time.monotonic() + _APPEARS_SECONDS
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        part = FilePart(file)
        check_same_run(part, self.plan)
        self._add(part)

    def _add(self, part: FilePart) -> None:
        part.plan = self.plan  # shared, because there can be many thousand parts
        self._parts.append(part)
        drop_finished(self.unfinished, [part])

    def add_part(self, part: FilePart) -> bool:
        """Add a part of another store; trajectories that both contain must be equal.

        Returns
        -------
        bool
            Whether the part contained trajectories that this store did not.

        Raises
        ------
        StoreError
            When it belongs to another run, has other records, or differs in a trajectory.
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
            drop_finished(self.unfinished, [part])
            return True
        self._parts.pop()
        return False

    @property
    def all_parts(self) -> tuple[FilePart, ...]:
        """The parts, also those with fewer records than the store."""
        return (*self._parts, *self._smaller)

    def discard(self) -> None:
        """Remove all files; to be called when another store contains their content."""
        for part in self.all_parts:
            part.path.unlink(missing_ok=True)
        self._parts, self._smaller = [], []

    def finish(self, outcome: Outcome | None, complete: bool) -> None:
        """End a run: if it is complete, join its blocks in one file and remove them."""
        self.outcome = outcome
        try:
            if complete:
                self._compact(outcome)
                if outcome is None or outcome.kind not in (Kind.COMPACTED, Kind.MERGED):
                    for index in list(self.unfinished):  # not needed for what was requested
                        del self.unfinished[index]
        finally:
            self._release()

    def _compact(self, outcome: Outcome | None) -> None:
        for part in self._smaller:
            same_trajectories.check_equal(part, self)
        parts = self._parts + self._smaller
        blocks = [part.path for part in parts if part.path.parent == self.folder]
        if any(part.path != self.path for part in parts) or self._smaller:
            written = write_once(self.path, self.plan, self.pieces(), outcome)
            self._parts, self._smaller = [written], []
        for block in blocks:
            with contextlib.suppress(OSError):  # a block that stays does no harm: it is a copy
                block.unlink()

    def _make_folder(self) -> None:
        if not self.path.parent.is_dir():
            raise StoreError(f"{self.path}: the folder '{self.path.parent}' does not exist")
        try:
            self.folder.mkdir(exist_ok=True)
            sync_folder(self.path.parent)
        except OSError as error:
            raise write_error(error, self.path) from None

    def _remove_leftovers(self) -> None:
        """Remove the temporary files of a writer that was killed, and no other files."""
        remove_temporaries(self.path.parent, re.escape(self.path.name))
        remove_temporaries(self.folder, rf"{_OWN_NAMES}|run(\.json)?")

    def _open_all(self, plan: Plan) -> list[FilePart]:
        """Every part that is not damaged; damaged files are renamed, another run is an error."""
        parts = []
        if self.path.exists():
            # A file with a damaged header is an error, because it may belong to another run.
            check_same_run(FilePart(self.path), plan)
        for file in [*([self.path] if self.path.exists() else []), *block_files(self.folder)]:
            try:
                part = FilePart(file)
                part.verify()
                first, last = part.ranges[0][0], part.ranges[-1][1]
                own = is_block_name(file.name, first, last, part.plan.record)
                if file != self.path and not own:
                    raise DamagedError(
                        f"{file}: contains the trajectories {first} ... {last - 1}, which does not "
                        "fit its name"
                    )
            except DamagedError as error:
                _rename_damaged(file, error)
                continue
            check_same_run(part, plan)
            parts.append(part)
        return parts

    def _release(self) -> None:
        """Release the lock, and remove the folder if it contains no block."""
        if self._lock is None:
            return
        try:
            if not any(block_files(self.folder)) and not unfinished_files(self.folder):
                with contextlib.suppress(OSError):  # damaged blocks stay
                    for file in (run_file(self.folder), self.folder / "lock"):
                        file.unlink(missing_ok=True)
                    self.folder.rmdir()
        finally:  # also after a KeyboardInterrupt
            _locked_stores.discard(self._key)
            os.close(self._lock)
            self._lock = None


def write_once(
    target: Path, plan: Plan, pieces: Sequence[Piece[P]], outcome: Outcome | None = None
) -> FilePart:
    """Write a file and check it before it gets its name; returns it as a part."""
    with new_file(target) as temporary:
        checksum, crc = hdf5_layout.write(temporary, plan, pieces, outcome)
        written = FilePart(temporary)
        if (written.checksum, written.crc()) != (checksum, crc):
            raise StoreError(f"{temporary}: reads back differently from what was written")
    written.path = target
    return written


def write_block(target: Path, plan: Plan, block: Block) -> WrittenBlock:
    """Write a block to the shared folder of a run that another process drives."""
    write_once(target, plan, [(block.first, block.last, block, 0)])
    return WrittenBlock(target, block.first, block.last, block.events, block.nbytes)


def check_same_run(part: FilePart | Store[Any], plan: Plan) -> None:
    """Raise `StoreError` if a part, or a store, contains trajectories of another plan."""
    if differences := part.plan.differences(plan):
        raise StoreError(f"{part.path}: belongs to another run: {in_short(differences)}")


def _rename_damaged(file: Path, error: DamagedError) -> None:
    names = (f"{file.name}.damaged{n}" for n in ("", *range(2, 1000)))
    renamed = next(a for a in map(file.with_name, names) if not os.path.lexists(a))
    try:
        os.replace(file, renamed)
    except OSError as failure:
        raise write_error(failure, file) from None
    warnings.warn(
        f"{error}. It was renamed to {renamed.name}; its trajectories are simulated again",
        StoreWarning,
        stacklevel=2,
    )


# POSIX record locks belong to a process. Forked workers do not inherit them; otherwise the workers
# that survive a killed run would keep a store locked. They do not exclude a second writer in the
# same process, so that the stores that this process has locked are listed here.
_locked_stores: set[str] = set()


def _lock(file: Path, path: Path) -> tuple[str, int]:
    """Lock a store; returns its key in `_locked_stores` and the file descriptor of the lock."""
    in_use = StoreError(
        f"{path}: another process is writing to it; wait until it ends, or give another output"
    )
    key = str(file.resolve())
    if key in _locked_stores:
        raise in_use
    while True:
        try:
            handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise write_error(error, path) from None
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            os.close(handle)
            raise in_use from None
        except OSError:  # a file system without locks
            break
        # The previous owner may have removed the file between the two steps.
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(handle).st_ino == os.stat(file).st_ino:
                break
        os.close(handle)
    _locked_stores.add(key)
    return key, handle

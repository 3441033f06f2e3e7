"""State of a run: stored, missing and damaged trajectories, and the process that writes."""

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import StoreError
from ..utils.files import AnyPath, as_path
from ..utils.text import readable_bytes, readable_ranges
from .file_part import FilePart
from .index_ranges import gaps, select
from .index_ranges import ranges as covered
from .part import Span
from .paths import RunInfo, block_files, blocks_folder, unfinished_files
from .same_trajectories import intersect
from .shard import Shard, shard_of, shards
from .unfinished import UnfinishedTrajectory, readable, seconds_left

_MOST_LINES = 10


@dataclass(frozen=True)
class Status:
    """State of a run; all numbers are for all shards together.

    Attributes
    ----------
    path : pathlib.Path
    done : int
        Number of trajectories that are stored and not damaged.
    wanted : int
        Requested number of trajectories.
    missing : list of (first, last + 1)
        Ranges of the indices that are not stored.
    damaged : list of str
        One line for each file whose content is not what was written.
    files : int
        Number of files.
    bytes : int
        Size of all files.
    rate : float or None
        Trajectories per second of the run in progress; None when unknown.
    running : str or None
        The process that writes, and whether it is running; None without a run in progress.
    shards : list of str
        One line for each shard with missing trajectories.
    unfinished : list of str
        One line for each trajectory that was stopped before its end and will be continued.
    """

    path: Path
    done: int
    wanted: int
    missing: list[Span]
    damaged: list[str]
    files: int
    bytes: int
    rate: float | None
    running: str | None
    shards: list[str]
    unfinished: list[str]

    def __str__(self) -> str:
        state = f", {self.running}" if self.running else ""
        lines = [f"{self.path}: {self.done} of {self.wanted} trajectories{state}"]
        lines.append(f"  missing   {readable_ranges(self.missing) or 'nothing'}")
        if self.rate:
            left = (self.wanted - self.done) / self.rate
            lines.append(f"  rate      {self.rate:.4g} trajectories/s, about {left:.3g} s left")
        lines.append(f"  files     {self.files}, {readable_bytes(self.bytes)}")
        lines += [f"  damaged   {text}" for text in self.damaged] or ["  damaged   nothing"]
        lines += _some("begun", self.unfinished, "trajectories")
        lines += _some("shard", self.shards, "with missing trajectories")
        return "\n".join(lines)


def status(path: AnyPath) -> Status:
    """State of a run that is finished, in progress or was stopped; all files are verified.

    Parameters
    ----------
    path : path
        The output file of the run.

    Returns
    -------
    Status

    Raises
    ------
    StoreError
        When there is neither such a file nor a run in progress.

    Examples
    --------
    >>> import tempfile
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = js.simulate(
    ...         model, ["0 s", "1 us"], 5, initial={"N": 12, "m": 3}, store=f"{folder}/run.h5"
    ...     )
    ...     state = js.status(run.path)
    >>> state.done, state.wanted, state.missing
    (5, 5, [])
    """
    path = as_path(path, "store")
    stores = [_StoreState.read(path), *(_StoreState.read(file) for _, file in shards(path))]
    if not any(store.files or store.run for store in stores):
        raise StoreError(f"{path}: no such file, and no blocks or shards of a run in progress")
    requested = max(store.requested for store in stores)
    shard = shard_of(path)
    span = shard.span(requested) if shard else (0, requested)
    ranges = covered(select([part for store in stores for part in store.parts]))
    missing = intersect(gaps(ranges, requested), [span])
    return Status(
        path,
        sum(last - first for first, last in ranges),
        span[1] - span[0],
        missing,
        [text for store in stores for text in store.damaged],
        sum(store.files for store in stores),
        sum(store.bytes for store in stores),
        sum(filter(None, map(_rate, stores))) or None,
        _writer(stores[0].run),
        _incomplete_shards(path, {store.path: store for store in stores[1:]}, requested, missing),
        [
            f"{begun}, {begun.state.events} events, "
            f"about {seconds_left(begun.plan, begun.state):.3g} s left"
            for store in stores
            for begun in store.unfinished
        ],
    )


def _some(name: str, texts: Sequence[str], what: str) -> list[str]:
    """Lines of a name and a text, at most `_MOST_LINES` and the number of the others."""
    lines = [f"  {name:<9} {text}" for text in texts[:_MOST_LINES]]
    more = len(texts) - _MOST_LINES
    return [*lines, f"  {name:<9} and {more} more {what}"] if more > 0 else lines


@dataclass(frozen=True)
class _StoreState:
    """Files and trajectories of one store: of the run itself, or of one shard."""

    path: Path
    run: RunInfo | None
    parts: list[FilePart]
    unfinished: list[UnfinishedTrajectory]
    damaged: list[str]
    files: int
    bytes: int

    @classmethod
    def read(cls, path: Path) -> "_StoreState":
        """Read and verify all files of a store."""
        folder = blocks_folder(path)
        files = [path] if path.exists() else []
        files += block_files(folder)
        run = RunInfo.read(folder)
        parts: list[FilePart] = []
        unfinished, damaged = readable(folder)
        begun = unfinished_files(folder)
        size = sum(file.stat().st_size for file in begun if file.exists())
        for file in files:
            try:
                size += file.stat().st_size
                part = FilePart(file)
                part.verify()
                parts.append(part)
            except (StoreError, FileNotFoundError) as error:
                if file.exists():  # else it was joined into the finished file in the meantime
                    damaged.append(str(error))
        return cls(path, run, parts, unfinished, damaged, len(files) + len(begun), size)

    @property
    def requested(self) -> int:
        """Requested number of trajectories of the whole run, as far as the store contains it."""
        known = [max(part.requested, part.ranges[-1][1]) for part in self.parts]
        known += [begun.index + 1 for begun in self.unfinished]
        return max([self.run.requested if self.run else 0, *known])


def _incomplete_shards(
    path: Path, stores: Mapping[Path, _StoreState], requested: int, missing: Sequence[Span]
) -> list[str]:
    """One line for each shard with missing trajectories, also for shards that were not begun."""
    lines = []
    for of in sorted({shard.of for file in stores if (shard := shard_of(file))}):
        for shard in (Shard(number, of) for number in range(1, of + 1)):
            lacks = sum(b - a for a, b in intersect(missing, [shard.span(requested)]))
            if lacks:
                store = stores.get(shard.path(path))
                state = "not begun" if store is None else _writer(store.run) or "ended"
                first, last = shard.span(requested)
                lines.append(f"{shard} lacks {lacks} of {last - first}, {state}")
    return lines


def _rate(store: _StoreState) -> float | None:
    """Trajectories per second of a run in progress; None when unknown."""
    run, done = store.run, sum(b - a for a, b in covered(select(store.parts)))
    blocks = [part.path for part in store.parts if part.path != store.path]
    written = [file.stat().st_mtime for file in blocks if file.exists()]
    if not run or not written or max(written) <= run.began or done <= run.present:
        return None
    return (done - run.present) / (max(written) - run.began)


def _writer(run: RunInfo | None) -> str | None:
    """Name of the process that writes to a store, or wrote last, and whether it is running."""
    if not run:
        return None
    process = f"process {run.pid} on {run.host}"
    if run.host != socket.gethostname():
        return f"perhaps still running as {process}"
    try:
        os.kill(run.pid, 0)
    except ProcessLookupError:
        return "not running: run the same command again to continue"
    except PermissionError:
        pass
    return f"running as {process}"

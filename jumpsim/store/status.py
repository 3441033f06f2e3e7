"""How far a run is: what is there, what is missing or damaged, and who is writing."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from ..errors import StoreError
from ..utils.text import readable_bytes, readable_ranges
from .file_part import FilePart
from .index_ranges import gaps, select
from .index_ranges import ranges as covered
from .paths import RunInfo, block_files, blocks_folder
from .same_trajectories import intersect
from .shard import Shard, shard_of, shards

_MOST_SHARDS = 10


@dataclass(frozen=True)
class Status:
    """How far a run is.

    Attributes
    ----------
    path : pathlib.Path
    done : int
        Number of trajectories that are there and not damaged.
    wanted : int
        Number of trajectories that were asked for.
    missing : list of (first, last + 1)
    damaged : list of str
        One line for each file that is not what was written.
    files, bytes : int
    rate : float or None
        Trajectories per second of the run in progress.
    running : str or None
        Who is writing.
    shards : list of str
        One line for each shard that lacks something; all numbers are of all shards together.
    """

    path: Path
    done: int
    wanted: int
    missing: list
    damaged: list
    files: int
    bytes: int
    rate: float | None
    running: str | None
    shards: list

    def __str__(self):
        state = f", {self.running}" if self.running else ""
        lines = [f"{self.path}: {self.done} of {self.wanted} trajectories{state}"]
        lines.append(f"  missing   {readable_ranges(self.missing) or 'nothing'}")
        if self.rate:
            left = (self.wanted - self.done) / self.rate
            lines.append(f"  rate      {self.rate:.4g} trajectories/s, about {left:.3g} s left")
        lines.append(f"  files     {self.files}, {readable_bytes(self.bytes)}")
        lines += [f"  damaged   {text}" for text in self.damaged] or ["  damaged   nothing"]
        lines += [f"  shard     {text}" for text in self.shards[:_MOST_SHARDS]]
        if len(self.shards) > _MOST_SHARDS:
            lines.append(f"  shard     and {len(self.shards) - _MOST_SHARDS} more lack something")
        return "\n".join(lines)


def status(path: str | Path) -> Status:
    """Look at a run, finished, in progress or given up; every file is read and verified.

    Parameters
    ----------
    path : path
        The output file of the run.

    Returns
    -------
    Status
    """
    path = Path(path)
    looks = [_Look.at(path), *(_Look.at(file) for _, file in shards(path))]
    if not any(look.files or look.run for look in looks):
        raise StoreError(f"{path}: no such file, and no blocks or shards of a run in progress")
    requested = max(look.requested for look in looks)
    shard = shard_of(path)
    span = shard.span(requested) if shard else (0, requested)
    ranges = covered(select([part for look in looks for part in look.parts]))
    missing = intersect(gaps(ranges, requested), [span])
    return Status(
        path,
        sum(last - first for first, last in ranges),
        span[1] - span[0],
        missing,
        [text for look in looks for text in look.damaged],
        sum(look.files for look in looks),
        sum(look.bytes for look in looks),
        sum(filter(None, map(_rate, looks))) or None,
        _writer(looks[0].run),
        _incomplete_shards(path, {look.path: look for look in looks[1:]}, requested, missing),
    )


@dataclass(frozen=True)
class _Look:
    """What was found of one store."""

    path: Path
    run: RunInfo | None
    parts: list
    damaged: list
    files: int
    bytes: int

    @classmethod
    def at(cls, path):
        folder = blocks_folder(path)
        files = [path] if path.exists() else []
        files += block_files(folder)
        run = RunInfo.read(folder)
        parts, damaged, size = [], [], 0
        for file in files:
            try:
                size += file.stat().st_size
                part = FilePart(file)
                part.verify()
                parts.append(part)
            except (StoreError, FileNotFoundError) as error:
                if file.exists():  # else it was taken up into the finished file meanwhile
                    damaged.append(str(error))
        return cls(path, run, parts, damaged, len(files), size)

    @property
    def requested(self):
        """Trajectories that its run was to have, with all shards, as far as it knows."""
        known = [max(part.requested, part.ranges[-1][1]) for part in self.parts]
        return max([self.run.requested if self.run else 0, *known])


def _incomplete_shards(path, looks, requested, missing):
    """One line for each shard that lacks something, also where nothing is there of it."""
    lines = []
    for of in sorted({shard_of(file).of for file in looks}):
        for shard in (Shard(number, of) for number in range(1, of + 1)):
            lacks = sum(b - a for a, b in intersect(missing, [shard.span(requested)]))
            if lacks:
                look = looks.get(shard.path(path))
                state = "not begun" if look is None else _writer(look.run) or "ended"
                first, last = shard.span(requested)
                lines.append(f"{shard} lacks {lacks} of {last - first}, {state}")
    return lines


def _rate(look):
    """Trajectories per second of a run in progress, or None."""
    run, done = look.run, sum(b - a for a, b in covered(select(look.parts)))
    blocks = [part.path for part in look.parts if part.path != look.path]
    written = [file.stat().st_mtime for file in blocks if file.exists()]
    if not run or not written or max(written) <= run.began or done <= run.present:
        return None
    return (done - run.present) / (max(written) - run.began)


def _writer(run):
    """Who writes to a store, or wrote to it last, in words."""
    if not run:
        return None
    who = f"process {run.pid} on {run.host}"
    if run.host != socket.gethostname():
        return f"perhaps still running as {who}"
    try:
        os.kill(run.pid, 0)
    except ProcessLookupError:
        return "not running: run the same command again to go on"
    except PermissionError:
        pass
    return f"running as {who}"

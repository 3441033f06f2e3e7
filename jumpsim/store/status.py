"""Questions to a store that change nothing: how far it is, whether it can be repeated, its cost."""

import os
import socket
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .. import streams, units
from ..engine import ENGINE_VERSION
from ..errors import InputError, StoreError, whole_number
from ..run.scheduler import run_block
from ..utils.tables import columns
from . import FileStore, hdf5_layout
from .file_part import FilePart
from .index_ranges import gaps, select
from .index_ranges import ranges as covered
from .paths import block_files, blocks_folder, read_note
from .plan import RECORDS
from .same_trajectories import intersect
from .shard import Shard, shard_of, shards, wanted

_PROBE_SECONDS = 0.5
_MOST_GAPS = 5
_MOST_SHARDS = 10


@dataclass(frozen=True)
class Status:
    """How far a run is.

    Attributes
    ----------
    path : pathlib.Path
    done : int
        Sound trajectories.
    wanted : int
        As many were asked for.
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
        gaps = [f"{first} ... {last - 1}" for first, last in self.missing[:_MOST_GAPS]]
        if len(self.missing) > _MOST_GAPS:
            gaps.append(f"and {len(self.missing) - _MOST_GAPS} more ranges")
        lines.append(f"  missing   {', '.join(gaps) or 'nothing'}")
        if self.rate:
            left = (self.wanted - self.done) / self.rate
            lines.append(f"  rate      {self.rate:.4g} trajectories/s, about {left:.3g} s left")
        lines.append(f"  files     {self.files}, {units.readable_bytes(self.bytes)}")
        lines += [f"  damaged   {text}" for text in self.damaged] or ["  damaged   nothing"]
        lines += [f"  shard     {text}" for text in self.shards[:_MOST_SHARDS]]
        if len(self.shards) > _MOST_SHARDS:
            lines.append(f"  shard     and {len(self.shards) - _MOST_SHARDS} more lack something")
        return "\n".join(lines)


def status(path):
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
    if not any(look.files or look.note for look in looks):
        raise StoreError(f"{path}: no such file, and no blocks or shards of a run in progress")
    whole = max(look.whole for look in looks)
    shard = shard_of(path)
    span = shard.span(whole) if shard else (0, whole)
    ranges = covered(select([part for look in looks for part in look.parts]))
    missing = intersect(gaps(ranges, whole), [span])
    return Status(
        path,
        sum(last - first for first, last in ranges),
        span[1] - span[0],
        missing,
        [text for look in looks for text in look.damaged],
        sum(look.files for look in looks),
        sum(look.bytes for look in looks),
        sum(filter(None, map(_rate, looks))) or None,
        _writer(looks[0].note),
        _lacking_shards(path, {look.path: look for look in looks[1:]}, whole, missing),
    )


@dataclass(frozen=True)
class _Look:
    """What was found of one store."""

    path: Path
    note: dict
    parts: list
    damaged: list
    files: int
    bytes: int

    @classmethod
    def at(cls, path):
        folder = blocks_folder(path)
        files = [path] if path.exists() else []
        files += block_files(folder)
        note = read_note(folder)
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
        return cls(path, note, parts, damaged, len(files), size)

    @property
    def whole(self):
        """Trajectories that its run was to have, with all shards, as far as it knows."""
        reasons = [wanted(part.stop_reason) for part in self.parts]
        lasts = [part.ranges[-1][1] for part in self.parts]
        return max([self.note.get("wanted", 0), *reasons, *lasts])


def _lacking_shards(path, looks, whole, missing):
    """One line for each shard that lacks something, also where nothing is there of it."""
    lines = []
    for of in sorted({shard_of(file).of for file in looks}):
        for shard in (Shard(number, of) for number in range(1, of + 1)):
            lacks = sum(b - a for a, b in intersect(missing, [shard.span(whole)]))
            if lacks:
                look = looks.get(shard.path(path))
                state = "not begun" if look is None else _writer(look.note) or "ended"
                first, last = shard.span(whole)
                lines.append(f"{shard} lacks {lacks} of {last - first}, {state}")
    return lines


def _rate(look):
    """Trajectories per second of a run in progress, or None."""
    note, done = look.note, sum(b - a for a, b in covered(select(look.parts)))
    blocks = [part.path for part in look.parts if part.path != look.path]
    written = [file.stat().st_mtime for file in blocks if file.exists()]
    if not note or not written or max(written) <= note["began"] or done <= note["had"]:
        return None
    return (done - note["had"]) / (max(written) - note["began"])


def _writer(note):
    if not note:
        return None
    who = f"process {note['pid']} on {note['host']}"
    if note["host"] != socket.gethostname():
        return f"perhaps still running as {who}"
    try:
        os.kill(note["pid"], 0)
    except ProcessLookupError:
        return "not running: run the same command again to go on"
    except PermissionError:
        pass
    return f"running as {who}"


@dataclass(frozen=True, eq=False)
class Rerun:
    """One trajectory, made again from the record of its run.

    Attributes
    ----------
    plan : Plan
    block : Block
        The trajectory.
    equal : dict
        For each recorded variable whether the stored one is equal bit for bit; None when it is
        not stored (any more).
    """

    plan: object
    block: object
    equal: dict

    def __str__(self):
        model, times = self.plan.model, self.plan.times
        factor, unit = units.readable_times(times)
        shown = np.unique(np.linspace(0, len(times) - 1, 11).round().astype(int))
        samples, names = getattr(self.block, model.sampled)[0], model.columns[model.sampled]
        rows = [(f"{times[k] * factor:.4g}", *(f"{v:.7g}" for v in samples[k])) for k in shown]
        words = {True: "equal, bit for bit", False: "DIFFERENT", None: "not stored"}
        return "\n".join(
            [
                f"trajectory {self.block.first} of {model.name}, seed {self.plan.seed}: "
                f"{self.block.events} events",
                "",
                *columns(
                    rows,
                    (f"time ({unit})", *names),
                    right=range(len(rows[0])),
                ),
                "",
                *(f"stored {name}: {words[equal]}" for name, equal in self.equal.items()),
            ]
        )


def rerun(path, index):
    """Make one trajectory again, from the record alone, and compare it with what is stored.

    Parameters
    ----------
    path : path
    index : int
        Index of the trajectory; need not be stored.

    Returns
    -------
    Rerun

    Raises
    ------
    StoreError
        When another version of the engine or of the random streams made the file: its bits
        cannot be had from this one.
    """
    store = FileStore(path)
    index = whole_number(index, "index", 0, 2**53)
    made, here = store.plan.versions, (ENGINE_VERSION, streams.STREAM_VERSION)
    if made != here:
        raise StoreError(
            f"{path}: was made with engine version {made[0]} and stream version {made[1]}, but "
            f"this jumpsim has {here[0]} and {here[1]}: it makes other trajectories. Use jumpsim "
            f"{store.context.get('jumpsim', 'of that time')}"
        )
    record = tuple(r for r in RECORDS if r in {store.plan.model.sampled, *store.plan.record})
    block, _ = run_block(replace(store.plan, record=record), index, index + 1)
    equal = {}
    for name in hdf5_layout.names(store.plan):
        if (
            "trajectory" in hdf5_layout.describe(name)[0]
            or "event" in hdf5_layout.describe(name)[0]
        ):
            equal[name] = _is_stored_equal(store, block, name, index)
    return Rerun(store.plan, block, equal)


def _is_stored_equal(store, block, name, index):
    """Whether a stored variable of a trajectory equals the block's; None when it is not there."""
    for first, last, part, row in store.pieces():
        if not first <= index < last:
            continue
        a = row + index - first
        if {name, "event_count"} <= part.present:
            stored = part.read_unverified(name, a, a + 1)
            return np.array_equal(stored, getattr(block, name))
    return None


@dataclass(frozen=True)
class Estimate:
    """What a run will cost, from a short probe.

    Attributes
    ----------
    ntraj, workers, probed : int
    events, seconds, bytes : float
        Of all trajectories.
    """

    ntraj: int
    workers: int
    probed: int
    events: float
    seconds: float
    bytes: float

    def __str__(self):
        return "\n".join(
            [
                f"{self.ntraj} trajectories, judged from {self.probed}; nothing was written",
                f"  events    {self.events:.4g}, {self.events / self.ntraj:.4g} per trajectory",
                f"  time      {self.seconds:.3g} s on {self.workers} workers, without writing",
                f"  file      {units.readable_bytes(self.bytes)}, "
                f"{self.bytes / self.ntraj:.4g} bytes per trajectory",
            ]
        )


def estimate(plan, ntraj, workers=1):
    """Judge events, time and bytes of a run from about half a second of it.

    Parameters
    ----------
    plan : Plan
    ntraj, workers : int
    """
    if ntraj < 1:
        raise InputError(f"`ntraj` must be ≥ 1 to judge its cost, but is {ntraj}")
    run_block(plan, 0, 1)  # compiles
    number, began = 1, time.monotonic()
    while True:
        block, seconds = run_block(plan, 0, number)
        if number == ntraj or time.monotonic() - began > _PROBE_SECONDS:
            break
        number = min(ntraj, 2 * number)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "probe.h5"
        hdf5_layout.write(file, plan, [(0, number, block, 0)])
        size = file.stat().st_size
    share = ntraj / number
    grows = size if plan.record == ("moments",) else size * share
    return Estimate(ntraj, workers, number, block.events * share, seconds * share / workers, grows)

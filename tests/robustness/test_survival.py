"""Kills, signals, full disks and damage: no wrong number, no lost block, and the run goes on."""

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import warnings

import h5py
import numpy as np
import pytest
from support import killed_runs as survival
from support.killed_runs import (
    BLOCK,
    NTRAJ,
    SPEC,
    Run,
    assert_nothing_left,
    assert_one_line,
    assert_same,
    blocks,
    blocks_folder,
    completed,
    in_child,
    indices,
    prepared,
    temporaries,
)

import jumpsim as js
from jumpsim.cli.main import main
from jumpsim.run.block_task import run_block
from jumpsim.store import WritableStore
from jumpsim.store.file_part import FilePart
from jumpsim.store.plan import Plan

SIGNALS = (signal.SIGINT, signal.SIGTERM)
LATENCY = 3.0  # seconds; the promise is about one, on a machine with nothing else to do

# One trajectory takes about a second.
LONG = """
system = "hohlraum"
[parameters]
tls = 20
modes = 10
gamma_tilde = "1 MHz"
[start]
counts = { N = 15, m = 0 }
[times]
stop = "250 ms"
points = 11
[run]
ntraj = 2
seed = 3
record = ["counts", "jumps"]
"""


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The file of an undisturbed run."""
    return prepared(tmp_path_factory.mktemp("reference"))


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "spec.toml"
    path.write_text(SPEC)
    return path


@pytest.fixture
def out(tmp_path):
    (tmp_path / "store").mkdir()
    return tmp_path / "store" / "out.h5"


def names(out):
    return [f.name for f in blocks_folder(out).glob("traj-*.h5")]


def covered(out):
    """Trajectories that are there, in files that prove to be whole."""
    files = [*blocks_folder(out).glob("traj-*.h5"), *([out] if out.exists() else [])]
    found = set()
    for file in files:
        part = FilePart(file)
        part.verify()
        found |= {i for first, last in part.ranges for i in range(first, last)}
    return found


def assert_readable(out, capsys):
    """Assert that `info` tells about the store, or in one line that there is nothing."""
    capsys.readouterr()
    status = main(["info", str(out)])
    told = capsys.readouterr()
    assert status in (0, 2)
    if status == 2:
        assert_one_line(told.err)
        assert not names(out)
    else:
        assert told.err == ""


def resumed(spec, out, reference, tmp_path, held, **options):
    """Run to the end, and compare; what was held before it was not written again."""
    note = tmp_path / "held.json"
    status, told = completed(spec, out, held=str(note), **options)
    assert (status, told) == (0, "")
    at_the_end = json.loads(note.read_text())
    assert {name: at_the_end.get(name) for name in held} == held
    assert_same(out, reference)
    assert_nothing_left(out)


# How a run that is to be killed differs from an ordinary one, and where it is killed.
VARIANTS = {
    "one worker": ({}, ["--workers", 1], None),
    "two workers": ({}, ["--workers", 2], None),
    "processes": ({"executor": "spawn"}, [], None),
    "while a file is put together": ({"slow": ["write", 0.1]}, [], 0.5),
    "before it gets its name": ({"slow": ["rename", 0.3]}, [], 0.3),
    "after it got its name": ({"slow": ["renamed", 0.3]}, [], 0.3),
    "while blocks are removed": ({"slow": ["unlink", 0.05]}, [], 0.4),
}


def run_and_kill(variant, how, spec, out, tmp_path, rng):
    """Kill a run at a random moment; returns the blocks acknowledged before."""
    options, arguments, late = VARIANTS[variant]
    how = "process" if "executor" in options else how
    reached = tmp_path / "reached"
    reached.unlink(missing_ok=True)
    here = len(indices(names(out)))
    goal = here + rng.integers(0, max(1, NTRAJ - here - BLOCK))
    with Run(spec, out, *arguments, **options, how=how, reached=str(reached)) as run:
        if late is None:
            run.wait_for(lambda: run.begun() and len(indices(names(out))) >= goal)
            time.sleep(rng.uniform(0, 0.04))
        else:
            run.wait_for(reached.exists)
            time.sleep(rng.uniform(0, late))
        before = names(out)
        run.signal(signal.SIGKILL)
        run.wait()
    return before


def assert_survived(before, out, capsys):
    """Assert that what was acknowledged is whole; returns the blocks, and whether work is left."""
    held = blocks(out)
    assert indices(before) <= covered(out)
    assert out.exists() or set(before) <= set(held)
    assert_readable(out, capsys)
    return held, bool(held or temporaries(out))


def kill_and_resume(variant, how, kills, seed, spec, out, reference, tmp_path, capsys):
    """Kill a run several times in a row and let it end; returns how many left work undone."""
    rng = np.random.default_rng(seed)
    undone = 0
    for _ in range(kills):
        before = run_and_kill(variant, how, spec, out, tmp_path, rng)
        held, partial = assert_survived(before, out, capsys)
        undone += partial
    resumed(spec, out, reference, tmp_path, held)
    return undone


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_killed_run_goes_on(variant, spec, out, reference, tmp_path, capsys):
    how = "process" if variant == "two workers" else "fork"
    kill_and_resume(variant, how, 1, 1, spec, out, reference, tmp_path, capsys)


def test_a_run_that_is_killed_again_and_again_goes_on(spec, out, reference, tmp_path, capsys):
    kill_and_resume("two workers", "fork", 4, 2, spec, out, reference, tmp_path, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("variant", VARIANTS)
def test_killed_runs_go_on(variant, seed, spec, out, reference, tmp_path, capsys):
    # 7 variants, 3 seeds, 10 kills: 210; the last four come one after the other on one output,
    # but not where the first may leave the second nothing to do.
    undone, last = 0, (1, 1, 1, 1) if variant == "while blocks are removed" else (4,)
    for kill, kills in enumerate((1, 1, 1, 1, 1, 1, *last)):
        undone += kill_and_resume(
            variant, "process", kills, [seed, kill], spec, out, reference, tmp_path, capsys
        )
        out.unlink()
    print(f"{undone} of 10 kills left a temporary file or blocks")
    assert undone >= 5


def finished(note):
    """Trajectories that workers have finished."""
    lines = note.read_text().splitlines() if note.exists() else []
    return {i for line in lines for i in range(*map(int, line.split()))}


def stopped(run, number):
    """Send a signal; returns the exit status and stderr."""
    began = time.monotonic()
    run.signal(number)
    status, told = run.end()
    seconds = time.monotonic() - began
    print(f"{signal.Signals(number).name}: {seconds:.2f} s to the end")
    assert seconds < LATENCY
    return status, told


def assert_says_how_to_go_on(status, told):
    assert status == 75, told
    assert_one_line(told)
    assert "run the same command again" in told


def interrupt_and_resume(number, seed, commit, spec, out, reference, tmp_path):
    rng = np.random.default_rng(seed)
    note = tmp_path / "finished"
    note.unlink(missing_ok=True)
    goal = rng.integers(BLOCK, NTRAJ // 2)
    with Run(spec, out, commit=commit, pause=0.02, finished=str(note)) as run:
        run.wait_for(lambda: len(finished(note)) >= goal)
        time.sleep(rng.uniform(0, 0.05))
        status, told = stopped(run, number)
    assert_says_how_to_go_on(status, told)
    assert not temporaries(out)
    assert covered(out) == finished(note)
    assert len(covered(out)) < NTRAJ
    assert not out.exists()  # to put it together would take the longer, the more there is
    resumed(spec, out, reference, tmp_path, blocks(out))


@pytest.mark.parametrize("commit", [0, 60])
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_commits_what_is_finished(number, commit, spec, out, reference, tmp_path):
    interrupt_and_resume(number, 1, commit, spec, out, reference, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
@pytest.mark.parametrize("commit", [0, 60])
@pytest.mark.parametrize("number", SIGNALS)
def test_signals_at_random_moments(number, commit, seed, spec, out, reference, tmp_path):
    interrupt_and_resume(number, seed, commit, spec, out, reference, tmp_path)


@pytest.mark.usefixtures("reference")  # which compiles
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_before_anything_is_finished(number, tmp_path, out):
    spec = tmp_path / "long.toml"
    spec.write_text(LONG)
    with Run(spec, out, how="plain") as run:
        run.wait_for(run.begun)
        time.sleep(0.2 if number == signal.SIGINT else 0.0)
        status, told = stopped(run, number)
    assert_says_how_to_go_on(status, told)
    assert not temporaries(out)
    assert completed(spec, out, how="plain") == (0, "")
    whole = js.load_spec(spec)
    kept = js.simulate(whole.model, whole.times, 2, whole.initial, 3, ["counts", "jumps"])
    read = js.open(out)
    assert np.array_equal(read.counts, kept.counts)
    assert np.array_equal(read.jumps, kept.jumps)


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(30))
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_at_any_moment_is_told_in_one_line(number, moment, spec, out, reference, tmp_path):
    # From the moment at which the run has its folder to beyond its end.
    rng = np.random.default_rng(moment)
    with Run(spec, out, how="plain") as run:
        run.wait_for(run.begun)
        time.sleep(rng.uniform(0, 0.9))
        if run.poll() is None:
            status, told = stopped(run, number)
        else:
            status, told = run.end()
    # A process that is past its last line ends as Python does.
    if out.exists() and status in (0, -number):
        assert "Traceback" not in told
    else:
        assert_says_how_to_go_on(status, told)
    assert not temporaries(out)
    resumed(spec, out, reference, tmp_path, blocks(out))


@pytest.mark.parametrize("place", ["write", "rename", "unlink"])
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_a_file_is_put_together(number, place, spec, out, reference, tmp_path):
    reached = tmp_path / "reached"
    with Run(spec, out, slow=[place, 0.2], reached=str(reached)) as run:
        run.wait_for(reached.exists)
        time.sleep(0.1)
        status, told = stopped(run, number)
    assert_says_how_to_go_on(status, told)
    assert not temporaries(out)
    assert covered(out) == set(range(NTRAJ))
    resumed(spec, out, reference, tmp_path, blocks(out))


@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_loses_no_block(number, spec, out, reference, tmp_path):
    rng = np.random.default_rng(number)
    with Run(spec, out, pause=0.1) as run:
        run.wait_for(lambda: len(names(out)) >= 2)
        before = names(out)
        run.signal(number)
        time.sleep(rng.uniform(0, 0.1))
        status, told = stopped(run, number)
    assert status == 75, told
    assert_one_line(told)
    assert indices(before) <= covered(out)
    assert not temporaries(out)
    resumed(spec, out, reference, tmp_path, blocks(out))


@pytest.mark.usefixtures("reference")
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_in_memory_is_a_keyboard_interrupt(number, tmp_path):
    spec = tmp_path / "long.toml"
    spec.write_text(LONG)
    program = f"""
        import sys, jumpsim as js
        spec = js.load_spec({str(spec)!r})
        print("begun", flush=True)
        try:
            js.simulate(spec.model, spec.times, 1000, spec.initial, 3)
        except KeyboardInterrupt:
            sys.exit(7)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    )
    try:
        process.stdout.readline()
        time.sleep(2)
        began = time.monotonic()
        process.send_signal(number)
        assert process.wait(60) == 7
        assert time.monotonic() - began < LATENCY
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("limit", ["0.05 s", "0.4 s"])
def test_a_time_limit_commits_what_is_finished(limit, spec, out, reference, tmp_path):
    note = tmp_path / "finished"
    began = time.monotonic()
    status, told = completed(
        spec, out, "--time-limit", limit, commit=60, pause=0.1, finished=str(note)
    )
    print(f"{time.monotonic() - began:.2f} s with a limit of {limit}")
    assert_says_how_to_go_on(status, told)
    assert not temporaries(out)
    assert covered(out) == finished(note)
    assert f"with {len(finished(note))} trajectories" in told
    assert len(finished(note)) < NTRAJ
    resumed(spec, out, reference, tmp_path, blocks(out))


def test_a_second_process_is_told(spec, out, reference):
    with Run(spec, out, pause=0.4) as first:
        first.wait_for(first.begun)
        for how in ("plain", "fork", "fork"):
            status, told = completed(spec, out, how=how)
            assert status == 2
            assert_one_line(told)
            assert "another process is writing" in told
        assert first.poll() is None
        assert first.end() == (0, "")
    assert_same(out, reference)
    assert_nothing_left(out)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_several_processes_at_once(seed, spec, out, reference):
    rng = np.random.default_rng(seed)
    runs = []
    try:
        for _ in range(5):
            runs.append(Run(spec, out))
            time.sleep(rng.uniform(0, 0.4))
        ends = [run.end() for run in runs]
    finally:
        for run in runs:
            run.__exit__()
    for status, told in ends:
        if status == 0:
            assert told == ""
        else:
            assert status == 2
            assert_one_line(told)
            assert "another process is writing" in told
    assert 0 in [status for status, _ in ends]
    assert_same(out, reference)
    assert_nothing_left(out)


@pytest.mark.parametrize("executor", [None, "spawn", "fork"])
def test_a_killed_process_leaves_no_lock(executor, spec, out, reference):
    options = {} if executor is None else {"executor": executor}
    with Run(spec, out, how="process", **options) as run:
        run.wait_for(lambda: names(out))
        run.signal(signal.SIGKILL)
        run.wait()  # its workers may still be there
        assert completed(spec, out) == (0, "")
    assert_same(out, reference)


def test_another_output_keeps_its_temporary_file(spec, out, reference):
    # That of `out.h5`, which another process may just be putting together, is not one of `out`.
    other = out.with_name(".out.h5.0123456789abcdef0123456789abcdef.tmp")
    other.write_text("half a file")
    short = out.with_name("out")
    assert completed(spec, short) == (0, "")
    assert other.exists()
    assert_same(short, reference)


@pytest.mark.parametrize("place", ["store", "folder"])
def test_foreign_names_beside_a_store_are_left_alone(place, spec, out, reference):
    folder = out.parent if place == "store" else blocks_folder(out)
    folder.mkdir(exist_ok=True)
    (folder / "notes.txt").write_text("mine")
    (folder / ".mine.tmp").mkdir()
    (folder / ".mine.tmp" / "a").write_text("mine")
    status, told = completed(spec, out)
    assert (status, told) == (0, "")
    assert (folder / "notes.txt").read_text() == "mine"
    assert (folder / ".mine.tmp" / "a").read_text() == "mine"
    assert_same(out, reference)


# A file system of a few kilobytes, which only the commands in here see.
ON_A_SMALL_DISK = """
mount -t tmpfs -o size={size} none {disk} || exit 90
{run}
echo $? > {after}/status
mkdir {after}/disk
cp -a {disk}/. {after}/disk
mount -o remount,size=64m {disk}
{run}
echo $? >> {after}/status
cp -a {disk}/. {after}/end
"""


def on_a_small_disk(script, **places):
    words = {name: shlex.quote(str(value)) for name, value in places.items() if name != "run"}
    return subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script.format(**words, run=places.get("run"))],
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory):
    """Skip where one cannot mount a file system of one's own."""
    disk = tmp_path_factory.mktemp("disk")
    try:
        tried = on_a_small_disk("mount -t tmpfs -o size={size} none {disk}", size="64k", disk=disk)
    except OSError as error:
        pytest.skip(f"no namespaces: {error}")
    if tried.returncode:
        pytest.skip(f"no mount in a namespace: {tried.stderr.strip()}")


def fill_a_disk(size, spec, reference, tmp_path, capsys):
    """Run on a disk of `size` bytes, and again when it has grown; whether it had been full."""
    disk, after = tmp_path / "disk", tmp_path / "after"
    disk.mkdir()
    after.mkdir()
    (after / "end").mkdir()
    command = [sys.executable, str(spec.parent / "driver.py"), '{"commit": 0}', "run", str(spec)]
    shutil.copy(survival.__file__, spec.parent / "driver.py")
    run = shlex.join([*command, "-o", str(disk / "out.h5"), "-q"])
    told = on_a_small_disk(ON_A_SMALL_DISK, size=size, disk=disk, after=after, run=run)
    first, second = (after / "status").read_text().split()
    left = after / "disk" / "out.h5"
    if first == "0":
        assert told.stderr == ""
    else:
        assert first == "2", told.stderr  # and not a signal: HDF5 may die of a full disk
        assert_one_line(told.stderr)
        assert "no space left on the disk" in told.stderr
        assert covered(left) == indices(names(left))
        assert_readable(left, capsys)
        assert not temporaries(left)
    assert second == "0"
    assert_same(after / "end" / "out.h5", reference)
    assert_nothing_left(after / "end" / "out.h5")
    shutil.rmtree(after)
    shutil.rmtree(disk)
    return first == "2"


@pytest.mark.usefixtures("small_disk")
@pytest.mark.parametrize("size", ["4k", "150k", "450k"])
def test_a_full_disk(size, spec, reference, tmp_path, capsys):
    assert fill_a_disk(size, spec, reference, tmp_path, capsys)


@pytest.mark.slow
@pytest.mark.usefixtures("small_disk")
def test_a_disk_that_is_full_at_any_moment(spec, reference, tmp_path, capsys):
    sizes = [*range(4, 64, 4), *range(64, 1000, 24)]
    full = [s for s in sizes if fill_a_disk(f"{s}k", spec, reference, tmp_path, capsys)]
    assert len(full) > len(sizes) / 2
    assert len(full) < len(sizes)


def plan_of(spec, **changes):
    said = js.load_spec(spec)
    given = {"seed": 7, "record": tuple(said.run["record"])} | changes
    return Plan(said.model, said.initial, said.times, **given)


def leave_blocks(spec, out, *ranges, **changes):
    """Make the blocks that a run leaves when it is killed; returns their files."""
    plan = plan_of(spec, **changes)
    store = WritableStore(out, plan)
    for first, last in ranges:
        store.write([run_block(plan, first, last)[0]])
    store.finish(None, complete=False)
    return sorted(blocks_folder(out).glob("traj-*.h5"))


def simulate_again(spec, out):
    said = js.load_spec(spec)
    return js.simulate(said.model, said.times, initial=said.initial, store=out, **said.run)


def truncate(file):
    os.truncate(file, file.stat().st_size * 2 // 3)


def flip(file):
    data = bytearray(file.read_bytes())
    with h5py.File(file) as opened:
        place = opened["counts"].id.get_chunk_info(0).byte_offset
    data[place + 20] ^= 4
    file.write_bytes(data)


def be_foreign(file):
    with h5py.File(file, "w") as opened:
        opened["x"] = 1


def be_another_range(file):
    file.rename(file.with_name("traj-000000000100-000000000110.h5"))


def be_a_folder(file):
    file.unlink(missing_ok=True)
    file.mkdir()
    (file / "something").write_text("in it")


DAMAGES = {
    "truncated": truncate,
    "one bit": flip,
    "empty": lambda file: file.write_bytes(b""),
    "foreign": be_foreign,
    "text": lambda file: file.write_text("hello"),
    "another range": be_another_range,
    "a folder": be_a_folder,
}


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_block_is_set_aside(damage, twice, spec, out, reference):
    if twice:  # what was set aside before is in the way
        file = leave_blocks(spec, out, (0, 10))[0]
        be_a_folder(file.with_name(f"{file.name}.damaged"))
        be_a_folder(file.with_name("traj-000000000100-000000000110.h5.damaged"))
        file.unlink()
    files = leave_blocks(spec, out, (0, 10), (10, 20), (50, 60))
    kept = blocks(out)
    DAMAGES[damage](files[0])
    with pytest.warns(js.StoreWarning, match="was set aside as") as told:
        simulate_again(spec, out)
    assert len(told) == 1
    assert "\n" not in str(told[0].message)
    assert str(blocks_folder(out)) in str(told[0].message)
    assert_same(out, reference)
    assert not names(out)
    left = [f.name for f in blocks_folder(out).iterdir() if "damaged" in f.name]
    assert len(left) == 1 + 2 * twice
    assert kept


def test_a_block_that_the_system_cannot_read_is_left_where_it_is(spec, out, reference, tmp_path):
    """An error of the system proves no damage: told, and nothing is set aside or made again."""
    file = leave_blocks(spec, out, (0, 10), (10, 20))[0]
    away = file.rename(tmp_path / "away")
    file.symlink_to(file.name)  # a loop of links: ELOOP
    with pytest.raises(js.StoreError, match=rf"{file.name}: cannot be read \(Too many levels"):
        simulate_again(spec, out)
    assert file.is_symlink()
    assert not [f for f in blocks_folder(out).iterdir() if "damaged" in f.name]
    file.unlink()
    away.rename(file)
    resumed(spec, out, reference, tmp_path, blocks(out))


def test_the_command_tells_of_a_damaged_block_in_one_line(spec, out, reference):
    file = leave_blocks(spec, out, (0, 10))[0]
    truncate(file)
    status, told = completed(spec, out, how="plain")
    assert status == 0
    assert_one_line(told)
    assert f"{file.name}.damaged" in told
    assert_same(out, reference)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up the right to read")
def test_a_block_that_may_not_be_read(spec, out, tmp_path):
    file = leave_blocks(spec, out, (0, 10))[0]
    file.chmod(0)

    def as_nobody():
        for folder in (tmp_path.parent.parent, tmp_path.parent, tmp_path, out.parent, file.parent):
            folder.chmod(0o777)
        (file.parent / "lock").chmod(0o666)
        os.setgid(65534)
        os.setuid(65534)
        return main(["run", str(spec), "-o", str(out), "-q"])

    status, told = in_child(as_nobody)
    assert status in (0, 2)
    assert_one_line(told)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up the right to write")
@pytest.mark.parametrize("what", ["parent", "folder", "lock"])
def test_a_place_that_may_not_be_written(what, spec, out, tmp_path):
    leave_blocks(spec, out, (0, 10))

    def as_nobody():
        for folder in (tmp_path.parent.parent, tmp_path.parent, tmp_path, out.parent):
            folder.chmod(0o777)
        blocks_folder(out).chmod(0o777)
        (blocks_folder(out) / "lock").chmod(0o666)
        if what == "lock":
            (blocks_folder(out) / "lock").chmod(0o600)
        else:
            {"parent": out.parent, "folder": blocks_folder(out)}[what].chmod(0o755)
        os.setgid(65534)
        os.setuid(65534)
        return main(["run", str(spec), "-o", str(out), "-q"])

    status, told = in_child(as_nobody)
    assert status == 2, told
    assert_one_line(told)
    assert covered(out) >= set(range(10))


@pytest.mark.parametrize("seed", [1, pytest.param(range(2, 302), marks=pytest.mark.slow)])
def test_blocks_damaged_at_random_places(seed, spec, tmp_path, reference):
    seeds = [seed] if isinstance(seed, int) else list(seed)
    original = tmp_path / "original.h5"
    leave_blocks(spec, original, (0, 100), (100, 200))
    warned = 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        out = tmp_path / f"{seed}.h5"
        shutil.copytree(blocks_folder(original), blocks_folder(out))
        file = sorted(blocks_folder(out).glob("traj-*.h5"))[seed % 2]
        data = bytearray(file.read_bytes())
        if seed % 3 == 0:
            del data[rng.integers(len(data)) :]
        else:
            for _ in range(rng.integers(1, 4)):
                data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        file.write_bytes(data)
        status, told = in_child(lambda out=out: main(["run", str(spec), "-o", str(out), "-q"]))
        assert status == 0, (seed, told)
        if told:
            warned += 1
            assert_one_line(told)
        assert_same(out, reference)
        assert blocks_folder(out).exists() == bool(told), seed
        shutil.rmtree(blocks_folder(out), ignore_errors=True)
        out.unlink()
    if len(seeds) > 1:
        print(f"{warned} of {len(seeds)} damages were told of; the others change no number")
        assert warned > len(seeds) / 2


@pytest.mark.parametrize("finished_file", [False, True])
def test_a_block_of_another_run_is_refused(finished_file, spec, out, tmp_path):
    other = tmp_path / "other.h5"
    foreign = leave_blocks(spec, other, (0, 10), seed=8)[0]
    if finished_file:
        spec.write_text(SPEC.replace(f"ntraj = {NTRAJ}", "ntraj = 30"))
        simulate_again(spec, out)
        blocks_folder(out).mkdir()
        shutil.copy(foreign, blocks_folder(out))
    else:
        leave_blocks(spec, out, (20, 30))
        shutil.copy(foreign, blocks_folder(out))
    before = {f: f.read_bytes() for f in out.parent.rglob("*.h5") if f.is_file()}
    status, told = completed(spec, out, how="plain")
    assert status == 2
    assert_one_line(told)
    assert "belongs to another run: seed: 8 against 7" in told
    assert {f: f.read_bytes() for f in out.parent.rglob("*.h5") if f.is_file()} == before


def finish(spec, out):
    simulate_again(spec, out)
    return js.open(out).counts


def change_a_number(file):
    """As no bit flip would: every checksum of HDF5 fits."""
    with h5py.File(file, "r+") as opened:
        opened["counts"][3, 2, 1] += 1


def half_of(spec):
    """The same run with half of the trajectories."""
    half = spec.with_name("half.toml")
    half.write_text(spec.read_text().replace(f"ntraj = {NTRAJ}", f"ntraj = {NTRAJ // 2}"))
    return half


def test_a_finished_file_with_a_changed_bit_gives_no_number(spec, out, capsys):
    finish(spec, out)
    flip(out)
    with pytest.raises(js.StoreError, match=r"out\.h5"):
        _ = js.open(out).counts
    assert main(["compare", str(out), "--no-figure"]) == 2
    assert_one_line(capsys.readouterr().err)


@pytest.mark.parametrize("more", [False, True])
def test_a_finished_file_with_a_changed_bit_is_refused(more, spec, out, capsys):
    finish(half_of(spec), out)
    flip(out)
    before = out.read_bytes()
    wanted = spec if more else half_of(spec)
    assert main(["run", str(wanted), "-o", str(out), "-q"]) == 2
    told = capsys.readouterr().err
    assert_one_line(told)
    assert f"{out}: damaged: " in told
    assert out.read_bytes() == before
    assert [f.name for f in out.parent.iterdir()] == ["out.h5"]


@pytest.mark.parametrize("more", [False, True])
def test_a_finished_file_with_a_changed_number_is_made_again(more, spec, out, reference):
    # Another program opened it for writing, so that only the content can tell.
    finish(half_of(spec) if more else spec, out)
    change_a_number(out)
    damaged = out.read_bytes()
    with pytest.warns(js.StoreWarning, match=r"set aside as out\.h5\.damaged"):
        simulate_again(spec, out)
    assert out.with_name("out.h5.damaged").read_bytes() == damaged
    assert_same(out, reference)


@pytest.mark.parametrize("damage", [flip, change_a_number])
def test_a_damaged_finished_file_is_not_copied_from(damage, spec, out, reference, tmp_path):
    # A run was killed while it removed its blocks, and then the file was damaged.
    block = leave_blocks(spec, tmp_path / "other.h5", (0, 10))[0]
    finish(spec, out)
    damage(out)
    blocks_folder(out).mkdir()
    shutil.copy(block, blocks_folder(out))
    status, told = in_child(lambda: main(["run", str(spec), "-o", str(out), "-q"]))
    assert_one_line(told)
    assert status in (0, 2)
    if status == 0:
        assert_same(out, reference)
    else:
        with pytest.raises(js.StoreError):
            FilePart(out).verify()


@pytest.mark.parametrize("damage", [flip, change_a_number])
@pytest.mark.parametrize("which", ["input", "output"])
def test_a_damaged_file_is_not_merged(damage, which, spec, out, tmp_path):
    finish(half_of(spec), out)
    other = tmp_path / "other.h5"
    leave_blocks(spec, other, (NTRAJ // 2, NTRAJ))
    if which == "input":
        damage(out)
        target, source = tmp_path / "merged.h5", [out, other]
    else:
        damage(out)
        target, source = out, [other]
    status, told = in_child(lambda: main(["merge", "-o", str(target), *map(str, source)]))
    assert_one_line(told)
    assert status in (0, 2)
    for file in (target, *blocks_folder(target).glob("traj-*.h5")):
        if file.exists():
            with contextlib.suppress(js.StoreError):
                part = FilePart(file)
                part.verify()
                first, last = part.ranges[0]
                right = run_block(plan_of(spec), first, last)[0]
                assert np.array_equal(part.read("counts", 0, last - first), right.counts)


@pytest.mark.parametrize("damage", ["truncated", "header", "empty", "text", "foreign"])
def test_a_finished_file_that_cannot_be_understood_is_refused(damage, spec, out, capsys):
    finish(spec, out)
    if damage == "header":
        with h5py.File(out, "r+") as file:
            file.attrs["ranges"] = file.attrs["ranges"] + 1
    else:
        DAMAGES[damage](out)
    before = out.read_bytes()
    for command in (["run", str(spec), "-q", "-o"], ["info"], ["compare", "--no-figure"]):
        assert main([*command, str(out)]) == 2
        told = capsys.readouterr().err
        assert_one_line(told)
        assert str(out) in told
    assert out.read_bytes() == before
    assert [f.name for f in out.parent.iterdir()] == ["out.h5"]


@pytest.mark.parametrize("seed", [1, pytest.param(range(2, 302), marks=pytest.mark.slow)])
def test_finished_files_with_a_changed_bit_give_no_wrong_number(seed, spec, tmp_path, reference):
    counts = js.open(reference).counts
    jumps = js.open(reference).jumps
    original = reference.read_bytes()
    for number in [seed] if isinstance(seed, int) else seed:
        rng = np.random.default_rng(number)
        out = tmp_path / f"{number}.h5"
        data = bytearray(original)
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        out.write_bytes(data)

        def read(out=out):
            try:
                read = js.open(out)
                same = np.array_equal(read.counts, counts) and np.array_equal(read.jumps, jumps)
            except js.StoreError:
                return 0
            return 0 if same else 3

        assert in_child(read)[0] == 0, number
        status, told = in_child(lambda out=out: main(["run", str(spec), "-o", str(out), "-q"]))
        assert status in (0, 2), (number, told)
        if told:
            assert_one_line(told)
        if out.with_name(f"{out.name}.damaged").exists():
            assert_same(out, reference)
        assert in_child(read)[0] == 0, number
        out.unlink()


def test_without_damage_there_is_no_warning(spec, out, reference):
    leave_blocks(spec, out, (0, 10), (30, 60))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simulate_again(spec, out)
    assert_same(out, reference)
    assert_nothing_left(out)

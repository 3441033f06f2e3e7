"""SIGKILL at any moment and place: no wrong number, no lost block, and the run goes on."""

import signal
import time

import numpy as np
import pytest
from support.interrupted_runs import assert_readable, covered, names, resumed
from support.killed_runs import (
    BLOCK,
    NTRAJ,
    Run,
    assert_nothing_left,
    assert_one_line,
    assert_same,
    blocks,
    blocks_folder,
    completed,
    indices,
    temporaries,
)

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


def test_a_second_process_is_refused(spec, out, reference):
    with Run(spec, out, pause=0.4) as first:
        first.wait_for(first.begun)
        for how in ("plain", "fork", "fork"):
            status, printed = completed(spec, out, how=how)
            assert status == 2
            assert_one_line(printed)
            assert "another process is writing" in printed
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
    for status, printed in ends:
        if status == 0:
            assert printed == ""
        else:
            assert status == 2
            assert_one_line(printed)
            assert "another process is writing" in printed
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
    status, printed = completed(spec, out)
    assert (status, printed) == (0, "")
    assert (folder / "notes.txt").read_text() == "mine"
    assert (folder / ".mine.tmp" / "a").read_text() == "mine"
    assert_same(out, reference)

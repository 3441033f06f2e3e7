"""SIGINT, SIGTERM and time limits: what is finished is committed, and the status is 75."""

import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from support.interrupted_runs import covered, names, resumed
from support.killed_runs import (
    BLOCK,
    NTRAJ,
    Run,
    assert_one_line,
    blocks,
    completed,
    indices,
    temporaries,
)
from support.parameter_files import hohlraum

import jumpsim as js

SIGNALS = (signal.SIGINT, signal.SIGTERM)
LATENCY = 3.0  # seconds; the promise is about one, on a machine with nothing else to do

# One trajectory takes about a second.
LONG = hohlraum(
    "counts = { N = 15, m = 0 }",
    'stop = "250 ms"\npoints = 11',
    'ntraj = 2\nseed = 3\nrecord = ["counts", "jumps"]',
)


def finished(note):
    """Trajectories that workers have finished."""
    lines = note.read_text().splitlines() if note.exists() else []
    return {i for line in lines for i in range(*map(int, line.split()))}


def stopped(run, number):
    """Send a signal; returns the exit status and stderr."""
    began = time.monotonic()
    run.signal(number)
    status, printed = run.end()
    seconds = time.monotonic() - began
    print(f"{signal.Signals(number).name}: {seconds:.2f} s to the end")
    assert seconds < LATENCY
    return status, printed


def assert_says_how_to_go_on(status, printed):
    assert status == 75, printed
    assert_one_line(printed)
    assert "run the same command again" in printed


def interrupt_and_resume(number, seed, commit, spec, out, reference, tmp_path):
    rng = np.random.default_rng(seed)
    note = tmp_path / "finished"
    note.unlink(missing_ok=True)
    goal = rng.integers(BLOCK, NTRAJ // 2)
    with Run(spec, out, commit=commit, pause=0.02, finished=str(note)) as run:
        run.wait_for(lambda: len(finished(note)) >= goal)
        time.sleep(rng.uniform(0, 0.05))
        status, printed = stopped(run, number)
    assert_says_how_to_go_on(status, printed)
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
        status, printed = stopped(run, number)
    assert_says_how_to_go_on(status, printed)
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
def test_a_signal_at_any_moment_gives_one_line(number, moment, spec, out, reference, tmp_path):
    # From the moment at which the run has its folder to beyond its end.
    rng = np.random.default_rng(moment)
    with Run(spec, out, how="plain") as run:
        run.wait_for(run.begun)
        time.sleep(rng.uniform(0, 0.9))
        if run.poll() is None:
            status, printed = stopped(run, number)
        else:
            status, printed = run.end()
    # A process that is past its last line ends as Python does.
    if out.exists() and status in (0, -number):
        assert "Traceback" not in printed
    else:
        assert_says_how_to_go_on(status, printed)
    assert not temporaries(out)
    resumed(spec, out, reference, tmp_path, blocks(out))


@pytest.mark.parametrize("place", ["write", "rename", "unlink"])
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_a_file_is_put_together(number, place, spec, out, reference, tmp_path):
    reached = tmp_path / "reached"
    with Run(spec, out, slow=[place, 0.2], reached=str(reached)) as run:
        run.wait_for(reached.exists)
        time.sleep(0.1)
        status, printed = stopped(run, number)
    assert_says_how_to_go_on(status, printed)
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
        status, printed = stopped(run, number)
    assert status == 75, printed
    assert_one_line(printed)
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
    status, printed = completed(
        spec, out, "--time-limit", limit, commit=60, pause=0.1, finished=str(note)
    )
    print(f"{time.monotonic() - began:.2f} s with a limit of {limit}")
    assert_says_how_to_go_on(status, printed)
    assert not temporaries(out)
    assert covered(out) == finished(note)
    assert f"with {len(finished(note))} trajectories" in printed
    assert len(finished(note)) < NTRAJ
    resumed(spec, out, reference, tmp_path, blocks(out))

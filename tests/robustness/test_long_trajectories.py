"""Few trajectories that are longer than a run may take: each run continues where the last ended."""

import concurrent.futures as cf
import multiprocessing
import signal
import time

import numpy as np
import pytest
from support.interrupted_runs import names
from support.killed_runs import (
    Run,
    assert_nothing_left,
    assert_one_line,
    assert_same,
    blocks_folder,
    completed,
    indices,
    prepared,
    temporaries,
)
from support.parameter_files import hohlraum, written

import jumpsim as js
from jumpsim.cli.main import main
from jumpsim.store import unfinished

# Each of the two trajectories takes two to five seconds.
LONG = hohlraum(
    "counts = { N = 15, m = 0 }",
    'stop = "800 ms"\npoints = 11',
    'ntraj = 2\nseed = 3\nrecord = ["counts", "jumps", "moments"]',
)
STATES = 0.3  # seconds between two states


@pytest.fixture(scope="module")
def long_reference(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("long"), LONG)


@pytest.fixture
def spec(tmp_path):
    return written(tmp_path, LONG)


def events(out):
    """Events of each unfinished trajectory, by index; an absent file is none."""
    found, damaged = unfinished.readable(blocks_folder(out))
    assert not damaged
    return {begun.index: begun.state.events for begun in found}


def advanced(before, after, out):
    """Whether no trajectory has lost events, and some have more or are finished."""
    there = indices(names(out))
    assert all(index in there or after.get(index, 0) >= n for index, n in before.items())
    return bool(there) or any(after[index] > before.get(index, 0) for index in after)


def further(before, finished, out):
    """Whether a trajectory has more events than before, or one more is finished."""
    now = events(out)
    return any(now[i] > before.get(i, 0) for i in now) or len(indices(names(out))) > finished


def kill_until_complete(number, out, spec, pause=None, **options):
    """Kill a run again and again, each time after some seconds; returns how often it was killed.

    Without `pause` it is killed when it has written a state that is further than the last one.
    """
    for killed in range(40):
        before = events(out)
        with Run(spec, out, states=STATES, **options) as run:
            run.wait_for(run.begun)
            if pause is None:
                state = before, len(indices(names(out)))
                run.wait_for(lambda state=state: further(*state, out))
            else:
                deadline = time.monotonic() + pause()
                run.wait_for(lambda deadline=deadline: time.monotonic() > deadline)
            if run.poll() is not None:
                assert run.end() == (0, "")
                return killed
            run.signal(number)
            status, printed = run.end()
        if number == signal.SIGKILL:
            assert printed == ""
            assert status == -signal.SIGKILL or out.exists()  # it ended just before
        elif not out.exists():  # else it was about to end
            assert status == 75
            assert_one_line(printed)
            assert not temporaries(out)
            assert advanced(before, events(out), out), printed
    raise AssertionError("it does not advance")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_run_continues(number, spec, out, long_reference):
    assert kill_until_complete(number, out, spec) >= 1
    assert_same(out, long_reference)
    assert_nothing_left(out)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_runs_that_are_killed_at_any_moment_continue(number, seed, spec, out, long_reference):
    rng = np.random.default_rng(seed)
    kill_until_complete(number, out, spec, lambda: rng.uniform(0.05, 1.5))
    assert_same(out, long_reference)
    assert_nothing_left(out)


def test_a_time_limit_continues(spec, out, long_reference, capsys):
    runs, before = 0, {}
    while main(["run", str(spec), "-o", str(out), "-q", "--time-limit", "0.5 s"]):
        assert_one_line(capsys.readouterr().err)
        assert advanced(before, events(out), out)
        runs, before = runs + 1, events(out)
        assert runs < 40
    assert runs >= 1
    assert_same(out, long_reference)
    assert_nothing_left(out)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [False, True])
def test_processes_continue(shared, out, long_reference, tmp_path, monkeypatch):
    monkeypatch.setattr("jumpsim.run.workers._PAUSE_SECONDS", STATES)
    given = js.load_spec(written(tmp_path, LONG))
    runs, ended = 0, False
    while not ended:
        with cf.ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as executor:
            began = time.monotonic()
            run = js.simulate(
                given.model, given.times, initial=given.initial, store=out, executor=executor,
                shared_folder=shared, timeout=3.0, **given.run,
            )  # fmt: skip
            assert time.monotonic() - began < 8.0
        runs, ended = runs + 1, not run.outcome.stopped_early
        assert runs < 20
    assert runs > 1
    assert_same(out, long_reference)
    assert_nothing_left(out)


@pytest.mark.slow
def test_processes_whose_driver_is_killed_continue(spec, out, long_reference):
    for _ in range(2):
        before = events(out)
        with Run(spec, out, states=STATES, executor="spawn", how="process") as run:
            run.wait_for(lambda before=before: events(out) != before)
            run.signal(signal.SIGKILL)
            run.end()
        assert advanced(before, events(out), out)
    assert completed(spec, out) == (0, "")
    assert_same(out, long_reference)
    assert_nothing_left(out)

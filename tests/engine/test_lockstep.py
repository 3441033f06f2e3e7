"""The lockstep engine gives the trajectories of the direct method, bit for bit."""

import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numba
import numpy as np
import pytest
from support.networks import random_counts, random_model
from support.systems import GRIDS, SYSTEMS, WAVEGUIDE

import jumpsim as js
from jumpsim import engine, streams
from jumpsim.engine.codegen import cache, lockstep, templates
from jumpsim.engine.interface import Batch
from jumpsim.engine.status import Fault
from jumpsim.run import scheduler
from jumpsim.statistics.moments import Moments


def both(model, initial, grid, rows=200, seed=5, keep=(), **more):
    starts = initial.draw(model, seed, 0, rows)
    states = streams.states(seed, 0, rows, streams.JUMPS)
    arguments = "direct", model.table, grid, starts, states, {"samples", *keep}
    return engine.run(*arguments), engine.run(*arguments, left=np.inf, **more)


def fits(table, starts, times, keep, most):
    streams = np.ones((len(starts), 4), np.uint64)
    return lockstep.fits(table, Batch(np.arange(float(times)), starts, streams, keep, most))


def same(one, other):
    np.testing.assert_array_equal(one.samples, other.samples)
    np.testing.assert_array_equal(one.event_count, other.event_count)
    if one.jumps is not None:
        np.testing.assert_array_equal(one.jumps, other.jumps)


@pytest.mark.parametrize("name", ["waveguide", "mass action", *(
    pytest.param(name, marks=pytest.mark.slow) for name in ("loop", "two levels"))])  # fmt: skip
def test_the_same_trajectories(name):
    for grid in GRIDS.values():
        same(*both(*SYSTEMS[name], grid))
        if name in ("waveguide", "mass action"):  # the latter has a channel that never fires
            same(*both(*SYSTEMS[name], grid, keep={"jumps"}))
    alone, lanes = both(*SYSTEMS[name], GRIDS["even"], rows=5)  # most lanes have nothing to do
    same(alone, lanes)
    assert alone.event_count.min() > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_random_networks(seed):
    rng = np.random.default_rng(seed)
    model = random_model(rng)
    start = random_counts(model, rng)
    total = model.rates(start).sum()
    if total == 0:
        pytest.skip("nothing happens")
    starts, states = np.tile(start, (200, 1)), streams.states(seed, 0, 200, streams.JUMPS)
    arguments = "direct", model.table, np.linspace(0, 20 / total, 11), starts, states, {"samples"}
    try:
        alone = engine.run(*arguments, max_events=10_000)
    except Fault:
        pytest.skip("grows without bound")
    same(alone, engine.run(*arguments, left=np.inf))


def test_times_of_events_are_kept_exactly():
    """A grid made of event times: the sample at the very instant includes the event."""
    model, initial = SYSTEMS["two levels"]
    run = js.simulate(model, [4.0], 3, initial, 5, "events")
    times = np.unique(np.concatenate([run.events(i)[0] for i in range(3)]))
    around = np.unique(np.concatenate([np.nextafter(times, 0), times, np.nextafter(times, 9)]))
    for grid in (times, around):
        same(*both(model, initial, grid, rows=100))
    # Evenly spaced times with an event on one of them, which arithmetic alone puts a place too far.
    hard = 0
    for t in times[:60]:
        for n in range(5, 50):
            grid = np.linspace(0, t * n / 3, n + 1)
            if grid[3] == t and t * (n / grid[-1]) > 3 and hard < 30:
                hard += 1
                same(*both(model, initial, grid, rows=64))
    assert hard == 30


def test_a_slice_more_or_less_changes_nothing():
    model, initial = SYSTEMS["waveguide"]
    heard = []

    def proceed(rows, events):
        heard.append((rows, events))
        return True

    alone, lanes = both(model, initial, GRIDS["even"], slice_events=700, proceed=proceed)
    same(alone, lanes)
    assert len(heard) > 5
    assert np.sum(heard, axis=0).tolist() == [200, alone.event_count.sum()]
    # Stopped midway: the leading rows that are all finished, however many later ones are.
    counted, half = [], len(heard) // 2

    def stop(rows, _):
        counted.append(rows)
        return len(counted) < half

    stopped = both(model, initial, GRIDS["even"], slice_events=700, proceed=stop)[1]
    done = len(stopped.event_count)
    assert 0 < done < sum(counted) < 200
    np.testing.assert_array_equal(stopped.samples, alone.samples[:done])
    np.testing.assert_array_equal(stopped.event_count, alone.event_count[:done])


def test_absorbed_and_frozen():
    dies = js.Model([js.Pool.mass_action("X")], [js.Channel("gone", 3.0, {"X": 1})])
    alone, lanes = both(dies, js.Fixed({"X": 4}), np.linspace(0, 20, 9))
    same(alone, lanes)
    assert (lanes.samples[:, -1] == 0).all()
    assert (lanes.event_count == 4).all()
    frozen = js.Model([js.Pool.mass_action("X")], [js.Channel("gone", 0.0, {"X": 1})])
    assert not fits(frozen.table, np.zeros((200, 1)), 9, {"samples"}, None)
    same(*both(frozen, js.Fixed({"X": 4}), np.linspace(0, 2, 9)))
    pairs = js.Model([js.Pool.mass_action("X")], [js.Channel("pair", 3.0, {"X": 2})])
    alone, lanes = both(pairs, js.Fixed({"X": 6}), np.linspace(0, 5, 6))  # the last rate is -0.0
    same(alone, lanes)
    assert (lanes.event_count == 3).all()


def test_faults_are_those_of_the_direct_method():
    """A rate that changes its sign, and a count beyond 2^53: the same sentence, row and time."""
    table = dies = js.Model([js.Pool.mass_action("X")], [js.Channel("gone", 3.0, {"X": 1})]).table
    table = type(dies)(
        dies.constants, dies.first, dies.pools, np.array([-2.5]), dies.slopes, dies.mean_offsets,
        dies.sparse_changes,
    )  # fmt: skip
    # Two channels, so that the total stays positive where one rate is not.
    pair = js.Model(
        [js.Pool.mass_action("X")],
        [js.Channel("gone", 3.0, {"X": 1}), js.Channel("come", 1e3, {}, {"X": 1})],
    ).table
    pair = type(pair)(
        pair.constants, pair.first, pair.pools, np.array([20.0]), np.array([-1.0]),
        pair.mean_offsets, pair.sparse_changes,
    )  # fmt: skip
    grows = js.Model([js.Pool.mass_action("X")], [js.Channel("more", 1.0, {"X": 1}, {"X": 2})])
    for broken, start, end in ((table, 6, 9.0), (pair, 3, 0.1), (grows.table, 2**53 - 1, 9.0)):
        starts = np.full((90, 1), start)
        states = streams.states(1, 0, 90, streams.JUMPS)
        faults = []
        for left in (0.0, np.inf):
            with pytest.raises(Fault) as caught:
                engine.run(
                    "direct",
                    broken,
                    np.array([end]),
                    starts,
                    states,
                    {"samples"},
                    left=left,
                )
            faults.append(vars(caught.value))
        assert faults[0] == faults[1]


def test_a_doubtful_lane_that_is_right_goes_on():
    """A count from 2^30 on is too large for lanes: those rows are done alone."""
    model = js.Model(
        [js.Pool.mass_action("X"), js.Pool.mass_action("Y")],
        [js.Channel("leave", 0.5, {"Y": 1}), js.Channel("come", 0.5, {"Y": 1}, {"X": 1})],
    )
    start = js.Fixed({"X": 2**30 - 2, "Y": 3})
    for keep in ((), ("jumps",)):
        alone, lanes = both(model, start, np.linspace(0, 3, 7), rows=150, keep=keep)
        same(alone, lanes)
        assert alone.samples.max() > 2**30


def test_samples_are_as_wide_as_needed(monkeypatch):
    """16 bits until a count does not fit, in the lanes or in a row that is repaired."""
    model = js.Model(
        [js.Pool.mass_action("X"), js.Pool.mass_action("Y")],
        [js.Channel("leave", 0.5, {"Y": 1}), js.Channel("come", 0.5, {"Y": 1}, {"X": 1})],
    )
    for most, width in ((100, np.int16), (2**15 - 1, np.int16), (2**15, np.int32)):
        start = js.Fixed({"X": most - 3, "Y": 3})
        alone, lanes = both(model, start, np.linspace(0, 9, 7), rows=150)
        same(alone, lanes)
        assert alone.samples.max() == most
        assert lanes.samples.dtype == width
    # The numbers of jumps are kept as 32 bits: rows that could need more are done alone.
    monkeypatch.setattr(lockstep, "_MOST_PASSES", 2)
    alone, lanes = both(model, start, np.linspace(0, 9, 7), 150, keep={"jumps"}, slice_events=64)
    same(alone, lanes)


def test_full_vectors_are_requested_for_generated_functions_only():
    code = {}
    exec(templates.HEAD, code)
    wide = code["wide_vectors"]

    def half(x):
        wide()
        for i in range(64):
            x[i] *= 0.5

    def third(x):
        for i in range(64):
            x[i] /= 3.0

    for function, wanted in ((half, True), (third, False)):
        compiled = numba.njit(function)
        compiled(np.ones(64))
        (text,) = compiled.inspect_llvm().values()
        assert ('"prefer-vector-width"="512"' in text) == wanted


@pytest.mark.slow
def test_a_count_that_lanes_cannot_keep():
    """Then all rows are done without them."""
    grows = js.Model([js.Pool.mass_action("X")], [js.Channel("come", 1.2e6, {}, {"X": 1000})])
    start = js.Fixed({"X": 2**30 - 2})
    alone, lanes = both(grows, start, np.array([0.1, 1.0]), rows=32)
    same(alone, lanes)
    assert alone.samples.max() > 2**31


@pytest.mark.parametrize("sums", ["sums", "squares"])
@pytest.mark.parametrize("ring", [64, 100, 1000])
def test_sums_alone(ring, sums, monkeypatch):
    """Rows are added up as they end, in any order, and those that lanes do not judge too."""
    monkeypatch.setattr(lockstep, "_RING_ROWS", ring)
    grows = js.Model(
        [js.Pool.mass_action("X"), js.Pool.mass_action("Y")],
        [js.Channel("leave", 0.5, {"Y": 1}), js.Channel("come", 0.5, {"Y": 1}, {"X": 1})],
    )
    for model, initial in (SYSTEMS["waveguide"], (grows, js.Fixed({"X": 2**30 - 2, "Y": 3}))):
        arguments = model, initial, GRIDS["even"]
        alone, lanes = both(*arguments, keep={sums})
        assert lanes.samples is None
        expected = Moments.of(alone.samples, pairs=sums == "sums")
        found = Moments.of_sums(200, *lanes.sums)
        assert expected.second.shape == found.second.shape
        assert (expected.first == found.first).all()
        assert (expected.second == found.second).all()
        np.testing.assert_array_equal(alone.event_count, lanes.event_count)
        counted = both(*arguments, keep={sums, "jumps"})
        np.testing.assert_array_equal(counted[0].jumps, counted[1].jumps)
    # Ended early nothing is given out, because the sums hold rows in the order of their ends.
    counted = []

    def stop(rows, _):
        counted.append(rows)
        return sum(counted) < 150

    more = {"slice_events": 700, "proceed": stop}
    ended = both(*SYSTEMS["waveguide"], GRIDS["even"], keep={sums}, **more)[1]
    assert 150 <= sum(counted) < 200
    assert len(ended.event_count) == 0


@pytest.fixture
def expected(monkeypatch):
    """Function that sets the expected work of runs, in seconds for each worker."""

    def work(seconds):
        monkeypatch.setattr(scheduler.Batch, "_seconds_left", lambda *_: seconds)

    return work


def test_moments_of_a_run_that_is_ended_early(expected):
    expected(np.inf)
    model, initial = SYSTEMS["waveguide"]
    # With several workers a block may be missing before the last one at the end.
    run = js.simulate(model, GRIDS["even"], 10**9, initial, 8, "moments", timeout=2.0, workers=1)
    assert run.stop_reason == "timeout"
    again = js.simulate(model, GRIDS["even"], run.ntraj, initial, 8, ["counts", "moments"])
    np.testing.assert_array_equal(run.cov(), again.cov())
    assert run.n_events == again.n_events


def test_a_whole_run_uses_them_when_it_pays(monkeypatch, tmp_path, expected):
    calls, real = [], lockstep.run

    def run(*arguments):
        calls.append(len(arguments[2]))
        return real(*arguments)

    monkeypatch.setattr(lockstep, "run", run)
    model, initial = SYSTEMS["waveguide"]

    def simulate(seconds, **more):
        expected(seconds)
        return js.simulate(model, GRIDS["even"], 3000, initial, 8, ["counts", "moments"], **more)

    alone = simulate(0.0)
    assert not calls
    lanes = simulate(np.inf, store=tmp_path / "a.h5", workers=2)
    assert sum(calls) > 2000
    np.testing.assert_array_equal(alone.counts, lanes.counts)
    np.testing.assert_array_equal(alone.event_count, lanes.event_count)
    np.testing.assert_array_equal(alone.cov(), lanes.cov())
    calls.clear()
    simulate(np.inf, workers=1)
    assert len(calls) > 1
    assert not any(rows % lockstep.LANES for rows in calls[:-1])  # no lane without a row
    calls.clear()
    again = js.simulate(model, GRIDS["even"], 3100, initial, 8, "events", max_events=10**6)
    assert not calls
    np.testing.assert_array_equal(again.event_count[:3000], alone.event_count)


def test_worker_processes_use_them_too(expected):
    model, initial = SYSTEMS["two levels"]
    alone = js.simulate(model, GRIDS["even"], 600, initial, 8, max_events=10**6)
    both(model, initial, GRIDS["even"])  # which compiles
    expected(np.inf)
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        there = js.simulate(model, GRIDS["even"], 600, initial, 8, executor=pool, block_size=200)
    np.testing.assert_array_equal(alone.counts, there.counts)


def test_room_is_looked_at():
    table, many = WAVEGUIDE.table, np.ones((200, 3), int)
    assert fits(table, many, 101, {"samples", "moments"}, None)
    assert fits(table, many, 101, {"jumps"}, None)
    for times, keep, most in (
        (10**6, {"samples"}, None), (10**5, {"samples", "jumps"}, None), (101, {"events"}, None),
        (101, set(), None), (101, {"samples"}, 50),
    ):  # fmt: skip
        assert not fits(table, many, times, keep, most)
    assert not fits(table, many[:20], 101, {"samples"}, None)
    assert not fits(table, many * 2**30, 101, {"samples"}, None)


def test_a_source_is_written_once(tmp_path):
    file = templates.written(tmp_path / "deep" / "x.py", "one")
    stamp = file.stat()
    assert templates.written(file, "one").stat() == stamp
    assert os.listdir(tmp_path / "deep") == ["x.py"]
    assert file.read_text() == "one"


def test_where_nobody_may_write(monkeypatch, tmp_path):
    """The compiled code then goes into the user's own cache."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(cache.config, "CACHE_DIR", str(blocked))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache.cache_folder().is_relative_to(tmp_path / "home" / ".cache" / "jumpsim")


START = """
import hashlib, numpy as np, jumpsim as js, sys
from jumpsim import engine, streams
from jumpsim.engine.codegen import background
model = js.systems.hohlraum(9, 4, 1.0)
starts = np.tile([3, 2], (100, 1))
for name, keep in (("samples", "samples"), ("event_time", "events")):
    for _ in range(2):  # the first call lets a process compile, the second one uses its code
        rows = engine.run("direct", model.table, np.linspace(0, 2, 9), starts,
                          streams.states(1, 0, 100, 1), {keep}, left=np.inf)
        background.wait()
    print(hashlib.sha256(getattr(rows, name).tobytes()).hexdigest(), rows.event_count.sum())
assert [code.loaded for code in background._known.values()] == [True, True]
"""


@pytest.mark.slow
def test_many_processes_start_at_once(tmp_path):
    """Six processes with an empty cache write and compile at the same time, then find it there."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    for _ in range(2):
        started = [
            subprocess.Popen(
                [sys.executable, "-c", START], env=environment, stdout=-1, stderr=-1, text=True
            )
            for _ in range(6)
        ]
        printed = [p.communicate(timeout=300) for p in started]
        assert all(error == "" for _, error in printed)
        assert len({out for out, _ in printed}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("processor", ["x86-64", "haswell", "generic"])
def test_bits_are_those_of_any_processor(processor, tmp_path):
    """No instruction that a processor may lack, or fuse, changes a bit."""
    environment = {
        **os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_CPU_NAME": processor,
        "NUMBA_CPU_FEATURES": "",
    }  # fmt: skip
    command, options = [sys.executable, "-c", START], {"capture_output": True, "text": True}
    printed = subprocess.run(command, env=environment, timeout=300, **options)
    here = subprocess.run(command, timeout=300, **options)
    assert (printed.stdout, printed.stderr) == (here.stdout, here.stderr) == (here.stdout, "")

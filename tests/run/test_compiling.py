"""Code for one model is compiled in a separate process, which delays nothing and is not left over.

The signals are sent to real processes, at moments at which the other process compiles.
"""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from support.killed_runs import SPEC, Run, assert_one_line
from support.parameter_files import written
from support.systems import GRIDS, SYSTEMS

import jumpsim as js
from jumpsim import engine, streams
from jumpsim.engine import compiling
from jumpsim.engine.codegen import background, compile_file, lockstep, templates
from jumpsim.run import scheduler
from jumpsim.utils.compiled import load

LATENCY = 2.0  # seconds; the promise is about one, on a machine with nothing else to do


def gone(pid, seconds=2.0):
    """Whether a process ends within some seconds; one that nobody waits for counts as ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def nothing_compiled(monkeypatch, tmp_path):
    """Folder of the code for single models, which is empty at first; the rules are as usual."""
    from numba import config

    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(background, "_known", {})
    templates.module.cache_clear()
    yield tmp_path / "cache"
    for code in background._at_work():
        code.end()
    templates.module.cache_clear()


@pytest.fixture
def begun(monkeypatch):
    """Processes that were started to compile."""
    started, real = [], background.begin

    def begin(*arguments):
        started.append(real(*arguments))
        return started[-1]

    monkeypatch.setattr(background, "begin", begin)
    return started


@pytest.fixture
def lanes(monkeypatch):
    """Numbers of rows that were simulated in lanes."""
    rows, real = [], lockstep.run

    def run(*arguments):
        found = real(*arguments)
        rows.append(len(found[1]))
        return found

    monkeypatch.setattr(lockstep, "run", run)
    return rows


def ring(pools):
    """As many channels as pools, of which each is the source of one channel."""
    names = [f"p{k}" for k in range(pools)]
    return js.Model(
        [js.Pool.mass_action(name) for name in names],
        [js.Channel(f"c{k}", 1.0, {names[k]: 1}, {names[k - 1]: 1}) for k in range(pools)],
    )


@pytest.mark.usefixtures("nothing_compiled")
def test_a_run_goes_on_and_then_uses_the_code(monkeypatch, begun, lanes):
    """Four threads ask, one process compiles; the next call has the code, with the same bits."""
    model, initial = SYSTEMS["waveguide"]
    arguments = model, GRIDS["even"], 1000, initial, 8
    alone = js.simulate(*arguments, workers=1)
    monkeypatch.setattr(scheduler.Batch, "_seconds_left", lambda *_: np.inf)
    with engine.ended_with_runs():  # so that compiling goes on when the run has ended
        run = js.simulate(*arguments, workers=4, block_size=50)
        assert not lanes
        assert len(begun) == 1
        assert engine.compiling_now()
        background.wait()
        again = js.simulate(*arguments, workers=4, block_size=50)
    assert len(begun) == 1
    assert not engine.compiling_now()
    assert sum(lanes) == 1000
    np.testing.assert_array_equal(alone.counts, run.counts)
    np.testing.assert_array_equal(alone.counts, again.counts)
    # Another process finds it in the cache.
    monkeypatch.setattr(background, "_known", {})
    templates.module.cache_clear()
    third = js.simulate(*arguments, workers=1, block_size=500)
    assert sum(lanes) == 2000
    assert len(begun) == 1
    np.testing.assert_array_equal(alone.counts, third.counts)


def one_row(left, **more):
    model, initial = SYSTEMS["waveguide"]
    starts, states = initial.draw(model, 5, 0, 1), streams.states(5, 0, 1, streams.JUMPS)
    arguments = "direct", model.table, GRIDS["even"], starts, states, {"samples", "events"}
    return engine.run(*arguments, left=left, **more)


@pytest.mark.usefixtures("nothing_compiled")
def test_a_trajectory_changes_over_when_the_code_is_there(begun):
    usual, used = one_row(0.0), []

    def proceed(*_):
        if begun and engine.compiling_now():
            background.wait()
        used.append(any(code.loaded for code in background._known.values()))
        return True

    found = one_row(np.inf, slice_events=3, proceed=proceed)
    assert used[0] is False
    assert used[1:] == [True] * len(used[1:])
    np.testing.assert_array_equal(usual.event_time, found.event_time)
    np.testing.assert_array_equal(usual.samples, found.samples)


@pytest.mark.usefixtures("nothing_compiled")
@pytest.mark.parametrize("how", ["fails", "writes nothing", "no program", "no name of a program"])
def test_a_process_that_fails(how, monkeypatch, begun):
    """The general kernel is used to the end, and nothing is tried again."""
    if how == "fails":
        monkeypatch.setenv("NUMBA_NUM_THREADS", "0")  # numba cannot be imported
    elif how == "writes nothing":
        monkeypatch.setattr(sys, "executable", "/bin/true")
    else:
        monkeypatch.setattr(sys, "executable", None if "name" in how else "/nowhere/python")
    usual = one_row(0.0)
    for _ in range(3):
        found = one_row(np.inf)
        np.testing.assert_array_equal(usual.event_time, found.event_time)
        background.wait()
    assert len(begun) == ("no" not in how.split())
    assert [code.failed for code in background._known.values()] == [True]


@pytest.mark.usefixtures("nothing_compiled")
def test_what_is_never_compiled(begun):
    """Little work, a time limit, and hundreds of channels or factors."""
    model, initial = SYSTEMS["waveguide"]
    js.simulate(model, GRIDS["even"], 1, initial, 8, "moments")  # the general kernel
    run = js.simulate(model, GRIDS["even"], 10**9, initial, 8, "moments", timeout=1.0)
    assert run.stop_reason == "timeout"
    assert run.ntraj > 100
    many = js.Model([js.Pool.mass_action("x")], [js.Channel("c", 1.0, {"x": 300}, {"x": 301})])
    for large in (ring(120), many):
        table = engine.ENGINES["direct"].table(large.table)
        size = templates.size(table, len(large.pools))
        assert not compiling.loading_pays(np.inf, size)
        starts = np.ones((64, len(large.pools)), int)
        engine.run(
            "direct", large.table, np.array([0.0]), starts, streams.states(1, 0, 64, 1),
            {"samples"}, left=np.inf,
        )  # fmt: skip
    assert not begun


@pytest.mark.usefixtures("nothing_compiled")
def test_where_numba_compiles_nothing(monkeypatch):
    """With NUMBA_DISABLE_JIT, for debugging, the general kernel is used."""
    from numba import config

    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    monkeypatch.setattr(config, "DISABLE_JIT", 1)
    usual = one_row(0.0)
    for _ in range(2):
        np.testing.assert_array_equal(usual.event_time, one_row(np.inf).event_time)
        background.wait()
    assert [code.failed for code in background._known.values()] == [True]


def test_the_rule():
    """Three seconds for a few channels, at most ten; longer work than this is left."""
    assert compiling.expected_seconds(15) == 3.0
    assert not compiling.compiling_pays(4.4, 15)
    assert compiling.compiling_pays(4.6, 15)
    assert compiling.loading_pays(0.4, 15)
    assert not compiling.loading_pays(0.2, 15)
    assert compiling.compiling_pays(100, 225)
    assert not compiling.loading_pays(np.inf, 226)


def test_processes_compile_the_same_file_once(nothing_compiled):
    """The second one waits for the first one, and then finds its code."""
    usual = one_row(0.0)
    for _ in range(2):
        one_row(np.inf)
    (code,) = background._known.values()
    file = Path(code.module.__file__)
    other = background.begin(file, code.signature)
    background.wait()
    with other:
        assert other.wait(30) == 0
    assert len(list(nothing_compiled.rglob("*advance*.nbc"))) == 1
    np.testing.assert_array_equal(one_row(np.inf).event_time, usual.event_time)
    assert code.loaded


def test_a_process_waits_for_the_one_that_compiles(tmp_path):
    file, order = tmp_path / "x.py", []
    file.touch()

    def second():
        with compile_file._alone(file):
            order.append("second")

    with compile_file._alone(file):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_nothing_is_compiled_when_the_code_is_not_there(nothing_compiled):
    """Neither for another type of an argument nor for a file that was changed or damaged."""
    one_row(np.inf)
    (code,) = background._known.values()
    background.wait()
    file = Path(code.module.__file__)
    assert load(templates.executed(file).advance, code.signature)
    swapped = (code.signature[1], code.signature[0], *code.signature[2:])
    assert not load(templates.executed(file).advance, swapped)
    for index in nothing_compiled.rglob("*advance*.nbc"):
        index.write_bytes(b"damaged")
    assert not load(templates.executed(file).advance, code.signature)
    compile_file.compile_file(file, code.signature)
    assert load(templates.executed(file).advance, code.signature)
    file.write_text(file.read_text() + "# changed\n")
    assert not load(templates.executed(file).advance, code.signature)


PROGRAM = f"""
import sys, threading, time
import numpy as np
from numba import config
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from run.test_compiling import ring
import jumpsim as js
from jumpsim.engine.codegen import background
from jumpsim.run import scheduler
config.CACHE_DIR = sys.argv[1]  # of the code for single models
scheduler.Batch._seconds_left = lambda *_: np.inf

def report():
    while not background.compiling_now():
        time.sleep(0.01)
    time.sleep(float(sys.argv[2]))
    print(*(code.process.pid for code in background._at_work()), flush=True)

threading.Thread(target=report, daemon=True).start()
model = ring(40)
try:
    run = js.simulate(model, [0, 1], 10**9, dict.fromkeys(model.pools, 5), 1, "moments",
                      workers=2, block_size=64, timeout=float(sys.argv[3]))
    print(run.stop_reason, flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
print(background.compiling_now(), flush=True)
"""


@pytest.fixture
def compiling_run(tmp_path):
    """Function that starts a run: its process, and the process that compiles for it."""
    started = []

    def start(later=0.0, limit=1000.0):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path / "cache"), str(later), str(limit)],
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process, int(process.stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("later", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_code_is_compiled(number, later, compiling_run):
    process, child = compiling_run(later)
    began = time.monotonic()
    process.send_signal(number)
    assert process.stdout.read().splitlines() == ["interrupted", "False"]
    assert process.wait(10) == 0
    assert time.monotonic() - began < LATENCY
    assert gone(child, 0.1)


def test_a_time_limit_while_code_is_compiled(compiling_run):
    began = time.monotonic()
    process, child = compiling_run(limit=4.0)
    assert process.stdout.read().splitlines() == ["timeout", "False"]
    assert process.wait(10) == 0
    assert 4.0 < time.monotonic() - began < 4.0 + LATENCY + 2.0  # with the start of Python
    assert gone(child, 0.1)


@pytest.mark.parametrize("later", [0.0, 1.0])
def test_the_process_of_the_run_is_killed(later, compiling_run):
    process, child = compiling_run(later)
    process.kill()
    assert gone(child)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_general_kernel_is_compiled(number, tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    written(tmp_path, SPEC)
    with Run(tmp_path / "spec.toml", tmp_path / "out.h5", how="plain") as run:
        run.wait_for(run.begun)
        time.sleep(0.3)
        began = time.monotonic()
        run.signal(number)
        status, printed = run.end()
        assert time.monotonic() - began < LATENCY
    assert status == 75, printed
    assert_one_line(printed)
    assert not list((tmp_path / "cache").rglob("*advance*.nbc"))

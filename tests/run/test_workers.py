"""Executors of every kind: same bits in any order, what is lost is done again, no hang."""

import concurrent.futures as cf
import multiprocessing
import os
import signal
import threading
import time
import tracemalloc
from dataclasses import replace

import pytest
from support.killed_runs import SPEC, assert_nothing_left, assert_one_line, assert_same
from support.unruly import NTRAJ, Unruly, cancel_every, run

import jumpsim as js
from jumpsim.cli.main import main
from jumpsim.run import block_task, clusters, workers
from jumpsim.store import MemoryStore


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_completion_gives_the_same_file(seed, tmp_path, uncut):
    with Unruly(seed) as executor:
        run(store=tmp_path / "a.h5", executor=executor)
    assert_same(tmp_path / "a.h5", uncut)
    assert executor.submitted == -(-NTRAJ // 7)


def test_few_tasks_are_in_flight(tmp_path, uncut):
    for number, most in ((None, 6), (1, 2), (8, 16)):
        with Unruly() as executor:
            run(store=tmp_path / f"{most}.h5", executor=executor, workers=number)
        assert most - 1 <= executor.most <= most  # one may have been taken already
        assert_same(tmp_path / f"{most}.h5", uncut)


@pytest.mark.parametrize("seed", range(3))
def test_what_was_lost_is_done_again(seed, tmp_path, uncut):
    with Unruly(seed, cancel_every(8)) as executor:
        run(store=tmp_path / "a.h5", executor=executor)
    assert executor.cancelled > 0
    assert executor.submitted == -(-NTRAJ // 7) + executor.cancelled
    assert_same(tmp_path / "a.h5", uncut)
    assert_nothing_left(tmp_path / "a.h5")


def cancel_all_after(number):
    """Lose everything from then on, like a cluster that goes away."""
    done = iter(range(number))

    def lose(numbers, future):
        return next(done, None) is None and cancel_every(1, 1)(numbers, future)

    return lose


def test_a_block_that_is_always_lost_ends_the_run(tmp_path, uncut):
    executor = Unruly(0, cancel_all_after(10))
    with executor, pytest.raises(js.WorkersError, match=r"were lost 4 times"):
        run(store=tmp_path / "a.h5", executor=executor)
    assert js.open(tmp_path / "a.h5").ntraj == 70
    run(store=tmp_path / "a.h5")
    assert_same(tmp_path / "a.h5", uncut)


def spawned():
    return cf.ProcessPoolExecutor(2, multiprocessing.get_context("spawn"))


def slowly(**options):
    """Sixty trajectories of some 20 ms each."""
    model = js.systems.hohlraum(9, 9, 1.0)
    return js.simulate(model, [0.0, 1500.0], 60, {"N": 9, "m": 5}, 4, block_size=1, **options)


def kill_a_worker(pool, path):
    """Kill a worker of a pool as soon as there are blocks."""
    blocks = path.with_name(f"{path.name}.blocks")

    def act():
        deadline = time.monotonic() + 60
        while not list(blocks.glob("traj-*")) and time.monotonic() < deadline:
            time.sleep(0.002)
        os.kill(next(iter(pool()._processes)), signal.SIGKILL)

    thread = threading.Thread(target=act)
    thread.start()
    return thread


@pytest.fixture(scope="module")
def slow_reference(tmp_path_factory):
    path = tmp_path_factory.mktemp("slow") / "a.h5"
    slowly(store=path)
    return path


@pytest.mark.slow
@pytest.mark.usefixtures("every_block_at_once")
def test_a_broken_pool_is_reported_and_the_run_goes_on(tmp_path, slow_reference):
    path = tmp_path / "a.h5"
    with spawned() as pool:
        thread = kill_a_worker(lambda: pool, path)
        began = time.monotonic()
        with pytest.raises(js.WorkersError, match="the pool of workers is broken"):
            slowly(store=path, executor=pool)
        thread.join()
        assert time.monotonic() - began < 30
        had = js.open(path).ntraj
        assert 0 < had < 60
        with pytest.raises(js.WorkersError, match="the pool of workers is broken"):
            slowly(store=path, executor=pool)  # it still is
    assert js.open(path).ntraj == had
    slowly(store=path)
    assert_same(path, slow_reference)


@pytest.mark.slow
@pytest.mark.usefixtures("every_block_at_once")
def test_a_pool_that_can_be_made_again_is(tmp_path, slow_reference):
    path, made = tmp_path / "a.h5", []

    def make():
        made.append(spawned())
        return made[-1]

    thread = kill_a_worker(lambda: made[-1], path)
    slowly(store=path, executor=make)
    thread.join()
    assert len(made) == 2
    assert_same(path, slow_reference)


def test_late_news_of_a_pool_that_was_replaced_breaks_no_other(plan):
    made = []

    class Held(cf.Executor):
        def submit(self, *_):
            return cf.Future()

    pool = workers.as_workers(lambda: made.append(Held()) or made[-1], None)
    pool.begin(plan, None, None, None)
    futures = [pool.submit(i, i + 1, False, None, None) for i in range(3)]
    for future in futures:
        future.set_exception(cf.BrokenExecutor("gone"))
        assert pool.loss(future) == "gone"
        pool.recover()
    assert len(made) == 2
    pool.end()


def test_pools_that_break_at_once_are_not_made_for_ever():
    made = []

    class Broken(cf.Executor):
        def submit(self, *_):
            raise cf.BrokenExecutor("no room for a process.")

    def make():
        made.append(1)
        return Broken()

    with pytest.raises(js.WorkersError, match=r"is broken \(no room for a process\)"):
        run(executor=make)
    assert len(made) == workers._MOST_POOLS + 1
    with pytest.raises(js.WorkersError, match="is broken"):
        run(executor=Broken())
    with pytest.raises(js.InputError, match=r"must return a .*Executor .* returned int"):
        run(executor=lambda: 3)
    pool = cf.ProcessPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(js.WorkersError, match="cannot schedule new futures after shutdown"):
        run(executor=pool)


def test_the_command_tells_of_lost_workers_in_one_line(tmp_path, monkeypatch, capsys):
    spec, out = tmp_path / "spec.toml", tmp_path / "out.h5"
    spec.write_text(SPEC)
    for most, kept in (
        (0, "no trajectory is complete yet"),
        (60, f"complete trajectories are in {out}"),
    ):
        executor = Unruly(lose=cancel_all_after(most // 10))
        monkeypatch.setattr(clusters, "dask_executor", lambda _, there=executor: there)
        assert main(["run", str(spec), "-o", str(out), "-q", "--scheduler", "there"]) == 75
        printed = capsys.readouterr().err
        assert_one_line(printed)
        assert "were lost 4 times, the last time because it was cancelled" in printed
        assert f"; {kept}; run the same command again to continue" in printed
    assert js.open(out).ntraj == 60


class Immediate(cf.Executor):
    """Does a task when it is given, so that all the time that passes is the driver's."""

    _max_workers = 50

    def submit(self, function, *arguments):
        """Do it."""
        future = cf.Future()
        future.set_result(function(*arguments))
        return future


def many_tasks(path, ntraj, block, monkeypatch):
    """Peak of traced memory and seconds of a run in tasks of one trajectory, which cost nothing."""
    made = replace(block, first=0, last=1)

    def nothing(_, first, last, *__):
        return replace(made, first=first, last=last), 1.0

    monkeypatch.setattr(block_task, "run_block", nothing)
    tracemalloc.start()
    began = time.monotonic()
    options = {"record": "counts", "block_size": 1, "store": path, "executor": Immediate()}
    assert run(ntraj, **options).ntraj == ntraj
    seconds = time.monotonic() - began
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, seconds


@pytest.mark.slow
def test_neither_memory_nor_time_per_task_grows_with_their_number(tmp_path, plan, monkeypatch):
    block = block_task.run_block(plan, 0, 1)[0]
    few, short = many_tasks(tmp_path / "few.h5", 5000, block, monkeypatch)
    many, long = many_tasks(tmp_path / "many.h5", 100000, block, monkeypatch)
    print(f"5,000 tasks: {few} bytes, {short:.2f} s; 100,000: {many} bytes, {long:.2f} s")
    assert many < few + 20e6
    assert long / 100000 < 2 * short / 5000


def test_sums_are_cut_by_the_worker_and_not_into_more_tasks(monkeypatch):
    monkeypatch.setattr(block_task, "BLOCK_BYTES", 8 * 3 * 3 * 5)  # five trajectories
    seen = []
    alone = block_task.run_block
    monkeypatch.setattr(block_task, "run_block", lambda *a: seen.append(a[1:3]) or alone(*a))
    with Unruly() as executor:
        sums = run(executor=executor, record="moments", block_size=None)
    assert max(last - first for first, last in seen) == 5
    assert executor.submitted < len(seen)
    assert (sums.cov() == run(record="counts").cov()).all()


def test_sums_of_many_tasks_take_no_room_each(plan):
    plan = replace(plan, record=("moments",))
    store = MemoryStore(plan)
    for first in (0, 20, 10, 30):
        store.write([block_task.run_block(plan, first, first + 10)[0]])
    assert len(store.parts) == 1
    assert (store.moments().second == block_task.run_block(plan, 0, 40)[0].sums.second).all()

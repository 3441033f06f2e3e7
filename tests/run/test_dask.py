"""Runs on a real Dask cluster, whose processes are killed; and clusters that cannot be used."""

import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
from support.killed_runs import (
    SPEC,
    assert_nothing_left,
    assert_one_line,
    assert_same,
    blocks_folder,
    prepared,
)
from support.systems import LARGER_HOHLRAUM

import jumpsim as js
from jumpsim.cli.main import main
from jumpsim.run import clusters, workers

distributed = pytest.importorskip("distributed")

from support.clusters import Cluster  # noqa: E402

# Some seconds of work for two workers.
LONG = SPEC.replace('"2 us"', '"2 ms"').replace("ntraj = 200", "ntraj = 2500")
LONG = LONG.replace(', "events"', "")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A cluster of two workers."""
    with Cluster(tmp_path_factory.mktemp("cluster")) as there:
        yield there


@pytest.fixture(scope="module")
def long_reference(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("long"), LONG)


def run(scheduler, *more, out="out.h5"):
    return main(["run", "spec.toml", "-o", out, "-q", "--scheduler", str(scheduler), *more])


def test_a_cluster_gives_the_same_file(two, folder, reference):
    assert run(two.address) == 0
    assert run(two.file, "--shared-folder", out="shared.h5") == 0
    for out in ("out.h5", "shared.h5"):
        assert_same(folder / out, reference)
        assert_nothing_left(folder / out)


def test_errors_of_trajectories_come_back(two, folder, capsys):
    assert run(two.address, "--max-events", "3") == 2
    printed = capsys.readouterr().err
    assert_one_line(printed)
    assert "more events than `max_events` = 3" in printed
    assert not (folder / "out.h5").exists()


def test_the_library_takes_a_client_and_asks_how_many_workers(two, monkeypatch):
    monkeypatch.setattr(workers, "usable_cores", lambda: 7)
    model = LARGER_HOHLRAUM
    given = (model, [0.5, 1.0], 300, {"N": 10, "m": 5}, 3)
    with distributed.Client(two.address, set_as_default=False) as client:
        pool = workers.as_workers(client.get_executor(), None)
        assert pool.number == 2
        assert workers.as_workers(client.get_executor(), 1).number == 1
        ensemble = js.simulate(*given, executor=client.get_executor(), block_size=10)
        # Asked again for equal tasks, it does not answer with what it remembers.
        tasks = []
        submit = distributed.Client.submit
        monkeypatch.setattr(
            distributed.Client, "submit", lambda *a, **k: tasks.append(submit(*a, **k)) or tasks[-1]
        )
        for _ in range(2):
            js.simulate(*given, executor=client.get_executor(), block_size=100)
    assert (ensemble.counts == js.simulate(*given).counts).all()
    assert len({task.key for task in tasks}) == len(tasks) == 6
    with pytest.raises(js.InputError, match="of a Dask client that is closed"):
        js.simulate(*given, executor=client.get_executor())


@contextlib.contextmanager
def silent_port():
    """A port where something listens that is no scheduler."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"


def test_a_scheduler_that_is_not_there(folder, capsys, monkeypatch):
    monkeypatch.setattr(clusters, "_CONNECT_SECONDS", 0.5)
    (folder / "no.json").write_text("{}")
    with silent_port() as deaf:
        for address, text in {
            "tcp://127.0.0.1:9": "no Dask scheduler answers at 'tcp://127.0.0.1:9'",
            deaf: f"no Dask scheduler answers at '{deaf}'",
            "somewhere": "missing port number in address 'somewhere'",
            "": "no Dask scheduler answers at ''",
            "ftp://a:1": "unknown address scheme 'ftp'",
            "none.json": "none.json: cannot be read (No such file or directory)",
            "no.json": "no.json: cannot be read (not the file of a Dask scheduler)",
        }.items():
            began = time.monotonic()
            assert run(address) == 2
            printed = capsys.readouterr().err
            assert_one_line(printed)
            assert text in printed
            assert time.monotonic() - began < 10
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert run("tcp://127.0.0.1:9") == 2
    assert "pip install 'jumpsim[dask]'" in capsys.readouterr().err
    assert not list(folder.glob("out*"))


def process(out, *more):
    command = [
        sys.executable,
        "-m",
        "jumpsim",
        "run",
        "spec.toml",
        "-o",
        out,
        "-q",
        *map(str, more),
    ]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def end(run, seconds=90):
    """Exit status and stderr; a hang is a failure."""
    try:
        _, printed = run.communicate(timeout=seconds)
    finally:
        run.kill()
    return run.returncode, printed


@contextlib.contextmanager
def begun(folder, there, shared):
    """A long run on a cluster that has committed something."""
    (folder / "spec.toml").write_text(LONG)
    run = process("out.h5", "--scheduler", there.file, *(["--shared-folder"] if shared else []))
    try:
        deadline = time.monotonic() + 60
        while not list(blocks_folder(folder / "out.h5").glob("traj-*")):
            assert run.poll() is None, run.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield run
    finally:
        run.kill()
        run.wait()


def acknowledged(folder):
    return {p.name: p.read_bytes() for p in blocks_folder(folder / "out.h5").glob("traj-*")}


def resumed(folder, before, reference):
    """Assert that blocks are as they were, and that the run goes on to the same file."""
    here = acknowledged(folder)
    assert {name: here[name] for name in before} == before
    assert end(process("out.h5")) == (0, "")
    assert_same(folder / "out.h5", reference)
    assert_nothing_left(folder / "out.h5")


@pytest.mark.slow
@pytest.mark.parametrize("shared", [False, True])
def test_a_killed_worker_costs_its_blocks(shared, folder, long_reference):
    with Cluster(folder) as there, begun(folder, there, shared) as run:
        there.kill(there.workers[0])
        assert end(run) == (0, "")
    assert_same(folder / "out.h5", long_reference)
    assert_nothing_left(folder / "out.h5")


@pytest.mark.slow
def test_without_workers_it_says_so_and_waits_for_the_next(folder, long_reference):
    with Cluster(folder) as there, begun(folder, there, False) as run:
        for worker in list(there.workers):
            there.kill(worker)
        assert "no worker is connected to tcp://127.0.0.1" in run.stderr.readline()
        assert run.poll() is None
        there.add_worker()
        assert end(run) == (0, "")
    assert_same(folder / "out.h5", long_reference)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [False, True])
def test_a_killed_scheduler_ends_the_run_in_order(shared, folder, long_reference):
    with Cluster(folder) as there, begun(folder, there, shared) as run:
        there.kill(there.scheduler)
        before = acknowledged(folder)
        began = time.monotonic()
        status, printed = end(run)
        print(f"{time.monotonic() - began:.1f} s to the end")
        assert status == 75, printed
        assert_one_line(printed)
        lost = f"the connection to the scheduler at {there.address} is lost"
        assert f"{lost}; complete trajectories are in out.h5" in printed
        assert "run the same command again" in printed
    resumed(folder, before, long_reference)


@pytest.mark.slow
def test_a_scheduler_that_comes_back_is_taken_up_again(folder, long_reference):
    with Cluster(folder) as there, begun(folder, there, False) as run:
        there.kill(there.scheduler)
        there.start_scheduler(there.address.rsplit(":", 1)[1])
        there.add_worker()
        assert end(run) == (0, "")
    assert_same(folder / "out.h5", long_reference)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_driver_that_is_ended(number, shared, folder, long_reference):
    with Cluster(folder) as there, begun(folder, there, shared) as run:
        before = acknowledged(folder)
        run.send_signal(number)
        began = time.monotonic()
        status, printed = end(run, 20)
        assert time.monotonic() - began < 5
        if number == signal.SIGKILL:
            assert status == -number
        else:
            assert status == 75
            assert_one_line(printed)
            assert "interrupted; complete trajectories are in out.h5" in printed
        if shared:
            time.sleep(1)  # a worker may still be at its last block
        resumed(folder, before, long_reference)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["jumpsim", "numpy", "missing"])
def test_workers_with_other_software(what, folder, capsys):
    other = folder / "other"
    other.mkdir()
    if what == "jumpsim":
        shutil.copytree(Path(js.__file__).parent, other / "jumpsim")
        text = (other / "jumpsim" / "__init__.py").read_text()
        (other / "jumpsim" / "__init__.py").write_text(text.replace("0.1.0", "0.0.9"))
        expected = "has jumpsim 0.0.9 (sources"
    elif what == "numpy":
        (other / "numpy-1.0.dist-info").mkdir()
        record = "Metadata-Version: 2.1\nName: numpy\nVersion: 1.0\n"
        (other / "numpy-1.0.dist-info" / "METADATA").write_text(record)
        expected = "has numpy 1.0, but the run needs"
    else:
        (other / "jumpsim.py").write_text(
            "raise ModuleNotFoundError(\"No module named 'jumpsim'\")"
        )
        expected = "a worker cannot load this jumpsim (No module named 'jumpsim')"
    with Cluster(folder, 1, PYTHONPATH=str(other)) as there:
        assert run(there.address) == 2
    printed = capsys.readouterr().err
    assert_one_line(printed)
    assert expected in printed
    assert "install the same version" in printed


@pytest.mark.slow
def test_a_folder_that_is_not_shared(folder, capsys):
    hidden = folder / "hidden"
    hidden.mkdir()
    before = ["unshare", "-Urm", "sh", "-c", f'mount -t tmpfs none {hidden} && exec "$@"', "sh"]
    if subprocess.run([*before, "true"], capture_output=True).returncode:
        pytest.skip("no mount in a namespace")
    with Cluster(folder, 1, before) as there:
        assert run(there.address, "--shared-folder", out=str(hidden / "out.h5")) == 2
        printed = capsys.readouterr().err
        assert_one_line(printed)
        assert "is not shared: a worker (process" in printed
        assert run(there.address, out=str(hidden / "out.h5")) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert js.open(hidden / "out.h5").ntraj == 200

"""What a worker process checks before it works, writes and answers."""

import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from support.killed_runs import assert_nothing_left, assert_same
from support.unruly import NTRAJ, Unruly, cancel_every, run

import jumpsim as js
from jumpsim.run import worker_process
from jumpsim.run.worker_process import RunDescription, simulate_task
from jumpsim.store import WritableStore, disk
from jumpsim.utils.provenance import software


@pytest.mark.parametrize("name", ["jumpsim", "numpy", "numba", "llvmlite"])
def test_other_software_is_refused_before_anything_is_unpacked(name, plan):
    description = RunDescription.of(plan, None)
    assert simulate_task(description, 0, 3, False)[0].last == 3
    other = replace(description, plan=b"nonsense", software=description.software | {name: "0.0.1"})
    with pytest.raises(js.InputError, match=rf"has {name} \d.* the run needs 0\.0\.1; install"):
        simulate_task(other, 0, 3, False)
    with Unruly() as executor, pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker_process.RunDescription, "of", lambda *_: other)
        with pytest.raises(js.InputError, match=rf"process {os.getpid()} on .* has {name}"):
            run(executor=executor)


def test_a_worker_without_this_package_is_reported():
    missing = ModuleNotFoundError("No module named 'jumpsim'")
    older = AttributeError(
        "Can't get attribute 'simulate_task' on <module 'jumpsim.run.worker_process'>"
    )
    for error in (missing, older):
        bad = Unruly(lose=lambda _, future, error=error: future.set_exception(error) or True)
        with bad, pytest.raises(js.InputError, match="a worker cannot load this jumpsim"):
            run(executor=bad)


def test_workers_write_to_a_shared_folder(tmp_path, uncut, plan, monkeypatch):
    path, admitted = tmp_path / "a.h5", []
    admit = WritableStore.add_file
    monkeypatch.setattr(WritableStore, "add_file", lambda *a: admitted.append(a) or admit(*a))
    with Unruly(1, cancel_every(8)) as executor:
        run(store=path, executor=executor, shared_folder=True)
    assert len(admitted) == -(-NTRAJ // 7)
    assert_same(path, uncut)
    assert_nothing_left(path)
    store = WritableStore(tmp_path / "b.h5", plan)
    store.begin(10)
    description = RunDescription.of(plan, None, None, *store.shared())
    written, _ = simulate_task(description, 0, 4, False, store.block_name(0, 4))
    store.add_file(written)
    assert store.ranges() == [(0, 4)]
    for other in (
        replace(description, run_text="another"),
        replace(description, folder=str(tmp_path / "none")),
    ):
        with pytest.raises(js.InputError, match="is not shared: a worker"):
            simulate_task(other, 4, 8, False, store.block_name(4, 8))
    assert len(list(store.folder.glob("traj-*"))) == 1


def test_what_a_worker_says_it_wrote_must_be_there(tmp_path, plan, monkeypatch):
    monkeypatch.setattr(disk, "_APPEARS_SECONDS", 0.2)
    store = WritableStore(tmp_path / "b.h5", plan)
    store.begin(10)
    written, _ = simulate_task(
        RunDescription.of(plan, None, None, *store.shared()), 0, 4, False, store.block_name(0, 4)
    )
    hidden = tmp_path / "hidden"
    written.file.rename(hidden)
    with pytest.raises(js.StoreError, match="no such file"):
        store.add_file(written)
    late = threading.Timer(0.1, lambda: hidden.rename(written.file))
    late.start()
    store.add_file(written)
    assert store.ranges() == [(0, 4)]


def test_a_shared_folder_needs_a_store_and_other_processes(tmp_path):
    for options in ({"executor": Unruly()}, {"store": tmp_path / "a.h5"}):
        with pytest.raises(js.InputError, match="`shared_folder` needs a `store`"):
            run(shared_folder=True, **options)
    assert not list(tmp_path.iterdir())


def test_code_that_is_written_for_a_model_is_not_other_software():
    before = software.__wrapped__()
    folder = Path(js.__file__).parent / "__pycache__" / "kernels-of-a-test"
    folder.mkdir(parents=True)
    try:
        (folder / "lockstep_0.py").write_text("1")
        assert software.__wrapped__() == before
    finally:
        shutil.rmtree(folder)

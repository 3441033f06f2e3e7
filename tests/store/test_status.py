"""Status, rerun, dry run and merge: their reports are correct, and they change nothing."""

import dataclasses
import json
import os
import shutil
import socket

import h5py
import numpy as np
import pytest
from support.files import assert_same_content

import jumpsim as js
from jumpsim import engine
from jumpsim.run.block_task import run_block
from jumpsim.run.estimate import estimate
from jumpsim.store import WritableStore, hdf5_layout
from jumpsim.store.outcome import Kind, Outcome
from jumpsim.store.plan import Plan

RECORDS = ("counts", "jumps", "events", "moments", "variances")

ALL = list(RECORDS)


@pytest.fixture
def run(waveguide, microseconds):
    """Return a function that simulates into a file."""

    def simulate(path, ntraj=30, record="counts", **changes):
        arguments = {"initial": js.Thermal(1.0), "seed": 5} | changes
        return js.simulate(waveguide, microseconds, ntraj, record=record, store=path, **arguments)

    return simulate


@pytest.fixture
def plan(waveguide, microseconds):
    return Plan(waveguide, js.Thermal(1.0), microseconds, 5, RECORDS)


def test_status_of_a_finished_run(tmp_path, run):
    run(tmp_path / "a.h5")
    status = js.status(tmp_path / "a.h5")
    assert (status.done, status.wanted, status.missing, status.damaged) == (30, 30, [], [])
    assert (status.files, status.running, status.rate) == (1, None, None)
    assert status.bytes == (tmp_path / "a.h5").stat().st_size
    assert "30 of 30 trajectories" in str(status)


def test_status_while_a_run_goes_on(tmp_path, plan):
    store = WritableStore(tmp_path / "a.h5", plan)
    store.begin(100)
    assert js.status(tmp_path / "a.h5").missing == [(0, 100)]
    store.write([run_block(plan, 10, 20)[0], run_block(plan, 40, 50)[0]])
    status = js.status(tmp_path / "a.h5")
    assert (status.done, status.wanted) == (20, 100)
    assert status.missing == [(0, 10), (20, 40), (50, 100)]
    assert status.rate > 0
    assert status.running == f"running as process {os.getpid()} on {socket.gethostname()}"
    assert "0 ... 9, 20 ... 39, 50 ... 99" in str(status)


def test_status_tells_a_dead_writer(tmp_path, plan):
    store = WritableStore(tmp_path / "a.h5", plan)
    store.begin(100)
    note = tmp_path / "a.h5.blocks" / "run.json"
    note.write_text(json.dumps(json.loads(note.read_text()) | {"pid": 2**22 + 1}))
    assert "run the same command again" in js.status(tmp_path / "a.h5").running
    note.write_text("{")
    store.write([run_block(plan, 0, 3)[0]])
    assert js.status(tmp_path / "a.h5").wanted == 3


def test_status_names_damaged_files_and_leaves_them(tmp_path, plan):
    store = WritableStore(tmp_path / "a.h5", plan)
    store.begin(9)
    store.write([run_block(plan, 0, 3)[0]])
    store.write([run_block(plan, 3, 9)[0]])
    first = tmp_path / "a.h5.blocks" / "traj-000000000000-000000000003.h5"
    first.write_bytes(first.read_bytes()[:-100])
    status = js.status(tmp_path / "a.h5")
    assert status.missing == [(0, 3)]
    assert len(status.damaged) == 1
    assert str(first) in status.damaged[0]
    assert first.exists()


def test_status_of_nothing(tmp_path):
    with pytest.raises(js.StoreError, match="no such file"):
        js.status(tmp_path / "a.h5")


@pytest.mark.parametrize(
    "record", [["counts"], ["jumps"], ["events"], ["moments"], ["variances"], ALL]
)
def test_rerun_makes_the_stored_trajectory_again(tmp_path, run, record):
    stored = run(tmp_path / "a.h5", record=record)
    again = js.rerun(tmp_path / "a.h5", 17)
    assert False not in again.equal.values()
    if "counts" in record:
        assert again.equal["counts"] is True
        assert np.array_equal(again.block.arrays["counts"][0], stored.counts[17])
    if "events" in record:
        assert again.equal["event_time"] is True
        assert again.equal["event_channel"] is True


def test_rerun_works_without_the_stored_numbers(tmp_path, run):
    counts = run(tmp_path / "a.h5", record=["counts", "jumps"]).counts
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        del file["counts"]
    again = js.rerun(tmp_path / "a.h5", 17)
    assert again.equal == {"event_count": True, "counts": None, "jumps": True}
    assert np.array_equal(again.block.arrays["counts"][0], counts[17])
    assert "stored counts: not stored" in str(again)


def test_rerun_sees_a_changed_number(tmp_path, run, capsys):
    from jumpsim.cli.main import main

    path = tmp_path / "a.h5"
    run(path)
    with h5py.File(path, "r+") as file:
        file["counts"][17, 3, 1] += 1
    assert js.rerun(path, 16).equal["counts"] is True
    assert js.rerun(path, 17).equal["counts"] is False
    assert main(["rerun", str(path), "--index", "17"]) == 2
    assert "trajectory 17 differs from the record" in capsys.readouterr().err


def test_rerun_of_an_index_that_is_not_stored(tmp_path, run):
    run(tmp_path / "a.h5")
    whole = run(tmp_path / "b.h5", ntraj=100)
    again = js.rerun(tmp_path / "a.h5", 99)
    assert again.equal == {"event_count": None, "counts": None}
    assert np.array_equal(again.block.arrays["counts"][0], whole.counts[99])


@pytest.mark.parametrize(("engine_version", "stream_version"), [(1, 1), (2, 99)])
def test_other_versions_can_be_read_but_neither_rerun_nor_extended(
    tmp_path, plan, run, engine_version, stream_version
):
    path = tmp_path / "a.h5"
    other = dataclasses.replace(plan, versions=(engine_version, stream_version), record=("counts",))
    block = run_block(other, 0, 5)[0]
    hdf5_layout.write(path, other, [(0, 5, block, 0)])
    assert np.array_equal(js.open(path).counts, block.arrays["counts"])
    with pytest.raises(js.StoreError, match="makes other trajectories"):
        js.rerun(path, 0)
    with pytest.raises(
        js.StoreError, match=r"another run: (engine|stream)_version: .* give a new output"
    ):
        run(path)


def test_a_dry_run_judges_events_and_bytes_and_writes_nothing(tmp_path, run, plan, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = dataclasses.replace(plan, record=("counts", "jumps"))
    cost = estimate(plan, 3000, workers=2)
    assert list(tmp_path.iterdir()) == []
    stored = run(tmp_path / "a.h5", ntraj=3000, record=["counts", "jumps"])
    assert cost.events == pytest.approx(stored.n_events, rel=0.05)
    assert cost.bytes == pytest.approx((tmp_path / "a.h5").stat().st_size, rel=0.25)
    assert cost.seconds > 0
    with pytest.raises(js.InputError, match="`ntraj` must be"):
        estimate(plan, 0)


@pytest.mark.parametrize("record", [["counts"], ALL])
def test_merge_counts_every_trajectory_once(tmp_path, run, record):
    run(tmp_path / "whole.h5", ntraj=60, record=record)
    run(tmp_path / "a.h5", ntraj=25, record=record)
    _cut(tmp_path / "whole.h5", tmp_path / "b.h5", 20, 60)
    said = js.merge(tmp_path / "m.h5", [tmp_path / "a.h5", tmp_path / "b.h5"])
    assert "60 trajectories, merged from 2 stores" in said
    assert_same_content(tmp_path / "m.h5", tmp_path / "whole.h5")
    assert not (tmp_path / "m.h5.blocks").exists()


def _cut(source, target, first, last):
    """Copy some trajectories of a file into another one, as if they had been made elsewhere."""
    plan = js.open(source)._store.plan
    hdf5_layout.write(target, plan, [(first, last, run_block(plan, first, last)[0], 0)])


def test_merge_with_gaps_can_be_completed(tmp_path, run):
    run(tmp_path / "whole.h5", ntraj=60, record=ALL)
    for name, first, last in (("a", 0, 10), ("b", 30, 40)):
        _cut(tmp_path / "whole.h5", tmp_path / f"{name}.h5", first, last)
    js.merge(tmp_path / "m.h5", [tmp_path / "b.h5", tmp_path / "a.h5"])
    assert js.status(tmp_path / "m.h5").missing == [(10, 30)]
    merged, whole = js.open(tmp_path / "m.h5"), js.open(tmp_path / "whole.h5")
    rows = [*range(10), *range(30, 40)]
    assert list(merged.indices) == rows
    assert np.array_equal(merged.counts, whole.counts[rows])
    assert np.array_equal(merged.jumps, whole.jumps[rows])
    for i, row in enumerate(rows):
        assert np.array_equal(merged.events(i)[0], whole.events(row)[0])
    run(tmp_path / "m.h5", ntraj=60, record=ALL)
    assert_same_content(tmp_path / "m.h5", tmp_path / "whole.h5")


def test_merging_a_file_with_itself_or_twice_changes_nothing(tmp_path, run):
    path = tmp_path / "a.h5"
    run(path, record=ALL)
    shutil.copy(path, tmp_path / "copy.h5")
    before = path.read_bytes()
    for others in ([path], [path, path], [tmp_path / "copy.h5"]):
        assert "nothing new, 30 trajectories as before" in js.merge(path, others)
        assert path.read_bytes() == before


@pytest.mark.parametrize("record", ["moments", "variances"])
def test_merge_of_sums_alone(tmp_path, run, record):
    run(tmp_path / "whole.h5", ntraj=60, record=record)
    run(tmp_path / "a.h5", ntraj=25, record=record)
    _cut(tmp_path / "whole.h5", tmp_path / "b.h5", 25, 60)
    js.merge(tmp_path / "m.h5", [tmp_path / "a.h5", tmp_path / "b.h5"])
    assert_same_content(tmp_path / "m.h5", tmp_path / "whole.h5")
    assert "nothing new" in js.merge(tmp_path / "m.h5", [tmp_path / "whole.h5"])
    _cut(tmp_path / "whole.h5", tmp_path / "c.h5", 10, 30)
    with pytest.raises(js.StoreError, match="only sums were kept"):
        js.merge(tmp_path / "n.h5", [tmp_path / "a.h5", tmp_path / "c.h5"])


@pytest.mark.parametrize("name", ["counts", "jumps", "event_time", "event_channel"])
def test_merge_finds_a_trajectory_that_differs(tmp_path, run, plan, name):
    run(tmp_path / "a.h5", ntraj=25, record=ALL)
    block = run_block(plan, 20, 40)[0]
    block.arrays[name][0] += 1
    hdf5_layout.write(tmp_path / "b.h5", plan, [(20, 40, block, 0)])
    before = (tmp_path / "a.h5").read_bytes()
    with pytest.raises(js.StoreError, match="trajectory 20 differs"):
        js.merge(tmp_path / "a.h5", [tmp_path / "b.h5"])
    assert (tmp_path / "a.h5").read_bytes() == before


def test_merge_refuses_what_does_not_belong_together(tmp_path, run):
    run(tmp_path / "a.h5")
    run(tmp_path / "seed.h5", seed=6)
    run(tmp_path / "record.h5", record="jumps")
    for other, text in (
        ("seed.h5", "belongs to another run: seed: 6 instead of 5"),
        ("record.h5", "was recorded with jumps, but the others with counts"),
        ("absent.h5", "no such file"),
    ):
        with pytest.raises(js.StoreError, match=text):
            js.merge(tmp_path / "m.h5", [tmp_path / "a.h5", tmp_path / other])
        assert not (tmp_path / "m.h5").exists()
        assert not (tmp_path / "m.h5.blocks").exists()


@pytest.mark.parametrize("name", ["count_sum", "count_square_sum"])
@pytest.mark.parametrize("added", ["jumps", "moments", "counts"])
def test_adding_to_variances_finds_a_sum_that_is_wrong(tmp_path, run, plan, name, added):
    path, alone = tmp_path / "a.h5", dataclasses.replace(plan, record=("variances",))
    block = run_block(alone, 0, 20)[0]
    sums = block.sums.first if name == "count_sum" else block.sums.second
    sums[2, 1] += 1
    hdf5_layout.write(path, alone, [(0, 20, block, 0)])  # with a checksum that fits
    before = path.read_bytes()
    with pytest.raises(js.StoreError, match="its sums differ from those of the same trajectories"):
        run(path, ntraj=20, record=[added])
    assert path.read_bytes() == before


@pytest.mark.parametrize("first", [["counts"], ["moments"], ["variances"], ["events"]])
def test_adding_to_a_record_replays_and_checks(tmp_path, run, monkeypatch, first):
    run(tmp_path / "whole.h5", ntraj=40, record=ALL)
    path = tmp_path / "a.h5"
    run(path, ntraj=40, record=first)
    ensemble = run(path, ntraj=10, record=ALL)  # what is there is replayed, however few are asked
    assert ensemble.ntraj == 40
    assert ensemble.record == RECORDS
    assert_same_content(path, tmp_path / "whole.h5")
    monkeypatch.setattr(engine, "run", None)  # a smaller record is there already
    assert run(path, ntraj=40, record="jumps").record == RECORDS


def test_adding_to_a_record_finds_a_stored_number_that_is_wrong(tmp_path, run, plan):
    path = tmp_path / "a.h5"
    counts_only = dataclasses.replace(plan, record=("counts",))
    block = run_block(counts_only, 0, 20)[0]
    block.arrays["counts"][13, 2, 1] += 1
    hdf5_layout.write(path, counts_only, [(0, 20, block, 0)])  # with a checksum that fits
    before = path.read_bytes()
    with pytest.raises(js.StoreError, match="trajectory 13 differs"):
        run(path, ntraj=20, record=["counts", "jumps"])
    assert path.read_bytes() == before


def test_a_second_writer_is_reported(tmp_path, run, plan):
    run(tmp_path / "a.h5")
    plan = dataclasses.replace(plan, record=("counts",))
    first = WritableStore(tmp_path / "a.h5", plan)
    with pytest.raises(js.StoreError, match="another process is writing to it"):
        run(tmp_path / "a.h5", ntraj=50)
    first.finish(Outcome(Kind.COMPLETE, 40), complete=True)
    assert run(tmp_path / "a.h5", ntraj=50).ntraj == 50

"""Stores in memory and on disk hold the same, and the file is one that everyone can read."""

import concurrent.futures as cf
import multiprocessing
import shutil

import h5py
import numpy as np
import pytest
import xarray
from support.files import assert_same_content

import jumpsim as js
from jumpsim import engine
from jumpsim.engine import trajectories
from jumpsim.run.block_task import run_block
from jumpsim.store import FileStore, MemoryStore, WritableStore, hdf5_layout
from jumpsim.store.file_part import FilePart
from jumpsim.store.outcome import Kind, Outcome
from jumpsim.store.plan import Plan

RECORDS = ("counts", "jumps", "events", "moments", "variances")

ALL = list(RECORDS)


@pytest.fixture
def plan(waveguide, microseconds):
    return Plan(waveguide, js.Thermal(1.0), microseconds, 5, RECORDS)


@pytest.fixture
def reference(tmp_path, waveguide, microseconds):
    """A file of 60 trajectories with everything recorded, made in one block."""
    path = tmp_path / "reference.h5"
    js.simulate(
        waveguide, microseconds, 60, js.Thermal(1.0), 5, ALL, store=path, workers=1, block_size=60
    )
    return path


@pytest.fixture(params=["memory", "disk"])
def store(request, tmp_path, plan):
    return (
        MemoryStore(plan) if request.param == "memory" else WritableStore(tmp_path / "s.h5", plan)
    )


def test_both_stores_give_back_what_was_written(store, plan):
    # Out of order, with a gap, in two writes: what workers and crashes do.
    blocks = {f: run_block(plan, f, f + n)[0] for f, n in ((30, 10), (0, 7), (10, 5), (7, 3))}
    store.write([blocks[30], blocks[0]])
    store.write([blocks[10]])
    assert store.ranges() == [(0, 7), (10, 15), (30, 40)]
    assert store.missing(50) == [(7, 10), (15, 30), (40, 50)]
    store.write([blocks[7]])
    assert store.missing(40) == [(15, 30)]
    whole = run_block(plan, 0, 40)[0]
    rows = np.r_[0:15, 30:40]
    for name in ("counts", "jumps", "event_count"):
        assert np.array_equal(store.read(name, 0, 25), whole.arrays[name][rows])
        assert np.array_equal(store.read(name, 12, 17), whole.arrays[name][rows[12:17]])
    times, channels = store.read_events(14, 16)
    first, last = whole.read_events(14, 15), whole.read_events(30, 31)
    assert np.array_equal(times, np.concatenate([first[0], last[0]]))
    assert np.array_equal(channels, np.concatenate([first[1], last[1]]))
    expected = js.statistics.Moments.of(whole.arrays["counts"][rows])
    assert (store.moments().second == expected.second).all()
    assert store.events == whole.arrays["event_count"][rows].sum()


def test_a_finished_store_reads_as_before(store, plan):
    store.write([run_block(plan, 0, 9)[0], run_block(plan, 9, 20)[0]])
    before = store.read("counts", 0, 20), store.moments().cov()
    store.finish(Outcome(Kind.COMPLETE, 20), complete=True)
    assert np.array_equal(store.read("counts", 0, 20), before[0])
    assert np.array_equal(store.moments().cov(), before[1])
    assert store.ranges() == [(0, 20)]
    assert len(store._parts) == 1


@pytest.mark.parametrize(
    "record", [["counts"], ["jumps"], ["events"], ["moments"], ["variances"], ALL]
)
def test_memory_and_file_hold_the_same(tmp_path, waveguide, microseconds, record):
    arguments = (waveguide, microseconds, 30, js.Thermal(1.0), 5, record)
    kept = js.simulate(*arguments)
    js.simulate(*arguments, store=tmp_path / "a.h5")
    read = js.open(tmp_path / "a.h5")
    assert read.ntraj == kept.ntraj == 30
    assert read.n_events == kept.n_events
    for name in set(record) & {"counts", "jumps"}:
        assert getattr(read, name).dtype == np.int64
        assert np.array_equal(getattr(read, name), getattr(kept, name))
    if "events" in record:
        for i in (0, 13, -1):
            for a, b in zip(read.events(i), kept.events(i), strict=True):
                assert np.array_equal(a, b)
                assert a.dtype == b.dtype
    if {"counts", "moments", "variances"} & set(record):
        assert np.array_equal(read.mean(), kept.mean())
        assert np.array_equal(read.var(), kept.var())
    if {"counts", "moments"} & set(record):
        assert np.array_equal(read.cov(), kept.cov())
    assert_equal_datasets(read.to_xarray(), kept.to_xarray())


def assert_equal_datasets(a, b):
    xarray.testing.assert_equal(a, b)


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("block_size", [1, 7, None])
def test_file_is_the_same_for_any_workers_and_blocks(
    tmp_path, waveguide, microseconds, reference, workers, block_size
):
    js.simulate(
        waveguide, microseconds, 60, js.Thermal(1.0), 5, ALL,
        store=tmp_path / "a.h5", workers=workers, block_size=block_size,
    )  # fmt: skip
    assert_same_content(tmp_path / "a.h5", reference)


@pytest.mark.parametrize("kind", ["thread", "process"])
def test_file_is_the_same_for_any_executor(tmp_path, waveguide, microseconds, reference, kind):
    if kind == "thread":
        executor = cf.ThreadPoolExecutor(2)
    else:
        executor = cf.ProcessPoolExecutor(2, multiprocessing.get_context("spawn"))
    with executor:
        js.simulate(
            waveguide, microseconds, 60, js.Thermal(1.0), 5, ALL,
            store=tmp_path / "a.h5", executor=executor, block_size=13,
        )  # fmt: skip
    assert_same_content(tmp_path / "a.h5", reference)


@pytest.mark.parametrize("events", [1, 37, 1000])
def test_file_is_the_same_for_any_slice(
    tmp_path, monkeypatch, waveguide, microseconds, reference, events
):
    monkeypatch.setattr(trajectories, "SLICE_EVENTS", events)
    arguments = (waveguide, microseconds, 60, js.Thermal(1.0), 5, ALL)
    js.simulate(*arguments, store=tmp_path / "a.h5")
    assert_same_content(tmp_path / "a.h5", reference)


def test_file_is_the_same_when_it_grows(tmp_path, waveguide, microseconds, reference):
    for n in (11, 12, 60):
        js.simulate(waveguide, microseconds, n, js.Thermal(1.0), 5, ALL, store=tmp_path / "a.h5")
    assert_same_content(tmp_path / "a.h5", reference)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith("a")] == ["a.h5"]


@pytest.mark.parametrize("backend", ["h5netcdf", "netcdf4"])
def test_xarray_opens_the_file_and_names_every_dimension(reference, backend):
    kept = js.open(reference)
    with xarray.open_dataset(reference, engine=backend) as data:
        assert set(data.sizes) == {
            "trajectory", "time", "pool", "other_pool", "channel", "event", "word",
        }  # fmt: skip
        assert data.counts.dims == ("trajectory", "time", "pool")
        assert data.jumps.dims == ("trajectory", "time", "channel")
        assert data.event_time.dims == data.event_channel.dims == ("event",)
        assert data.event_count.attrs["sample_dimension"] == "event"
        assert data.covariance.dims == ("time", "pool", "other_pool")
        assert list(data.pool.values) == ["A", "B", "m"]
        assert list(data.channel.values) == list(kept.model.channels)
        for name, variable in data.variables.items():
            assert "long_name" in variable.attrs, name
            if variable.dtype.kind in "if":
                assert "units" in variable.attrs, name
        assert np.array_equal(data.counts.sel(pool="B").values, kept.counts[:, :, 1])
        assert np.array_equal(data.time.values, kept.times)
        assert np.array_equal(data["mean"].values, kept.mean())


@pytest.mark.parametrize("backend", ["h5netcdf", "netcdf4"])
def test_xarray_opens_a_file_without_any_event(tmp_path, backend):
    model = js.systems.hohlraum(3, 2, 0)
    js.simulate(model, [1.0], 4, {"N": 1, "m": 1}, 1, ALL, store=tmp_path / "a.h5")
    with xarray.open_dataset(tmp_path / "a.h5", engine=backend) as data:
        assert data.sizes["event"] == 0
        assert (data.counts == 1).all()


def test_blocks_can_be_read_while_the_run_goes_on(tmp_path, plan):
    store = WritableStore(tmp_path / "s.h5", plan)
    store.write([run_block(plan, 5, 9)[0]])
    seen = js.open(tmp_path / "s.h5")
    assert list(seen.indices) == [5, 6, 7, 8]
    assert "not finished" in str(seen)
    assert np.array_equal(seen.counts, run_block(plan, 5, 9)[0].arrays["counts"])


def test_the_checksum_notices_any_changed_number(tmp_path, reference):
    part = FileStore(reference)._parts[0]
    part.verify()
    for name in (variable.name for variable in part.plan.variables):
        copy = tmp_path / f"{name}.h5"
        shutil.copy(reference, copy)
        with h5py.File(copy, "r+") as file:
            values = file[name][()]
            values.flat[-1] += 1
            file[name][...] = values
        with pytest.raises(js.StoreError, match="does not fit the checksum"):
            FilePart(copy).verify()


@pytest.mark.parametrize("what", ["time", "run", "ranges", "events"])
def test_the_header_notices_any_change(reference, what):
    with h5py.File(reference, "r+") as file:
        if what == "time":
            file["time"][-1] *= 1.5
        elif what == "run":
            file.attrs["run"] = file.attrs["run"].replace('"seed":5', '"seed":6')
        else:
            file.attrs[what] = file.attrs[what] + 1
    with pytest.raises(js.StoreError, match="header"):
        js.open(reference)


def test_a_block_that_reads_back_differently_is_refused(tmp_path, plan, monkeypatch):
    store = WritableStore(tmp_path / "s.h5", plan)
    monkeypatch.setattr(hdf5_layout, "write", _write_a_wrong_number(hdf5_layout.write))
    with pytest.raises(js.StoreError, match="reads back differently"):
        store.write([run_block(plan, 0, 3)[0]])
    assert [f.name for f in (tmp_path / "s.h5.blocks").iterdir()] == ["lock"]


def _write_a_wrong_number(write):
    def wrong(path, *arguments):
        checksum = write(path, *arguments)
        with h5py.File(path, "r+") as file:
            file["counts"][0, 0, 0] += 1
        return checksum

    return wrong


def test_blocks_left_by_a_crash_after_the_last_step_count_once(tmp_path, waveguide, microseconds):
    arguments = (waveguide, microseconds, 20, js.Thermal(1.0), 5)
    path = tmp_path / "a.h5"
    js.simulate(*arguments, store=path)
    folder = tmp_path / "a.h5.blocks"
    folder.mkdir()
    shutil.copy(path, folder / "traj-000000000000-000000000020.h5")
    (folder / ".traj-000000000020-000000000030.h5.abc.tmp").write_text("half a block")
    before = js.open(path).mean()
    assert js.open(path).ntraj == 20
    js.simulate(waveguide, microseconds, 25, js.Thermal(1.0), 5, store=path)
    assert js.open(path).ntraj == 25
    assert np.array_equal(js.open(path).counts[:20].mean(axis=0), before)


def test_nothing_is_simulated_twice(tmp_path, waveguide, microseconds, monkeypatch):
    arguments = (waveguide, microseconds, 20, js.Thermal(1.0), 5)
    js.simulate(*arguments, store=tmp_path / "a.h5")
    calls = []
    monkeypatch.setattr(engine, "run", lambda *a: calls.append(a))
    js.simulate(*arguments, store=tmp_path / "a.h5")
    assert calls == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 6}, "seed: 5 instead of 6"),
        ({"initial": js.Thermal(1.5)}, r"initial.thermal: 1.0 instead of 1.5"),
        (
            {"initial": {"A": 1, "B": 1, "m": 1}},
            r"initial: \{'thermal': 1.0, 'spread': True\} instead of \{'counts'",
        ),
        ({"times": [0.0, 1e-6]}, "times: 11 from 0 to 1e-06 s instead of 2 from 0 to 1e-06 s"),
        (
            {"gamma_0": "11 kHz"},
            r"model.channels\[transfer A→B\].rate: 1000000.0 instead of 1100000",
        ),
        ({"tls": 99}, r"model.pools\[m\].size: 100 instead of 99"),
    ],
)
def test_another_run_is_refused_with_the_difference(tmp_path, change, message):
    from support.systems import PUBLISHED

    path = tmp_path / "a.h5"
    run = {"times": np.linspace(0, 1e-6, 11), "ntraj": 3, "initial": js.Thermal(1.0), "seed": 5}
    js.simulate(js.systems.open_waveguide(**PUBLISHED), **run, store=path)
    before = path.read_bytes()
    parameters = {**PUBLISHED, **{k: v for k, v in change.items() if k in PUBLISHED}}
    run |= {k: v for k, v in change.items() if k not in PUBLISHED}
    with pytest.raises(js.StoreError, match=message):
        js.simulate(js.systems.open_waveguide(**parameters), **run, store=path)
    assert path.read_bytes() == before


def test_without_a_seed_a_stored_run_goes_on_with_its_own(tmp_path, waveguide, microseconds):
    path = tmp_path / "a.h5"
    first = js.simulate(waveguide, microseconds, 3, js.Thermal(1.0), store=path)
    again = js.simulate(waveguide, microseconds, 6, js.Thermal(1.0), store=path)
    assert again.seed == first.seed
    assert again.ntraj == 6


def test_foreign_files_are_refused_and_left_alone(tmp_path, waveguide, microseconds):
    cases = {
        "text.h5": (b"hello", "cannot be read as HDF5"),
        "empty.h5": (b"", "cannot be read as HDF5"),
    }
    for name, (content, message) in cases.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(js.StoreError, match=message):
            js.simulate(waveguide, microseconds, 3, js.Thermal(1.0), store=path)
        with pytest.raises(js.StoreError, match=message):
            js.open(path)
        assert path.read_bytes() == content
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(js.StoreError, match="but not one of jumpsim"):
        js.open(tmp_path / "other.h5")
    with pytest.raises(js.StoreError, match="no such file"):
        js.open(tmp_path / "absent.h5")
    with pytest.raises(js.StoreError, match="is a folder"):
        js.simulate(waveguide, microseconds, 3, js.Thermal(1.0), store=tmp_path)
    with pytest.raises(js.StoreError, match="does not exist"):
        js.simulate(waveguide, microseconds, 3, js.Thermal(1.0), store=tmp_path / "no" / "a.h5")


@pytest.mark.parametrize(
    ("step", "printed"),
    [(1, "newer than this jumpsim"), (-1, "is older than this jumpsim can read")],
)
def test_another_format_is_refused_and_left_alone(step, printed, reference, plan):
    with h5py.File(reference, "r+") as file:
        file.attrs["format_version"] = hdf5_layout.FORMAT_VERSION + step
    before = reference.read_bytes()
    with pytest.raises(js.StoreError, match=printed):
        js.open(reference)
    with pytest.raises(js.StoreError, match=printed):
        WritableStore(reference, plan)
    assert reference.read_bytes() == before


def test_a_full_disk_is_reported_and_costs_no_earlier_block(tmp_path, plan, monkeypatch):
    store = WritableStore(tmp_path / "s.h5", plan)
    store.write([run_block(plan, 0, 3)[0]])

    def full(*_):
        raise RuntimeError("Can't write: No space left on device")

    monkeypatch.setattr(hdf5_layout, "write", full)
    with pytest.raises(js.StoreError, match="no space left"):
        store.write([run_block(plan, 3, 6)[0]])
    assert js.open(tmp_path / "s.h5").ntraj == 3


def test_files_hold_no_times_of_day_in_datasets(reference):
    with h5py.File(reference) as file:
        assert "context" in file.attrs
        names = []
        file.visit(names.append)
    assert not {"written", "host", "context"} & set(names)


def test_a_finished_file_with_damaged_numbers_is_set_aside_before_it_is_used(
    tmp_path, reference, waveguide, microseconds
):
    path = tmp_path / "a.h5"
    shutil.copy(reference, path)
    with h5py.File(path, "r+") as file:
        file["counts"][5, 3, 1] += 1
    arguments = (waveguide, microseconds, 61, js.Thermal(1.0), 5, ALL)
    with pytest.warns(js.StoreWarning, match=r"renamed to a\.h5\.damaged"):
        js.simulate(*arguments, store=path)
    js.simulate(*arguments, store=tmp_path / "b.h5")
    assert_same_content(path, tmp_path / "b.h5")
    assert (tmp_path / "a.h5.damaged").exists()


def test_a_damaged_block_is_left_out_when_reading(tmp_path, plan):
    store = WritableStore(tmp_path / "s.h5", plan)
    store.write([run_block(plan, 0, 3)[0]])
    store.write([run_block(plan, 3, 9)[0]])
    (tmp_path / "s.h5.blocks" / "traj-000000000000-000000000003.h5").write_bytes(b"")
    with pytest.warns(js.StoreWarning, match="left out; run the same command again to repair"):
        ensemble = js.open(tmp_path / "s.h5")
    assert list(ensemble.indices) == [3, 4, 5, 6, 7, 8]


def test_a_file_that_grew_after_it_was_opened_is_not_mixed_up(tmp_path, waveguide, microseconds):
    path = tmp_path / "a.h5"
    js.simulate(waveguide, microseconds, 20, js.Thermal(1.0), 5, store=path)
    before = js.open(path)
    js.simulate(waveguide, microseconds, 30, js.Thermal(1.0), 5, store=path)
    with pytest.raises(js.StoreError, match="was replaced since it was opened"):
        _ = before.counts
    assert js.open(path).ntraj == 30

"""Trajectories that were stopped before their end: kept beside the blocks, continued, dropped."""

import math
import os
import shutil

import numpy as np
import pytest
from support.executors import Serial
from support.files import assert_same_content
from support.killed_runs import assert_nothing_left, assert_one_line, blocks_folder
from support.wavefunctions import mode_model

import jumpsim as js
from jumpsim.cli.main import main
from jumpsim.engine import trajectories
from jumpsim.run.scheduler import Batch
from jumpsim.store import unfinished

TURNOVER = js.Model(
    [js.Pool.mass_action("X")],
    [js.Channel("come", 25.0, {}, {"X": 1}), js.Channel("gone", 1.0, {"X": 1})],
)
START = {"X": 20}
TIMES = np.linspace(0.0, 12000.0, 13)  # 600,000 events
RECORDS = ("counts", "jumps", "events", "moments", "variances")


@pytest.fixture(autouse=True)
def short_slices(monkeypatch):
    """Notice a time limit after some milliseconds, and keep every state."""
    monkeypatch.setattr(trajectories, "SLICE_EVENTS", 2**14)
    monkeypatch.setattr(trajectories, "LEAST_SECONDS", 0.0)


def simulate(store=None, ntraj=2, record=("counts",), seed=4, **more):
    return js.simulate(TURNOVER, TIMES, ntraj, START, seed, record, store=store, **more)


def states(path):
    """State of each unfinished trajectory by its index."""
    found, damaged = unfinished.readable(blocks_folder(path))
    assert not damaged
    return {begun.index: begun.state for begun in found}


def limited(path, slices=4, run=simulate, **more):
    """Run with a time limit that ends after some returns of the kernel to Python."""
    left = iter(range(slices))

    def proceed(batch, *_):
        if next(left, None) is None:
            batch.began = -math.inf
            return False
        return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Batch, "_proceed", proceed)
        return run(path, timeout=1e3, **more)


def until_complete(attempt, path, most=200, **more):
    """Run with a time limit again and again; returns what was unfinished after each run."""
    seen = []
    for _ in range(most):
        if not attempt(path, **more).outcome.stopped_early:
            return seen
        seen.append(states(path))
    raise AssertionError("it does not advance")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Files without a stop, by record."""
    folder, made = tmp_path_factory.mktemp("whole"), {}

    def file(record):
        if record not in made:
            made[record] = folder / f"{len(made)}.h5"
            simulate(made[record], record=record)
        return made[record]

    return file


def begun(path, *indices, **more):
    """Leave unfinished trajectories with these indices."""
    while not (found := states(path)).keys() >= set(indices or [0]):
        limited(path, **more)
    return found


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(
    "record", [*((name,) for name in RECORDS), RECORDS, ("jumps", "variances")]
)
def test_time_limits_change_no_bit(record, workers, tmp_path, whole):
    path = tmp_path / "a.h5"
    seen = until_complete(limited, path, slices=15, record=record, workers=workers)
    assert len(seen) >= 2
    events = [sum(state.events for state in found.values()) for found in seen if len(found) == 2]
    assert events == sorted(events)
    assert_same_content(path, whole(record))
    assert_nothing_left(path)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("record", [("counts", "jumps", "moments"), ("moments",), ("variances",)])
def test_executors_continue_too(record, shared, tmp_path, monkeypatch):
    monkeypatch.setattr("jumpsim.run.workers._PAUSE_SECONDS", 0.02)
    path = tmp_path / "a.h5"

    def run(store, **more):
        return js.simulate(TURNOVER, 4 * TIMES, 2, START, 4, record, store=store, **more)

    run(tmp_path / "whole.h5")
    more = {"executor": Serial(), "workers": 1, "shared_folder": shared}
    seen = until_complete(run, path, timeout=0.05, **more)
    assert seen
    assert_same_content(path, tmp_path / "whole.h5")
    assert_nothing_left(path)


def test_memory_is_not_given_up_at_a_pause(whole, monkeypatch):
    monkeypatch.setattr("jumpsim.run.workers.ThreadWorkers.pause_seconds", 0.01)
    run = simulate(record=RECORDS)
    assert np.array_equal(run.counts, js.open(whole(RECORDS)).counts)
    assert not run._store.unfinished


MANY = js.Model(
    [js.Pool.mass_action("X")],
    [
        *(js.Channel(f"come {k}", 0.5, {}, {"X": 1}) for k in range(50)),
        *(js.Channel(f"gone {k}", 0.02, {"X": 1}) for k in range(50)),
    ],
)


@pytest.mark.parametrize(
    ("model", "start", "end"),
    [(mode_model(), {"u": 1, "l": 0, "photon": 2}, 1e5), (MANY, START, 12000.0)],
    ids=["wave function", "many channels"],
)
def test_other_engines_continue_too(model, start, end, tmp_path):
    times = np.linspace(0, end, 11)
    record = [model.samples.record, "jumps", "events", "moments"]

    def run(store=None, **more):
        return js.simulate(model, times, 2, start, 3, record, store=store, **more)

    run(tmp_path / "whole.h5")
    assert until_complete(limited, tmp_path / "a.h5", run=run)
    assert_same_content(tmp_path / "a.h5", tmp_path / "whole.h5")
    assert_nothing_left(tmp_path / "a.h5")


def truncate(file):
    os.truncate(file, file.stat().st_size * 2 // 3)


def flip(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 4
    file.write_bytes(data)


def rename(file):
    file.rename(file.with_name("unfinished-000000000001.npz"))


def be_an_archive(file):
    with open(file, "wb") as opened:
        np.savez(opened, x=np.zeros(3))


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        flip,
        rename,
        be_an_archive,
        lambda file: file.write_bytes(b""),
        lambda file: file.write_text("hello"),
        lambda file: file.write_bytes(os.urandom(1000)),
    ],
)
def test_a_damaged_state_costs_time_only(damage, tmp_path, whole):
    path = tmp_path / "a.h5"
    begun(path, ntraj=1)
    damage(blocks_folder(path) / "unfinished-000000000000.npz")
    assert len(js.status(path).damaged) == 1
    with pytest.warns(js.StoreWarning, match=r"removed; its trajectory begins again") as printed:
        simulate(path)
    assert len(printed) == 1
    assert "\n" not in str(printed[0].message)
    assert_same_content(path, whole(("counts",)))
    assert_nothing_left(path)


def test_every_damaged_byte_is_noticed(tmp_path):
    path = tmp_path / "a.h5"
    begun(path, workers=1)
    file = blocks_folder(path) / "unfinished-000000000000.npz"
    intact, state = file.read_bytes(), unfinished.read(file)
    rng = np.random.default_rng(1)
    for place in rng.integers(0, len(intact), 300):
        data = bytearray(intact)
        data[place] ^= 1 << int(rng.integers(8))
        file.write_bytes(data)
        try:
            read = unfinished.read(file)
        except js.StoreError:
            continue
        # Bytes of the archive that mean nothing, such as the time of a file.
        assert read.index == state.index
        assert read.state.time == state.state.time
        assert read.state.arrays.keys() == state.state.arrays.keys()
        for name, array in state.state.arrays.items():
            assert np.array_equal(read.state.arrays[name], array)


def test_a_state_of_another_run_is_refused_and_left(tmp_path):
    path = tmp_path / "a.h5"
    found = begun(path)
    with pytest.raises(js.StoreError, match="belongs to another run: seed: 4 instead of 5"):
        simulate(path, seed=5)
    assert states(path).keys() == found.keys()
    assert js.simulate(TURNOVER, TIMES, 2, START, None, store=path).seed == 4


def test_another_record_begins_again(tmp_path, whole):
    path = tmp_path / "a.h5"
    begun(path)
    simulate(path, record=RECORDS)
    assert_same_content(path, whole(RECORDS))


def test_fewer_trajectories_need_no_state(tmp_path):
    path = tmp_path / "a.h5"
    begun(path, 1, workers=2)
    simulate(path, ntraj=1)
    assert_nothing_left(path)


def test_a_state_amid_a_block_is_continued(tmp_path, whole):
    path = tmp_path / "a.h5"
    begun(path, 0, 1, workers=2)
    (blocks_folder(path) / "unfinished-000000000000.npz").unlink()
    before = states(path)[1].events
    seen = []
    real = trajectories._OneByOne.__init__

    def noted(self, *given):
        real(self, *given)
        seen.append(self.seen[1])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trajectories._OneByOne, "__init__", noted)
        simulate(path, block_size=2)
    assert sorted(seen)[-1] == before
    assert_same_content(path, whole(("counts",)))


def test_what_is_printed(tmp_path, capsys):
    spec, out = tmp_path / "spec.toml", tmp_path / "a.h5"
    spec.write_text(
        """
[parameters]
name = "turnover"
[[pools]]
kind = "mass_action"
name = "X"
[[channels]]
name = "come"
rate = 25.0
gives = { X = 1 }
[[channels]]
name = "gone"
rate = 1.0
takes = { X = 1 }
[start]
counts = { X = 20 }
[times]
stop = 1e6
points = 3
[run]
ntraj = 2
seed = 4
"""
    )
    assert main(["run", str(spec), "-o", str(out), "-q", "--time-limit", "0.3 s"]) == 75
    printed = capsys.readouterr().err
    assert_one_line(printed)
    assert "0 trajectories; unfinished ones are kept: trajectory 0 (" in printed
    assert main(["info", str(out)]) == 2
    printed = capsys.readouterr().err
    assert_one_line(printed)
    assert "no trajectory is complete yet; unfinished ones are kept: trajectory 0 (" in printed
    assert main(["status", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "0 of 2 trajectories" in printed
    done = states(out)[0].time / 1e6
    assert f"  begun     trajectory 0 ({np.floor(1000 * done) / 10:g} % done), " in printed
    with pytest.raises(js.StoreError, match="no trajectory is complete yet"):
        js.open(out)


def test_info_names_what_is_unfinished(tmp_path, capsys):
    path = tmp_path / "a.h5"
    simulate(path, ntraj=1)
    begun(path, 1)
    assert main(["info", str(path)]) == 0
    assert "  also      unfinished ones are kept: trajectory 1 (" in capsys.readouterr().out


def test_shards_keep_theirs_when_they_are_put_together(tmp_path, whole):
    path = tmp_path / "a.h5"
    first, second = (f"{k}/2" for k in (1, 2))
    simulate(path, shard=first)
    shard = tmp_path / "a.shard-2-of-2.h5"
    limited(path, shard=second)
    found = states(shard)
    assert "trajectory 1 (" in js.status(path).unfinished[0]
    assert "1 of 2" in js.compact(path)
    assert states(shard)[1].events == found[1].events
    shutil.copytree(blocks_folder(shard), tmp_path / "copy")
    # Continued by its shard.
    simulate(path, shard=second)
    js.compact(path)
    assert_same_content(path, whole(("counts",)))
    assert not list(tmp_path.glob("a.shard*"))
    assert_nothing_left(path)
    # Finished elsewhere: what is left of the shard goes.
    shutil.copytree(tmp_path / "copy", blocks_folder(shard))
    js.compact(path)
    assert not list(tmp_path.glob("a.shard*"))
    assert_same_content(path, whole(("counts",)))


def test_a_merge_keeps_and_drops_states(tmp_path, whole):
    path = tmp_path / "a.h5"
    begun(path, 0, 1, workers=2)
    simulate(tmp_path / "one.h5", ntraj=1)
    js.merge(path, [tmp_path / "one.h5"])
    assert states(path).keys() == {1}
    simulate(path)
    assert_same_content(path, whole(("counts",)))
    assert_nothing_left(path)

"""Trajectories in memory: narrow types inside, int64 outside, and each number once."""

import importlib

import numpy as np
import pytest

import jumpsim as js
from jumpsim.run.block_task import run_block
from jumpsim.store import MemoryStore, memory
from jumpsim.store import ensemble as ensemble_module
from jumpsim.store.ensemble import Ensemble
from jumpsim.store.plan import Plan

simulate_module = importlib.import_module("jumpsim.run.simulate")
TIMES = np.linspace(0.0, 1.0, 5)


def decay():
    return js.Model([js.Pool.mass_action("X")], [js.Channel("gone", 1.0, {"X": 1})])


@pytest.fixture
def plan():
    return Plan(decay(), js.Fixed({"X": 300}), TIMES, 5, ("counts", "jumps"))


def test_numbers_are_widened_when_all_are_read(plan):
    """Blocks in any order and with a gap; 300 ** 2 does not fit into the stored 16 bits."""
    store = MemoryStore(plan)
    whole = run_block(plan, 0, 40)[0].arrays
    store.write([run_block(plan, f, f + n)[0] for f, n in ((30, 10), (0, 7), (10, 5))])
    rows = np.r_[0:7, 10:15, 30:40]
    assert store.read("counts", 0, 22).dtype == np.int16
    run = Ensemble(store)
    (slab,) = run.slabs("counts")
    for found in (slab, run.row("counts", 0), run.counts, run.jumps):
        assert found.dtype == np.int64
    assert (slab[:, 0] ** 2 == 300**2).all()
    np.testing.assert_array_equal(run.counts, whole["counts"][rows])
    np.testing.assert_array_equal(run.jumps, whole["jumps"][rows])
    # The numbers are in memory once: the same array again, to which all blocks refer.
    assert run.counts is run.counts
    assert all(np.shares_memory(part.arrays["counts"], run.counts) for part in store.parts)
    for first, last in ((0, 3), (5, 14)):
        np.testing.assert_array_equal(store.read("counts", first, last), run.counts[first:last])
    store.write([run_block(plan, 7, 10)[0]])
    np.testing.assert_array_equal(run.counts[:15], whole["counts"][:15])


def test_small_blocks_are_joined_at_the_end(plan, monkeypatch):
    size = run_block(plan, 0, 1)[0].nbytes
    monkeypatch.setattr(memory, "_SMALL_BYTES", 3 * size)
    store = MemoryStore(plan)
    store.write([run_block(plan, k, k + 1)[0] for k in (4, 0, 1, 2, 3, 5, 8)])
    store.finish(None, complete=True)
    assert [part.ranges for part in store.parts] == [[(0, 3)], [(3, 6)], [(8, 9)]]
    assert all(part.arrays["counts"].dtype == np.int16 for part in store.parts)
    whole = run_block(plan, 0, 9)[0].arrays["counts"]
    np.testing.assert_array_equal(Ensemble(store).counts, whole[np.r_[0:6, 8]])


def test_memory_is_needed_once_by_the_run_and_once_by_its_counts(monkeypatch):
    """50 x 5 counts of 8 bytes are 2000 bytes, and the numbers of events 400 bytes."""
    monkeypatch.setattr(simulate_module, "available_memory", lambda: 2399)
    with pytest.raises(js.InputError, match="GB of memory"):
        js.simulate(decay(), TIMES, 50, {"X": 300}, 1)
    monkeypatch.setattr(simulate_module, "available_memory", lambda: 2400)
    run = js.simulate(decay(), TIMES, 50, {"X": 300}, 1)
    monkeypatch.setattr(ensemble_module, "available_memory", lambda: 1999)
    with pytest.raises(js.InputError, match=r"in groups with `slabs\('counts'\)`"):
        _ = run.counts
    assert sum(map(len, run.slabs("counts"))) == 50
    monkeypatch.setattr(ensemble_module, "available_memory", lambda: 2000)
    assert run.counts.shape == (50, 5, 1)
    monkeypatch.setattr(ensemble_module, "available_memory", lambda: 0)
    assert run.counts.shape == (50, 5, 1)  # they are there already

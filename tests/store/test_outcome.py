"""Why a run ended is data, also where an earlier version wrote only a sentence."""

import json

import h5py
import numpy as np
import pytest
from support.html_pages import Page

import jumpsim as js
from jumpsim.run.block_task import run_block
from jumpsim.store import FileStore, WritableStore, hdf5_layout
from jumpsim.store.outcome import Kind, Outcome, restored
from jumpsim.store.plan import Plan
from jumpsim.store.shard import Shard

MODEL, START = js.systems.hohlraum(3, 2, 1.0), {"N": 2, "m": 1}
TIMES = np.linspace(0, 1, 4)
SENTENCES = {
    "all 12 trajectories are there": Outcome(Kind.COMPLETE, 12),
    "all 0 trajectories are there": Outcome(Kind.COMPLETE, 0),
    "nothing to do: all 12 trajectories were there already": Outcome(
        Kind.COMPLETE, 12, already=True
    ),
    "all 3 blocks are there": Outcome(Kind.COMPLETE, 3, unit="blocks"),
    "shard 4 of 7: trajectories 85 ... 113 of 200 are there": Outcome(
        Kind.COMPLETE, 200, shard=Shard(4, 7)
    ),
    "nothing to do: shard 1 of 3: trajectories none of 2 are there": Outcome(
        Kind.COMPLETE, 2, already=True, shard=Shard(1, 3)
    ),
    "target_sem reached with 256 trajectories: largest standard error 0.0312": Outcome(
        Kind.TARGET_SEM, 256, sem=0.0312
    ),
    "timeout": Outcome(Kind.TIMEOUT),
    "interrupted": Outcome(Kind.INTERRUPTED),
    "76 of 200 trajectories are there": Outcome(Kind.COMPACTED, 200, present=76),
    "merged from 3 stores": Outcome(Kind.MERGED, stores=3),
}


def plan():
    return Plan(MODEL, js.Fixed(START), TIMES, 3, ("counts",))


def simulate(path, ntraj=12, **more):
    return js.simulate(MODEL, TIMES, ntraj, START, 3, store=path, **more)


@pytest.mark.parametrize("text", SENTENCES)
def test_data_and_sentence(text):
    outcome = SENTENCES[text]
    assert str(outcome) == text
    data = json.loads(json.dumps(outcome.asdict()))
    assert Outcome.fromdict(data) == outcome
    assert restored(data, "not looked at") == outcome
    earlier = Outcome.from_text(text)
    assert str(earlier) == text
    assert earlier.asdict() == outcome.asdict() | {"text": text}
    assert (earlier.has_all, earlier.stopped_early) == (outcome.has_all, outcome.stopped_early)


@pytest.mark.parametrize(
    "text",
    [
        "the end",
        "",
        "shard 8 of 7: trajectories 0 ... 1 of 2 are there",
        "target_sem reached with 9 trajectories: largest standard error small",
        "all 12 trajectories are there, or so it seems",
    ],
)
def test_any_other_sentence_is_kept(text):
    outcome = Outcome.from_text(text)
    assert (outcome.kind, str(outcome), outcome.requested) == (Kind.OTHER, text, None)
    assert not outcome.has_all
    assert Outcome.fromdict(outcome.asdict()) == outcome


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "of a later version"},
        {"kind": "complete", "requested": "12"},
        {"kind": "complete", "requested": 12, "more": 1},
        {"kind": "complete", "requested": True},
        {"kind": "complete", "shard": "1/2"},
        {"kind": "target_sem", "requested": 12},
        {"kind": "complete", "requested": 2, "shard": "3/2"},
        {"requested": 2},
        [1, 2],
        3,
    ],
)
def test_data_that_is_not_understood_leaves_the_sentence(data):
    text = "all 12 trajectories are there"
    assert restored(data, text) == Outcome.from_text(text)


def test_what_is_known_of_completeness():
    assert Outcome(Kind.COMPLETE, 12).has_all
    assert Outcome(Kind.COMPACTED, 12, present=12).has_all
    assert Outcome(Kind.MERGED, stores=2).has_all
    for outcome in (
        Outcome(Kind.COMPACTED, 12, present=11),
        Outcome(Kind.TARGET_SEM, 256, sem=0.1),
        Outcome(Kind.TIMEOUT, 12),
    ):
        assert not outcome.has_all
    early = {kind for kind in Kind if Outcome(kind, 12, sem=0.1).stopped_early}
    assert early == {Kind.TIMEOUT, Kind.INTERRUPTED, Kind.ERROR}


def test_a_run_and_its_file_have_the_data(tmp_path):
    path = tmp_path / "a.h5"
    ensemble = simulate(path)
    assert ensemble.outcome == Outcome(Kind.COMPLETE, 12)
    assert js.open(path).outcome == ensemble.outcome
    assert js.open(path).stop_reason == "all 12 trajectories are there"
    with h5py.File(path) as file:
        assert json.loads(file.attrs["outcome"]) == ensemble.outcome.asdict()
    assert simulate(path).outcome == Outcome(Kind.COMPLETE, 12, already=True)
    assert simulate(None, timeout=0, block_size=1, workers=1).outcome == Outcome(Kind.TIMEOUT, 12)
    shard = simulate(path, 20, shard="2/2")
    assert shard.outcome == Outcome(Kind.COMPLETE, 20, shard=Shard(2, 2))
    stop = simulate(None, 600, target_sem=1.0).outcome
    assert (stop.kind, stop.requested) == (Kind.TARGET_SEM, 256)
    assert 0 < stop.sem <= 1.0


@pytest.mark.parametrize(
    ("text", "requested"), [("76 of 200 trajectories are there", 200), ("anything", 9), (None, 9)]
)
def test_a_file_of_an_earlier_version(text, requested, tmp_path):
    path = tmp_path / "a.h5"
    hdf5_layout.write(path, plan(), [(0, 9, run_block(plan(), 0, 9)[0], 0)])
    with h5py.File(path, "r+") as file:
        if text:
            file.attrs["stop_reason"] = text
        assert "outcome" not in file.attrs
    assert js.open(path).stop_reason == text
    assert js.status(path).wanted == requested
    assert ("stopped   not finished" in str(js.open(path))) is (text is None)


def compacted(path, interrupted):
    """Leave blocks of a run of 20 trajectories, and put them into one file."""
    store = WritableStore(path, plan())
    store.begin(20)
    store.write([run_block(plan(), 0, 8)[0]])
    if not interrupted:
        store.write([run_block(plan(), 8, 20)[0]])
    store.finish(Outcome(Kind.INTERRUPTED, 20), complete=False)
    js.compact(path)
    return Page(js.report(path)).text


def test_a_compacted_run_that_is_complete_did_not_end_early(tmp_path, monkeypatch):
    monkeypatch.setattr("jumpsim.reporting.page.SECTIONS", [])
    text = compacted(tmp_path / "a.h5", interrupted=False)
    assert "Ended early" not in text
    assert "20 of 20 trajectories are there" in text
    assert FileStore(tmp_path / "a.h5").outcome == Outcome(Kind.COMPACTED, 20, present=20)


def test_a_compacted_run_that_was_interrupted_ended_early(tmp_path, monkeypatch):
    monkeypatch.setattr("jumpsim.reporting.page.SECTIONS", [])
    text = compacted(tmp_path / "a.h5", interrupted=True)
    assert "Ended early: The run ended for another reason: 8 of 20 trajectories are there" in text
    assert "8 of 20 trajectories are complete; missing are 8 ... 19." in text
    assert js.status(tmp_path / "a.h5").wanted == 20
    assert simulate(tmp_path / "a.h5", 20).outcome.has_all

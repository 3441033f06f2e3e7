"""Code that is written for a model gives the events of the plain kernel, bit for bit."""

import numpy as np
import pytest
from support.networks import random_counts, random_model
from support.systems import GRIDS, SYSTEMS

import jumpsim as js
from jumpsim import engine, streams
from jumpsim.engine import compiling, direct_kernel, trajectories
from jumpsim.engine.codegen import scalar
from jumpsim.engine.status import Fault
from jumpsim.model.stoichiometry import Changes

ALL = {"samples", "jumps", "events"}
TURNOVER = js.Model(
    [js.Pool.mass_action("X")],
    [
        js.Channel("come", 25.0, {}, {"X": 1}),
        js.Channel("never", 0.0, {"X": 1}),
        js.Channel("gone", 1.0, {"X": 1}),
    ],
)


def both(model, initial, times, rows=40, keep=ALL, seed=5, **more):
    """Rows of the plain kernel, and of the one that was written for the model."""
    starts = initial.draw(model, seed, 0, rows)
    states = streams.states(seed, 0, rows, streams.JUMPS)
    arguments = "direct", model.table, times, starts, states, keep
    return engine.run(*arguments), engine.run(*arguments, left=np.inf, **more)


def same(one, other):
    for name in ("samples", "jumps", "event_count", "event_time", "event_channel"):
        mine, theirs = getattr(one, name), getattr(other, name)
        assert (mine is None) == (theirs is None)
        np.testing.assert_array_equal(mine, theirs)


@pytest.fixture
def used(monkeypatch):
    """Calls of kernels that were written for a model."""
    calls, real = [], scalar.kernel

    def kernel(*arguments):
        advance = real(*arguments)
        return advance and (lambda *given: calls.append(advance) or advance(*given))

    monkeypatch.setattr(scalar, "kernel", kernel)
    return calls


@pytest.mark.parametrize("name", ["waveguide", "mass action", *(
    pytest.param(name, marks=pytest.mark.slow) for name in ("loop", "two levels"))])  # fmt: skip
def test_the_same_events(name, used):
    for grid in GRIDS.values():
        same(*both(*SYSTEMS[name], grid))
    same(*both(*SYSTEMS[name], GRIDS["even"], rows=3, keep={"samples"}))  # too few for lanes
    assert len(used) == len(GRIDS) + 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_random_networks(seed):
    rng = np.random.default_rng(1000 + seed)
    model = random_model(rng)
    start = js.Fixed(dict(zip(model.pools, random_counts(model, rng), strict=True)))
    total = model.rates(start.mean(model)).sum()
    if total == 0:
        pytest.skip("nothing happens")
    times = np.linspace(0, 20 / total, 11)
    try:
        js.simulate(model, times, 40, start, 5, max_events=10_000)
    except js.SimulationError:
        pytest.skip("grows without bound")
    same(*both(model, start, times))


@pytest.mark.parametrize("slice_events", [1, 63, 64, 65, 1000])
def test_returns_to_python_change_nothing(slice_events, used):
    """What was drawn ahead of a return in vain is drawn again."""
    start = js.Fixed({"X": 20})
    alone, sliced = both(TURNOVER, start, np.linspace(0, 9, 9), 3, slice_events=slice_events)
    same(alone, sliced)
    assert alone.event_count.min() > 300
    assert len(used) > alone.event_count.sum() // slice_events


def test_a_full_buffer_changes_nothing(monkeypatch, used):
    monkeypatch.setattr(trajectories, "EVENT_BUFFER", 7)
    same(*both(*SYSTEMS["waveguide"], GRIDS["even"], 6))
    assert len(used) > 30


def test_a_long_run_changes_over_midway(monkeypatch, used):
    model, initial = SYSTEMS["waveguide"]
    starts, states = initial.draw(model, 5, 0, 1), streams.states(5, 0, 1, streams.JUMPS)
    arguments = "direct", model.table, np.linspace(0, 30, 7), starts, states, ALL
    plain = engine.run(*arguments)
    assert not used
    events = []

    def proceed(_, number):
        events.append(number)
        if len(events) == 4:
            monkeypatch.setattr(compiling, "LOADING_PAYS", 0.0)
            monkeypatch.setattr(compiling, "COMPILING_PAYS", 0.0)
        return True

    same(plain, engine.run(*arguments, slice_events=2, proceed=proceed))
    assert len(used) > 5
    assert sum(events) == plain.event_count.sum()


def test_most_events_of_a_trajectory():
    model, initial = SYSTEMS["waveguide"]
    starts, states = initial.draw(model, 5, 0, 30), streams.states(5, 0, 30, streams.JUMPS)
    arguments = "direct", model.table, GRIDS["even"], starts, states, ALL
    most = int(engine.run(*arguments).event_count.max())
    same(engine.run(*arguments, most), engine.run(*arguments, most, left=np.inf))
    faults = []
    for left in (0.0, np.inf):
        with pytest.raises(Fault) as caught:
            engine.run(*arguments, most - 1, left=left)
        faults.append(vars(caught.value))
    assert faults[0] == faults[1]
    assert faults[0]["events"] == most - 1


def broken(constants, offsets, slopes, changes):
    """Table of channels whose rate is one factor of one pool."""
    n = len(constants)
    table = js.Model(
        [js.Pool.mass_action("X")], [js.Channel(f"c{k}", 1.0, {"X": 1}) for k in range(n)]
    ).table
    return type(table)(
        np.array(constants), table.first, table.pools, np.array(offsets), np.array(slopes),
        table.mean_offsets, Changes.of(np.array(changes)[:, None]),
    )  # fmt: skip


FAULTS = {
    "a rate below 0": (broken([3.0], [-2.5], [1.0], [-1]), 6),
    "one of two": (broken([3.0, 1e3], [20.0, 1.0], [-1.0, 0.0], [-1, 1]), 3),
    "no rate at all": (broken([1.0, 1.0], [np.nan, 1.0], [0.0, 0.0], [1, 1]), 3),
    "an infinite total": (broken([1e308, 1e308], [1.0, 1.0], [0.0, 0.0], [1, 1]), 3),
    "beyond 2^53": (broken([1.0], [0.0], [1.0], [1]), 2**53 - 5),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_those_of_the_plain_kernel(name):
    table, start = FAULTS[name]
    starts, states = np.array([[start]]), streams.states(1, 0, 1, streams.JUMPS)
    arguments = "direct", table, np.array([9.0]), starts, states, ALL
    faults = []
    for left in (0.0, np.inf):
        with pytest.raises(Fault) as caught:
            engine.run(*arguments, left=left)
        faults.append(vars(caught.value))
    assert faults[0] == faults[1]


def test_counts_near_their_limit_are_left_to_the_plain_kernel(monkeypatch):
    table = broken([1e-15], [0.0], [1.0], [1])
    plain, real = [], direct_kernel.advance
    starts, states = np.array([[2**52 - 40]]), streams.states(1, 0, 1, streams.JUMPS)
    arguments = "direct", table, np.array([0.0, 20.0]), starts, states, ALL
    alone = engine.run(*arguments)
    monkeypatch.setattr(direct_kernel, "advance", lambda *given: plain.append(1) or real(*given))
    same(alone, engine.run(*arguments, left=np.inf))
    assert alone.samples[0, 1, 0] > 2**52
    assert plain


def test_nothing_happens_where_no_channel_can_fire():
    frozen = js.Model([js.Pool.mass_action("X")], [js.Channel("gone", 0.0, {"X": 1})])
    same(*both(frozen, js.Fixed({"X": 4}), np.linspace(0, 2, 9)))

"""Trajectories that are stopped and continued have the bits of those that are not."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from support.many_channels import waveguide
from support.networks import random_counts, random_model
from support.systems import GRIDS, SYSTEMS
from support.wavefunctions import mode_model

import jumpsim as js
from jumpsim import engine, streams
from jumpsim.engine import trajectories
from jumpsim.engine.interface import Rows

KEEPS = [
    set(chosen) for n in range(4) for chosen in itertools.combinations(
        ("samples", "jumps", "events"), n)
]  # fmt: skip
WAVE = mode_model(), js.Fixed({"u": 1, "l": 0, "photon": 2})
GRID = np.linspace(0, 60, 9)
MANY = waveguide(7)[0]
SIMULATED = {
    "waveguide": SYSTEMS["waveguide"],
    "wave function": WAVE,
    "many channels": (MANY, js.Fixed(dict.fromkeys(MANY.pools, 1))),
}


@pytest.fixture(autouse=True)
def every_state_is_kept(monkeypatch):
    monkeypatch.setattr(trajectories, "LEAST_SECONDS", -1.0)
    monkeypatch.setattr(trajectories, "EVENT_BUFFER", 13)


def simulate(model, start, grid, keep, rows, left=0.0, **more):
    """Simulate the rows `rows` of a seed."""
    arguments = (
        model.engine, model.engine_input, grid, start.draw(model, 5, *rows),
        streams.states(5, *rows, streams.JUMPS), keep,
    )  # fmt: skip
    return engine.run(*arguments, left=left, **more)


def in_pieces(model, start, grid, keep, rows, rng, left=0.0):
    """Rows that are simulated with many stops; returns them and the number of states."""
    found, begun, (first, last), stops = [], None, rows, 0
    while first < last:
        calls = iter(range(int(rng.integers(1, 4))))
        piece = simulate(
            model, start, grid, keep, (first, last), left * (rng.random() < 0.5),
            slice_events=int(rng.integers(1, 30)), begun=begun,
            proceed=lambda *_, calls=calls: next(calls, None) is not None,
        )  # fmt: skip
        found.append(piece)
        first, begun = first + len(piece.event_count), piece.unfinished
        stops += begun is not None
    names = ("samples", "jumps", "event_count", "event_time", "event_channel")
    arrays = [[getattr(piece, name) for piece in found] for name in names]
    return Rows(*(None if a[0] is None else np.concatenate(a) for a in arrays)), stops


def assert_same(one, other):
    for name in ("samples", "jumps", "event_count", "event_time", "event_channel"):
        mine, theirs = getattr(one, name), getattr(other, name)
        assert (mine is None) == (theirs is None), name
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("keep", KEEPS, ids=lambda keep: "+".join(sorted(keep)))
@pytest.mark.parametrize("system", SIMULATED)
def test_stops_change_no_bit(system, keep):
    rng = np.random.default_rng(1)
    model, start = SIMULATED[system]
    whole = simulate(model, start, GRID, keep, (3, 28))
    pieces, stops = in_pieces(model, start, GRID, keep, (3, 28), rng, left=1e12)
    assert stops > 20
    assert_same(whole, pieces)


@pytest.mark.parametrize("name", SYSTEMS)
def test_stops_of_every_kind_of_system(name):
    rng = np.random.default_rng(2)
    for grid in GRIDS.values():
        keep = {"samples", "jumps", "events"}
        whole = simulate(*SYSTEMS[name], grid, keep, (0, 3))
        assert_same(whole, in_pieces(*SYSTEMS[name], grid, keep, (0, 3), rng)[0])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_stops_of_random_networks(seed):
    rng = np.random.default_rng(3000 + seed)
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
    keep = {"samples", "jumps", "events"}
    whole = simulate(model, start, times, keep, (0, 4))
    assert_same(whole, in_pieces(model, start, times, keep, (0, 4), rng)[0])


def begun(keep, **more):
    """State of the first trajectory after some events."""
    calls = iter(range(3))
    piece = simulate(
        *SYSTEMS["waveguide"], GRID, keep, (0, 1), slice_events=5,
        proceed=lambda *_: next(calls, None) is not None, **more,
    )  # fmt: skip
    assert piece.unfinished.events > 10
    return piece.unfinished


def without_an_array(state, name):
    return replace(state, arrays={n: a for n, a in state.arrays.items() if n != name})


@pytest.mark.parametrize(
    "name",
    ["state_place", "state_clock", "state_stream", "state_counts", "samples", "event_time"],
)
def test_a_state_that_lacks_something_is_not_used(name):
    keep = {"samples", "jumps", "events"}
    state, whole = begun(keep), simulate(*SYSTEMS["waveguide"], GRID, keep, (0, 1))
    seen = []

    def count(_, events):
        return seen.append(events) or True

    bad = without_an_array(state, name)
    assert_same(
        simulate(*SYSTEMS["waveguide"], GRID, keep, (0, 1), begun=bad, proceed=count), whole
    )
    assert sum(seen) == whole.event_count[0]
    longer = replace(state, arrays=state.arrays | {name: np.append(state.arrays[name], 0)})
    assert_same(simulate(*SYSTEMS["waveguide"], GRID, keep, (0, 1), begun=longer), whole)
    # That of another record is used if it has all that is needed.
    seen.clear()
    few = simulate(
        *SYSTEMS["waveguide"], GRID, {"jumps"}, (0, 1), begun=state, proceed=count
    )  # fmt: skip
    np.testing.assert_array_equal(few.jumps, whole.jumps)
    assert sum(seen) == whole.event_count[0] - state.events


def test_more_events_than_allowed_are_an_error_after_a_stop_too():
    state = begun({"samples"})
    for most in (state.events - 1, state.events, state.events + 1):
        with pytest.raises(engine.Fault) as fault:
            simulate(*SYSTEMS["waveguide"], GRID, {"samples"}, (0, 1), begun=state, max_events=most)
        assert fault.value.events == most


def test_a_trajectory_of_a_moment_is_not_kept(monkeypatch):
    monkeypatch.setattr(trajectories, "LEAST_SECONDS", 10.0)
    piece = simulate(
        *SYSTEMS["waveguide"], GRID, {"samples"}, (0, 1), slice_events=5,
        proceed=lambda *_: False,
    )  # fmt: skip
    assert piece.unfinished is None


def test_it_ends_after_the_seconds():
    model = js.Model([js.Pool.mass_action("X")], [
        js.Channel("come", 25.0, {}, {"X": 1}), js.Channel("gone", 1.0, {"X": 1})])  # fmt: skip
    rows = simulate(model, js.Fixed({"X": 5}), np.array([1e9]), {"samples"}, (0, 2), seconds=0.2)
    assert len(rows.event_count) == 0
    assert 0.2 < rows.unfinished.seconds < 2.0
    again = simulate(model, js.Fixed({"X": 5}), np.array([1e9]), {"samples"}, (0, 2), seconds=0.2,
                     begun=rows.unfinished)  # fmt: skip
    assert again.unfinished.seconds > rows.unfinished.seconds + 0.2
    assert again.unfinished.time > rows.unfinished.time

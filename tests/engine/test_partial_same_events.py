"""Partial propensities and the plain simulator of `oracles.partial` make the same events."""

import numpy as np
import pytest
from oracles import partial
from support.many_channels import SYSTEMS, drawn

import jumpsim as js
from jumpsim import engine, streams
from jumpsim.engine.partial_groups import chosen_groups, live_channels
from jumpsim.run.block_task import run_block
from jumpsim.store.plan import Plan

STREAMS = [(0, 0), (1, 2), (2**64 - 1, 10**6)]

every_system = pytest.mark.parametrize("name", SYSTEMS)


def simulate(model, start, times, seed, index):
    initial = js.Fixed(dict(zip(model.pools, start, strict=True)))
    plan = Plan(model, initial, np.asarray(times, float), seed, ("counts", "jumps", "events"))
    return run_block(plan, index, index + 1, 10**5)[0].arrays


def sampled(start, steps, event_times, times):
    """Right-continuous samples of start + the running sum of steps."""
    path = np.concatenate([[start], start + np.cumsum(steps, axis=0)])
    return path[np.searchsorted(event_times, times, side="right")]


@every_system
@pytest.mark.parametrize(("seed", "index"), STREAMS)
def test_events_counts_and_jumps(name, seed, index):
    model, start, end, (groups, changes) = SYSTEMS[name]
    assert model.engine == "partial_propensities"
    grid = np.linspace(0, end, 11)
    found = simulate(model, start, grid, seed, index)
    times, channels = partial.trajectory(groups, changes, start, end, seed, index)
    assert len(times) > 50
    np.testing.assert_array_equal(found["event_channel"], channels)
    np.testing.assert_allclose(found["event_time"], times, rtol=1e-12, atol=0)
    counts = sampled(np.array(start), np.array(changes)[channels], times, grid)
    np.testing.assert_array_equal(found["counts"][0], counts)
    fired = np.eye(len(changes), dtype=int)[channels]
    jumps = sampled(np.zeros(len(changes), int), fired, times, grid)
    np.testing.assert_array_equal(found["jumps"][0], jumps)


@every_system
def test_the_model_has_the_rates_changes_and_groups_typed_by_hand(name):
    model, start, _, (groups, changes) = SYSTEMS[name]
    expected = partial.rates_of(groups, start, len(changes))
    np.testing.assert_allclose(model.rates(start), expected, rtol=1e-14)
    np.testing.assert_array_equal(model.changes, changes)
    live = live_channels(model.table)
    by_hand = {c: g for g, (_, members) in enumerate(groups(start)) for c, _ in members}
    assert chosen_groups(live).group.tolist() == [by_hand[c] for c in live.index]


def test_a_sample_at_the_instant_of_an_event_includes_it():
    model, start, end, (_, changes) = SYSTEMS["waveguide"]
    first = simulate(model, start, [end], 3, 5)
    times, channels = first["event_time"][:60], first["event_channel"][:60]
    grid = np.unique([np.nextafter(times, 0), times, np.nextafter(times, np.inf)])
    found = simulate(model, start, grid, 3, 5)
    path = np.array(start) + np.cumsum(np.array(changes)[channels], axis=0)
    np.testing.assert_array_equal(found["counts"][0][np.isin(grid, times)], path)
    last = simulate(model, start, times, 3, 5)  # an event at the very last time is recorded
    assert last["event_count"].tolist() == [len(times)]


def test_individual_rates_give_the_events_of_single_pools():
    """Pools and channels are those of the whole pool, added up in the kernel."""
    rates = drawn(6, 30)
    model = js.Model(
        [js.Pool.bosonic("N", 4.5), js.Pool.tls("m", 30)],
        [
            js.Channel("absorb", rates, {"N": 1}, {"m": 1}),
            js.Channel("emit", rates, {"m": 1}, {"N": 1}),
            js.Channel("come", 2.0, {}, {"N": 1}),
            js.Channel("lost", 0.3, {"m": 1}),
        ],
    )
    single = model.resolved()
    start = (6, *[1, 0, 0] * 10)
    times = np.linspace(0, 3, 7)
    arguments = np.array([start]), streams.states(5, 0, 1, streams.JUMPS)
    one, other = (
        engine.run("partial_propensities", data, times, *arguments, {"samples", "jumps", "events"})
        for data in (model.engine_input, single.table)
    )
    np.testing.assert_array_equal(one.event_time, other.event_time)
    assert one.event_count[0] > 100
    of_whole = np.array([model.channels.index(name.split(",")[0]) for name in single.channels])
    np.testing.assert_array_equal(one.event_channel, of_whole[other.event_channel])
    samples = np.stack([other.samples[..., 0], other.samples[..., 1:].sum(axis=-1)], axis=-1)
    np.testing.assert_array_equal(one.samples, samples)
    jumps = np.stack([other.jumps[..., of_whole == c].sum(axis=-1) for c in range(4)], axis=-1)
    np.testing.assert_array_equal(one.jumps, jumps)


GOLDEN_TIMES = ["0x1.29f58c2875156p-9", "0x1.3fc090063d8e8p-9", "0x1.fa015f846c91bp-9"]
GOLDEN_CHANNELS = [
    "transfer B→A",
    "emit A by m13 via 2",
    "emit A by m7 via 2",
    "absorb A by m7 via 1",
    "transfer A→B",
    "emit B by m16 via 1",
]
GOLDEN_END = 406, "0x1.748b8063352cbp+1"


def test_golden_events():
    """Bits that must not change: seed 1, trajectory 0. Other groups give other events, too."""
    model, start, end, _ = SYSTEMS["waveguide"]
    found = simulate(model, start, [end], 1, 0)
    assert [t.hex() for t in found["event_time"][:3].tolist()] == GOLDEN_TIMES
    assert [model.channels[c] for c in found["event_channel"][:6]] == GOLDEN_CHANNELS
    assert (len(found["event_time"]), found["event_time"][-1].hex()) == GOLDEN_END

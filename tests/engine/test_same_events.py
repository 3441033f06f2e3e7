"""The package and the plain simulator of `reference` make the same events, one by one."""

from pathlib import Path

import numpy as np
import pytest
from oracles import reference

import jumpsim as js
from jumpsim.run.block_task import run_block
from jumpsim.store.plan import Plan

BOSONIC, TLS, SPECIES = js.Pool.bosonic, js.Pool.tls, js.Pool.mass_action
Channel = js.Channel

PUBLISHED = (100, 100, 1e4, 1e4, (1e7, 0.0), (1e7, 0.0))
CHIRAL = (12, 8.5, 1.0, 0.5, (2.0, 0.7), (0.3, 0.9))
GROUPS = ((12, 5), 8.5, 1.0, 0.5, [(2.0, 0.7), (0.4, 1.1)], [(0.3, 0.9), (0.2, 0.1)])
LOOP = (12, 8.5, 5, 1.0, 0.5, 0.8, (2.0, 0.7), (0.3, 0.9))
CAVITY = (12, 3, 7.5, 2.0, 0.4, 0.6)


def species(*channels):
    return js.Model([SPECIES("X")], list(channels))


# name: model, start, end, the same system of `reference`
SYSTEMS = {
    "hohlraum": (
        js.systems.hohlraum(tls=20, modes=10, gamma_tilde=1.5),
        (10, 5),
        10.0,
        reference.hohlraum(20, 10, 1.5),
    ),
    "hohlraum, broken modes": (
        js.systems.hohlraum(tls=7, modes=2.5, gamma_tilde=1.0),
        (6, 3),
        20.0,
        reference.hohlraum(7, 2.5, 1.0),
    ),
    "published waveguide": (
        js.systems.open_waveguide(*PUBLISHED),
        (58, 58, 27),
        1e-6,
        reference.open_waveguide(*PUBLISHED),
    ),
    "waveguide, both channels": (
        js.systems.open_waveguide(*CHIRAL),
        (40, 30, 6),
        3.0,
        reference.open_waveguide(*CHIRAL),
    ),
    "warm ends": (
        js.systems.open_waveguide(*CHIRAL, n_env=(0.4, 0.9)),
        (10, 3, 6),
        1.5,
        reference.warm_waveguide(*CHIRAL, (0.4, 0.9)),
    ),
    "two groups": (
        js.systems.open_waveguide(*GROUPS),
        (40, 30, 6, 1),
        2.0,
        reference.two_groups(*GROUPS),
    ),
    "closed loop": (
        js.systems.closed_waveguide(*LOOP),
        (20, 9, 4, 5, 6),
        0.5,
        reference.closed_waveguide(*LOOP),
    ),
    "closed loop, long path": (
        js.systems.closed_waveguide(*LOOP, long_path=True),
        (20, 9, 4, 5, 6),
        0.5,
        reference.closed_waveguide(*LOOP, long_path=True),
    ),
    "embedded cavity": (
        js.systems.embedded_cavity(*CAVITY),
        (12, 4, 3),
        1.0,
        reference.embedded_cavity(*CAVITY),
    ),
    "birth and death": (
        species(Channel("birth", 10.0, {}, {"X": 1}), Channel("death", 0.5, {"X": 1})),
        (3,),
        10.0,
        reference.birth_death(10.0, 0.5),
    ),
    "batches": (
        species(Channel("birth", 3.0, {}, {"X": 5}), Channel("death", 0.5, {"X": 1})),
        (0,),
        10.0,
        reference.batches(3.0, 0.5),
    ),
    "dimerisation": (
        js.Model(
            [SPECIES("P"), SPECIES("P2")],
            [
                Channel("bind", 0.1, {"P": 2}, {"P2": 1}),
                Channel("split", 0.6, {"P2": 1}, {"P": 2}),
            ],
        ),
        (31, 2),
        10.0,
        reference.dimerisation(0.1, 0.6),
    ),
    "level and mode": (
        js.Model(
            [BOSONIC("N", 4), js.Pool.fermionic("f")],
            [
                *Channel.reversible("emit", "absorb", 2.0, {"f": 1}, {"N": 1}),
                Channel("pump", 3.0, {}, {"f": 1}),
                Channel("loss", 2.5, {"N": 1}),
            ],
        ),
        (2, 0),
        40.0,
        reference.level_and_mode(4, 2.0, 3.0, 2.5),
    ),
    "growth": (species(Channel("split", 1.0, {"X": 1}, {"X": 2})), (4,), 4.0, reference.growth(1)),
    "pairs": (
        js.Model(
            [BOSONIC("N", 3), BOSONIC("W", 2.5), TLS("m", 9)],
            [
                Channel("down", 0.4, {"m": 1}, {"N": 2}, {"W": 1}),
                Channel("up", 0.3, {"N": 2}, {"m": 1}, {"W": 2}),
                Channel("W to m", 0.2, {"W": 1}, {"m": 2}),
                Channel("m to W", 0.2, {"m": 2}, {"W": 1}),
            ],
        ),
        (7, 4, 3),
        3.0,
        reference.pairs(9, 3, 2.5, 0.4, 0.3, 0.2),
    ),
    "genetic oscillator": (
        js.load_spec(Path(__file__).parents[2] / "data" / "vilar.toml").model,
        (1, 1, 1, 1, 2, 9, 25, 4, 13),  # so that no rate is 0
        900.0,
        reference.genetic_oscillator(),
    ),
}
STREAMS = [(0, 0), (1, 0), (1, 1), (1, 2), (2**64 - 1, 0), (7, 10**6), (2**64 - 1, 10**6)]

every_system = pytest.mark.parametrize("name", SYSTEMS)
every_stream = pytest.mark.parametrize(("seed", "index"), STREAMS)


def simulate(model, start, times, seed, index):
    initial = js.Fixed(dict(zip(model.pools, start, strict=True)))
    record = ("counts", "jumps", "events")
    plan = Plan(model, initial, np.asarray(times, float), seed, record)
    block, _ = run_block(plan, index, index + 1, 10**5)  # a runaway is an error, not a hang
    return block


def sampled(start, steps, event_times, times):
    """Right-continuous samples of start + the running sum of steps."""
    path = np.concatenate([[start], start + np.cumsum(steps, axis=0)])
    return path[np.searchsorted(event_times, times, side="right")]


@every_system
@every_stream
def test_events_counts_and_jumps(name, seed, index):
    model, start, end, (rates, changes) = SYSTEMS[name]
    grid = np.linspace(0, end, 41)
    block = simulate(model, start, grid, seed, index)
    times, channels = reference.trajectory(rates, changes, start, end, seed, index)
    assert len(times) > 20
    np.testing.assert_array_equal(block.arrays["event_channel"], channels)
    np.testing.assert_allclose(block.arrays["event_time"], times, rtol=1e-12, atol=0)
    assert block.arrays["event_count"].tolist() == [len(times)]

    counts = sampled(np.array(start), np.array(changes)[channels], times, grid)
    np.testing.assert_array_equal(block.arrays["counts"][0], counts)
    fired = np.eye(len(changes), dtype=int)[channels]
    jumps = sampled(np.zeros(len(changes), int), fired, times, grid)
    np.testing.assert_array_equal(block.arrays["jumps"][0], jumps)


@every_system
def test_model_tells_the_same_rates_and_changes(name):
    model, start, _, (rates, changes) = SYSTEMS[name]
    np.testing.assert_allclose(model.rates(start), rates(start), rtol=1e-14)
    np.testing.assert_array_equal(model.changes, changes)


@every_system
def test_sample_at_the_instant_of_an_event_includes_it(name):
    model, start, end, (_, changes) = SYSTEMS[name]
    first = simulate(model, start, [end], 3, 5)
    times, channels = first.arrays["event_time"][:60], first.arrays["event_channel"][:60]
    before, after = np.nextafter(times, 0), np.nextafter(times, np.inf)
    grid = np.unique(np.concatenate([before, times, after]))
    block = simulate(model, start, grid, 3, 5)
    path = np.array(start) + np.cumsum(np.array(changes)[channels], axis=0)
    np.testing.assert_array_equal(block.arrays["counts"][0][np.isin(grid, times)], path)
    np.testing.assert_array_equal(block.arrays["counts"][0, 0], start)
    fired = block.arrays["jumps"][0][np.isin(grid, times)].sum(axis=1)
    np.testing.assert_array_equal(fired, np.arange(1, len(times) + 1))
    # An event at the very last time belongs to the record.
    last = simulate(model, start, times, 3, 5)
    assert last.arrays["event_time"][-1] == times[-1]
    assert last.arrays["event_count"].tolist() == [len(times)]


@every_system
def test_changes_of_all_jumps_make_the_counts(name):
    model, start, end, (_, changes) = SYSTEMS[name]
    ensemble = js.simulate(
        model, np.linspace(0, end, 5), 20, start, 11, ["counts", "jumps"], max_events=10**5
    )
    np.testing.assert_array_equal(ensemble.counts, start + ensemble.jumps @ np.array(changes))
    alone = simulate(model, start, ensemble.times, 11, 13)
    np.testing.assert_array_equal(ensemble.counts[13], alone.arrays["counts"][0])


@pytest.mark.parametrize("seed", [0, 5, 2**64 - 1])
def test_thermal_start(seed):
    model = js.systems.open_waveguide(*PUBLISHED)
    for x in (1.0, 0.3):
        laws = [("bosonic", 100, x), ("bosonic", 100, x), ("tls", 100, x)]
        starts = js.Thermal(x).draw(model, seed, 10**6, 10**6 + 20)
        expected = [reference.thermal_start(laws, seed, 10**6 + i) for i in range(20)]
        np.testing.assert_array_equal(starts, expected)


def test_reference_streams_are_the_published_ones():
    """Known answers of Random123's kat_vectors and of rand_xoshiro's tests."""
    zeros, ones = (0,) * 4, (2**64 - 1,) * 4
    assert reference.threefry(zeros, zeros) == [
        0x09218EBDE6C85537,
        0x55941F5266D86105,
        0x4BD25E16282434DC,
        0xEE29EC846BD2E40B,
    ]
    assert reference.threefry(ones, ones) == [
        0x29C24097942BBA1B,
        0x0371BBFB0F6F4E11,
        0x3C231FFA33F83A1C,
        0xCD29113FDE32D168,
    ]
    words = reference.xoshiro((1, 2, 3, 4))
    expected = [41943041, 58720359, 3588806011781223, 3591011842654386, 9228616714210784205]
    assert [next(words) for _ in expected] == expected


def test_golden_events():
    """Frozen bits: seed 1, trajectory 0. Other numbers mean a new ENGINE_VERSION."""
    model, start, end, _ = SYSTEMS["published waveguide"]
    block = simulate(model, start, [end], 1, 0)
    assert block.arrays["event_time"][:5].tolist() == [
        5.595474490269398e-10,
        4.018975561204286e-09,
        5.433729493599527e-09,
        5.79153659486684e-09,
        6.205213236295307e-09,
    ]
    assert [model.channels[c] for c in block.arrays["event_channel"][:5]] == [
        "emit B via 1",
        "absorb A via 1",
        "emit B via 1",
        "emit B via 1",
        "loss m via 1",
    ]

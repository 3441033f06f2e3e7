"""Entropy and heat along single trajectories, event by event, and slab by slab."""

import math

import numpy as np
import pytest
from oracles import reference
from support.networks import random_counts, random_model

import jumpsim as js
from jumpsim.model.initial import Thermal

s, thermo = js.systems, js.thermo


# Single trajectories


def test_boltzmann_entropy_is_a_logarithm_of_ways():
    model = s.open_waveguide(12, 7, 1, 1, (1, 1), (1, 1))
    for A, B, m in random_counts(model, np.random.default_rng(6), (100,)).tolist():
        ways = (math.comb(A + 6, A), math.comb(B + 6, B), math.comb(12, m))
        found = thermo.boltzmann_entropies(model, [A, B, m])
        np.testing.assert_allclose(found, np.log([float(w) for w in ways]), atol=1e-12)
    large = s.open_waveguide(10**6, 10**6, 1, 1, (1, 1), (1, 1))
    counts = [500_000, 10**6, 250_000]
    np.testing.assert_allclose(
        thermo.boltzmann_entropies(large, counts), thermo.entropies(large, counts), rtol=2e-5
    )


def walked(model, system, start, channels, baths):
    """Entropies along a trajectory, one event after the other, with rates typed by hand."""
    rates, changes = system
    names = model.channels
    counts, internal, stochastic, lost = tuple(start), 0.0, 0.0, 0

    def boltzmann(counts):
        total = 0.0
        for pool, n in zip(model.pool_specs, counts, strict=True):
            if pool.kind == "tls":
                total += math.log(math.comb(pool.size, n))
            else:
                total += math.lgamma(n + pool.size) - math.lgamma(pool.size) - math.lgamma(n + 1)
        return total

    for c in channels:
        after = tuple(n + d for n, d in zip(counts, changes[c], strict=True))
        if not baths[c]:
            internal += boltzmann(after) - boltzmann(counts)
        back = model.channel_specs[c].reverse
        reverse = rates(after)[names.index(back)] if back else 0.0
        if reverse > 0:
            stochastic += math.log(rates(counts)[c] / reverse)
        else:
            lost += 1
        counts = after
    return counts, boltzmann(counts), internal, stochastic, lost


WARM = (12, 8.5, 1.0, 0.5, (2.0, 0.7), (0.3, 0.9))
LOOP = (12, 8.5, 5, 1.0, 0.5, 0.8, (2.0, 0.7), (0.3, 0.9))


@pytest.mark.parametrize(
    ("model", "system", "start", "end"),
    [
        (s.open_waveguide(*WARM), reference.open_waveguide(*WARM), (20, 10, 6), 1.0),
        (
            s.open_waveguide(*WARM, n_env=(0.4, 0.9)),
            reference.warm_waveguide(*WARM, (0.4, 0.9)),
            (20, 10, 6),
            1.0,
        ),
        (s.closed_waveguide(*LOOP), reference.closed_waveguide(*LOOP), (20, 9, 4, 5, 6), 0.3),
        (s.hohlraum(20, 10, 1.0), reference.hohlraum(20, 10, 1.0), (15, 0), 2.0),
    ],
    ids=["open", "warm", "closed", "hohlraum"],
)
def test_along_a_trajectory(model, system, start, end):
    times = np.array([0.2, 0.5, 1.0]) * end
    initial = dict(zip(model.pools, start, strict=True))
    ensemble = js.simulate(model, times, 6, initial, seed=4, record=["counts", "events"])
    produced = thermo.internal_production(ensemble)
    assert produced.shape == (6, 3)
    baths = [c.bath is not None for c in model.channel_specs]
    for i in range(6):
        when, channels = ensemble.events(i)
        found = thermo.along(ensemble, i)
        np.testing.assert_array_equal(found.times, [0, *when])
        assert len(found.boltzmann) == len(channels) + 1
        for k in (0, len(channels) // 2, len(channels)):
            counts, entropy, internal, stochastic, lost = walked(
                model, system, start, channels[:k], baths
            )
            np.testing.assert_array_equal(found.counts[k], counts)
            assert found.boltzmann[k] == pytest.approx(entropy, abs=1e-10)
            assert found.internal[k] == pytest.approx(internal, abs=1e-10)
            assert found.stochastic[k] == pytest.approx(stochastic, abs=1e-9)
            assert found.irreversible[k] == lost
        for k, t in enumerate(times):
            place = np.searchsorted(when, t, side="right")
            assert produced[i, k] == pytest.approx(found.internal[place], abs=1e-9)
        np.testing.assert_array_equal(found.counts[-1], ensemble.counts[i, -1])


def test_both_notions_agree_where_detailed_balance_holds():
    for model, start in (
        (s.hohlraum(20, 10, 1.0), (15, 0)),
        (s.embedded_cavity(10, 3.5, 6, 1.0, 0.4, 0.6), (12, 4, 3)),
        (s.closed_waveguide(*LOOP, long_path=True), (20, 9, 4, 5, 6)),
    ):
        ensemble = js.simulate(model, [1.0], 3, start, seed=2, record="events")
        for i in range(3):
            found = thermo.along(ensemble, i)
            assert found.irreversible[-1] == 0
            assert len(found.times) > 20
            np.testing.assert_allclose(found.stochastic, found.internal, atol=1e-9)
            np.testing.assert_allclose(
                found.internal, found.boltzmann - found.boltzmann[0], atol=1e-9
            )


def test_the_paradox():
    """In the chiral system the first notion falls while the second diverges."""
    model = s.open_waveguide(100, 100, 1e4, 1e4, (1e7, 0), (1e7, 0))
    ensemble = js.simulate(model, [5e-7], 200, Thermal(1.0), seed=1, record="events")
    found = thermo.along(ensemble, 0)
    assert found.internal[-1] < -10
    assert found.irreversible[-1] > 50
    assert "infinite: " in str(found)
    produced = thermo.internal_production(ensemble)[:, -1]
    assert (produced < 0).mean() > 0.95


def test_rows_counted_from_the_end():
    model = s.hohlraum(20, 10, 1.0)
    ensemble = js.simulate(model, [0.5], 4, Thermal(1.0), seed=4, record="events")
    last, same = thermo.along(ensemble, -1), thermo.along(ensemble, 3)
    np.testing.assert_array_equal(last.counts, same.counts)
    np.testing.assert_array_equal(last.boltzmann, same.boltzmann)


def test_starts_are_those_that_were_drawn():
    model = s.open_waveguide(100, 100, 1e4, 1e4, (1e7, 0), (1e7, 0))
    ensemble = js.simulate(model, [0, 1e-8], 50, Thermal(1.0), seed=1, record=["counts", "events"])
    np.testing.assert_array_equal(ensemble.starts(0, 50), ensemble.counts[:, 0])
    np.testing.assert_array_equal(ensemble.starts(7, 5), ensemble.counts[7:12, 0])
    assert ensemble.starts(3, 0).shape == (0, 3)


def test_slabs_of_events_are_the_events(slabs):
    model = s.hohlraum(20, 10, 1.0)
    ensemble = js.simulate(model, [0.5], 30, (15, 0), seed=4, record="events")
    for size in (1, 37, 10**6):
        slabs(events=size)
        rows, times, channels = [], [], []
        for row, numbers, t, c in ensemble.event_slabs():
            rows += [row + k for k in range(len(numbers))]
            cuts = np.cumsum(numbers)[:-1]
            times += np.split(t, cuts)
            channels += np.split(c, cuts)
        assert rows == list(range(30))
        for i in range(30):
            np.testing.assert_array_equal(times[i], ensemble.events(i)[0])
            np.testing.assert_array_equal(channels[i], ensemble.events(i)[1])


def test_trajectories_without_events():
    model = s.hohlraum(20, 10, 1e-3)
    ensemble = js.simulate(model, [0.5, 1.0], 20, (15, 0), seed=4, record="events")
    assert (ensemble.event_count == 0).any()
    produced = thermo.internal_production(ensemble)
    assert (produced[ensemble.event_count == 0] == 0).all()
    quiet = int(np.argmin(ensemble.event_count))
    assert len(thermo.along(ensemble, quiet).times) == 1


def test_first_law_along_every_trajectory():
    """Energy lost by the pools is exactly the heat of the baths."""
    rng = np.random.default_rng(8)
    for _ in range(5):
        model = random_model(rng, kinds=("bosonic", "tls", "fermionic"))
        energies = np.array([p.energy for p in model.pool_specs])
        jumps = rng.integers(0, 50, len(model.channels))
        changes = jumps @ model.table.changes @ energies
        internal = [k for k, c in enumerate(model.channel_specs) if c.bath is None]
        made = jumps[internal] @ model.table.changes[internal] @ energies
        given = sum(thermo.heat_to_baths(model, jumps).values(), 0.0)
        assert given == pytest.approx(made - changes, abs=1e-9)


@pytest.mark.slow
def test_internal_production_tends_to_sigma():
    """⟨Σ ΔS_B⟩/λ - ∫σ dt falls as 1/λ for t ≤ 0.3 µs; 10⁶ trajectories at λ = 16.

    The deviation times λ is the same for λ = 4, 8, 16 within four errors, and not zero.
    """
    base = s.open_waveguide(100, 100, 1e4, 1e4, (1e7, 0), (1e7, 0))
    times = np.array([1e-7, 2e-7, 3e-7])
    grid = np.linspace(0, 3e-7, 601)
    sigma = thermo.entropy_production(base, js.mean_field(base, grid, Thermal(1.0)).counts).total
    weights = np.array([1, *([4, 2] * 299), 4, 1]) * (grid[1] / 3)
    integral = np.array([_simpson(sigma, weights, grid, t) for t in times])
    deviations, errors = [], []
    for size, ntraj in ((4, 250_000), (8, 500_000), (16, 1_000_000)):
        n, first, second = 0, np.zeros(3), np.zeros(3)
        for seed in range(ntraj // 2000):
            ensemble = js.simulate(
                base.scaled(size), times, 2000, Thermal(1.0), seed=seed, record="events"
            )
            produced = thermo.internal_production(ensemble) / size
            n, first, second = n + 2000, first + produced.sum(0), second + (produced**2).sum(0)
        mean = first / n
        deviations.append((mean - integral) * size)
        errors.append(np.sqrt((second / n - mean**2) / n) * size)
        print(size, n, mean - integral, errors[-1] / size)
    deviations, errors = np.array(deviations), np.array(errors)
    best = (deviations / errors**2).sum(0) / (1 / errors**2).sum(0)
    assert (np.abs(best) > 4 / np.sqrt((1 / errors**2).sum(0))).any()
    # The next order, 1/λ², is left in the law at λ = 4.
    assert (np.abs(deviations - best) < 4 * errors + 0.15 * np.abs(best)).all()


def _simpson(sigma, weights, grid, end):
    n = round(end / grid[1])
    part = weights[: n + 1].copy()
    part[-1] = grid[1] / 3
    return (sigma[: n + 1] * part).sum()


def test_ratios_of_ensembles_are_those_along_each_trajectory():
    """Two-level systems between thermal and one-way channels; and when counts are enough."""
    model = js.systems.closed_waveguide(2, 1, 1, 1.0, 1.0, 1.0, (1.0, 0), (1.0, 0.5))
    start = {"A": 1, "B": 1, "1": 0, "2": 0, "m": 1}
    ensemble = js.simulate(model, [0.5, 2.0], 20, start, 1, ["counts", "events"])
    production, irreversible = js.thermo.ratio_production(ensemble)
    for i in range(20):
        one = js.thermo.along(ensemble, i)
        k = np.searchsorted(one.times, ensemble.times, side="right") - 1
        np.testing.assert_allclose(production[i], one.stochastic[k], atol=1e-12)
        np.testing.assert_array_equal(irreversible[i], one.irreversible[k])
    assert 0 < irreversible[:, -1].min() < irreversible[:, -1].max()
    assert not js.thermo.ratios_are_entropy(ensemble)
    assert not js.thermo.ratios_are_entropy(js.simulate(model, [1.0], 5, start, 1, "events"))
    # The rates of only one direction are known: S_B says nothing of a rate that is ten times it.
    fast = js.Model(
        [js.Pool.tls("m", 9), js.Pool.bosonic("N", 5)],
        [
            *js.Channel.reversible("up", "down", 1.0, {"N": 1}, {"m": 1}, reverse_rate=10.0),
        ],
    )
    # At m = 6 it happens at once, so that no stored time shows a state in which it can.
    one_way = js.Model(
        [*fast.pool_specs],
        [
            *js.Channel.reversible("up", "down", 1.0, {"N": 1}, {"m": 1}),
            js.Channel("six down", 1e6, {"m": 6}, {"N": 6}),
        ],
    )
    fired = js.simulate(one_way, [1.0], 50, {"m": 4, "N": 3}, 1, ["counts", "jumps"])
    assert fired.jumps[:, 0, 2].any()
    assert fired.counts[:, 0, 0].max() < 6
    # Possible in none of the first states, and undone at another rate.
    two = js.Model(
        [*fast.pool_specs],
        [
            *one_way.channel_specs[:2],
            *js.Channel.reversible("two up", "two down", 1.0, {"N": 2}, {"m": 2}, reverse_rate=3.0),
        ],
    )
    later = js.simulate(two, [0.0, 1.0], 50, {"m": 1, "N": 1}, 1)
    assert not js.thermo.ratios_are_entropy(later)
    balanced = js.systems.hohlraum(9, 5, 1.0)
    for tested, expected in ((fast, False), (one_way, False), (balanced, True)):
        run = js.simulate(tested, [1.0], 50, {"m": 4, "N": 3}, 1)
        assert js.thermo.ratios_are_entropy(run) is expected


def test_slabs_of_trajectories_change_no_entropy(slabs):
    """Each trajectory has a start of its own."""
    model = s.hohlraum(6, 4, 1.0)
    for record in ("counts", "events"):
        ensemble = js.simulate(model, [0.2, 1.0], 30, Thermal(1.0), 4, record)
        whole = js.thermo.internal_production(ensemble)
        assert len(np.unique(ensemble.starts(0, 30), axis=0)) > 5
        slabs(samples=8 * 2 * 2 * 7, events=20)
        np.testing.assert_array_equal(js.thermo.internal_production(ensemble), whole)
        slabs()


def test_entropy_of_a_few_events_in_large_pools():
    """Five digits of ΔS_B would be lost in differences of entropies of 10¹² modes."""
    size = 10**12
    model = js.systems.hohlraum(size, size, 1e-11)
    start = {"N": size, "m": size // 4}
    run = js.simulate(model, [1.0], 3, start, 1, ["counts", "events"])
    counts = run.counts[:, 0]
    moved = counts[:, 0] - size  # photons emitted; every event changes S_B by ln(2/3) or ln(3/2)
    assert np.abs(moved).max() < 100
    gain = js.thermo.internal_production(run)[:, 0]
    np.testing.assert_allclose(gain, moved * np.log(2 / 3), rtol=1e-9, atol=1e-9)
    along = js.thermo.along(run, 0)
    assert along.internal[-1] == pytest.approx(gain[0], abs=1e-9)

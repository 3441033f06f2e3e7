"""Partial propensities against exact distributions, and against the direct method.

Seeds are fixed. A false-alarm rate is the probability that a test would fail for another seed
although the engine is right.
"""

import itertools
import math

import numpy as np
import pytest
from oracles import partial
from scipy import sparse, stats
from support.goodness import chi_square, fits
from support.many_channels import drawn, random_network

import jumpsim as js
from jumpsim import engine, streams

ALARM = 1e-4
ENGINE = "partial_propensities"


def run(model, times, start, ntraj, seed, keep=("samples",), method=ENGINE):
    """Trajectories from one start, also of a model for which another engine is chosen."""
    starts = np.tile(np.array(start, np.int64), (ntraj, 1))
    states = streams.states(seed, 0, ntraj, streams.JUMPS)
    return engine.run(
        method, model.engine_input, np.array(times, float), starts, states, keep, 10**6
    )


def distribution(groups, changes, start, time):
    """States that can be reached and their probabilities, from rates typed by hand."""
    place, states, entries = {start: 0}, [start], []
    for i, state in enumerate(states):  # grows
        for c, rate in enumerate(partial.rates_of(groups, state, len(changes))):
            if rate > 0:
                after = tuple(n + d for n, d in zip(state, changes[c], strict=True))
                if after not in place:
                    place[after] = len(states)
                    states.append(after)
                entries += [(place[after], i, rate), (i, i, -rate)]
    rows, columns, values = zip(*entries, strict=True)
    generator = sparse.csc_matrix((values, (rows, columns)), (len(states), len(states)))
    begin = np.eye(1, len(states))[0]
    return place, sparse.linalg.expm_multiply(generator * time, begin)


@pytest.mark.parametrize("emitters", [3, 4, 6])
def test_different_emitters_obey_their_master_equation(emitters):
    """χ² of all states at two times of independent ensembles; false alarm 1e-4 for each of six."""
    g, g_wg = drawn(emitters, (emitters, 2)), drawn(20 + emitters, (emitters, 2), 0.1, 0.5)
    groups, changes = partial.disordered_waveguide(3.5, 0.15, 0.4, g, g_wg)
    couplings = [tuple(x) for x in g], [tuple(x) for x in g_wg]
    model = js.systems.open_waveguide([1] * emitters, 3.5, 0.15, 0.4, *couplings)
    start = (2, 1, 1, *[0] * (emitters - 1))
    for k, time in enumerate((0.3, 1.2)):
        place, law = distribution(groups, changes, start, time)
        samples = run(model, [time], start, 20000, 10 * emitters + k).samples[:, 0]
        found = np.bincount([place[tuple(n)] for n in samples.tolist()], minlength=len(law))
        order = np.argsort(law)  # rare ones are joined
        assert chi_square(found[order], 20000 * law[order]) > ALARM


def test_individual_rates_obey_the_master_equation_of_the_package():
    """Joint distribution of three pools, from single two-level systems; false alarm 1e-4."""
    rates, lost = [0.3, 2.0, 0.7, 1.1], [0.1, 0.5, 0.2, 0.9]
    model = js.Model(
        [js.Pool.bosonic("N", 2.5), js.Pool.tls("m", 4)],
        [
            *js.Channel.reversible("absorb", "emit", rates, {"N": 1}, {"m": 1}),
            js.Channel("lost", lost, {"m": 1}),
        ],
    )
    single = model.resolved()
    start = {"N": 3, "m1": 1, "m2": 0, "m3": 0, "m4": 1}
    exact = js.master_equation(single, [0.6], start)
    law = np.zeros((6, 5))
    np.add.at(law, (exact.states[:, 0], exact.states[:, 1:].sum(axis=1)), exact.probabilities[0])
    samples = run(model, [0.6], list(start.values()), 20000, 3).samples[:, 0]
    found = np.zeros((6, 5))
    np.add.at(found, tuple(samples.T), 1)
    order = np.argsort(law.ravel())
    assert chi_square(found.ravel()[order], 20000 * law.ravel()[order]) > ALARM


@pytest.mark.parametrize("seed", [1, 2, 3, pytest.param(4, marks=pytest.mark.slow)])
def test_first_event_of_random_networks(seed):
    """Waiting time, channel and their independence; false alarm 1e-4 for each of three."""
    model, start = random_network(seed)
    rates = model.rates(start)
    total, rows = rates.sum(), 20000
    found = run(model, [18 / total], start, rows, seed, ("events",))
    assert found.event_count.min() > 0  # fails with probability 3e-4 by chance
    first = np.cumsum(found.event_count) - found.event_count
    waits, channels = found.event_time[first], found.event_channel[first]
    assert stats.kstest(waits * total, "expon").pvalue > ALARM
    order = np.argsort(rates)  # of the channels, so that rare ones are joined
    number = np.bincount(channels, minlength=len(rates))
    assert (number[rates == 0] == 0).all()
    assert chi_square(number[order], rows * rates[order] / total) > ALARM
    common = np.flatnonzero(number > 40)
    late = waits > np.median(waits)
    table = [np.bincount(channels[w], minlength=len(rates))[common] for w in (late, ~late)]
    assert stats.chi2_contingency(table).pvalue > ALARM


def test_second_event_of_a_random_network():
    """Given the first one, the next channel has the rates after it; false alarm 1e-4.

    What was not computed again after the first event would have its earlier rate.
    """
    model, start = random_network(5)
    table, rows = model.table, 40000
    rates = model.rates(start)
    found = run(model, [12 / rates.sum()], start, rows, 6, ("events",))
    first = (np.cumsum(found.event_count) - found.event_count)[found.event_count > 1]
    one, two = found.event_channel[first], found.event_channel[first + 1]
    after = table.jump_rates(start + table.changes)  # (first, second)
    expected = np.bincount(one, minlength=len(rates)) @ (after / after.sum(axis=1)[:, None])
    order = np.argsort(expected)
    assert chi_square(np.bincount(two, minlength=len(rates))[order], expected[order]) > ALARM
    # Scores of single pairs: Gaussian for so many, 300 of them, below 5: false alarm 2e-4.
    often = np.argsort(-np.bincount(one, minlength=len(rates)))[:10]
    scores = []
    for c in often:
        p = after[c] / after[c].sum()
        n = (one == c).sum()
        seen = np.bincount(two[one == c], minlength=len(p))
        usual = n * p > 20
        scores += ((seen - n * p) / np.sqrt(n * p * (1 - p) + 1e-300))[usual].tolist()
    assert len(scores) > 30
    assert np.abs(scores).max() < 5


@pytest.mark.parametrize("seed", [1, 2, 3, pytest.param(4, marks=pytest.mark.slow)])
def test_random_networks_have_the_distributions_of_the_direct_method(seed):
    """Other streams; Kolmogorov-Smirnov for each pool and time, at most 1e-4 in all.

    Events of each channel: 300 scores below 5, false alarm 2e-4.
    """
    model, start = random_network(seed)
    total = model.rates(start).sum()
    times = np.array([5, 60]) / total
    rows = 4000
    one = run(model, times, start, rows, 100 + seed, ("samples", "jumps"))
    other = run(model, times, start, rows, 200 + seed, ("samples", "jumps"), "direct")
    pools = len(start)
    for k, p in itertools.product(range(2), range(pools)):
        found = stats.ks_2samp(one.samples[:, k, p], other.samples[:, k, p])
        assert found.pvalue > ALARM / (2 * pools)
    jumps = one.jumps[:, 1], other.jumps[:, 1]
    away = jumps[0].mean(axis=0) - jumps[1].mean(axis=0)
    error = np.sqrt((jumps[0].var(axis=0) + jumps[1].var(axis=0)) / rows)
    often = jumps[0].sum(axis=0) + jumps[1].sum(axis=0) > 100
    assert often.sum() > 50
    assert np.abs(away / error)[often].max() < 5


def test_emitters_of_different_couplings_are_microcanonical():
    """P(m) ∝ C(M, m) C(E-m+𝒩-1, E-m), each emitter alike; false alarm 1e-4 for each of two."""
    tls, modes, energy = 24, 7, 15
    rates = drawn(8, tls, 0.5, 3.0)
    model = js.Model(
        [js.Pool.bosonic("N", modes), *(js.Pool.tls(f"m{k}", 1) for k in range(tls))],
        [
            channel
            for k, rate in enumerate(rates)
            for channel in js.Channel.reversible(
                f"up {k}", f"down {k}", rate, {"N": 1}, {f"m{k}": 1}
            )
        ],
    )
    assert model.engine == ENGINE
    start = (energy - 4, *[1] * 4, *[0] * (tls - 4))
    samples = run(model, [25.0], start, 6000, 9).samples[:, 0]
    excited = samples[:, 1:].sum(axis=1)
    np.testing.assert_array_equal(samples.sum(axis=1), energy)
    law = np.array(
        [
            math.comb(tls, m) * math.comb(energy - m + modes - 1, modes - 1)
            for m in range(energy + 1)
        ]
    )
    assert fits(excited, law / law.sum()) > ALARM
    # Given their number, all choices have the same probability; scores of single emitters.
    mean = excited.mean() / tls
    spread = (samples[:, 1:] - (excited / tls)[:, None]).std(axis=0) / math.sqrt(6000)
    assert np.abs((samples[:, 1:].mean(axis=0) - mean) / spread).max() < 5


def test_a_reversible_network_is_in_equilibrium():
    """360 channels between six species: the multinomial; false alarm 1e-4 in all.

    Detailed balance: w_i k_ij = w_j k_ji for i <-> j, and c w_i²/2 = c' w_j w_k for 2i <-> j + k.
    """
    weights, total = [1.0, 2.0, 0.5, 3.0, 1.5, 0.8], 25
    names = [f"X{i}" for i in range(6)]
    rng, channels = np.random.default_rng(10), []
    for copy in range(4):
        for i, j in itertools.combinations(range(6), 2):
            rate = rng.uniform(0.05, 1)
            channels += js.Channel.reversible(
                f"{i} to {j}, {copy}", f"{j} to {i}, {copy}", rate, {names[i]: 1}, {names[j]: 1},
                reverse_rate=rate * weights[i] / weights[j],
            )  # fmt: skip
        for i, j, k in itertools.permutations(range(6), 3):
            if j < k and len(channels) < 90 * (copy + 1):
                rate = rng.uniform(0.01, 0.1)
                back = rate * weights[i] ** 2 / 2 / (weights[j] * weights[k])
                channels += js.Channel.reversible(
                    f"2 {i}, {j}, {k}, {copy}", f"{j} + {k} to {i}, {copy}", rate, {names[i]: 2},
                    {names[j]: 1, names[k]: 1}, reverse_rate=back,
                )  # fmt: skip
    model = js.Model([js.Pool.mass_action(name) for name in names], channels)
    assert len(channels) == 360
    samples = run(model, [3.0], [total, 0, 0, 0, 0, 0], 5000, 11).samples[:, 0]
    np.testing.assert_array_equal(samples.sum(axis=1), total)
    for i, weight in enumerate(weights):
        law = stats.binom.pmf(np.arange(total + 1), total, weight / sum(weights))
        assert fits(samples[:, i], law) > ALARM / 6

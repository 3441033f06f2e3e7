"""Ensembles against closed forms and master equations that are built here.

Seeds are fixed. A false-alarm rate is the chance that a test would fail for another seed although
the package is right.
"""

import math
from functools import cache

import numpy as np
import pytest
from oracles import reference
from scipy import linalg, sparse, stats
from support.goodness import fits

import jumpsim as js

ALARM = 1e-4
Channel, SPECIES = js.Channel, js.Pool.mass_action


def simulate(*arguments):
    # A runaway is an error, not a hang.
    return js.simulate(*arguments, workers=1, max_events=10**6)


def assert_moments(samples, mean, k2, k4):
    """Mean and variance within 4.5 standard errors; k2, k4 are the exact cumulants.

    Both scores are Gaussian to good accuracy: false alarm 1.4e-5 for each pair.
    """
    n = len(samples)
    z_mean = (samples.mean() - mean) / math.sqrt(k2 / n)
    z_variance = (samples.var(ddof=1) - k2) / math.sqrt(k4 / n + 2 * k2**2 / (n - 1))
    assert abs(z_mean) < 4.5
    assert abs(z_variance) < 4.5


@pytest.mark.parametrize(("time", "seed"), [(5.0, 1), (12.0, 2)])
def test_hohlraum_is_microcanonical(time, seed):
    """P(m) ∝ C(M, m) C(E-m+𝒩-1, E-m), BM 30-33; false alarm 1e-4 for each time."""
    model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde=1.0)
    ensemble = simulate(model, [time], 20000, {"N": 10, "m": 5}, seed)
    N, m = ensemble.counts[:, 0].T
    np.testing.assert_array_equal(N + m, 15)
    law = np.array([math.comb(20, k) * math.comb(15 - k + 9, 15 - k) for k in range(16)], float)
    assert fits(m, law / law.sum()) > ALARM


def test_independent_decay_is_binomial():
    """Three pools at four times; false alarm 1e-4 each, 1e-4 together (Bonferroni)."""
    model = js.systems.open_waveguide(50, 40, 0.5, 0.0, (0.0, 0.0), (0.7, 0.2))
    times = [0.1, 0.5, 1.0, 3.0]
    ensemble = simulate(model, times, 10000, {"A": 60, "B": 25, "m": 40}, 3)
    for p, (start, rate) in enumerate([(60, 1.0), (25, 1.0), (40, 0.9)]):
        for k, t in enumerate(times):
            law = stats.binom.pmf(np.arange(start + 1), start, math.exp(-rate * t))
            assert fits(ensemble.counts[:, k, p], law) > ALARM / 12


def test_first_event():
    """Waiting time, channel and their independence; false alarm 1e-4 for each of three."""
    parameters = (30, 20, 1.0, 2.0, (1.0, 0.4), (0.8, 0.3))
    rates = np.array(reference.open_waveguide(*parameters)[0]((12, 7, 9)))
    model, total = js.systems.open_waveguide(*parameters), rates.sum()
    ensemble = simulate(model, [30 / total], 10000, (12, 7, 9), 4, "events")
    first = [[part[0] for part in ensemble.events(i)] for i in range(ensemble.ntraj)]
    times, channels = np.array(first).T
    assert stats.kstest(times * total, "expon").pvalue > ALARM
    assert fits(channels.astype(int), rates / total) > ALARM
    late = times > np.median(times)
    table = [np.bincount(channels[which].astype(int), minlength=12) for which in (late, ~late)]
    assert stats.chi2_contingency(table).pvalue > ALARM


def one_species(*channels):
    return js.Model([SPECIES("X")], list(channels))


def counts_of(model, times, start, seed, ntraj=10000):
    return simulate(model, times, ntraj, start, seed).counts[:, :, 0].T


def test_birth_and_death():
    """Binomial survivors plus Poisson newcomers; false alarm 1.4e-5 for each of four times."""
    model = one_species(Channel("birth", 6.0, {}, {"X": 1}), Channel("death", 0.5, {"X": 1}))
    times = [0.2, 1.0, 3.0, 10.0]
    for t, x in zip(times, counts_of(model, times, [30], 5), strict=True):
        p = math.exp(-0.5 * t)
        newcomers, survivors = 12 * (1 - p), 30 * p * (1 - p)
        k4 = newcomers + survivors * (1 - 6 * p * (1 - p))
        assert_moments(x, 30 * p + newcomers, newcomers + survivors, k4)


def test_immigration_from_nothing_is_poisson():
    """Whole law at three times; false alarm 1e-4 together."""
    model = one_species(Channel("birth", 6.0, {}, {"X": 1}), Channel("death", 0.5, {"X": 1}))
    times = [0.2, 1.0, 8.0]
    for t, x in zip(times, counts_of(model, times, [0], 6), strict=True):
        law = stats.poisson.pmf(np.arange(60), 12 * (1 - math.exp(-0.5 * t)))
        assert fits(x, law) > ALARM / 3


def test_batches():
    """Compound Poisson: a batch of age a leaves a binomial number; false alarm 1.4e-5 per time."""
    k, mu = 3.0, 0.5
    model = one_species(Channel("batch", k, {}, {"X": 5}), Channel("death", mu, {"X": 1}))
    times = [0.2, 1.0, 3.0, 10.0]

    def cumulant(t, factorial_moments):
        # ∫ over ages of the moment of a binomial of 5 with e^(-μa), by its factorial moments.
        return k * sum(
            c * (1 - math.exp(-j * mu * t)) / (j * mu) for j, c in enumerate(factorial_moments, 1)
        )

    for t, x in zip(times, counts_of(model, times, [0], 7), strict=True):
        k1, k2, k4 = (cumulant(t, c) for c in ([5], [5, 20], [5, 140, 360, 120]))
        assert_moments(x, k1, k2, k4)


def test_pure_birth():
    """Yule: a sum of 20 geometric numbers; false alarm 1.4e-5 for each of three times."""
    model = one_species(Channel("split", 1.5, {"X": 1}, {"X": 2}))
    times = [0.2, 0.6, 1.2]
    for t, x in zip(times, counts_of(model, times, [20], 8), strict=True):
        p = math.exp(-1.5 * t)
        q = 1 - p
        assert_moments(x, 20 / p, 20 * q / p**2, 20 * q * (6 * q + p**2) / p**4)


def test_dimerisation():
    """2P <-> P2 against its master equation; false alarm 1e-4 together."""
    bind, split, total = 0.05, 0.8, 21
    model = js.Model(
        [SPECIES("P"), SPECIES("P2")],
        [Channel("bind", bind, {"P": 2}, {"P2": 1}), Channel("split", split, {"P2": 1}, {"P": 2})],
    )
    Q = np.zeros((11, 11))  # by the number of dimers
    for d in range(11):
        P = total - 2 * d
        if d < 10:
            Q[d, d + 1] = bind * P * (P - 1) / 2
        if d > 0:
            Q[d, d - 1] = split * d
        Q[d, d] = -Q[d].sum()
    times = [0.05, 0.3, 3.0]
    counts = simulate(model, times, 10000, {"P": 21, "P2": 0}, 9).counts
    np.testing.assert_array_equal(counts @ [1, 2], total)
    for k, t in enumerate(times):
        assert fits(counts[:, k, 1], linalg.expm(Q * t)[0]) > ALARM / 3


CHIRAL = (3, 3, 0.6, 1.0, (1.0, 0.5), (0.8, 0.3))  # M = 𝒩 = 3
X = 1.5


@cache
def master_equation(thermal):
    """States, generator and start of the small waveguide, from hand-typed rates."""
    rates, changes = reference.open_waveguide(*CHIRAL)
    most = 30 if thermal else 7
    states = [(A, B, m) for m in range(4) for A in range(most + 1) for B in range(most - A - m + 1)]
    place = {state: i for i, state in enumerate(states)}
    rows, columns, values = [], [], []
    for state, i in place.items():
        for rate, change in zip(rates(state), changes, strict=True):
            if rate > 0:
                j = place[tuple(int(n) for n in np.add(state, change))]
                rows += [j, i]
                columns += [i, i]
                values += [rate, -rate]
    generator = sparse.csc_matrix((values, (rows, columns)))
    start = np.zeros(len(states))
    if thermal:
        pools = [("bosonic", 3, X), ("bosonic", 3, X), ("tls", 3, X)]
        for state, i in place.items():
            factors = (
                reference.probability(n, *pool) for n, pool in zip(state, pools, strict=True)
            )
            start[i] = math.prod(factors)
        assert start.sum() > 1 - 1e-12
    else:
        start[place[3, 3, 1]] = 1
    return np.array(states, float), generator, start


@pytest.mark.parametrize("thermal", [False, True], ids=["fixed", "thermal"])
def test_open_waveguide_obeys_its_master_equation(thermal):
    """Joint χ² of the mean counts, independent ensembles; KS over 240 p-values, alarm 1e-4."""
    states, generator, start = master_equation(thermal)
    model = js.systems.open_waveguide(*CHIRAL)
    initial = js.Thermal(X) if thermal else (3, 3, 1)
    values, seed = [], 1000 + 1000 * thermal
    for t in (0.05, 0.2, 0.5, 0.9):
        law = sparse.linalg.expm_multiply(generator * t, start)
        mean = law @ states
        covariance = (states - mean).T @ (law[:, None] * (states - mean))
        inverse, rank = linalg.pinvh(covariance, return_rank=True)
        for _ in range(60):
            seed += 1
            ensemble = simulate(model, [t], 400, initial, seed)
            off = ensemble.counts[:, 0].mean(axis=0) - mean
            values.append(stats.chi2.sf(400 * off @ inverse @ off, rank))
    assert stats.kstest(values, "uniform").pvalue > ALARM


def test_relative_spread_falls_as_the_root_of_the_size():
    """Exponent -1/2 within 0.02 and 4 standard errors of about 0.006; false alarm 1e-3.

    The densities of photons agree within 4.5 standard errors, on the way and at the end; their
    bias, 0.04 photons, is less than a standard error.
    """
    model = js.systems.open_waveguide(100, 100, "10 kHz", "10 kHz", ("10 MHz", 0), ("10 MHz", 0))
    sizes, n = np.array([1, 4, 16]), 4000
    spread, error = np.empty((2, 3)), np.empty((2, 3))
    density, sem = np.empty((3, 2, 3)), np.empty((3, 2, 3))  # size, time, pool
    for k, size in enumerate(sizes):
        ensemble = simulate(model.scaled(size), [1e-7, 1e-6], n, js.Thermal(1.0), 20 + k)
        density[k], sem[k] = ensemble.mean() / size, ensemble.sem() / size
        A, B, _ = ensemble.counts[:, 1].T.astype(float)
        for row, x in enumerate((B, A + B)):
            spread[row, k] = x.std(ddof=1) / x.mean()
            # Error of ln(std): sqrt((kurtosis - 1) / 4n), with kurtosis 3 for a Gaussian.
            error[row, k] = math.sqrt((stats.kurtosis(x, fisher=False) - 1) / (4 * n))
    weights = np.log(sizes) - np.log(sizes).mean()
    weights /= weights @ weights
    exponents = np.log(spread) @ weights
    errors = np.sqrt(error**2 @ weights**2)
    assert (errors < 0.0065).all()
    assert (np.abs(exponents + 0.5) < np.minimum(0.02, 4 * errors)).all()
    z = (density[:2] - density[2])[..., :2] / np.hypot(sem[:2], sem[2])[..., :2]
    assert (np.abs(z) < 4.5).all()

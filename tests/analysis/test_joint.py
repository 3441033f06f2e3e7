"""Every system, small: ensembles against master equations built without the package.

For each system and seed all pools and times are tested together, χ² = zᵀ R⁺ z with the exact
correlation R over pools and times; the p-values of all of them must be uniform (Kolmogorov-Smirnov,
alarm 1e-4). Besides, every single score of a mean or a variance must lie within 4.5: with 8,400
scores an alarm of 6 %, fixed by the seeds.
"""

import numpy as np
import pytest
from oracles import reference
from oracles.exact import Exact
from scipy import stats

import jumpsim as js

SEEDS = range(30)
NTRAJ = 1000
DEVIATING = 50  # trajectories that must carry a variance, or its scores are left out

CHIRAL = (6, 4, 1.0, 1.0, (3.0, 0.0), (2.0, 0.0))
BOTH = (5, 3.5, 0.4, 0.6, (1.5, 0.5), (0.3, 0.2))
LOOP = (4, 3, 2.5, 0.5, 0.4, 0.3, (1.5, 0.0), (1.0, 0.0))
TWO_WAY = (4, 3, 2.5, 0.5, 0.4, 0.3, (1.5, 0.7), (1.0, 0.4))
GROUPS = ((3, 2), 4, 0.5, 0.5, [(1.0, 0.0), (2.0, 0.5)], [(0.5, 0.0), (1.0, 0.2)])
CAVITY = (5, 2.5, 4, 1.0, 0.4, 0.3)
s = js.systems


def fixed(*counts):
    return {counts: 1.0}


def thermal(*laws):
    """Product of the laws (kind, size, x), cut where less than 1e-9 is left."""
    start = {(): 1.0}
    for kind, size, x in laws:
        top = size if kind == "tls" else 60
        law = [reference.probability(k, kind, size, x) for k in range(top + 1)]
        start = {
            (*state, k): w * p
            for state, w in start.items()
            for k, p in enumerate(law)
            if w * p > 1e-13
        }
    return start


SYSTEMS = {
    "hohlraum": (s.hohlraum(8, 5, 1.0), reference.hohlraum(8, 5, 1.0), fixed(7, 1), 0.6),
    "hohlraum, thermal": (
        s.hohlraum(5, 2.5, 1.0),
        reference.hohlraum(5, 2.5, 1.0),
        thermal(("bosonic", 2.5, 1.0), ("tls", 5, 3.0)),
        0.6,
    ),
    "open, chiral": (s.open_waveguide(*CHIRAL), reference.open_waveguide(*CHIRAL),
                     fixed(4, 4, 2), 0.4),
    "open, both": (s.open_waveguide(*BOTH), reference.open_waveguide(*BOTH), fixed(5, 2, 3), 0.5),
    "open, warm": (
        s.open_waveguide(3, 2, 1.0, 0.5, (1.0, 0.5), (1.0, 0.5), n_env=(0.3, 0.1)),
        reference.warm_waveguide(3, 2, 1.0, 0.5, (1.0, 0.5), (1.0, 0.5), (0.3, 0.1)),
        fixed(2, 1, 1),
        0.4,
    ),
    "open, groups": (s.open_waveguide(*GROUPS), reference.two_groups(*GROUPS),
                     fixed(3, 2, 1, 1), 0.4),
    "closed, chiral": (s.closed_waveguide(*LOOP), reference.closed_waveguide(*LOOP),
                       fixed(3, 1, 1, 1, 1), 0.5),
    "closed, both": (s.closed_waveguide(*TWO_WAY), reference.closed_waveguide(*TWO_WAY),
                     fixed(3, 1, 1, 1, 1), 0.5),
    "closed, long path": (
        s.closed_waveguide(*LOOP, long_path=True),
        reference.closed_waveguide(*LOOP, long_path=True),
        fixed(3, 1, 1, 1, 1),
        0.5,
    ),
    "cavity": (s.embedded_cavity(*CAVITY), reference.embedded_cavity(*CAVITY), fixed(5, 1, 1), 0.6),
}  # fmt: skip


def times_of(span):
    return np.array([0.25, 0.5, 1.0, 2.5]) * span


def ensemble_of(name, seed):
    model, _, start, span = SYSTEMS[name]
    if len(start) > 1:
        initial = js.Thermal({"N": 1.0, "m": 3.0})
    else:
        initial = dict(zip(model.pools, next(iter(start)), strict=True))
    return js.simulate(model, times_of(span), NTRAJ, initial, seed, workers=1)


def scores(name):
    """p-value of each seed's means, scores of every mean and variance, p-value of all seeds."""
    _, system, start, span = SYSTEMS[name]
    times = times_of(span)
    exact = Exact(system, start, limit=24 if "warm" in name else 10**9)
    assert exact.lost(times).max() < 1e-8
    mean = (exact.laws(times) @ exact.counts).ravel()
    covariance = exact.covariance(times)
    variance, fourth = exact.central(times, 2).ravel(), exact.central(times, 4).ravel()
    used = exact.deviating(times).ravel() * NTRAJ >= DEVIATING
    assert used.sum() >= 4
    spread = np.sqrt(variance[used])
    correlation = covariance[np.ix_(used, used)] / np.outer(spread, spread)
    values, vectors = np.linalg.eigh(correlation)
    kept = values > 1e-8 * values.max()

    def p_value(z):
        chi = ((vectors.T @ z)[kept] ** 2 / values[kept]).sum()
        return stats.chi2.sf(chi, kept.sum())

    of_variance = np.sqrt((fourth - (NTRAJ - 3) / (NTRAJ - 1) * variance**2) / NTRAJ)
    p_values, singles, together = [], [], 0.0
    for seed in SEEDS:
        ensemble = ensemble_of(name, seed)
        z = (ensemble.mean().ravel() - mean)[used] / (spread / np.sqrt(NTRAJ))
        p_values.append(p_value(z))
        together = together + z / np.sqrt(len(SEEDS))
        v = (ensemble.var().ravel() - variance)[used] / of_variance[used]
        singles += [*z, *v]
    return p_values, singles, p_value(together)


@pytest.fixture(scope="module")
def all_scores():
    return {name: scores(name) for name in SYSTEMS}


def test_all_pools_and_times_together(all_scores):
    p_values = [p for found, *_ in all_scores.values() for p in found]
    assert len(p_values) >= 200
    assert stats.kstest(p_values, "uniform").pvalue > 1e-4


@pytest.mark.parametrize("name", SYSTEMS)
def test_each_system_by_itself(name, all_scores):
    """Alarm 1e-4 for each of ten systems, 1e-3 together."""
    assert stats.kstest(all_scores[name][0], "uniform").pvalue > 1e-4


@pytest.mark.parametrize("name", SYSTEMS)
def test_all_trajectories_of_a_system_together(name, all_scores):
    """30,000 trajectories in one χ²; alarm 1e-4 for each of ten systems, 1e-3 together."""
    assert all_scores[name][2] > 1e-4


def test_every_single_score(all_scores):
    singles = np.array([z for _, found, _ in all_scores.values() for z in found])
    assert len(singles) > 5000
    assert np.abs(singles).max() < 4.5

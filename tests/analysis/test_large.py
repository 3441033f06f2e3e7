"""Every estimator at 10⁵ trajectories or more against exact values of a small system (slow).

Single scores are asked to stay below 4.5 (7e-6 each for a normal law), with errors that are small.
"""

import numpy as np
import pytest
from support.systems import HOHLRAUM

import jumpsim as js
from jumpsim.theory.counting_statistics import channel_weights, coincidence_rate
from jumpsim.theory.evolution import evolve

pytestmark = pytest.mark.slow

START = {"N": 5, "m": 3}
TIMES = np.linspace(0, 4, 21)
N = 200_000


@pytest.fixture(scope="module")
def ensemble():
    return js.simulate(HOHLRAUM, TIMES, N, START, 2026, ["counts", "jumps"])


@pytest.fixture(scope="module")
def events():
    return js.simulate(HOHLRAUM, [6.0], N, START, 2027, "events")


def near(value, exact, error, relative):
    """Within 4.5 errors, which are small themselves."""
    score = np.abs(np.asarray(value) - exact) / error
    assert np.nanmax(score) < 4.5, np.nanmax(score)
    assert np.nanmedian(error / np.maximum(np.abs(exact), 1e-12)) < relative


def test_averages_and_cumulants(ensemble):
    found = js.fluctuations(ensemble)
    exact = found.exact.cumulants
    later = slice(1, None)
    for order, relative in enumerate((1e-3, 5e-3, 0.2, 0.2)):
        near(
            found.cumulants[order, later, 1], exact[order, later, 1],
            found.errors[order, later, 1], relative,
        )  # fmt: skip
    ratio = exact[1] / exact[0]
    near(found.fano[later], ratio[later], found.fano_error[later], 5e-3)
    moved = found.covariance_error[later] > 0
    gap = (found.covariance - found.exact.covariance)[later][moved]
    assert (np.abs(gap) < 4.5 * found.covariance_error[later][moved]).all()


def test_comparison(ensemble):
    """The joint test tells the rate equations' bias; against the exact mean it is silent."""
    found = js.compare(ensemble)
    later = slice(1, None)
    near(found.mean[later], found.exact.mean[later], found.sem[later], 1e-3)
    assert not found.joint.agrees
    from jumpsim.analysis.averages.hotelling import joint_test

    assert joint_test(ensemble, found.exact.mean).p_value > 1e-4


def test_histograms(ensemble):
    for time in (0.2, 1.0, 4.0):
        found = js.distribution(ensemble, "m", time)
        assert found.p_value > 1e-4
        outside = (found.exact < found.low) | (found.exact > found.high)
        assert outside.sum() <= 3  # of nine, 5 % each


def test_counts_in_windows(ensemble):
    found = js.counting(ensemble, "absorption")
    exact = found.exact.cumulants
    for order, relative in enumerate((1e-3, 1e-2, 0.2, 0.5)):
        near(found.cumulants[order], exact[order], found.errors[order], relative)
    near(found.fano, found.exact.fano, found.fano_error, 1e-2)


def test_correlations():
    run = js.simulate(HOHLRAUM, np.linspace(0, 8, 41), 100_000, START, 2028)
    found = js.correlations(run, 4.0)
    law = js.stationary(HOHLRAUM, START)
    m = law.states[:, 1] - law.mean[1]
    weighted = evolve(law.space.transitions(), law.probabilities * (m + 100), found.lags)
    exact = weighted @ m - 100 * law.probabilities @ m
    near(found.covariance[:, 1], exact, found.error[:, 1], 2.0)
    near(found.between[:, 0, 1], -exact, found.between_error[:, 0, 1], 2.0)
    assert found.error[0, 1] < 3e-3 * exact[0]


def test_waits_passages_and_coincidences(events):
    found = js.waiting_times(events, "emission", after=0.0)
    near(found.survival[1:-4], found.exact.survival[1:-4], found.error[1:-4], 0.1)
    first = js.first_passages(events, "m = 7")
    near(first.survival[1:], first.exact.survival[1:], first.error[1:], 0.02)
    g2 = js.coincidences(events, "emission", "absorption", after=3.0, longest=1.0)
    near(g2.g2, g2.exact, g2.error, 5e-3)
    fine = np.linspace(0, 1, 41)
    chosen = [channel_weights(HOHLRAUM, name) != 0 for name in ("emission", "absorption")]
    rate = coincidence_rate(HOHLRAUM, fine, START, *chosen)
    assert g2.exact[-1] == pytest.approx(rate[-5:].mean(), rel=1e-3)


def test_typicality(ensemble):
    """Part of the trajectories that stay within ε, against a propagation that is cut outside."""
    found = js.typicality(ensemble)
    for epsilon in (0.25, 0.35, 0.45):
        fraction, _, _ = found.within(epsilon)
        law = js.master_equation(HOHLRAUM, [0.0], START)
        p, states = law.probabilities[0], law.states
        for k, mean in enumerate(found.theory.counts):
            if k:
                p = evolve(law.space.transitions(), p, [TIMES[1]])[0]
            p = np.where(np.abs(states[:, 1] - mean[1]) <= epsilon * 8, p, 0.0)
        exact = p.sum()
        assert abs(fraction[1] - exact) < 4.5 * np.sqrt(exact * (1 - exact) / N)
        assert 0.001 < exact < 0.999


def test_uncertainty_and_clausius(ensemble):
    window = js.window_production(ensemble, 0.0, 1.0)
    law = js.master_equation(HOHLRAUM, [1.0], START)
    entropy = js.thermo.boltzmann_entropies(HOHLRAUM, law.states).sum(axis=1)
    first = js.thermo.boltzmann_entropies(HOHLRAUM, np.array([5, 3])).sum()
    near(window.mean[0], law.probabilities[0] @ (entropy - first), window.mean[1], 0.1)
    falls = law.probabilities[0][entropy - first < -1e-9].sum()
    assert abs(window.decreasing[0] - falls) < 4.5 * np.sqrt(falls * (1 - falls) / N)
    found = js.uncertainty(ensemble, {"emission": 1, "absorption": 0.5}, 3.0)
    near(found.kinetic, found.exact[0], found.kinetic_error, 0.02)


def test_fluctuation_theorem():
    model, start = js.systems.hohlraum(10, 8, 1.0), js.Thermal({"N": 1.5, "m": 0.8})
    found = js.fluctuation_theorem(js.simulate(model, [0.05, 0.3, 3.0], 10**6, start, 2029))
    near(found.average, 1.0, found.error, 2e-3)
    near(found.slope, 1.0, found.slope_error, 1e-2)

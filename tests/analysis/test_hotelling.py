"""Hotelling's T² of averages: its distribution, power, conserved totals, and what it refuses."""

import dataclasses

import numpy as np
import pytest
from scipy import stats
from support.systems import HOHLRAUM

import jumpsim as js
from jumpsim.analysis.averages.hotelling import JointTest, joint_test

TIMES = [0.1, 0.3, 1.0]
START = {"N": 7, "m": 1}


def test_p_values_are_uniform_against_the_exact_mean():
    """300 runs, Kolmogorov-Smirnov at 1e-4; N + m is conserved: half of the directions."""
    exact = js.master_equation(HOHLRAUM, TIMES, START).mean
    p_values = []
    for seed in range(300):
        found = joint_test(js.simulate(HOHLRAUM, TIMES, 400, START, seed, workers=1), exact)
        assert (found.averages, found.dof) == (6, 3)
        p_values.append(found.p_value)
    assert stats.kstest(p_values, "uniform").pvalue > 1e-4


def test_it_is_hotellings_t_squared():
    ensemble = js.simulate(HOHLRAUM, TIMES, 300, START, 1)
    theory = js.mean_field(HOHLRAUM, TIMES, START).counts
    found = joint_test(ensemble, theory)
    m = ensemble.counts[:, :, 1]  # N follows from m
    difference = m.mean(axis=0) - theory[:, 1]
    expected = 300 * difference @ np.linalg.solve(np.cov(m.T), difference)
    assert found.statistic == pytest.approx(expected, rel=1e-8)
    p_value = stats.f.sf(expected * (300 - 3) / (3 * 299), 3, 297)
    assert found.p_value == pytest.approx(p_value, rel=1e-7)


def test_a_theory_that_is_a_little_wrong_is_seen():
    ensemble = js.simulate(HOHLRAUM, TIMES, 4000, START, 1)
    exact = js.master_equation(HOHLRAUM, TIMES, START).mean
    assert joint_test(ensemble, exact).p_value > 1e-3
    # 0.15 quanta at one time, against the correlation with its neighbours.
    wrong = exact + np.array([[0, 0], [0.15, -0.15], [0, 0]])
    assert joint_test(ensemble, wrong).p_value < 1e-6


def test_slabs_change_nothing(slabs):
    ensemble = js.simulate(HOHLRAUM, TIMES, 500, START, 1)
    exact = js.master_equation(HOHLRAUM, TIMES, START).mean
    whole = joint_test(ensemble, exact)
    slabs(samples=8 * 3 * 2 * 7)
    assert joint_test(ensemble, exact).statistic == pytest.approx(whole.statistic, rel=1e-9)


def test_few_trajectories_take_few_times():
    times = np.linspace(0.1, 2, 50)
    theory = js.mean_field(HOHLRAUM, times, START).counts
    found = joint_test(js.simulate(HOHLRAUM, times, 200, START, 1), theory)
    assert found.averages == 2 * 5
    assert joint_test(js.simulate(HOHLRAUM, times, 30, START, 1), theory) is None


def test_nothing_to_test():
    still = js.systems.hohlraum(8, 5, 0)
    theory = js.mean_field(still, TIMES, START).counts
    assert joint_test(js.simulate(still, TIMES, 500, START, 1), theory) is None
    moments = js.simulate(HOHLRAUM, TIMES, 500, START, 1, "moments")
    assert joint_test(moments, theory) is None


def test_it_stands_in_the_comparison():
    found = js.compare(js.simulate(HOHLRAUM, TIMES, 2000, START, 1))
    exact = js.master_equation(HOHLRAUM, TIMES, START).mean
    np.testing.assert_allclose(found.bias, exact - found.theory.counts)
    text = str(found)
    assert "joint test (Hotelling's T², 6 averages, 3 degrees of freedom): they " in text
    k, p = np.unravel_index(np.abs(found.bias).argmax(), found.bias.shape)
    assert (
        "largest exact bias, master equation minus rate equations: "
        f"{found.bias[k, p]:+.3g} quanta in {HOHLRAUM.pools[p]} at " in text
    )
    shifted = dataclasses.replace(found.theory, counts=found.theory.counts - [0.0, 5.0])
    text = str(dataclasses.replace(found, theory=shifted))
    assert f"{found.bias[:, 1].max() + 5:+.3g} quanta in m at " in text
    assert found.joint.agrees is (found.joint.p_value >= 0.01)
    large = js.systems.open_waveguide(100, 100, 1e4, 1e4, (1e7, 0), (1e7, 0))
    assert js.compare(js.simulate(large, [1e-7], 50, js.Thermal(1.0), 1)).bias is None


@pytest.mark.parametrize(("p_value", "printed"), [(0.0101, "agree"), (0.0099, "DISAGREE")])
def test_verdicts(p_value, printed):
    found = JointTest(6, 3, 1.0, p_value)
    assert found.agrees is (printed == "agree")
    assert f"degrees of freedom): they {printed}, p = " in str(found)

"""Histograms of counts against numpy and the master equation."""

import numpy as np
import pytest
from scipy import stats

import jumpsim as js
from jumpsim.inference.distribution import _chi_square

SMALL = js.systems.hohlraum(8, 5, 1.0)
START = {"N": 7, "m": 1}


def test_histogram_of_the_counts():
    ensemble = js.simulate(SMALL, [0.2, 1.0], 500, START, 1)
    found = js.distribution(ensemble, "m", 1.0)
    m = ensemble.counts[:, 1, 1]
    expected = [(m == k).mean() for k in found.counts]
    np.testing.assert_allclose(found.observed, expected)
    assert found.observed.sum() == pytest.approx(1)
    law = js.master_equation(SMALL, [1.0], START).marginal("m")[0]
    np.testing.assert_allclose(found.exact, law[found.counts], atol=1e-12)
    assert ((found.low <= found.observed) & (found.observed <= found.high)).all()
    assert "χ² against the master equation: p = " in str(found)
    assert js.distribution(ensemble, "m", "1 s", max_states=0).exact is None


def test_counts_that_begin_above_the_exact_law():
    ensemble = js.simulate(SMALL, [1.0], 5, START, 1)
    m = ensemble.counts[:, 0, 1]
    assert m.min() > 0
    found = js.distribution(ensemble, "m", 1.0)
    assert found.counts[0] == 0
    np.testing.assert_allclose(found.observed, [(m == k).mean() for k in found.counts])


def test_p_values_are_uniform():
    """Of 200 runs; Kolmogorov-Smirnov at 1e-4 (χ² of whole numbers is nearly continuous here)."""
    p_values = []
    for seed in range(200):
        ensemble = js.simulate(SMALL, [0.4], 2000, START, seed, workers=1)
        p_values.append(js.distribution(ensemble, "m", 0.4).p_value)
    assert stats.kstest(p_values, "uniform").pvalue > 1e-4


def test_a_wrong_law_is_seen():
    expected = 2000 * stats.binom.pmf(np.arange(9), 8, 0.4)
    assert _chi_square(np.rint(expected), expected) > 0.99
    assert _chi_square(np.roll(np.rint(expected), 1), expected) < 1e-10
    assert _chi_square(np.array([5]), np.array([5.0])) is None


def test_slabs_change_nothing(monkeypatch):
    ensemble = js.simulate(SMALL, [0.2, 1.0], 300, START, 1)
    whole = js.distribution(ensemble, "N", 0.2)
    monkeypatch.setattr("jumpsim.ensemble._SLAB_BYTES", 8 * 2 * 2 * 7)
    np.testing.assert_array_equal(js.distribution(ensemble, "N", 0.2).observed, whole.observed)


def test_large_and_few():
    large = js.systems.open_waveguide(100, 100, 1e4, 1e4, (1e7, 0), (1e7, 0))
    found = js.distribution(js.simulate(large, [1e-7], 20, js.Thermal(1.0), 1), "A", 1e-7)
    assert found.exact is None
    assert "too large" in str(found)
    few = js.distribution(js.simulate(SMALL, [1.0], 3, START, 1), "m", 1.0)
    assert "undecided" in str(few)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("x", 1.0), "unknown pool 'x'"),
        (("m", 0.5), "`time` must be one of the stored times, but the nearest to 0.5 s is 1 s"),
        (("m", "1 kg"), "`time` must be a time"),
    ],
)
def test_refused(arguments, match):
    with pytest.raises(js.InputError, match=match):
        js.distribution(js.simulate(SMALL, [1.0], 3, START, 1), *arguments)

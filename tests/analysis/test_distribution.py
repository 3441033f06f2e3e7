"""Histograms of counts against numpy and the master equation."""

import importlib

import numpy as np
import pytest
from scipy import stats
from support.systems import HOHLRAUM

import jumpsim as js
from jumpsim.statistics import chi_square_p_value

START = {"N": 7, "m": 1}


def test_histogram_of_the_counts():
    ensemble = js.simulate(HOHLRAUM, [0.2, 1.0], 500, START, 1)
    found = js.distribution(ensemble, "m", 1.0)
    m = ensemble.counts[:, 1, 1]
    expected = [(m == k).mean() for k in found.counts]
    np.testing.assert_allclose(found.observed, expected)
    assert found.observed.sum() == pytest.approx(1)
    law = js.master_equation(HOHLRAUM, [1.0], START).marginal("m")[0]
    np.testing.assert_allclose(found.exact, law[found.counts], atol=1e-12)
    assert ((found.low <= found.observed) & (found.observed <= found.high)).all()
    assert "χ² against the master equation: p = " in str(found)
    assert js.distribution(ensemble, "m", "1 s", max_states=0).exact is None


def test_counts_that_begin_above_the_exact_law():
    ensemble = js.simulate(HOHLRAUM, [1.0], 5, START, 1)
    m = ensemble.counts[:, 0, 1]
    assert m.min() > 0
    found = js.distribution(ensemble, "m", 1.0)
    assert found.counts[0] == 0
    np.testing.assert_allclose(found.observed, [(m == k).mean() for k in found.counts])


def test_p_values_are_uniform():
    """Of 200 runs; Kolmogorov-Smirnov at 1e-4 (χ² of whole numbers is nearly continuous here)."""
    p_values = []
    for seed in range(200):
        ensemble = js.simulate(HOHLRAUM, [0.4], 2000, START, seed, workers=1)
        p_values.append(js.distribution(ensemble, "m", 0.4).p_value)
    assert stats.kstest(p_values, "uniform").pvalue > 1e-4


def test_a_wrong_law_is_seen():
    expected = 2000 * stats.binom.pmf(np.arange(9), 8, 0.4)
    assert chi_square_p_value(np.rint(expected), expected, 8) > 0.99
    assert chi_square_p_value(np.roll(np.rint(expected), 1), expected, 8) < 1e-10
    assert chi_square_p_value(np.array([5]), np.array([5.0]), 8) is None


def test_slabs_change_nothing(slabs):
    ensemble = js.simulate(HOHLRAUM, [0.2, 1.0], 300, START, 1)
    whole = js.distribution(ensemble, "N", 0.2)
    slabs(samples=8 * 2 * 2 * 7)
    np.testing.assert_array_equal(js.distribution(ensemble, "N", 0.2).observed, whole.observed)


def test_large_and_few():
    large = js.systems.open_waveguide(100, 100, 1e4, 1e4, (1e7, 0), (1e7, 0))
    found = js.distribution(js.simulate(large, [1e-7], 20, js.Thermal(1.0), 1), "A", 1e-7)
    assert found.exact is None
    assert "in its initial distribution alone" in str(found)
    few = js.distribution(js.simulate(HOHLRAUM, [1.0], 3, START, 1), "m", 1.0)
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
        js.distribution(js.simulate(HOHLRAUM, [1.0], 3, START, 1), *arguments)


def test_classes_of_neighbours(monkeypatch):
    """Seven classes at most, by a plain sum over what falls into each."""
    ensemble = js.simulate(js.systems.hohlraum(50, 20, 1.0), [0.5], 301, {"N": 40, "m": 10}, 1)
    found = js.distribution(ensemble, "N", 0.5)
    m = ensemble.counts[:, 0, 0]
    first, last, observed, low, high, exact = found.grouped(7)
    assert len(first) == -(-len(found.counts) // -(-len(found.counts) // 7)) <= 7
    assert len(set((last - first)[:-1].tolist())) == 1
    np.testing.assert_array_equal(first[1:], last[:-1] + 1)
    assert (first[0], last[-1]) == (found.counts[0], found.counts[-1])
    number = np.array([((m >= a) & (m <= b)).sum() for a, b in zip(first, last, strict=True)])
    np.testing.assert_allclose(observed, number / 301)
    np.testing.assert_allclose([low, high], js.statistics.proportion_interval(number, 301))
    law = js.master_equation(ensemble.model, [0.5], ensemble.initial).marginal("N")[0]
    np.testing.assert_allclose(
        exact, [law[a : b + 1].sum() for a, b in zip(first, last, strict=True)], atol=1e-12
    )
    assert f"mean {m.mean():.5g};" in str(found)
    monkeypatch.setattr(importlib.import_module("jumpsim.plotting.distribution"), "_MAX_CLASSES", 7)
    (axis,) = js.plotting.distribution(found).axes
    np.testing.assert_allclose(axis.containers[0].lines[0].get_xdata(), (first + last) / 2)
    assert axis.get_ylabel() == f"fraction of trajectories in each {first[1] - first[0]} counts"


def test_the_figure_shows_what_was_measured():
    found = js.distribution(js.simulate(HOHLRAUM, [1.0], 200, START, 1), "m", 1.0)
    (axis,) = js.plotting.distribution(found).axes
    bars = axis.containers[0]
    x, y = bars.lines[0].get_data()
    np.testing.assert_allclose(x, found.counts)
    np.testing.assert_allclose(y, found.observed)
    ends = np.array(bars.lines[2][0].get_segments())[:, :, 1]
    np.testing.assert_allclose(ends.T, [found.low, found.high])
    (steps,) = (p for p in axis.patches if hasattr(p, "get_data"))
    np.testing.assert_allclose(steps.get_data().values, found.exact)
    np.testing.assert_allclose(steps.get_data().edges, np.arange(len(x) + 1) - 0.5)

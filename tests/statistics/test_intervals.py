"""Survival with censored waits, and χ² with merged classes, against direct formulas."""

import numpy as np
import pytest
from scipy import stats

from jumpsim.statistics import chi_square_p_value, survival_function


@pytest.mark.parametrize("digits", [1, 15])
def test_survival_is_the_product_limit(digits):
    """Π (1 - d/n) over the times at which waits end; with one digit many durations are equal."""
    rng = np.random.default_rng(1)
    durations = np.round(rng.exponential(size=300), digits)
    ended = rng.random(300) < 0.6
    times = np.array([0.0, 0.1, 0.5, 1.0, 2.0, 9.0])
    expected = []
    for t in times:
        value = 1.0
        for s in np.unique(durations[ended & (durations <= t)]):
            value *= 1 - (durations[ended] == s).sum() / (durations >= s).sum()
        expected.append(value)
    found = survival_function(durations, ended, times)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_survival_without_events():
    times = np.array([0.0, 3.0])
    assert survival_function(np.array([]), np.array([], bool), times).tolist() == [1, 1]
    assert survival_function(np.array([1.0, 2.0]), np.zeros(2, bool), times).tolist() == [1, 1]


def test_small_classes_are_merged():
    observed, expected = np.array([9, 3, 5, 12, 4]), np.array([10.0, 4.0, 7.0, 10.0, 2.0])
    # 10; 4 + 7; 10 and the 2 that are left.
    statistic = 1 / 10 + 9 / 11 + 16 / 12
    assert chi_square_p_value(observed, expected, 10) == pytest.approx(stats.chi2.sf(statistic, 2))
    assert chi_square_p_value(observed, expected, 40) is None

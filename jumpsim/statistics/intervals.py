"""Confidence intervals from counts and order statistics; survival with censored waits."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def proportion_interval(
    successes: ArrayLike, trials: int, confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Interval of a probability from a count of successes (Clopper and Pearson).

    Parameters
    ----------
    successes : array_like of int
    trials : int
    confidence : float

    Returns
    -------
    low, high : ndarray
        Covers at least as often as it says; of width > 0 also for 0 or all successes.
    """
    from scipy.stats import beta  # here, because it takes long to load

    successes = np.asarray(successes)
    tail = (1 - confidence) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(successes == 0, 0.0, beta.ppf(tail, successes, trials - successes + 1))
        high = np.where(successes == trials, 1.0, beta.isf(tail, successes + 1, trials - successes))
    return low, high


def median_interval(
    samples: NDArray[Any], confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Interval of a median from order statistics: covers at least as often as it says.

    Parameters
    ----------
    samples : ndarray, shape (n, ...)
    confidence : float

    Returns
    -------
    low, high : ndarray, shape (...)
        Infinite when there are too few samples for this confidence.
    """
    from scipy.stats import binom

    n = len(samples)
    ordered = np.sort(samples, axis=0)
    rank = int(binom.ppf((1 - confidence) / 2, n, 0.5))  # P(fewer than rank below) ≤ tail
    if rank == 0:
        return np.full(ordered.shape[1:], -np.inf), np.full(ordered.shape[1:], np.inf)
    return ordered[rank - 1], ordered[n - rank]


def survival_function(
    durations: NDArray[np.float64], ended: NDArray[np.bool_], times: ArrayLike
) -> NDArray[np.float64]:
    """Estimate the probability that a wait lasts longer than given times (Kaplan and Meier).

    Parameters
    ----------
    durations : ndarray, shape (n,)
        How long each wait was observed.
    ended : ndarray of bool, shape (n,)
        False for waits that were still going on when the observation stopped (right-censored).
    times : array_like
        In the unit of `durations`.

    Returns
    -------
    ndarray
        Of the shape of `times`.
    """
    from scipy.stats import CensoredData, ecdf  # here, because they take long to load

    waits = CensoredData(uncensored=durations[ended], right=durations[~ended])
    return ecdf(waits).sf.evaluate(times)

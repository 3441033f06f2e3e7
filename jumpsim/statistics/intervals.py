"""Confidence intervals from counts and order statistics; survival functions of censored times."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def proportion_interval(
    successes: ArrayLike, trials: int, confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Confidence interval of a probability from a number of successes (Clopper and Pearson).

    Parameters
    ----------
    successes : array_like of int
        Number of successes.
    trials : int
        Number of trials.
    confidence : float
        Confidence level.

    Returns
    -------
    low, high : ndarray
        Of the shape of `successes`. The coverage is at least `confidence`; the width is > 0 even
        for 0 or `trials` successes.

    Examples
    --------
    >>> from jumpsim import statistics
    >>> low, high = statistics.proportion_interval(0, 100)
    >>> round(float(low), 4), round(float(high), 4)
    (0.0, 0.0362)
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
    """Confidence interval of a median from order statistics.

    Parameters
    ----------
    samples : ndarray, shape (n, ...)
    confidence : float
        Confidence level.

    Returns
    -------
    low, high : ndarray, shape (...)
        The coverage is at least `confidence`. Infinite when there are too few samples.

    Examples
    --------
    >>> import numpy as np
    >>> from jumpsim import statistics
    >>> low, high = statistics.median_interval(np.arange(101))
    >>> int(low), int(high)
    (40, 60)
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
    """Estimate the probability that a waiting time exceeds given times (Kaplan and Meier).

    Parameters
    ----------
    durations : ndarray, shape (n,)
        Time for which each wait was observed.
    ended : ndarray of bool, shape (n,)
        False for waits that had not ended when the observation stopped (right-censored).
    times : array_like
        In the unit of `durations`.

    Returns
    -------
    ndarray
        Of the shape of `times`.

    Examples
    --------
    >>> import numpy as np
    >>> from jumpsim import statistics
    >>> durations, ended = np.array([1.0, 2.0, 2.5]), np.array([True, True, False])
    >>> print(statistics.survival_function(durations, ended, [1.5, 2.2]).round(4))
    [0.6667 0.3333]
    """
    from scipy.stats import CensoredData, ecdf  # here, because they take long to load

    waits = CensoredData(uncensored=durations[ended], right=durations[~ended])
    return ecdf(waits).sf.evaluate(times)

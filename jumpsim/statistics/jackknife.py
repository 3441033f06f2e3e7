"""Errors of estimates by the jackknife over groups of samples, and slopes of ln P(Σ)/P(-Σ)."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEAST_UNUSUAL = 50  # smallest number of values of either sign for a slope
_MOST_SKEWED = 0.25  # largest (skewness)² / number of groups for a symmetric interval


def group_sums(
    slabs: Iterable[NDArray[Any]], groups: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Assign samples to groups in turn, and sum each group.

    Parameters
    ----------
    slabs : iterable of ndarray, shape (n, ...)
        Parts of the samples, one after the other.
    groups : int
        Number of groups.

    Returns
    -------
    numbers : ndarray, shape (groups,)
        Number of samples in each group.
    sums : ndarray, shape (groups, ...)

    Examples
    --------
    >>> import numpy as np
    >>> from jumpsim import statistics
    >>> numbers, sums = statistics.group_sums([np.arange(4.0), np.arange(4.0, 6.0)], groups=2)
    >>> numbers.tolist(), sums.tolist()  # 0 + 2 + 4 and 1 + 3 + 5
    ([3.0, 3.0], [6.0, 9.0])
    """
    numbers, row = np.zeros(groups), 0
    sums: Any = 0.0
    for samples in slabs:
        member = np.eye(groups)[(row + np.arange(len(samples))) % groups]
        numbers += member.sum(axis=0)
        sums = sums + np.tensordot(member.T, samples, axes=1)
        row += len(samples)
    return numbers, sums


def jackknife(
    numbers: NDArray[np.float64], sums: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and its jackknife standard error from sums over groups of samples.

    Parameters
    ----------
    numbers : ndarray, shape (n_groups,)
        Number of samples in each group.
    sums : ndarray, shape (n_groups, ...)
        Sum of the samples in each group.

    Returns
    -------
    mean, error : ndarray, shape (...)

    Examples
    --------
    >>> import numpy as np
    >>> from jumpsim import statistics
    >>> mean, error = statistics.jackknife(np.ones(4), np.array([1.0, 2.0, 3.0, 4.0]))
    >>> round(float(mean), 4), round(float(error), 4)  # error = sqrt(5/3)/2
    (2.5, 0.6455)
    """
    total, n = sums.sum(axis=0), numbers.sum()
    shape = (-1, *([1] * total.ndim))
    return total / n, jackknife_error((total - sums) / (n - numbers).reshape(shape))


def jackknife_error(left_out: NDArray[np.float64]) -> NDArray[np.float64]:
    """Jackknife standard error.

    Parameters
    ----------
    left_out : ndarray, shape (n_groups, ...)
        Estimates from all samples except those of one group.

    Returns
    -------
    ndarray, shape (...)

    Examples
    --------
    >>> import numpy as np
    >>> from jumpsim import statistics
    >>> print(statistics.jackknife_error(np.array([1.0, 2.0, 3.0])).round(4))  # sqrt(4/3)
    1.1547
    """
    return np.sqrt((len(left_out) - 1) * left_out.var(axis=0))


def covering_error(left_out: NDArray[np.float64]) -> NDArray[np.float64]:
    """Jackknife error, enlarged so that the value ± 1.96 errors holds the exact one in 95 %.

    The jackknife error alone is too small for few groups, and where a few of them determine the
    estimate: then the estimate is skewed, and is low when its error is. With the skewness γ of the
    groups' contributions the error is multiplied by 1 + (2 + γ²)/n_groups, which corrects the
    coverage of a symmetric interval to second order (Hall, The Bootstrap and Edgeworth Expansion,
    section 3.6).

    Parameters
    ----------
    left_out : ndarray, shape (n_groups, ...)
        Estimates from all samples except those of one group.

    Returns
    -------
    ndarray, shape (...)
        NaN where γ² exceeds a quarter of the number of groups: only a few of them determine the
        estimate, and no symmetric interval covers.

    Examples
    --------
    >>> import numpy as np
    >>> from jumpsim import statistics
    >>> groups = np.tile([1.0, 2.0], 16)
    >>> ratio = statistics.covering_error(groups) / statistics.jackknife_error(groups)
    >>> round(float(ratio), 4)  # without skewness 1 + 2/32
    1.0625
    """
    away = left_out - left_out.mean(axis=0)
    second, third = (away**2).mean(axis=0), (away**3).mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        skewness = np.where(second > 0, third**2 / second**3, 0.0) / len(left_out)
    error = np.sqrt((len(left_out) - 1) * second) * (1 + 2 / len(left_out) + skewness)
    return np.where(skewness > _MOST_SKEWED, np.nan, error)


def detailed_slope(production: NDArray[np.float64]) -> tuple[float, float]:
    """Slope of ln P(Σ)/P(-Σ) against Σ, by maximum likelihood, and its error.

    According to the detailed fluctuation theorem, Σ is positive with the probability
    1/(1 + exp(-b|Σ|)) for given |Σ|, with the slope b = 1. The slope is estimated by this logistic
    regression, which does not depend on a choice of classes.

    Parameters
    ----------
    production : ndarray, shape (n,)
        Values that are 0 or infinite contain no information and are left out.

    Returns
    -------
    slope, error : float
        NaN with fewer than 50 values of either sign.

    Examples
    --------
    >>> import numpy as np
    >>> from jumpsim import statistics
    >>> slope, error = statistics.detailed_slope(np.repeat([1.0, -1.0], [731, 269]))
    >>> round(float(slope), 2)  # ln(731/269)
    1.0
    """
    from scipy.special import expit  # here, because it takes long to load

    known = production[np.isfinite(production) & (np.abs(production) > 1e-12)]
    size, positive = np.abs(known), known > 0
    if min(positive.sum(), (~positive).sum()) < _LEAST_UNUSUAL:
        return np.nan, np.nan
    slope = 0.0
    for _ in range(100):
        p = expit(slope * size)
        step = (size * (positive - p)).sum() / (size**2 * p * (1 - p)).sum()
        slope += np.clip(step, -0.5, 0.5)
        if abs(step) < 1e-10:
            break
    p = expit(slope * size)
    information = (size**2 * p * (1 - p)).sum()
    # Robust standard error, from the observed variance of the score: it is valid also when the
    # logistic model is not exact.
    return slope, np.sqrt(((size * (positive - p)) ** 2).sum()) / information

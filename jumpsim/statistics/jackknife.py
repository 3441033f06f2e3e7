"""Cumulants, covariances and slopes of samples, with jackknife errors."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEAST_UNUSUAL = 50  # smallest number of values of either sign for a slope


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


def power_sums(
    slabs: Iterable[NDArray[Any]], groups: int, middle: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Assign samples to groups and sum their powers, for `cumulants_of_groups`.

    Parameters
    ----------
    slabs : iterable of ndarray, shape (n, ...)
        Parts of the samples, one after the other.
    groups : int
        Number of groups.
    middle : ndarray, shape (...)
        Subtracted from the samples; a value near the mean avoids a loss of precision.

    Returns
    -------
    numbers : ndarray, shape (groups,)
        Number of samples in each group.
    sums : ndarray, shape (groups, 4, ...)
        Σ (x - middle)^r in each group, r = 1 to 4.

    Examples
    --------
    >>> import numpy as np
    >>> from jumpsim import statistics
    >>> statistics.power_sums([np.array([1.0, 3.0])], 2, np.array(0.0))[1].tolist()
    [[1.0, 1.0, 1.0, 1.0], [3.0, 9.0, 27.0, 81.0]]
    """
    return group_sums((_powers(samples - middle) for samples in slabs), groups)


def cumulants_of_groups(
    numbers: NDArray[np.float64], sums: NDArray[np.float64], middle: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Unbiased cumulants and the Fano factor from power sums of groups, with jackknife errors.

    Parameters
    ----------
    numbers : ndarray, shape (n_groups,)
        Number of samples in each group, about the same in all.
    sums : ndarray, shape (n_groups, 4, ...)
        Σ (x - middle)^r in each group, r = 1 to 4.
    middle : ndarray, shape (...)
        As for `power_sums`.

    Returns
    -------
    values, errors : ndarray, shape (4, ...)
        Fisher's k-statistics, and their standard errors by the jackknife.
    fano, fano_error : ndarray, shape (...)
        Ratio of variance and mean; NaN where the mean is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from jumpsim import statistics
    >>> middle = np.array(2.0)
    >>> sums = statistics.power_sums([np.tile([1.0, 3.0], 20)], 10, middle)
    >>> values, errors, fano, fano_error = statistics.cumulants_of_groups(*sums, middle)
    >>> print(values[:2].round(4))  # mean, and variance 40/39
    [2.     1.0256]
    """
    total, n = sums.sum(axis=0), numbers.sum()
    values = _fisher(n, total)
    left = np.stack([_fisher(n - m, total - s) for m, s in zip(numbers, sums, strict=True)])
    values[0] += middle
    left[:, 0] += middle
    with np.errstate(divide="ignore", invalid="ignore"):
        fano, left_fano = values[1] / values[0], left[:, 1] / left[:, 0]
        fano_error = np.where(values[0] == 0, np.nan, jackknife_error(left_fano))
    return values, jackknife_error(left), np.where(values[0] == 0, np.nan, fano), fano_error


def product_sums(
    slabs: Iterable[NDArray[Any]], groups: int, middle: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Assign samples to groups and sum their products, for `covariance_of_groups`.

    Parameters
    ----------
    slabs : iterable of ndarray, shape (n, ..., P)
        Parts of the samples, one after the other.
    groups : int
        Number of groups.
    middle : ndarray, shape (..., P)
        As for `power_sums`.

    Returns
    -------
    numbers : ndarray, shape (groups,)
        Number of samples in each group.
    first : ndarray, shape (groups, ..., P)
        Σ (x_p - middle_p).
    second : ndarray, shape (groups, ..., P, P)
        Σ (x_p - middle_p) (x_q - middle_q).

    Examples
    --------
    >>> import numpy as np
    >>> from jumpsim import statistics
    >>> samples = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> numbers, first, second = statistics.product_sums([samples], 1, np.zeros(2))
    >>> first.tolist(), second.tolist()
    ([[4.0, 6.0]], [[[10.0, 14.0], [14.0, 20.0]]])
    """
    centred = (samples - middle for samples in slabs)
    one = np.ones((*middle.shape[:-1], 1))
    # The products of (x, 1) with (x, 1) include the sums of x.
    joined = (np.concatenate([x, np.broadcast_to(one, (len(x), *one.shape))], -1) for x in centred)
    numbers, products = group_sums((x[..., :, None] * x[..., None, :] for x in joined), groups)
    return numbers, products[..., :-1, -1], products[..., :-1, :-1]


def covariance_of_groups(
    numbers: NDArray[np.float64], first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Covariance from sums over groups of samples, and its jackknife error.

    Parameters
    ----------
    numbers, first, second : ndarray
        Results of `product_sums`.

    Returns
    -------
    covariance, error : ndarray, shape (..., P, P)
        The divisor of the covariance is n - 1.

    Examples
    --------
    >>> import numpy as np
    >>> from jumpsim import statistics
    >>> samples = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 0.0], [7.0, 2.0]])
    >>> sums = statistics.product_sums([samples], 4, np.zeros(2))
    >>> statistics.covariance_of_groups(*sums)[0].round(4).tolist() == np.cov(
    ...     samples.T
    ... ).round(4).tolist()
    True
    """
    n, a, b = numbers.sum(), first.sum(axis=0), second.sum(axis=0)
    left = [
        _covariance(n - m, a - x, b - y) for m, x, y in zip(numbers, first, second, strict=True)
    ]
    return _covariance(n, a, b), jackknife_error(np.array(left))


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


def _powers(x: NDArray[Any]) -> NDArray[Any]:
    """First to fourth power, (n, 4, ...)."""
    return np.stack([x, x**2, x**3, x**4], axis=1)


def _covariance(n: Any, first: Any, second: Any) -> Any:
    return (second - first[..., :, None] * first[..., None, :] / n) / (n - 1)


def _fisher(n: Any, sums: Any) -> NDArray[Any]:
    """Fisher's k-statistics from power sums (4, ...)."""
    s1, s2, s3, s4 = sums
    k1 = s1 / n
    k2 = (n * s2 - s1**2) / (n * (n - 1))
    k3 = (2 * s1**3 - 3 * n * s1 * s2 + n**2 * s3) / (n * (n - 1) * (n - 2))
    k4 = (
        -6 * s1**4
        + 12 * n * s1**2 * s2
        - 3 * n * (n - 1) * s2**2
        - 4 * n * (n + 1) * s1 * s3
        + n**2 * (n + 1) * s4
    ) / (n * (n - 1) * (n - 2) * (n - 3))
    return np.stack([k1, k2, k3, k4])

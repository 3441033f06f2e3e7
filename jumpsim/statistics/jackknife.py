"""Cumulants, covariances and slopes of samples, with errors from the jackknife."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEAST_UNUSUAL = 50  # smallest number of values of either sign for a slope


def group_sums(
    slabs: Iterable[NDArray[Any]], groups: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distribute samples over groups in turn, and sum each group.

    Parameters
    ----------
    slabs : iterable of ndarray, shape (n, ...)
    groups : int

    Returns
    -------
    numbers : ndarray, shape (groups,)
    sums : ndarray, shape (groups, ...)
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
    """Distribute samples over groups and sum their powers, for `cumulants_of_groups`.

    Parameters
    ----------
    slabs : iterable of ndarray, shape (n, ...)
    groups : int
    middle : ndarray, shape (...)
        Subtracted first; near the mean it keeps the digits.

    Returns
    -------
    numbers : ndarray, shape (groups,)
    sums : ndarray, shape (groups, 4, ...)
    """
    return group_sums((_powers(samples - middle) for samples in slabs), groups)


def cumulants_of_groups(
    numbers: NDArray[np.float64], sums: NDArray[np.float64], middle: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Unbiased cumulants and the Fano factor from power sums of groups, with jackknife errors.

    Parameters
    ----------
    numbers : ndarray, shape (n_groups,)
        Samples in each group, about the same in all.
    sums : ndarray, shape (n_groups, 4, ...)
        Σ (x - middle)^r in each group, r = 1 to 4. A middle near the mean keeps the digits.
    middle : ndarray, shape (...)

    Returns
    -------
    values, errors : ndarray, shape (4, ...)
        Fisher's k-statistics; errors from leaving out one group after the other.
    fano, fano_error : ndarray, shape (...)
        Variance over mean; NaN where the mean is 0.
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
    """Distribute samples over groups and sum their products, for `covariance_of_groups`.

    Parameters
    ----------
    slabs : iterable of ndarray, shape (n, ..., P)
    groups : int
    middle : ndarray, shape (..., P)
        As in `power_sums`.

    Returns
    -------
    numbers : ndarray, shape (groups,)
    first : ndarray, shape (groups, ..., P)
    second : ndarray, shape (groups, ..., P, P)
    """
    centred = (samples - middle for samples in slabs)
    one = np.ones((*middle.shape[:-1], 1))
    # Products of (x, 1) with (x, 1) hold the sums of x as well.
    joined = (np.concatenate([x, np.broadcast_to(one, (len(x), *one.shape))], -1) for x in centred)
    numbers, products = group_sums((x[..., :, None] * x[..., None, :] for x in joined), groups)
    return numbers, products[..., :-1, -1], products[..., :-1, :-1]


def covariance_of_groups(
    numbers: NDArray[np.float64], first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Covariance with divisor n - 1 from `product_sums`, and its jackknife error."""
    n, a, b = numbers.sum(), first.sum(axis=0), second.sum(axis=0)
    left = [
        _covariance(n - m, a - x, b - y) for m, x, y in zip(numbers, first, second, strict=True)
    ]
    return _covariance(n, a, b), jackknife_error(np.array(left))


def jackknife(
    numbers: NDArray[np.float64], sums: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and its standard error from sums over groups of samples.

    Parameters
    ----------
    numbers : ndarray, shape (n_groups,)
    sums : ndarray, shape (n_groups, ...)

    Returns
    -------
    mean, error : ndarray, shape (...)
    """
    total, n = sums.sum(axis=0), numbers.sum()
    shape = (-1, *([1] * total.ndim))
    return total / n, jackknife_error((total - sums) / (n - numbers).reshape(shape))


def jackknife_error(left_out: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard error from estimates that each leave out one group, along the first axis."""
    return np.sqrt((len(left_out) - 1) * left_out.var(axis=0))


def detailed_slope(production: NDArray[np.float64]) -> tuple[float, float]:
    """Slope of ln P(Σ)/P(-Σ) against Σ, by maximum likelihood, and its error.

    The theorem gives a trajectory of known |Σ| the positive sign with probability 1/(1+exp(-b|Σ|)),
    b = 1: a logistic regression, which needs no classes.

    Parameters
    ----------
    production : ndarray, shape (n,)
        Values that are 0 or infinite carry no information and are left out.

    Returns
    -------
    slope, error : float
        NaN with fewer than 50 values of either sign.
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
    # Allows for a wrong model: the spread of the score as it was found.
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

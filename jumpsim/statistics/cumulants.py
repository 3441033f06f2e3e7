"""Cumulants and covariances of counts, with errors that cover or NaN where none does."""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .jackknife import covering_error, group_sums

# Smallest number of samples for an estimate of each order. Below, unknown tails of the distribution
# (such as those of thermal light) make errors too small, whatever the sample looks like.
LEAST_SAMPLES = (0, 200, 1000, 4000)
_LEAST_MEAN = 5.0  # smallest mean, in errors, for a ratio to it
_OF_EQUAL = 3 / 1.96  # rule of three: error of the mean of equal counts, times their number
WHY_UNDECIDED = (
    "undecided: one more trajectory, one count beyond all others, would change the value by more "
    "than its error, or there are too few trajectories ({1} for a variance or covariance, {2} for "
    "a third and {3} for a fourth cumulant)"
).format(*LEAST_SAMPLES)
Floats = NDArray[np.float64]


def power_sums(
    slabs: Iterable[NDArray[Any]], groups: int, middle: Floats
) -> tuple[Floats, Floats, Floats]:
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
    extremes : ndarray, shape (2, ...)
        Smallest and largest sample.

    Examples
    --------
    >>> import numpy as np
    >>> from jumpsim import statistics
    >>> _, sums, extremes = statistics.power_sums([np.array([1.0, 3.0])], 2, np.array(0.0))
    >>> sums.tolist(), extremes.tolist()
    ([[1.0, 1.0, 1.0, 1.0], [3.0, 9.0, 27.0, 81.0]], [1.0, 3.0])
    """
    extremes = _Extremes()
    powers = (_powers(samples - middle) for samples in extremes.of(slabs))
    numbers, sums = group_sums(powers, groups)
    return numbers, sums, extremes.values


def cumulants_of_groups(
    numbers: Floats, sums: Floats, extremes: Floats, middle: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Unbiased cumulants and the Fano factor of counts from power sums of groups, with errors.

    An error is that of `covering_error`, to which r/2 times the change of the estimate of order r
    is added (in squares) that one more sample would cause, one count beyond the largest or the
    smallest one. Rare counts that the sample does not contain are thus part of the error.

    Parameters
    ----------
    numbers : ndarray, shape (n_groups,)
        Number of samples in each group, about the same in all.
    sums : ndarray, shape (n_groups, 4, ...)
        Σ (x - middle)^r in each group, r = 1 to 4.
    extremes : ndarray, shape (2, ...)
        Smallest and largest sample. A smallest one of 0 is the smallest possible count.
    middle : ndarray, shape (...)
        As for `power_sums`.

    Returns
    -------
    values, errors : ndarray, shape (4, ...)
        Fisher's k-statistics, and their standard errors. Both are NaN where no error covers: that
        change exceeds the error, a few samples determine the estimate, or there are fewer than 200
        (second order), 1000 (third) or 4000 samples (fourth). The error of the mean of n equal
        samples is 1.53/n: another count has a probability of less than 3/n (95 % confidence).
    fano, fano_error : ndarray, shape (...)
        Ratio of variance and mean; of second order. Also NaN where the mean is less than five
        errors from 0, as for a net number of events in equilibrium.

    Examples
    --------
    >>> import numpy as np
    >>> from jumpsim import statistics
    >>> samples, middle = np.random.default_rng(1).binomial(20, 0.5, 1200), np.array(10.0)
    >>> sums = statistics.power_sums([samples], 64, middle)
    >>> values, errors, fano, fano_error = statistics.cumulants_of_groups(*sums, middle)
    >>> print(values.round(2), errors.round(2))  # exactly 10, 5, 0; too few for the fourth
    [10.09  4.94  0.92   nan] [0.06 0.2  0.94  nan]
    """
    total, n = sums.sum(axis=0), numbers.sum()
    values = _with_fano(n, total, middle)
    left = np.stack(
        [_with_fano(n - m, total - s, middle) for m, s in zip(numbers, sums, strict=True)]
    )
    change = np.zeros_like(values)
    for sample in _beyond(extremes):
        powers = _powers((sample - middle)[None])[0]
        change = np.fmax(change, np.abs(_with_fano(n + 1, total + powers, middle) - values))
    orders = np.array([1, 2, 3, 4, 2])
    least = np.array([LEAST_SAMPLES[order - 1] for order in orders])
    one = (-1, *([1] * middle.ndim))
    errors = _decided(left, change, (orders / 2).reshape(one), (n >= least).reshape(one))
    errors[0] = np.where(extremes[0] == extremes[1], _OF_EQUAL / n, errors[0])
    known = np.isfinite(errors)
    with np.errstate(invalid="ignore"):
        known[4] &= np.abs(values[0]) > _LEAST_MEAN * errors[0]
    values, errors = np.where(known, values, np.nan), np.where(known, errors, np.nan)
    return values[:4], errors[:4], values[4], errors[4]


def product_sums(
    slabs: Iterable[NDArray[Any]], groups: int, middle: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
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
    extremes : ndarray, shape (2, ..., P)
        Smallest and largest sample.

    Examples
    --------
    >>> import numpy as np
    >>> from jumpsim import statistics
    >>> samples = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> _, first, second, _ = statistics.product_sums([samples], 1, np.zeros(2))
    >>> first.tolist(), second.tolist()
    ([[4.0, 6.0]], [[[10.0, 14.0], [14.0, 20.0]]])
    """
    extremes = _Extremes()
    centred = (samples - middle for samples in extremes.of(slabs))
    one = np.ones((*middle.shape[:-1], 1))
    # The products of (x, 1) with (x, 1) include the sums of x.
    joined = (np.concatenate([x, np.broadcast_to(one, (len(x), *one.shape))], -1) for x in centred)
    numbers, products = group_sums((x[..., :, None] * x[..., None, :] for x in joined), groups)
    return numbers, products[..., :-1, -1], products[..., :-1, :-1], extremes.values


def covariance_of_groups(
    numbers: Floats, first: Floats, second: Floats, extremes: Floats, middle: Floats
) -> tuple[Floats, Floats]:
    """Covariance of counts from sums over groups of samples, and its error.

    Parameters
    ----------
    numbers, first, second, extremes : ndarray
        Results of `product_sums`.
    middle : ndarray, shape (..., P)
        As for `product_sums`.

    Returns
    -------
    covariance, error : ndarray, shape (..., P, P)
        The divisor of the covariance is n - 1. Error, and NaN, as for the second order of
        `cumulants_of_groups`.

    Examples
    --------
    >>> import numpy as np
    >>> from jumpsim import statistics
    >>> samples, middle = np.random.default_rng(1).binomial(20, 0.5, (300, 2)), np.zeros(2)
    >>> sums = statistics.product_sums([samples], 64, middle)
    >>> covariance, error = statistics.covariance_of_groups(*sums, middle)
    >>> np.allclose(covariance, np.cov(samples.T))
    True
    """
    n, a, b = numbers.sum(), first.sum(axis=0), second.sum(axis=0)
    values = _covariance(n, a, b)
    left = [
        _covariance(n - m, a - x, b - y) for m, x, y in zip(numbers, first, second, strict=True)
    ]
    change = np.zeros_like(values)
    for one, other in product(_beyond(extremes), repeat=2):
        x, y = (one - middle)[..., :, None], (other - middle)[..., None, :]
        outer = (a[..., :, None] + x) * (a[..., None, :] + y)
        change = np.fmax(change, np.abs((b + x * y - outer / (n + 1)) / n - values))
    error = _decided(np.array(left), change, 1.0, n >= LEAST_SAMPLES[1])
    return np.where(np.isfinite(error), values, np.nan), error


class _Extremes:
    """Smallest and largest of samples that are read once, in slabs."""

    def __init__(self) -> None:
        self.values: Floats = np.zeros(0)

    def of(self, slabs: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        """The same slabs."""
        for samples in slabs:
            if len(samples):
                found = np.stack([samples.min(axis=0), samples.max(axis=0)]).astype(float)
                if self.values.size:
                    found[0] = np.minimum(found[0], self.values[0])
                    found[1] = np.maximum(found[1], self.values[1])
                self.values = found
            yield samples


def _beyond(extremes: Floats) -> tuple[Floats, Floats]:
    """One count below all samples (never below 0, where no sample is), and one above."""
    low, high = extremes
    return np.where(low == 0, 0.0, low - 1), high + 1


def _decided(left: Floats, change: Floats, factor: Any, enough: Any) -> Floats:
    """Errors of estimates; NaN where one more sample changes them by more than the error."""
    error = covering_error(left)
    with np.errstate(invalid="ignore"):
        known = enough & (change < error)
    return np.where(known, np.hypot(error, factor * change), np.nan)


def _powers(x: NDArray[Any]) -> NDArray[Any]:
    """First to fourth power, (n, 4, ...)."""
    return np.stack([x, x**2, x**3, x**4], axis=1)


def _covariance(n: Any, first: Any, second: Any) -> Any:
    return (second - first[..., :, None] * first[..., None, :] / n) / (n - 1)


def _with_fano(n: Any, sums: Any, middle: Floats) -> Floats:
    """Fisher's k-statistics and the Fano factor from power sums (4, ...), shape (5, ...)."""
    k1, k2, k3, k4 = _fisher(n, sums)
    mean = k1 + middle
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.stack([mean, k2, k3, k4, np.where(mean == 0, np.nan, k2 / mean)])


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

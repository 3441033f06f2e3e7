"""Mathematics on arrays of samples: exact mergeable moments and their errors. No model in here."""

from dataclasses import dataclass

import numpy as np

_WORD = 2**64
_LEAST_UNUSUAL = 50  # values of the rarer sign behind a slope


@dataclass(frozen=True)
class Moments:
    """First and second moments of integer samples, kept as exact sums.

    Because the sums are integers of any size, the result does not depend on how the samples were
    grouped or in which order the groups were added, and nothing cancels.

    Attributes
    ----------
    n : int
        Number of samples (trajectories).
    first : ndarray of Python int, shape (..., P)
        Σ x_p.
    second : ndarray of Python int, shape (..., P, P)
        Σ x_p x_q.
    """

    n: int
    first: np.ndarray
    second: np.ndarray

    @classmethod
    def zero(cls, shape):
        """Moments of no samples, for samples of `shape` (..., P)."""
        first = np.full(shape, 0, object)
        return cls(0, first, np.full((*shape, shape[-1]), 0, object))

    @classmethod
    def of(cls, samples):
        """Moments of integer samples, shape (n, ..., P), |sample| ≤ 2⁵³."""
        from .exact_sums import word_sums  # here, because numba takes long to load

        samples = np.asarray(samples)
        samples = np.ascontiguousarray(samples, np.int32 if samples.dtype == np.int32 else np.int64)
        shape = samples.shape[1:]
        flat = samples.reshape(len(samples), int(np.prod(shape[:-1])), shape[-1])
        first = np.zeros((*flat.shape[1:], 2), np.int64)
        second = np.zeros((*flat.shape[1:], shape[-1], 2), np.int64)
        word_sums(flat, first, second)
        first, second = first.reshape(*shape, 2), second.reshape(*shape, shape[-1], 2)
        return cls.of_sums(len(samples), first, second)

    @classmethod
    def of_sums(cls, n, first, second):
        """Moments from what `sums.word_sums` fills: of each pair of columns only p ≤ q."""
        below = np.tril_indices(second.shape[-2], -1)
        second[..., below[0], below[1], :] = second[..., below[1], below[0], :]
        return cls.from_words(n, first, second)

    def __add__(self, other):
        return Moments(self.n + other.n, self.first + other.first, self.second + other.second)

    def mean(self):
        """Sample mean, shape (..., P), rounded once; NaN for n = 0."""
        if self.n == 0:
            return np.full(self.first.shape, np.nan)
        return (self.first / self.n).astype(float)

    def cov(self):
        """Sample covariance with divisor n-1, shape (..., P, P), rounded once; NaN for n = 1."""
        if self.n < 2:
            return np.full(self.second.shape, np.nan)
        outer = self.first[..., :, None] * self.first[..., None, :]
        return ((self.n * self.second - outer) / (self.n * (self.n - 1))).astype(float)

    def var(self):
        """Sample variance with divisor n-1, shape (..., P)."""
        return np.diagonal(self.cov(), axis1=-2, axis2=-1).copy()

    def sem(self):
        """Standard error of the mean, shape (..., P)."""
        return np.sqrt(self.var() / max(self.n, 1))

    def words(self):
        """Two 64-bit words (high, low) of each sum, for a file: first (..., P, 2), second."""
        return _to_words(self.first), _to_words(self.second)

    @classmethod
    def from_words(cls, n, first, second):
        """Inverse of `words`."""
        return cls(int(n), _from_words(first), _from_words(second))


def _to_words(sums):
    high = np.array([int(s) // _WORD for s in sums.flat], np.int64)
    low = np.array([int(s) % _WORD for s in sums.flat], np.uint64).view(np.int64)
    return np.stack([high, low], -1).reshape(*sums.shape, 2)


def _from_words(words):
    words = np.asarray(words, np.int64)
    low = np.ascontiguousarray(words[..., 1]).view(np.uint64).astype(object)
    return words[..., 0].astype(object) * _WORD + low


def proportion_interval(successes, trials, confidence=0.95):
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


def median_interval(samples, confidence=0.95):
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


def product_limit(weight, ended, last):
    """Probability still to wait, by Kaplan and Meier, from waits sorted by their duration.

    Parameters
    ----------
    weight : ndarray, shape (n,)
    ended : ndarray of bool, shape (n,)
        False for waits that were cut short.
    last : ndarray of int
        Numbers of waits that are over at the times of interest.

    Returns
    -------
    ndarray
        Π (1 - weight/at risk) over the ended waits before each place.
    """
    at_risk = np.cumsum(weight[::-1])[::-1]
    step = np.where(ended & (weight > 0), 1 - weight / np.maximum(at_risk, 1e-300), 1.0)
    return np.append(1.0, np.cumprod(step))[last]


def group_sums(slabs, groups):
    """Deal samples out to groups, one after the other, and sum each group.

    Parameters
    ----------
    slabs : iterable of ndarray, shape (n, ...)
    groups : int

    Returns
    -------
    numbers : ndarray, shape (groups,)
    sums : ndarray, shape (groups, ...)
    """
    numbers, sums, row = np.zeros(groups), 0.0, 0
    for samples in slabs:
        member = np.eye(groups)[(row + np.arange(len(samples))) % groups]
        numbers += member.sum(axis=0)
        sums = sums + np.tensordot(member.T, samples, axes=1)
        row += len(samples)
    return numbers, sums


def power_sums(slabs, groups, middle):
    """Deal samples out to groups and sum their powers, for `cumulants_of_groups`.

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


def cumulants_of_groups(numbers, sums, middle):
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


def product_sums(slabs, groups, middle):
    """Deal samples out to groups and sum their products, for `covariance_of_groups`.

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


def covariance_of_groups(numbers, first, second):
    """Covariance with divisor n - 1 from `product_sums`, and its jackknife error."""
    n, a, b = numbers.sum(), first.sum(axis=0), second.sum(axis=0)
    left = [
        _covariance(n - m, a - x, b - y) for m, x, y in zip(numbers, first, second, strict=True)
    ]
    return _covariance(n, a, b), jackknife_error(np.array(left))


def jackknife(numbers, sums):
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


def jackknife_error(left_out):
    """Standard error from estimates that each leave out one group, along the first axis."""
    return np.sqrt((len(left_out) - 1) * left_out.var(axis=0))


def detailed_slope(production):
    """Slope of ln P(Σ)/P(-Σ) against Σ, by maximum likelihood, and its error.

    The theorem gives a trajectory of known |Σ| the positive sign with probability 1/(1+exp(-b|Σ|)),
    b = 1: a logistic regression, which needs no classes.

    Parameters
    ----------
    production : ndarray, shape (n,)
        Values that are 0 or infinite tell nothing.

    Returns
    -------
    slope, error : float
        NaN with fewer than 50 values of either sign.
    """
    known = production[np.isfinite(production) & (np.abs(production) > 1e-12)]
    size, positive = np.abs(known), known > 0
    if min(positive.sum(), (~positive).sum()) < _LEAST_UNUSUAL:
        return np.nan, np.nan
    slope = 0.0
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.minimum(slope * size, 700)))
        step = (size * (positive - p)).sum() / (size**2 * p * (1 - p)).sum()
        slope += np.clip(step, -0.5, 0.5)
        if abs(step) < 1e-10:
            break
    p = 1 / (1 + np.exp(-np.minimum(slope * size, 700)))
    information = (size**2 * p * (1 - p)).sum()
    # Allows for a wrong model: the spread of the score as it was found.
    return slope, np.sqrt(((size * (positive - p)) ** 2).sum()) / information


def _powers(x):
    """First to fourth power, (n, 4, ...)."""
    return np.stack([x, x**2, x**3, x**4], axis=1)


def _covariance(n, first, second):
    return (second - first[..., :, None] * first[..., None, :] / n) / (n - 1)


def _fisher(n, sums):
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

"""Correlation times from measured autocovariances, with errors or with a reason for none."""

from dataclasses import dataclass

import numpy as np

from ...statistics.jackknife import covering_error
from ...utils.typing import Array, BoolArray

COARSE = 0.5  # smallest C(spacing)/C(0) for an integral by the trapezoidal rule
_SMALL_REST = 0.005  # part of the theory's correlation time that the integral may leave out
_LARGE_REST = 0.05  # part that makes the result undecided
_SIGNIFICANT = 3.0  # errors of the integral over later lags, above which they are included


@dataclass(frozen=True)
class Theory:
    """What a theory says about the decay of the covariances.

    Attributes
    ----------
    times : ndarray, shape (n_pools,)
        Correlation times in seconds.
    rest : ndarray, shape (n_lags, n_pools)
        Part of them that comes from later lags.
    constant : ndarray of bool, shape (n_pools,)
        Whether the covariance keeps a part that does not decay, because totals that never change
        differ between trajectories.
    """

    times: Array
    rest: Array
    constant: BoolArray


def correlation_times(
    numbers: Array, sums: Array, error: Array, step: float, theory: Theory | None
) -> tuple[Array, Array, tuple[str, ...]]:
    """Integrals of the autocovariances, divided by the variances.

    An integral up to the first lag at which C is insignificant would omit a weak slow tail, which
    no error over trajectories shows. It therefore extends at least to twice this lag, and to the
    lag beyond which the theory has 0.5 % of the correlation time; further where the data are
    significantly above 0 there.

    Parameters
    ----------
    numbers : ndarray, shape (n_groups,)
        Number of trajectories in each group.
    sums : ndarray, shape (n_groups, n_lags, n_pools)
        Autocovariances, summed over each group.
    error : ndarray, shape (n_lags, n_pools)
        Errors of the autocovariances.
    step : float
        Spacing of the lags, seconds.
    theory : Theory or None

    Returns
    -------
    times, errors : ndarray, shape (n_pools,)
        Seconds; the error contains that of the trapezoidal rule. NaN where undecided.
    reasons : tuple of str
        Why a time is undecided, else "".
    """
    pools = range(sums.shape[2])
    covariance = sums.sum(axis=0) / numbers.sum()
    times, errors = np.full((2, len(pools)), np.nan)
    reasons = []
    for p in pools:
        reason = _undecided(covariance[:, p], theory, p)
        if not reason:
            left = (sums[:, :, p].sum(axis=0) - sums[:, :, p]) / (numbers.sum() - numbers)[:, None]
            rest = None if theory is None else theory.rest[:, p]
            end = _end(covariance[:, p], left, error[:, p], rest)
            times[p], errors[p] = _integral(covariance[:, p], left, end, step)
            if np.isnan(errors[p]):
                times[p], reason = np.nan, "a few trajectories determine it"
        reasons.append(reason)
    return times, errors, tuple(reasons)


def _undecided(covariance: Array, theory: Theory | None, p: int) -> str:
    """Why no correlation time can be found; "" where it can."""
    if not covariance[0] > 0:
        return "nothing fluctuates"
    if theory is not None and theory.constant[p]:
        return "totals that never change differ between trajectories, so that C does not decay to 0"
    if (part := covariance[1] / covariance[0]) < COARSE:
        return (
            f"the samples are too coarse, C falls to {max(part, 0):.2f} of the variance in one "
            f"spacing, and should not fall below {COARSE:g}; store more times"
        )
    if theory is not None and theory.rest[-1, p] > _LARGE_REST * theory.times[p]:
        part = theory.rest[-1, p] / theory.times[p]
        return f"the run is too short, {part:.0%} of it would come from longer lags"
    return ""


def _end(covariance: Array, left: Array, error: Array, rest: Array | None) -> int:
    """Number of lags of the integral, odd so that every second lag includes both ends."""
    insignificant = covariance < 2 * error
    found = int(insignificant.argmax()) if insignificant.any() else len(covariance)
    end = max(2 * found, 3)
    if rest is not None and np.isfinite(rest).all():
        needed = np.flatnonzero(np.abs(rest) > _SMALL_REST * np.abs(rest[0]))
        end = max(end, int(needed.max(initial=0)) + 2)
    end = min(end, len(covariance))
    later, scatter = covariance[end:].sum(), covering_error(left[:, end:].sum(axis=1))
    if later > _SIGNIFICANT * scatter:
        end = len(covariance)
    return end - (end + 1) % 2


def _integral(covariance: Array, left: Array, end: int, step: float) -> tuple[float, float]:
    """Integral up to a lag, and its error: scatter of the groups, and of the trapezoidal rule."""

    def area(c: Array, every: int = 1) -> Array:
        part: Array = c[..., :end:every]
        ends = 0.5 * (part[..., 0] + part[..., -1])
        return every * step * (part.sum(axis=-1) - ends) / part[..., 0]

    time = float(area(covariance))
    # Twice the spacing has four times the error of the rule.
    rule = (float(area(covariance, 2)) - time) / 3
    return time, float(np.hypot(covering_error(area(left)), rule))

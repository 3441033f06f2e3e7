"""Cumulants of the counts over trajectories, beside linear noise and the master equation."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ...statistics.jackknife import (
    covariance_of_groups,
    cumulants_of_groups,
    power_sums,
    product_sums,
)
from ...store.ensemble import Ensemble
from ...theory.linear_noise import LinearNoise, linear_noise
from ...theory.master_equation import MasterEquation, master_equation
from ...utils.results import Result
from ...utils.tables import columns, log_spaced_rows
from ...utils.text import readable_times, with_error
from ..requirements import if_small, need, need_trajectories

_GROUPS = 64
_LEAST = 8  # trajectories, for a fourth cumulant with an error
_SMALL = 20_000  # states up to which the master equation is solved unasked
_LEAST_DEVIATING = 50  # trajectories that must carry a variance for a score


@dataclass(frozen=True, eq=False, repr=False)
class Fluctuations(Result):
    """Unbiased cumulants with jackknife errors at every stored time.

    Attributes
    ----------
    ensemble : Ensemble
    cumulants, errors : ndarray, shape (4, n_times, n_pools)
        k-statistics of order 1 to 4: mean, variance, third and fourth cumulant.
    fano, fano_error : ndarray, shape (n_times, n_pools)
        Variance over mean; NaN where the mean is 0.
    covariance, covariance_error : ndarray, shape (n_times, n_pools, n_pools)
        Between pools at the same time, divisor n - 1, with jackknife errors.
    noise : LinearNoise
    exact : MasterEquation or None
        Where the system is small enough.
    deviating : ndarray, shape (n_times, n_pools)
        Variance in units of one quantum squared, times trajectories: about how many carry it.
    """

    ensemble: Ensemble
    cumulants: np.ndarray
    errors: np.ndarray
    fano: np.ndarray
    fano_error: np.ndarray
    covariance: np.ndarray
    covariance_error: np.ndarray
    noise: LinearNoise
    exact: MasterEquation | None
    deviating: np.ndarray

    @property
    def theory(self):
        """The master equation, else linear noise."""
        return self.noise if self.exact is None else self.exact

    @property
    def expected(self):
        """Cumulants from the theory, (4, n_times, n_pools); linear noise is Gaussian."""
        if self.exact is not None:
            return self.exact.cumulants
        variance = np.diagonal(self.noise.covariance, axis1=-2, axis2=-1)
        none = np.zeros_like(variance)
        return np.stack([self.noise.mean, variance, none, none])

    @property
    def scores(self):
        """(variance - expected) / error; NaN where too few trajectories carry the variance."""
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = (self.cumulants[1] - self.expected[1]) / self.errors[1]
        return np.where(self.deviating >= _LEAST_DEVIATING, scores, np.nan)

    @property
    def verdict(self) -> str:
        """How the variances agree, in words, with a false-alarm rate."""
        scores = self.scores
        decided = np.isfinite(scores)
        if not decided.any():
            return "undecided: too few trajectories deviate from each other"
        from scipy.stats import norm

        largest, number = float(np.abs(scores[decided]).max()), int(decided.sum())
        threshold = float(norm.isf(0.005 / number))
        agrees = "agree" if largest <= threshold else "DISAGREE"
        name = "linear noise, exact only for large systems"
        if self.exact is not None:
            name = "the master equation"
        return (
            f"variances {agrees} with {name}: the largest of {number} scores is {largest:.2f}, and "
            f"noise alone would exceed {threshold:.2f} somewhere in at most 1% of runs"
        )

    def __str__(self):
        model, times, expected = self.ensemble.model, self.ensemble.times, self.expected
        factor, unit = readable_times(times)
        rows = []
        for k in log_spaced_rows(len(times), 6, from_zero=True):
            for p, name in enumerate(model.pools):
                values = [
                    with_error(value, error, ".5g")
                    for value, error in zip(
                        self.cumulants[:, k, p], self.errors[:, k, p], strict=True
                    )
                ]
                rows.append(
                    (
                        f"{times[k] * factor:.4g}",
                        name,
                        *values[:2],
                        f"{expected[1, k, p]:.5g}",
                        with_error(self.fano[k, p], self.fano_error[k, p], unknown="-"),
                        *values[2:],
                    )
                )
        theory = "linear noise" if self.exact is None else "exact"
        head = (f"time ({unit})", "pool", "mean", "variance", theory, "Fano", "third", "fourth")
        return "\n".join(
            [
                f"cumulants of {self.ensemble.ntraj} trajectories of {model.name} ± standard error",
                "",
                *columns(rows, head, right=(0,)),
                *self._between_pools(theory),
                "",
                self.verdict,
            ]
        )

    def _between_pools(self, theory):
        """Lines on the covariance of every pair of pools at the last time."""
        pools = self.ensemble.model.pools
        rows = [
            (
                f"{pools[p]}, {pools[q]}",
                with_error(self.covariance[-1, p, q], self.covariance_error[-1, p, q], ".5g"),
                f"{self.theory.covariance[-1, p, q]:.5g}",
            )
            for p, q in combinations(range(len(pools)), 2)
        ]
        head = ("pools", "covariance at the last time", theory)
        return ["", *columns(rows, head)] if rows else []


def fluctuations(ensemble, max_states=_SMALL):
    """Cumulants of the counts at every stored time.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "counts"; read in slabs.
    max_states : int
        Size up to which the master equation is solved for comparison; 0 for never.

    Returns
    -------
    Fluctuations
        Printable.

    Raises
    ------
    InputError
        When there are no counts, or fewer than 8 trajectories.
    """
    need(ensemble, "counts", "fluctuations need the counts")
    need_trajectories(ensemble, _LEAST, "four cumulants need")
    noise = linear_noise(ensemble.model, ensemble.times, ensemble.initial)
    middle = np.rint(noise.mean)
    number = min(_GROUPS, ensemble.ntraj)
    groups = power_sums(ensemble.slabs("counts"), number, middle)
    values, errors, ratio, ratio_error = cumulants_of_groups(*groups, middle)
    between = covariance_of_groups(*product_sums(ensemble.slabs("counts"), number, middle))
    exact = if_small(
        master_equation, ensemble.model, ensemble.times, ensemble.initial, max_states=max_states
    )
    return Fluctuations(
        ensemble, values, errors, ratio, ratio_error, *between, noise,
        exact, values[1] * ensemble.ntraj,
    )  # fmt: skip

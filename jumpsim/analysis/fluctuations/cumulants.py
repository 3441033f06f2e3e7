"""Cumulants of the counts over trajectories, compared with linear noise or master equation."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ...statistics.cumulants import (
    WHY_UNDECIDED,
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
from ...utils.typing import Array, BoolArray
from ..requirements import (
    exact_solution,
    optional_theory,
    rate_model,
    require_record,
    require_trajectories,
)

_GROUPS = 64
_MOST_PAIRS = 40  # of pools, in the printed table
_LEAST = 8  # trajectories, for a fourth cumulant with an error
_SMALL = 20_000  # number of states up to which the master equation is solved by default


@dataclass(frozen=True, eq=False, repr=False)
class Fluctuations(Result):
    """Unbiased cumulants with errors at every stored time.

    Values and errors are NaN where they are undecided: see `statistics.cumulants_of_groups`.

    Attributes
    ----------
    ensemble : Ensemble
    cumulants, errors : ndarray, shape (4, n_times, n_pools)
        k-statistics of order 1 to 4 (mean, variance, third and fourth cumulant), and their
        errors. Counts that are fixed at t = 0 are known: cumulants 0 ± 0.
    fano, fano_error : ndarray, shape (n_times, n_pools)
        Variance over mean, and its error; NaN where the mean is 0.
    covariance, covariance_error : ndarray, shape (n_times, n_pools, n_pools)
        Covariance of the pools at the same time (divisor n - 1), and its error.
    noise : LinearNoise or None
        Prediction of linear noise, where it can be calculated.
    exact : MasterEquation or None
        Prediction of the master equation, when the system is small.
    no_exact : str
        Why there is no exact prediction; empty when there is one or none was wanted.
    no_noise : str
        Why there is no linear noise; empty when there is.
    """

    ensemble: Ensemble
    cumulants: Array
    errors: Array
    fano: Array
    fano_error: Array
    covariance: Array
    covariance_error: Array
    noise: LinearNoise | None
    exact: MasterEquation | None
    no_exact: str = ""
    no_noise: str = ""

    @property
    def theory(self) -> LinearNoise | MasterEquation | None:
        """The master equation, or linear noise for a large system; None where both are missing."""
        return self.noise if self.exact is None else self.exact

    @property
    def expected(self) -> Array:
        """Cumulants from the theory, shape (4, n_times, n_pools); linear noise is Gaussian.

        NaN without a theory.
        """
        if self.exact is not None:
            return self.exact.cumulants
        if self.noise is None:
            return np.full(self.cumulants.shape, np.nan)
        variance = np.diagonal(self.noise.covariance, axis1=-2, axis2=-1)
        zero = np.zeros_like(variance)
        return np.stack([self.noise.mean, variance, zero, zero])

    @property
    def scores(self) -> Array:
        """(variance - expected) / error; NaN where the variance is undecided or known."""
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = (self.cumulants[1] - self.expected[1]) / self.errors[1]
        return np.where(self.errors[1] > 0, scores, np.nan)

    @property
    def verdict(self) -> str:
        """Agreement of the variances in words, with its false-alarm rate."""
        if self.theory is None:
            return f"undecided: no theory of the variances; no linear noise: {self.no_noise}"
        scores = self.scores
        decided = np.isfinite(scores)
        if not decided.any():
            return WHY_UNDECIDED
        from scipy.stats import norm

        largest, number = float(np.abs(scores[decided]).max()), int(decided.sum())
        threshold = float(norm.isf(0.005 / number))
        agrees = "agree" if largest <= threshold else "DISAGREE"
        name = "linear noise, exact only for large systems"
        if self.exact is not None:
            name = "the master equation"
        return (
            f"variances {agrees} with {name}: the largest of {number} deviations is {largest:.2f} "
            f"standard errors; by chance alone, some deviation exceeds {threshold:.2f} in at most "
            "1% of runs"
        )

    def __str__(self) -> str:
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
                        "-" if np.isnan(expected[1, k, p]) else f"{expected[1, k, p]:.5g}",
                        with_error(self.fano[k, p], self.fano_error[k, p]),
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
                *self.missing_exact,
                "",
                *([WHY_UNDECIDED] if np.isnan(self.errors).any() else []),
                self.verdict,
            ]
        )

    def _between_pools(self, theory: str) -> list[str]:
        """Lines about the covariance of pairs of pools at the last time: the most significant."""
        pools, value, error = self.ensemble.model.pools, self.covariance[-1], self.covariance_error
        pairs = np.array(list(combinations(range(len(pools)), 2)), int).reshape(-1, 2)
        with np.errstate(divide="ignore", invalid="ignore"):
            significance = np.nan_to_num(np.abs(value / error[-1]), posinf=0.0)[*pairs.T]
        kept = np.sort(np.argsort(-significance, kind="stable")[:_MOST_PAIRS])
        expected = None if self.theory is None else self.theory.covariance[-1]
        rows = [
            (
                f"{pools[p]}, {pools[q]}",
                with_error(value[p, q], error[-1, p, q], ".5g"),
                "-" if expected is None else f"{expected[p, q]:.5g}",
            )
            for p, q in pairs[kept]
        ]
        some = f" ({len(kept)} of {len(pairs)})" if len(kept) < len(pairs) else ""
        head = (f"pools{some}", "covariance at the last time", theory)
        return ["", *columns(rows, head)] if rows else []


def fluctuations(
    ensemble: Ensemble, truncate: Mapping[str, int] | None = None, max_states: int = _SMALL
) -> Fluctuations:
    """Cumulants of the counts at every stored time, compared with theory.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "counts"; read in slabs. At least 8 trajectories.
    truncate : mapping of str to int, optional
        Largest counts of the exact solution; by default they are chosen so that the excluded
        probability is negligible.
    max_states : int
        Number of states up to which the master equation is solved; 0 for never.

    Returns
    -------
    Fluctuations
        Printable.

    Raises
    ------
    InputError
        When counts are not recorded, or there are fewer than 8 trajectories.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="1 Hz")
    >>> run = js.simulate(model, [0.1, 0.5], 200, {"N": 12, "m": 3}, seed=1, progress=False)
    >>> js.fluctuations(run).cumulants.shape  # order, time, pool
    (4, 2, 2)
    """
    require_record(ensemble, "counts", "fluctuations need the counts")
    require_trajectories(ensemble, _LEAST, "four cumulants need")
    noise, no_noise = optional_theory(
        linear_noise, rate_model(ensemble), ensemble.times, ensemble.initial
    )
    middle = np.rint(ensemble.mean() if noise is None else noise.mean)
    number = min(_GROUPS, ensemble.ntraj)
    groups = power_sums(ensemble.slabs("counts"), number, middle)
    values, errors, ratio, ratio_error = cumulants_of_groups(*groups, middle)
    covariance, covariance_error = covariance_of_groups(
        *product_sums(ensemble.slabs("counts"), number, middle), middle
    )
    for known in np.argwhere(_fixed(ensemble)):
        values[1:, *known], errors[:, *known] = 0.0, 0.0
        covariance[*known, :], covariance_error[*known, :] = 0.0, 0.0
        covariance[known[0], :, known[1]], covariance_error[known[0], :, known[1]] = 0.0, 0.0
    exact, no_exact = exact_solution(
        master_equation, ensemble.model, ensemble.times, ensemble.initial, truncate=truncate,
        max_states=max_states,
    )  # fmt: skip
    return Fluctuations(
        ensemble, values, errors, ratio, ratio_error, covariance, covariance_error, noise, exact,
        no_exact, no_noise,
    )  # fmt: skip


def _fixed(ensemble: Ensemble) -> BoolArray:
    """Which counts are known without a sample: those at t = 0 that the start fixes."""
    variance = np.diagonal(ensemble.initial.covariance(ensemble.model))
    return (ensemble.times == 0)[:, None] & (variance == 0)

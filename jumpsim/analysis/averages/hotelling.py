"""One test of all averages together, with the covariance between times and pools."""

from dataclasses import dataclass

import numpy as np

from ...store.ensemble import Ensemble
from ...utils.results import Result
from ...utils.typing import Array, BoolArray

FALSE_ALARM = 0.01  # probability with which an exact theory is rejected
_TRAJECTORIES_PER_AVERAGE = 20
_RANK = 1e-9  # smaller eigenvalues of the correlation matrix are 0, because of conserved totals
_LEAST_DEVIATING = 50


@dataclass(frozen=True, repr=False)
class JointTest(Result):
    """Hotelling's T² of averages against a theory.

    Attributes
    ----------
    averages : int
        Number of tested averages (times and pools).
    dof : int
        Degrees of freedom d: the rank of their correlation matrix.
    statistic : float
        T² of n trajectories; T² (n - d)/(d (n - 1)) is F-distributed with (d, n - d) degrees of
        freedom.
    p_value : float
        Probability of a T² at least as large if the theory is exact.
    """

    averages: int
    dof: int
    statistic: float
    p_value: float

    @property
    def agrees(self) -> bool:
        """Whether the p-value is at least 1 %."""
        return self.p_value >= FALSE_ALARM

    @property
    def facts(self) -> str:
        """Number of averages, and the p-value."""
        return f"{self.averages} averages, p = {self.p_value:.3g}"

    @property
    def verdict(self) -> str:
        """Agreement in words, with its false-alarm rate."""
        return (
            f"joint test (Hotelling's T², {self.averages} averages, {self.dof} degrees of "
            f"freedom): they {'agree' if self.agrees else 'DISAGREE'}, p = {self.p_value:.3g}; "
            f"by chance alone p < {FALSE_ALARM:g} in {FALSE_ALARM:.0%} of runs"
        )

    def __str__(self) -> str:
        return self.verdict


def joint_test(
    ensemble: Ensemble, theory: Array, decided: BoolArray | None = None
) -> JointTest | None:
    """Test averages at all times and pools together against a theory.

    The covariance between times and pools is estimated from the sample. If there are fewer than
    twenty trajectories for each average, only some times are tested, evenly spaced.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "counts" or "expect"; read in slabs.
    theory : ndarray, shape (n_times, n_pools)
        Predicted averages.
    decided : ndarray of bool, shape (n_times, n_pools), optional
        Which averages may be tested; by default those with a sum of squared deviations of at least
        50.

    Returns
    -------
    JointTest or None
        None without recorded samples, with too few trajectories, or without fluctuations.
    """
    from scipy.stats import f as f_distribution

    n, pools = ensemble.ntraj, theory.shape[1]
    most = n // (_TRAJECTORIES_PER_AVERAGE * pools)
    sampled = ensemble.model.samples.record
    if sampled not in ensemble.record or most < 1:
        return None
    times = np.unique(np.linspace(0, len(theory) - 1, min(most, len(theory))).round().astype(int))
    first = np.zeros(len(times) * pools)
    second = np.zeros((len(first), len(first)))
    for samples in ensemble.slabs(sampled):
        deviation = (samples[:, times] - theory[times]).reshape(len(samples), -1)
        first = first + deviation.sum(axis=0)
        second = second + deviation.T @ deviation
    mean = first / n
    covariance = (second - n * np.outer(mean, mean)) / (n - 1)
    variance = np.diagonal(covariance)
    used = variance * (n - 1) >= _LEAST_DEVIATING
    if decided is not None:
        used = decided[times].ravel()
    if not used.any():
        return None
    spread = np.sqrt(variance[used])
    correlation = covariance[np.ix_(used, used)] / np.outer(spread, spread)
    values, vectors = np.linalg.eigh(correlation)
    kept = values > _RANK * values.max()
    scores = vectors.T @ (mean[used] / spread)
    statistic = float(n * (scores[kept] ** 2 / values[kept]).sum())
    d = int(kept.sum())
    p_value = float(f_distribution.sf(statistic * (n - d) / (d * (n - 1)), d, n - d))
    return JointTest(int(used.sum()), d, statistic, p_value)

"""One test of all averages at once, which respects that they belong to the same trajectories."""

from dataclasses import dataclass

import numpy as np

from ...utils.results import Result

FALSE_ALARM = 0.01
_TRAJECTORIES_PER_AVERAGE = 20
_RANK = 1e-9  # eigenvalues of the correlation below this belong to conserved totals
_LEAST_DEVIATING = 50


@dataclass(frozen=True, repr=False)
class JointTest(Result):
    """Hotelling's T² of averages against a theory.

    Attributes
    ----------
    averages : int
        Number of averages (times and pools) that took part.
    dof : int
        Independent directions among them: the rank of their correlation.
    statistic : float
        T², (n - d)/(d (n - 1)) of which is F-distributed with (d, n - d) degrees of freedom.
    p_value : float
        Chance of so large a T² from noise alone.
    """

    averages: int
    dof: int
    statistic: float
    p_value: float

    @property
    def agrees(self):
        """Whether p is not below 1 %."""
        return self.p_value >= FALSE_ALARM

    @property
    def facts(self) -> str:
        """How many averages, and the p-value."""
        return f"{self.averages} averages, p = {self.p_value:.3g}"

    @property
    def verdict(self) -> str:
        """The outcome in words, with its false-alarm rate."""
        return (
            f"all together (Hotelling's T², {self.averages} averages with {self.dof} "
            f"independent directions) they {'agree' if self.agrees else 'DISAGREE'}: p = "
            f"{self.p_value:.3g}, and noise alone gives less than {FALSE_ALARM:g} in "
            f"{FALSE_ALARM:.0%} of runs"
        )

    def __str__(self):
        return self.verdict


def joint_test(ensemble, theory, decided=None):
    """Test averages at all times and pools together against a theory.

    The covariance between times and pools is that of the sample. With fewer than twenty
    trajectories for each average, evenly spaced times are taken.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "counts", or "expect"; read in slabs.
    theory : ndarray, shape (n_times, n_pools)
    decided : ndarray of bool, shape (n_times, n_pools), optional
        Which averages may take part; by default those that enough counts deviate from.

    Returns
    -------
    JointTest or None
        None where there is nothing to test: no samples, too few trajectories, no fluctuation.
    """
    from scipy.stats import f as f_law

    n, pools = ensemble.ntraj, theory.shape[1]
    most = n // (_TRAJECTORIES_PER_AVERAGE * pools)
    sampled = ensemble.model.samples.record
    if sampled not in ensemble.record or most < 1:
        return None
    times = np.unique(np.linspace(0, len(theory) - 1, min(most, len(theory))).round().astype(int))
    first, second = 0.0, 0.0
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
    p_value = float(f_law.sf(statistic * (n - d) / (d * (n - 1)), d, n - d))
    return JointTest(int(used.sum()), d, statistic, p_value)

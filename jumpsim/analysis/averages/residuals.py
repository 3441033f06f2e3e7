"""What every comparison of averages with a theory shares: residuals, their verdict, their table."""

from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ...store.ensemble import Ensemble
from ...utils.results import Result
from .hotelling import FALSE_ALARM, JointTest


@dataclass(frozen=True, eq=False, repr=False)
class Residuals(Result):
    """Averages of an ensemble beside a theory, in standard errors.

    Attributes
    ----------
    ensemble : Ensemble
    mean, sem : ndarray, shape (n_times, n_columns)
        Average samples and their standard errors.
    residuals : ndarray, shape (n_times, n_columns)
        (mean - theory) / sem; NaN where the sample cannot decide.
    threshold : float
        Largest |residual| that noise alone exceeds anywhere with a chance of at most 1 %
        (Bonferroni: it holds however the residuals are correlated).
    joint : JointTest or None
        One test of all averages together, which respects their correlations.
    """

    ensemble: Ensemble
    mean: np.ndarray
    sem: np.ndarray
    residuals: np.ndarray
    threshold: float
    joint: JointTest | None

    @property
    def agrees(self):
        """Whether no residual exceeds the threshold; None when nothing could be compared."""
        if np.isnan(self.residuals).all():
            return None
        return bool(np.nanmax(np.abs(self.residuals)) <= self.threshold)

    def agreement(self, theory):
        """Give the outcome in words, with its false-alarm rate; `theory` is its name."""
        if self.agrees is None:
            return "undecided: too few trajectories deviate from each other to compare anything"
        size = np.abs(self.residuals)
        return (
            f"averages {'agree' if self.agrees else 'DISAGREE'} with the {theory}: the "
            f"largest of {int(np.isfinite(size).sum())} residuals is {np.nanmax(size):.2f} "
            f"standard errors, and noise alone would exceed {self.threshold:.2f} somewhere in at "
            f"most {FALSE_ALARM:.0%} of runs"
        )

    def rows(self, theory, shown, factor):
        """Cells of a table: time, and average, error, theory and residual of every column."""
        for k in shown:
            row = [f"{self.ensemble.times[k] * factor:.4g}"]
            for mean, sem, exact, z in zip(
                self.mean[k], self.sem[k], theory[k], self.residuals[k], strict=True
            ):
                residual = "-" if np.isnan(z) else f"{z:+.2f}"
                row += [f"{mean:.4f}", f"{sem:.4f}", f"{exact:.4f}", residual]
            yield row


def need_error(ensemble):
    """Refuse an ensemble without standard errors."""
    if ensemble.ntraj < 2:
        raise InputError(
            f"a comparison needs 2 trajectories for an error, but there are {ensemble.ntraj}"
        )


def scored(ensemble, theory, decided):
    """Averages, standard errors, residuals where they are decided, and their threshold."""
    from scipy.stats import norm

    mean, sem = ensemble.mean(), ensemble.sem()
    residuals = np.full(mean.shape, np.nan)
    residuals[decided] = (mean - theory)[decided] / sem[decided]
    return mean, sem, residuals, float(norm.isf(FALSE_ALARM / 2 / max(1, decided.sum())))

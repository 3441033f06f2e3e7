"""Base of the comparisons of averages with a theory: residuals, their verdict, their table."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ...store.ensemble import Ensemble
from ...utils.results import Result
from ...utils.typing import Array, BoolArray
from .hotelling import FALSE_ALARM, JointTest


@dataclass(frozen=True, eq=False, repr=False)
class Residuals(Result):
    """Averages of an ensemble compared with a theory, in standard errors.

    Attributes
    ----------
    ensemble : Ensemble
    mean, sem : ndarray, shape (n_times, n_columns)
        Averages of the samples (counts or expectation values) and their standard errors.
    residuals : ndarray, shape (n_times, n_columns)
        (mean - theory) / sem; NaN where the sample is too small for a decision.
    threshold : float
        If the theory is exact, some |residual| exceeds this with a probability of at most 1 %
        (Student's t, with Bonferroni's factor, valid for any correlation of the residuals).
    joint : JointTest or None
        One test of all averages together, which takes their correlations into account.
    """

    ensemble: Ensemble
    mean: Array
    sem: Array
    residuals: Array
    threshold: float
    joint: JointTest | None

    @property
    def agrees(self) -> bool | None:
        """Whether no residual exceeds the threshold; None when nothing could be compared."""
        if np.isnan(self.residuals).all():
            return None
        return bool(np.nanmax(np.abs(self.residuals)) <= self.threshold)

    def agreement(self, theory: str) -> str:
        """Verdict in words, with its false-alarm rate.

        Parameters
        ----------
        theory : str
            Name of the theory.

        Returns
        -------
        str
        """
        if self.agrees is None:
            return "undecided: too few trajectories differ from each other for a comparison"
        size = np.abs(self.residuals)
        return (
            f"averages {'agree' if self.agrees else 'DISAGREE'} with the {theory}: the "
            f"largest of {int(np.isfinite(size).sum())} residuals is {np.nanmax(size):.2f} "
            f"standard errors; by chance alone, some residual exceeds {self.threshold:.2f} in at "
            f"most {FALSE_ALARM:.0%} of runs"
        )

    def rows(self, theory: Array, shown: Iterable[int], factor: float) -> Iterator[list[str]]:
        """Rows of a table: time; average, error, theory and residual of every column.

        Parameters
        ----------
        theory : ndarray, shape (n_times, n_columns)
        shown : iterable of int
            Indices of the times.
        factor : float
            Factor from seconds to the unit of the table.

        Yields
        ------
        list of str
        """
        for k in shown:
            row = [f"{self.ensemble.times[k] * factor:.4g}"]
            for mean, sem, exact, z in zip(
                self.mean[k], self.sem[k], theory[k], self.residuals[k], strict=True
            ):
                residual = "-" if np.isnan(z) else f"{z:+.2f}"
                row += [f"{mean:.4f}", f"{sem:.4f}", f"{exact:.4f}", residual]
            yield row


def require_error(ensemble: Ensemble) -> None:
    """Check that there are standard errors: `InputError` for fewer than two trajectories."""
    if ensemble.ntraj < 2:
        raise InputError(
            f"a comparison needs 2 trajectories for standard errors, but there are {ensemble.ntraj}"
        )


def standardised_residuals(
    ensemble: Ensemble, theory: Array, decided: BoolArray
) -> tuple[Array, Array, Array, float]:
    """Averages, their standard errors, the residuals, and their threshold, see `Residuals`.

    Parameters
    ----------
    ensemble : Ensemble
    theory : ndarray, shape (n_times, n_columns)
    decided : ndarray of bool, shape (n_times, n_columns)
        Where a residual is calculated; elsewhere it is NaN.
    """
    from scipy.stats import t as student

    mean, sem = ensemble.mean(), ensemble.sem()
    residuals = np.full(mean.shape, np.nan)
    residuals[decided] = (mean - theory)[decided] / sem[decided]
    tail = FALSE_ALARM / 2 / max(1, decided.sum())
    return mean, sem, residuals, float(student.isf(tail, ensemble.ntraj - 1))

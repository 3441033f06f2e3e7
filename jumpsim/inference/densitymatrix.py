"""Averages over quantum jumps against the density matrix, in standard errors."""

from dataclasses import dataclass

import numpy as np

from .. import units
from ..ensemble import Ensemble
from ..errors import InputError
from ..tables import columns
from ..theory.twolevel.averages import expectations
from .joint import FALSE_ALARM, JointTest, joint_test

_ROUNDING = 1e-8  # below which expectation values are equal
_LEAST = 50  # trajectories, as many as must carry an average for a normal law


@dataclass(frozen=True, eq=False)
class DensityMatrixComparison:
    """Average expectation values of an ensemble beside those of the density matrix.

    Attributes
    ----------
    ensemble : Ensemble
    theory : ndarray, shape (n_times, n_observables)
        Exact averages.
    mean, sem : ndarray, shape (n_times, n_observables)
        Averages over trajectories and their standard errors.
    residuals : ndarray, shape (n_times, n_observables)
        (mean - theory) / sem; NaN where too few trajectories carry the average.
    threshold : float
        Largest |residual| that noise alone exceeds anywhere with a chance of at most 1 %.
    joint : JointTest or None
        One test of all averages together.
    """

    ensemble: Ensemble
    theory: np.ndarray
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

    @property
    def verdict(self):
        """The outcome in words, with its false-alarm rate."""
        if self.agrees is None:
            return "undecided: too few trajectories deviate from each other to compare anything"
        size = np.abs(self.residuals)
        return (
            f"averages {'agree' if self.agrees else 'DISAGREE'} with the density matrix: the "
            f"largest of {int(np.isfinite(size).sum())} residuals is {np.nanmax(size):.2f} "
            f"standard errors, and noise alone would exceed {self.threshold:.2f} somewhere in at "
            f"most {FALSE_ALARM:.0%} of runs"
        )

    def __str__(self):
        """Table of some times, and the verdict."""
        ensemble, (factor, unit) = self.ensemble, units.readable_times(self.ensemble.times)
        head, rows = [f"time ({unit})"], []
        for name in ensemble.model.observables:
            head += [name, "± s.e.", "exact", "resid."]
        last = len(ensemble.times) - 1
        for k in np.unique(np.linspace(0, last, min(12, last + 1)).round().astype(int)):
            row = [f"{ensemble.times[k] * factor:.4g}"]
            for o in range(len(ensemble.model.observables)):
                z = self.residuals[k, o]
                row += [
                    f"{self.mean[k, o]:.4f}",
                    f"{self.sem[k, o]:.4f}",
                    f"{self.theory[k, o]:.4f}",
                    "-" if np.isnan(z) else f"{z:+.2f}",
                ]
            rows.append(row)
        title = (
            f"{ensemble.ntraj} trajectories of {ensemble.model.name} against the density matrix "
            "(residuals in standard errors)"
        )
        joint = [] if self.joint is None else [str(self.joint)]
        table = columns(rows, head, right=range(len(head)))
        return "\n".join([title, "", *table, "", self.verdict, *joint])


def compare_density_matrix(ensemble):
    """Compare averages over quantum jumps with the density matrix from the same start.

    Parameters
    ----------
    ensemble : Ensemble
        Of `simulate_wavefunction`, recorded with "expect" or "moments".

    Returns
    -------
    DensityMatrixComparison
        Printable; `plotting.comparison` draws it.
    """
    if ensemble.ntraj < 2:
        raise InputError(
            f"a comparison needs 2 trajectories for an error, but there are {ensemble.ntraj}"
        )
    theory = expectations(ensemble.model, ensemble.times, ensemble.initial)
    decided = _carried(ensemble) >= _LEAST
    found = scored(ensemble, theory, decided)
    return DensityMatrixComparison(ensemble, theory, *found, joint_test(ensemble, theory, decided))


def scored(ensemble, theory, decided):
    """Averages, standard errors, residuals where they are decided, and their threshold."""
    from scipy.stats import norm

    mean, sem = ensemble.mean(), ensemble.sem()
    residuals = np.full(mean.shape, np.nan)
    residuals[decided] = (mean - theory)[decided] / sem[decided]
    return mean, sem, residuals, float(norm.isf(FALSE_ALARM / 2 / max(1, decided.sum())))


def _carried(ensemble):
    """How many trajectories carry each average: (Σ d²)²/Σ d⁴ of the deviations d from it."""
    if "expect" not in ensemble.record:  # sums do not tell; all, where there is any deviation
        return np.where(ensemble.var() > _ROUNDING**2, ensemble.ntraj, 0)
    mean, second, fourth = ensemble.mean(), 0.0, 0.0
    for samples in ensemble.slabs("expect"):
        squares = (samples - mean) ** 2
        second, fourth = second + squares.sum(axis=0), fourth + (squares**2).sum(axis=0)
    moving = second > ensemble.ntraj * _ROUNDING**2
    return np.where(moving, second**2 / np.where(moving, fourth, 1.0), 0)

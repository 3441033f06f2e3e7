"""Averages over quantum jumps against the density matrix, in standard errors."""

from dataclasses import dataclass

import numpy as np

from ...theory.twolevel.expectations import expectations
from ...utils.tables import columns
from ...utils.text import readable_times
from .hotelling import joint_test
from .residuals import Residuals, need_error, scored

_ROUNDING = 1e-8  # below which expectation values are equal
_LEAST = 50  # trajectories, as many as must carry an average for a normal law


@dataclass(frozen=True, eq=False, repr=False)
class DensityMatrixComparison(Residuals):
    """Average expectation values of an ensemble beside those of the density matrix.

    Attributes
    ----------
    ensemble, mean, sem, residuals, threshold, joint
        As in `Residuals`; a residual is NaN where too few trajectories carry the average.
    theory : ndarray, shape (n_times, n_observables)
        Exact averages.
    """

    theory: np.ndarray

    @property
    def verdict(self) -> str:
        """The outcome in words, with its false-alarm rate, of each average and of all together."""
        text = self.agreement("density matrix")
        return text if self.joint is None else f"{text}\n{self.joint}"

    def __str__(self):
        """Table of some times, and the verdict."""
        ensemble, (factor, unit) = self.ensemble, readable_times(self.ensemble.times)
        head = [f"time ({unit})"]
        for name in ensemble.model.observables:
            head += [name, "± s.e.", "exact", "resid."]
        last = len(ensemble.times) - 1
        shown = np.unique(np.linspace(0, last, min(12, last + 1)).round().astype(int))
        rows = self.rows(self.theory, shown, factor)
        title = (
            f"{ensemble.ntraj} trajectories of {ensemble.model.name} against the density matrix "
            "(residuals in standard errors)"
        )
        table = columns(rows, head, right=range(len(head)))
        return "\n".join([title, "", *table, "", self.verdict])


def compare_density_matrix(ensemble):
    """Compare averages over quantum jumps with the density matrix from the same start.

    Parameters
    ----------
    ensemble : Ensemble
        Of quantum jumps, recorded with "expect" or "moments".

    Returns
    -------
    DensityMatrixComparison
        Printable; `plotting.compare` draws it.
    """
    need_error(ensemble)
    theory = expectations(ensemble.model, ensemble.times, ensemble.initial)
    decided = _carried(ensemble) >= _LEAST
    found = scored(ensemble, theory, decided)
    return DensityMatrixComparison(ensemble, *found, joint_test(ensemble, theory, decided), theory)


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

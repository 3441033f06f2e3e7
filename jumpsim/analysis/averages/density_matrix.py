"""Averages over quantum-jump trajectories compared with the density matrix."""

from dataclasses import dataclass
from typing import cast

import numpy as np

from ...store.ensemble import Ensemble
from ...systems.twolevel.quantum_jumps import TwoLevel
from ...theory.twolevel.expectations import expectations
from ...utils.tables import columns
from ...utils.text import readable_times
from ...utils.typing import Array
from .hotelling import joint_test
from .residuals import Residuals, require_error, standardised_residuals

_ROUNDING = 1e-8  # expectation values that differ by less are equal
_LEAST = 50  # effective number of trajectories for a normally distributed average


@dataclass(frozen=True, eq=False, repr=False)
class DensityMatrixComparison(Residuals):
    """Average expectation values of an ensemble compared with those of the density matrix.

    Attributes
    ----------
    ensemble, mean, sem, residuals, threshold, joint
        As in `Residuals`; a residual is NaN where the average is determined by fewer than 50
        trajectories.
    theory : ndarray, shape (n_times, n_observables)
        Exact averages, from the density matrix.
    """

    theory: Array

    @property
    def verdict(self) -> str:
        """Agreement in words, with false-alarm rates: each average, and all averages together."""
        text = self.agreement("density matrix")
        return text if self.joint is None else f"{text}\n{self.joint}"

    def __str__(self) -> str:
        ensemble, (factor, unit) = self.ensemble, readable_times(self.ensemble.times)
        model = cast("TwoLevel", ensemble.model)
        head = [f"time ({unit})"]
        for name in model.observables:
            head += [name, "± s.e.", "exact", "resid."]
        last = len(ensemble.times) - 1
        shown = np.unique(np.linspace(0, last, min(12, last + 1)).round().astype(int))
        rows = self.rows(self.theory, shown, factor)
        title = (
            f"{ensemble.ntraj} trajectories of {model.name} compared with the density matrix "
            "(residuals in standard errors)"
        )
        table = columns(rows, head, right=range(len(head)))
        return "\n".join([title, "", *table, "", self.verdict])


def compare_density_matrix(ensemble: Ensemble) -> DensityMatrixComparison:
    """Compare averages over quantum-jump trajectories with the density matrix of the same start.

    Parameters
    ----------
    ensemble : Ensemble
        Of a model with quantum jumps, recorded with "expect", "moments" or "variances".

    Returns
    -------
    DensityMatrixComparison
        Printable; `plotting.compare` draws it.

    Raises
    ------
    InputError
        When there are fewer than two trajectories.
    """
    require_error(ensemble)
    model = cast("TwoLevel", ensemble.model)
    theory = expectations(model, ensemble.times, ensemble.initial)
    decided = _effective_number(ensemble) >= _LEAST
    found = standardised_residuals(ensemble, theory, decided)
    return DensityMatrixComparison(ensemble, *found, joint_test(ensemble, theory, decided), theory)


def _effective_number(ensemble: Ensemble) -> Array:
    """Effective number of trajectories of each average: (Σ d²)²/Σ d⁴ with deviations d from it."""
    if "expect" not in ensemble.record:  # Σ d⁴ is unknown: all, where there are deviations
        return np.where(ensemble.var() > _ROUNDING**2, ensemble.ntraj, 0)
    mean = ensemble.mean()
    second, fourth = np.zeros_like(mean), np.zeros_like(mean)
    for samples in ensemble.slabs("expect"):
        squares = (samples - mean) ** 2
        second, fourth = second + squares.sum(axis=0), fourth + (squares**2).sum(axis=0)
    moving = second > ensemble.ntraj * _ROUNDING**2
    return np.where(moving, second**2 / np.where(moving, fourth, 1.0), 0)

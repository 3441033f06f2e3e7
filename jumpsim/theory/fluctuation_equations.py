"""Linear equations of fluctuations along the solution of the rate equations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..model.model import Model
from ..utils.typing import Array
from . import ode

_STEP = 1e-30  # of complex derivatives, which have no error of cancellation
_LEAST_EVALUATIONS = 2000  # that the tolerance of the integration needs in any case
_LEAST = 1e-12  # quanta; fluctuations of smaller counts are resolved to this number only


@dataclass(frozen=True, eq=False)
class Scale:
    """Expected size of the fluctuations of each pool, in units of which covariances are solved.

    Covariances are differences of large terms, and begin at 0. So neither their values nor the
    start give a tolerance; with the unit r² = N + a N² (which is the variance of Poisson or thermal
    counts, or of the start) all are of order one, whatever the counts.
    """

    table: Any
    excess: Array

    @classmethod
    def of(cls, model: Model, mean: Array, variance: Array) -> "Scale":
        """Scale for the mean and the variance of each pool at the start."""
        excess = np.maximum(variance - mean, 0) / np.maximum(mean, _LEAST) ** 2
        return cls(model.table, excess)

    def at(self, counts: Array) -> Array:
        """Unit r of each pool at these counts, (..., n_pools)."""
        counts = np.maximum(counts, 0)
        return np.sqrt(_LEAST + counts + self.excess * counts**2)

    def jacobian(self, counts: Array) -> Array:
        """Jacobian for deviations that are measured in the units r, which change in time."""
        unit = self.at(counts)
        growth = (1 + 2 * self.excess * np.maximum(counts, 0)) / (2 * unit**2)
        matrix = self.table.jacobian(counts) * unit / unit[:, None]
        return matrix - np.diag(growth * self.table.drift(counts))


def solve_along(
    model: Model, times: Array, start: Array, first: Array,
    derivative: Callable[[Array, Array], Array], jacobian: Callable[[Array], Array],
) -> tuple[Array, Array]:  # fmt: skip
    """Solve the rate equations with a linear equation dX/dt of a matrix X along the solution.

    Parameters
    ----------
    model : Model
    times : ndarray, shape (n_times,)
        Seconds, increasing, ≥ 0.
    start : ndarray, shape (n_pools,)
        Counts at t = 0.
    first : ndarray, shape (n_pools, n_pools)
        X at t = 0, of order one.
    derivative : callable
        Takes counts and X and returns dX/dt.
    jacobian : callable
        Takes counts and returns the matrix of the linear equation, for the entries of X in a row.

    Returns
    -------
    counts : ndarray, shape (n_times, n_pools)
    X : ndarray, shape (n_times, n_pools, n_pools)

    Raises
    ------
    InputError
        When the solution diverges, or would take too many evaluations.
    """
    pools, table = len(start), model.table

    def both(y: Array) -> Array:
        counts = y[:pools]
        matrix = derivative(counts, y[pools:].reshape(pools, pools))
        return np.concatenate([table.drift(counts), matrix.reshape(-1)])

    def derivatives(y: Array) -> Array:
        counts, matrix = y[:pools], y[pools:].reshape(pools, pools)
        out = np.zeros((len(y), len(y)))
        out[:pools, :pools] = table.jacobian(counts)
        out[pools:, pools:] = jacobian(counts)
        for p, direction in enumerate(1j * _STEP * np.eye(pools)):
            out[pools:, p] = derivative(counts + direction, matrix).reshape(-1).imag / _STEP
        return out

    smallest = np.concatenate([np.full(pools, ode.SMALLEST), np.full(pools**2, ode.RELATIVE)])
    y = np.concatenate([start, first.reshape(-1)])
    most = ode.most_evaluations(len(y))
    if most < _LEAST_EVALUATIONS:
        raise InputError(
            f"the linear noise of {model.name} with {pools} pools or individual two-level systems "
            f"has {len(y):,} unknowns, which are too many"
        )
    if len(y) > ode.MOST_UNKNOWNS:
        # A step of the explicit method has 12 evaluations, and is stable up to 6 decay times of the
        # fastest deviation; covariances decay twice as fast.
        fastest = np.abs(np.linalg.eigvals(table.jacobian(start))).max()
        expected = 12 / 6 * 2 * fastest * float(times[-1])
        if expected > most:
            raise InputError(
                f"the linear noise of {model.name} with {pools} pools up to {times[-1]:g} s would "
                f"take about {expected:.2g} evaluations, but at most "
                f"{most:,} are made; choose an earlier last time, or "
                "`stationary_noise`"
            )
    solution = ode.solve(model, times, y, both, derivatives, smallest=smallest)
    return solution[:, :pools], solution[:, pools:].reshape(-1, pools, pools)

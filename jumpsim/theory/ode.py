"""Integration of the ordinary differential equations of the theories."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import InputError
from ..utils.typing import Array

_UNBOUNDED = 2.0**60  # a larger solution counts as divergent; simulations end at 2^53


def solve(
    model: Any,
    times: Array,
    start: Array,
    derivative: Callable[[Array], Array],
    jacobian: Callable[[Array], Array] | None = None,
) -> Array:
    """Solve dy/dt = derivative(y) from t = 0 with a relative tolerance of 1e-11.

    Parameters
    ----------
    model : Model
        Its name appears in error messages.
    times : ndarray, shape (n_times,)
        Seconds, increasing, ≥ 0.
    start : ndarray, shape (n,)
        y at t = 0.
    derivative, jacobian : callable
        Take y and return dy/dt, shape (n,), and its matrix of derivatives, shape (n, n).

    Returns
    -------
    ndarray, shape (n_times, n)
        y at each time.

    Raises
    ------
    InputError
        When the solution diverges before the last time.
    """
    from scipy.integrate import solve_ivp  # here, because it takes long to load

    if times[-1] == 0:
        return start[None, :].copy()

    def bounded(_: float, y: Array) -> Array:
        if np.abs(y).max() > _UNBOUNDED:
            raise OverflowError  # near a singularity the time step would go to 0
        return derivative(y)

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # a failure raises InputError below
        try:
            solution = solve_ivp(
                bounded,
                (0.0, float(times[-1])),
                start,
                method="LSODA",
                jac=None if jacobian is None else lambda _, y: jacobian(y),
                t_eval=times,
                rtol=1e-11,
                atol=1e-14 * max(1.0, float(np.abs(start).max())),
            )
        except OverflowError:
            solution = None
    if solution is None or not solution.success or not np.isfinite(solution.y).all():
        raise InputError(
            f"the rate equations of {model.name} could not be solved up to {times[-1]:g} s: "
            "the solution diverges or changes too fast; choose an earlier last time"
        )
    return solution.y.T

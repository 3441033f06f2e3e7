"""Integration of the ordinary differential equations of the theories."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InputError
from ..utils.typing import Array

RELATIVE = 1e-11  # relative tolerance of each step
# Absolute tolerance of counts, in quanta. A smaller count is not resolved. Even the largest one
# decays to it in less than a hundred lifetimes, so that a small tolerance costs few steps.
SMALLEST = 1e-25
_UNBOUNDED = 2.0**60  # a larger solution counts as divergent; simulations end at 2^53
_MOST_UNKNOWNS = 3000  # of an implicit method, which keeps a full matrix of derivatives
_MOST_EVALUATIONS = 10**6
_MOST_WORK = 10**11  # limit of evaluations · unknowns^(3/2), some minutes


def solve(
    model: Any,
    times: Array,
    start: Array,
    derivative: Callable[[Array], Array],
    jacobian: Callable[[Array], Array] | None = None,
    *,
    smallest: ArrayLike = SMALLEST,
) -> Array:
    """Solve dy/dt = derivative(y) from t = 0 with a relative tolerance of 1e-11 for each unknown.

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
    smallest : float or ndarray, shape (n,)
        Absolute tolerance of each unknown. It must be far below the values that matter, because
        unknowns that begin at 0 give no scale; but above the rounding errors of an unknown whose
        value is a difference of large terms.

    Returns
    -------
    ndarray, shape (n_times, n)
        y at each time.

    Raises
    ------
    InputError
        When the solution diverges before the last time, or takes too many steps.

    Notes
    -----
    LSODA takes small steps only as long as fast changes last, and then implicit ones. With more
    than 3000 unknowns an explicit method is used, for which stiff equations take too many steps.
    """
    from scipy.integrate import solve_ivp  # here, because it takes long to load

    if times[-1] == 0:
        return start[None, :].copy()
    left = most_evaluations(len(start))

    def bounded(_: float, y: Array) -> Array:
        nonlocal left
        left -= 1
        if left < 0 or np.abs(y).max() > _UNBOUNDED:
            raise OverflowError  # near a singularity the time step would go to 0
        return derivative(y)

    implicit = len(start) <= _MOST_UNKNOWNS
    matrix = {"jac": lambda _, y: jacobian(y)} if implicit and jacobian is not None else {}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # a failure raises InputError below
        try:
            solution = solve_ivp(
                bounded,
                (0.0, float(times[-1])),
                start,
                method="LSODA" if implicit else "DOP853",
                t_eval=times,
                rtol=RELATIVE,
                atol=smallest,
                **matrix,
            )
        except OverflowError:
            solution = None
    if solution is not None and solution.success and np.isfinite(solution.y).all():
        return solution.y.T
    reason = (
        "the solution diverges or changes too fast"
        if left >= 0
        else f"more than {most_evaluations(len(start)):,} evaluations would be needed"
    )
    raise InputError(
        f"the rate equations of {model.name} could not be solved up to {times[-1]:g} s: {reason}; "
        "choose an earlier last time"
    )


def most_evaluations(unknowns: int) -> int:
    """Number of evaluations of the derivative after which `solve` gives up.

    Parameters
    ----------
    unknowns : int

    Returns
    -------
    int
    """
    return min(_MOST_EVALUATIONS, int(_MOST_WORK / unknowns**1.5))

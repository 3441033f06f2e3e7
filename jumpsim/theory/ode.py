"""Integration of the ordinary differential equations of the theories."""

import warnings
from collections.abc import Callable, Iterator
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
MOST_UNKNOWNS = 3000  # of an implicit method, which keeps a full matrix of derivatives
_LSODA_TRIAL, _BDF_TRIAL = 20_000, 5_000  # evaluations before the next method is tried
_MOST_EVALUATIONS = 10**6
_MOST_WORK = 5 * 10**10  # limit of evaluations · unknowns^(3/2), about a minute


def solve(
    model: Any,
    times: Array,
    start: Array,
    derivative: Callable[[Array], Array],
    jacobian: Callable[[Array], Array] | None = None,
    *,
    smallest: ArrayLike = SMALLEST,
    sparse_jacobian: Callable[[Array], Any] | None = None,
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
    sparse_jacobian : callable, optional
        Like `jacobian`, but returns a sparse array; it is used for many unknowns.

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
    The method is LSODA, which takes small steps only as long as fast changes last, and then
    implicit ones. From a state in which the fast changes are over it may not notice that implicit
    steps would be larger; after many evaluations BDF is tried, and the faster one goes on. With
    more than 3000 unknowns an explicit method is used, for which stiff equations take too many
    steps, or, if there is a sparse Jacobian, whichever of it and BDF is faster.
    """
    if times[-1] == 0:
        return start[None, :].copy()
    limit = most_evaluations(len(start))
    calls, out, done = 0, np.empty((len(times), len(start))), 0
    many = len(start) > MOST_UNKNOWNS

    def bounded(_: float, y: Array) -> Array:
        nonlocal calls
        calls += 1
        if calls > limit or (not many and np.abs(y).max() > _UNBOUNDED):
            raise ArithmeticError  # near a singularity the time step would go to 0
        return derivative(y)

    out[0] = start  # for a first time of 0
    done = int(times[0] == 0)
    try:
        matrix = sparse_jacobian if many else jacobian
        for step in steps(bounded, start, float(times[-1]), matrix, smallest, many):
            # An explicit method may try too large a step, and reject it.
            if np.abs(step.y).max() > _UNBOUNDED:
                break
            reached = int(np.searchsorted(times, step.t, side="right"))
            if reached > done:
                out[done:reached] = step.dense_output()(times[done:reached]).T
                done = reached
    except ArithmeticError:
        pass
    if done == len(times) and np.isfinite(out).all():
        return out
    reason = (
        f"more than {limit:,} evaluations of {len(start):,} unknowns would be needed"
        if calls > limit
        else "the solution diverges or changes too fast"
    )
    raise InputError(
        f"the rate equations of {model.name} could not be solved up to {times[-1]:g} s: {reason}; "
        "choose an earlier last time"
    )


def steps(
    derivative: Callable[[float, Array], Array],
    start: Array,
    end: float,
    jacobian: Callable[[Array], Array] | None = None,
    smallest: ArrayLike = SMALLEST,
    is_sparse: bool = False,
) -> Iterator[Any]:
    """Steps of the integration of dy/dt = derivative(t, y) from t = 0, as for `solve`.

    Parameters
    ----------
    derivative : callable
        Takes t and y; an exception that it raises ends the integration.
    start : ndarray, shape (n,)
        y at t = 0.
    end : float
        Last time, seconds.
    jacobian, smallest
        As for `solve`.
    is_sparse : bool
        Whether `jacobian` returns a sparse array.

    Yields
    ------
    scipy.integrate.OdeSolver
        After each step, with the time `t` and the solution `y`.

    Raises
    ------
    ArithmeticError
        When a step fails.
    """
    from scipy.integrate import BDF, DOP853, LSODA  # here, because they take long to load

    calls, time, y = 0, 0.0, start
    speeds: dict[Any, float] = {}  # seconds of the solution per evaluation; -1 after a failure
    implicit = len(start) <= MOST_UNKNOWNS and not is_sparse

    def counted(time: float, y: Array) -> Array:
        nonlocal calls
        calls += 1
        return derivative(time, y)

    options: dict[str, Any] = {"rtol": RELATIVE, "atol": smallest}
    trials = {LSODA: _LSODA_TRIAL, BDF: _BDF_TRIAL} if implicit else {DOP853: np.inf}
    if is_sparse and jacobian is not None:
        trials = {DOP853: _LSODA_TRIAL, BDF: _BDF_TRIAL}
    matrix = {} if jacobian is None else {"jac": lambda _, y: jacobian(y)}
    while time < end:
        untried = [m for m in trials if m not in speeds]
        method = untried[0] if untried else max(speeds, key=lambda m: speeds[m])
        most = trials[method] if untried else np.inf
        if not np.isfinite(y).all():
            raise ArithmeticError
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            try:
                more = {} if method is DOP853 else matrix
                solver = method(counted, time, y, end, **options, **more)
            except ValueError:  # derivatives that are not finite
                raise ArithmeticError from None
        first = calls
        while solver.status == "running" and calls - first < most:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")  # a failure is noticed by the status
                try:
                    solver.step()
                except ValueError:  # derivatives that are not finite
                    raise ArithmeticError from None
            if solver.status != "failed":
                yield solver
        failed = solver.status == "failed"
        speeds[method] = -1.0 if failed else (solver.t - time) / max(1, calls - first)
        if failed and (not untried or (len(untried) == 1 and max(speeds.values()) < 0)):
            raise ArithmeticError
        time, y = solver.t, solver.y


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

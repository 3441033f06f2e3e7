"""Solution of linear equations of a generator by the elimination of states.

The elimination of Grassmann, Taksar and Heyman (Oper. Res. 33, 1107 (1985)) removes one state after
the other and adds the paths through it to the rates of the other states. It adds, multiplies and
divides positive numbers only, so that every result has a small relative error, however much the
rates differ. It needs the full matrix. For many states a sparse factorisation is used instead, and
the result is refused when a check shows that it lost too many digits.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import InputError
from ..utils.typing import Array
from .cost import check_cost
from .transitions import Transitions

_FULL = 1_000  # states up to which the full matrix is always used
_LARGEST_FULL = 5_000  # states up to which it replaces an inaccurate sparse factorisation
_BLOCK = 64  # states that are eliminated before the other rates are updated
_ACCURATE = 1e-9  # largest relative error that the checks of a sparse factorisation accept
_OPERATIONS = 5e9  # per second, of either factorisation


def time_in_states(transitions: Transitions, max_seconds: float) -> Callable[[Array], Array]:
    """Function that solves -G x = b, for states from which all probability is finally removed.

    For a distribution b at t = 0, x is the mean total time that is spent in each state.

    Parameters
    ----------
    transitions : Transitions
        From every state, a state with a loss > 0 can be reached.
    max_seconds : float
        Largest estimated computing time.

    Returns
    -------
    callable
        Takes b, an ndarray (n,) of elements ≥ 0, and returns x, (n,).

    Raises
    ------
    InputError
        When the estimated computing time is too long, or the rates differ so much that the result
        would be wrong.
    """
    n = len(transitions)
    if n <= _FULL:
        return _eliminated(transitions, max_seconds)
    from scipy.sparse.linalg import splu

    _check_fill(transitions, max_seconds)
    try:
        factors = splu((-transitions.matrix).tocsc())
    except RuntimeError:  # exactly singular by rounding
        factors = None
    full: list[Callable[[Array], Array]] = []

    def solve(b: Array) -> Array:
        x = np.full(n, np.nan) if factors is None else factors.solve(b)
        # All probability must be removed in the end.
        if (
            abs(transitions.loss @ x / b.sum() - 1) < _ACCURATE
            and (x >= -_ACCURATE * x.max()).all()
        ):
            return np.maximum(x, 0.0)
        if not full:
            full.append(_eliminated(transitions, max_seconds))
        return full[0](b)

    return solve


def null_vector(transitions: Transitions, max_seconds: float) -> Array:
    """Stationary distribution of states all of which can be reached from each other.

    Parameters
    ----------
    transitions : Transitions
        Without loss.
    max_seconds : float
        Largest estimated computing time.

    Returns
    -------
    ndarray, shape (n,)
        Probabilities p with G p = 0.

    Raises
    ------
    InputError
        As for `time_in_states`.
    """
    n = len(transitions)
    if n == 1:
        return np.ones(1)
    if n > _FULL:
        _check_fill(transitions, max_seconds)
        # Rounding errors of the factorisation differ when all rates are divided by 3.
        first, second = (_sparse_null_vector(transitions.matrix / scale) for scale in (1.0, 3.0))
        if np.abs(first - second).sum() < _ACCURATE:
            return first
    _check_full(n, max_seconds)
    rates, away = _eliminate(transitions)
    p = np.ones(n)
    for k in range(n - 2, -1, -1):
        p[k] = rates[k, k + 1 :] @ p[k + 1 :] / away[k]
        if p[k] > 1e200:
            p[k:] /= p[k]
    return p / p.sum()


def _eliminated(transitions: Transitions, max_seconds: float) -> Callable[[Array], Array]:
    from scipy.linalg import solve_triangular

    _check_full(len(transitions), max_seconds)
    rates, away = _eliminate(transitions)
    lower = -np.tril(rates, -1) / away  # the diagonal is 1
    upper = np.diag(away) - np.triu(rates, 1)

    def solve(b: Array) -> Array:
        collected = solve_triangular(lower, b, lower=True, unit_diagonal=True, check_finite=False)
        return solve_triangular(upper, collected, check_finite=False)

    return solve


def _eliminate(transitions: Transitions) -> tuple[Array, Array]:
    """Rates after the elimination of the states in their order, and rates of leaving.

    Row k to the right of the diagonal holds the rates into state k from later states, column k
    below it the rates from k to later states, both without visits to states before k; the rate of
    leaving is that to all later states and out of the system. The last one is 0 without loss.
    """
    n = len(transitions)
    rates = np.vstack([transitions.rates.toarray(), transitions.loss[None, :]])
    away = np.empty(n)
    for begin in range(0, n, _BLOCK):
        end = min(begin + _BLOCK, n)
        for k in range(begin, end):
            away[k] = rates[k + 1 :, k].sum()
            if k + 1 == n:
                break
            share = rates[k + 1 :, k] / away[k]
            rates[k + 1 :, k + 1 : end] += np.outer(share, rates[k, k + 1 : end])
            inside = end - k - 1
            rates[k + 1 : end, end:] += np.outer(share[:inside], rates[k, end:])
        if end < n:
            rates[end:, end:] += (rates[end:, begin:end] / away[begin:end]) @ rates[begin:end, end:]
    return rates[:n], away


def _check_full(n: int, max_seconds: float) -> None:
    if n > _LARGEST_FULL:
        raise InputError(
            f"the rates of the {n} states differ by so many orders of magnitude that a sparse "
            f"factorisation is inaccurate, and the exact elimination is limited to {_LARGEST_FULL} "
            "states; make the system smaller"
        )
    check_cost(n**3 * 2 / 3 / _OPERATIONS, max_seconds, f"the elimination of {n} states")


def _check_fill(transitions: Transitions, max_seconds: float) -> None:
    """Check the cost of a sparse factorisation, whose fill-in is bounded by the bandwidth."""
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    pattern = (transitions.rates + transitions.rates.T).tocsr()
    order = reverse_cuthill_mckee(pattern, symmetric_mode=True)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    coo = pattern.tocoo()
    band = np.abs(place[coo.row] - place[coo.col])
    # The sum over columns of the square of the number of rows below the diagonal.
    width = np.zeros(len(order), np.int64)
    np.maximum.at(width, np.minimum(place[coo.row], place[coo.col]), band)
    seconds = float((width.astype(float) ** 2).sum()) * 2 / _OPERATIONS
    check_cost(seconds, max_seconds, f"the sparse factorisation of {len(order)} states")


def _sparse_null_vector(generator: Any) -> Array:
    """Null vector of a generator, by a sparse factorisation.

    The probability of one state is set to 1, which leaves linear equations with an M-matrix. It
    must be a probable state: the relative error is inversely proportional to its probability.
    """
    pinned = _likely(generator)
    for _ in range(10):
        distribution = _pinned(generator, pinned)
        if not np.isfinite(distribution).all():
            return np.full(len(distribution), np.nan)
        if (likeliest := int(distribution.argmax())) == pinned:
            break
        pinned = likeliest
    return distribution


def _likely(generator: Any) -> int:
    """Index of a state that is probable at long times."""
    from scipy import sparse
    from scipy.sparse.linalg import splu

    n = generator.shape[0]
    rarely = 1e-9 * float(-generator.diagonal().min())
    return int(splu((sparse.eye_array(n) * rarely - generator).tocsc()).solve(np.ones(n)).argmax())


def _pinned(generator: Any, pinned: int) -> Array:
    """Solution of the equations in which the probability of the state `pinned` is set."""
    from scipy.sparse.linalg import splu

    n = generator.shape[0]
    rest = np.delete(np.arange(n), pinned)
    inner = generator[:, rest][rest, :].tocsc()
    try:
        factors = splu(-inner, diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    except RuntimeError:  # exactly singular by rounding
        return np.full(n, np.nan)
    right = generator[:, [pinned]].toarray()[rest, 0]
    distribution = np.empty(n)
    distribution[pinned] = 1.0
    solution = factors.solve(right)
    refinement = factors.solve(right + inner @ solution)  # corrects rounding errors
    distribution[rest] = solution + refinement
    distribution = np.maximum(distribution, 0)
    return distribution / distribution.sum()

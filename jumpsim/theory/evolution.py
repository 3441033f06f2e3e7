"""Solution of the master equation in time, and of the moments of counted events.

Two methods are used. Both add positive numbers only, so that no probability is negative and no
digits are lost by cancellation.

Uniformisation sums over the number of events at the largest rate λ of leaving a state. Its cost is
proportional to λt, and rounding errors grow with λt too.

Doubling squares the full matrix of the transition probabilities of a short time until it has
reached the time. Its cost is proportional to log(λt). Each column is normalised with the
probability that is lost, which is calculated from the rates of the loss alone, so that a slow loss
beside fast transitions keeps its digits: relative errors are of order n·log₂(λt)·10⁻¹⁶, however
large λt is.
"""

from collections.abc import Sequence
from math import comb
from typing import Any

import numpy as np

from ..errors import InputError
from ..utils.typing import Array
from .cost import MOST_SECONDS, check_cost
from .transitions import Transitions

_STEP = 50.0  # mean number of events in one step of uniformisation
_MOST_EVENTS = 1e8  # λt above which rounding errors of uniformisation may exceed 1e-8
_ACCURATE_EVENTS = 1e6  # λt up to which they are below 1e-10
_SHORT = 1 / 64  # λt of the short time of the doubling
_TERMS = 11  # terms of its series: the next one is smaller than 1e-27
_ELEMENTS = 3e8  # products of matrix elements per second in a sparse product
_CALL = 1e-5  # seconds of one sparse product of few elements
_OPERATIONS = 1e10  # operations per second in a product of full matrices
_BYTES = 2e9  # largest memory of the full matrices


def evolve(
    transitions: Transitions,
    start: Array,
    times: Array | Sequence[float],
    max_seconds: float = MOST_SECONDS,
) -> Array:
    """Solve dp/dt = G p.

    Parameters
    ----------
    transitions : Transitions
        They define G.
    start : ndarray, shape (n,)
        p at t = 0.
    times : ndarray, shape (n_times,)
        Seconds, increasing.
    max_seconds : float
        Largest estimated computing time.

    Returns
    -------
    ndarray, shape (n_times, n)
        p at each time.

    Raises
    ------
    InputError
        When the estimated computing time is too long, or rounding errors would be too large.
    """
    return evolve_moments(transitions, (), start, times, max_seconds)[0]


def evolve_moments(
    transitions: Transitions,
    counted: Sequence[Any],
    start: Array,
    times: Array | Sequence[float],
    max_seconds: float = MOST_SECONDS,
) -> Array:
    """Solve the equations of the moments of a counted quantity, restricted to each state.

    They are dp_k/dt = G p_k + Σ_j C(k, j) J_j p_(k-j), with p_k = 0 at t = 0 for k > 0.

    Parameters
    ----------
    transitions : Transitions
        They define G.
    counted : sequence of sparse arrays, each shape (n, n)
        J_1, J_2, ...: rates multiplied by powers of the counted quantity.
    start, times, max_seconds
        As for `evolve`.

    Returns
    -------
    ndarray, shape (orders + 1, n_times, n)
        p_0, p_1, ... at each time; `orders` is the number of matrices J.

    Raises
    ------
    InputError
        As for `evolve`.
    """
    times = np.asarray(times, float)
    n, orders = len(start), len(counted)
    fastest = max(float(transitions.exit_rates.max(initial=0.0)), 1e-300)
    events = fastest * float(times[-1])
    entries = transitions.rates.nnz + 4 * n  # the diagonal, and operations with vectors
    stepwise = events * (_CALL + entries * (orders + 1) * (orders + 2) / 2 / _ELEMENTS)
    doubled = _seconds_of_doubling(n, orders, len(times), events)
    if events > _MOST_EVENTS or (doubled < stepwise and events > _ACCURATE_EVENTS):
        stepwise = np.inf
    if min(stepwise, doubled) == np.inf:
        raise InputError(
            f"the exact solution up to {times[-1]:g} s is not possible: with {n} states and "
            f"{events:.1e} events of the fastest state, rounding errors or memory are too large; "
            "make the system smaller or choose an earlier last time"
        )
    check_cost(min(stepwise, doubled), max_seconds, f"the exact solution up to {times[-1]:g} s")
    if stepwise <= doubled:
        return _by_uniformisation(transitions, counted, start, times, fastest)
    return _by_doubling(transitions, counted, start, times, fastest)


def _by_uniformisation(
    transitions: Transitions, counted: Sequence[Any], start: Array, times: Array, fastest: float
) -> Array:
    from scipy import sparse  # here, because it takes long to load

    n, orders = len(start), len(counted)
    powers = [transitions.matrix, *counted]
    blocks = [
        [comb(k, j) * powers[k - j] if j <= k else None for j in range(orders + 1)]
        for k in range(orders + 1)
    ]
    whole = sparse.block_array(blocks, format="csc") if orders else transitions.matrix
    step = (sparse.eye_array(whole.shape[0]) + whole / fastest).tocsr()
    out = np.empty((len(times), orders + 1, n))
    p, stationary = np.concatenate([start, np.zeros(orders * n)]), False
    for k, span in enumerate(np.diff(times, prepend=0.0)):
        parts = max(1, int(np.ceil(fastest * span / _STEP)))
        for _ in range(parts):
            if stationary or span == 0:
                break
            p, stationary = _uniformised(step, p, fastest * span / parts)
        out[k] = p.reshape(orders + 1, n)
    return out.transpose(1, 0, 2)


def _uniformised(step: Any, p: Array, events: float) -> tuple[Array, bool]:
    """Σ_k Poisson(k; events) stepᵏ p, and whether p is stationary within rounding errors."""
    from scipy.stats import poisson

    terms = poisson.pmf(np.arange(int(events + 9 * np.sqrt(events)) + 30), events)
    following = step @ p
    # With at most 1e8 events, what is neglected is less than 1e-9 of each element.
    if (np.abs(following - p) <= 1e-17 * np.abs(p)).all():
        return p, True
    total = terms[0] * p
    for term in terms[1:]:
        total = total + term * following
        following = step @ following
    return total, False


def _seconds_of_doubling(n: int, orders: int, n_times: int, events: float) -> float:
    """Estimated computing time; infinite when the matrices do not fit into the memory."""
    products = (orders + 1) * (orders + 2) / 2
    if (orders + 1) * n * (3 * n + 2 * n_times) * 8 > _BYTES:
        return np.inf
    doublings = max(0.0, np.log2(max(events, 1e-300) / _SHORT)) + 1
    return doublings * (1e-4 + products * 2 * n**2 * (n + n_times / 2) / _OPERATIONS)


def _by_doubling(
    transitions: Transitions, counted: Sequence[Any], start: Array, times: Array, fastest: float
) -> Array:
    n, orders = len(start), len(counted)
    doublings = max(0, int(np.ceil(np.log2(max(fastest * times[-1], 1e-300) / _SHORT))))
    short = times[-1] / 2.0**doublings
    steps = np.floor(times / short) if short > 0 else np.zeros(len(times))
    rests = np.clip(times - steps * short, 0.0, short)
    powers = [transitions.matrix, *counted]
    vectors = np.zeros((orders + 1, n, len(times)))
    vectors[0] = start[:, None]
    vectors = _series(powers, vectors, rests, fastest)
    matrix = np.zeros((orders + 1, n, n))
    matrix[0] = np.eye(n)
    matrix = _series(powers, matrix, np.full(n, short), fastest)
    lost = _lost(transitions, short, fastest)
    remaining = [int(count) for count in steps]
    for k in range(doublings + 1):
        _normalise(matrix[0], lost)
        chosen = [j for j, count in enumerate(remaining) if count >> k & 1]
        vectors[:, :, chosen] = _product(matrix, vectors[:, :, chosen])
        if k < doublings:
            lost = lost + lost @ matrix[0]
            matrix = _product(matrix, matrix)
    return vectors.transpose(0, 2, 1)


def _product(left: Array, right: Array) -> Array:
    """Product of two arrays of derivatives with respect to a parameter, by Leibniz' rule."""
    out = np.empty((len(left), left.shape[1], right.shape[2]))
    for k in range(len(left)):
        out[k] = left[k] @ right[0]
        for j in range(1, k + 1):
            out[k] += comb(k, j) * (left[k - j] @ right[j])
    return out


def _series(powers: Sequence[Any], vectors: Array, spans: Array, fastest: float) -> Array:
    """Solution a short time later, for each column of the vectors its own time."""
    from scipy import sparse

    steps = [matrix / fastest for matrix in powers]
    steps[0] = (sparse.eye_array(vectors.shape[1]) + steps[0]).tocsr()
    term = vectors * np.exp(-fastest * spans)
    total = term.copy()
    for i in range(1, _TERMS):
        following = np.zeros_like(term)
        for k in range(len(powers)):
            for j in range(k + 1):
                following[k] += comb(k, j) * (steps[k - j] @ term[j])
        term = following * (fastest * spans / i)
        total += term
    return total


def _lost(transitions: Transitions, span: float, fastest: float) -> Array:
    """Probability that is lost in a short time, from each state."""
    from scipy import sparse
    from scipy.special import gammainc

    n = len(transitions)
    step = (sparse.eye_array(n) + transitions.matrix / fastest).tocsr()
    reached, total = transitions.loss, np.zeros(n)
    for i in range(_TERMS):
        total = total + gammainc(i + 1, fastest * span) / fastest * reached
        reached = reached @ step
    return total


def _normalise(matrix: Array, lost: Array) -> None:
    """Scale the columns so that their sum is 1 minus the probability that is lost.

    When most of it is lost, the sum of the positive elements has the smaller relative error.
    """
    known = lost < 0.5
    sums = matrix.sum(axis=0)
    matrix *= np.where(known, (1 - lost) / np.where(known, sums, 1.0), 1.0)

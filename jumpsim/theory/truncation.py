"""Limits of the counts of a theory: chosen by itself, or given and checked."""

import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeVar

import numpy as np

from ..errors import InputError, TruncationWarning
from ..model.initial import Initial
from ..model.model import Model
from ..utils.typing import Array, IntArray
from .state_space import StateSpace, TooManyStatesError, reachable, start_states, too_many
from .steady_states import steady_states

_NEGLIGIBLE = 1e-9  # excluded probability that limits chosen here may have
_REPORTED = 1e-6  # excluded probability above which given limits lead to a warning
_MOST_ENLARGEMENTS = 40
_FEW = 2_000  # states up to which an unbounded system is searched without limits

T = TypeVar("T")


def solve_on_states(
    solve: Callable[[StateSpace], tuple[T, Array]],
    model: Model,
    initial: Initial,
    truncate: Mapping[str, int] | None,
    max_states: int,
    automatic: bool = True,
) -> T:
    """Apply an exact theory to the reachable states of a system.

    Without `truncate`, all reachable states are used if they are few enough. Where a count has no
    limit, limits are chosen, and increased until the probability of the excluded states is below
    1e-9.

    Parameters
    ----------
    solve : callable
        Takes the states; returns the result, and the probability of the states that are excluded,
        by the pool whose count would be too large (n_pools,).
    model : Model
    initial : Thermal, Fixed or Mixture
    truncate : mapping of str to int, or None
        Largest count of pools.
    max_states : int
        Largest number of states.
    automatic : bool
        Whether limits are chosen where a count has none.

    Returns
    -------
    object
        Result of `solve`.

    Raises
    ------
    InputError
        When there are too many states, also with limits that exclude no more than 1e-9.

    Warns
    -----
    TruncationWarning
        When the limits in `truncate` exclude more than 1e-6.
    """
    if truncate is not None:
        space = reachable(model, initial, truncate, max_states)
        result, excluded = solve(space)
        _warn(space, excluded)
        return result
    unbounded = automatic and _is_unbounded(model)
    try:
        space = reachable(model, initial, None, min(max_states, _FEW) if unbounded else max_states)
    except TooManyStatesError:
        if not unbounded:
            raise
        return _with_own_limits(solve, model, initial, max_states)
    return solve(space)[0]


def _is_unbounded(model: Model) -> bool:
    """Whether the count of some pool may have no limit.

    It has one when no event increases the number of all quanta, when the pool has a capacity, and
    when it is a part of a conserved total of positive terms.
    """
    changes = model.table.changes[model.table.constants > 0]
    if (changes.sum(axis=1) <= 0).all():
        return False
    bounded = [pool.name for pool in model.pool_specs if pool.capacity is not None]
    for total in model.conserved:
        if min(total.values()) > 0:
            bounded += total
    growing = changes.max(axis=0, initial=0) > 0
    return any(
        name not in bounded for name, grows in zip(model.pools, growing, strict=True) if grows
    )


def lost_probability(space: StateSpace, probabilities: Array, start: Array) -> Array:
    """Probability that was lost to excluded states until the last time, by pool.

    Parameters
    ----------
    space : StateSpace
    probabilities : ndarray, shape (n_times, n_states)
        Probability of each state at several times.
    start : ndarray, shape (n_states,)
        That at t = 0. The result is divided by its sum.

    Returns
    -------
    ndarray, shape (n_pools,)
        Divided among pools in proportion to the flow into excluded states at these times.
    """
    lost = max(0.0, 1 - float(probabilities[-1].sum() / start.sum()))
    flow = space.excluded_flow(probabilities.sum(axis=0) + start)
    if not flow.sum() > 0:  # all probability was lost before the first time
        flow = space.excluded_flow(np.ones(len(space)))
    return lost * flow / max(flow.sum(), 1e-300)


def _with_own_limits(
    solve: Callable[[StateSpace], tuple[T, Array]],
    model: Model,
    initial: Initial,
    max_states: int,
) -> T:
    tops = _first_limits(model, initial, max_states)
    for _ in range(_MOST_ENLARGEMENTS):
        limits = dict(zip(model.pools, tops.tolist(), strict=True))
        try:
            space = reachable(model, initial, limits, max_states)
        except TooManyStatesError:
            break
        result, excluded = solve(space)
        if excluded.sum() <= _NEGLIGIBLE:
            return result
        short = excluded > _NEGLIGIBLE / (2 * len(tops))
        tops = np.where(short, tops + tops // 2 + 4, tops)
    raise too_many(model, max_states, "possibly infinitely many")


def _first_limits(model: Model, initial: Initial, max_states: int) -> IntArray:
    """Limits that include the start and the steady states of the rate equations.

    Too many states near the start are noticed before the search of steady states, which takes long
    for many pools.
    """
    unlimited = np.full(len(model.pools), 2**53)
    first, _ = start_states(model, initial, unlimited, max_states)
    largest = first.max(axis=0).astype(float)
    near = dict(zip(model.pools, _above(largest).tolist(), strict=True))
    try:
        reachable(model, initial, near, max_states)
    except TooManyStatesError:
        raise too_many(model, max_states, "possibly infinitely many") from None
    with suppress(InputError):  # the rate equations may have no steady state
        for state in steady_states(model, initial):
            largest = np.maximum(largest, state.counts)
    return _above(largest)


def _above(largest: Array) -> IntArray:
    """Limits of counts that fluctuate about these."""
    limits: IntArray = np.ceil(1.1 * largest + 6 * np.sqrt(largest) + 8).astype(np.int64)
    return limits


def _warn(space: StateSpace, excluded: Array) -> None:
    total = min(1.0, float(excluded.sum()))
    if total <= _REPORTED:
        return
    pools = ", ".join(
        f"'{name}'"
        for name, part in zip(space.model.pools, excluded, strict=True)
        if part > 0.01 * total
    )
    warnings.warn(
        f"`truncate` excludes states of {space.model.name} with an estimated probability of "
        f"{total:.2g}; increase the largest count of {pools}",
        TruncationWarning,
        stacklevel=4,
    )

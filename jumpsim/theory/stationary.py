"""Stationary distributions of small systems, from the generator or in closed form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..model.initial import Start, as_initial
from ..model.microstates import log_states
from ..model.model import Model, as_model
from ..utils.typing import Array, BoolArray, IntArray
from .cost import MOST_SECONDS
from .elimination import null_vector, time_in_states
from .master_equation import Distribution
from .state_space import MOST_STATES, StateSpace, sums
from .transitions import Transitions
from .truncation import solve_on_states

_BALANCED = 1e-11  # largest relative difference of the flows of an event and its reverse


@dataclass(frozen=True, eq=False)
class StationaryDistribution(Distribution):
    """The distribution that a system approaches at long times from its initial state.

    Attributes
    ----------
    excluded : float
        Estimated probability of the states that are excluded by `truncate`; part of `leak`.
    """

    excluded: float = 0.0

    @property
    def leak(self) -> Array:
        """Missing probability, with the estimated one of excluded states."""
        return super().leak + self.excluded

    @property
    def _kind(self) -> str:
        return f"stationary distribution of {self.model.name}"


def stationary(
    model: Model,
    initial: Start,
    truncate: Mapping[str, int] | None = None,
    max_states: int = MOST_STATES,
    max_seconds: float = MOST_SECONDS,
) -> StationaryDistribution:
    """Stationary distribution, the null vector of the generator of the master equation.

    There may be several closed classes of states (for conserved totals that differ between initial
    states, or absorbing states). Each class is weighted with the probability that the system ends
    in it.

    Parameters
    ----------
    model : Model
    initial : Thermal, Fixed, Mixture, mapping or sequence
    truncate : mapping of str to int, optional
        Largest counts. Events that would lead to larger ones are suppressed; where detailed
        balance holds, this does not change the ratios of the other probabilities. The probability
        of larger counts is estimated and reported as `leak`. By default all reachable states are
        used; where a count has no limit, one is chosen that excludes a probability below 1e-9.
    max_states : int
        Largest number of states.
    max_seconds : float
        Largest estimated computing time.

    Returns
    -------
    StationaryDistribution

    Raises
    ------
    InputError
        When there are more than `max_states` states, the estimated computing time is longer than
        `max_seconds`, or rates differ so much that the result would be wrong.

    Warns
    -----
    TruncationWarning
        When `truncate` excludes an estimated probability above 1e-6.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=2, modes=2, gamma_tilde=1.0)
    >>> print(js.stationary(model, {"N": 2, "m": 0}))
    stationary distribution of hohlraum: 3 states, mean N = 1.25, m = 0.75, no leak
    """
    initial = as_initial(initial, as_model(model))

    def solve(space: StateSpace) -> tuple[StationaryDistribution, Array]:
        return stationary_on(space, max_seconds)

    return solve_on_states(solve, model, initial, truncate, max_states)


def stationary_on(space: StateSpace, max_seconds: float) -> tuple[StationaryDistribution, Array]:
    """Stationary distribution on given states, and the estimated probability of excluded ones.

    Parameters
    ----------
    space : StateSpace
    max_seconds : float
        Largest estimated computing time.

    Returns
    -------
    StationaryDistribution
    excluded : ndarray, shape (n_pools,)
        By the pool whose count would be too large.

    Raises
    ------
    InputError
        As for `stationary`.
    """

    def null(transitions: Transitions, members: IntArray) -> Array:
        return null_vector(transitions.within(members), max_seconds)

    probabilities = _by_classes(space, null, max_seconds)
    return _checked(space, probabilities)


def _checked(space: StateSpace, probabilities: Array) -> tuple[StationaryDistribution, Array]:
    weights = space.excluded_weight(probabilities)
    total = weights.sum()
    excluded = weights / (1 + total) if np.isfinite(total) else np.isinf(weights) / 1.0
    found = StationaryDistribution(space, probabilities, min(1.0, float(excluded.sum())))
    return found, excluded


def closed_form(
    model: Model,
    initial: Start,
    truncate: Mapping[str, int] | None = None,
    max_states: int = MOST_STATES,
) -> StationaryDistribution:
    """Stationary distribution in closed form, for a model with detailed balance.

    It is P ∝ Π_p W_p(N_p) e^(-μ_p N_p), where W_p is the number of microstates of pool p. The
    factors e^(-μ_p) follow from the constants of each channel and its reverse. Without baths it is
    the microcanonical distribution (hohlraum: C(M, m) C(E-m+𝒩-1, E-m)).

    Parameters
    ----------
    model, initial, truncate, max_states
        As for `stationary`.

    Returns
    -------
    StationaryDistribution

    Raises
    ------
    InputError
        When no such distribution balances every channel with its reverse; the message names a
        channel.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=2, modes=2, gamma_tilde=1.0)
    >>> print(js.closed_form(model, {"N": 2, "m": 0}).marginal("m"))
    [0.375 0.5   0.125]
    """
    initial = as_initial(initial, as_model(model))
    potentials = _potentials(model)

    def solve(space: StateSpace) -> tuple[StationaryDistribution, Array]:
        weights = (
            sum(log_states(pool, space.states[:, p]) for p, pool in enumerate(model.pool_specs))
            - space.states @ potentials
        )
        _check_balance(space, weights)

        def distribution(_: Transitions, members: IntArray) -> Array:
            local = weights[members]
            return _normalised(np.exp(local - local.max()))

        return _checked(space, _by_classes(space, distribution, MOST_SECONDS))

    return solve_on_states(solve, model, initial, truncate, max_states)


def _potentials(model: Model) -> Array:
    """μ_p with Σ_p change_p μ_p = ln(reverse constant / constant) for every possible event."""
    rows, values = [], []
    constants = dict(zip(model.channels, model.table.constants, strict=True))
    for channel, change in zip(model.channel_specs, model.table.changes, strict=True):
        if constants[channel.name] == 0:
            continue
        back = constants.get(channel.reverse or "", 0.0)
        if back == 0:
            raise InputError(
                f"no closed form: channel '{channel.name}' of {model.name} has no reverse"
            )
        rows.append(change)
        values.append(np.log(back / constants[channel.name]))
    if not rows:
        return np.zeros(len(model.pools))
    return np.linalg.lstsq(np.array(rows, float), np.array(values), rcond=None)[0]


def _check_balance(space: StateSpace, weights: Array) -> None:
    """Raise InputError unless the flow of every event equals that of its declared reverse."""
    source, target, channel, rate = space.edges
    names, table = space.model.channels, space.model.table
    back = np.array([names.index(c.reverse or c.name) for c in space.model.channel_specs])
    inside = target >= 0
    source, target, channel, rate = (x[inside] for x in (source, target, channel, rate))
    reverse = table.jump_rates(space.states[target])[np.arange(len(target)), back[channel]]
    with np.errstate(divide="ignore"):
        excess = np.log(rate) + weights[source] - np.log(reverse) - weights[target]
    if (bad := ~(np.abs(excess) < _BALANCED * (1 + np.abs(weights[source])))).any():
        raise InputError(
            f"no closed form: channel '{names[channel[np.argmax(bad)]]}' of {space.model.name} is "
            "not balanced by its reverse"
        )


def _by_classes(
    space: StateSpace,
    distribution: Callable[[Transitions, IntArray], Array],
    max_seconds: float,
) -> Array:
    """Combine distributions of the closed classes, weighted by their absorption probabilities."""
    from scipy.sparse.csgraph import connected_components

    transitions = space.transitions(reflecting=True)
    # The rates have their sources in columns, csgraph has them in rows.
    number, label = connected_components(transitions.rates.T, directed=True, connection="strong")
    coo = transitions.rates.tocoo()
    open_class = np.zeros(number, bool)
    open_class[label[coo.col[label[coo.row] != label[coo.col]]]] = True
    transient = open_class[label]
    weight = sums(space.start[~transient], label[~transient], number)
    weight += _arrivals(transitions, space.start, transient, label, max_seconds)
    out = np.zeros(len(space))
    order = np.argsort(label, kind="stable")
    for members in np.split(order, np.cumsum(np.bincount(label, minlength=number))[:-1]):
        this = label[members[0]]
        if weight[this] > 0:
            out[members] = weight[this] * distribution(transitions, members)
    return out


def _arrivals(
    transitions: Transitions,
    start: Array,
    transient: BoolArray,
    label: IntArray,
    max_seconds: float,
) -> Array:
    """Probability to enter each class of states from the transient states."""
    inside = np.flatnonzero(transient)
    number = int(label.max(initial=-1)) + 1
    if not len(inside) or not start[inside].any():
        return np.zeros(number)
    times = time_in_states(transitions.within(inside), max_seconds)(start[inside])
    outside = np.flatnonzero(~transient)
    arriving = transitions.rates[:, inside][outside, :] @ times
    return sums(arriving, label[outside], number)


def _normalised(weights: Array) -> Array:
    return weights / weights.sum()

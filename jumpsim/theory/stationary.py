"""Stationary distributions of small systems, from the generator or in closed form."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import InputError
from ..model.initial import Start, as_initial
from ..model.microstates import log_states
from ..model.model import Model, as_model
from ..utils.typing import Array, BoolArray, IntArray
from .master_equation import Distribution
from .state_space import MOST_STATES, StateSpace, reachable

_BALANCED = 1e-11  # largest relative difference of the flows of an event and its reverse


class StationaryDistribution(Distribution):
    """The distribution that a system approaches at long times from its initial state."""

    @property
    def _kind(self) -> str:
        return f"stationary distribution of {self.model.name}"


def stationary(
    model: Model,
    initial: Start,
    truncate: Mapping[str, int] | None = None,
    max_states: int = MOST_STATES,
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
        balance holds, this does not change the ratios of the other probabilities.
    max_states : int
        Largest number of states.

    Returns
    -------
    StationaryDistribution

    Raises
    ------
    InputError
        When there are more than `max_states` states.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=2, modes=2, gamma_tilde=1.0)
    >>> print(js.stationary(model, {"N": 2, "m": 0}))
    stationary distribution of hohlraum: 3 states, mean N = 1.25, m = 0.75, no leak
    """
    space = reachable(model, as_initial(initial, as_model(model)), truncate, max_states)
    generator = space.matrix(reflecting=True)
    return StationaryDistribution(space, _by_classes(space, generator, _solve))


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
    space = reachable(model, as_initial(initial, as_model(model)), truncate, max_states)
    weights = sum(
        log_states(pool, space.states[:, p]) for p, pool in enumerate(model.pool_specs)
    ) - space.states @ _potentials(model)
    _check_balance(space, weights)
    generator = space.matrix(reflecting=True)

    def distribution(_: Any, members: IntArray) -> Array:
        local = weights[members]
        return _normalised(np.exp(local - local.max()))

    return StationaryDistribution(space, _by_classes(space, generator, distribution))


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
    space: StateSpace, generator: Any, distribution: Callable[[Any, IntArray], Array]
) -> Array:
    """Combine distributions of the closed classes, weighted by their absorption probabilities."""
    from scipy.sparse.csgraph import connected_components

    # The generator has its sources in columns, csgraph has them in rows.
    number, label = connected_components(generator.T, directed=True, connection="strong")
    coo = generator.tocoo()
    crossing = label[coo.row] != label[coo.col]
    open_class = np.zeros(number, bool)
    open_class[label[coo.col[crossing & (coo.data > 0)]]] = True
    transient = open_class[label]
    weight: Any = np.bincount(label[~transient], space.start[~transient], number)
    weight += _arrivals(generator, space.start, transient, label, number)
    out = np.zeros(len(space))
    order = np.argsort(label, kind="stable")
    for members in np.split(order, np.cumsum(np.bincount(label, minlength=number))[:-1]):
        this = label[members[0]]
        if weight[this] > 0:
            out[members] = weight[this] * distribution(generator, members)
    return out


def _arrivals(
    generator: Any, start: Array, transient: BoolArray, label: IntArray, number: int
) -> Array:
    """Probability to enter each closed class from the transient states."""
    inside = np.flatnonzero(transient)
    if not len(inside) or not start[inside].any():
        return np.zeros(number)
    from scipy.sparse.linalg import splu

    times = splu((-generator[:, inside][inside, :]).tocsc()).solve(start[inside])
    outside = np.flatnonzero(~transient)
    arrived: Any = np.bincount(label[outside], generator[:, inside][outside, :] @ times, number)
    return arrived


def _solve(generator: Any, members: IntArray) -> Array:
    """Stationary distribution of one closed class: the null vector of its generator.

    The probability of one state is set to 1, which leaves linear equations with an M-matrix. It
    must be a probable state: the relative error is inversely proportional to its probability.
    """
    if len(members) == 1:
        return np.ones(1)
    block = generator[:, members][members, :].tocsc()
    pinned = _likely(block)
    for _ in range(10):
        distribution = _pinned(block, pinned)
        if (likeliest := int(distribution.argmax())) == pinned:
            break
        pinned = likeliest
    return distribution


def _likely(block: Any) -> int:
    """Index of a state that is probable at long times."""
    from scipy import sparse
    from scipy.sparse.linalg import splu

    n = block.shape[0]
    rarely = 1e-9 * float(-block.diagonal().min())
    return int(splu((sparse.eye_array(n) * rarely - block).tocsc()).solve(np.ones(n)).argmax())


def _pinned(block: Any, pinned: int) -> Array:
    """Solution of the equations in which the probability of the state `pinned` is set."""
    from scipy.sparse.linalg import splu

    rest = np.delete(np.arange(block.shape[0]), pinned)
    inner = block[:, rest][rest, :].tocsc()
    factors = splu(-inner, diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    right = block[:, [pinned]].toarray()[rest, 0]
    distribution = np.empty(block.shape[0])
    distribution[pinned] = 1.0
    solution = factors.solve(right)
    refinement = factors.solve(right + inner @ solution)  # corrects rounding errors
    distribution[rest] = solution + refinement
    return _normalised(np.maximum(distribution, 0))


def _normalised(weights: Array) -> Array:
    return weights / weights.sum()

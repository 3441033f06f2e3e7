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

_BALANCED = 1e-11


class StationaryDistribution(Distribution):
    """The distribution that a system approaches from its initial state."""

    @property
    def _kind(self) -> str:
        return f"stationary distribution of {self.model.name}"


def stationary(
    model: Model,
    initial: Start,
    truncate: Mapping[str, int] | None = None,
    max_states: int = MOST_STATES,
) -> StationaryDistribution:
    """Stationary distribution, from the generator alone.

    Where several sets of states are closed (conserved totals that vary between starts, absorbing
    states), each is weighted with the probability to end in it.

    Parameters
    ----------
    model : Model
    initial : Thermal, Fixed, Mixture, mapping or sequence
    truncate : mapping of str to int, optional
        Largest counts; events beyond do not happen, which is exact where detailed balance holds.
    max_states : int

    Returns
    -------
    StationaryDistribution
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
    """Stationary distribution P ∝ Π_p states(N_p) e^(-μ_p N_p), where detailed balance holds.

    Without baths it is the microcanonical distribution (hohlraum: C(M, m) C(E-m+𝒩-1, E-m)). The
    fugacities e^(-μ_p) follow from the constants of each channel and its reverse.

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
        When a channel is not balanced by its reverse under any such distribution; names it.
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
    """μ_p with Σ_p change_p μ_p = ln(reverse constant / constant) for each channel with a rate."""
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
    """Raise InputError unless every event is balanced by its declared reverse."""
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
    """Combine the closed classes of states, each weighted by its absorption probability."""
    from scipy.sparse.csgraph import connected_components

    # Column j leads to row i: transposed, because csgraph reads rows as sources.
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
    """Probability to leave the transient states into each closed class."""
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

    One state is fixed, which leaves an M-matrix. It must be a probable state: relative to a rare
    one, the other probabilities would lose precision in proportion to its rarity.
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
    """Index of a state that is probable after a long time."""
    from scipy import sparse
    from scipy.sparse.linalg import splu

    n = block.shape[0]
    rarely = 1e-9 * float(-block.diagonal().min())
    return int(splu((sparse.eye_array(n) * rarely - block).tocsc()).solve(np.ones(n)).argmax())


def _pinned(block: Any, pinned: int) -> Array:
    from scipy.sparse.linalg import splu

    rest = np.delete(np.arange(block.shape[0]), pinned)
    inner = block[:, rest][rest, :].tocsc()
    factors = splu(-inner, diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    right = block[:, [pinned]].toarray()[rest, 0]
    distribution = np.empty(block.shape[0])
    distribution[pinned] = 1.0
    solution = factors.solve(right)
    distribution[rest] = solution + factors.solve(
        right + inner @ solution
    )  # one step of refinement
    return _normalised(np.maximum(distribution, 0))


def _normalised(weights: Array) -> Array:
    return weights / weights.sum()

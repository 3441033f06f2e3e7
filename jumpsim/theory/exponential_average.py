"""Exact averages of exp(-kΣ) of the entropy production Σ, from the tilted generator.

The entropy production Σ of a trajectory is Σ_jumps ln(w/w_reverse), where w_reverse is the rate of
the reverse jump in the state after the jump, plus the boundary term ln p(n_0)/q(n_t). The master
equation in which the rate of every jump is multiplied by (w_reverse/w)^k gives ⟨exp(-kΣ)⟩; a jump
without a reverse is multiplied by 0.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import InputError
from ..model.initial import Start, as_initial
from ..model.microstates import log_states
from ..model.model import Model, as_model
from ..units import as_times
from ..utils.typing import Array, Times
from .cost import MOST_SECONDS
from .evolution import evolve
from .state_space import MOST_STATES, StateSpace, sums
from .transitions import Transitions
from .truncation import lost_probability, solve_on_states

BOUNDARIES = ("start", "distribution", "none")
_RENAMED = {"law": "distribution"}
_LARGEST_SHIFT = 300.0  # a solution may decrease by exp(-300) without underflow


def check_boundary(boundary: str) -> None:
    """Check the name of a boundary term: `InputError` unless it is one of `BOUNDARIES`."""
    if boundary in BOUNDARIES:
        return
    renamed = _RENAMED.get(boundary) if isinstance(boundary, str) else None
    hint = f"; it is now called '{renamed}'" if renamed else ""
    raise InputError(
        f"`boundary` must be one of {', '.join(BOUNDARIES)}, but is {boundary!r}{hint}"
    )


def exponential_average(
    model: Model,
    times: Times,
    initial: Start,
    boundary: str = "start",
    order: int = 1,
    truncate: Mapping[str, int] | None = None,
    max_states: int = MOST_STATES,
    max_seconds: float = MOST_SECONDS,
) -> Array:
    """Exact ⟨exp(-kΣ)⟩ of the entropy production of a small system.

    Parameters
    ----------
    model : Model
    times : array_like of float or str
        Seconds, increasing, ≥ 0.
    initial : Thermal, Fixed, Mixture, mapping or sequence
        The initial distribution p_0.
    boundary : str
        The distribution q of the final states in Σ = Σ_jumps ln(w/w_reverse) + ln p_0(n_0)/q(n_t):
        "start" for p_0 (heat exchange between pools), "distribution" for p_t (total entropy
        production), "none" for no boundary term.
    order : int
        k, 1 or 2. The averages for k = 1 and k = 2 give the relative variance of exp(-Σ).
    truncate, max_states, max_seconds
        As for `master_equation`, but no limits are chosen by default, because improbable states
        may contribute most to the average.

    Returns
    -------
    ndarray, shape (n_times,)
        Equal to 1 for k = 1 with a boundary term, when every jump has a reverse and every state
        has a positive initial probability (integral fluctuation theorem).

    Raises
    ------
    InputError
        When `boundary` or `order` is not one of its values, or as for `master_equation`.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=1, modes=1, gamma_tilde=1.0)
    >>> thermal = js.Thermal(1.0)
    >>> print(js.exponential_average(model, [0, 1], thermal, truncate={"N": 30}).round(6))
    [1. 1.]
    """
    check_boundary(boundary)
    if order not in (1, 2):
        raise InputError(f"`order` must be 1 or 2, but is {order!r}")
    times, initial = as_times(times), as_initial(initial, as_model(model))

    def solve(space: StateSpace) -> tuple[Array, Array]:
        p = evolve(space.transitions(), space.start, times, max_seconds)
        found = _average(space, times, boundary, order, p, max_seconds)
        return found, lost_probability(space, p, space.start)

    return solve_on_states(solve, model, initial, truncate, max_states, automatic=False)


def _average(
    space: StateSpace, times: Array, boundary: str, order: int, evolved: Array, max_seconds: float
) -> Array:
    """⟨exp(-kΣ)⟩ at each time; `evolved` holds the probabilities at these times."""
    start = space.start
    if boundary == "none":
        begin, ends = start, np.ones((len(times), len(space)))
    else:
        held = start > 0
        begin = np.where(held, np.where(held, start, 1.0) ** (1.0 - order), 0.0)
        ends = start if boundary == "start" else evolved
        ends = np.broadcast_to(ends, (len(times), len(space))) ** order
    # The solution is computed in units of the number of microstates of each state. In detailed
    # balance the ratios of rates are ratios of these numbers, and the tilted equation in these
    # units is the master equation, whose solution does not grow.
    entropy: Any = sum(
        log_states(p, n) for p, n in zip(space.model.pool_specs, space.states.T, strict=True)
    )
    entropy = order * (entropy - entropy.max())
    tilted, growth = _tilted(space, order, entropy)
    weights, scale = _weighted(tilted, growth, begin * np.exp(entropy), times, max_seconds)
    return (weights * np.exp(-entropy) * ends).sum(axis=1) * np.exp(scale)


def mean_production(space: StateSpace, distribution: Array) -> float:
    """Mean entropy production per second, Σ p w ln(w/w_reverse), in a given distribution.

    Parameters
    ----------
    space : StateSpace
    distribution : ndarray, shape (n_states,)
        Probability of each state.

    Returns
    -------
    float
        k_B per second; infinite when an event that occurs has no reverse.
    """
    source, target, _, rate = space.edges
    flow = np.where(target >= 0, distribution[source] * rate, 0.0)
    with np.errstate(divide="ignore"):
        log = np.log(reverse_ratios(space))
    moved = flow > 0
    return float(-(flow[moved] * log[moved]).sum())


def reverse_ratios(space: StateSpace) -> Array:
    """Ratio w_reverse/w for every edge of a state space.

    Parameters
    ----------
    space : StateSpace

    Returns
    -------
    ndarray, shape (n_edges,)
        Rate of the reverse jump in the state after the jump, divided by the rate of the jump; 0
        where there is no reverse.
    """
    source, _, channel, _ = space.edges
    forward, reverse = space.model.forward_and_reverse(channel, space.states[source])
    return reverse / forward


def _tilted(space: StateSpace, order: int, entropy: Array) -> tuple[Transitions, float]:
    """Rates w (w_reverse/w)^k of the tilted equation, in units of exp(entropy), and its growth.

    The growth is added to the loss of every state, so that no loss is negative.
    """
    from scipy import sparse

    source, target, _, rate = space.edges
    inside, n = target >= 0, len(space)
    with np.errstate(divide="ignore"):
        log = order * np.log(reverse_ratios(space))
    log[inside] += entropy[target[inside]] - entropy[source[inside]]
    # Rate of leaving minus tilted rate: for each event, so that equal rates cancel exactly.
    surplus = rate.copy()
    surplus[inside] *= -np.expm1(log[inside])
    loss = sums(surplus, source, n)
    moved = inside & (target != source)
    weighted = rate[moved] * np.exp(log[moved])
    kept = weighted > 0
    rates = sparse.csc_array((weighted[kept], (target[moved][kept], source[moved][kept])), (n, n))
    growth = max(0.0, float(-loss.min(initial=0.0)))
    return Transitions(rates, loss + growth), growth


def _weighted(
    tilted: Transitions, growth: float, begin: Array, times: Array, max_seconds: float
) -> tuple[Array, Array]:
    """Solution of the tilted master equation at each time, and the logarithm of its scale."""
    if growth == 0:
        return evolve(tilted, begin, times, max_seconds), np.zeros(len(times))
    out, scales = np.empty((len(times), len(begin))), np.empty(len(times))
    weights, scale = begin, 0.0
    spans = np.diff(times, prepend=0.0)
    parts = np.maximum(1, np.ceil(growth * spans / _LARGEST_SHIFT))
    for k, span in enumerate(spans):
        for _ in range(int(parts[k])):
            weights = evolve(tilted, weights, [span / parts[k]], max_seconds / parts.sum())[0]
            total = weights.sum()
            scale += growth * span / parts[k] + (np.log(total) if total > 0 else 0.0)
            weights = weights / (total if total > 0 else 1.0)
        out[k], scales[k] = weights, scale
    return out, scales

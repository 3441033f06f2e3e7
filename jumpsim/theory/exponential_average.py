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
from .master_equation import evolve
from .state_space import MOST_STATES, StateSpace, reachable

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
    truncate, max_states
        As for `master_equation`.

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
    space = reachable(model, initial, truncate, max_states)
    start = space.start
    if boundary == "none":
        begin, ends = start, np.ones((len(times), len(space)))
    else:
        held = start > 0
        begin = np.where(held, np.where(held, start, 1.0) ** (1.0 - order), 0.0)
        ends = start if boundary == "start" else evolve(space.generator, start, times)
        ends = np.broadcast_to(ends, (len(times), len(space))) ** order
    # The solution is computed in units of the number of microstates of each state. In detailed
    # balance the ratios of rates are ratios of these numbers, and the tilted equation in these
    # units is the master equation, whose solution does not grow.
    entropy: Any = sum(
        log_states(p, n) for p, n in zip(model.pool_specs, space.states.T, strict=True)
    )
    entropy = order * (entropy - entropy.max())
    weights, scale = _weighted(*_tilted(space, order, entropy), begin * np.exp(entropy), times)
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
    source, _, _, rate = space.edges
    flow = distribution[source] * rate
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


def _tilted(space: StateSpace, order: int, entropy: Array) -> tuple[Any, float]:
    """Tilted generator, with rates w (w_reverse/w)^k, in units of exp(entropy), and its shift.

    The shift is subtracted from the diagonal, so that every column sum is ≤ 0.
    """
    from scipy import sparse

    source, target, _, rate = space.edges
    inside, n = target >= 0, len(space)
    weighted = rate * reverse_ratios(space) ** order
    weighted[inside] *= np.exp(entropy[target[inside]] - entropy[source[inside]])
    away = np.bincount(source, rate, n)
    surplus = np.bincount(source[inside], weighted[inside], n) - away
    growth = max(0.0, float(surplus.max(initial=0.0)))
    matrix = sparse.csc_array(
        (weighted[inside], (target[inside], source[inside])), (n, n)
    ) - sparse.dia_array((away[None, :] + growth, [0]), (n, n))
    return matrix.tocsc(), growth


def _weighted(tilted: Any, growth: float, begin: Array, times: Array) -> tuple[Array, Array]:
    """Solution of the tilted master equation at each time, and the logarithm of its scale."""
    out, scales = np.empty((len(times), len(begin))), np.empty(len(times))
    weights, scale = begin, 0.0
    for k, span in enumerate(np.diff(times, prepend=0.0)):
        parts = max(1, int(np.ceil(growth * span / _LARGEST_SHIFT)))
        for _ in range(parts):
            weights = evolve(tilted, weights, [span / parts])[0]
            total = weights.sum()
            scale += growth * span / parts + (np.log(total) if total > 0 else 0.0)
            weights = weights / (total if total > 0 else 1.0)
        out[k], scales[k] = weights, scale
    return out, scales

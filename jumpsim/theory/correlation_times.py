"""Correlation times ∫ C(τ) dτ / C(0) of the counts in the steady state, by two theories."""

from collections.abc import Mapping

import numpy as np

from ..errors import InputError
from ..model.initial import Start
from ..model.model import Model
from ..utils.typing import Array
from .cost import MOST_SECONDS
from .elimination import time_in_states
from .linear_noise import StationaryNoise
from .state_space import MOST_STATES
from .stationary import stationary


def correlation_times(
    model: Model,
    initial: Start,
    truncate: Mapping[str, int] | None = None,
    max_states: int = MOST_STATES,
    max_seconds: float = MOST_SECONDS,
) -> Array:
    """Exact correlation times of the counts, from the master equation.

    With the generator G, the stationary probabilities P and the deviations d of a count from its
    mean, ∫₀^∞ C(τ) dτ = Σ_s d_s x_s, where G x = -d P and Σ_s x_s = 0.

    Parameters
    ----------
    model : Model
    initial : Thermal, Fixed, Mixture, mapping or sequence
    truncate, max_states, max_seconds
        As for `stationary`.

    Returns
    -------
    ndarray, shape (n_pools,)
        Seconds; NaN for a count that does not fluctuate.

    Raises
    ------
    InputError
        When there are too many states, or no single steady state: totals differ between the
        starts, or the system can be caught in different states.

    Examples
    --------
    >>> import jumpsim as js
    >>> from jumpsim.theory.correlation_times import correlation_times
    >>> model = js.Model(
    ...     [js.Pool.tls("m", 1)],
    ...     [js.Channel("up", 3.0, {}, {"m": 1}), js.Channel("down", 2.0, {"m": 1})],
    ... )
    >>> print(correlation_times(model, {"m": 0}).round(6))  # 1/(3 + 2)
    [0.2]
    """
    from scipy.sparse.csgraph import connected_components

    law = stationary(model, initial, truncate, max_states, max_seconds)
    p = law.probabilities
    recurrent = np.flatnonzero(p > 0)
    transitions = law.space.transitions(reflecting=True).within(recurrent)
    if connected_components(transitions.rates, directed=True, connection="strong")[0] > 1:
        raise InputError(
            f"{model.name} approaches no single steady state from this start, so that fluctuations "
            "have no correlation time"
        )
    p, counts = p[recurrent], law.states[recurrent].astype(float)
    deviations = counts - p @ counts
    variance = p @ deviations**2
    rest = np.delete(np.arange(len(p)), p.argmax())  # the likeliest state is set to 0
    if not len(rest):
        return np.full(counts.shape[1], np.nan)
    solve = time_in_states(transitions.within(rest), max_seconds)
    solution = np.zeros_like(counts)
    for pool, right in enumerate((p[:, None] * deviations)[rest].T):
        for sign in (1.0, -1.0):  # positive terms alone keep their digits
            part = np.maximum(sign * right, 0.0)
            solution[rest, pool] += sign * solve(part) if part.any() else 0.0
    solution -= p[:, None] * solution.sum(axis=0)
    moving = variance > 1e-12 * (1 + (p @ counts) ** 2)
    area = (deviations * solution).sum(axis=0)
    return np.where(moving, area / np.where(moving, variance, 1.0), np.nan)


def decay_of_noise(noise: StationaryNoise, lags: Array) -> tuple[Array, Array]:
    """Correlation times of linear noise, and the part of them that lies beyond some lags.

    Parameters
    ----------
    noise : StationaryNoise
    lags : ndarray, shape (n_lags,)
        Seconds.

    Returns
    -------
    times : ndarray, shape (n_pools,)
        ∫₀^∞ C(τ) dτ / C(0) of the decaying part of C, seconds; NaN where nothing fluctuates.
    beyond : ndarray, shape (n_lags, n_pools)
        The same integrals from each lag on.
    """
    moving = noise.covariance - noise.conserved
    variance = np.diagonal(moving)
    areas = _areas(noise, lags)
    moves = variance > 1e-12 * (1 + noise.counts**2)
    beyond = np.where(moves, areas / np.where(moves, variance, 1.0), np.nan)
    whole = _areas(noise, np.zeros(1))[0]
    return np.where(moves, whole / np.where(moves, variance, 1.0), np.nan), beyond


def _areas(noise: StationaryNoise, lags: Array) -> Array:
    """Integrals of the decaying parts of the autocovariances from some lags on, (n, n_pools)."""
    from scipy.linalg import expm

    moving, basis = noise.covariance - noise.conserved, noise._basis
    area = np.linalg.inv(-noise._jacobian)
    decays = np.array([basis @ area @ expm(noise._jacobian * lag) @ basis.T for lag in lags])
    return np.diagonal(decays @ moving, axis1=-2, axis2=-1)

"""Test which thermal equilibrium distributions are stationary under the events of a model."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import InputError
from ...model.initial import Thermal
from ...model.microstates import log_states_change
from ...model.model import Model
from ...utils.typing import IntArray

_STATIONARY = 1e-9  # largest relative deviation that counts as stationary
UNDEFINED = "not defined (mass action)"
_TESTED = np.geomspace(0.05, 20, 40)  # ħΩ/k_B T


def imbalance(model: Model, x: float, states: IntArray) -> float:
    """Relative deviation from stationarity of the thermal distribution P ∝ Π states(N) e^(-x ε N).

    Parameters
    ----------
    model : Model
    x : float
        ħΩ/k_B T, equal for all pools.
    states : ndarray of int64, shape (n_states, n_pools)

    Returns
    -------
    float
        Largest |inflow - outflow| of the probability of a state, relative to the sum of both.
    """
    inflow, outflow = np.zeros(len(states)), np.zeros(len(states))
    for c, change in enumerate(model.table.changes):
        before = states - change
        outflow += model.table.rate_of(c, states)
        possible = (before >= 0).all(axis=1)
        for p, pool in enumerate(model.pool_specs):
            if pool.capacity is not None:
                possible &= before[:, p] <= pool.capacity
        if possible.any():
            rate = model.table.rate_of(c, before[possible])
            ratio = _log_ratio(model, x, states[possible], before[possible])
            inflow[possible] += rate * np.exp(ratio)
    scale = outflow + inflow
    return float((np.abs(inflow - outflow) / np.where(scale > 0, scale, 1)).max())


def stationary_equilibria(model: Model, deviation: Callable[[float], float]) -> str:
    """Temperatures at which thermal equilibrium is stationary.

    Parameters
    ----------
    model : Model
    deviation : callable
        Takes ħΩ/k_B T and returns the deviation from stationarity, 0 for a stationary equilibrium.

    Returns
    -------
    str
        "every", "none", "only T = 0", "ħΩ/k_B T = ..." or "not defined (mass action)". The tested
        temperatures are 40 values between 0.05 and 20 and the temperatures of the baths.
    """
    if any(pool.kind == "mass_action" for pool in model.pool_specs):
        return UNDEFINED
    tested = sorted({*_TESTED, *bath_temperatures(model)})
    stationary = [x for x in tested if deviation(x) < _STATIONARY]
    if len(stationary) == len(tested):
        return "every"
    if stationary:
        return "ħΩ/k_B T = " + ", ".join(f"{x:.6g}" for x in stationary)
    empty = np.zeros((1, len(model.pools)), np.int64)
    if not model.table.jump_rates(empty).any():
        return "only T = 0"
    return "none"


def bath_temperatures(model: Model) -> list[float]:
    """Values of ħΩ/k_B T of the baths, from the constants of their channels and the reverses.

    Parameters
    ----------
    model : Model

    Returns
    -------
    list of float
        In increasing order.
    """
    constants = dict(zip(model.channels, model.table.constants, strict=True))
    found = set()
    for channel, energy in zip(model.channel_specs, model.energy_changes, strict=True):
        back = constants.get(channel.reverse or "", 0.0)
        if channel.bath is not None and energy < 0 < back and constants[channel.name] > 0:
            x = np.log(constants[channel.name] / back) / -energy
            if x > 0:
                found.add(float(x))
    return sorted(found)


def drift_at_equilibrium(model: Model, x: float) -> float:
    """Deviation of thermal equilibrium from a steady state of the rate equations.

    Parameters
    ----------
    model : Model
    x : float
        ħΩ/k_B T, equal for all pools.

    Returns
    -------
    float
        Largest |drift| of a pool, relative to the sum of its gains and losses; NaN when this
        equilibrium is not defined.
    """
    try:
        counts = Thermal(x).mean(model)
    except InputError:
        return np.nan
    gross = model.table.mean_rates(counts) @ np.abs(model.table.changes)
    drift = np.abs(model.table.drift(counts))
    return float((drift / np.where(gross > 0, gross, 1)).max())


def _log_ratio(model: Model, x: float, states: IntArray, others: IntArray) -> Any:
    """Logarithm of the thermal probability of other states, relative to that of the states."""
    energies = np.array([pool.energy for pool in model.pool_specs])
    entropy: Any = sum(
        log_states_change(pool, states[:, p], others[:, p])
        for p, pool in enumerate(model.pool_specs)
        if (states[:, p] != others[:, p]).any()
    )
    return entropy - x * ((others - states) @ energies)

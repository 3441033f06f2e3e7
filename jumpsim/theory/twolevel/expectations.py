"""Averages that trajectories of a two-level system must have: those of its density matrix."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...systems.twolevel.parameters import ModeParameters
from ...systems.twolevel.quantum_jumps import TwoLevel
from ...units import as_times
from ...utils.typing import Times
from ..state_space import start_states
from .classical_field import field_state
from .quantised_mode import steady

_MOST_STATES = 10**6  # of a drawn start


def expectations(model: TwoLevel, times: Times, initial: Any) -> NDArray[np.float64]:
    """Expectation values of the density matrix, from the start of trajectories on.

    Parameters
    ----------
    model : TwoLevel
    times : array_like of float
        Seconds.
    initial : Fixed, Mixture or Thermal

    Returns
    -------
    ndarray, shape (n_times, n_observables)
        In the order of `model.observables`.
    """
    p, times = model.parameters, as_times(times)
    if isinstance(p, ModeParameters):
        first = start_populations(model, initial)
        moved = steady(p).evolve(times, {"populations": first})
        upper, lower, photon, y = moved.occupation_u, moved.occupation_l, moved.n, moved.Y
    else:
        upper, lower = initial.mean(model)
        field, start = field_state(p), (upper, lower, 0.0)
        photon = field.given(times, start)
        upper, lower, coherence = field.evolve(times, start)
        y = np.conj(p.epsilon) * coherence
    c = y / model.coupling if model.coupling else 0 * y
    found = {"u": upper, "l": lower, "photon": photon, "Re c": c.real, "Im c": c.imag}
    return np.stack([found[name] for name in model.observables], axis=-1)


def start_populations(model: TwoLevel, initial: Any) -> NDArray[np.float64]:
    """Populations (4, n + 1) of empty, u, l, both with n photons, from a start of trajectories."""
    states, weights = start_states(model, initial, np.full(len(model.pools), 2**53), _MOST_STATES)
    upper, lower, photons = (states[:, model.pools.index(name)] for name in ("u", "l", "photon"))
    first = np.zeros((4, photons.max() + 1))
    np.add.at(first, (upper + 2 * lower, photons), weights)
    return first

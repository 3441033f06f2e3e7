"""Expectation values of the density matrix, which the averages over trajectories approach."""

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

_MOST_STATES = 10**6  # of an initial distribution


def expectations(model: TwoLevel, times: Times, initial: Any) -> NDArray[np.float64]:
    """Expectation values of the density matrix that begins in the initial state of trajectories.

    Parameters
    ----------
    model : TwoLevel
    times : array_like of float or str
        Seconds, increasing, ≥ 0.
    initial : Fixed, Mixture or Thermal

    Returns
    -------
    ndarray, shape (n_times, n_observables)
        In the order of `model.observables`.

    Raises
    ------
    InputError
        When an argument is not valid.

    Examples
    --------
    >>> import jumpsim as js
    >>> from jumpsim.theory import twolevel
    >>> model = js.systems.two_level_mode(
    ...     1.0, 0.0, 1.0, 0.5, 1.0, 1.0, 1.0, f_u=1.0, f_l=0.0, n_b=0.0
    ... )
    >>> start = js.Fixed({"u": 1, "l": 0, "photon": 0})
    >>> print(twolevel.expectations(model, [0, 1], start)[:, :3].round(4))  # u, l, photon
    [[1.     0.     0.    ]
     [0.8928 0.1072 0.1072]]
    """
    p, times = model.parameters, as_times(times)
    if isinstance(p, ModeParameters):
        first = start_populations(model, initial)
        moved = steady(p).evolve(times, {"populations": first})
        upper, lower, photon, y = moved.occupation_u, moved.occupation_l, moved.n, moved.Y
    else:
        upper, lower = initial.mean(model)
        field, start = field_state(p), (upper, lower, 0.0)
        photon = field.emitted_quanta(times, start)
        upper, lower, coherence = field.evolve(times, start)
        y = np.conj(p.epsilon) * coherence
    c = y / model.coupling if model.coupling else 0 * y
    found = {"u": upper, "l": lower, "photon": photon, "Re c": c.real, "Im c": c.imag}
    return np.stack([found[name] for name in model.observables], axis=-1)


def start_populations(model: TwoLevel, initial: Any) -> NDArray[np.float64]:
    """Populations of the density matrix for an initial state of trajectories.

    Parameters
    ----------
    model : TwoLevel
    initial : Fixed, Mixture or Thermal

    Returns
    -------
    ndarray, shape (4, n + 1)
        Populations of the electronic states empty, u, l and both, with 0 to n photons.
    """
    states, weights = start_states(model, initial, np.full(len(model.pools), 2**53), _MOST_STATES)
    upper, lower, photons = (states[:, model.pools.index(name)] for name in ("u", "l", "photon"))
    first = np.zeros((4, photons.max() + 1))
    np.add.at(first, (upper + 2 * lower, photons), weights)
    return first

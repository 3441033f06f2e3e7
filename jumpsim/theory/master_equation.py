"""The master equation on the reachable states: exact probability distributions of small systems."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InputError
from ..model.initial import Start, as_initial
from ..model.model import Model, as_model
from ..units import as_times
from ..utils.typing import Array, IntArray, Times
from .cost import MOST_SECONDS
from .evolution import evolve
from .state_space import MOST_STATES, StateSpace
from .truncation import lost_probability, solve_on_states

_LARGE_LEAK = 1e-3
_MOST_LISTED = 10**8  # largest count up to which `marginal` lists the probability of every count


@dataclass(frozen=True, eq=False)
class Distribution:
    """Probabilities of the reachable states, at one or several times.

    Attributes
    ----------
    space : StateSpace
        The reachable states.
    probabilities : ndarray, shape (..., n_states)
        Probability of each state.
    leak : ndarray, shape (...)
        Missing probability: that of the omitted tails of the initial distribution and of the
        states that are excluded by `truncate`.
    """

    space: StateSpace
    probabilities: Array

    @property
    def model(self) -> Model:
        """Model whose states these are."""
        return self.space.model

    @property
    def states(self) -> IntArray:
        """Counts of each state, (n_states, n_pools) int64."""
        return self.space.states

    @property
    def leak(self) -> Array:
        """Missing probability, (...)."""
        return 1 - self.probabilities.sum(axis=-1)

    @property
    def mean(self) -> Array:
        """Mean counts, (..., n_pools)."""
        return self.average(self.states)

    @property
    def covariance(self) -> Array:
        """Covariance of the counts, (..., n_pools, n_pools)."""
        mean = self.mean
        # Relative to the centre of all states, to avoid cancellation between large squares.
        middle = self.states.mean(axis=0)
        centred = self.states - middle
        pairs = np.empty((*mean.shape, len(middle)))
        for place in np.ndindex(mean.shape[:-1]):
            probabilities = self.probabilities[place]
            pairs[place] = (probabilities[:, None] * centred).T @ centred / probabilities.sum()
        shift = mean - middle
        return pairs - shift[..., :, None] * shift[..., None, :]

    @property
    def cumulants(self) -> Array:
        """First four cumulants of each count, (4, ..., n_pools)."""
        mean = self.mean
        middle = self.states.mean(axis=0)
        centred, shift = self.states - middle, mean - middle
        raw = [self.average(centred**r) for r in (2, 3, 4)]
        second = raw[0] - shift**2
        third = raw[1] - 3 * shift * raw[0] + 2 * shift**3
        fourth = raw[2] - 4 * shift * raw[1] + 6 * shift**2 * raw[0] - 3 * shift**4
        return np.stack([mean, second, third, fourth - 3 * second**2])

    def average(self, values: ArrayLike) -> Array:
        """Average of a function of the state.

        Parameters
        ----------
        values : array_like, shape (n_states, ...)
            Value in each state.

        Returns
        -------
        ndarray
            Average over the states of `space`, whose probabilities are normalised for it.

        Raises
        ------
        InputError
            When `values` does not have one entry for each state.

        Examples
        --------
        >>> import jumpsim as js
        >>> model = js.systems.hohlraum(tls=2, modes=2, gamma_tilde=1.0)
        >>> found = js.stationary(model, {"N": 2, "m": 0})
        >>> round(float(found.average(found.states[:, 0] == 2)), 6)  # probability of N = 2
        0.375
        """
        values = np.asarray(values, float)
        if values.shape[:1] != (len(self.space),):
            raise InputError(
                f"`values` must hold one entry for each of {len(self.space)} states, but has "
                f"shape {values.shape}"
            )
        sums = np.tensordot(self.probabilities, values, axes=1)
        weight = self.probabilities.sum(axis=-1)
        return sums / np.reshape(weight, weight.shape + (1,) * (values.ndim - 1))

    def marginal(self, pool: str) -> Array:
        """Distribution of the count of one pool.

        Parameters
        ----------
        pool : str
            Name of the pool.

        Returns
        -------
        ndarray, shape (..., largest count + 1)
            Entry k is the probability of the count k.

        Raises
        ------
        InputError
            When the pool is unknown, or its counts are too large to be listed.

        Examples
        --------
        >>> import jumpsim as js
        >>> model = js.systems.hohlraum(tls=2, modes=2, gamma_tilde=1.0)
        >>> print(js.stationary(model, {"N": 2, "m": 0}).marginal("N").round(6))
        [0.125 0.5   0.375]
        """
        self.model.pool(pool)  # raises InputError for an unknown pool
        counts = self.states[:, self.model.pools.index(pool)]
        if counts.max() > _MOST_LISTED:
            raise InputError(
                f"the counts of pool '{pool}' are too large to list the probability of each count "
                f"from 0 to {counts.max()}; use `states` and `probabilities`"
            )
        out = np.zeros((*self.probabilities.shape[:-1], counts.max() + 1))
        np.add.at(out.T, counts, self.probabilities.T)
        return out

    def __str__(self) -> str:
        last = self.mean.reshape(-1, len(self.model.pools))[-1]
        means = ", ".join(f"{n} = {v:.6g}" for n, v in zip(self.model.pools, last, strict=True))
        lost = float(self.leak.max())
        leak = f"leak {lost:.2g}" if lost > 1e-12 else "no leak"
        if lost > _LARGE_LEAK:
            leak += " (the largest counts are too low)"
        return f"{self._kind}: {len(self.space)} states, mean {means}, {leak}"

    @property
    def _kind(self) -> str:
        return f"distribution of {self.model.name}"


@dataclass(frozen=True, eq=False)
class MasterEquation(Distribution):
    """Solution of the master equation: the distribution at several times.

    Attributes
    ----------
    times : ndarray, shape (n_times,)
        Seconds.
    """

    times: Array

    @property
    def _kind(self) -> str:
        return f"master equation of {self.model.name} up to {self.times[-1]:g} s"


def master_equation(
    model: Model,
    times: Times,
    initial: Start,
    truncate: Mapping[str, int] | None = None,
    max_states: int = MOST_STATES,
    max_seconds: float = MOST_SECONDS,
) -> MasterEquation:
    """Solve dP/dt = G P on the reachable states.

    All terms of the sums are positive, so that no precision is lost by cancellation and no
    probability is negative. The method is chosen by its cost, see `jumpsim.theory.evolution`.

    Parameters
    ----------
    model : Model
    times : array_like of float or str
        Seconds, increasing, ≥ 0.
    initial : Thermal, Fixed, Mixture, mapping or sequence
    truncate : mapping of str to int, optional
        Largest count of each pool that is not limited by itself. The probability of larger counts
        is reported as `leak`. By default all reachable states are used; where a count has no
        limit, one is chosen that excludes a probability below 1e-9.
    max_states : int
        Largest number of states.
    max_seconds : float
        Largest estimated computing time.

    Returns
    -------
    MasterEquation
        With the attributes `probabilities` (n_times, n_states), `states`, `mean`, `covariance`,
        `cumulants` and `leak`, and the methods `average` and `marginal`.

    Raises
    ------
    InputError
        When there are more than `max_states` states, the estimated computing time is longer than
        `max_seconds`, or rates differ so much that the result would be wrong.

    Warns
    -----
    TruncationWarning
        When `truncate` excludes a probability above 1e-6.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=1, modes=1, gamma_tilde=1.0)
    >>> print(js.master_equation(model, [0, 1], {"N": 0, "m": 1}))
    master equation of hohlraum up to 1 s: 2 states, mean N = 0.432332, m = 0.567668, no leak
    """
    times, initial = as_times(times), as_initial(initial, as_model(model))

    def solve(space: StateSpace) -> tuple[MasterEquation, Array]:
        probabilities = evolve(space.transitions(), space.start, times, max_seconds)
        found = MasterEquation(space, probabilities, times)
        return found, lost_probability(space, probabilities, space.start)

    return solve_on_states(solve, model, initial, truncate, max_states)

"""Exact counting statistics: cumulants of numbers of events, from the master equation.

Let n be the number of events in a time t, each event weighted by a factor of its channel (1 to
count events, an energy to count heat). The moments restricted to each state s,
p_k(s, t) = Σ_n n^k P(n, s; t), obey

    dp_k/dt = G p_k + Σ_j C(k, j) J_j p_(k-j),    J_j = Σ_c weight_c^j · rates of channel c,

which are the derivatives of the evolution with the tilted generator at zero counting field.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError, choices
from ..model.initial import Start, as_initial
from ..model.model import Model, as_model
from ..units import as_times
from ..utils.labels import by_name
from ..utils.typing import Array, BoolArray, Times
from .cost import MOST_SECONDS
from .evolution import evolve, evolve_moments
from .state_space import MOST_STATES, StateSpace
from .stationary import StationaryDistribution, stationary_on
from .truncation import lost_probability, solve_on_states

_ORDERS = 4  # number of cumulants
_REPORTED = 1e-6  # leak above which it is printed


@dataclass(frozen=True, eq=False)
class CountCumulants:
    """Cumulants of a weighted number of events.

    Attributes
    ----------
    model : Model
    windows : ndarray, shape (n_windows,)
        Lengths of the time windows in seconds.
    cumulants : ndarray, shape (4, n_windows)
        First to fourth cumulant: of a number, or of a heat in powers of ħΩ. NaN when `truncate`
        excludes every state that the system is in.
    leak : float
        Estimated probability of the states that `truncate` excludes.
    """

    model: Model
    windows: Array
    cumulants: Array
    leak: float = 0.0

    @property
    def fano(self) -> Array:
        """Variance over mean, (n_windows,); NaN where the mean is 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.cumulants[0] == 0, np.nan, self.cumulants[1] / self.cumulants[0])

    def __str__(self) -> str:
        k1, k2, k3, k4 = self.cumulants[:, -1]
        return (
            f"counts in {self.windows[-1]:g} s of {self.model.name}: mean {k1:.6g}, variance "
            f"{k2:.6g}, third cumulant {k3:.6g}, fourth {k4:.6g}"
            + (f", leak {self.leak:.2g}" if self.leak > _REPORTED else "")
        )


def channel_weights(model: Model, counted: str | Sequence[str] | Mapping[str, float]) -> Array:
    """Weight with which each channel is counted.

    Parameters
    ----------
    model : Model
    counted : str, list of str, or mapping of str to float
        A bath (the heat that it receives, ħΩ), one or several channels (the number of their
        events), or a weight for each channel.

    Returns
    -------
    ndarray, shape (n_channels,)

    Raises
    ------
    InputError
        When a name is unknown, `counted` is empty, or no event of the bath carries energy.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
    >>> channel_weights(model, {"emission": 1, "absorption": -1}).tolist()
    [1.0, -1.0]
    """
    baths = sorted({c.bath for c in model.channel_specs if c.bath is not None})
    if isinstance(counted, str) and counted in baths:
        heat = np.where(of_bath(model, counted), -model.energy_changes, 0.0)
        if not heat.any():
            names = [c.name for c in model.channel_specs if c.bath == counted]
            raise InputError(
                f"the events of bath '{counted}' carry no energy, so that there is no heat to "
                f"count; give the pools an energy, or name the channels ({', '.join(names)})"
            )
        return heat
    if isinstance(counted, str):
        counted = [counted]
    named = by_name(counted, "counted")
    counted = dict.fromkeys(counted, 1.0) if named is None else named
    if not counted:
        raise InputError("`counted` is empty; name a channel or a bath")
    weights = np.zeros(len(model.channels))
    for name, weight in counted.items():
        if name not in model.channels:
            known = [*model.channels, *baths]
            raise InputError(f"unknown channel or bath {name!r}; " + choices(name, known))
        weights[model.channels.index(name)] = weight
    return weights


def of_bath(model: Model, name: str) -> BoolArray:
    """Whether each channel exchanges heat with the bath of this name, (n_channels,)."""
    return np.array([channel.bath == name for channel in model.channel_specs])


def counted_channels(model: Model, counted: str | Sequence[str]) -> BoolArray:
    """Channels whose events are counted one by one, whatever energy they carry.

    Parameters
    ----------
    model : Model
    counted : str or list of str
        A bath (all its channels), or one or several channels.

    Returns
    -------
    ndarray of bool, shape (n_channels,)

    Raises
    ------
    InputError
        As for `channel_weights`.
    """
    if isinstance(counted, str) and (found := of_bath(model, counted)).any():
        return found
    return channel_weights(model, counted) != 0


def count_cumulants(
    model: Model,
    windows: Times,
    initial: Start,
    counted: str | Sequence[str] | Mapping[str, float],
    from_stationary: bool = False,
    truncate: Mapping[str, int] | None = None,
    max_states: int = MOST_STATES,
    max_seconds: float = MOST_SECONDS,
) -> CountCumulants:
    """Exact cumulants of the number of events, or of the heat, in windows of time.

    Parameters
    ----------
    model : Model
    windows : array_like of float or str
        Lengths of the windows in seconds, increasing.
    initial : Thermal, Fixed, Mixture, mapping or sequence
    counted : str, list of str, or mapping of str to float
        A bath (the heat that it receives, ħΩ), one or several channels (the number of their
        events), or a weight for each channel.
    from_stationary : bool
        Whether the windows begin in the stationary distribution instead of in the initial state.
    truncate, max_states, max_seconds
        As for `master_equation`.

    Returns
    -------
    CountCumulants

    Raises
    ------
    InputError
        When a counted name is unknown, or as for `master_equation`.

    Examples
    --------
    Arrivals at a constant rate of 3 per second have a Poisson distribution.

    >>> import jumpsim as js
    >>> source = js.Model(
    ...     [js.Pool.mass_action("X")],
    ...     js.Channel.reversible("in", "out", 3.0, {}, {"X": 1}, reverse_rate=1.0),
    ... )
    >>> print(js.count_cumulants(source, [10], {"X": 0}, "in", truncate={"X": 40}))
    counts in 10 s of model: mean 30, variance 30, third cumulant 30, fourth 30
    """
    windows, initial = as_times(windows), as_initial(initial, as_model(model))
    weights = channel_weights(model, counted)

    def solve(space: StateSpace) -> tuple[CountCumulants, Array]:
        start, excluded = space.start, np.zeros(len(space.tops))
        if from_stationary:
            steady, excluded = stationary_on(space, max_seconds)
            start = steady.probabilities
        moments, probabilities = _moments(space, weights, start, windows, max_seconds)
        excluded = excluded + lost_probability(space, probabilities, start)
        return CountCumulants(model, windows, moments, float(excluded.sum())), excluded

    return solve_on_states(solve, model, initial, truncate, max_states)


def _moments(
    space: StateSpace, weights: Array, start: Array, windows: Array, max_seconds: float
) -> tuple[Array, Array]:
    """Cumulants of the weighted number of events, (4, n_windows), and the probabilities."""
    from scipy import sparse  # here, because it takes long to load

    transitions = space.transitions()
    jumps = [space.counted(weights**j) for j in range(1, _ORDERS + 1)]
    first = evolve_moments(transitions, jumps[:1], start, windows, max_seconds).sum(axis=2)
    # Moments of the deviation from a constant rate, because those of a large number itself lose
    # precision by cancellation.
    known = np.flatnonzero((first[0] > 0) & (windows > 0))
    last = known[-1] if len(known) else None
    mean = 0.0 if last is None else first[1, last] / first[0, last]
    mean_rate = mean / windows[last] if abs(mean) > 1 else 0.0
    jumps[0] = jumps[0] - mean_rate * sparse.eye_array(len(space))
    solution = evolve_moments(transitions, jumps, start, windows, max_seconds)
    sums = solution.sum(axis=2)
    _, m1, m2, m3, m4 = sums / np.where(sums[0] > 0, sums[0], np.nan)
    cumulants = np.array(
        [
            m1 + mean_rate * windows,
            m2 - m1**2,
            m3 - 3 * m2 * m1 + 2 * m1**3,
            m4 - 4 * m3 * m1 - 3 * m2**2 + 12 * m2 * m1**2 - 6 * m1**4,
        ]
    )
    return cumulants, solution[0]


def coincidence_rate(
    model: Model,
    lags: Times,
    initial: Start,
    first: BoolArray,
    second: BoolArray,
    truncate: Mapping[str, int] | None = None,
    max_states: int = MOST_STATES,
    max_seconds: float = MOST_SECONDS,
) -> Array:
    """Stationary coincidence function g²(τ), the normalised rate of event pairs.

    It is the rate of events of the second kind at a time τ after an event of the first kind,
    divided by their mean rate.

    Parameters
    ----------
    model : Model
    lags : array_like of float or str
        Seconds, increasing, ≥ 0.
    initial : Thermal, Fixed, Mixture, mapping or sequence
        Initial state from which the stationary distribution is approached.
    first, second : ndarray of bool, shape (n_channels,)
        Channels whose events are of the first and of the second kind.
    truncate, max_states, max_seconds
        As for `master_equation`.

    Returns
    -------
    ndarray, shape (n_lags,)

    Raises
    ------
    InputError
        When the counted events do not occur in the steady state.

    Examples
    --------
    A single two-level system emits its photons one at a time (antibunching).

    >>> import numpy as np
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=1, modes=1, gamma_tilde=1.0)
    >>> emission = np.array([True, False])
    >>> print(coincidence_rate(model, [0, 10], {"N": 0, "m": 1}, emission, emission).round(4))
    [0. 1.]
    """
    lags, initial = as_times(lags), as_initial(initial, as_model(model))

    def solve(space: StateSpace) -> tuple[Array, Array]:
        steady, excluded = stationary_on(space, max_seconds)
        after, expected = _pairs(steady, first, second)
        p = evolve(space.transitions(), after, lags, max_seconds)
        return p @ space.rate_of(second) / expected, excluded + lost_probability(space, p, after)

    return solve_on_states(solve, model, initial, truncate, max_states)


def mean_coincidence_rate(
    model: Model,
    edges: Times,
    initial: Start,
    first: BoolArray,
    second: BoolArray,
    truncate: Mapping[str, int] | None = None,
    max_states: int = MOST_STATES,
    max_seconds: float = MOST_SECONDS,
) -> Array:
    """Stationary coincidence function g²(τ), averaged over bins of the lag τ.

    It is the mean number of events of the second kind in each bin after an event of the first
    kind, divided by that of independent events. No numerical integration is needed.

    Parameters
    ----------
    model : Model
    edges : array_like of float or str, shape (n_bins + 1,)
        Limits of the bins in seconds, increasing, ≥ 0.
    initial, first, second, truncate, max_states, max_seconds
        As for `coincidence_rate`.

    Returns
    -------
    ndarray, shape (n_bins,)

    Raises
    ------
    InputError
        As for `coincidence_rate`.

    Examples
    --------
    >>> import numpy as np
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=1, modes=1, gamma_tilde=1.0)
    >>> emission = np.array([True, False])
    >>> mean_coincidence_rate(model, [0, 1, 10], {"N": 0, "m": 1}, emission, emission).round(4)
    array([0.5677, 0.9925])
    """
    edges, initial = as_times(edges), as_initial(initial, as_model(model))

    def solve(space: StateSpace) -> tuple[Array, Array]:
        steady, excluded = stationary_on(space, max_seconds)
        after, expected = _pairs(steady, first, second)
        jumps = [space.counted(second.astype(float))]
        p, numbers = evolve_moments(space.transitions(), jumps, after, edges, max_seconds)
        found = np.diff(numbers.sum(axis=1)) / np.diff(edges) / expected
        return found, excluded + lost_probability(space, p, after)

    return solve_on_states(solve, model, initial, truncate, max_states)


def _pairs(
    steady: StationaryDistribution, first: BoolArray, second: BoolArray
) -> tuple[Array, float]:
    """Rates of the states just after first events, and the rate of pairs of independent events."""
    space = steady.space
    after = np.asarray(space.counted(first.astype(float)) @ steady.probabilities)
    expected = float(after.sum() * (space.rate_of(second) @ steady.probabilities))
    if not expected > 0:
        raise InputError(
            "the counted events do not occur in the steady state, so that g² is not defined"
        )
    return after, expected

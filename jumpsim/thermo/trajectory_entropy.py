"""Entropy along single trajectories, by two definitions that agree where detailed balance holds.

The Boltzmann entropy S_B = Σ ln(number of microstates) changes with every event. The sum of these
changes over the events within the system is the internal entropy production of the trajectory.
Stochastic thermodynamics uses ln(w_forward/w_reverse) of each event instead, where w_reverse is the
rate of the declared reverse in the state after the event; it is infinite without a reverse.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..model.microstates import log_states, log_states_change
from ..model.model import Model, as_model
from ..utils.typing import Array, BoolArray, IntArray
from .local_equilibrium import entropy_unit

if TYPE_CHECKING:
    from ..store.ensemble import Ensemble

_LARGEST_SPAN = 2**31  # of counts, whose pairs are then different int64 numbers
_SAMPLE = 2000  # number of states on which an identity of rates is tested


@dataclass(frozen=True, eq=False)
class TrajectoryEntropy:
    """Entropy of one trajectory; entry k is the value after k events, entry 0 the initial value.

    Attributes
    ----------
    model : Model
    times : ndarray, shape (n_events + 1,)
        Seconds; the first entry is 0.
    counts : ndarray of int64, shape (n_events + 1, n_pools)
    boltzmann : ndarray, shape (n_events + 1,)
        Total Boltzmann entropy S_B of the pools, k_B.
    internal : ndarray, shape (n_events + 1,)
        Sum of the changes of S_B by events within the system, k_B.
    stochastic : ndarray, shape (n_events + 1,)
        Σ ln(w_forward/w_reverse) of all events that have a reverse, k_B; for events that exchange
        heat with a bath it includes the entropy of the bath.
    irreversible : ndarray of int64, shape (n_events + 1,)
        Number of events without a possible reverse; after the first such event, the stochastic
        entropy production is infinite.
    """

    model: Model
    times: Array
    counts: IntArray
    boltzmann: Array
    internal: Array
    stochastic: Array
    irreversible: IntArray

    def __str__(self) -> str:
        first, last, lost = self.boltzmann[0], self.boltzmann[-1], self.irreversible[-1]
        ratios = f"{self.stochastic[-1]:.6g} k_B"
        if lost:
            ratios = f"infinite: {lost} events have no reverse; the others contribute {ratios}"
        entropies = [
            f"  Boltzmann entropy    {first:.6g} → {last:.6g} k_B",
            f"  internal production  {self.internal[-1]:.6g} k_B",
        ]
        if any(pool.kind == "mass_action" for pool in self.model.pool_specs):
            entropies = []  # a species has no number of modes or places
        return "\n".join(
            [
                f"{len(self.times) - 1} events of {self.model.name} up to {self.times[-1]:g} s",
                *entropies,
                f"  Σ ln(w/w_reverse)    {ratios}",
            ]
        )


def boltzmann_entropies(model: Model, counts: ArrayLike, si: bool = False) -> Array:
    """Boltzmann entropy of each pool, ln C(N+𝒩-1, N) or ln C(M, m).

    Parameters
    ----------
    model : Model
    counts : array_like of int, shape (..., n_pools)
    si : bool
        Whether the result is in joule per kelvin.

    Returns
    -------
    ndarray, shape (..., n_pools)
        In k_B.

    Raises
    ------
    InputError
        When the counts are not integers within the limits of the pools.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=4, modes=2, gamma_tilde=1.0)
    >>> print(js.thermo.boltzmann_entropies(model, [2, 2]).round(4))  # ln 3 and ln 6
    [1.0986 1.7918]
    """
    counts = model.as_counts(counts, whole=True)
    parts = [log_states(pool, counts[..., p]) for p, pool in enumerate(model.pool_specs)]
    return entropy_unit(model, si)[0] * np.stack(parts, axis=-1)


def states_along(
    model: Model, start: IntArray, numbers: IntArray, channels: IntArray
) -> tuple[IntArray, IntArray]:
    """Counts before and after each event of several trajectories.

    Parameters
    ----------
    model : Model
    start : ndarray, shape (n, n_pools)
        Counts at t = 0.
    numbers : ndarray of int, shape (n,)
        Number of events of each trajectory.
    channels : ndarray of int, shape (n_events,)
        Index of the channel of each event, first all events of the first trajectory, and so on.

    Returns
    -------
    before, after : ndarray of int64, shape (n_events, n_pools)

    Examples
    --------
    >>> import numpy as np
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=4, modes=2, gamma_tilde=1.0)
    >>> emission, absorption = 0, 1
    >>> before, after = js.thermo.states_along(
    ...     model, np.array([[1, 1]]), np.array([2]), np.array([emission, absorption])
    ... )
    >>> after.tolist()
    [[2, 0], [1, 1]]
    """
    changes = as_model(model).table.changes[channels]
    moved = np.cumsum(changes, axis=0)
    ends = np.cumsum(numbers)
    base = np.zeros((len(numbers), changes.shape[1]), np.int64)
    later = ends[:-1] > 0
    base[1:][later] = moved[ends[:-1][later] - 1]
    after = moved + np.repeat(start - base, numbers, axis=0)
    return after - changes, after


def along(ensemble: "Ensemble", i: int) -> TrajectoryEntropy:
    """Entropy of one trajectory of an ensemble after each of its events.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "events".
    i : int
        Row of the trajectory in the ensemble.

    Returns
    -------
    TrajectoryEntropy

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde=1.0)
    >>> ensemble = js.simulate(model, [1.0], 10, {"N": 15, "m": 0}, seed=1, record=["events"])
    >>> entropy = js.thermo.along(ensemble, 0)
    >>> len(entropy.times) == len(entropy.boltzmann) == len(ensemble.events(0)[0]) + 1
    True
    """
    model = as_model(ensemble.model)
    times, channels = ensemble.events(i)
    start = ensemble.starts(i % ensemble.ntraj, 1)
    before, after = states_along(model, start, np.array([len(channels)]), channels)
    counts = np.concatenate([start, after])
    boltzmann = boltzmann_entropies(model, counts).sum(axis=1)
    inside = np.array([c.bath is None for c in model.channel_specs])
    internal = np.where(inside[channels], _boltzmann_change(model, before, after), 0.0)
    ratio, possible = _log_ratios(model, before, channels)
    return TrajectoryEntropy(
        model,
        np.concatenate([[0.0], times]),
        counts,
        boltzmann,
        _running(internal),
        _running(ratio),
        _running((~possible).astype(np.int64)),
    )


def internal_production(ensemble: "Ensemble") -> Array:
    """Internal entropy production of each trajectory up to each stored time.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "events"; for a model without baths "counts" are sufficient.

    Returns
    -------
    ndarray, shape (ntraj, n_times)
        Sum of the changes of S_B by events within the system, k_B.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde=1.0)
    >>> ensemble = js.simulate(model, [0.0, 1.0], 10, {"N": 15, "m": 0}, seed=1)
    >>> produced = js.thermo.internal_production(ensemble)
    >>> produced.shape, bool((produced[:, 0] == 0).all())
    ((10, 2), True)
    """
    model = as_model(ensemble.model)
    inside = np.array([c.bath is None for c in model.channel_specs])
    if inside.all() and "counts" in ensemble.record:
        return _boltzmann_gain(ensemble)

    def produced(before: IntArray, after: IntArray, channels: IntArray) -> list[Array]:
        return [np.where(inside[channels], _boltzmann_change(model, before, after), 0.0)]

    return _summed(ensemble, produced)[0]


def ratio_production(ensemble: "Ensemble") -> tuple[Array, Array]:
    """Sum of ln(w_forward/w_reverse) over the events of each trajectory up to each stored time.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "events"; where w_forward/w_reverse = exp(ΔS_B) for every event, "counts" are
        sufficient.

    Returns
    -------
    production : ndarray, shape (ntraj, n_times)
        Sum over the events that have a reverse, k_B.
    irreversible : ndarray, shape (ntraj, n_times)
        Number of events without a reverse.

    Examples
    --------
    Where detailed balance holds, it is the internal entropy production.

    >>> import numpy as np
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde=1.0)
    >>> ensemble = js.simulate(model, [0.0, 1.0], 10, {"N": 15, "m": 0}, seed=1)
    >>> production, irreversible = js.thermo.ratio_production(ensemble)
    >>> np.allclose(production, js.thermo.internal_production(ensemble)), int(irreversible.sum())
    (True, 0)
    """
    model = as_model(ensemble.model)
    if "events" not in ensemble.record and ratios_are_entropy(ensemble):
        gain = _boltzmann_gain(ensemble)
        return gain, np.zeros_like(gain)

    def produced(before: IntArray, _: IntArray, channels: IntArray) -> list[Any]:
        ratio, possible = _log_ratios(model, before, channels)
        return [ratio, ~possible]

    production, irreversible = _summed(ensemble, produced)
    return production, irreversible


def ratios_are_entropy(ensemble: "Ensemble") -> bool:
    """Whether w_forward/w_reverse = exp(ΔS_B) for every event, tested on a sample of states.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "counts".

    Returns
    -------
    bool
        False when "counts" are not recorded.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde=1.0)
    >>> js.thermo.ratios_are_entropy(js.simulate(model, [0.0, 1.0], 10, {"N": 15, "m": 0}, seed=1))
    True
    """
    if "counts" not in ensemble.record or ensemble.ntraj == 0:
        return False
    model = as_model(ensemble.model)
    # An event without a reverse may have occurred between two stored times, so that the sample of
    # states does not show it.
    if model.irreversible:
        return False
    sample = next(ensemble.slabs("counts")).reshape(-1, len(model.pools))
    states = np.unique(sample[:: max(1, len(sample) // _SAMPLE)], axis=0)
    for c, change in enumerate(model.table.changes):
        before = states[model.table.rate_of(c, states) > 0]
        channels = np.full(len(before), c)
        ratio, possible = _log_ratios(model, before, channels)
        gain = _boltzmann_change(model, before, before + change)
        if not possible.all() or not np.allclose(ratio, gain, rtol=1e-9, atol=1e-9):
            return False
    return True


def _boltzmann_gain(ensemble: "Ensemble") -> Array:
    """S_B at the stored times minus S_B at t = 0, (ntraj, n_times), from the counts."""
    model = as_model(ensemble.model)
    gains, row = [np.empty((0, len(ensemble.times)))], 0
    for counts in ensemble.slabs("counts"):
        gains.append(_boltzmann_change(model, ensemble.starts(row, len(counts))[:, None], counts))
        row += len(counts)
    return np.concatenate(gains)


def _summed(
    ensemble: "Ensemble", produced: Callable[[IntArray, IntArray, IntArray], list[Any]]
) -> list[Array]:
    """Sums over the events up to each stored time, for each quantity that `produced` returns."""
    model = as_model(ensemble.model)
    parts, n_times = [], len(ensemble.times)
    for row, numbers, times, channels in ensemble.event_slabs():
        before, after = states_along(model, ensemble.starts(row, len(numbers)), numbers, channels)
        trajectory = np.repeat(np.arange(len(numbers)), numbers)
        place = np.searchsorted(ensemble.times, times)  # first stored time at or after the event
        cell, shape = trajectory * n_times + place, (len(numbers), n_times)
        sums = [
            np.bincount(cell, values, shape[0] * n_times).reshape(shape).cumsum(axis=1)
            for values in produced(before, after, channels)
        ]
        parts.append(sums)
    if not parts:
        nothing = np.empty((0, len(model.pools)), int)
        return [np.empty((0, n_times)) for _ in produced(nothing, nothing, nothing[:, 0])]
    return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]


def _boltzmann_change(model: Model, before: IntArray, after: IntArray) -> Array:
    """Change ΔS_B between counts of shape (..., n_pools), k_B."""
    before, after = np.broadcast_arrays(before, after)
    total = np.zeros(before.shape[:-1])
    for p, pool in enumerate(model.pool_specs):
        old, new = before[..., p], after[..., p]
        if not (old != new).any():
            continue
        # Most events are repetitions: each different pair of counts is computed once.
        low = min(old.min(), new.min())
        span = int(max(old.max(), new.max()) - low) + 1
        if span < _LARGEST_SPAN:
            pairs, place = np.unique((old - low) * span + (new - low), return_inverse=True)
            different = log_states_change(pool, low + pairs // span, low + pairs % span)
            total += different[place].reshape(total.shape)
        else:
            total += log_states_change(pool, old, new)
    return total


def _log_ratios(model: Model, before: IntArray, channels: IntArray) -> tuple[Array, BoolArray]:
    """ln(w_forward/w_reverse) of each event, 0 without a reverse, and whether it has one."""
    forward, reverse = model.forward_and_reverse(channels, before)
    possible = reverse > 0
    return np.log(forward) - np.log(np.where(possible, reverse, forward)), possible


def _running(values: Any) -> Any:
    """Cumulative sums, beginning with 0."""
    return np.concatenate([[0], np.cumsum(values)])

"""Entropy along single trajectories: two notions, which agree where detailed balance holds.

Boltzmann's entropy S_B = Σ ln(number of states) changes with every event; summed over the events
within the system it is the trajectory's internal entropy production. Stochastic thermodynamics
takes ln(w_forward/w_reverse) of each event instead, the rate of its declared reverse taken in the
state after it: infinite where there is no reverse.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..model.microstates import log_states
from ..model.model import Model, as_model
from ..utils.typing import Array, BoolArray, IntArray
from .local_equilibrium import entropy_unit

_SAMPLE = 2000  # states on which an identity of rates is tried


@dataclass(frozen=True, eq=False)
class TrajectoryEntropy:
    """One trajectory, event by event; entry k holds after k events, entry 0 at the start.

    Attributes
    ----------
    model : Model
    times : ndarray, shape (n_events + 1,)
        Seconds; 0 first.
    counts : ndarray of int64, shape (n_events + 1, n_pools)
    boltzmann : ndarray
        Boltzmann's entropy S_B of the pools together, k_B.
    internal : ndarray
        Its change by events within the system, accumulated.
    stochastic : ndarray
        Σ ln(w_forward/w_reverse) of all events that have a reverse; for events with a bath it
        includes the entropy given to the bath.
    irreversible : ndarray of int64
        Events until then whose reverse cannot happen; after the first one, the stochastic entropy
        production is infinite.
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
            ratios = f"diverges: {lost} events have no reverse, the others give {ratios}"
        return "\n".join(
            [
                f"{len(self.times) - 1} events of {self.model.name} up to {self.times[-1]:g} s",
                f"  Boltzmann entropy       {first:.6g} → {last:.6g} k_B",
                f"  produced within         {self.internal[-1]:.6g} k_B",
                f"  by forward and reverse  {ratios}",
            ]
        )


def boltzmann_entropies(model: Model, counts: ArrayLike, si: bool = False) -> Array:
    """Boltzmann's entropy of each pool, ln C(N+𝒩-1, N) or ln C(M, m), from whole counts.

    Parameters
    ----------
    model : Model
    counts : array_like of int, shape (..., n_pools)
    si : bool
        In joule per kelvin.

    Returns
    -------
    ndarray, shape (..., n_pools)
        In k_B.
    """
    counts = model.as_counts(counts, whole=True)
    parts = [log_states(pool, counts[..., p]) for p, pool in enumerate(model.pool_specs)]
    return entropy_unit(model, si)[0] * np.stack(parts, axis=-1)


def states_along(
    model: Model, start: IntArray, numbers: IntArray, channels: IntArray
) -> tuple[IntArray, IntArray]:
    """Counts before and after each event of several trajectories, one after the other.

    Parameters
    ----------
    model : Model
    start : ndarray, shape (n, n_pools)
        Counts at t = 0.
    numbers : ndarray, shape (n,)
        Events of each trajectory.
    channels : ndarray, shape (n_events,)

    Returns
    -------
    before, after : ndarray of int64, shape (n_events, n_pools)
    """
    changes = as_model(model).table.changes[channels]
    moved = np.cumsum(changes, axis=0)
    ends = np.cumsum(numbers)
    base = np.zeros((len(numbers), changes.shape[1]), np.int64)
    later = ends[:-1] > 0
    base[1:][later] = moved[ends[:-1][later] - 1]
    after = moved + np.repeat(start - base, numbers, axis=0)
    return after - changes, after


def along(ensemble: Any, i: int) -> TrajectoryEntropy:
    """Entropy of the i-th trajectory kept, event by event.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "events".
    i : int
        Row.

    Returns
    -------
    TrajectoryEntropy
    """
    model = ensemble.model
    times, channels = ensemble.events(i)
    start = ensemble.starts(i % ensemble.ntraj, 1)
    before, after = states_along(model, start, np.array([len(channels)]), channels)
    counts = np.concatenate([start, after])
    boltzmann = boltzmann_entropies(model, counts).sum(axis=1)
    inside = np.array([c.bath is None for c in model.channel_specs])
    internal = np.where(inside[channels], np.diff(boltzmann), 0.0)
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


def internal_production(ensemble: Any) -> Array:
    """Internal entropy production of every trajectory up to each stored time.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "events"; or with "counts", where no event exchanges with a bath.

    Returns
    -------
    ndarray, shape (ntraj, n_times)
        Sums of ΔS_B over events within the system, k_B.
    """
    model = ensemble.model
    inside = np.array([c.bath is None for c in model.channel_specs])
    if inside.all() and "counts" in ensemble.record:
        return _boltzmann_gain(ensemble)

    def produced(before: IntArray, after: IntArray, channels: IntArray) -> list[Array]:
        return [np.where(inside[channels], _boltzmann_change(model, before, after), 0.0)]

    return _summed(ensemble, produced)[0]


def ratio_production(ensemble: Any) -> tuple[Array, Array]:
    """Σ ln(w_forward/w_reverse) of every trajectory up to each stored time.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "events"; or with "counts", where the ratio is exp(ΔS_B) for every event.

    Returns
    -------
    production : ndarray, shape (ntraj, n_times)
        Of the events that have a reverse, k_B.
    irreversible : ndarray, shape (ntraj, n_times)
        Number of events without.
    """
    model = ensemble.model
    if "events" not in ensemble.record and ratios_are_entropy(ensemble):
        gain = _boltzmann_gain(ensemble)
        return gain, np.zeros_like(gain)

    def produced(before: IntArray, _: IntArray, channels: IntArray) -> list[Any]:
        ratio, possible = _log_ratios(model, before, channels)
        return [ratio, ~possible]

    production, irreversible = _summed(ensemble, produced)
    return production, irreversible


def ratios_are_entropy(ensemble: Any) -> bool:
    """Whether w_forward/w_reverse = exp(ΔS_B) for every event, tried on the states of a sample.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "counts"; False without.
    """
    model = ensemble.model
    if "counts" not in ensemble.record or ensemble.ntraj == 0:
        return False
    # An event without a reverse may have happened between two stored times, unseen in the sample.
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


def _boltzmann_gain(ensemble: Any) -> Array:
    """S_B at the stored times less that of the start, (ntraj, n_times), from the counts."""
    gains, row = [np.empty((0, len(ensemble.times)))], 0
    for counts in ensemble.slabs("counts"):
        states = np.concatenate([ensemble.starts(row, len(counts))[:, None], counts], axis=1)
        entropy = boltzmann_entropies(ensemble.model, states).sum(axis=2)
        gains.append(entropy[:, 1:] - entropy[:, :1])
        row += len(counts)
    return np.concatenate(gains)


def _summed(
    ensemble: Any, produced: Callable[[IntArray, IntArray, IntArray], list[Any]]
) -> list[Array]:
    """Sums of what each event produces, up to each stored time; an array for each quantity."""
    parts, n_times = [], len(ensemble.times)
    for row, numbers, times, channels in ensemble.event_slabs():
        before, after = states_along(
            ensemble.model, ensemble.starts(row, len(numbers)), numbers, channels
        )
        trajectory = np.repeat(np.arange(len(numbers)), numbers)
        place = np.searchsorted(ensemble.times, times)  # counts at every stored time ≥ its own
        cell, shape = trajectory * n_times + place, (len(numbers), n_times)
        sums = [
            np.bincount(cell, values, shape[0] * n_times).reshape(shape).cumsum(axis=1)
            for values in produced(before, after, channels)
        ]
        parts.append(sums)
    if not parts:
        nothing = np.empty((0, len(ensemble.model.pools)), int)
        return [np.empty((0, n_times)) for _ in produced(nothing, nothing, nothing[:, 0])]
    return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]


def _boltzmann_change(model: Model, before: IntArray, after: IntArray) -> Array:
    """ΔS_B of each event, from a table of each pool's states."""
    total = np.zeros(len(before))
    for p, pool in enumerate(model.pool_specs):
        top = max(before[:, p].max(initial=0), after[:, p].max(initial=0))
        entropy = log_states(pool, np.arange(top + 1))
        total += entropy[after[:, p]] - entropy[before[:, p]]
    return total


def _log_ratios(model: Model, before: IntArray, channels: IntArray) -> tuple[Array, BoolArray]:
    """ln(w_forward/w_reverse) of each event, 0 without a reverse, and whether it has one."""
    forward, reverse = model.forward_and_reverse(channels, before)
    possible = reverse > 0
    return np.log(forward) - np.log(np.where(possible, reverse, forward)), possible


def _running(values: Any) -> Any:
    return np.concatenate([[0], np.cumsum(values)])

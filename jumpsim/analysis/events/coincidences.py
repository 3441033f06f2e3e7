"""Coincidences of events at rest: g²(τ) of the photons that two channels count."""

from dataclasses import dataclass

import numpy as np

from ... import units
from ...errors import InputError, whole_number
from ...statistics.jackknife import jackknife_error
from ...store.ensemble import Ensemble
from ...theory.counting_statistics import channel_weights, coincidence_rate
from ...utils.results import Result, trajectories_of
from ...utils.tables import columns
from ...utils.text import readable_times, with_error
from ..requirements import if_small, need, need_trajectories

_GROUPS = 32
_SMALL = 5_000
_LEAST_PAIRS = 20


@dataclass(frozen=True, eq=False, repr=False)
class Coincidences(Result):
    """How much likelier a second event is, a lag after a first one, than at any time.

    Attributes
    ----------
    ensemble : Ensemble
    what : str
        In words.
    edges : ndarray, shape (n_bins + 1,)
        Of the lags, seconds.
    g2, error : ndarray, shape (n_bins,)
        Averaged over each bin, with jackknife errors over trajectories; NaN where fewer than 20
        pairs were seen.
    exact : ndarray or None, shape (n_bins,)
        From the master equation, when the system is small.
    """

    ensemble: Ensemble
    what: str
    edges: np.ndarray
    g2: np.ndarray
    error: np.ndarray
    exact: np.ndarray | None

    @property
    def facts(self) -> str:
        """Which events, in how many bins, of which run."""
        return f"{self.what} in {len(self.g2)} bins, {trajectories_of(self.ensemble)}"

    @property
    def verdict(self) -> str:
        """g² in the bin of the shortest lags that is known, and what it means."""
        known = np.flatnonzero(np.isfinite(self.g2))
        if not len(known):
            return f"undecided: fewer than {_LEAST_PAIRS} pairs in every bin"
        k, (factor, unit) = known[0], readable_times(self.edges)
        away = self.g2[k] - 1
        kind = "bunched" if away > 0 else "antibunched"
        if abs(away) <= 1.96 * self.error[k]:
            kind = "not known to differ from independent events"
        lags = f"{self.edges[k] * factor:.4g} to {self.edges[k + 1] * factor:.4g} {unit}"
        return f"g² = {with_error(self.g2[k], self.error[k])} at lags from {lags}: {kind}"

    def __str__(self):
        factor, unit = readable_times(self.edges)
        rows = []
        for k, value in enumerate(self.g2):
            measured = with_error(value, self.error[k], ".4f")
            exact = [] if self.exact is None else [f"{self.exact[k]:.4f}"]
            lag = f"{self.edges[k] * factor:.4g} to {self.edges[k + 1] * factor:.4g}"
            rows.append((lag, measured, *exact))
        head = (f"lag ({unit})", "g²", *(["exact"] if self.exact is not None else []))
        return "\n".join([f"coincidences of {self.what}", "", *columns(rows, head, right=(0,))])


def coincidences(ensemble, first, second=None, after=0.0, longest=None, bins=10, max_states=_SMALL):
    """Measure g²(τ) of the events of some channels, or of those into a bath, at rest.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "events"; 16 trajectories at least.
    first, second : str or list of str
        A bath (every event that gives heat to it) or channels; `second` is `first` by default.
    after : float or str
        Where the stationary part of the run begins; earlier events are left out.
    longest : float or str, optional
        Longest lag; a tenth of the stretch by default.
    bins : int
    max_states : int
        Size up to which the exact function is found; 0 for never.

    Returns
    -------
    Coincidences
        Printable.
    """
    need(ensemble, "events", "coincidences need every event")
    model, after = ensemble.model, units.time(after, "after")
    end = float(ensemble.times[-1])
    longest = (end - after) / 10 if longest is None else units.time(longest, "longest")
    if not after + longest < end or not longest > 0:
        raise InputError(
            f"`after` and `longest` must leave a stretch before the end of the run at {end:g} s"
        )
    edges = np.linspace(0, longest, whole_number(bins, "bins", 1, 10_000) + 1)
    chosen = [channel_weights(model, what) != 0 for what in (first, second or first)]
    need_trajectories(ensemble)
    pairs, firsts, seconds = _counted(ensemble, *chosen, after, end, edges)
    numbers = np.bincount(np.arange(ensemble.ntraj) % _GROUPS, minlength=_GROUPS)

    def ratio(kept):
        """Give g² of some groups: pairs over those expected of independent events."""
        rate = seconds[kept].sum() / (numbers[kept].sum() * (end - after))
        with np.errstate(divide="ignore", invalid="ignore"):
            return pairs[kept].sum(axis=0) / (firsts[kept].sum() * rate * np.diff(edges))

    every = np.arange(_GROUPS)
    g2 = ratio(every)
    error = jackknife_error(np.array([ratio(every != g) for g in np.flatnonzero(numbers)]))
    enough = pairs.sum(0) >= _LEAST_PAIRS
    words = [w if isinstance(w, str) else ", ".join(w) for w in (first, second or first)]
    return Coincidences(
        ensemble, " and ".join(dict.fromkeys(words)), edges,
        np.where(enough, g2, np.nan), np.where(enough, error, np.nan),
        _exact(ensemble, chosen, edges, max_states),
    )  # fmt: skip


def _counted(ensemble, first, second, after, end, edges):
    """Pairs in each bin, first and second events, by group of trajectories."""
    pairs = np.zeros((_GROUPS, len(edges) - 1))
    firsts, seconds = np.zeros(_GROUPS), np.zeros(_GROUPS)
    for row, numbers, times, channels in ensemble.event_slabs():
        bounds = np.concatenate([[0], np.cumsum(numbers)])
        for k in range(len(numbers)):
            t, c = times[bounds[k] : bounds[k + 1]], channels[bounds[k] : bounds[k + 1]]
            here = t >= after
            start = t[first[c] & here & (t < end - edges[-1])]
            later = t[second[c] & here]
            group = (row + k) % _GROUPS
            firsts[group] += len(start)
            seconds[group] += len(later)
            # Up to each edge, not counting the event itself.
            upto = np.searchsorted(later, start[:, None] + edges, side="right")
            pairs[group] += np.diff(upto, axis=1).sum(axis=0)
    return pairs, firsts, seconds


def _exact(ensemble, chosen, edges, max_states):
    """g² of the master equation, averaged over each bin."""
    parts, bins = 4, len(edges) - 1
    fine = np.linspace(edges[0], edges[-1], parts * bins + 1)
    rate = if_small(
        coincidence_rate, ensemble.model, fine, ensemble.initial, *chosen, max_states=max_states
    )
    if rate is None:
        return None
    weights = np.array([1, 4, 2, 4, 1]) / 12
    return np.array([rate[k * parts : (k + 1) * parts + 1] @ weights for k in range(bins)])

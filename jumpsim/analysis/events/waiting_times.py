"""Waiting times between events, with waits that the end of a run cut short."""

from dataclasses import dataclass

import numpy as np

from ... import units
from ...errors import InputError, whole_number
from ...statistics.intervals import survival_function
from ...statistics.jackknife import jackknife_error
from ...store.ensemble import Ensemble
from ...theory.first_passage import Passage, waiting_time
from ...theory.twolevel.waiting_times import waiting_law
from ...utils.tables import columns
from ...utils.text import readable_times
from ..requirements import if_small, need, need_trajectories

GROUPS = 32
SMALL = 5_000  # states up to which the exact law is found unasked
_LEAST_AT_RISK = 20


@dataclass(frozen=True, eq=False)
class WaitingTimes:
    """How long it takes until the next event of some channels.

    Attributes
    ----------
    ensemble : Ensemble
    what : str
        What is waited for, in words.
    durations : ndarray, shape (n_waits,)
        Seconds.
    ended : ndarray of bool, shape (n_waits,)
        False where the run ended first.
    row : ndarray of int, shape (n_waits,)
        Of the trajectory.
    times : ndarray, shape (n_times,)
        Seconds since the wait began.
    survival, error : ndarray, shape (n_times,)
        Probability still to wait (Kaplan and Meier), with jackknife errors over trajectories, not
        less than independent waits allow; NaN where fewer than 20 waits are still observed.
    exact : Passage or None
        From the master equation, when the system is small.
    """

    ensemble: Ensemble
    what: str
    durations: np.ndarray
    ended: np.ndarray
    row: np.ndarray
    times: np.ndarray
    survival: np.ndarray
    error: np.ndarray
    exact: Passage | None

    @property
    def mean(self):
        """Mean wait and its standard error, seconds; NaN when the end cut waits short."""
        if not self.ended.all():
            return np.nan, np.nan
        group = self.row % GROUPS
        number, total = np.bincount(group), np.bincount(group, self.durations)
        left = (total.sum() - total) / np.maximum(number.sum() - number, 1)
        return total.sum() / number.sum(), float(jackknife_error(left[number > 0]))

    def __str__(self):
        factor, unit = readable_times(self.times)
        rows = []
        for k in np.unique(np.linspace(0, len(self.times) - 1, 10).round().astype(int)):
            known = np.isfinite(self.survival[k])
            told = f"{self.survival[k]:.4f} ± {self.error[k]:.2g}" if known else "undecided"
            exact = [] if self.exact is None else [f"{self.exact.survival[k]:.4f}"]
            rows.append((f"{self.times[k] * factor:.4g}", told, *exact))
        head = (f"time ({unit})", "still waiting", *(["exact"] if self.exact is not None else []))
        cut = int((~self.ended).sum())
        return "\n".join(
            [
                f"{len(self.durations)} waits for {self.what} in {self.ensemble.ntraj} "
                f"trajectories of {self.ensemble.model.name}; {cut} were cut short by the end",
                "",
                *columns(rows, head, right=(0,)),
                "",
                self._told_mean(factor, unit),
            ]
        )

    def _told_mean(self, factor, unit):
        mean, error = self.mean
        told = "mean wait: undecided, for it some waits were cut short"
        if np.isfinite(mean):
            told = f"mean wait: {mean * factor:.5g} ± {error * factor:.2g} {unit}"
        return (
            told if self.exact is None else f"{told} (exact {self.exact.mean * factor:.5g} {unit})"
        )


def waiting_times(ensemble, channels, since=None, after=0.0, points=41, max_states=SMALL):
    """Measure the time until the next event of one of some channels.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "events"; 16 trajectories at least.
    channels : str or list of str
        What is waited for.
    since : str, optional
        Wait from every event of this channel; otherwise once in each trajectory, from `after` on.
    after : float or str
        Earlier events are left out. With `since` the exact distribution is that of the stationary
        process, and is given only for after > 0.
    points : int
        Number of times at which the survival is told, up to the longest completed wait.
    max_states : int
        Size up to which the exact law is found; 0 for never.

    Returns
    -------
    WaitingTimes
        Printable.
    """
    need(ensemble, "events", "waiting times need every event")
    model, after = ensemble.model, units.time(after, "after")
    names = [channels] if isinstance(channels, str) else list(channels)
    for name in [*names, *([since] if since is not None else [])]:
        model.channel(name)  # refuses what there is not
    if not names:
        raise InputError("`channels` must name a channel to wait for")
    end = float(ensemble.times[-1])
    if after >= end:
        raise InputError(f"`after` must lie before the end of the run at {end:g} s")
    wanted = np.isin(np.arange(len(model.channels)), [model.channels.index(n) for n in names])
    origin = None if since is None else model.channels.index(since)
    waits = _waits(ensemble, wanted, origin, after, end)
    what = " or ".join(f"'{n}'" for n in names) + (f" after '{since}'" if since else "")
    known = after == 0 if since is None else after > 0

    def solve(times):
        if model.sampled == "expect":
            return _quantum_law(ensemble, times, names, since) if known else None
        return if_small(
            waiting_time, model, times, ensemble.initial, names, since,
            max_states=max_states if known else 0,
        )  # fmt: skip

    return estimated(ensemble, what, waits, points, solve)


def _quantum_law(ensemble, times, names, since):
    """Law of the density matrix; None where it is not known."""
    try:
        return waiting_law(ensemble.model, times, ensemble.initial, names, since)
    except InputError:
        return None


def estimated(ensemble, what, waits, points, solve):
    """Estimate the survival of waits and put the exact law beside it.

    Parameters
    ----------
    ensemble : Ensemble
    what : str
    waits : tuple of ndarray
        Durations, whether they ended, and the row of their trajectory.
    points : int
    solve : callable
        Returns the exact `Passage` at some times, or None.

    Returns
    -------
    WaitingTimes
    """
    durations, ended, row = waits
    if not ended.any():
        raise InputError(f"no wait for {what} came to its end; run longer, or wait for less")
    need_trajectories(ensemble)
    times = np.linspace(0, durations[ended].max(), whole_number(points, "points", 2, 100_000))
    survival, error = _kaplan_meier(durations, ended, row % GROUPS, times)
    return WaitingTimes(ensemble, what, durations, ended, row, times, survival, error, solve(times))


def _waits(ensemble, wanted, origin, after, end):
    """Durations, whether they ended, and the row of their trajectory."""
    parts = [(np.zeros(0), np.zeros(0, bool), np.zeros(0, int))]
    for row, numbers, times, channels in ensemble.event_slabs():
        trajectory = row + np.repeat(np.arange(len(numbers)), numbers)
        hits = np.flatnonzero(wanted[channels] & (times >= after))
        if origin is None:
            owners = row + np.arange(len(numbers))
            starts = np.full(len(numbers), after)
            following = np.searchsorted(trajectory[hits], owners)
        else:
            places = np.flatnonzero((channels == origin) & (times >= after))
            owners, starts = trajectory[places], times[places]
            following = np.searchsorted(hits, places, side="right")
        found = np.minimum(following, max(len(hits) - 1, 0))
        same = np.zeros(len(owners), bool)
        until = np.full(len(owners), end)
        if len(hits):
            same = (following < len(hits)) & (trajectory[hits[found]] == owners)
            until = np.where(same, times[hits[found]], end)
        parts.append((until - starts, same, owners))
    return tuple(np.concatenate(p) for p in zip(*parts, strict=True))


def _kaplan_meier(durations, ended, group, times):
    """Product-limit estimate at some times, with errors by leaving out groups of trajectories."""
    survival = survival_function(durations, ended, times)
    others = (group != g for g in np.unique(group))
    left = np.array([survival_function(durations[k], ended[k], times) for k in others])
    at_risk = len(durations) - np.searchsorted(np.sort(durations), times, side="right")
    arrived = np.searchsorted(np.sort(durations[ended]), times, side="right")
    # Not less than independent waits allow, so that few or no arrivals have an error as well.
    number = arrived + at_risk + 4
    part = (arrived + 2) / number
    error = np.maximum(jackknife_error(left), np.sqrt(part * (1 - part) / number))
    enough = at_risk >= _LEAST_AT_RISK
    return np.where(enough, survival, np.nan), np.where(enough, error, np.nan)

"""Waiting times between events, with waits that the end of a run cut short."""

from dataclasses import dataclass

import numpy as np

from ... import units
from ...errors import InputError, whole_number
from ...statistics.intervals import survival_function
from ...statistics.jackknife import jackknife_error
from ...store.ensemble import Ensemble
from ...theory.first_passage import Passage, waiting_time_distribution
from ...theory.twolevel.waiting_times import (
    waiting_time_distribution as waiting_time_of_quantum_jumps,
)
from ...utils.results import Result, trajectories_of
from ...utils.tables import columns
from ...utils.text import readable_times, with_error
from ..requirements import if_small, need, need_trajectories

GROUPS = 32
SMALL = 5_000  # states up to which the exact distribution is found unasked
_LEAST_AT_RISK = 20


@dataclass(frozen=True, eq=False, repr=False)
class WaitingTimes(Result):
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
    def facts(self) -> str:
        """How many waits, for what, of which run."""
        waits = f"{len(self.durations)} waits for {self.what}"
        return f"{waits}, {trajectories_of(self.ensemble)}"

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
            survival = with_error(self.survival[k], self.error[k], ".4f")
            exact = [] if self.exact is None else [f"{self.exact.survival[k]:.4f}"]
            rows.append((f"{self.times[k] * factor:.4g}", survival, *exact))
        head = (f"time ({unit})", "still waiting", *(["exact"] if self.exact is not None else []))
        cut = int((~self.ended).sum())
        return "\n".join(
            [
                f"{len(self.durations)} waits for {self.what} in {self.ensemble.ntraj} "
                f"trajectories of {self.ensemble.model.name}; {cut} were cut short by the end",
                "",
                *columns(rows, head, right=(0,)),
                "",
                self.verdict,
            ]
        )

    @property
    def verdict(self) -> str:
        """The mean wait, beside the exact one where it is known."""
        (mean, error), (factor, unit) = self.mean, readable_times(self.times)
        text = "mean wait: undecided, for it some waits were cut short"
        if np.isfinite(mean):
            text = f"mean wait: {with_error(mean * factor, error * factor, '.5g')} {unit}"
        if self.exact is None:
            return text
        return f"{text} (exact {self.exact.mean * factor:.5g} {unit})"


def waiting_times(ensemble, channels, following=None, after=0.0, points=41, max_states=SMALL):
    """Measure the time until the next event of one of some channels.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "events"; 16 trajectories at least.
    channels : str or list of str
        What is waited for.
    following : str, optional
        Wait from every event of this channel; otherwise once in each trajectory, from `after` on.
    after : float or str
        Earlier events are left out. With `following` the exact distribution is that of the
        stationary process, and is given only for after > 0.
    points : int
        Number of times at which the survival is given, up to the longest completed wait.
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
    for name in [*names, *([following] if following is not None else [])]:
        model.channel(name)  # refuses what there is not
    if not names:
        raise InputError("`channels` must name a channel to wait for")
    end = float(ensemble.times[-1])
    if after >= end:
        raise InputError(f"`after` must lie before the end of the run at {end:g} s")
    wanted = np.isin(np.arange(len(model.channels)), [model.channels.index(n) for n in names])
    origin = None if following is None else model.channels.index(following)
    waits = _waits(ensemble, wanted, origin, after, end)
    what = " or ".join(f"'{n}'" for n in names) + (f" after '{following}'" if following else "")
    known = after == 0 if following is None else after > 0

    def solve(times):
        if not model.has_rates:
            return _of_quantum_jumps(ensemble, times, names, following) if known else None
        return if_small(
            waiting_time_distribution, model, times, ensemble.initial, names, following,
            max_states=max_states if known else 0,
        )  # fmt: skip

    return estimated(ensemble, what, waits, points, solve)


def _of_quantum_jumps(ensemble, times, names, following):
    """Distribution by the density matrix; None where it is not known."""
    try:
        return waiting_time_of_quantum_jumps(
            ensemble.model, times, ensemble.initial, names, following
        )
    except InputError:
        return None


def estimated(ensemble, what, waits, points, solve, kind=WaitingTimes):
    """Estimate the survival of waits and put the exact one beside it.

    Parameters
    ----------
    ensemble : Ensemble
    what : str
    waits : tuple of ndarray
        Durations, whether they ended, and the row of their trajectory.
    points : int
    solve : callable
        Returns the exact `Passage` at some times, or None.
    kind : type
        Class of the result.

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
    return kind(ensemble, what, durations, ended, row, times, survival, error, solve(times))


def _waits(ensemble, wanted, origin, after, end):
    """Durations, whether they ended, and the row of their trajectory."""
    parts = [(np.zeros(0), np.zeros(0, bool), np.zeros(0, int))]
    for row, numbers, times, channels in ensemble.event_slabs():
        trajectory = row + np.repeat(np.arange(len(numbers)), numbers)
        hits = np.flatnonzero(wanted[channels] & (times >= after))
        if origin is None:
            owners = row + np.arange(len(numbers))
            starts = np.full(len(numbers), after)
            next_hits = np.searchsorted(trajectory[hits], owners)
        else:
            places = np.flatnonzero((channels == origin) & (times >= after))
            owners, starts = trajectory[places], times[places]
            next_hits = np.searchsorted(hits, places, side="right")
        found = np.minimum(next_hits, max(len(hits) - 1, 0))
        same = np.zeros(len(owners), bool)
        until = np.full(len(owners), end)
        if len(hits):
            same = (next_hits < len(hits)) & (trajectory[hits[found]] == owners)
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

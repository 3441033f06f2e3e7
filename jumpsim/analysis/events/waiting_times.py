"""Waiting times between events; waits that last until the end of the run are censored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, cast

import numpy as np

from ... import units
from ...errors import InputError, whole_number
from ...statistics.intervals import survival_function
from ...statistics.jackknife import covering_error, jackknife_error
from ...store.ensemble import Ensemble
from ...systems.twolevel.quantum_jumps import TwoLevel
from ...theory.first_passage import Passage, waiting_time_distribution
from ...theory.twolevel.waiting_times import (
    waiting_time_distribution as waiting_time_of_quantum_jumps,
)
from ...utils.results import Result, trajectories_of
from ...utils.tables import columns
from ...utils.text import readable_times, with_error
from ...utils.typing import Array, BoolArray, IntArray
from ..requirements import (
    describe_unresolved,
    exact_solution,
    require_record,
    require_trajectories,
)
from .steady import rate_drift

GROUPS = 32
SMALL = 5_000  # number of states up to which the exact distribution is calculated by default
_LEAST_AT_RISK = 20  # waits that are not yet completed, for a survival with an error
Waits = tuple[Array, BoolArray, IntArray]  # durations, whether completed, row of the trajectory


@dataclass(frozen=True, eq=False, repr=False)
class WaitingTimes(Result):
    """Waiting time until the next event of some channels, and its survival function.

    Attributes
    ----------
    ensemble : Ensemble
    what : str
        Description of the events that end a wait.
    durations : ndarray, shape (n_waits,)
        Waiting times, seconds; up to the end of the run where the wait is not completed.
    ended : ndarray of bool, shape (n_waits,)
        Whether the wait is completed; False where the run ended first (censored).
    row : ndarray of int, shape (n_waits,)
        Row of the trajectory.
    times : ndarray, shape (n_times,)
        Times since the start of the wait, seconds.
    survival, error : ndarray, shape (n_times,)
        Survival function (Kaplan-Meier estimate), and its jackknife error over trajectories, at
        least the error of independent waits; NaN where fewer than 20 waits are not yet completed.
    exact : Passage or None
        Exact distribution, when the system is small.
    no_exact : str
        Why there is no exact prediction; empty when there is one or none was wanted.
    spacing : float
        Spacing of floats at the latest end of a wait, seconds: the resolution of durations that are
        differences of recorded times. 0 for waits from t = 0 on.
    drift : str or None
        Significant change of the rate of events between the halves of the run; looked for where
        waits begin after events, so that their distribution is that of a steady state.
    """

    ensemble: Ensemble
    what: str
    durations: Array
    ended: BoolArray
    row: IntArray
    times: Array
    survival: Array
    error: Array
    exact: Passage | None
    no_exact: str = ""
    spacing: float = 0.0
    drift: str | None = None

    @property
    def facts(self) -> str:
        """Number of waits, the events, and the run."""
        waits = f"{len(self.durations)} waits for {self.what}"
        return f"{waits}, {trajectories_of(self.ensemble)}"

    @property
    def mean(self) -> tuple[float, float]:
        """Mean waiting time and its error, seconds; NaN if it is undecided.

        That is so if a wait is not completed, or if a few trajectories determine the mean.
        """
        if not self.ended.all():
            return np.nan, np.nan
        group = self.row % GROUPS
        number, total = np.bincount(group), np.bincount(group, self.durations)
        left = (total.sum() - total) / np.maximum(number.sum() - number, 1)
        # Rounding changes a duration by one spacing at most, and these errors are independent.
        rounding = self.spacing / np.sqrt(number.sum())
        error = float(np.hypot(covering_error(left[number > 0]), rounding))
        return (float(total.sum() / number.sum()) if np.isfinite(error) else np.nan), error

    def __str__(self) -> str:
        factor, unit = readable_times(self.times)
        rows = []
        for k in np.unique(np.linspace(0, len(self.times) - 1, 10).round().astype(int)):
            survival = with_error(self.survival[k], self.error[k], ".4f")
            exact = [] if self.exact is None else [f"{self.exact.survival[k]:.4f}"]
            rows.append((f"{self.times[k] * factor:.4g}", survival, *exact))
        head = (f"time ({unit})", "survival", *(["exact"] if self.exact is not None else []))
        censored = int((~self.ended).sum())
        return "\n".join(
            [
                f"{len(self.durations)} waits for {self.what} in {self.ensemble.ntraj} "
                f"trajectories of {self.ensemble.model.name}; {censored} not completed at "
                "the end of the run",
                "",
                *columns(rows, head, right=(0,)),
                "",
                self.verdict,
                *self.missing_exact,
            ]
        )

    @property
    def verdict(self) -> str:
        """The mean waiting time, and the exact one where it is known."""
        (mean, error), (factor, unit) = self.mean, readable_times(self.times)
        text = "mean waiting time: undecided, because some waits are not completed"
        if self.ended.all():
            text = "mean waiting time: undecided, because a few trajectories determine it"
        if np.isfinite(mean):
            text = f"mean waiting time: {with_error(mean * factor, error * factor, '.5g')} {unit}"
        if self.exact is not None:
            text += f" (exact {self.exact.mean * factor:.5g} {unit})"
        warning = describe_unresolved(self.durations[self.ended], self.spacing)
        drift = "" if self.drift is None else f"warning: not in steady state, {self.drift}"
        return "\n".join(line for line in (text, warning, drift) if line)


ResultT = TypeVar("ResultT", bound=WaitingTimes)


def waiting_times(
    ensemble: Ensemble,
    channels: str | Sequence[str],
    following: str | None = None,
    after: float | str = 0.0,
    points: int = 41,
    truncate: Mapping[str, int] | None = None,
    max_states: int = SMALL,
) -> WaitingTimes:
    """Waiting times until the next event of one of some channels.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "events"; at least 16 trajectories.
    channels : str or list of str
        Channels whose events end a wait.
    following : str, optional
        Start a wait at every event of this channel; by default one wait in each trajectory, from
        `after` on.
    after : float or str
        Earlier events are ignored; seconds or a text with a unit. With `following` the exact
        distribution is that of the steady state, and is calculated only for after > 0.
    points : int
        Number of times of the survival function, up to the longest completed wait.
    truncate : mapping of str to int, optional
        Largest counts of the exact solution; by default they are chosen so that the excluded
        probability is negligible.
    max_states : int
        Number of states up to which the exact distribution is calculated; 0 for never.

    Returns
    -------
    WaitingTimes
        Printable.

    Raises
    ------
    InputError
        When events are not recorded, a channel is unknown, no wait is completed, or there are too
        few trajectories.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="1 Hz")
    >>> run = js.simulate(model, [9.0], 100, {"N": 12, "m": 3}, 1, ["events"], progress=False)
    >>> bool(js.waiting_times(run, "emission").ended.all())
    True
    """
    require_record(ensemble, "events", "waiting times need every event")
    model, after = ensemble.model, units.time(after, "after")
    names = [channels] if isinstance(channels, str) else list(channels)
    for name in [*names, *([following] if following is not None else [])]:
        model.channel(name)  # raises InputError for an unknown channel
    if not names:
        raise InputError("`channels` must name a channel to wait for")
    end = float(ensemble.times[-1])
    if after >= end:
        raise InputError(f"`after` must be before the end of the run at {end:g} s")
    wanted = np.isin(np.arange(len(model.channels)), [model.channels.index(n) for n in names])
    origin = None if following is None else model.channels.index(following)
    waits, spacing = _waits(ensemble, wanted, origin, after, end)
    what = " or ".join(f"'{n}'" for n in names) + (f" after '{following}'" if following else "")
    known = after == 0 if following is None else after > 0  # the distribution at the start
    drift = None
    if origin is not None and ensemble.ntraj > 1:
        starting = np.arange(len(wanted)) == origin
        drift = rate_drift(
            ensemble, {f"'{following}'": starting, " or ".join(names): wanted}, after
        )
        known = known and drift is None

    def solve(times: Array) -> tuple[Passage | None, str]:
        if not known:
            which = "that start at t = 0"
            if following is not None:
                which = "in the steady state: with `after` > 0, and rates that do not change"
            return None, f"they are calculated for waits {which}" if max_states else ""
        if not model.has_rates:
            return _exact_of_quantum_jumps(ensemble, times, names, following)
        return exact_solution(
            waiting_time_distribution, model, times, ensemble.initial, names, following,
            truncate=truncate, max_states=max_states,
        )  # fmt: skip

    found = estimate_survival(ensemble, what, waits, points, solve, WaitingTimes, spacing)
    return replace(found, drift=drift)


def _exact_of_quantum_jumps(
    ensemble: Ensemble, times: Array, names: list[str], following: str | None
) -> tuple[Passage | None, str]:
    """Distribution from the density matrix, or None and why it cannot be calculated."""
    try:
        found = waiting_time_of_quantum_jumps(
            cast("TwoLevel", ensemble.model), times, ensemble.initial, names, following
        )
    except InputError as error:
        return None, str(error)
    return found, ""


def estimate_survival(
    ensemble: Ensemble,
    what: str,
    waits: Waits,
    points: int,
    solve: Callable[[Array], tuple[Passage | None, str]],
    result_class: type[ResultT],
    spacing: float = 0.0,
) -> ResultT:
    """Estimate the survival function of waits, with the exact one for comparison.

    Parameters
    ----------
    ensemble : Ensemble
    what : str
        Description of the events that end a wait.
    waits : tuple of ndarray
        Durations in seconds, whether each is completed, and the row of its trajectory.
    points : int
        Number of times of the survival function.
    solve : callable
        Returns the exact `Passage` at some times, or None and the reason.
    result_class : type
        `WaitingTimes`, or a class derived from it.
    spacing : float
        As in `WaitingTimes`.

    Returns
    -------
    WaitingTimes

    Raises
    ------
    InputError
        When no wait is completed, or there are too few trajectories.
    """
    durations, ended, row = waits
    if not ended.any():
        raise InputError(
            f"no wait for {what} is completed; simulate longer, or choose a more frequent event"
        )
    require_trajectories(ensemble)
    longest = durations[ended].max() or float(ensemble.times[-1])  # 0: all at once
    times = np.linspace(0, longest, whole_number(points, "points", 2, 100_000))
    survival, error = _kaplan_meier(durations, ended, row % GROUPS, times)
    exact, reason = solve(times)
    return result_class(
        ensemble, what, durations, ended, row, times, survival, error, exact, reason, spacing
    )


def _waits(
    ensemble: Ensemble, wanted: BoolArray, origin: int | None, after: float, end: float
) -> tuple[Waits, float]:
    """Durations, whether they are completed, the row of their trajectory; and their `spacing`."""
    latest = 0.0
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
        latest = max(latest, until[same & (starts > 0)].max(initial=0.0))
    durations, ended, rows = (np.concatenate(p) for p in zip(*parts, strict=True))
    return (durations, ended, rows), float(np.spacing(latest)) if latest else 0.0


def _kaplan_meier(
    durations: Array, ended: BoolArray, group: IntArray, times: Array
) -> tuple[Array, Array]:
    """Kaplan-Meier estimate at some times, with jackknife errors over groups of trajectories."""
    survival = survival_function(durations, ended, times)
    others = (group != g for g in np.unique(group))
    left = np.array([survival_function(durations[k], ended[k], times) for k in others])
    at_risk = len(durations) - np.searchsorted(np.sort(durations), times, side="right")
    arrived = np.searchsorted(np.sort(durations[ended]), times, side="right")
    # At least the error of independent waits, so that it is not 0 for few or no arrivals.
    number = arrived + at_risk + 4
    part = (arrived + 2) / number
    error = np.maximum(jackknife_error(left), np.sqrt(part * (1 - part) / number))
    enough = at_risk >= _LEAST_AT_RISK
    return np.where(enough, survival, np.nan), np.where(enough, error, np.nan)

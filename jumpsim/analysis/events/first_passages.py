"""First passages of single trajectories, with those that the end of a run cut short."""

from dataclasses import dataclass

import numpy as np

from ...theory.first_passage import as_target, first_passage_distribution
from ...thermo import states_along
from ..requirements import if_small, need
from .waiting_times import SMALL, WaitingTimes, estimated


@dataclass(frozen=True, eq=False, repr=False)
class FirstPassages(WaitingTimes):
    """How long it takes until a condition on the counts is met; see `WaitingTimes`."""


def first_passages(ensemble, target, points=41, max_states=SMALL):
    """Measure when trajectories are in one of the target states for the first time.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "events".
    target : str, list of str, mapping of str to int, or callable
        Such as "m = 0"; as for the exact one, `first_passage_distribution`.
    points : int
        Number of times at which the survival is given, up to the longest passage.
    max_states : int
        Size up to which the exact distribution is found; 0 for never.

    Returns
    -------
    FirstPassages
        Printable; `plotting.first_passages` draws it.
    """
    need(ensemble, "events", "first passages need every event")
    model = ensemble.model
    reached, what = as_target(model, target)
    parts = [
        _passages(model, ensemble.starts(row, len(numbers)), numbers, times, channels, reached)
        for row, numbers, times, channels in ensemble.event_slabs()
    ]
    first = np.concatenate([np.zeros(0), *parts])
    ended = np.isfinite(first)
    durations = np.where(ended, first, ensemble.times[-1])

    def solve(times):
        return if_small(
            first_passage_distribution, model, times, ensemble.initial, target,
            max_states=max_states,
        )  # fmt: skip

    waits = (durations, ended, np.arange(len(first)))
    return estimated(ensemble, what, waits, points, solve, FirstPassages)


def _passages(model, start, numbers, times, channels, reached):
    """Time of the first passage of each trajectory; infinite where there is none."""
    _, after = states_along(model, start, numbers, channels)
    trajectory = np.repeat(np.arange(len(numbers)), numbers)
    hits = np.flatnonzero(reached(after)) if len(after) else np.zeros(0, int)
    first = np.full(len(numbers), np.inf)
    # Backwards, so that the earliest hit of each trajectory is written last.
    first[trajectory[hits[::-1]]] = times[hits[::-1]]
    first[reached(start)] = 0.0
    return first

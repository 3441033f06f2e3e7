"""First-passage times of single trajectories; those after the end of the run are censored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...model.model import Model
from ...store.ensemble import Ensemble
from ...theory.first_passage import Passage, as_target, first_passage_distribution
from ...thermo import states_along
from ...utils.typing import Array, IntArray
from ..requirements import exact_solution, rate_model, require_record
from .waiting_times import SMALL, WaitingTimes, estimate_survival


@dataclass(frozen=True, eq=False, repr=False)
class FirstPassages(WaitingTimes):
    """First-passage times: waits until the counts fulfil a condition; see `WaitingTimes`."""


def first_passages(
    ensemble: Ensemble,
    target: str | Sequence[str] | Mapping[str, int] | Callable[..., Any],
    points: int = 41,
    truncate: Mapping[str, int] | None = None,
    max_states: int = SMALL,
) -> FirstPassages:
    """Times at which trajectories are in one of the target states for the first time.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "events".
    target : str, list of str, mapping of str to int, or callable
        Condition for the target states, such as "m = 0"; see `first_passage_distribution`.
    points : int
        Number of times of the survival function, up to the longest completed passage.
    truncate : mapping of str to int, optional
        Largest counts of the exact solution; by default they are chosen so that the excluded
        probability is negligible.
    max_states : int
        Number of states up to which the exact distribution is calculated; 0 for never.

    Returns
    -------
    FirstPassages
        Printable; `plotting.first_passages` draws it.

    Raises
    ------
    InputError
        When events are not recorded, no trajectory reaches the target, or there are too few
        trajectories.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="1 Hz")
    >>> run = js.simulate(model, [9.0], 100, {"N": 12, "m": 3}, 1, ["events"], progress=False)
    >>> bool(js.first_passages(run, "m >= 6").ended.all())
    True
    """
    require_record(ensemble, "events", "first passages need every event")
    model = rate_model(ensemble)
    reached, what = as_target(model, target)
    parts = [
        _passages(model, ensemble.starts(row, len(numbers)), numbers, times, channels, reached)
        for row, numbers, times, channels in ensemble.event_slabs()
    ]
    first = np.concatenate([np.zeros(0), *parts])
    ended = np.isfinite(first)
    durations = np.where(ended, first, ensemble.times[-1])

    def solve(times: Array) -> tuple[Passage | None, str]:
        return exact_solution(
            first_passage_distribution, model, times, ensemble.initial, target,
            truncate=truncate, max_states=max_states,
        )  # fmt: skip

    waits = (durations, ended, np.arange(len(first)))
    return estimate_survival(ensemble, what, waits, points, solve, FirstPassages)


def _passages(
    model: Model,
    start: IntArray,
    numbers: IntArray,
    times: Array,
    channels: IntArray,
    reached: Callable[..., Any],
) -> Array:
    """Time of the first passage of each trajectory; infinite where there is none."""
    _, after = states_along(model, start, numbers, channels)
    trajectory = np.repeat(np.arange(len(numbers)), numbers)
    hits = np.flatnonzero(reached(after)) if len(after) else np.zeros(0, int)
    first = np.full(len(numbers), np.inf)
    # In reverse order, so that the earliest hit of each trajectory is assigned last.
    first[trajectory[hits[::-1]]] = times[hits[::-1]]
    first[reached(start)] = 0.0
    return first

"""Telegraph signals and dwell times of single two-level systems.

Equal two-level systems are exchangeable: an absorption in a trajectory excites each system in the
ground state with equal probability, an emission de-excites each excited system with equal
probability. These choices use separate random streams, so that the trajectories do not change.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from ... import streams
from ...errors import InputError
from ...model.base import BaseModel
from ...statistics.jackknife import covering_error
from ...store.ensemble import Ensemble
from ...utils.results import Result
from ...utils.text import with_error
from ...utils.typing import Array, BoolArray, IntArray
from ..requirements import describe_unresolved

_PARTS = 32  # parts of the run, for jackknife errors
_LEAST_FLIPS = 20
_DRIFT = 6.0  # standard errors above which a change between the halves is significant


@dataclass(frozen=True, eq=False, repr=False)
class Telegraph(Result):
    """Telegraph signals of the two-level systems of one pool in one trajectory.

    Attributes
    ----------
    model : BaseModel
    pool : str
    start : ndarray of bool, shape (M,)
        Whether each of the M systems is excited at t = 0.
    times : ndarray, shape (n_flips,)
        Times of the flips, seconds.
    system : ndarray of int, shape (n_flips,)
        Index of the system that flips.
    excited : ndarray of bool, shape (n_flips,)
        Whether the system is excited after the flip.
    event : ndarray of int, shape (n_flips,)
        Index of the event in the trajectory.
    end : float
        Last recorded time, seconds.
    """

    model: BaseModel
    pool: str
    start: BoolArray
    times: Array
    system: IntArray
    excited: BoolArray
    event: IntArray
    end: float

    def signal(self, system: int, times: ArrayLike) -> BoolArray:
        """Whether a system is excited at some times.

        Parameters
        ----------
        system : int
            Index of the system, from 0 to M - 1.
        times : array_like of float
            Seconds, from 0 to `end`.

        Returns
        -------
        ndarray of bool
            The state after a flip at the same time.
        """
        size = len(self.start)
        if isinstance(system, bool) or not isinstance(system, int | np.integer):
            raise InputError(f"`system` must be a whole number, but is {system!r}")
        if not 0 <= system < size:
            raise InputError(f"`system` must be from 0 to {size - 1}, but is {system}")
        own = self.system == system
        states = np.append(self.start[system], self.excited[own])
        return states[np.searchsorted(self.times[own], np.asarray(times, float), side="right")]

    def states_of(self, system: int) -> tuple[Array, BoolArray]:
        """Intervals between the flips of one system, and its state in each.

        Parameters
        ----------
        system : int
            Index of the system, from 0 to M - 1.

        Returns
        -------
        edges : ndarray, shape (n + 1,)
            Limits of the n intervals, seconds.
        excited : ndarray of bool, shape (n,)
        """
        own = self.system == system
        edges = np.concatenate([[0.0], self.times[own], [self.end]])
        return edges, np.append(self.start[system], self.excited[own])

    def started_dwells(self, excited: bool) -> tuple[Array, BoolArray]:
        """Dwell times in one state that begin during the run, sorted by duration.

        Parameters
        ----------
        excited : bool
            Whether the state is the excited one.

        Returns
        -------
        durations : ndarray, shape (n_dwells,)
            Seconds.
        ended : ndarray of bool, shape (n_dwells,)
            False for dwell times that are limited by the end of the run (censored).
        """
        all_durations, all_ended = [], []
        for k in range(len(self.start)):
            edges, states = self.states_of(k)
            chosen = np.flatnonzero(states == excited)
            chosen = chosen[chosen > 0]
            all_durations.append(np.diff(edges)[chosen])
            all_ended.append(chosen < len(states) - 1)
        durations, ended = np.concatenate(all_durations), np.concatenate(all_ended)
        order = np.lexsort((~ended, durations))
        return durations[order], ended[order]

    def dwells(self) -> tuple[Array, BoolArray, BoolArray]:
        """Dwell times of all systems, in both states.

        Returns
        -------
        durations : ndarray, shape (n_dwells,)
            Seconds.
        excited : ndarray of bool, shape (n_dwells,)
            Whether the system is excited.
        complete : ndarray of bool, shape (n_dwells,)
            False for dwell times that are limited by the start or the end of the run.
        """
        parts = []
        for k in range(len(self.start)):
            edges, states = self.states_of(k)
            complete = np.ones(len(states), bool)
            complete[[0, -1]] = False
            parts.append((np.diff(edges), states, complete))
        durations, excited, complete = (np.concatenate(p) for p in zip(*parts, strict=True))
        return durations, excited, complete

    def mean_dwell(self, excited: bool) -> tuple[float, float, int]:
        """Mean dwell time in one state: total time in it divided by the number of flips out of it.

        In the steady state this estimate includes the dwell times that the end of the run limits.
        The mean of the complete dwell times is too short, because long ones are limited more often.

        Parameters
        ----------
        excited : bool
            Whether the state is the excited one.

        Returns
        -------
        mean, error : float
            Seconds; the error over 32 parts of the run (`covering_error`) is valid if a part is
            longer than the correlation time. NaN for fewer than 20 flips, or if a few parts
            determine the mean.
        flips : int
            Number of flips out of this state.
        """
        edges = np.linspace(0, self.end, _PARTS + 1)
        out = np.histogram(self.times[self.excited != excited], edges)[0]
        spent = self._time_in(excited, edges)
        flips = int(out.sum())
        if flips < _LEAST_FLIPS or (out == flips).any():
            return np.nan, np.nan, flips
        error = covering_error((spent.sum() - spent) / (flips - out))
        if not np.isfinite(error):
            return np.nan, np.nan, flips
        return float(spent.sum() / flips), float(error), flips

    def _time_in(self, excited: bool, edges: Array) -> Array:
        """Total time that the systems spend in one state, in each part of the run."""
        steps = np.where(self.excited == excited, 1, -1)
        inside = np.cumsum(np.append((self.start == excited).sum(), steps))
        times = np.concatenate([[0.0], self.times, [self.end]])
        spent = np.concatenate([[0.0], np.cumsum(inside * np.diff(times))])
        return np.diff(np.interp(edges, times, spent))

    @property
    def drift(self) -> str | None:
        """Change of the excited fraction between the halves of the run, if it is significant.

        Then the mean dwell times are no averages of a steady state. The criterion is six standard
        errors, from the scatter of 16 parts in each half.
        """
        edges = np.linspace(0, self.end, _PARTS + 1)
        part = self._time_in(True, edges) / (np.diff(edges) * len(self.start))
        first, second = np.split(part, 2)
        error = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / len(first))
        if not abs(second.mean() - first.mean()) > _DRIFT * error + 1e-9:
            return None
        return f"the excited fraction changes from {first.mean():.3g} to {second.mean():.3g}"

    @property
    def _unresolved(self) -> list[str]:
        """Warning for dwell times that recorded times do not resolve, or nothing."""
        order = np.argsort(self.system, kind="stable")
        same = np.diff(self.system[order]) == 0
        spacing = float(np.spacing(self.times[-1])) if len(self.times) else 0.0
        warning = describe_unresolved(np.diff(self.times[order])[same], spacing)
        return [warning] if warning else []

    @property
    def facts(self) -> str:
        """Number of flips, and the systems."""
        systems = f"{len(self.start)} two-level systems '{self.pool}'"
        return f"{len(self.times)} flips of {systems} of {self.model.name}"

    @property
    def verdict(self) -> str:
        """Mean dwell time in each state."""
        means = [
            f"{with_error(*self.mean_dwell(state)[:2])} s in the {name} state"
            for state, name in ((True, "excited"), (False, "ground"))
        ]
        text = f"mean dwell time of a two-level system: {', '.join(means)}"
        return "\n".join([text, *self._unresolved])

    def __str__(self) -> str:
        lines = [
            f"{len(self.times)} flips of {len(self.start)} two-level systems '{self.pool}' of "
            f"{self.model.name} up to {self.end:g} s"
        ]
        for state, name in ((True, "excited"), (False, "ground")):
            mean, error, flips = self.mean_dwell(state)
            text = f"mean dwell time {with_error(mean, error)} s, from {flips} flips out of it"
            if np.isnan(mean):
                text = f"undecided, {flips} flips out of it are too few"
            lines.append(f"  {name:<8} {text}")
        if (drift := self.drift) is not None:
            lines.append(f"warning: not in steady state, {drift}; simulate longer")
        return "\n".join(lines + self._unresolved)


def telegraph(ensemble: Ensemble, row: int = 0, pool: str = "m") -> Telegraph:
    """Assign each jump of a trajectory to a single two-level system.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "events".
    row : int
        Row of the trajectory, as in `ensemble.counts[row]`.
    pool : str
        Name of a pool of two-level systems.

    Returns
    -------
    Telegraph
        It depends only on the seed and the index of the trajectory, not on the other records.

    Raises
    ------
    InputError
        When events are not recorded, or the pool holds no two-level systems.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="1 Hz")
    >>> run = js.simulate(model, [5.0], 2, {"N": 12, "m": 3}, 1, ["events"], progress=False)
    >>> int(js.telegraph(run, row=1).start.sum())
    3
    """
    model = ensemble.model
    if model.pool(pool).kind != "tls":
        raise InputError(f"pool '{pool}' holds no two-level systems")
    times, channels = ensemble.events(row)
    place, row = model.pools.index(pool), row % ensemble.ntraj
    number = cast("int", model.pool_specs[place].size)
    excited_at_start = int(ensemble.starts(row, 1)[0, place])
    steps = model.changes[channels, place]
    event = np.repeat(np.arange(len(steps)), np.abs(steps))
    up = steps[event] > 0
    index = int(ensemble.indices[row])
    state = streams.states(ensemble.seed, index, index + 1, streams.SYSTEMS + place)
    draws = streams.uniforms(state, excited_at_start + len(event))[0]
    ground = list(range(number))
    excited: list[int] = []
    for u in draws[:excited_at_start]:
        excited.append(_draw(ground, u))
    start = np.zeros(len(ground) + len(excited), bool)
    start[excited] = True
    system = np.empty(len(event), np.int64)
    for k, (is_excited, u) in enumerate(zip(up, draws[excited_at_start:], strict=True)):
        source, target = (ground, excited) if is_excited else (excited, ground)
        system[k] = _draw(source, u)
        target.append(int(system[k]))
    return Telegraph(model, pool, start, times[event], system, up, event, float(ensemble.times[-1]))


def _draw(systems: list[int], u: float) -> int:
    """Remove and return a random system; u is uniform in [0, 1)."""
    k = int(u * len(systems))
    systems[k], systems[-1] = systems[-1], systems[k]
    return systems.pop()

"""Which two-level system made each jump: telegraph signals and dwell times of single systems.

Equal systems are exchangeable: given a trajectory, an excitation falls on each of the systems in
the ground state alike, an emission on each of the excited ones. The draws come from streams of
their own, so that naming the systems changes no trajectory.
"""

from dataclasses import dataclass

import numpy as np

from ... import streams
from ...errors import InputError
from ...model.model import Model
from ...statistics.jackknife import jackknife_error
from ...utils.results import Result
from ...utils.text import with_error

_PARTS = 32  # of the run, for errors
_LEAST_FLIPS = 20


@dataclass(frozen=True, eq=False, repr=False)
class Telegraph(Result):
    """Telegraph signals of the two-level systems of one pool in one trajectory.

    Attributes
    ----------
    model : Model
    pool : str
    start : ndarray of bool, shape (M,)
        Which systems are excited at t = 0.
    times : ndarray, shape (n_flips,)
        Seconds.
    system : ndarray of int, shape (n_flips,)
        Which one flips.
    excited : ndarray of bool, shape (n_flips,)
        Its new state.
    event : ndarray of int, shape (n_flips,)
        Which event of the trajectory it belongs to.
    end : float
        Seconds; how far the trajectory was recorded.
    """

    model: Model
    pool: str
    start: np.ndarray
    times: np.ndarray
    system: np.ndarray
    excited: np.ndarray
    event: np.ndarray
    end: float

    def signal(self, system, times):
        """Tell whether a system is excited, at some times.

        Parameters
        ----------
        system : int
            From 0 to M - 1.
        times : array_like of float
            Seconds.

        Returns
        -------
        ndarray of bool
            The state after any flip at that instant.
        """
        size = len(self.start)
        if isinstance(system, bool) or not isinstance(system, int | np.integer):
            raise InputError(f"`system` must be a whole number, but is {system!r}")
        if not 0 <= system < size:
            raise InputError(f"`system` must be from 0 to {size - 1}, but is {system}")
        mine = self.system == system
        states = np.append(self.start[system], self.excited[mine])
        return states[np.searchsorted(self.times[mine], np.asarray(times, float), side="right")]

    def states_of(self, system):
        """Give the edges of the stretches of one system, (n + 1,), and its state in each, (n,)."""
        mine = self.system == system
        edges = np.concatenate([[0.0], self.times[mine], [self.end]])
        return edges, np.append(self.start[system], self.excited[mine])

    def begun(self, excited):
        """Stretches in one state that began in the run, sorted by duration.

        Parameters
        ----------
        excited : bool

        Returns
        -------
        durations : ndarray
            Seconds.
        ended : ndarray of bool
            False for those that the end of the run cut short.
        """
        durations, ended = [], []
        for k in range(len(self.start)):
            edges, states = self.states_of(k)
            mine = np.flatnonzero(states == excited)
            mine = mine[mine > 0]
            durations.append(np.diff(edges)[mine])
            ended.append(mine < len(states) - 1)
        durations, ended = np.concatenate(durations), np.concatenate(ended)
        order = np.lexsort((~ended, durations))
        return durations[order], ended[order]

    def dwells(self):
        """Stretches of time that systems spend in one state.

        Returns
        -------
        durations : ndarray
            Seconds.
        excited : ndarray of bool
            In which state.
        whole : ndarray of bool
            False for stretches cut by the start or by the end.
        """
        parts = []
        for k in range(len(self.start)):
            edges, states = self.states_of(k)
            whole = np.ones(len(states), bool)
            whole[[0, -1]] = False
            parts.append((np.diff(edges), states, whole))
        return tuple(np.concatenate(part) for part in zip(*parts, strict=True))

    def mean_dwell(self, excited):
        """Mean time that a system stays in one state: all time in it over all flips out of it.

        At rest no stay is lost by it, also none that the end cuts short. The mean of whole
        stretches would be too short, because long ones are cut more often.

        Parameters
        ----------
        excited : bool
            In which state.

        Returns
        -------
        mean, error : float
            Seconds; the error by leaving out parts of the run, right when a part is longer than
            the light and the systems remember. NaN for fewer than 20 flips, or all in one part.
        flips : int
            Out of this state.
        """
        edges = np.linspace(0, self.end, _PARTS + 1)
        out = np.histogram(self.times[self.excited != excited], edges)[0]
        steps = np.where(self.excited == excited, 1, -1)
        inside = np.cumsum(np.append((self.start == excited).sum(), steps))
        times = np.concatenate([[0.0], self.times, [self.end]])
        spent = np.concatenate([[0.0], np.cumsum(inside * np.diff(times))])
        spent = np.diff(np.interp(edges, times, spent))
        flips = int(out.sum())
        if flips < _LEAST_FLIPS or (out == flips).any():
            return np.nan, np.nan, flips
        error = jackknife_error((spent.sum() - spent) / (flips - out))
        return float(spent.sum() / flips), float(error), flips

    @property
    def facts(self) -> str:
        """How many flips, of which systems."""
        systems = f"{len(self.start)} two-level systems '{self.pool}'"
        return f"{len(self.times)} flips of {systems} of {self.model.name}"

    @property
    def verdict(self) -> str:
        """Mean time that a system stays in each state."""
        means = [
            f"{name} for {with_error(*self.mean_dwell(state)[:2])} s"
            for state, name in ((True, "excited"), (False, "in the ground state"))
        ]
        return f"a two-level system stays {' and '.join(means)} on average"

    def __str__(self):
        lines = [
            f"{len(self.times)} flips of {len(self.start)} two-level systems '{self.pool}' of "
            f"{self.model.name} up to {self.end:g} s"
        ]
        for state, name in ((True, "excited"), (False, "ground")):
            mean, error, flips = self.mean_dwell(state)
            text = f"{with_error(mean, error)} s on average until each of {flips} flips"
            if np.isnan(mean):
                text = f"undecided, {flips} flips out of it are too few"
            lines.append(f"  {name:<8} {text}")
        return "\n".join(lines)


def telegraph(ensemble, row=0, pool="m"):
    """Name the two-level system that makes each jump of a trajectory.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "events".
    row : int
        Which trajectory, as in `ensemble.counts[row]`.
    pool : str
        A pool of two-level systems.

    Returns
    -------
    Telegraph
        The same one for (seed, index), whatever else is recorded.
    """
    model = ensemble.model
    if model.pool(pool).kind != "tls":
        raise InputError(f"pool '{pool}' holds no two-level systems")
    times, channels = ensemble.events(row)
    place, row = model.pools.index(pool), row % ensemble.ntraj
    excited_at_start = int(ensemble.starts(row, 1)[0, place])
    steps = model.changes[channels, place]
    event = np.repeat(np.arange(len(steps)), np.abs(steps))
    up = steps[event] > 0
    index = int(ensemble.indices[row])
    state = streams.states(ensemble.seed, index, index + 1, streams.SYSTEMS + place)
    draws = streams.uniforms(state, excited_at_start + len(event))[0]
    ground = list(range(model.pool_specs[place].size))
    excited = []
    for u in draws[:excited_at_start]:
        excited.append(_taken(ground, u))
    start = np.zeros(len(ground) + len(excited), bool)
    start[excited] = True
    system = np.empty(len(event), np.int64)
    for k, (rises, u) in enumerate(zip(up, draws[excited_at_start:], strict=True)):
        source, target = (ground, excited) if rises else (excited, ground)
        system[k] = _taken(source, u)
        target.append(int(system[k]))
    return Telegraph(model, pool, start, times[event], system, up, event, float(ensemble.times[-1]))


def _taken(systems, u):
    """Take one of the systems, each alike, by a uniform number."""
    k = int(u * len(systems))
    systems[k], systems[-1] = systems[-1], systems[k]
    return systems.pop()

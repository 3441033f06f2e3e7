"""Distributions of first-passage times and waiting times, from the master equation."""

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..errors import InputError, choices
from ..model.base import BaseModel
from ..model.initial import Start, as_initial
from ..model.model import as_model
from ..units import as_times
from ..utils.labels import by_name
from ..utils.typing import Array, BoolArray, IntArray, Times
from .cost import MOST_SECONDS
from .elimination import time_in_states
from .evolution import evolve
from .state_space import MOST_STATES, StateSpace, sums
from .stationary import stationary_on
from .transitions import Transitions
from .truncation import solve_on_states

Target = str | Sequence[str] | Mapping[str, int] | Callable[[IntArray], Any]
_CONDITION = re.compile(r"\s*(.+?)\s*(<=|>=|=|<|>)\s*(\d{1,15})\s*")
_COMPARISONS = {
    "=": operator.eq, "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Passage:
    """Distribution of the time at which an event or a state occurs for the first time.

    Attributes
    ----------
    model : Model
    what : str
        Description of the event or state.
    times : ndarray, shape (n_times,)
        Seconds.
    survival : ndarray, shape (n_times,)
        Probability that it has not occurred up to each time.
    occurred : ndarray, shape (n_times,)
        Probability that it has occurred up to each time. Also small ones have a small relative
        error, because it is not calculated as 1 - survival.
    density : ndarray, shape (n_times,)
        Probability density of the time of the first occurrence, per second.
    probability : float
        Probability that it occurs at any time.
    mean, variance : float
        Mean and variance of the time in seconds and seconds²; infinite when `probability` < 1.
    """

    model: BaseModel
    what: str
    times: Array
    survival: Array
    occurred: Array
    density: Array
    probability: float
    mean: float
    variance: float

    def __str__(self) -> str:
        return (
            f"time until {self.what} in {self.model.name}: mean {self.mean:.6g} s, standard "
            f"deviation {np.sqrt(self.variance):.6g} s, happens with probability "
            f"{self.probability:.6g}"
        )


def first_passage_distribution(
    model: Any,
    times: Times,
    initial: Start,
    target: Target,
    truncate: Mapping[str, int] | None = None,
    max_states: int = MOST_STATES,
    max_seconds: float = MOST_SECONDS,
) -> Passage:
    """Distribution of the first time at which a system is in one of the target states.

    Parameters
    ----------
    model : Model
    times : array_like of float or str
        Seconds, increasing, ≥ 0.
    initial : Thermal, Fixed, Mixture, mapping or sequence
    target : str, list of str, mapping of str to int, or callable
        One or several conditions such as "m <= 10" (=, <, >, <=, >=), or the counts of some pools;
        a target state fulfils all of them. Or a function that takes the states, an int64 array
        (n_states, n_pools), and returns a boolean array (n_states,), True for the target states.
    truncate, max_states, max_seconds
        As for `master_equation`.

    Returns
    -------
    Passage

    Raises
    ------
    InputError
        When the target is not valid or cannot be reached, or as for `master_equation`.

    Examples
    --------
    >>> import jumpsim as js
    >>> decay = js.Model([js.Pool.mass_action("X")], [js.Channel("decay", 2.0, takes={"X": 1})])
    >>> print(js.first_passage_distribution(decay, [0, 1], {"X": 1}, "X = 0"))
    time until X = 0 in model: mean 0.5 s, standard deviation 0.5 s, happens with probability 1
    """
    times, initial = as_times(times), as_initial(initial, as_model(model))
    reached, what = as_target(model, target)

    def solve(space: StateSpace) -> tuple[Passage, Array]:
        hit = reached(space.states)
        if not hit.any():
            raise InputError(f"no state with {what} can be reached from this start")
        source, target, _, rate = space.edges
        arriving = (target >= 0) & hit[target]
        arrivals = sums(rate[arriving], source[arriving], len(space))
        alive = np.flatnonzero(~hit)
        return _passage(space, times, space.start, alive, space.transitions(), arrivals, what,
                        max_seconds)  # fmt: skip

    return solve_on_states(solve, model, initial, truncate, max_states)


def waiting_time_distribution(
    model: Any,
    times: Times,
    initial: Start,
    channels: str | Sequence[str],
    following: str | None = None,
    truncate: Mapping[str, int] | None = None,
    max_states: int = MOST_STATES,
    max_seconds: float = MOST_SECONDS,
) -> Passage:
    """Distribution of the time until the next event of any of the given channels.

    Parameters
    ----------
    model : Model
    times : array_like of float or str
        Seconds, increasing, ≥ 0.
    initial : Thermal, Fixed, Mixture, mapping or sequence
        State at the beginning of the waiting time; with `following`, the initial state from which
        the stationary distribution is approached.
    channels : str or list of str
        Channels whose next event ends the waiting time.
    following : str, optional
        The waiting time begins just after an event of this channel in the steady state, instead
        of in the initial state.
    truncate, max_states, max_seconds
        As for `master_equation`.

    Returns
    -------
    Passage

    Raises
    ------
    InputError
        When a channel is unknown or `following` has no events in the steady state, or as for
        `master_equation`.

    Examples
    --------
    >>> import jumpsim as js
    >>> decay = js.Model([js.Pool.mass_action("X")], [js.Channel("decay", 2.0, takes={"X": 1})])
    >>> waiting = js.waiting_time_distribution(decay, [0, 1], {"X": 1}, "decay")
    >>> print(waiting.survival.round(4))  # exp(-2 t)
    [1.     0.1353]
    """
    times, initial = as_times(times), as_initial(initial, as_model(model))
    names = [channels] if isinstance(channels, str) else list(channels)
    if not names:
        raise InputError("`channels` must name at least one channel")
    places = [_channel(model, name) for name in names]
    what = " or ".join(f"'{n}'" for n in names)
    before = None if following is None else _channel(model, following)
    what += "" if following is None else f" after '{following}'"
    ending = np.isin(np.arange(len(model.channels)), places)

    def solve(space: StateSpace) -> tuple[Passage, Array]:
        start, excluded = space.start, np.zeros(len(space.tops))
        if before is not None:
            steady, excluded = stationary_on(space, max_seconds)
            start = _just_after(space, steady.probabilities, before)
        everywhere = np.arange(len(space))
        passage, lost = _passage(
            space, times, start, everywhere, space.transitions(silent=places),
            space.rate_of(ending), what, max_seconds,
        )  # fmt: skip
        return passage, excluded + lost

    return solve_on_states(solve, model, initial, truncate, max_states)


def as_target(model: Any, target: Target) -> tuple[Callable[[IntArray], BoolArray], str]:
    """Indicator function of the target states, and a description of the target.

    Parameters
    ----------
    model : Model
    target : str, list of str, mapping of str to int, or callable
        As for `first_passage_distribution`.

    Returns
    -------
    reached : callable
        Takes counts (n, n_pools) and returns a boolean array (n,).
    words : str
        The target in words.

    Raises
    ------
    InputError
        When a condition is not valid.
    """
    if callable(target):
        return partial(_reached_by, target), "the target"
    named = by_name(target, "target")
    if named is not None:
        target = [f"{name} = {count}" for name, count in named.items()]
    texts = [target] if isinstance(target, str) or not isinstance(target, Iterable) else target
    conditions = [_condition(model, text) for text in texts]
    if not conditions:
        raise InputError('`target` must give a condition, such as "m = 0"')

    def reached(states: IntArray) -> BoolArray:
        return np.all([compare(states[:, p], count) for p, compare, count, _ in conditions], axis=0)

    return reached, " and ".join(words for *_, words in conditions)


def _reached_by(target: Callable[[IntArray], Any], states: IntArray) -> BoolArray:
    hit = np.asarray(target(states))
    if hit.shape != (len(states),) or hit.dtype != bool:
        raise InputError("`target` must return True or False for each row of the states")
    return hit


def _condition(model: Any, text: Any) -> tuple[int, Callable[[Any, Any], Any], int, str]:
    """(index of the pool, comparison, count, description) of a condition such as "m <= 10"."""
    found = _CONDITION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise InputError(f'`target` must be a condition such as "m <= 10", but is {text!r}')
    name, sign, count = found.groups()
    if name not in model.pools:
        raise InputError(f"`target`: unknown pool '{name}'; " + choices(name, model.pools))
    return model.pools.index(name), _COMPARISONS[sign], int(count), f"{name} {sign} {count}"


def _channel(model: Any, name: Any) -> int:
    return model.channels.index(model.channel(name).name)


def _just_after(space: StateSpace, probabilities: Array, channel: int) -> Array:
    """Stationary distribution of the state just after an event of a channel."""
    source, target, which, rate = space.edges
    flow = np.where((which == channel) & (target >= 0), rate * probabilities[source], 0.0)
    if flow.sum() == 0:
        raise InputError(
            f"channel '{space.model.channels[channel]}' has no events in the steady state"
        )
    return np.bincount(target[flow > 0], flow[flow > 0], len(space)) / flow.sum()


def _passage(
    space: StateSpace,
    times: Array,
    start: Array,
    alive: IntArray,
    transitions: Transitions,
    arrivals: Array,
    what: str,
    max_seconds: float,
) -> tuple[Passage, Array]:
    """First passage out of the states `alive`, and the probability of excluded states by pool.

    `arrivals` is the rate of the passage in each state, with which its time is distributed.
    """
    inner, rate, begin = transitions.within(alive), arrivals[alive], start[alive]
    at_once = float(np.delete(start, alive).sum())
    p = evolve(_with_sink(inner, rate), np.append(begin, 0.0), times, max_seconds)
    probability, mean, variance, spent = _moments(inner, begin, rate, at_once, max_seconds)
    occupied = np.zeros(len(space))
    occupied[alive] = spent
    survival = p[:, :-1].sum(axis=1) + max(0.0, 1 - start.sum())
    passage = Passage(
        space.model, what, times, survival, at_once + p[:, -1], p[:, :-1] @ rate,
        probability, mean, variance,
    )  # fmt: skip
    return passage, np.minimum(space.excluded_flow(occupied), 1.0)


def _with_sink(transitions: Transitions, rate: Array) -> Transitions:
    """Transitions with an additional last state, in which the probability of a loss is collected.

    `rate` is a part of the loss of each state.
    """
    from scipy import sparse

    n = len(transitions)
    rates = sparse.block_array(
        [[transitions.rates, sparse.coo_array((n, 1))], [sparse.coo_array(rate[None, :]), None]],
        format="csc",
    )
    # A loss that consists of the rate alone must become exactly 0.
    other = transitions.loss - rate
    other = np.where(other > 1e-14 * transitions.loss, other, 0.0)
    return Transitions(rates, np.append(other, 0.0))


def _moments(
    inner: Transitions, start: Array, rate: Array, at_once: float, max_seconds: float
) -> tuple[float, float, float, Array]:
    """Probability of the passage, mean and variance of its time, and mean time in each state.

    The mean time is calculated for the states from which the passage is possible.
    """
    spent = np.zeros(len(start))
    if not start.any():
        return at_once, 0.0, 0.0, spent
    able = _able(inner, rate)
    if not len(able):
        return at_once, np.inf, np.inf, spent
    solve = time_in_states(inner.within(able), max_seconds)
    once = solve(start[able])
    spent[able] = once
    probability = at_once + float(rate[able] @ once)
    if probability < start.sum() + at_once - 1e-9:
        return probability, np.inf, np.inf, spent
    mean = float(once.sum())
    return probability, mean, float(2 * solve(once).sum() - mean**2), spent


def _able(inner: Transitions, rate: Array) -> IntArray:
    """States from which the passage is possible.

    They are found by a search backwards from an additional state n, into which it leads.
    """
    from scipy.sparse import coo_array, hstack, vstack
    from scipy.sparse.csgraph import breadth_first_order

    n = len(rate)
    backwards = vstack(
        [hstack([inner.rates, coo_array((n, 1))]), coo_array(np.append(rate, 0.0)[None, :])]
    )
    found = breadth_first_order(backwards.tocsr(), n, return_predecessors=False)
    return np.sort(found[found < n])

"""Waiting times of quantum jumps, from the evolution of the density matrix without a jump."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import InputError
from ...model.initial import Initial
from ...systems.twolevel.parameters import ModeParameters
from ...systems.twolevel.quantum_jumps import TwoLevel
from ...units import as_times
from ...utils.typing import Array, Times
from ..first_passage import Passage
from .expectations import start_populations
from .liouvillian import generator, packed, propagated
from .quantised_mode import TAIL, larger, steady

_MARGIN = 16  # the first cutoff exceeds those of the start and of the steady state by this number


def waiting_time_distribution(
    model: TwoLevel,
    times: Times,
    initial: Initial,
    channels: Sequence[str],
    following: str | None = None,
) -> Passage:
    """Distribution of the time until the next jump of any of the given channels.

    Parameters
    ----------
    model : TwoLevel
        With a quantised mode.
    times : array_like of float or str
        Seconds, increasing, ≥ 0.
    initial : Fixed, Mixture or Thermal
        State at the beginning of the waiting time; not used with `following`.
    channels : list of str
        Channels whose next jump ends the waiting time.
    following : str, optional
        The waiting time begins just after a jump of this channel in the steady state.

    Returns
    -------
    Passage

    Raises
    ------
    InputError
        For a classical field, for unknown channels, and when the probability that such a jump
        occurs is less than 1.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.two_level_mode(
    ...     1.0, 0.0, 1.0, 0.5, 1.0, 1.0, 1.0, f_u=1.0, f_l=0.0, n_b=0.0
    ... )
    >>> start = js.Fixed({"u": 0, "l": 0, "photon": 0})
    >>> print(waiting_time_distribution(model, [0, 1], start, ["into u"]))
    time until 'into u' in two_level_mode: mean 1 s, standard deviation 1 s, happens with
    probability 1
    """
    p, times = model.parameters, as_times(times)
    if not isinstance(p, ModeParameters):
        raise InputError("the distribution of waiting times is available only for a quantised mode")
    for name in [*channels, *([] if following is None else [following])]:
        model.channel(name)  # raises InputError for an unknown channel
    stationary = steady(p)
    first = stationary.populations if following else start_populations(model, initial)
    what = " or ".join(f"'{name}'" for name in channels)
    what += f" after '{following}'" if following else ""
    cutoff = _MARGIN + max(stationary.populations.shape[1], first.shape[1])
    while True:
        silent = generator(p, cutoff, dict.fromkeys(channels, 0.0))
        start = packed(first, cutoff, stationary.coherences if following else ())
        size = 4 * (cutoff + 1)
        if following:  # the state just after such a jump
            start = (generator(p, cutoff) - generator(p, cutoff, {following: 0.0})) @ start
            start /= start[:size].sum()
        passage, tail = _passage(model, what, times, start, silent, size)
        if tail < TAIL:
            return passage
        cutoff = larger(cutoff, tail)


def _passage(
    model: TwoLevel, what: str, times: Array, start: Array, silent: Any, size: int
) -> tuple[Passage, float]:
    """Distribution of the waiting time, and the largest weight of the highest photon number."""
    from scipy import sparse
    from scipy.sparse.linalg import splu

    weight = np.zeros(len(start))
    weight[:size] = 1.0
    leaving = -(silent.T @ weight)  # probability flow of the jumps of `channels`
    if not leaving.any():
        raise InputError(f"{what} never happens")
    n = len(start)
    collecting = sparse.block_array(
        [[silent, sparse.coo_array((n, 1))], [sparse.coo_array(leaving[None, :]), None]],
        format="csc",
    )
    vectors = propagated(collecting, np.append(start, 0.0), times)
    vectors, occurred = vectors[:, :n], vectors[:, n]
    try:
        factors = splu((-silent).tocsc())
    except RuntimeError:
        raise InputError(f"{what} may never happen, and has no mean time") from None
    once = factors.solve(start)
    mean, probability = float(weight @ once), float(leaving @ once)
    if not abs(probability - 1) < 1e-6:
        raise InputError(f"{what} may never happen, and has no mean time")
    twice = factors.solve(once)
    variance = float(2 * weight @ twice - mean**2)
    highest = [v[:size].reshape(4, -1)[:, -1].sum() / v[:size].sum() for v in (once, twice)]
    highest += [v[:size].reshape(4, -1)[:, -1].sum() for v in vectors]
    passage = Passage(
        model,
        what,
        times,
        vectors @ weight,
        occurred,
        vectors @ leaving,
        probability,
        mean,
        variance,
    )
    return passage, max(highest)

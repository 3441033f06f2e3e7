"""How long quantum jumps keep one waiting, from the density matrix of what has not jumped yet."""

import numpy as np

from ...errors import InputError
from ...systems.twolevel.parameters import ModeParameters
from ...units import as_times
from ..first_passage import Passage
from .expectations import start_populations
from .liouvillian import generator, packed, propagated
from .quantised_mode import TAIL, larger, steady

_MARGIN = 16  # photons beyond the start and the steady state, to begin with


def waiting_time_distribution(model, times, initial, channels, following=None):
    """Law of the time until the next jump of one of some channels.

    Parameters
    ----------
    model : TwoLevel
        With a quantised mode.
    times : array_like of float
        Seconds.
    initial : Fixed, Mixture or Thermal
        The start of the wait, when `following` is None.
    channels : list of str
        What is waited for.
    following : str, optional
        Wait from a jump of this channel at rest, instead of from the start.

    Returns
    -------
    Passage

    Raises
    ------
    InputError
        In a classical field, for unknown channels, and when it may never happen.
    """
    p, times = model.parameters, as_times(times)
    if not isinstance(p, ModeParameters):
        raise InputError("the law of waiting times is known with a quantised mode alone")
    for name in [*channels, *([] if following is None else [following])]:
        model.channel(name)  # refuses what there is not
    rest = steady(p)
    first = rest.populations if following else start_populations(model, initial)
    what = " or ".join(f"'{name}'" for name in channels)
    what += f" after '{following}'" if following else ""
    cutoff = _MARGIN + max(rest.populations.shape[1], first.shape[1])
    while True:
        silent = generator(p, cutoff, dict.fromkeys(channels, 0.0))
        start = packed(first, cutoff, rest.coherences if following else ())
        size = 4 * (cutoff + 1)
        if following:  # right after such a jump
            start = (generator(p, cutoff) - generator(p, cutoff, {following: 0.0})) @ start
            start /= start[:size].sum()
        law, tail = _law(model, what, times, start, silent, size)
        if tail < TAIL:
            return law
        cutoff = larger(cutoff, tail)


def _law(model, what, times, start, silent, size):
    """Law of the waits, and the greatest weight of the highest photon number on their way."""
    from scipy.sparse.linalg import splu

    weight = np.zeros(len(start))
    weight[:size] = 1.0
    leaving = -(silent.T @ weight)  # what the jumps that are waited for take out
    if not leaving.any():
        raise InputError(f"{what} never happens")
    vectors = propagated(silent, start, times)
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
    law = Passage(
        model, what, times, vectors @ weight, vectors @ leaving, probability, mean, variance
    )
    return law, max(highest)

"""How long quantum jumps keep one waiting, from the density matrix of what has not jumped yet."""

import numpy as np

from ...errors import InputError, choices
from ...levels import ModeParameters
from ...plan import as_times
from ..passage import Passage
from .averages import start_populations
from .blocks import generator
from .mode import steady

_MARGIN = 16  # photons beyond the start and the steady state, to begin with
_TAIL = 1e-12  # weight of the highest photon number that is allowed
_MOST = 2**15  # photons


def waiting_law(model, times, initial, channels, after=None):
    """Law of the time until the next jump of one of some channels.

    Parameters
    ----------
    model : coherent.TwoLevel
        With a quantised mode.
    times : array_like of float
        Seconds.
    initial : Fixed, Mixture or Thermal
        The start of the wait, when `after` is None.
    channels : list of str
        What is waited for.
    after : str, optional
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
    for name in [*channels, *([] if after is None else [after])]:
        if name not in model.channels:
            raise InputError(f"unknown channel {name!r}; " + choices(name, model.channels))
    rest = steady(p)
    first = rest.populations if after else start_populations(model, initial)
    what = " or ".join(f"'{name}'" for name in channels) + (f" after '{after}'" if after else "")
    margin = _MARGIN
    while True:
        cutoff = margin + max(rest.populations.shape[1], first.shape[1])
        silent = generator(p, cutoff, dict.fromkeys(channels, 0.0))
        start = _placed(p, rest if after else None, first, cutoff, after)
        law, tail = _law(model, what, times, start, silent, 4 * (cutoff + 1))
        if tail < _TAIL:
            return law
        if cutoff > _MOST:
            raise InputError(f"with {cutoff} photons the weight of the last is still {tail:.2g}")
        margin *= 2


def _placed(p, rest, first, cutoff, after):
    """Vector of populations (4, n + 1); with `rest` of what is left right after a jump at rest."""
    size = 4 * (cutoff + 1)
    start = np.zeros(size + 2 * cutoff)
    start[:size].reshape(4, -1)[:, : first.shape[1]] = first
    if rest is None:
        return start
    kept = rest.populations.shape[1] - 1
    start[size : size + kept] = rest.coherences.real
    start[size + cutoff : size + cutoff + kept] = rest.coherences.imag
    start = (generator(p, cutoff) - generator(p, cutoff, {after: 0.0})) @ start
    return start / start[:size].sum()


def _law(model, what, times, start, silent, size):
    """Law of the waits, and the greatest weight of the highest photon number on their way."""
    from scipy.sparse.linalg import expm_multiply, splu

    weight = np.zeros(len(start))
    weight[:size] = 1.0
    leaving = -(silent.T @ weight)  # what the jumps that are waited for take out
    if not leaving.any():
        raise InputError(f"{what} never happens")
    vectors = [start]
    for span in np.diff(times, prepend=0.0):
        vectors.append(expm_multiply(silent * span, vectors[-1]) if span > 0 else vectors[-1])
    vectors = np.array(vectors[1:])
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

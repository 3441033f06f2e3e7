"""How long quantum jumps keep one waiting, from the density matrix of what has not jumped yet."""

import numpy as np

from ...errors import InputError, choices
from ...levels import ModeParameters
from ...plan import as_times
from ..passage import Passage
from .averages import start_populations
from .blocks import generator
from .mode import steady

_MARGIN = 16  # photons beyond the start and the steady state


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
    cutoff = _MARGIN + max(rest.populations.shape[1], first.shape[1])
    whole = generator(p, cutoff)
    silent = generator(p, cutoff, dict.fromkeys(channels, 0.0))
    start = np.zeros(whole.shape[0])
    size = 4 * (cutoff + 1)
    start[:size].reshape(4, -1)[:, : first.shape[1]] = first
    if after is not None:
        kept = rest.populations.shape[1] - 1
        start[size : size + kept] = rest.coherences.real
        start[size + cutoff : size + cutoff + kept] = rest.coherences.imag
        start = (whole - generator(p, cutoff, {after: 0.0})) @ start
        start /= start[:size].sum()
    what = " or ".join(f"'{name}'" for name in channels) + (f" after '{after}'" if after else "")
    return _law(model, what, times, start, silent, size)


def _law(model, what, times, start, silent, size):
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
    variance = float(2 * weight @ factors.solve(once) - mean**2)
    return Passage(
        model, what, times, vectors @ weight, vectors @ leaving, probability, mean, variance
    )

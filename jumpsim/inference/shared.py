"""What several questions to an ensemble share."""

import numpy as np

from ..errors import InputError

_LEAST = 16  # trajectories, for an error by leaving out one group of them after the other


def need(ensemble, record, what):
    """Refuse an ensemble that does not hold what a question needs, and say how to add it.

    Parameters
    ----------
    ensemble : Ensemble
    record : str
        "counts", "jumps" or "events".
    what : str
        The beginning of the message, such as "typicality needs the counts".
    """
    if record not in ensemble.record:
        raise InputError(
            f"{what}, but this run kept {', '.join(ensemble.record)}; run it again with record "
            f'"{record}" to add them'
        )


def need_trajectories(ensemble):
    """Refuse fewer trajectories than errors over trajectories need."""
    if ensemble.ntraj < _LEAST:
        raise InputError(
            f"errors need {_LEAST} trajectories at least, but there are {ensemble.ntraj}"
        )


def if_small(solve, *arguments, max_states, **more):
    """Return what a theory says about a small system; None for a large one, or max_states = 0."""
    if not max_states:
        return None
    try:
        return solve(*arguments, max_states=max_states, **more)
    except InputError:
        return None


def scaled_copies(ensembles):
    """Order ensembles of one system by size; refuse those that are not the same physics, larger.

    Parameters
    ----------
    ensembles : list of Ensemble

    Returns
    -------
    order : list of int
        From the smallest to the largest.
    factors : ndarray
        How many times larger than the smallest, in this order.
    """
    sizes = [max(float(pool.size or 1) for pool in e.model.pool_specs) for e in ensembles]
    order = sorted(range(len(sizes)), key=sizes.__getitem__)
    factors = np.array([sizes[k] for k in order]) / sizes[order[0]]
    if len(set(factors)) < len(factors):
        raise InputError("systems of different sizes are needed, but two are equally large")
    for k, factor in zip(order, factors, strict=True):
        _check_scaled(ensembles[order[0]], ensembles[k], factor)
    return order, factors


def _check_scaled(first, other, factor):
    same_times = np.array_equal(first.times, other.times)
    expected = first.model.scaled(factor)
    same_physics = (
        expected.pool_specs == other.model.pool_specs
        and expected.channels == other.model.channels
        and np.allclose(expected.table.constants, other.model.table.constants, rtol=1e-9)
    )
    if not (same_times and same_physics):
        what = "its times differ" if not same_times else "it is not the same physics, larger"
        raise InputError(
            f"{other.path or other.model.name} cannot be compared with "
            f"{first.path or first.model.name}: {what}; vary `scale` alone"
        )

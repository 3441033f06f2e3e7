"""What several questions to an ensemble share."""

import numpy as np

from ..errors import InputError

ROUNDING = 1e-9  # k_B; what sums of logarithms leave where the entropy came back to its value
_LEAST = 16  # trajectories, for an error by leaving out one group of them after the other
_DRIFT = 5.0  # standard errors


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
    if record not in (*ensemble.model.columns, "events"):
        raise InputError(
            f"{what}, but {ensemble.model.name} has none: its samples are expectation values "
            f'("{ensemble.model.sampled}"), and what happens is in jumps and events'
        )
    if record not in ensemble.record:
        raise InputError(
            f"{what}, but this run kept {', '.join(ensemble.record)}; run it again with record "
            f'"{record}" to add them'
        )


def need_trajectories(ensemble, least=_LEAST, what="errors need"):
    """Refuse fewer trajectories than a question needs; by default than errors over them need."""
    if ensemble.ntraj < least:
        raise InputError(f"{what} {least} trajectories at least, but there are {ensemble.ntraj}")


def need_production(ensemble):
    """Refuse an ensemble from which the entropy produced within cannot be found."""
    if "counts" not in ensemble.record or any(c.bath for c in ensemble.model.channel_specs):
        need(ensemble, "events", "the entropy of single trajectories needs every event")


def counted_words(counted):
    """What is counted, in words: a bath, channels, or channels with weights."""
    if isinstance(counted, dict):
        return ", ".join(f"{weight:+g} {name}" for name, weight in counted.items())
    return counted if isinstance(counted, str) else ", ".join(counted)


def drifting(change):
    """Find what changes on average beyond noise between two parts of a run.

    Parameters
    ----------
    change : ndarray, shape (ntraj, n)
        Of each quantity in each trajectory.

    Returns
    -------
    (int, float) or None
        Place and average change of the one that is furthest beyond.
    """
    mean, error = change.mean(axis=0), change.std(axis=0, ddof=1) / np.sqrt(len(change))
    beyond = np.abs(mean) - _DRIFT * error
    worst = int(beyond.argmax())
    return (worst, float(mean[worst])) if beyond[worst] > 0 else None


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

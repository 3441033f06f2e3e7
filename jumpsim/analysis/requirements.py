"""Checks and small steps that several analyses of an ensemble share."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..store.ensemble import Ensemble

ROUNDING = 1e-9  # k_B; rounding error of sums of logarithms, below which a change of entropy is 0
_LEAST = 16  # trajectories; fewer give no usable jackknife error
_DRIFT = 5.0  # standard errors above which a change is significant


def need(ensemble: Ensemble, record: str, what: str) -> None:
    """Check that a run holds the record that an analysis needs.

    Parameters
    ----------
    ensemble : Ensemble
    record : str
        "counts", "jumps" or "events".
    what : str
        The beginning of the error message, such as "typicality needs the counts".

    Raises
    ------
    InputError
        When the record is missing; the message says how to add it.
    """
    if record not in (*ensemble.model.columns, "events"):
        raise InputError(
            f"{what}, but {ensemble.model.name} has none: its samples are expectation values "
            f'("{ensemble.model.samples.record}"), and what happens is in jumps and events'
        )
    if record not in ensemble.record:
        raise InputError(
            f"{what}, but this run kept {', '.join(ensemble.record)}; run it again with record "
            f'"{record}" to add them'
        )


def need_trajectories(ensemble: Ensemble, least: int = _LEAST, what: str = "errors need") -> None:
    """Check that a run has enough trajectories.

    Parameters
    ----------
    ensemble : Ensemble
    least : int
        Smallest number; by default that for jackknife errors over trajectories.
    what : str
        The beginning of the error message.

    Raises
    ------
    InputError
        When there are fewer.
    """
    if ensemble.ntraj < least:
        raise InputError(f"{what} {least} trajectories at least, but there are {ensemble.ntraj}")


def need_production(ensemble: Ensemble) -> None:
    """Check that the internal entropy production of single trajectories can be calculated.

    It follows from the counts when no channel exchanges heat with a bath, else from the events.

    Raises
    ------
    InputError
        When the record that is needed is missing.
    """
    if "counts" not in ensemble.record or any(c.bath for c in ensemble.model.channel_specs):
        need(ensemble, "events", "the entropy of single trajectories needs every event")


def counted_words(counted: str | Sequence[str] | Mapping[str, float]) -> str:
    """Describe what is counted: a bath, channels, or channels with weights ("+1 in, -1 out")."""
    if isinstance(counted, Mapping):
        return ", ".join(f"{weight:+g} {name}" for name, weight in counted.items())
    return counted if isinstance(counted, str) else ", ".join(counted)


def significant_drift(change: NDArray[np.float64]) -> tuple[int, float] | None:
    """Find the quantity whose average changes most significantly between two parts of a run.

    Parameters
    ----------
    change : ndarray, shape (ntraj, n_quantities)
        Change of each quantity in each trajectory.

    Returns
    -------
    tuple of (int, float), or None
        Index of the quantity and its average change; None when no average change exceeds five
        standard errors.
    """
    mean, error = change.mean(axis=0), change.std(axis=0, ddof=1) / np.sqrt(len(change))
    beyond = np.abs(mean) - _DRIFT * error
    worst = int(beyond.argmax())
    return (worst, float(mean[worst])) if beyond[worst] > 0 else None


def if_small(
    solve: Callable[..., Any], *arguments: Any, max_states: int, **more: Any
) -> Any | None:
    """Call an exact solution that enumerates the states of the system, if it has few states.

    Parameters
    ----------
    solve : callable
        Takes the arguments and `max_states`; raises `InputError` when there are more states.
    *arguments, **more
        Passed on.
    max_states : int
        Largest number of states; 0 for no solution at all.

    Returns
    -------
    object or None
        What `solve` returns; None when there are too many states.
    """
    if not max_states:
        return None
    try:
        return solve(*arguments, max_states=max_states, **more)
    except InputError:
        return None


def scaled_copies(ensembles: Sequence[Ensemble]) -> tuple[list[int], NDArray[np.float64]]:
    """Order runs of one system at several sizes by the size, see `Model.scaled`.

    Parameters
    ----------
    ensembles : list of Ensemble

    Returns
    -------
    order : list of int
        From the smallest to the largest.
    factors : ndarray
        How many times larger than the smallest, in this order.

    Raises
    ------
    InputError
        When two systems are equally large, or one is not a scaled copy of the smallest at the same
        times.
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

"""Checks and small functions that several analyses use."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from ..errors import InputError, TruncationWarning
from ..model.model import Model
from ..store.ensemble import Ensemble
from ..theory.state_space import largest_counts
from ..utils.labels import by_name
from ..utils.typing import Array

ROUNDING = 1e-9  # k_B; changes of entropy below this are rounding errors of sums of logarithms
_LEAST = 16  # trajectories; fewer give no usable jackknife error
_EXACT_SECONDS = 20.0  # largest estimated computing time of an exact solution
RESOLVED = 100  # spacings of floats; shorter differences of times have errors above 1 %
_DRIFT = 5.0  # standard errors above which a change is significant


def rate_model(ensemble: Ensemble) -> Model:
    """Model of a run, for functions of models with jump rates.

    These functions raise `InputError` for models without jump rates.
    """
    return cast("Model", ensemble.model)


def require_record(ensemble: Ensemble, record: str, what: str) -> None:
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
            f'("{ensemble.model.samples.record}"); its events are recorded as jumps and events'
        )
    if record not in ensemble.record:
        raise InputError(
            f"{what}, but this run recorded {', '.join(ensemble.record)}; run it again with record "
            f'"{record}" to add them'
        )


def require_trajectories(
    ensemble: Ensemble, least: int = _LEAST, what: str = "errors need"
) -> None:
    """Check that a run has enough trajectories.

    Parameters
    ----------
    ensemble : Ensemble
    least : int
        Smallest allowed number; by default that for jackknife errors over trajectories.
    what : str
        The beginning of the error message.

    Raises
    ------
    InputError
        When there are fewer trajectories.
    """
    if ensemble.ntraj < least:
        raise InputError(f"{what} {least} trajectories at least, but there are {ensemble.ntraj}")


def require_production_record(ensemble: Ensemble) -> None:
    """Check that the internal entropy production of single trajectories can be calculated.

    It follows from the counts when no channel exchanges heat with a bath, else from the events.

    Parameters
    ----------
    ensemble : Ensemble

    Raises
    ------
    InputError
        When the record that is needed is missing, no event takes place within the system, or
        events within it move a pool with mass-action kinetics, which has no entropy.
    """
    model = ensemble.model
    events = [c for c in model.channel_specs if c.occurs]
    within = [c for c in events if c.bath is None]
    moved = {name for c in within for name in (*c.takes, *c.gives)}
    species = [p.name for p in model.pool_specs if p.kind == "mass_action"]
    if chemical := [name for name in species if name in moved]:
        raise InputError(
            f"the entropy of pool '{chemical[0]}' is not defined (mass action), so that no entropy "
            "production within the system is; fluctuation_theorem uses ratios of rates instead"
        )
    if model.has_rates and events and not within:
        raise InputError(
            f"every event of {model.name} exchanges heat with a bath, so that no entropy is "
            "produced within the system; fluctuation_theorem and uncertainty include the baths"
        )
    if "counts" not in ensemble.record or any(c.bath for c in ensemble.model.channel_specs):
        require_record(ensemble, "events", "the entropy of single trajectories needs every event")


def describe_unresolved(waits: Array, spacing: float) -> str:
    """Describe waits that are differences of recorded times and not long against their rounding.

    Recorded times are rounded to float64: a difference of two times is a multiple of the spacing of
    floats there, and waits much shorter than it become 0.

    Parameters
    ----------
    waits : ndarray
        Completed waits, in seconds.
    spacing : float
        Spacing of floats at the latest time, in seconds; 0 when the waits are no differences.

    Returns
    -------
    str
        A warning; "" when no wait is 0, and their median is at least 100 spacings.
    """
    if not spacing or not len(waits):
        return ""
    zero, median = int((waits == 0).sum()), float(np.median(waits))
    if not zero and median >= RESOLVED * spacing:
        return ""
    return (
        f"warning: recorded times are rounded to {spacing:.2g} s, the spacing of floats at the "
        f"latest one; the median of the {len(waits)} waits is {median:.2g} s, and {zero} are "
        "exactly 0, so that their distribution is not resolved. Start the run closer to these "
        "events"
    )


def describe_counted(counted: str | Sequence[str] | Mapping[str, float]) -> str:
    """Describe what is counted: a bath, channels, or channels with weights ("+1 in, -1 out")."""
    named = None if isinstance(counted, str) else by_name(counted, "counted")
    if named is not None:
        return ", ".join(f"{weight:+g} {name}" for name, weight in named.items())
    return counted if isinstance(counted, str) else ", ".join(counted)


def significant_drift(change: Array) -> tuple[int, float] | None:
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


def drift_between(first: Array, second: Array, names: Sequence[str]) -> str | None:
    """Describe the most significant change of an average between two parts of a run.

    Parameters
    ----------
    first, second : ndarray, shape (ntraj, n_quantities)
        Each quantity in each trajectory, in the earlier and in the later part.
    names : sequence of str
        What each quantity is, such as "the mean of m".

    Returns
    -------
    str or None
        None when no average changes by more than five standard errors (for 16 trajectories, by
        chance alone in 2e-4 of runs and quantities).
    """
    if (found := significant_drift(second - first)) is None:
        return None
    k = found[0]
    before, after = first[:, k].mean(), second[:, k].mean()
    if f"{before:.4g}" == f"{after:.4g}":  # a small change of a large number
        return f"{names[k]} changes by {after - before:+.4g} from {before:.4g}"
    return f"{names[k]} changes from {before:.4g} to {after:.4g}"


def exact_solution(
    solve: Callable[..., Any],
    model: Any,
    *arguments: Any,
    max_states: int,
    truncate: Mapping[str, int] | None = None,
    **more: Any,
) -> tuple[Any | None, str]:
    """Call an exact solution that enumerates the states of the system, if it is possible.

    It is skipped when there are too many states, when it would take more than about 20 seconds,
    and when limits of the counts exclude states that occur. No failure of it ends an analysis.

    Parameters
    ----------
    solve : callable
        Takes the model, the arguments, `truncate`, `max_states` and `max_seconds`.
    model : Model
    *arguments, **more
        Further arguments of `solve`.
    max_states : int
        Largest number of states; 0 for no exact solution.
    truncate : mapping of str to int, optional
        Largest counts; chosen automatically by default.

    Returns
    -------
    solution : object or None
        Result of `solve`.
    reason : str
        Why there is none; empty when there is one, or none is wanted.

    Raises
    ------
    InputError
        When `truncate` names an unknown pool, or a limit is no whole number ≥ 0.
    """
    largest_counts(model, truncate)  # raises InputError: a wrong argument is not skipped
    if not max_states:
        return None, ""
    limits = {"truncate": truncate, "max_states": max_states, "max_seconds": _EXACT_SECONDS}
    return optional_theory(solve, model, *arguments, **limits, **more)


def optional_theory(
    solve: Callable[..., Any], *arguments: Any, **more: Any
) -> tuple[Any | None, str]:
    """Call a theory without which the analysis is still useful.

    Parameters
    ----------
    solve : callable
    *arguments, **more
        Arguments of `solve`.

    Returns
    -------
    solution : object or None
        Result of `solve`.
    reason : str
        Why there is none; empty when there is one.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", TruncationWarning)
            return solve(*arguments, **more), ""
    except (InputError, TruncationWarning) as error:
        return None, str(error)
    except Exception as error:
        return None, f"the solution failed ({type(error).__name__}: {error})"


def scaled_copies(ensembles: Sequence[Ensemble]) -> tuple[list[int], Array]:
    """Order runs of one system at several sizes by the size, see `Model.scaled`.

    Parameters
    ----------
    ensembles : list of Ensemble

    Returns
    -------
    order : list of int
        From the smallest to the largest.
    factors : ndarray, shape (n_runs,)
        Size divided by the smallest size, in this order.

    Raises
    ------
    InputError
        When two systems are equally large, or one is not a scaled copy of the smallest at the same
        times.
    """
    sizes = [_system_size(e) for e in ensembles]
    order = sorted(range(len(sizes)), key=sizes.__getitem__)
    factors = np.array([sizes[k] for k in order]) / sizes[order[0]]
    if len(set(factors)) < len(factors):
        raise InputError("systems of different sizes are needed, but two are equally large")
    for k, factor in zip(order, factors, strict=True):
        _check_scaled(ensembles[order[0]], ensembles[k], factor)
    return order, factors


def _system_size(ensemble: Ensemble) -> float:
    """Size of the largest pool; the mean number of individuals at t = 0 if no pool has a size."""
    sizes = [float(pool.size) for pool in ensemble.model.pool_specs if pool.size]
    return max(sizes) if sizes else max(1.0, float(ensemble.initial.mean(ensemble.model).sum()))


def _check_scaled(first_run: Ensemble, other_run: Ensemble, factor: float) -> None:
    first, other = rate_model(first_run), rate_model(other_run)
    same_times = np.array_equal(first_run.times, other_run.times)
    expected = first.scaled(factor)
    same_physics = (
        expected.pool_specs == other.pool_specs
        and expected.channels == other.channels
        and np.allclose(expected.table.constants, other.table.constants, rtol=1e-9)
    )
    if not (same_times and same_physics):
        reason = "its pools or rates are not those of the smallest system, multiplied by one factor"
        if not same_times:
            reason = "its times differ"
        raise InputError(
            f"{other_run.path or other.name} cannot be compared with "
            f"{first_run.path or first.name}: {reason}; vary only `scale`"
        )

"""Coincidences of events in the steady state: the second-order correlation function g²(τ)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import units
from ...errors import InputError, whole_number
from ...statistics.jackknife import covering_error
from ...store.ensemble import Ensemble
from ...theory.counting_statistics import counted_channels, mean_coincidence_rate
from ...utils.results import Result, trajectories_of
from ...utils.tables import columns
from ...utils.text import readable_times, with_error
from ...utils.typing import Array, BoolArray
from ..requirements import (
    RESOLVED,
    exact_solution,
    rate_model,
    require_record,
    require_trajectories,
)
from .steady import rate_drift

_GROUPS = 32
_SMALL = 5_000
_LEAST_PAIRS = 20  # expected of independent events
_UNSEEN = (3 / 1.96) ** 2  # pairs: where none is seen, up to 3 are possible (95 % confidence)


@dataclass(frozen=True, eq=False, repr=False)
class Coincidences(Result):
    """g²(τ): rate of second events a lag τ after a first event, divided by their mean rate.

    Attributes
    ----------
    ensemble : Ensemble
    what : str
        Names of the events.
    edges : ndarray, shape (n_bins + 1,)
        Limits of the bins of the lag, seconds.
    g2, error : ndarray, shape (n_bins,)
        g² averaged over each bin, and its error: that over trajectories (`covering_error`), but at
        least that of independent pairs. NaN where fewer than 20 pairs of independent events are
        expected, or where a few trajectories determine it.
    exact : ndarray or None, shape (n_bins,)
        g² from the master equation, averaged over each bin, when the system is small.
    no_exact : str
        Why there is no exact prediction; empty when there is one or none was wanted.
    """

    ensemble: Ensemble
    what: str
    edges: Array
    g2: Array
    error: Array
    exact: Array | None
    no_exact: str = ""

    @property
    def facts(self) -> str:
        """The events, the number of bins, and the run."""
        return f"{self.what} in {len(self.g2)} bins, {trajectories_of(self.ensemble)}"

    @property
    def verdict(self) -> str:
        """g² in the first bin with enough pairs: bunched, antibunched, or independent events."""
        known = np.flatnonzero(np.isfinite(self.g2))
        if not len(known):
            return (
                f"undecided: in no bin {_LEAST_PAIRS} pairs of independent events are expected, or "
                "a few trajectories determine their number"
            )
        k, (factor, unit) = known[0], readable_times(self.edges)
        excess = self.g2[k] - 1
        kind = "bunched" if excess > 0 else "antibunched"
        if abs(excess) <= 1.96 * self.error[k]:
            kind = "not significantly different from independent events"
        lags = f"{self.edges[k] * factor:.4g} to {self.edges[k + 1] * factor:.4g} {unit}"
        return f"g² = {with_error(self.g2[k], self.error[k])} at lags from {lags}: {kind}"

    def __str__(self) -> str:
        factor, unit = readable_times(self.edges)
        rows = []
        for k, value in enumerate(self.g2):
            measured = with_error(value, self.error[k], ".4f")
            exact = [] if self.exact is None else [f"{self.exact[k]:.4f}"]
            lag = f"{self.edges[k] * factor:.4g} to {self.edges[k + 1] * factor:.4g}"
            rows.append((lag, measured, *exact))
        head = (f"lag ({unit})", "g²", *(["exact"] if self.exact is not None else []))
        table = columns(rows, head, right=(0,))
        return "\n".join([f"coincidences of {self.what}", "", *table, *self.missing_exact])


def coincidences(
    ensemble: Ensemble,
    first: str | Sequence[str],
    second: str | Sequence[str] | None = None,
    after: float | str = 0.0,
    longest: float | str | None = None,
    bins: int = 10,
    truncate: Mapping[str, int] | None = None,
    max_states: int = _SMALL,
) -> Coincidences:
    """Second-order correlation function g²(τ) of events in the steady state.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "events"; at least 16 trajectories.
    first, second : str or list of str
        Events of a pair: of channels, or all events of a bath, whatever energy they carry. By
        default `second` is `first`.
    after : float or str
        Start of the steady state, seconds or a text with a unit; earlier events are ignored.
    longest : float or str, optional
        Longest lag; by default a tenth of the steady state.
    bins : int
        Number of bins of the lag.
    truncate : mapping of str to int, optional
        Largest counts of the exact solution; by default they are chosen so that the excluded
        probability is negligible.
    max_states : int
        Number of states up to which the exact function is calculated; 0 for never.

    Returns
    -------
    Coincidences
        Printable.

    Raises
    ------
    InputError
        When events are not recorded, there are too few trajectories, the run is not stationary
        after `after`, `after` and `longest` do not fit into the run, or bins are not wide against
        the spacing of floats at the end of the run, to which recorded times are rounded.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="1 Hz")
    >>> run = js.simulate(model, [8.0], 100, {"N": 2, "m": 3}, 1, ["events"], progress=False)
    >>> js.coincidences(run, "emission", after=2, longest="0.5 s", bins=4).g2.shape
    (4,)
    """
    require_record(ensemble, "events", "coincidences need every event")
    model, after = rate_model(ensemble), units.time(after, "after")
    end = float(ensemble.times[-1])
    longest = (end - after) / 10 if longest is None else units.time(longest, "longest")
    if not after + longest < end or not longest > 0:
        raise InputError(
            f"`after` + `longest` must be less than the end of the run at {end:g} s, and `longest` "
            "must be positive"
        )
    edges = np.linspace(0, longest, whole_number(bins, "bins", 1, 10_000) + 1)
    spacing, width = float(np.spacing(end)), edges[1]
    if width < RESOLVED * spacing:
        raise InputError(
            f"bins of {width:.2g} s are too narrow: recorded times are rounded to {spacing:.2g} s "
            f"at the end of the run, and a bin needs {RESOLVED} times this; give fewer `bins` or a "
            "longer `longest`"
        )
    earlier, later = (counted_channels(model, what) for what in (first, second or first))
    require_trajectories(ensemble)
    words = [w if isinstance(w, str) else ", ".join(w) for w in (first, second or first)]
    drift = rate_drift(ensemble, dict(zip(words, (earlier, later), strict=True)), after)
    if drift is not None:
        raise InputError(
            f"the run is not stationary: {drift}; choose a later `after`, or simulate longer"
        )
    pairs, firsts, seconds = _count_pairs(ensemble, earlier, later, after, end, edges)
    numbers = np.bincount(np.arange(ensemble.ntraj) % _GROUPS, minlength=_GROUPS)

    def independent(kept: Any) -> Array:
        """Number of pairs of some groups that is expected of independent events."""
        rate = seconds[kept].sum() / (numbers[kept].sum() * (end - after))
        return firsts[kept].sum() * rate * np.diff(edges)

    def ratio(kept: Any) -> Array:
        """g² of some groups."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return pairs[kept].sum(axis=0) / independent(kept)

    groups = np.arange(_GROUPS)
    expected = independent(groups)
    error = covering_error(np.array([ratio(groups != g) for g in np.flatnonzero(numbers)]))
    with np.errstate(divide="ignore"):
        error = np.maximum(error, np.sqrt(pairs.sum(axis=0) + _UNSEEN) / expected)
    # A limit of the expected number, not of the observed one: that would choose the large values.
    enough = (expected >= _LEAST_PAIRS) & np.isfinite(error)
    g2 = ratio(groups)
    return Coincidences(
        ensemble, " and ".join(dict.fromkeys(words)), edges,
        np.where(enough, g2, np.nan), np.where(enough, error, np.nan),
        *exact_solution(
            mean_coincidence_rate, model, edges, ensemble.initial, earlier, later,
            truncate=truncate, max_states=max_states,
        ),
    )  # fmt: skip


def _count_pairs(
    ensemble: Ensemble,
    first: BoolArray,
    second: BoolArray,
    after: float,
    end: float,
    edges: Array,
) -> tuple[Array, Array, Array]:
    """Number of pairs in each bin, of first and of second events, for each group."""
    pairs = np.zeros((_GROUPS, len(edges) - 1))
    firsts, seconds = np.zeros(_GROUPS), np.zeros(_GROUPS)
    for row, numbers, times, channels in ensemble.event_slabs():
        bounds = np.concatenate([[0], np.cumsum(numbers)])
        for k in range(len(numbers)):
            t, c = times[bounds[k] : bounds[k + 1]], channels[bounds[k] : bounds[k + 1]]
            steady = t >= after
            start = t[first[c] & steady & (t < end - edges[-1])]
            later = t[second[c] & steady]
            group = (row + k) % _GROUPS
            firsts[group] += len(start)
            seconds[group] += len(later)
            # Number of later events up to each edge; the event itself is in no difference.
            up_to_edge = np.searchsorted(later, start[:, None] + edges, side="right")
            pairs[group] += np.diff(up_to_edge, axis=1).sum(axis=0)
    return pairs, firsts, seconds

"""Counting statistics: how many events, or how much heat, in windows of time."""

from dataclasses import dataclass

import numpy as np

from ...statistics.jackknife import cumulants_of_groups, power_sums
from ...store.ensemble import Ensemble
from ...theory.counting_statistics import CountCumulants, channel_weights, count_cumulants
from ...utils.results import Result, trajectories_of
from ...utils.tables import columns, log_spaced_rows
from ...utils.text import readable_times, with_error
from ...utils.times import first_row_or_start
from ..requirements import counted_words, if_small, need, need_trajectories

_GROUPS = 64
_LEAST = 8
_SMALL = 5_000  # states up to which the exact statistics are found unasked


@dataclass(frozen=True, eq=False, repr=False)
class Counting(Result):
    """Cumulants of what was counted from one time on, for windows of growing length.

    Attributes
    ----------
    ensemble : Ensemble
    counted : str
        What was counted, in words.
    after : float
        Seconds; where every window begins.
    windows : ndarray, shape (n_windows,)
        Lengths, seconds.
    cumulants, errors : ndarray, shape (4, n_windows)
        Over trajectories, unbiased, with jackknife errors.
    fano, fano_error : ndarray, shape (n_windows,)
        Variance over mean; NaN where nothing was counted.
    exact : CountCumulants or None
        From the master equation, when the system is small and the windows begin at the start.
    """

    ensemble: Ensemble
    counted: str
    after: float
    windows: np.ndarray
    cumulants: np.ndarray
    errors: np.ndarray
    fano: np.ndarray
    fano_error: np.ndarray
    exact: CountCumulants | None

    @property
    def facts(self) -> str:
        """What was counted, in how many windows, of which run."""
        windows = f"{len(self.windows)} windows"
        return f"{self.counted} in {windows}, {trajectories_of(self.ensemble)}"

    @property
    def verdict(self) -> str:
        """Mean and Fano factor in the longest window."""
        factor, unit = readable_times(self.ensemble.times)
        if np.isnan(self.fano[-1]):
            return "nothing was counted"
        fano = with_error(self.fano[-1], self.fano_error[-1])
        return (
            f"in the longest window ({self.windows[-1] * factor:.4g} {unit}) the mean is "
            f"{self.cumulants[0, -1]:.4g} and variance / mean is {fano} (1 for independent single "
            "quanta)"
        )

    def __str__(self):
        factor, unit = readable_times(self.ensemble.times)
        rows = []
        for k in log_spaced_rows(len(self.windows), 8):
            cells = [
                with_error(v, e, ".5g")
                for v, e in zip(self.cumulants[:, k], self.errors[:, k], strict=True)
            ]
            cells.insert(2, with_error(self.fano[k], self.fano_error[k], unknown="-"))
            if self.exact is not None:
                exact = self.exact.fano[k]
                cells.insert(3, "-" if np.isnan(exact) else f"{exact:.4g}")
            rows.append((f"{self.windows[k] * factor:.4g}", *cells))
        head = [f"window ({unit})", "mean", "variance", "Fano", "third", "fourth"]
        if self.exact is not None:
            head.insert(4, "exact")
        return "\n".join(
            [
                f"{self.counted} of {self.ensemble.ntraj} trajectories of "
                f"{self.ensemble.model.name}, from {self.after * factor:.4g} {unit} on",
                "",
                *columns(rows, head, right=(0,)),
            ]
        )


def counting(ensemble, counted, after=0.0, max_states=_SMALL):
    """Count events, or heat, in windows that begin at one time.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "jumps"; read in slabs.
    counted : str, list of str, or mapping of str to float
        A bath (the heat that it receives, ħΩ), a channel or several (their events), or weights by
        channel, such as {"absorption": 1, "emission": -1} for a net number.
    after : float or str
        Where the windows begin: 0, or one of the stored times (the nearest one not before).
    max_states : int
        Size up to which exact statistics are found; 0 for never.

    Returns
    -------
    Counting
        Printable.
    """
    need(ensemble, "jumps", "counting needs the jumps")
    need_trajectories(ensemble, _LEAST, "four cumulants need")
    model, times = ensemble.model, ensemble.times
    weights = channel_weights(model, counted)
    first = first_row_or_start(times, after, "after", least=2)
    begin = times[first] if first >= 0 else 0.0
    kept = np.arange(first + 1, len(times))
    middle = next(_counted(ensemble, weights, first, kept)).mean(axis=0)  # near enough the mean
    counts = _counted(ensemble, weights, first, kept)
    groups = power_sums(counts, min(_GROUPS, ensemble.ntraj), middle)
    values, errors, fano, fano_error = cumulants_of_groups(*groups, middle)
    windows = times[kept] - begin
    exact = if_small(
        count_cumulants, model, windows, ensemble.initial, counted,
        max_states=max_states if begin == 0.0 else 0,
    )  # fmt: skip
    return Counting(
        ensemble, f"counts of {counted_words(counted)}", float(begin), windows, values, errors,
        fano, fano_error, exact,
    )  # fmt: skip


def _counted(ensemble, weights, first, kept):
    """Weighted jumps since the windows' beginning, in slabs of (n, n_windows)."""
    for jumps in ensemble.slabs("jumps"):
        counts = jumps[:, kept] @ weights
        yield counts if first < 0 else counts - (jumps[:, first] @ weights)[:, None]

"""Counting statistics: number of events, or heat, in time windows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ...statistics.cumulants import WHY_UNDECIDED, cumulants_of_groups, power_sums
from ...store.ensemble import Ensemble
from ...theory.counting_statistics import CountCumulants, channel_weights, count_cumulants
from ...utils.results import Result, trajectories_of
from ...utils.tables import columns, log_spaced_rows
from ...utils.text import readable_times, with_error
from ...utils.times import first_row_or_start
from ...utils.typing import Array, IntArray
from ..requirements import (
    describe_counted,
    exact_solution,
    rate_model,
    require_record,
    require_trajectories,
)

_GROUPS = 64
_LEAST = 8
_SMALL = 5_000  # number of states up to which exact statistics are calculated by default


@dataclass(frozen=True, eq=False, repr=False)
class Counting(Result):
    """Cumulants of the counted quantity, for windows of increasing length.

    Attributes
    ----------
    ensemble : Ensemble
    counted : str
        Description of the counted quantity.
    after : float
        Start of all windows, seconds.
    windows : ndarray, shape (n_windows,)
        Lengths of the windows, seconds.
    cumulants, errors : ndarray, shape (4, n_windows)
        Cumulants of order 1 to 4 over trajectories (unbiased), and their errors; NaN where they are
        undecided, see `statistics.cumulants_of_groups`.
    fano, fano_error : ndarray, shape (n_windows,)
        Fano factor, variance over mean, and its error; NaN where it is undecided.
    exact : CountCumulants or None
        From the master equation, when the system is small and the windows start at t = 0.
    no_exact : str
        Why there is no exact prediction; empty when there is one or none was wanted.
    """

    ensemble: Ensemble
    counted: str
    after: float
    windows: Array
    cumulants: Array
    errors: Array
    fano: Array
    fano_error: Array
    exact: CountCumulants | None
    no_exact: str = ""

    @property
    def facts(self) -> str:
        """The counted quantity, the number of windows, and the run."""
        windows = f"{len(self.windows)} windows"
        return f"{self.counted} in {windows}, {trajectories_of(self.ensemble)}"

    @property
    def verdict(self) -> str:
        """Mean and Fano factor in the longest window."""
        factor, unit = readable_times(self.ensemble.times)
        mean = with_error(self.cumulants[0, -1], self.errors[0, -1])
        fano = with_error(self.fano[-1], self.fano_error[-1])
        return (
            f"in the longest window ({self.windows[-1] * factor:.4g} {unit}) the mean is {mean} "
            f"and variance / mean is {fano} (1 for independent single events)"
        )

    def __str__(self) -> str:
        factor, unit = readable_times(self.ensemble.times)
        rows = []
        for k in log_spaced_rows(len(self.windows), 8):
            cells = [
                with_error(v, e, ".5g")
                for v, e in zip(self.cumulants[:, k], self.errors[:, k], strict=True)
            ]
            cells.insert(2, with_error(self.fano[k], self.fano_error[k]))
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
                *(["", WHY_UNDECIDED] if np.isnan(self.errors).any() else []),
                *self.missing_exact,
            ]
        )


def counting(
    ensemble: Ensemble,
    counted: str | list[str] | Mapping[str, float],
    after: float | str = 0.0,
    truncate: Mapping[str, int] | None = None,
    max_states: int = _SMALL,
) -> Counting:
    """Cumulants of the number of events, or of heat, in windows with a common start.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "jumps"; read in slabs. At least 8 trajectories.
    counted : str, list of str, or mapping of str to float
        Heat to a bath in units of ħΩ (name of the bath), number of events of channels (their
        names), or events with weights, such as {"absorption": 1, "emission": -1} for a net number.
    after : float or str
        Start of all windows, seconds or a text with a unit: 0, or the first stored time that is
        not earlier.
    truncate : mapping of str to int, optional
        Largest counts of the exact solution; by default they are chosen so that the excluded
        probability is negligible.
    max_states : int
        Number of states up to which exact statistics are calculated; 0 for never.

    Returns
    -------
    Counting
        Printable.

    Raises
    ------
    InputError
        When jumps are not recorded, or there are too few trajectories.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="1 Hz")
    >>> run = js.simulate(model, [0.5, 1.0], 100, {"N": 12, "m": 3}, 1, ["jumps"], progress=False)
    >>> js.counting(run, "emission").cumulants.shape
    (4, 2)
    """
    require_record(ensemble, "jumps", "counting needs the jumps")
    require_trajectories(ensemble, _LEAST, "four cumulants need")
    model, times = rate_model(ensemble), ensemble.times
    weights = channel_weights(model, counted)
    first = first_row_or_start(times, after, "after", least=2)
    begin = times[first] if first >= 0 else 0.0
    kept = np.arange(first + 1, len(times))
    # Power sums around a value close to the mean lose fewer digits.
    middle = next(_counts_in_windows(ensemble, weights, first, kept)).mean(axis=0)
    counts = _counts_in_windows(ensemble, weights, first, kept)
    groups = power_sums(counts, min(_GROUPS, ensemble.ntraj), middle)
    values, errors, fano, fano_error = cumulants_of_groups(*groups, middle)
    windows = times[kept] - begin
    exact, no_exact = exact_solution(
        count_cumulants, model, windows, ensemble.initial, counted, truncate=truncate,
        max_states=max_states if begin == 0.0 else 0,
    )  # fmt: skip
    if begin > 0:
        no_exact = "they are calculated for windows that start at t = 0"
    return Counting(
        ensemble, f"counts of {describe_counted(counted)}", float(begin), windows, values, errors,
        fano, fano_error, exact, no_exact,
    )  # fmt: skip


def _counts_in_windows(
    ensemble: Ensemble, weights: Array, first: int, kept: IntArray
) -> Iterator[Array]:
    """Weighted number of jumps in each window, in slabs of shape (n, n_windows)."""
    for jumps in ensemble.slabs("jumps"):
        counts = jumps[:, kept] @ weights
        yield counts if first < 0 else counts - (jumps[:, first] @ weights)[:, None]

"""Distribution of the count of one pool at one time, compared with the master equation."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ...statistics.chi_square import chi_square_p_value
from ...statistics.intervals import proportion_interval
from ...store.ensemble import Ensemble
from ...theory.master_equation import master_equation
from ...utils.results import Result, trajectories_of
from ...utils.tables import columns
from ...utils.text import readable_times, with_interval
from ...utils.times import stored_row
from ...utils.typing import Array, IntArray
from ..requirements import exact_solution, rate_model, require_record

_SMALL = 20_000  # number of states up to which the master equation is solved by default
_MOST_LINES = 40
_MOST_COUNTS = 10**6  # distance of the largest and the smallest count that are listed one by one
_CLASSES = 1000  # of counts that are farther apart
_LEAST_EXPECTED = 8  # expected trajectories in a class of the χ² test


@dataclass(frozen=True, eq=False, repr=False)
class Distribution(Result):
    """Histogram of a count.

    Attributes
    ----------
    ensemble : Ensemble
    pool : str
        Name of the pool.
    time : float
        Seconds.
    counts : ndarray of int, shape (n,)
        All whole numbers from the smallest to the largest count; where these are more than 10^6
        apart, the first count of each of at most 1000 classes of equal width.
    observed, low, high : ndarray, shape (n,)
        Fraction of trajectories with each count, and its 95 % confidence interval.
    exact : ndarray or None, shape (n,)
        Probability of each count from the master equation, when the system is small.
    p_value : float or None
        p-value of the χ² test against `exact`; neighbouring counts are joined until at least 8
        trajectories are expected.
    no_exact : str
        Why there is no exact prediction; empty when there is one or none was wanted.
    mean : float
        Average count.
    last : int
        Largest count that is listed, or in the last class.
    """

    ensemble: Ensemble
    pool: str
    time: float
    counts: IntArray
    observed: Array
    low: Array
    high: Array
    exact: Array | None
    p_value: float | None
    mean: float
    last: int
    no_exact: str = ""

    def grouped(self, most: int) -> tuple[IntArray, IntArray, Array, Array, Array, Array | None]:
        """Join neighbouring counts into classes of equal width.

        Parameters
        ----------
        most : int
            Largest number of classes.

        Returns
        -------
        first, last : ndarray of int
            Smallest and largest count of each class.
        observed, low, high : ndarray
            Fraction of trajectories in each class, and its 95 % confidence interval.
        exact : ndarray or None
            Probability of each class.
        """
        width = -(-len(self.counts) // most)
        starts = np.arange(0, len(self.counts), width)
        first = self.counts[starts]
        observed = np.add.reduceat(self.observed, starts)
        n = self.ensemble.ntraj
        low, high = proportion_interval(np.rint(observed * n).astype(int), n)
        exact = None if self.exact is None else np.add.reduceat(self.exact, starts)
        return first, np.append(first[1:] - 1, self.last), observed, low, high, exact

    @property
    def table(self) -> list[str]:
        """Lines of a table: counts, their fraction with the interval, the exact probability."""
        first, last, observed, lows, highs, exact = self.grouped(_MOST_LINES)
        rows = [
            (
                f"{a}" if a == b else f"{a} to {b}",
                with_interval(p, low, high),
                *([] if exact is None else [f"{exact[k]:.4g}"]),
            )
            for k, (a, b, p, low, high) in enumerate(
                zip(first, last, observed, lows, highs, strict=True)
            )
        ]
        head = (self.pool, "fraction [95 %]", *([] if exact is None else ["exact"]))
        return columns(rows, head, right=(0,))

    @property
    def facts(self) -> str:
        """The pool, the time, and the run."""
        return f"{self.pool} at {self.time:g} s, {trajectories_of(self.ensemble)}"

    @property
    def verdict(self) -> str:
        """Result of the χ² test against the master equation."""
        if self.p_value is not None:
            return f"χ² against the master equation: p = {self.p_value:.3g}"
        if self.exact is not None:
            return "undecided, too few trajectories for χ²"
        return "no exact distribution" + (f": {self.no_exact}" if self.no_exact else "")

    def __str__(self) -> str:
        factor, unit = readable_times(self.ensemble.times)
        summary = (
            f"distribution of {self.pool} at {self.time * factor:.4g} {unit} in "
            f"{self.ensemble.ntraj} trajectories: {self.counts[0]} to {self.last}, mean "
            f"{self.mean:.5g}; {self.verdict}"
        )
        return "\n".join([*self.table, "", summary])


def distribution(
    ensemble: Ensemble,
    pool: str,
    time: float | str,
    truncate: Mapping[str, int] | None = None,
    max_states: int = _SMALL,
) -> Distribution:
    """Histogram of the count of a pool at one stored time, compared with the master equation.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "counts"; read in slabs.
    pool : str
        Name of the pool.
    time : float or str
        A stored time, seconds or a text with a unit.
    truncate : mapping of str to int, optional
        Largest counts of the exact solution; by default they are chosen so that the excluded
        probability is negligible.
    max_states : int
        Number of states up to which the master equation is solved; 0 for never.

    Returns
    -------
    Distribution
        Printable; `plotting.distribution` draws it.

    Raises
    ------
    InputError
        When counts are not recorded, the pool or the time does not exist, or there is no
        trajectory.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="1 Hz")
    >>> run = js.simulate(model, [0.5], 200, {"N": 12, "m": 3}, seed=1, progress=False)
    >>> float(js.distribution(run, "m", 0.5).observed.sum().round(12))
    1.0
    """
    model = rate_model(ensemble)
    model.pool(pool)  # raises InputError for an unknown pool
    require_record(ensemble, "counts", "a histogram needs the counts")
    if ensemble.ntraj == 0:
        raise InputError("there is no trajectory; simulate more")
    k = stored_row(ensemble.times, time, "time")
    p = model.pools.index(pool)
    samples = np.concatenate([counts[:, k, p].copy() for counts in ensemble.slabs("counts")])
    first, last = int(samples.min()), int(samples.max())
    solution, no_exact = exact_solution(
        master_equation, model, ensemble.times[k : k + 1], ensemble.initial, truncate=truncate,
        max_states=max_states,
    )  # fmt: skip
    exact = None
    if solution is not None:
        states, weights = solution.states[:, p], solution.probabilities[0]
        likely = _likely(states, weights)
        first, last = min(first, int(likely[0])), max(last, int(likely[-1]))
    width = 1 if last - first <= _MOST_COUNTS else -(-(last - first + 1) // _CLASSES)
    number = np.bincount((samples - first) // width, minlength=(last - first) // width + 1)
    if solution is not None:
        kept = (states >= first) & (states <= last)
        place = (states[kept] - first) // width
        exact = np.zeros(len(number))
        np.add.at(exact, place, weights[kept])
    low, high = proportion_interval(number, len(samples))
    p_value = None
    if exact is not None:
        p_value = chi_square_p_value(number, exact * len(samples), _LEAST_EXPECTED)
    observed, counts = number / len(samples), first + width * np.arange(len(number))
    mean = float(observed @ counts) if width == 1 else float(samples.mean())
    return Distribution(
        ensemble, pool, float(ensemble.times[k]), counts, observed, low, high, exact, p_value,
        mean, last, no_exact,
    )  # fmt: skip


def _likely(counts: IntArray, weights: Array) -> IntArray:
    """Different counts, increasing, whose total probability is above 1e-12."""
    different, place = np.unique(counts, return_inverse=True)
    total = np.zeros(len(different))
    np.add.at(total, place.ravel(), weights)
    return different[total > 1e-12]

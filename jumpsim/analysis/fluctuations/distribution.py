"""The distribution of one pool's count at one time, beside the master equation."""

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
from ..requirements import if_small, need

_SMALL = 20_000
_MOST_LINES = 40
_LEAST_EXPECTED = 8  # trajectories in a class of the χ² test


@dataclass(frozen=True, eq=False, repr=False)
class Distribution(Result):
    """Histogram on whole numbers.

    Attributes
    ----------
    ensemble : Ensemble
    pool : str
    time : float
        Seconds.
    counts : ndarray of int, shape (n,)
        Neighbouring whole numbers.
    observed, low, high : ndarray, shape (n,)
        Fraction of trajectories with each count, with a 95 % interval for each.
    exact : ndarray or None, shape (n,)
        From the master equation, when the system is small.
    p_value : float or None
        Of χ² against it, neighbours joined until 8 trajectories are expected.
    """

    ensemble: Ensemble
    pool: str
    time: float
    counts: np.ndarray
    observed: np.ndarray
    low: np.ndarray
    high: np.ndarray
    exact: np.ndarray | None
    p_value: float | None

    def grouped(self, most):
        """Join neighbours into `most` classes at most, all equally wide.

        Parameters
        ----------
        most : int

        Returns
        -------
        first, last : ndarray of int
            Counts in each class, both included.
        observed, low, high : ndarray
            As for single counts.
        exact : ndarray or None
        """
        width = -(-len(self.counts) // most)
        starts = np.arange(0, len(self.counts), width)
        first = self.counts[starts]
        observed = np.add.reduceat(self.observed, starts)
        n = self.ensemble.ntraj
        interval = proportion_interval(np.rint(observed * n).astype(int), n)
        exact = None if self.exact is None else np.add.reduceat(self.exact, starts)
        return first, np.append(first[1:] - 1, self.counts[-1]), observed, *interval, exact

    @property
    def table(self):
        """Lines of a table: counts, their fraction with the interval, the exact probability."""
        first, last, *fractions, exact = self.grouped(_MOST_LINES)
        rows = [
            (
                f"{a}" if a == b else f"{a} to {b}",
                with_interval(p, low, high),
                *([] if exact is None else [f"{exact[k]:.4g}"]),
            )
            for k, (a, b, p, low, high) in enumerate(zip(first, last, *fractions, strict=True))
        ]
        head = (self.pool, "fraction [95 %]", *([] if exact is None else ["exact"]))
        return columns(rows, head, right=(0,))

    @property
    def facts(self) -> str:
        """Which pool and time, of which run."""
        return f"{self.pool} at {self.time:g} s, {trajectories_of(self.ensemble)}"

    @property
    def verdict(self) -> str:
        """Whether the master equation agrees."""
        if self.p_value is not None:
            return f"χ² against the master equation: p = {self.p_value:.3g}"
        if self.exact is not None:
            return "undecided, too few trajectories for χ²"
        return "no exact distribution: the system is too large"

    def __str__(self):
        factor, unit = readable_times(self.ensemble.times)
        mean = self.observed @ self.counts
        summary = (
            f"distribution of {self.pool} at {self.time * factor:.4g} {unit} in "
            f"{self.ensemble.ntraj} trajectories: {self.counts[0]} to {self.counts[-1]}, mean "
            f"{mean:.5g}; {self.verdict}"
        )
        return "\n".join([*self.table, "", summary])


def distribution(ensemble, pool, time, max_states=_SMALL):
    """Histogram of a pool's count at one stored time.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "counts"; read in slabs.
    pool : str
    time : float or str
        One of the stored times.
    max_states : int
        Size up to which the master equation is solved; 0 for never.

    Returns
    -------
    Distribution
    """
    model = ensemble.model
    model.pool(pool)  # refuses what there is not
    need(ensemble, "counts", "a histogram needs the counts")
    if ensemble.ntraj == 0:
        raise InputError("there is no trajectory; run more")
    k = stored_row(ensemble.times, time, "time")
    p = model.pools.index(pool)
    samples = np.concatenate([counts[:, k, p].copy() for counts in ensemble.slabs("counts")])
    first, last = int(samples.min()), int(samples.max())
    exact = if_small(
        master_equation, model, ensemble.times[k : k + 1], ensemble.initial, max_states=max_states
    )
    law = None if exact is None else exact.marginal(pool)[0]
    if law is not None:
        carrying = np.flatnonzero(law > 1e-12)
        first, last = min(first, int(carrying[0])), max(last, int(carrying[-1]))
        law = np.append(law, np.zeros(max(0, last + 1 - len(law))))[first : last + 1]
    number = np.bincount(samples - first, minlength=last - first + 1)
    low, high = proportion_interval(number, len(samples))
    p_value = (
        None if law is None else chi_square_p_value(number, law * len(samples), _LEAST_EXPECTED)
    )
    return Distribution(
        ensemble, pool, float(ensemble.times[k]), np.arange(first, last + 1),
        number / len(samples), low, high, law, p_value,
    )  # fmt: skip

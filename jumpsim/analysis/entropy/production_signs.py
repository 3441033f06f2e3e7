"""How often single trajectories produce entropy of the other sign than the average."""

from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ...statistics.intervals import proportion_interval
from ...store.ensemble import Ensemble
from ...thermo import internal_production
from ...utils.results import Result
from ...utils.tables import columns
from ...utils.text import readable_times, with_error, with_interval
from ..requirements import ROUNDING, need_production, scaled_copies


@dataclass(frozen=True, eq=False, repr=False)
class ProductionSigns(Result):
    """Signs of the entropy produced within, between neighbouring stored times.

    Attributes
    ----------
    ensemble : Ensemble
    mean, sem : ndarray, shape (n_intervals,)
        Entropy produced in each interval, averaged over trajectories, k_B.
    opposite, low, high : ndarray, shape (n_intervals,)
        Fraction of trajectories with the other sign, with a 95 % interval; NaN where the average
        is not known to differ from 0 (within 3 standard errors).
    duration, duration_sem : float
        Time that a trajectory spends in such intervals, averaged over trajectories, seconds.
    ever : tuple of float
        Fraction of trajectories that have the other sign in some interval, with its interval.
    """

    ensemble: Ensemble
    mean: np.ndarray
    sem: np.ndarray
    opposite: np.ndarray
    low: np.ndarray
    high: np.ndarray
    duration: float
    duration_sem: float
    ever: tuple

    @property
    def share(self):
        """Part of the time (where the average's sign is known) with the other sign, and its error.

        NaN where the average's sign is nowhere known.
        """
        known = np.diff(self.ensemble.times)[np.isfinite(self.opposite)].sum()
        if known == 0:
            return np.nan, np.nan
        return self.duration / known, self.duration_sem / known

    @property
    def verdict(self) -> str:
        """How many trajectories have the other sign than the average, and for how long."""
        if np.isnan(self.share[0]):
            return "undecided: the average production is nowhere known to differ from 0"
        share, error = self.share
        ever, low, high = self.ever
        return (
            f"{with_interval(ever, low, high, '.3g')} of the trajectories produce entropy of the "
            "other sign than the average at some time; on average a trajectory does during "
            f"{with_error(share, error, '.3g')} of the time"
        )

    def __str__(self):
        factor, unit = readable_times(self.ensemble.times)
        decided = np.isfinite(self.opposite)
        head = f"entropy produced within by {self.ensemble.ntraj} trajectories"
        if not decided.any():
            return f"{head}: undecided, its average is nowhere known to differ from 0"
        k = int(np.nanargmax(self.opposite))
        start, end = self.ensemble.times[k] * factor, self.ensemble.times[k + 1] * factor
        return "\n".join(
            [
                f"{head}: the other sign than the average's, in {int(decided.sum())} of "
                f"{len(decided)} intervals where that is known",
                f"  most often from {start:.4g} to {end:.4g} {unit}: "
                f"{with_interval(self.opposite[k], self.low[k], self.high[k])} of the trajectories",
                f"  for {with_error(self.duration * factor, self.duration_sem * factor)} {unit} on "
                "average over trajectories",
                f"  ever: {with_interval(*self.ever)} of them",
            ]
        )


def production_signs(ensemble):
    """Count trajectories that produce entropy of the other sign than the average.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "events", or with "counts" where no event exchanges with a bath; at least two
        times and two trajectories.

    Returns
    -------
    ProductionSigns
    """
    need_production(ensemble)
    if len(ensemble.times) < 2 or ensemble.ntraj < 2:
        raise InputError(
            f"signs need 2 times and 2 trajectories at least, but there are "
            f"{len(ensemble.times)} and {ensemble.ntraj}"
        )
    produced = np.diff(internal_production(ensemble), axis=1)
    n = len(produced)
    mean, sem = produced.mean(axis=0), produced.std(axis=0, ddof=1) / np.sqrt(n)
    known = np.abs(mean) > 3 * sem
    # 0, where nothing happened or all of it was undone, is neither sign.
    other = (produced * np.sign(mean) < -ROUNDING) & known
    count = other.sum(axis=0)
    low, high = proportion_interval(count, n)
    lasted = other @ np.diff(ensemble.times)
    ever = int(other.any(axis=1).sum())
    return ProductionSigns(
        ensemble,
        mean,
        sem,
        *(np.where(known, x, np.nan) for x in (count / n, low, high)),
        float(lasted.mean()),
        float(lasted.std(ddof=1) / np.sqrt(n)),
        (ever / n, *map(float, proportion_interval(ever, n))),
    )


@dataclass(frozen=True, eq=False, repr=False)
class SignScaling(Result):
    """How often the sign of the entropy production is the unusual one, against size.

    Attributes
    ----------
    runs : tuple of ProductionSigns
        From the smallest to the largest.
    factors : ndarray, shape (n_runs,)
        How many times larger than the first.
    share, share_error : ndarray, shape (n_runs,)
        Part of the time that trajectories spend with the unusual sign; NaN where it is undecided.
    ever : ndarray, shape (n_runs, 3)
        Fraction of trajectories that ever have it, with a 95 % interval.
    """

    runs: tuple
    factors: np.ndarray
    share: np.ndarray
    share_error: np.ndarray
    ever: np.ndarray

    @property
    def facts(self) -> str:
        """How many sizes."""
        return f"{len(self.runs)} sizes of {self.runs[0].ensemble.model.name}"

    @property
    def verdict(self) -> str:
        """Part of the time with the unusual sign in the smallest and in the largest system."""
        first, last = (with_error(self.share[k], self.share_error[k]) for k in (0, -1))
        return (
            f"the entropy production has the unusual sign during {first} of the time in the "
            f"smallest system, {last} in the largest"
        )

    def __str__(self):
        rows = [
            (
                f"{run.ensemble.model.name} × {factor:g}",
                f"{run.ensemble.ntraj}",
                with_error(share, error),
                with_interval(*ever),
            )
            for run, factor, share, error, ever in zip(
                self.runs, self.factors, self.share, self.share_error, self.ever, strict=True
            )
        ]
        head = ("system", "trajectories", "part of the time", "trajectories, ever [95 %]")
        return "\n".join(
            [
                "entropy produced within, of the other sign than the average's",
                "",
                *columns(rows, head, right=(1,)),
            ]
        )


def signs_scaling(runs):
    """Put the signs of the entropy production of systems of several sizes side by side.

    Parameters
    ----------
    runs : list of ProductionSigns
        Of one system at several sizes, at the same times.

    Returns
    -------
    SignScaling
    """
    ensembles = [run.ensemble for run in runs]
    order, factors = scaled_copies(ensembles)
    runs = tuple(runs[k] for k in order)
    share, error = np.array([run.share for run in runs]).T
    return SignScaling(runs, factors, share, error, np.array([run.ever for run in runs]))

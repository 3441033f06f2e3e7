"""How often single trajectories produce entropy of the sign opposite to the average's."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ...statistics.intervals import proportion_interval
from ...store.ensemble import Ensemble
from ...thermo import internal_production
from ...utils.results import Result
from ...utils.tables import columns
from ...utils.text import readable_times, with_error, with_interval
from ...utils.typing import Array
from ..requirements import ROUNDING, require_production_record, scaled_copies


@dataclass(frozen=True, eq=False, repr=False)
class ProductionSigns(Result):
    """Sign of the entropy produced within the system between neighbouring stored times.

    Attributes
    ----------
    ensemble : Ensemble
    mean, sem : ndarray, shape (n_intervals,)
        Entropy produced in each interval: average over trajectories and standard error, k_B.
    opposite, low, high : ndarray, shape (n_intervals,)
        Fraction of trajectories with the opposite sign, and its 95 % confidence interval; NaN
        where the average is less than 3 standard errors away from 0.
    duration, duration_sem : float
        Total length of the intervals in which a trajectory has the opposite sign: average over
        trajectories and standard error, seconds.
    ever : tuple of float
        Fraction of trajectories with the opposite sign in at least one interval, and its 95 %
        confidence interval.
    """

    ensemble: Ensemble
    mean: Array
    sem: Array
    opposite: Array
    low: Array
    high: Array
    duration: float
    duration_sem: float
    ever: tuple[float, float, float]

    @property
    def share(self) -> tuple[float, float]:
        """Fraction of the time with the opposite sign, and its standard error.

        Only intervals in which the sign of the average is known are counted; NaN if there are none.
        """
        known = np.diff(self.ensemble.times)[np.isfinite(self.opposite)].sum()
        if known == 0:
            return np.nan, np.nan
        return self.duration / known, self.duration_sem / known

    @property
    def verdict(self) -> str:
        """Fraction of trajectories with the opposite sign, and of the time."""
        if np.isnan(self.share[0]):
            return "undecided: the average entropy production never differs significantly from 0"
        share, error = self.share
        ever, low, high = self.ever
        return (
            f"{with_interval(ever, low, high, '.3g')} of the trajectories produce entropy of the "
            "sign opposite to the average's at some time; on average they do so during "
            f"{with_error(share, error, '.3g')} of the time"
        )

    def __str__(self) -> str:
        factor, unit = readable_times(self.ensemble.times)
        decided = np.isfinite(self.opposite)
        head = f"entropy produced within the system by {self.ensemble.ntraj} trajectories"
        if not decided.any():
            return f"{head}: undecided, its average never differs significantly from 0"
        k = int(np.nanargmax(self.opposite))
        start, end = self.ensemble.times[k] * factor, self.ensemble.times[k + 1] * factor
        return "\n".join(
            [
                f"{head}: sign opposite to the average's, in the {int(decided.sum())} of "
                f"{len(decided)} intervals where the average's sign is known",
                f"  most often from {start:.4g} to {end:.4g} {unit}: "
                f"{with_interval(self.opposite[k], self.low[k], self.high[k])} of the trajectories",
                f"  for {with_error(self.duration * factor, self.duration_sem * factor)} {unit} on "
                "average over trajectories",
                f"  at least once: {with_interval(*self.ever)} of the trajectories",
            ]
        )


def production_signs(ensemble: Ensemble) -> ProductionSigns:
    """Count trajectories that produce entropy of the sign opposite to the average's.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "events"; "counts" is enough if no event exchanges heat with a bath. At least
        two times and two trajectories.

    Returns
    -------
    ProductionSigns

    Raises
    ------
    InputError
        When a necessary record is missing, or there are too few times or trajectories.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="1 Hz")
    >>> run = js.simulate(model, [0.1, 0.5], 100, {"N": 2, "m": 15}, seed=1, progress=False)
    >>> js.production_signs(run).opposite.shape
    (1,)
    """
    require_production_record(ensemble)
    if len(ensemble.times) < 2 or ensemble.ntraj < 2:
        raise InputError(
            f"signs need at least 2 times and 2 trajectories, but there are "
            f"{len(ensemble.times)} and {ensemble.ntraj}"
        )
    produced = np.diff(internal_production(ensemble), axis=1)
    n = len(produced)
    mean, sem = produced.mean(axis=0), produced.std(axis=0, ddof=1) / np.sqrt(n)
    known = np.abs(mean) > 3 * sem
    # 0 (no event, or events that cancel) has no sign.
    opposite = (produced * np.sign(mean) < -ROUNDING) & known
    count = opposite.sum(axis=0)
    low, high = proportion_interval(count, n)
    duration = opposite @ np.diff(ensemble.times)
    ever = int(opposite.any(axis=1).sum())
    ever_low, ever_high = proportion_interval(ever, n)
    return ProductionSigns(
        ensemble,
        mean,
        sem,
        np.where(known, count / n, np.nan),
        np.where(known, low, np.nan),
        np.where(known, high, np.nan),
        float(duration.mean()),
        float(duration.std(ddof=1) / np.sqrt(n)),
        (ever / n, float(ever_low), float(ever_high)),
    )


@dataclass(frozen=True, eq=False, repr=False)
class SignScaling(Result):
    """How often the entropy production has the opposite sign, as a function of the size.

    Attributes
    ----------
    runs : tuple of ProductionSigns
        From the smallest to the largest.
    factors : ndarray, shape (n_runs,)
        Size divided by the smallest size.
    share, share_error : ndarray, shape (n_runs,)
        Fraction of the time with the opposite sign, see `ProductionSigns.share`, and its standard
        error.
    ever : ndarray, shape (n_runs, 3)
        Fraction of trajectories with the opposite sign in at least one interval, and its 95 %
        confidence interval.
    """

    runs: tuple[ProductionSigns, ...]
    factors: Array
    share: Array
    share_error: Array
    ever: Array

    @property
    def facts(self) -> str:
        """Number of sizes."""
        return f"{len(self.runs)} sizes of {self.runs[0].ensemble.model.name}"

    @property
    def verdict(self) -> str:
        """Fraction of the time with the opposite sign in the smallest and the largest system."""
        first, last = (with_error(self.share[k], self.share_error[k]) for k in (0, -1))
        return (
            f"the entropy production has the opposite sign during {first} of the time in the "
            f"smallest system, {last} in the largest"
        )

    def __str__(self) -> str:
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
        head = (
            "system",
            "trajectories",
            "fraction of the time",
            "trajectories, at least once [95 %]",
        )
        return "\n".join(
            [
                "entropy produced within the system, of the sign opposite to the average's",
                "",
                *columns(rows, head, right=(1,)),
            ]
        )


def signs_scaling(runs: Sequence[ProductionSigns]) -> SignScaling:
    """Compare the signs of the entropy production of systems of several sizes.

    Parameters
    ----------
    runs : list of ProductionSigns
        Of one system at several sizes, at the same times.

    Returns
    -------
    SignScaling

    Raises
    ------
    InputError
        When two systems are equally large, or one is not a scaled copy of the smallest.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="1 Hz")
    >>> runs = []
    >>> for factor in (1, 2):
    ...     start = js.Fixed({"N": 2, "m": 15}).scaled(factor)
    ...     run = js.simulate(model.scaled(factor), [0.1, 0.5], 100, start, 1, progress=False)
    ...     runs.append(js.production_signs(run))
    >>> js.signs_scaling(runs).factors
    array([1., 2.])
    """
    ensembles = [run.ensemble for run in runs]
    order, factors = scaled_copies(ensembles)
    ordered = tuple(runs[k] for k in order)
    share, error = np.array([run.share for run in ordered]).T
    return SignScaling(ordered, factors, share, error, np.array([run.ever for run in ordered]))

"""Is a single trajectory typical? How far trajectories stray from the rate equations.

The deviation of a trajectory is the largest |N(t) - ⟨N⟩(t)| / size over the stored times, for each
pool, with the rate equations' ⟨N⟩ and the pool's modes or two-level systems as its size. For almost
every trajectory it falls as size^(-1/2) (BM after 33).
"""

from dataclasses import dataclass

import numpy as np

from .. import units
from ..ensemble import Ensemble
from ..errors import InputError, positive_number
from ..statistics import median_interval, proportion_interval
from ..tables import columns
from ..theory.meanfield import MeanField, mean_field
from .shared import need

_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
_MOST_CELLS = 2**26  # of the histograms that quantile bands are read from


@dataclass(frozen=True, eq=False)
class Typicality:
    """Deviations of the trajectories of one ensemble.

    Attributes
    ----------
    ensemble : Ensemble
    theory : MeanField
        At the stored times.
    sizes : ndarray, shape (n_pools,)
        Modes or two-level systems; 1 for a pool without.
    deviations : ndarray, shape (ntraj, n_pools)
        Largest |N - ⟨N⟩| / size over the stored times.
    bands : ndarray, shape (n_levels, n_times, n_pools)
        Quantiles of the counts over trajectories, at `levels`.
    levels : tuple of float
    """

    ensemble: Ensemble
    theory: MeanField
    sizes: np.ndarray
    deviations: np.ndarray
    bands: np.ndarray
    levels: tuple = _LEVELS

    @property
    def ntraj(self):
        """Number of trajectories."""
        return len(self.deviations)

    def within(self, epsilon):
        """Fraction of trajectories that stay within ε of the rate equations at all stored times.

        Parameters
        ----------
        epsilon : float
            In units of the pool's size.

        Returns
        -------
        fraction, low, high : ndarray, shape (n_pools,)
            With a 95 % interval (Clopper and Pearson), which is never of zero width.
        """
        epsilon = positive_number(epsilon, "epsilon")
        inside = (self.deviations <= epsilon).sum(axis=0)
        low, high = proportion_interval(inside, self.ntraj)
        return inside / self.ntraj, low, high

    @property
    def median(self):
        """Median deviation with a 95 % interval, each (n_pools,)."""
        return (np.median(self.deviations, axis=0), *median_interval(self.deviations))

    @property
    def strangeness(self):
        """One number for each trajectory: its deviations in units of their averages, the largest.

        Pools in which nothing ever deviates do not count.
        """
        average = self.deviations.mean(axis=0)
        moved = average > 0
        if not moved.any():
            return np.zeros(self.ntraj)
        return (self.deviations[:, moved] / average[moved]).max(axis=1)

    @property
    def most_typical(self):
        """Row of the trajectory that strays least."""
        return int(self.strangeness.argmin())

    @property
    def most_atypical(self):
        """Row of the trajectory that strays most."""
        return int(self.strangeness.argmax())

    def __str__(self):
        model = self.ensemble.model
        middle, low, high = self.median
        rows = []
        for p, name in enumerate(model.pools):
            deviations = self.deviations[:, p]
            rows.append(
                (
                    name,
                    f"{self.sizes[p]:g}",
                    f"{middle[p]:.4g} [{low[p]:.4g}, {high[p]:.4g}]",
                    f"{middle[p] * np.sqrt(self.sizes[p]):.4g}",
                    f"{deviations.max():.4g}",
                )
            )
        head = ("pool", "size", "median deviation [95 %]", "times √size", "largest")
        last = self.ensemble.times[-1]
        factor, unit = units.readable_times(self.ensemble.times)
        return "\n".join(
            [
                f"{self.ntraj} trajectories of {model.name}: largest |N - rate equations| / size "
                f"at {len(self.ensemble.times)} times up to {last * factor:g} {unit}",
                "",
                *columns(rows, head, right=(1, 3, 4)),
                "",
                f"most typical trajectory {self.ensemble.indices[self.most_typical]}, most "
                f"atypical {self.ensemble.indices[self.most_atypical]}",
            ]
        )


@dataclass(frozen=True, eq=False)
class Scaling:
    """How deviations fall with the size of the system.

    Attributes
    ----------
    runs : tuple of Typicality
        From the smallest to the largest.
    factors : ndarray, shape (n_runs,)
        How many times larger than the first.
    typical, error : ndarray, shape (n_runs, n_pools)
        Geometric mean of the deviations, and the standard error of its logarithm.
    exponents, exponent_errors : ndarray, shape (n_pools,)
        Of deviation ∝ factor^exponent, fitted to the logarithms with their errors; NaN for a pool
        in which a trajectory never deviates.
    chi_square : ndarray, shape (n_pools,)
        Of the fit, n_runs - 2 degrees of freedom.
    """

    runs: tuple
    factors: np.ndarray
    typical: np.ndarray
    error: np.ndarray
    exponents: np.ndarray
    exponent_errors: np.ndarray
    chi_square: np.ndarray

    @property
    def model(self):
        """The smallest system."""
        return self.runs[0].ensemble.model

    @property
    def verdicts(self):
        """For each pool: whether -1/2 lies within 1.96 standard errors or 0.01 of the exponent."""
        told = []
        for exponent, error in zip(self.exponents, self.exponent_errors, strict=True):
            if np.isnan(exponent):
                told.append("undecided: some trajectory never deviates")
            elif abs(exponent + 0.5) <= max(1.96 * error, 0.01):
                told.append("typical: falls as size^(-1/2)")
            else:
                told.append("does not fall as size^(-1/2)")
        return told

    def __str__(self):
        sizes = [
            (
                f"{run.ensemble.model.name} × {factor:g}",
                f"{run.ntraj}",
                *(f"{d:.4g}" for d in typical),
            )
            for run, factor, typical in zip(self.runs, self.factors, self.typical, strict=True)
        ]
        fits = [
            (name, f"{b:+.4f} ± {e:.4f}", f"{c:.1f} / {len(self.runs) - 2}", verdict)
            for name, b, e, c, verdict in zip(
                self.model.pools, self.exponents, self.exponent_errors, self.chi_square,
                self.verdicts, strict=True,
            )
        ]  # fmt: skip
        head = ("system", "trajectories", *(f"deviation of {n}" for n in self.model.pools))
        return "\n".join(
            [
                *columns(sizes, head, right=range(1, len(head))),
                "",
                *columns(fits, ("pool", "exponent ± s.e.", "χ²/d.o.f.", "verdict")),
            ]
        )


def typicality(ensemble):
    """Measure how far each trajectory strays from the rate equations.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "counts"; read in slabs, so that it may be larger than memory.

    Returns
    -------
    Typicality
        Printable; `plotting.typicality` draws it.

    Raises
    ------
    InputError
        When the ensemble holds no counts, or no trajectory.
    """
    if ensemble.ntraj == 0:
        raise InputError("there is no trajectory to judge; run more")
    need(ensemble, "counts", "typicality needs the counts")
    model = ensemble.model
    theory = mean_field(model, ensemble.times, ensemble.initial)
    sizes = np.array([float(pool.size or 1) for pool in model.pool_specs])
    parts, low, high = [], None, None
    for counts in ensemble.slabs("counts"):
        parts.append(np.abs(counts - theory.counts).max(axis=1) / sizes)
        least, most = counts.min(axis=(0, 1)), counts.max(axis=(0, 1))
        low = least if low is None else np.minimum(low, least)
        high = most if high is None else np.maximum(high, most)
    return Typicality(ensemble, theory, sizes, np.concatenate(parts), _bands(ensemble, low, high))


def typicality_scaling(runs):
    """Fit how deviations fall with the size of the system.

    Parameters
    ----------
    runs : list of Typicality
        Of one system at several sizes (`Model.scaled`, or `scale` in a parameter file), at the
        same times.

    Returns
    -------
    Scaling
    """
    runs = sorted(runs, key=lambda run: run.sizes.max())
    if len(runs) < 2:
        raise InputError("an exponent needs systems of at least 2 sizes; give more stores")
    first = runs[0]
    factors = np.array([run.sizes.max() / first.sizes.max() for run in runs])
    if len(set(factors)) < len(factors):
        raise InputError("an exponent needs different sizes, but two systems are equally large")
    for run, factor in zip(runs, factors, strict=True):
        _check_scaled(first.ensemble, run.ensemble, factor)
        if run.ntraj < 2:
            raise InputError(
                f"an error needs 2 trajectories of each size, but {run.ensemble.model.name} × "
                f"{factor:g} has {run.ntraj}"
            )
    with np.errstate(divide="ignore"):
        logs = [np.log(run.deviations) for run in runs]
    typical = np.array([x.mean(axis=0) for x in logs])
    with np.errstate(invalid="ignore"):
        error = np.array([x.std(axis=0, ddof=1) / np.sqrt(len(x)) for x in logs])
        exponents, errors, chi = _line(np.log(factors), typical, error)
    return Scaling(tuple(runs), factors, np.exp(typical), error, exponents, errors, chi)


def _line(x, y, error):
    """Slope of a weighted straight line, its standard error, and χ²; for each column of y."""
    weight = 1 / error**2
    total = weight.sum(axis=0)
    centre = (weight * x[:, None]).sum(axis=0) / total
    middle = (weight * y).sum(axis=0) / total
    spread = (weight * (x[:, None] - centre) ** 2).sum(axis=0)
    slope = (weight * (x[:, None] - centre) * y).sum(axis=0) / spread
    rest = y - middle - slope * (x[:, None] - centre)
    known = np.isfinite(slope)
    slope, width = np.where(known, slope, np.nan), np.where(known, 1 / np.sqrt(spread), np.nan)
    return slope, width, np.where(known, (weight * rest**2).sum(axis=0), np.nan)


def _check_scaled(first, other, factor):
    same_times = np.array_equal(first.times, other.times)
    expected = first.model.scaled(factor)
    rates = np.allclose(expected.table.constants, other.model.table.constants, rtol=1e-9)
    if not (
        same_times
        and expected.pool_specs == other.model.pool_specs
        and expected.channels == other.model.channels
        and rates
    ):
        what = "its times differ" if not same_times else "it is not the same physics, larger"
        raise InputError(
            f"{other.path or other.model.name} cannot be compared with "
            f"{first.path or first.model.name}: {what}; vary `scale` alone"
        )


def _bands(ensemble, low, high):
    """Quantiles of the counts at each time, read from histograms."""
    widths = high - low + 1
    n_times, n_pools = len(ensemble.times), len(low)
    if n_times * int(widths.sum()) > _MOST_CELLS:
        raise InputError(
            f"quantile bands of counts from {low.min()} to {high.max()} at {n_times} times would "
            "not fit into memory; store fewer times"
        )
    histograms = [np.zeros((n_times, w), np.int64) for w in widths]
    for counts in ensemble.slabs("counts"):
        for p, histogram in enumerate(histograms):
            place = counts[:, :, p] - low[p] + widths[p] * np.arange(n_times)
            histogram += np.bincount(place.ravel(), minlength=histogram.size).reshape(
                histogram.shape
            )
    bands = np.empty((len(_LEVELS), n_times, n_pools))
    for p, histogram in enumerate(histograms):
        below = histogram.cumsum(axis=1) / ensemble.ntraj
        for level, quantile in enumerate(_LEVELS):
            bands[level, :, p] = low[p] + (below >= quantile - 1e-12).argmax(axis=1)
    return bands

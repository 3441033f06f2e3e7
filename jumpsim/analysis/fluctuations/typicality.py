"""Is a single trajectory typical? How far trajectories stray from the rate equations.

The deviation of a trajectory is the largest |N(t) - ⟨N⟩(t)| / size over the stored times, for each
pool, with the rate equations' ⟨N⟩ and the pool's modes or two-level systems as its size. For almost
every trajectory it falls as size^(-1/2) (BM after 33).
"""

from dataclasses import dataclass

import numpy as np

from ...errors import InputError, positive_number
from ...statistics.intervals import median_interval, proportion_interval
from ...store.ensemble import Ensemble
from ...theory.mean_field import MeanField, mean_field
from ...utils.results import Result
from ...utils.tables import columns
from ...utils.text import readable_times, with_error, with_interval
from ..requirements import need, scaled_copies

_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
_LEAST_SIZES = 4  # for a fit with a correction for small systems
_LARGEST_ERROR = 0.05  # of an exponent with a verdict
_MOST_CELLS = 2**26  # of the histograms that quantile bands are read from


@dataclass(frozen=True, eq=False, repr=False)
class Typicality(Result):
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
    def atypicality(self):
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
        return int(self.atypicality.argmin())

    @property
    def most_atypical(self):
        """Row of the trajectory that strays most."""
        return int(self.atypicality.argmax())

    @property
    def verdict(self) -> str:
        """The median deviation of each pool."""
        pools, middle = self.ensemble.model.pools, self.median[0]
        middle = ", ".join(f"{m:.3g} ({name})" for m, name in zip(middle, pools, strict=True))
        return (
            f"half of the trajectories deviate from the rate equations by at most {middle} of size"
        )

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
                    with_interval(middle[p], low[p], high[p]),
                    f"{middle[p] * np.sqrt(self.sizes[p]):.4g}",
                    f"{deviations.max():.4g}",
                )
            )
        head = ("pool", "size", "median deviation [95 %]", "times √size", "largest")
        last = self.ensemble.times[-1]
        factor, unit = readable_times(self.ensemble.times)
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


@dataclass(frozen=True, eq=False, repr=False)
class Scaling(Result):
    """How deviations fall with the size of the system.

    Attributes
    ----------
    runs : tuple of Typicality
        From the smallest to the largest.
    factors : ndarray, shape (n_runs,)
        How many times larger than the first.
    typical, error : ndarray, shape (n_runs, n_pools)
        Geometric mean of the deviations, and the standard error of its logarithm.
    fit : ndarray, shape (n_terms, n_pools)
        ln(deviation) = fit[0] + fit[1] ln(factor) + fit[2] (1/factor - 1), fitted with the errors;
        the last term, a correction for small systems, with four sizes or more. NaN for a pool in
        which a trajectory never deviates.
    exponent_errors : ndarray, shape (n_pools,)
        Standard errors of `exponents`.
    chi_square : ndarray, shape (n_pools,)
        Of the fit, n_runs - n_terms degrees of freedom.
    """

    runs: tuple
    factors: np.ndarray
    typical: np.ndarray
    error: np.ndarray
    fit: np.ndarray
    exponent_errors: np.ndarray
    chi_square: np.ndarray

    @property
    def model(self):
        """The smallest system."""
        return self.runs[0].ensemble.model

    @property
    def exponents(self):
        """Of deviation ∝ factor^exponent for large systems, (n_pools,)."""
        return self.fit[1]

    def fitted(self, factors):
        """Give the fitted deviations at some factors, (n_factors, n_pools)."""
        return np.exp(_terms(np.asarray(factors, float), len(self.fit) > 2) @ self.fit)

    @property
    def facts(self) -> str:
        """How many sizes."""
        return f"{len(self.runs)} sizes of {self.model.name}"

    @property
    def verdict(self) -> str:
        """The verdict on each pool."""
        pairs = zip(self.model.pools, self.verdict_by_pool, strict=True)
        return "\n".join(f"{name}: {verdict}" for name, verdict in pairs)

    @property
    def verdict_by_pool(self):
        """For each pool: whether -1/2 lies within 1.96 standard errors of the exponent.

        "undecided" where that error is above 0.05. Noise alone misleads in 5 % of runs.
        """
        verdicts = []
        for exponent, error in zip(self.exponents, self.exponent_errors, strict=True):
            if np.isnan(exponent):
                verdicts.append("undecided: some trajectory never deviates")
            elif error > _LARGEST_ERROR:
                verdicts.append(f"undecided: an error above {_LARGEST_ERROR:g}; run more")
            elif abs(exponent + 0.5) <= 1.96 * error:
                verdicts.append("typical: falls as size^(-1/2)")
            else:
                verdicts.append("differs from -1/2 by more than noise in 95% of runs")
        return verdicts

    def __str__(self):
        sizes = [
            (
                f"{run.ensemble.model.name} × {factor:g}",
                f"{run.ntraj}",
                *(f"{d:.4g}" for d in typical),
            )
            for run, factor, typical in zip(self.runs, self.factors, self.typical, strict=True)
        ]
        freedom = len(self.runs) - len(self.fit)
        fits = [
            (name, with_error(b, e, "+.4f", ".4f"), f"{c:.1f} / {freedom}", verdict)
            for name, b, e, c, verdict in zip(
                self.model.pools, self.exponents, self.exponent_errors, self.chi_square,
                self.verdict_by_pool, strict=True,
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
    if len(runs) < 2:
        raise InputError("an exponent needs systems of at least 2 sizes; give more stores")
    order, factors = scaled_copies([run.ensemble for run in runs])
    runs = [runs[k] for k in order]
    for run, factor in zip(runs, factors, strict=True):
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
        terms = _terms(factors, correction=len(factors) >= _LEAST_SIZES)
    fit, fit_error, chi = _fit(terms, typical, error)
    return Scaling(tuple(runs), factors, np.exp(typical), error, fit, fit_error[1], chi)


def _terms(factors, correction):
    """What ln(deviation) is a sum of: 1, ln(factor), and 1/factor - 1 for small systems.

    The rate equations' bias, the skewness and the excess of single counts all change the
    deviations by a part of the order of 1/size: their squares, because a deviation has no sign.
    """
    terms = [np.ones_like(factors), np.log(factors)]
    return np.stack([*terms, 1 / factors - 1] if correction else terms, axis=-1)


def _fit(terms, y, error):
    """Weighted least squares for each column of y: coefficients, their errors, χ²."""
    number = terms.shape[1]
    fit, errors = np.full((2, number, y.shape[1]), np.nan)
    chi = np.full(y.shape[1], np.nan)
    for p in range(y.shape[1]):
        if not np.isfinite(y[:, p]).all() or not (error[:, p] > 0).all():
            continue
        weighted = terms / error[:, p, None]
        fit[:, p] = np.linalg.lstsq(weighted, y[:, p] / error[:, p])[0]
        errors[:, p] = np.linalg.norm(np.linalg.pinv(weighted), axis=1)
        chi[p] = (((y[:, p] - terms @ fit[:, p]) / error[:, p]) ** 2).sum()
    return fit, errors, chi


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

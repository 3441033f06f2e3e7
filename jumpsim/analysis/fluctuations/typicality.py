"""Typicality: deviations of single trajectories from the rate equations.

The deviation of a trajectory is the largest |N(t) - ⟨N⟩(t)| / size over the stored times, for each
pool. ⟨N⟩ is the solution of the rate equations, and size the number of modes or two-level systems
of the pool, or the largest ⟨N⟩ of a species of a reaction network (mass action). For almost every
trajectory it decreases as size^(-1/2) (BM after 33).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ...errors import InputError, positive_number
from ...model.model import Model
from ...statistics.intervals import median_interval, proportion_interval
from ...store.ensemble import Ensemble
from ...theory.mean_field import MeanField, mean_field
from ...utils.results import Result
from ...utils.tables import columns
from ...utils.text import readable_times, with_error, with_interval
from ...utils.typing import Array, IntArray
from ..requirements import rate_model, require_record, scaled_copies
from .size_fit import terms_of_size, weighted_fit

_SIZE = "size of a pool with mass action: its largest count by the rate equations"
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_LEAST_SIZES = 4  # for a fit with a correction for small systems
_LEAST = 16  # trajectories of each size, for a usable standard error
_LARGEST_ERROR = 0.05  # error of the exponent above which the verdict is undecided
_MOST_CELLS = 2**26  # cells of the histograms for the quantile bands


@dataclass(frozen=True, eq=False, repr=False)
class Typicality(Result):
    """Deviations of the trajectories of one ensemble.

    Attributes
    ----------
    ensemble : Ensemble
    theory : MeanField
        Solution of the rate equations at the stored times.
    sizes : ndarray, shape (n_pools,)
        Number of modes or two-level systems; for mass action the largest count of `theory`.
    deviations : ndarray, shape (ntraj, n_pools)
        Largest |N - ⟨N⟩| / size over the stored times.
    bands : ndarray, shape (n_quantiles, n_times, n_pools)
        Quantiles of the counts over trajectories.
    quantiles : tuple of float
        Cumulative probabilities of `bands`.
    """

    ensemble: Ensemble
    theory: MeanField
    sizes: Array
    deviations: Array
    bands: Array
    quantiles: tuple[float, ...] = _QUANTILES

    @property
    def ntraj(self) -> int:
        """Number of trajectories."""
        return len(self.deviations)

    def within(self, epsilon: float) -> tuple[Array, Array, Array]:
        """Fraction of trajectories whose deviation is at most ε.

        Parameters
        ----------
        epsilon : float
            Deviation ε, in units of the size.

        Returns
        -------
        fraction, low, high : ndarray, shape (n_pools,)
            The fraction and its 95 % confidence interval (Clopper-Pearson), never of width 0.
        """
        epsilon = positive_number(epsilon, "epsilon")
        inside = (self.deviations <= epsilon).sum(axis=0)
        low, high = proportion_interval(inside, self.ntraj)
        return inside / self.ntraj, low, high

    @property
    def median(self) -> tuple[Array, Array, Array]:
        """Median deviation and the limits of its 95 % confidence interval, each (n_pools,)."""
        low, high = median_interval(self.deviations)
        return np.median(self.deviations, axis=0), low, high

    @property
    def atypicality(self) -> Array:
        """Largest deviation over the pools, each divided by its average, shape (ntraj,).

        Pools without any deviation are not used.
        """
        average = self.deviations.mean(axis=0)
        deviating = average > 0
        if not deviating.any():
            return np.zeros(self.ntraj)
        return (self.deviations[:, deviating] / average[deviating]).max(axis=1)

    @property
    def most_typical(self) -> int:
        """Row of the trajectory with the smallest `atypicality`."""
        return int(self.atypicality.argmin())

    @property
    def most_atypical(self) -> int:
        """Row of the trajectory with the largest `atypicality`."""
        return int(self.atypicality.argmax())

    @property
    def verdict(self) -> str:
        """The median deviation of each pool."""
        pairs = zip(self.median[0], self.ensemble.model.pools, strict=True)
        medians = ", ".join(f"{median:.3g} ({name})" for median, name in pairs)
        return f"median of the largest deviation from the rate equations, per size: {medians}"

    def __str__(self) -> str:
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
        factor, unit = readable_times(times := self.ensemble.times)
        return "\n".join(
            [
                f"{self.ntraj} trajectories of {model.name}: largest |N - rate equations| / size "
                f"at {len(times)} times up to {times[-1] * factor:g} {unit}",
                "",
                *columns(rows, head, right=(1, 3, 4)),
                "",
                *([_SIZE, ""] if any(not pool.size for pool in model.pool_specs) else []),
                f"most typical trajectory {self.ensemble.indices[self.most_typical]}, most "
                f"atypical {self.ensemble.indices[self.most_atypical]}",
            ]
        )


@dataclass(frozen=True, eq=False, repr=False)
class Scaling(Result):
    """Deviations as a function of the size of the system.

    Attributes
    ----------
    runs : tuple of Typicality
        From the smallest to the largest.
    factors : ndarray, shape (n_runs,)
        Size divided by the smallest size.
    typical, error : ndarray, shape (n_runs, n_pools)
        Geometric mean of the deviations over trajectories, and the standard error of its logarithm.
    fit : ndarray, shape (n_terms, n_pools)
        Coefficients of ln(deviation) = fit[0] + fit[1] ln(factor) + fit[2] (1/factor - 1), by
        weighted least squares. The last term, a correction for small systems, is used with four
        sizes or more. NaN for a pool in which a trajectory never deviates.
    exponent_errors : ndarray, shape (n_pools,)
        Standard errors of `exponents`.
    chi_square : ndarray, shape (n_pools,)
        χ² of the fit with n_runs - n_terms degrees of freedom.
    """

    runs: tuple[Typicality, ...]
    factors: Array
    typical: Array
    error: Array
    fit: Array
    exponent_errors: Array
    chi_square: Array

    @property
    def model(self) -> Model:
        """Model of the smallest system."""
        return rate_model(self.runs[0].ensemble)

    @property
    def exponents(self) -> Array:
        """Exponents of deviation ∝ factor^exponent for large systems, shape (n_pools,)."""
        return self.fit[1]

    def fitted(self, factors: ArrayLike) -> Array:
        """Fitted deviations at some factors, shape (n_factors, n_pools)."""
        return np.exp(terms_of_size(np.asarray(factors, float), len(self.fit) > 2) @ self.fit)

    @property
    def facts(self) -> str:
        """Number of sizes."""
        return f"{len(self.runs)} sizes of {self.model.name}"

    @property
    def verdict(self) -> str:
        """Verdict for each pool."""
        pairs = zip(self.model.pools, self.verdict_by_pool, strict=True)
        return "\n".join(f"{name}: {verdict}" for name, verdict in pairs)

    @property
    def verdict_by_pool(self) -> list[str]:
        """For each pool, whether the exponent agrees with -1/2 within 1.96 standard errors.

        "undecided" for a standard error above 0.05. By chance alone, the verdict is wrong in 5 % of
        runs.
        """
        verdicts = []
        least = min(run.ntraj for run in self.runs)
        for exponent, error in zip(self.exponents, self.exponent_errors, strict=True):
            if np.isnan(exponent):
                verdicts.append("undecided: some trajectory never deviates")
            elif least < _LEAST:
                verdicts.append(f"undecided: fewer than {_LEAST} trajectories of one size")
            elif error > _LARGEST_ERROR:
                verdicts.append(
                    f"undecided: standard error above {_LARGEST_ERROR:g}; simulate more"
                )
            elif abs(exponent + 0.5) <= 1.96 * error:
                verdicts.append("typical: decreases as size^(-1/2)")
            else:
                verdicts.append("exponent differs significantly from -1/2 (95 % confidence)")
        return verdicts

    def __str__(self) -> str:
        sizes = [
            (
                f"{run.ensemble.model.name} × {factor:g}",
                f"{run.ntraj}",
                *(f"{d:.4g}" for d in typical),
            )
            for run, factor, typical in zip(self.runs, self.factors, self.typical, strict=True)
        ]
        dof = len(self.runs) - len(self.fit)
        fits = [
            (name, with_error(b, e, "+.4f", ".4f"), f"{c:.1f} / {dof}", verdict)
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


def typicality(ensemble: Ensemble) -> Typicality:
    """Deviation of each trajectory from the rate equations.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "counts"; read in slabs, so that it may be larger than the memory.

    Returns
    -------
    Typicality
        Printable; `plotting.typicality` draws it.

    Raises
    ------
    InputError
        When counts are not recorded, there is no trajectory, or the histograms for the quantile
        bands do not fit into memory.

    Notes
    -----
    The deviation is max_t |N(t) - ⟨N⟩(t)| / size with ⟨N⟩ from the rate equations.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="1 Hz")
    >>> run = js.simulate(model, [0.1, 0.5], 200, {"N": 12, "m": 3}, seed=1, progress=False)
    >>> js.typicality(run).deviations.shape
    (200, 2)
    """
    if ensemble.ntraj == 0:
        raise InputError("there is no trajectory to analyse; simulate more")
    require_record(ensemble, "counts", "typicality needs the counts")
    model = rate_model(ensemble)
    theory = mean_field(model, ensemble.times, ensemble.initial)
    largest = zip(model.pool_specs, theory.counts.max(axis=0), strict=True)
    sizes = np.array([float(pool.size or top or 1) for pool, top in largest])
    deviations, lowest, highest = [], [], []
    for counts in ensemble.slabs("counts"):
        deviations.append(np.abs(counts - theory.counts).max(axis=1) / sizes)
        lowest.append(counts.min(axis=(0, 1)))
        highest.append(counts.max(axis=(0, 1)))
    bands = _bands(ensemble, np.min(lowest, axis=0), np.max(highest, axis=0))
    return Typicality(ensemble, theory, sizes, np.concatenate(deviations), bands)


def typicality_scaling(runs: Sequence[Typicality]) -> Scaling:
    """Fit the deviations as a power of the size of the system.

    Parameters
    ----------
    runs : list of Typicality
        Of one system at several sizes (`Model.scaled`, or `scale` in a parameter file), at the
        same times.

    Returns
    -------
    Scaling

    Raises
    ------
    InputError
        For fewer than two sizes, fewer than two trajectories of a size, or systems that are not
        scaled copies.

    Notes
    -----
    ln(deviation) = a + b ln(factor) + c (1/factor - 1) with the exponent b; c only with four sizes
    or more.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="1 Hz")
    >>> runs = []
    >>> for factor in (1, 4):
    ...     start = js.Fixed({"N": 12, "m": 3}).scaled(factor)
    ...     run = js.simulate(model.scaled(factor), [0.1, 0.5], 100, start, 1, progress=False)
    ...     runs.append(js.typicality(run))
    >>> js.typicality_scaling(runs).exponents.shape
    (2,)
    """
    if len(runs) < 2:
        raise InputError("an exponent needs systems of at least 2 sizes; give more stores")
    order, factors = scaled_copies([run.ensemble for run in runs])
    ordered = tuple(runs[k] for k in order)
    for run, factor in zip(ordered, factors, strict=True):
        if run.ntraj < 2:
            raise InputError(
                f"a standard error needs 2 trajectories of each size, but "
                f"{run.ensemble.model.name} × {factor:g} has {run.ntraj}"
            )
    with np.errstate(divide="ignore"):
        logs = [np.log(run.deviations) for run in ordered]
    typical = np.array([x.mean(axis=0) for x in logs])
    with np.errstate(invalid="ignore"):
        error = np.array([x.std(axis=0, ddof=1) / np.sqrt(len(x)) for x in logs])
        terms = terms_of_size(factors, correction=len(factors) >= _LEAST_SIZES)
    fit, fit_error, chi = weighted_fit(terms, typical, error)
    return Scaling(ordered, factors, np.exp(typical), error, fit, fit_error[1], chi)


def _bands(ensemble: Ensemble, low: IntArray, high: IntArray) -> Array:
    """Quantiles of the counts at each time, from histograms."""
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
    bands = np.empty((len(_QUANTILES), n_times, n_pools))
    for p, histogram in enumerate(histograms):
        below = histogram.cumsum(axis=1) / ensemble.ntraj
        for i, quantile in enumerate(_QUANTILES):
            bands[i, :, p] = low[p] + (below >= quantile - 1e-12).argmax(axis=1)
    return bands

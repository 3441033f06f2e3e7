"""Two-time correlations and power spectra of runs at rest, beside linear noise."""

from dataclasses import dataclass
from itertools import permutations

import numpy as np

from ... import units
from ...errors import InputError
from ...statistics.jackknife import group_sums, jackknife, jackknife_error
from ...store.ensemble import Ensemble
from ...theory.linear_noise import StationaryNoise, stationary_noise
from ...utils.results import Result
from ...utils.tables import columns, log_spaced_rows
from ...utils.text import readable_times, with_error
from ...utils.times import first_row
from ..requirements import need, need_trajectories

_GROUPS = 64


@dataclass(frozen=True, eq=False, repr=False)
class Correlations(Result):
    """Autocovariances at rest, averaged over time origins and trajectories.

    Attributes
    ----------
    ensemble : Ensemble
    after : float
        Seconds; samples before are left out.
    lags : ndarray, shape (n_lags,)
        Seconds.
    between, between_error : ndarray, shape (n_lags, n_pools, n_pools)
        Covariance of pool p with pool q a lag before, with jackknife errors over trajectories.
    frequencies : ndarray, shape (n_frequencies,)
        Angular frequencies, per second, up to π/spacing.
    power, power_error : ndarray, shape (n_frequencies, n_pools)
        Averaged periodogram, counts² · seconds.
    correlation_time, correlation_time_error : ndarray, shape (n_pools,)
        ∫ C(τ) dτ / C(0) by trapezoids over the lags up to twice the first at which C is not known
        to differ from 0, seconds; NaN where nothing fluctuates.
    noise : StationaryNoise
    """

    ensemble: Ensemble
    after: float
    lags: np.ndarray
    between: np.ndarray
    between_error: np.ndarray
    frequencies: np.ndarray
    power: np.ndarray
    power_error: np.ndarray
    correlation_time: np.ndarray
    correlation_time_error: np.ndarray
    noise: StationaryNoise

    @property
    def covariance(self):
        """Of each pool with itself, a lag apart, (n_lags, n_pools)."""
        return np.diagonal(self.between, axis1=-2, axis2=-1)

    @property
    def error(self):
        """Standard error of `covariance`."""
        return np.diagonal(self.between_error, axis1=-2, axis2=-1)

    @property
    def expected(self):
        """Autocovariances of linear noise, (n_lags, n_pools)."""
        return np.diagonal(self.noise.correlation(self.lags), axis1=-2, axis2=-1)

    @property
    def expected_power(self):
        """Mean periodogram of linear noise for these samples, (n_frequencies, n_pools).

        Sums the covariance over the same finite stretch, so that leakage and aliasing are in it.
        """
        return _periodogram(self.expected, self.lags[1])

    @property
    def verdict(self) -> str:
        """The correlation time of each pool."""
        factor, unit = readable_times(self.ensemble.times)
        times = [
            f"{name}: undecided, nothing fluctuates"
            if np.isnan(t)
            else f"{name}: {with_error(t * factor, e * factor)} {unit}"
            for name, t, e in zip(
                self.ensemble.model.pools, self.correlation_time, self.correlation_time_error,
                strict=True,
            )
        ]  # fmt: skip
        return "correlation times: " + "; ".join(times)

    def __str__(self):
        factor, unit = readable_times(self.ensemble.times)
        shown = log_spaced_rows(len(self.lags), 8, from_zero=True)
        expected = np.diagonal(self.noise.correlation(self.lags[shown]), axis1=-2, axis2=-1)
        rows = []
        for k, predicted in zip(shown, expected, strict=True):
            row = [f"{self.lags[k] * factor:.4g}"]
            for p, value in enumerate(predicted):
                row += [with_error(self.covariance[k, p], self.error[k, p]), f"{value:.4g}"]
            rows.append(row)
        head = [f"lag ({unit})"]
        for name in self.ensemble.model.pools:
            head += [f"C of {name}", "linear noise"]
        return "\n".join(
            [
                f"autocovariances of {self.ensemble.ntraj} trajectories of "
                f"{self.ensemble.model.name} after {self.after * factor:.4g} {unit}",
                "",
                *columns(rows, head, right=(0,)),
                *self._between_pools(factor, unit),
                "",
                self.verdict,
            ]
        )

    def _between_pools(self, factor, unit):
        """Lines on pairs of pools at a few lags."""
        pools, few = self.ensemble.model.pools, log_spaced_rows(len(self.lags), 3, from_zero=True)
        expected = self.noise.correlation(self.lags[few])
        rows = [
            (
                f"{self.lags[k] * factor:.4g}",
                f"{pools[p]}, {pools[q]}",
                with_error(self.between[k, p, q], self.between_error[k, p, q]),
                f"{expected[i, p, q]:.4g}",
            )
            for i, k in enumerate(few)
            for p, q in permutations(range(len(pools)), 2)
            if k > 0 or p < q
        ]
        head = (f"lag ({unit})", "later, earlier pool", "covariance", "linear noise")
        return ["", *columns(rows, head, right=(0,))] if rows else []


def correlations(ensemble, after):
    """Measure fluctuations in time of a run that has come to rest.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "counts" at equally spaced times.
    after : float or str
        Where the rest begins; the means must not change any more.

    Returns
    -------
    Correlations

    Raises
    ------
    InputError
        When the times are not equally spaced, too few, or the run is not at rest.
    """
    after = units.time(after, "after")
    first, step = _stretch(ensemble, after)
    lags = step * np.arange(len(ensemble.times) - first)
    noise = stationary_noise(ensemble.model, ensemble.initial)
    groups = min(_GROUPS, ensemble.ntraj)
    mean = ensemble.mean()[first:]
    _check_rest(ensemble, mean, first)
    deviations = (counts[:, first:] - mean for counts in ensemble.slabs("counts"))
    numbers, sums = group_sums(map(_lagged_products, deviations), groups)
    # The mean is the sample's own: n - 1 trajectories' worth of fluctuation is left.
    lost = 1 - 1 / ensemble.ntraj
    between, between_error = jackknife(numbers, sums / lost)
    own = np.diagonal(sums, axis1=-2, axis2=-1) / lost
    frequencies = np.pi / step * np.linspace(0, 1, len(lags) // 2 + 1)
    power, power_error = jackknife(numbers, _periodogram(own, step))
    diagonals = (np.diagonal(x, axis1=-2, axis2=-1) for x in (between, between_error))
    time, time_error = _times(numbers, own, *diagonals, step)
    return Correlations(
        ensemble, after, lags, between, between_error, frequencies, power, power_error, time,
        time_error, noise,
    )  # fmt: skip


def _stretch(ensemble, after):
    """First sample of the stretch at rest, and the spacing of the samples."""
    need(ensemble, "counts", "correlations need the counts")
    need_trajectories(ensemble)
    first = first_row(ensemble.times, after, least=4)
    steps = np.diff(ensemble.times[first:])
    if not np.allclose(steps, steps[0], rtol=1e-6):
        raise InputError("correlations need equally spaced times; store them with linear spacing")
    return first, float(steps[0])


def _check_rest(ensemble, mean, first):
    """Refuse a stretch over which the means drift by more than their errors allow."""
    sem = ensemble.sem()[first:]
    drift = np.abs(mean[-1] - mean[0])
    allowed = 6 * np.hypot(sem[0], sem[-1])
    if (worst := drift - allowed).max() > 0:
        p = int(worst.argmax())
        raise InputError(
            f"the run is not at rest: the mean of {ensemble.model.pools[p]} still goes from "
            f"{mean[0, p]:.4g} to {mean[-1, p]:.4g}; begin later, or run longer"
        )


def _lagged_products(deviations):
    """Products of two pools a lag apart, averaged over all time origins.

    By fast Fourier transform, of samples followed by as many zeros, so that no product joins the
    end of a trajectory to its beginning.

    Parameters
    ----------
    deviations : ndarray, shape (n, n_times, n_pools)

    Returns
    -------
    ndarray, shape (n, n_times, n_pools, n_pools)
        [i, k, p, q]: pool p at a time, and pool q earlier by k samples.
    """
    from scipy import fft  # here, because it takes long to load

    n_times, pools = deviations.shape[1:]
    length = fft.next_fast_len(2 * n_times - 1, real=True)
    transform = fft.rfft(deviations, length, axis=1)
    products = np.empty((*deviations.shape, pools))
    for p in range(pools):
        for q in range(pools):
            product = transform[:, :, p] * transform[:, :, q].conj()
            products[:, :, p, q] = fft.irfft(product, length, axis=1)[:, :n_times]
    return products / (n_times - np.arange(n_times))[:, None, None]


def _periodogram(covariance, step):
    """Mean periodogram of n samples with given autocovariances C_k.

    Σ_k (1 - |k|/n) C_k cos(ω_j k Δ) Δ over all lags of either sign, at ω_j = π j/(m Δ) for
    j = 0 ... m = n // 2.

    Parameters
    ----------
    covariance : ndarray, shape (..., n, n_pools)
    step : float
        Spacing Δ of the samples, seconds.

    Returns
    -------
    ndarray, shape (..., n // 2 + 1, n_pools)
    """
    from scipy import fft

    n = covariance.shape[-2]
    weight = (1 - np.arange(n) / n) * step * np.where(np.arange(n) == 0, 1.0, 2.0)
    terms = weight[:, None] * covariance
    period = 2 * (n // 2)  # of the cosine, in samples
    folded = terms[..., :period, :].copy()
    folded[..., : n - period, :] += terms[..., period:, :]
    return fft.rfft(folded, axis=-2).real


def _times(numbers, sums, covariance, error, step):
    """Correlation times up to twice the first lag at which C is not known to differ from 0.

    At that lag itself what is left of C would still count, and where it lies depends on the noise.
    """
    times, errors = np.full((2, covariance.shape[1]), np.nan)
    for p in range(covariance.shape[1]):
        if covariance[0, p] <= 0:
            continue
        lost = covariance[:, p] < 2 * error[:, p]
        end = int(lost.argmax()) if lost.any() else len(lost)
        left_total, left_n = sums[:, :, p].sum(axis=0), numbers.sum()

        def integral(c, end=end):
            part = c[..., : max(2 * end, 2)]
            return step * (part.sum(axis=-1) - 0.5 * (part[..., 0] + part[..., -1])) / part[..., 0]

        left = (left_total - sums[:, :, p]) / (left_n - numbers)[:, None]
        times[p] = integral(covariance[:, p])
        errors[p] = jackknife_error(integral(left))
    return times, errors

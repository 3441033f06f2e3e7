"""Autocovariances, correlation times and power spectra in the steady state."""

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
from ...utils.typing import Array
from ..requirements import rate_model, require_record, require_trajectories

_GROUPS = 64


@dataclass(frozen=True, eq=False, repr=False)
class Correlations(Result):
    """Autocovariances in the steady state, averaged over time origins and trajectories.

    Attributes
    ----------
    ensemble : Ensemble
    after : float
        Start of the steady state, seconds; earlier samples are not used.
    lags : ndarray, shape (n_lags,)
        Differences of the two times, seconds.
    between, between_error : ndarray, shape (n_lags, n_pools, n_pools)
        Covariance of pool p with pool q a lag earlier, and its jackknife error over trajectories.
    frequencies : ndarray, shape (n_frequencies,)
        Angular frequencies, per second, up to π/spacing.
    power, power_error : ndarray, shape (n_frequencies, n_pools)
        Averaged periodogram and its jackknife error, counts² · seconds.
    correlation_time, correlation_time_error : ndarray, shape (n_pools,)
        ∫ C(τ) dτ / C(0) and its jackknife error, seconds; by the trapezoidal rule over the lags up
        to twice the first lag at which C is less than 2 standard errors above 0. NaN where nothing
        fluctuates.
    noise : StationaryNoise
        Prediction of linear noise.
    """

    ensemble: Ensemble
    after: float
    lags: Array
    between: Array
    between_error: Array
    frequencies: Array
    power: Array
    power_error: Array
    correlation_time: Array
    correlation_time_error: Array
    noise: StationaryNoise

    @property
    def covariance(self) -> Array:
        """Autocovariance of each pool, shape (n_lags, n_pools)."""
        return np.diagonal(self.between, axis1=-2, axis2=-1)

    @property
    def error(self) -> Array:
        """Jackknife error of `covariance`, shape (n_lags, n_pools)."""
        return np.diagonal(self.between_error, axis1=-2, axis2=-1)

    @property
    def expected(self) -> Array:
        """Autocovariances from linear noise, shape (n_lags, n_pools)."""
        return np.diagonal(self.noise.correlation(self.lags), axis1=-2, axis2=-1)

    @property
    def expected_power(self) -> Array:
        """Mean periodogram of linear noise for these samples, shape (n_frequencies, n_pools).

        The covariance is summed over the same finite time, so that leakage and aliasing are
        included.
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

    def __str__(self) -> str:
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

    def _between_pools(self, factor: float, unit: str) -> list[str]:
        """Lines about pairs of pools at a few lags."""
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


def correlations(ensemble: Ensemble, after: float | str) -> Correlations:
    """Autocovariances, correlation times and power spectra of a run in the steady state.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "counts" at equally spaced times; at least 16 trajectories.
    after : float or str
        Start of the steady state, from which the averages are constant: seconds or a text with a
        unit.

    Returns
    -------
    Correlations
        Printable; `plotting.correlations` draws it.

    Raises
    ------
    InputError
        When the times are not equally spaced or too few, there are too few trajectories, or the run
        is not stationary after `after`.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="1 Hz")
    >>> times = [2.0, 2.1, 2.2, 2.3, 2.4]
    >>> run = js.simulate(model, times, 100, {"N": 12, "m": 3}, seed=1, progress=False)
    >>> js.correlations(run, after=2).covariance.shape
    (5, 2)
    """
    after = units.time(after, "after")
    first, step = _steady_samples(ensemble, after)
    lags = step * np.arange(len(ensemble.times) - first, dtype=float)
    noise = stationary_noise(rate_model(ensemble), ensemble.initial)
    groups = min(_GROUPS, ensemble.ntraj)
    mean = ensemble.mean()[first:]
    _check_stationary(ensemble, mean, first)
    deviations = (counts[:, first:] - mean for counts in ensemble.slabs("counts"))
    numbers, sums = group_sums(map(_lagged_products, deviations), groups)
    # Deviations from the sample mean: one degree of freedom less.
    unbiased = 1 - 1 / ensemble.ntraj
    between, between_error = jackknife(numbers, sums / unbiased)
    own = np.diagonal(sums, axis1=-2, axis2=-1) / unbiased
    frequencies: Array = np.pi / step * np.linspace(0, 1, len(lags) // 2 + 1)
    power, power_error = jackknife(numbers, _periodogram(own, step))
    own_mean, own_error = (np.diagonal(x, axis1=-2, axis2=-1) for x in (between, between_error))
    time, time_error = _correlation_times(numbers, own, own_mean, own_error, step)
    return Correlations(
        ensemble, after, lags, between, between_error, frequencies, power, power_error, time,
        time_error, noise,
    )  # fmt: skip


def _steady_samples(ensemble: Ensemble, after: float) -> tuple[int, float]:
    """First sample in the steady state, and the spacing of the samples."""
    require_record(ensemble, "counts", "correlations need the counts")
    require_trajectories(ensemble)
    first = first_row(ensemble.times, after, least=4)
    steps = np.diff(ensemble.times[first:])
    if not np.allclose(steps, steps[0], rtol=1e-6):
        raise InputError("correlations need equally spaced times; store them with linear spacing")
    return first, float(steps[0])


def _check_stationary(ensemble: Ensemble, mean: Array, first: int) -> None:
    """Raise `InputError` if an average changes by more than 6 standard errors."""
    sem = ensemble.sem()[first:]
    drift = np.abs(mean[-1] - mean[0])
    allowed = 6 * np.hypot(sem[0], sem[-1])
    if (worst := drift - allowed).max() > 0:
        p = int(worst.argmax())
        raise InputError(
            f"the run is not stationary: the mean of {ensemble.model.pools[p]} changes from "
            f"{mean[0, p]:.4g} to {mean[-1, p]:.4g}; choose a later `after`, or simulate longer"
        )


def _lagged_products(deviations: Array) -> Array:
    """Products of the deviations of two pools a lag apart, averaged over all time origins.

    Calculated by fast Fourier transform of the zero-padded samples, so that the end of a trajectory
    is not multiplied by its beginning.

    Parameters
    ----------
    deviations : ndarray, shape (n, n_times, n_pools)

    Returns
    -------
    ndarray, shape (n, n_times, n_pools, n_pools)
        Element [i, k, p, q]: trajectory i, pool p at a time, pool q earlier by k samples.
    """
    from scipy import fft  # here, because the import takes long

    n_times, pools = deviations.shape[1:]
    length = fft.next_fast_len(2 * n_times - 1, real=True)
    transform = fft.rfft(deviations, length, axis=1)
    products = np.empty((*deviations.shape, pools))
    for p in range(pools):
        for q in range(pools):
            product = transform[:, :, p] * transform[:, :, q].conj()
            products[:, :, p, q] = fft.irfft(product, length, axis=1)[:, :n_times]
    return products / (n_times - np.arange(n_times))[:, None, None]


def _periodogram(covariance: Array, step: float) -> Array:
    """Mean periodogram of n samples with given autocovariances C_k.

    Σ_k (1 - |k|/n) C_k cos(ω_j k Δ) Δ over positive and negative lags k, at ω_j = π j/(m Δ) for
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


def _correlation_times(
    numbers: Array, sums: Array, covariance: Array, error: Array, step: float
) -> tuple[Array, Array]:
    """Correlation times: integrals up to twice the first lag at which C is insignificant.

    An integral up to that lag itself would omit the rest of C, and would depend on the noise.
    """
    times, errors = np.full((2, covariance.shape[1]), np.nan)
    for p in range(covariance.shape[1]):
        if covariance[0, p] <= 0:
            continue
        insignificant = covariance[:, p] < 2 * error[:, p]
        end = int(insignificant.argmax()) if insignificant.any() else len(insignificant)
        left_total, left_n = sums[:, :, p].sum(axis=0), numbers.sum()

        def integral(c: Array, end: int = end) -> Array:
            part = c[..., : max(2 * end, 2)]
            return step * (part.sum(axis=-1) - 0.5 * (part[..., 0] + part[..., -1])) / part[..., 0]

        left = (left_total - sums[:, :, p]) / (left_n - numbers)[:, None]
        times[p] = integral(covariance[:, p])
        errors[p] = jackknife_error(integral(left))
    return times, errors

"""Two-time correlations and power spectra of runs at rest, beside linear noise."""

from dataclasses import dataclass
from itertools import permutations

import numpy as np

from ... import units
from ...errors import InputError
from ...statistics.jackknife import jackknife, jackknife_error
from ...store.ensemble import Ensemble
from ...theory.linear_noise import StationaryNoise, stationary_noise
from ...utils.tables import columns
from ...utils.text import readable_times
from ...utils.times import first_row
from ..requirements import need, need_trajectories

_GROUPS = 64


@dataclass(frozen=True, eq=False)
class Correlations:
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
        return _periodogram_of(self.expected, self.lags, self.frequencies)

    def __str__(self):
        factor, unit = readable_times(self.ensemble.times)
        expected = self.expected
        rows = []
        for k in np.unique([0, *_geometric(len(self.lags), 8)]):
            row = [f"{self.lags[k] * factor:.4g}"]
            for p in range(expected.shape[1]):
                row += [
                    f"{self.covariance[k, p]:.4g} ± {self.error[k, p]:.2g}", f"{expected[k, p]:.4g}"
                ]  # fmt: skip
            rows.append(row)
        head = [f"lag ({unit})"]
        for name in self.ensemble.model.pools:
            head += [f"C of {name}", "linear noise"]
        times = [
            f"{name}: undecided, nothing fluctuates"
            if np.isnan(t)
            else f"{name}: {t * factor:.4g} ± {e * factor:.2g} {unit}"
            for name, t, e in zip(
                self.ensemble.model.pools, self.correlation_time, self.correlation_time_error,
                strict=True,
            )
        ]  # fmt: skip
        return "\n".join(
            [
                f"autocovariances of {self.ensemble.ntraj} trajectories of "
                f"{self.ensemble.model.name} after {self.after * factor:.4g} {unit}",
                "",
                *columns(rows, head, right=(0,)),
                *self._between_pools(factor, unit),
                "",
                "correlation times: " + "; ".join(times),
            ]
        )

    def _between_pools(self, factor, unit):
        """Lines on pairs of pools at a few lags."""
        pools, few = self.ensemble.model.pools, np.unique([0, *_geometric(len(self.lags), 3)])
        expected = self.noise.correlation(self.lags[few])
        rows = [
            (
                f"{self.lags[k] * factor:.4g}",
                f"{pools[p]}, {pools[q]}",
                f"{self.between[k, p, q]:.4g} ± {self.between_error[k, p, q]:.2g}",
                f"{expected[i, p, q]:.4g}",
            )
            for i, k in enumerate(few)
            for p, q in permutations(range(len(pools)), 2)
            if k > 0 or p < q
        ]
        head = (f"lag ({unit})", "later, earlier pool", "covariance", "linear noise")
        return ["", *columns(rows, head, right=(0,))] if rows else []


def _geometric(n, number):
    """Places of later samples, closely at first."""
    places = np.geomspace(1, max(1, n - 1), number).round().astype(int)
    return places[places < n]


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
    numbers = np.zeros(groups)
    pools = mean.shape[1]
    sums = np.zeros((groups, len(lags), pools, pools))
    row = 0
    for counts in ensemble.slabs("counts"):
        member = np.eye(groups)[(row + np.arange(len(counts))) % groups].T
        numbers += member.sum(axis=1)
        for k, products in enumerate(_lagged(counts[:, first:] - mean)):
            sums[:, k] += np.tensordot(member, products, axes=1)
        row += len(counts)
    # The mean is the sample's own: n - 1 trajectories' worth of fluctuation is left.
    lost = 1 - 1 / ensemble.ntraj
    between, between_error = jackknife(numbers, sums / lost)
    own = np.diagonal(sums, axis1=-2, axis2=-1) / lost
    frequencies = np.pi / step * np.linspace(0, 1, len(lags) // 2 + 1)
    power, power_error = jackknife(
        numbers,
        np.array([_periodogram_of(s, lags, frequencies) for s in own]),
    )
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


def _lagged(deviations):
    """Give, lag by lag, products of pools averaged over time origins, (n, n_pools, n_pools)."""
    later = np.ascontiguousarray(deviations.transpose(0, 2, 1))
    for k in range(deviations.shape[1]):
        origins = deviations.shape[1] - k
        yield later[:, :, k:] @ deviations[:, :origins] / origins


def _periodogram_of(covariance, lags, frequencies):
    """Mean periodogram of samples with these autocovariances: Σ (1 - |k|/n) C_k cos(ω τ_k) Δ."""
    n, step = len(lags), lags[1]
    weight = (1 - np.arange(n) / n) * step * np.where(np.arange(n) == 0, 1.0, 2.0)
    return np.cos(np.outer(frequencies, lags)) @ (weight[:, None] * covariance)


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

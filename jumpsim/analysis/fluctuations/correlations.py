"""Autocovariances, correlation times and power spectra in the steady state."""

from dataclasses import dataclass
from itertools import permutations

import numpy as np

from ... import units
from ...errors import InputError
from ...statistics.jackknife import covering_error, group_sums
from ...store.ensemble import Ensemble
from ...theory.correlation_times import correlation_times as exact_correlation_times
from ...theory.correlation_times import decay_of_noise
from ...theory.linear_noise import StationaryNoise, stationary_noise
from ...utils.results import Result
from ...utils.tables import columns, log_spaced_rows
from ...utils.text import readable_times, with_error
from ...utils.times import first_row
from ...utils.typing import Array, IntArray
from ..requirements import (
    drift_between,
    exact_solution,
    rate_model,
    require_record,
    require_trajectories,
)
from .correlation_times import Theory, correlation_times

_GROUPS = 64
_SMALL = 5_000  # number of states up to which the exact correlation times are calculated


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
        Covariance of pool p with pool q a lag earlier, and its error over trajectories.
    frequencies : ndarray, shape (n_frequencies,)
        Angular frequencies, per second, up to π/spacing.
    power, power_error : ndarray, shape (n_frequencies, n_pools)
        Averaged periodogram and its error, counts² · seconds.
    correlation_time, correlation_time_error : ndarray, shape (n_pools,)
        ∫ C(τ) dτ / C(0) and its error, seconds, by the trapezoidal rule. NaN where undecided.
    reasons : tuple of str
        For each pool, why the correlation time is undecided, else "".
    noise : StationaryNoise or None
        Prediction of linear noise; None without a stable steady state.
    expected_time : ndarray, shape (n_pools,)
        Correlation times from the theory `time_theory`; NaN where unknown.
    time_theory : str
        "exact" (master equation, for small systems) or "linear noise".
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
    reasons: tuple[str, ...]
    noise: StationaryNoise | None
    expected_time: Array
    time_theory: str

    @property
    def covariance(self) -> Array:
        """Autocovariance of each pool, shape (n_lags, n_pools)."""
        return np.diagonal(self.between, axis1=-2, axis2=-1)

    @property
    def error(self) -> Array:
        """Jackknife error of `covariance`, shape (n_lags, n_pools)."""
        return np.diagonal(self.between_error, axis1=-2, axis2=-1)

    @property
    def expected_between(self) -> Array:
        """Covariances from linear noise, shape (n_lags, n_pools, n_pools); NaN without it."""
        return self._predicted(np.arange(len(self.lags)))

    @property
    def expected(self) -> Array:
        """Autocovariances from linear noise, shape (n_lags, n_pools)."""
        return np.diagonal(self.expected_between, axis1=-2, axis2=-1)

    @property
    def expected_power(self) -> Array:
        """Mean periodogram of linear noise for these samples, shape (n_frequencies, n_pools).

        The covariance is summed over the same finite time, so that leakage and aliasing are
        included.
        """
        return _periodogram(self.expected, self.lags[1])

    @property
    def verdict(self) -> str:
        """The correlation time of each pool, or why it is undecided, and the theory's."""
        factor, unit = readable_times(self.ensemble.times)
        times = []
        for name, t, e, reason, expected in zip(
            self.ensemble.model.pools, self.correlation_time, self.correlation_time_error,
            self.reasons, self.expected_time, strict=True,
        ):  # fmt: skip
            text = f"undecided, {reason}" if reason else f"{with_error(t * factor, e * factor)} "
            text += "" if reason else unit
            if np.isfinite(expected):
                text += f" ({self.time_theory} {expected * factor:.4g} {unit})"
            times.append(f"{name}: {text}")
        return "correlation times: " + "; ".join(times)

    def __str__(self) -> str:
        factor, unit = readable_times(self.ensemble.times)
        shown = log_spaced_rows(len(self.lags), 8, from_zero=True)
        rows = []
        for k, predicted in zip(shown, self._predicted(shown), strict=True):
            row = [f"{self.lags[k] * factor:.4g}"]
            for p, value in enumerate(np.diagonal(predicted)):
                row += [with_error(self.covariance[k, p], self.error[k, p]), _or_dash(value)]
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

    def _predicted(self, rows: IntArray) -> Array:
        """Covariances from linear noise at some lags, (n, n_pools, n_pools); NaN without it."""
        if self.noise is None:
            return np.full(self.between[rows].shape, np.nan)
        return self.noise.correlation(self.lags[rows])

    def _between_pools(self, factor: float, unit: str) -> list[str]:
        """Lines about pairs of pools at a few lags."""
        pools, few = self.ensemble.model.pools, log_spaced_rows(len(self.lags), 3, from_zero=True)
        expected = self._predicted(few)
        rows = [
            (
                f"{self.lags[k] * factor:.4g}",
                f"{pools[p]}, {pools[q]}",
                with_error(self.between[k, p, q], self.between_error[k, p, q]),
                _or_dash(expected[i, p, q]),
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
    groups = min(_GROUPS, ensemble.ntraj)
    mean = ensemble.mean()[first:]
    _check_stationary(ensemble, mean, first)
    deviations = (counts[:, first:] - mean for counts in ensemble.slabs("counts"))
    numbers, sums = group_sums(map(_lagged_products, deviations), groups)
    sums /= 1 - 1 / ensemble.ntraj  # deviations from the sample mean: a degree of freedom less
    between, between_error = _with_errors(numbers, sums)
    own = np.diagonal(sums, axis1=-2, axis2=-1)
    frequencies: Array = np.pi / step * np.linspace(0, 1, len(lags) // 2 + 1)
    power, power_error = _with_errors(numbers, _periodogram(own, step))
    noise, theory = _theory(ensemble, lags)
    own_error = np.diagonal(between_error, axis1=-2, axis2=-1)
    time, time_error, reasons = correlation_times(numbers, own, own_error, step, theory)
    exact, _ = exact_solution(
        exact_correlation_times, rate_model(ensemble), ensemble.initial, max_states=_SMALL
    )
    name, expected = "exact", exact
    if expected is None:
        name = "linear noise"
        expected = np.full(len(time), np.nan) if theory is None else theory.times
    return Correlations(
        ensemble, after, lags, between, between_error, frequencies, power, power_error, time,
        time_error, reasons, noise, expected, name,
    )  # fmt: skip


def _with_errors(numbers: Array, sums: Array) -> tuple[Array, Array]:
    """Means from sums over groups of trajectories, and their errors; NaN where undecided."""
    total, n = sums.sum(axis=0), numbers.sum()
    shape = (-1, *([1] * total.ndim))
    error = covering_error((total - sums) / (n - numbers).reshape(shape))
    return np.where(np.isfinite(error), total / n, np.nan), error


def _theory(ensemble: Ensemble, lags: Array) -> tuple[StationaryNoise | None, Theory | None]:
    """Linear noise and its decay; None without a stable steady state."""
    try:
        noise = stationary_noise(rate_model(ensemble), ensemble.initial)
    except InputError:
        return None, None
    constant = np.diagonal(noise.conserved) > 1e-9 * np.diagonal(noise.covariance)
    return noise, Theory(*decay_of_noise(noise, lags), constant)


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
    """Raise `InputError` if a mean or variance changes by more than 5 standard errors.

    Compared are the first and the last sample, and both halves of the samples.
    """
    middle = len(mean) // 2
    parts: list[list[Array]] = [[], []]
    for counts in ensemble.slabs("counts"):
        samples = counts[:, first:].astype(float)
        squares = (samples - mean) ** 2
        for k, half in enumerate((slice(middle), slice(-middle, None))):
            averages = samples[:, half].mean(axis=1), squares[:, half].mean(axis=1)
            parts[k].append(np.hstack([samples[:, -k], *averages]))
    pools = ensemble.model.pools
    names = [f"the {what} of {pool}" for what in ("mean", "mean", "variance") for pool in pools]
    drift = drift_between(np.concatenate(parts[0]), np.concatenate(parts[1]), names)
    if drift is not None:
        raise InputError(
            f"the run is not stationary: {drift}; choose a later `after`, or simulate longer"
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


def _or_dash(value: float) -> str:
    return f"{value:.4g}" if np.isfinite(value) else "-"

"""Linear noise: Gaussian fluctuations around the rate equations, from the same declaration.

Along the mean path the covariance C of the counts obeys

    dC/dt = J C + C Jᵀ + D,    J = ∂drift/∂count,    D = Σ rate · change · changeᵀ,

the leading order of the large-system limit (van Kampen's expansion): C/size becomes exact as the
system grows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InputError
from ..model.initial import Start, as_initial
from ..model.model import Model, as_model
from ..units import as_times
from ..utils.typing import Array, ComplexArray, Times
from .ode import solve
from .steady_states import manifold, steady_states


@dataclass(frozen=True, eq=False)
class LinearNoise:
    """Mean and covariance along the mean path.

    Attributes
    ----------
    model : Model
    times : ndarray, shape (n_times,)
        Seconds.
    mean : ndarray, shape (n_times, n_pools)
        Solution of the rate equations.
    covariance : ndarray, shape (n_times, n_pools, n_pools)
        Of the counts.
    """

    model: Model
    times: Array
    mean: Array
    covariance: Array

    def two_time(self, index: int) -> Array:
        """Covariance of the counts at later times with those at one time.

        Parameters
        ----------
        index : int
            Which of `times` is the earlier one.

        Returns
        -------
        ndarray, shape (n_times - index, n_pools, n_pools)
            [k, p, q]: between pool p at times[index + k] and pool q at times[index].
        """
        n = len(self.times)
        if isinstance(index, bool) or not isinstance(index, int | np.integer) or not 0 <= index < n:
            raise InputError(f"`index` must be a whole number from 0 to {n - 1}, but is {index!r}")
        return self._propagators(index, self.times[index:]) @ self.covariance[index]

    def _propagators(self, index: int, times: Array) -> Array:
        """Propagators of small deviations from times[index], (n, n_pools, n_pools)."""
        pools = len(self.model.pools)
        table = self.model.table

        def derivative(y: Array) -> Array:
            propagator = y[pools:].reshape(pools, pools)
            return np.concatenate(
                [table.drift(y[:pools]), _flat(table.jacobian(y[:pools]) @ propagator)]
            )

        start = np.concatenate([self.mean[index], _flat(np.eye(pools))])
        solution = solve(self.model, times - self.times[index], start, derivative)
        return solution[:, pools:].reshape(-1, pools, pools)

    def paths(self, number: int, seed: int | Sequence[int] = 0) -> Array:
        """Sample Gaussian paths with these covariances, also between times.

        Parameters
        ----------
        number : int
        seed : int or sequence of int
            Of numpy's generator.

        Returns
        -------
        ndarray, shape (number, n_times, n_pools)
            Counts, real and unbounded: what trajectories would be if noise were linear.
        """
        rng = np.random.default_rng(seed)
        out = np.empty((number, *self.mean.shape))
        deviation = rng.standard_normal((number, self.mean.shape[1])) @ _root(self.covariance[0])
        out[:, 0] = deviation
        for k in range(1, len(self.times)):
            forward = self._propagators(k - 1, self.times[k - 1 : k + 1])[-1]
            fresh = self.covariance[k] - forward @ self.covariance[k - 1] @ forward.T
            noise = rng.standard_normal(deviation.shape) @ _root(fresh)
            deviation = deviation @ forward.T + noise
            out[:, k] = deviation
        return out + self.mean

    def __str__(self) -> str:
        spread = np.sqrt(np.diagonal(self.covariance[-1]))
        last = ", ".join(
            f"{n} = {v:.6g} ± {s:.4g}"
            for n, v, s in zip(self.model.pools, self.mean[-1], spread, strict=True)
        )
        return (
            f"linear noise of {self.model.name}: {len(self.times)} times from "
            f"{self.times[0]:g} s to {self.times[-1]:g} s, at the end {last} (standard deviations)"
        )


def linear_noise(model: Model, times: Times, initial: Start) -> LinearNoise:
    """Mean and covariance of the counts to leading order in the size of the system.

    Parameters
    ----------
    model : Model
    times : array_like of float or str
        Seconds, increasing, ≥ 0.
    initial : Thermal, Fixed, Mixture, mapping or sequence
        Its covariance is the covariance at t = 0; fixed counts have none.

    Returns
    -------
    LinearNoise
    """
    times = as_times(times)
    initial = as_initial(initial, as_model(model))
    table, pools = model.table, len(model.pools)

    def derivative(y: Array) -> Array:
        counts, covariance = y[:pools], y[pools:].reshape(pools, pools)
        forward = table.jacobian(counts) @ covariance
        return np.concatenate(
            [table.drift(counts), _flat(forward + forward.T + table.diffusion(counts))]
        )

    start = np.concatenate([initial.mean(model), _flat(initial.covariance(model))])
    solution = solve(model, times, start, derivative)
    covariance = solution[:, pools:].reshape(-1, pools, pools)
    covariance = (covariance + covariance.transpose(0, 2, 1)) / 2
    return LinearNoise(model, times, solution[:, :pools], covariance)


@dataclass(frozen=True, eq=False)
class StationaryNoise:
    """Fluctuations around a stable steady state.

    Attributes
    ----------
    model : Model
    counts : ndarray, shape (n_pools,)
        The steady state of the rate equations.
    covariance : ndarray, shape (n_pools, n_pools)
        Of the counts: from jumps, and from the variance of the conserved totals at the start.
    conserved : ndarray, shape (n_pools, n_pools)
        The contribution of the conserved totals alone; it does not decay.
    """

    model: Model
    counts: Array
    covariance: Array
    conserved: Array
    _basis: Array
    _jacobian: Array
    _noise: Array

    def correlation(self, lags: Times) -> Array:
        """Two-time covariance, (n_lags, n_pools, n_pools).

        Parameters
        ----------
        lags : array_like of float or str
            Seconds, increasing, ≥ 0.

        Returns
        -------
        ndarray
            [k, p, q]: between pool p at t + lags[k] and pool q at t.
        """
        from scipy.linalg import expm

        moving = self.covariance - self.conserved
        basis = self._basis
        decays = [basis @ expm(self._jacobian * lag) @ basis.T for lag in as_times(lags)]
        return self.conserved + np.array(decays) @ moving

    def spectrum(self, frequencies: ArrayLike) -> Array | ComplexArray:
        """Power spectra ∫ C(τ) e^(iωτ) dτ of the part that decays, complex Hermitian matrices.

        Parameters
        ----------
        frequencies : array_like of float
            Angular frequencies ω, per second.

        Returns
        -------
        ndarray, shape (n_frequencies, n_pools, n_pools)
            Counts² · seconds; the diagonal is real. Its integral dω/2π is the decaying covariance.
        """
        omega = np.atleast_1d(np.asarray(frequencies, float))
        if not np.isfinite(omega).all():
            raise InputError("`frequencies` must be finite numbers per second")
        unit = np.eye(len(self._jacobian))
        response = np.linalg.inv(-1j * omega[:, None, None] * unit - self._jacobian)
        spectrum = response @ self._noise @ response.conj().transpose(0, 2, 1)
        return self._basis @ spectrum @ self._basis.T

    def __str__(self) -> str:
        spread = np.sqrt(np.diagonal(self.covariance))
        pools = ", ".join(
            f"{n} = {v:.6g} ± {s:.4g}"
            for n, v, s in zip(self.model.pools, self.counts, spread, strict=True)
        )
        return (
            f"linear noise of {self.model.name} in the steady state: {pools} (standard deviations)"
        )


def stationary_noise(model: Model, initial: Start) -> StationaryNoise:
    """Stationary fluctuations around the steady state that the rate equations reach from a start.

    Parameters
    ----------
    model : Model
    initial : Thermal, Fixed, Mixture, mapping or sequence
        Its conserved totals, and how much they vary between trajectories, are conserved.

    Returns
    -------
    StationaryNoise

    Raises
    ------
    InputError
        When the rate equations reach no stable steady state.
    """
    from scipy.linalg import solve_continuous_lyapunov

    initial = as_initial(initial, as_model(model))
    state = steady_states(model, initial)[0]
    if not state.stable:
        raise InputError(
            f"{model.name} has no stable steady state here, and so no stationary fluctuations"
        )
    table = model.table
    basis, totals = manifold(model)
    jacobian = table.jacobian(state.counts)
    reduced = basis.T @ jacobian @ basis
    noise = basis.T @ table.diffusion(state.counts) @ basis
    moving = basis @ solve_continuous_lyapunov(reduced, -noise) @ basis.T
    # Response of the steady state to the conserved totals: J R = 0 with totals · R = 1.
    follow = np.linalg.lstsq(
        np.vstack([basis.T @ jacobian, totals]),
        np.vstack([np.zeros((basis.shape[1], len(totals))), np.eye(len(totals))]),
        rcond=None,
    )[0]
    conserved = follow @ totals @ initial.covariance(model) @ totals.T @ follow.T
    return StationaryNoise(
        model, state.counts, moving + conserved, conserved, basis, reduced, noise
    )


def _root(covariance: Array) -> Array:
    """Matrix R with RᵀR = covariance; negative eigenvalues from rounding are set to 0."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return np.sqrt(np.maximum(values, 0))[:, None] * vectors.T


def _flat(matrix: Array) -> Array:
    return matrix.reshape(-1)

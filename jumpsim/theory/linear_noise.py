"""Linear noise approximation: Gaussian fluctuations around the solution of the rate equations.

Along this solution the covariance C of the counts obeys

    dC/dt = J C + C Jᵀ + D,    J = ∂drift/∂count,    D = Σ rate · change · changeᵀ,

the leading order of van Kampen's system size expansion: the relative error of C vanishes in the
limit of a large system.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InputError
from ..model import individual
from ..model.initial import Start, as_initial
from ..model.model import Model, as_model
from ..units import as_times
from ..utils.typing import Array, ComplexArray, Times
from .fluctuation_equations import Scale, solve_along
from .steady_states import manifold, steady_states


@dataclass(frozen=True, eq=False)
class LinearNoise:
    """Mean and covariance of the counts in the linear noise approximation.

    Attributes
    ----------
    model : Model
    times : ndarray, shape (n_times,)
        Seconds.
    mean : ndarray, shape (n_times, n_pools)
        Solution of the rate equations.
    covariance : ndarray, shape (n_times, n_pools, n_pools)
        Covariance of the counts.
    """

    model: Model
    times: Array
    mean: Array
    covariance: Array

    def two_time(self, index: int) -> Array:
        """Two-time covariance of the counts at one time and at this and later times.

        Parameters
        ----------
        index : int
            Index of the earlier time in `times`.

        Returns
        -------
        ndarray, shape (n_times - index, n_pools, n_pools)
            Entry [k, p, q] is the covariance of pool p at times[index + k] and pool q at
            times[index].

        Raises
        ------
        InputError
            When `index` is not a valid index.
        """
        n = len(self.times)
        if isinstance(index, bool) or not isinstance(index, int | np.integer) or not 0 <= index < n:
            raise InputError(f"`index` must be a whole number from 0 to {n - 1}, but is {index!r}")
        return self._propagators(index, self.times[index:]) @ self.covariance[index]

    def _propagators(self, index: int, times: Array) -> Array:
        """Propagators of small deviations from times[index] to `times`, (n, n_pools, n_pools)."""
        scale = Scale.of(self.model, self.mean[index], np.diagonal(self.covariance[index]))
        pools = len(self.model.pools)

        def derivative(counts: Array, moved: Array) -> Array:
            return scale.jacobian(counts) @ moved

        def jacobian(counts: Array) -> Array:
            matrix: Any = np.kron(scale.jacobian(counts), np.eye(pools))
            return matrix

        mean, moved = solve_along(
            self.model, times - self.times[index], self.mean[index], np.eye(pools), derivative,
            jacobian,
        )  # fmt: skip
        return moved * scale.at(mean)[:, :, None] / scale.at(self.mean[index])

    def paths(self, number: int, seed: int | Sequence[int] = 0) -> Array:
        """Draw Gaussian paths with this mean and these covariances, including those between times.

        Parameters
        ----------
        number : int
            Number of paths.
        seed : int or sequence of int
            Seed of numpy's random generator.

        Returns
        -------
        ndarray, shape (number, n_times, n_pools)
            Counts as real numbers, which may be negative: an approximation of the trajectories.
        """
        rng = np.random.default_rng(seed)
        out = np.empty((number, *self.mean.shape))
        deviation = rng.standard_normal((number, self.mean.shape[1])) @ _root(self.covariance[0])
        out[:, 0] = deviation
        for k in range(1, len(self.times)):
            forward = self._propagators(k - 1, self.times[k - 1 : k + 1])[-1]
            added = self.covariance[k] - forward @ self.covariance[k - 1] @ forward.T
            noise = rng.standard_normal(deviation.shape) @ _root(added)
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
        Its covariance is the covariance at t = 0, which is 0 for fixed counts.

    Returns
    -------
    LinearNoise

    Raises
    ------
    InputError
        When the solution diverges before the last time.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
    >>> noise = js.linear_noise(model, ["0 us", "1 us"], {"N": 15, "m": 0})
    >>> print(noise.covariance[-1].round(3))  # the sum of both counts does not fluctuate
    [[ 3.415 -3.415]
     [-3.415  3.415]]
    """
    times = as_times(times)
    initial = as_initial(initial, as_model(model, individual=True))
    start, covariance = initial.mean(model), initial.covariance(model)
    if not model.individual:
        return LinearNoise(model, times, *_solved(model, times, start, covariance))
    single = individual.spread(model, start, covariance)
    mean, covariance = _solved(model.resolved(), times, *single)
    covariance = individual.totals(model, individual.totals(model, covariance), axis=1)
    return LinearNoise(model, times, individual.totals(model, mean), covariance)


def _solved(model: Model, times: Array, start: Array, covariance: Array) -> tuple[Array, Array]:
    """Mean, (n_times, n_pools), and covariance, (n_times, n_pools, n_pools), from their start."""
    table, scale = model.table, Scale.of(model, start, np.diagonal(covariance))

    def derivative(counts: Array, scaled: Array) -> Array:
        matrix, unit = scale.jacobian(counts), scale.at(counts)
        return matrix @ scaled + scaled @ matrix.T + table.diffusion(counts) / np.outer(unit, unit)

    def jacobian(counts: Array) -> Array:
        matrix, one = scale.jacobian(counts), np.eye(len(counts))
        return np.kron(matrix, one) + np.kron(one, matrix)

    unit = scale.at(start)
    mean, scaled = solve_along(
        model, times, start, covariance / np.outer(unit, unit), derivative, jacobian
    )
    units = scale.at(mean)
    covariance = scaled * units[:, :, None] * units[:, None, :]
    return mean, (covariance + covariance.transpose(0, 2, 1)) / 2


@dataclass(frozen=True, eq=False)
class StationaryNoise:
    """Fluctuations around a stable steady state in the linear noise approximation.

    Attributes
    ----------
    model : Model
    counts : ndarray, shape (n_pools,)
        The steady state of the rate equations.
    covariance : ndarray, shape (n_pools, n_pools)
        Covariance of the counts: the contribution of the jumps, plus that of the variance of the
        conserved totals in the initial state.
    conserved : ndarray, shape (n_pools, n_pools)
        The contribution of the conserved totals alone. It is the part of the two-time covariance
        that does not decay.
    """

    model: Model
    counts: Array
    covariance: Array
    conserved: Array
    _basis: Array
    _jacobian: Array
    _noise: Array

    def correlation(self, lags: Times) -> Array:
        """Two-time covariance of the counts in the steady state.

        Parameters
        ----------
        lags : array_like of float or str
            Seconds, increasing, ≥ 0.

        Returns
        -------
        ndarray, shape (n_lags, n_pools, n_pools)
            Entry [k, p, q] is the covariance of pool p at t + lags[k] and pool q at t.
        """
        from scipy.linalg import expm

        moving = self.covariance - self.conserved
        basis = self._basis
        decays = [basis @ expm(self._jacobian * lag) @ basis.T for lag in as_times(lags)]
        return self.conserved + np.array(decays) @ moving

    def spectrum(self, frequencies: ArrayLike) -> Array | ComplexArray:
        """Spectral density ∫ C(τ) e^(iωτ) dτ of the decaying part of the two-time covariance.

        Parameters
        ----------
        frequencies : array_like of float
            Angular frequencies ω, per second.

        Returns
        -------
        ndarray, shape (n_frequencies, n_pools, n_pools)
            Hermitian matrices in counts² · seconds. Their integral over dω/2π is the decaying part
            of the covariance.

        Raises
        ------
        InputError
            When a frequency is not finite.
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
    """Stationary fluctuations around the steady state that the rate equations approach.

    Parameters
    ----------
    model : Model
    initial : Thermal, Fixed, Mixture, mapping or sequence
        Initial state; it determines the mean and the variance of the conserved totals.

    Returns
    -------
    StationaryNoise

    Raises
    ------
    InputError
        When the rate equations approach no stable steady state.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
    >>> print(js.stationary_noise(model, {"N": 15, "m": 0}))
    linear noise of hohlraum in the steady state: N = 8.66025 ± 1.848, m = 6.33975 ± 1.848
    (standard deviations)
    """
    from scipy.linalg import solve_continuous_lyapunov

    initial = as_initial(initial, as_model(model))
    state = steady_states(model, initial)[0]
    if not (state.stable and state.reached):
        raise InputError(
            f"{model.name} approaches no stable steady state from this start, and so has no "
            "stationary fluctuations"
            + (": its steady states form a continuum" if state.continuum else "")
        )
    table = model.table
    basis, totals = manifold(model)
    jacobian = table.jacobian(state.counts)
    reduced = basis.T @ jacobian @ basis
    noise = basis.T @ table.diffusion(state.counts) @ basis
    moving = basis @ solve_continuous_lyapunov(reduced, -noise) @ basis.T
    # Response of the steady state to the conserved totals: J R = 0 with totals · R = 1.
    response = np.linalg.lstsq(
        np.vstack([basis.T @ jacobian, totals]),
        np.vstack([np.zeros((basis.shape[1], len(totals))), np.eye(len(totals))]),
        rcond=None,
    )[0]
    conserved = response @ totals @ initial.covariance(model) @ totals.T @ response.T
    return StationaryNoise(
        model, state.counts, moving + conserved, conserved, basis, reduced, noise
    )


def _root(covariance: Array) -> Array:
    """Matrix R with RᵀR = covariance; negative eigenvalues from rounding are set to 0."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return np.sqrt(np.maximum(values, 0))[:, None] * vectors.T

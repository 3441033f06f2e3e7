"""Thermodynamics of an ensemble's averages, with propagated standard errors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..model.model import Model
from ..utils.text import with_error
from ..utils.typing import Array
from .entropy_production import entropy_production, heat_given
from .local_equilibrium import entropies, temperatures


@dataclass(frozen=True, eq=False)
class AverageThermodynamics:
    """Local-equilibrium thermodynamics of average counts, each quantity with its standard error.

    Attributes
    ----------
    model : Model
    ntraj : int
    times : ndarray, shape (n_times,)
        Seconds.
    temperatures, temperatures_sem : ndarray, shape (n_times, n_pools)
        ħΩ/k_B.
    entropy, entropy_sem : ndarray, shape (n_times,)
        Of the pools together, k_B.
    sigma, sigma_sem : ndarray, shape (n_times,)
        Entropy production within the system, k_B/s; NaN where a pool is empty on average.
    heat, heat_sem : dict of str to ndarray, shape (n_times,)
        What each bath has received per trajectory, ħΩ, from the recorded jumps; empty without.
    """

    model: Model
    ntraj: int
    times: Array
    temperatures: Array
    temperatures_sem: Array
    entropy: Array
    entropy_sem: Array
    sigma: Array
    sigma_sem: Array
    heat: dict[str, Array]
    heat_sem: dict[str, Array]

    def __str__(self) -> str:
        entropy = with_error(self.entropy[-1], self.entropy_sem[-1], ".6g")
        lines = [
            f"thermodynamics of {self.ntraj} trajectories of {self.model.name}, at "
            f"{self.times[-1]:g} s",
            f"  entropy             {entropy} k_B",
            f"  entropy production  {with_error(self.sigma[-1], self.sigma_sem[-1])} k_B/s",
        ]
        for bath, heat in self.heat.items():
            given = with_error(heat[-1], self.heat_sem[bath][-1], ".6g")
            lines.append(f"  heat to {bath:<10}  {given} ħΩ")
        return "\n".join(lines)


def of_averages(ensemble: Any) -> AverageThermodynamics:
    """Temperatures, entropy, entropy production and heat of an ensemble's averages.

    Entropy and σ are functions of the average counts; their errors follow from the covariance of
    the averages and the exact derivative. They are not averages over trajectories: `along` and
    `internal_production` give those. To first order: in the steady state of a closed system
    the entropy is largest and σ = 0, so that the derivative vanishes; intervals of ±1.96 standard
    errors of these two may then cover the true value in only 84 % of runs.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "counts" or "moments"; heat needs "jumps" too.

    Returns
    -------
    AverageThermodynamics
    """
    model, moments = ensemble.model, ensemble.moments
    mean, covariance = moments.mean(), moments.cov() / moments.n

    def sigma(counts: Any) -> Array:
        return entropy_production(model, counts).total

    def entropy(counts: Any) -> Array:
        return entropies(model, counts).sum(axis=-1)

    heat: dict[str, Array] = {}
    heat_sem: dict[str, Array] = {}
    if "jumps" in ensemble.record:
        n = 0
        first: dict[str, Array] = {}
        second: dict[str, Array] = {}
        for jumps in ensemble.slabs("jumps"):
            n += len(jumps)
            for bath, given in heat_given(model, jumps).items():
                first[bath] = first.get(bath, 0.0) + given.sum(axis=0)
                second[bath] = second.get(bath, 0.0) + (given**2).sum(axis=0)
        for bath in first:
            heat[bath] = first[bath] / n
            spread = np.maximum(second[bath] / n - heat[bath] ** 2, 0) * n / max(n - 1, 1)
            heat_sem[bath] = np.sqrt(spread / n)
    with np.errstate(all="ignore"):
        values: list[Any] = [
            *temperatures(model, mean, moments.sem()),
            entropy(mean), propagated(entropy, mean, covariance),
            _finite(sigma(mean)), _finite(propagated(sigma, mean, covariance)),
        ]  # fmt: skip
    values += [heat, heat_sem]
    return AverageThermodynamics(model, moments.n, ensemble.times, *values)


def propagated(function: Callable[[Any], Any], mean: Array, covariance: Array) -> Array:
    """Standard error of a function of average counts, to first order, by a complex step.

    Parameters
    ----------
    function : callable
        From counts (..., n_pools), which may be complex, to (...).
    mean : ndarray, shape (..., n_pools)
    covariance : ndarray, shape (..., n_pools, n_pools)
        Of the averages.
    """
    step = 1e-30
    slopes = [function(mean + 1j * step * unit).imag / step for unit in np.eye(mean.shape[-1])]
    slope = np.stack(slopes, axis=-1)
    return np.sqrt(np.einsum("...p,...pq,...q->...", slope, covariance, slope))


def _finite(values: Array) -> Array:
    return np.where(np.isfinite(values), values, np.nan)

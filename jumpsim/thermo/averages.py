"""Thermodynamics of the average counts of an ensemble, with propagated standard errors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.model import Model, as_model
from ..theory.counting_statistics import of_bath
from ..utils.text import with_error
from ..utils.typing import Array
from .entropy_production import entropy_production, heat_to_baths
from .local_equilibrium import entropies, temperatures

if TYPE_CHECKING:
    from ..store.ensemble import Ensemble


@dataclass(frozen=True, eq=False)
class AverageThermodynamics:
    """Local-equilibrium thermodynamics of average counts, with standard errors (`_sem`).

    Attributes
    ----------
    model : Model
    ntraj : int
        Number of trajectories.
    times : ndarray, shape (n_times,)
        Seconds.
    temperatures, temperatures_sem : ndarray, shape (n_times, n_pools)
        Temperature of each pool, ħΩ/k_B.
    entropy, entropy_sem : ndarray, shape (n_times,)
        Total entropy of the pools, k_B.
    sigma, sigma_sem : ndarray, shape (n_times,)
        Entropy production rate within the system, k_B/s; NaN where the mean count of a pool is 0.
    exchange, exchange_sem : dict of str to ndarray, shape (n_times,)
        Entropy production rate by the exchange with each bath, k_B/s, see
        `EntropyProduction.baths`; infinite where a channel has no reverse.
    heat, heat_sem : dict of str to ndarray, shape (n_times,)
        Mean heat that each bath has received since t = 0, ħΩ; empty when "jumps" are not recorded.
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
    exchange: dict[str, Array]
    exchange_sem: dict[str, Array]
    heat: dict[str, Array]
    heat_sem: dict[str, Array]

    def __str__(self) -> str:
        entropy = with_error(self.entropy[-1], self.entropy_sem[-1], ".6g")
        lines = [
            f"thermodynamics of {self.ntraj} trajectories of {self.model.name}, at "
            f"{self.times[-1]:g} s",
            f"  entropy             {entropy} k_B",
            f"  entropy production  {with_error(self.sigma[-1], self.sigma_sem[-1])} k_B/s within "
            "the system",
        ]
        for bath, rate in self.exchange.items():
            text = f"{with_error(rate[-1], self.exchange_sem[bath][-1])} k_B/s"
            if not np.isfinite(rate[-1]):
                text = "infinite, a channel has no reverse"
            lines.append(f"    with {bath:<13}  {text}")
        for bath, heat in self.heat.items():
            received = with_error(heat[-1], self.heat_sem[bath][-1], ".6g") + " ħΩ"
            energies = self.model.energy_changes[of_bath(self.model, bath)]
            if not energies.any():
                received = "none, its events carry no energy"
            lines.append(f"  heat to {bath:<10}  {received}")
        return "\n".join(lines)


def of_averages(ensemble: "Ensemble") -> AverageThermodynamics:
    """Temperatures, entropy, entropy production and heat from the averages of an ensemble.

    The entropy and the entropy production σ are functions of the average counts. They are not
    averages over trajectories, which `along` and `internal_production` give.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "counts" or "moments"; the heat requires "jumps" as well.

    Returns
    -------
    AverageThermodynamics

    Notes
    -----
    The errors are propagated to first order, from the covariance of the averages and the exact
    derivative. In the steady state of a closed system the entropy is maximal and σ = 0, so that the
    derivative vanishes. Intervals of ±1.96 standard errors of these two quantities may then cover
    the true value in only 84 % of runs.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
    >>> ensemble = js.simulate(model, ["0 us", "1 us"], 100, {"N": 15, "m": 5}, seed=1)
    >>> print(js.thermo.of_averages(ensemble).entropy[0].round(4))  # all start in the same state
    28.072
    """
    model, moments = as_model(ensemble.model), ensemble.moments
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
            for bath, received in heat_to_baths(model, jumps).items():
                first[bath] = first.get(bath, 0.0) + received.sum(axis=0)
                second[bath] = second.get(bath, 0.0) + (received**2).sum(axis=0)
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
        exchange = entropy_production(model, mean).baths
        errors = {bath: propagated(_exchange(model, bath), mean, covariance) for bath in exchange}
    values += [exchange, errors, heat, heat_sem]
    return AverageThermodynamics(model, moments.n, ensemble.times, *values)


def _exchange(model: Model, bath: str) -> Callable[[Any], Any]:
    """Entropy production by the exchange with a bath as a function of the counts."""
    return lambda counts: entropy_production(model, counts).baths[bath]


def propagated(function: Callable[[Any], Any], mean: Array, covariance: Array) -> Array:
    """Standard error of a function of average counts, to first order.

    The derivative is computed by a complex step.

    Parameters
    ----------
    function : callable
        Takes counts (..., n_pools), which may be complex, and returns an array (...).
    mean : ndarray, shape (..., n_pools)
        Average counts.
    covariance : ndarray, shape (..., n_pools, n_pools)
        Covariance of the averages.

    Returns
    -------
    ndarray, shape (...)

    Examples
    --------
    >>> import numpy as np
    >>> mean, covariance = np.array([1.0, 2.0]), np.array([[0.09, 0.0], [0.0, 0.16]])
    >>> print(propagated(lambda counts: counts.sum(axis=-1), mean, covariance))
    0.5
    """
    step = 1e-30
    slopes = [function(mean + 1j * step * unit).imag / step for unit in np.eye(mean.shape[-1])]
    slope = np.stack(slopes, axis=-1)
    return np.sqrt(np.einsum("...p,...pq,...q->...", slope, covariance, slope))


def _finite(values: Array) -> Array:
    return np.where(np.isfinite(values), values, np.nan)

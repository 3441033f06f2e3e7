"""Full counting statistics of the steady state, from the tilted generator.

The counted quantity is the net number of electrons from reservoir u. At long times it has the same
statistics as the number of emitted photons, because the two differ by the occupations of the
levels, which are bounded. The number of photons that the bath receives has the same mean, but
differs by the photon number of the mode, which is unbounded: rare large photon numbers would
dominate λ(s).
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from .liouvillian import Stationary

_DENSE = 1500  # largest number of unknowns for which all eigenvalues are computed


class PhotonCounting:
    """Long-time statistics of the net number of electrons from reservoir u, or emitted photons.

    Parameters
    ----------
    generator : callable
        Takes the weights of channels, by name, and returns the tilted generator (sparse).
    populations : int
        Number of its unknowns that are populations; these are the first ones.
    likely : int
        Index of a population that is not small.
    """

    def __init__(
        self,
        generator: Callable[[Mapping[str, float]], Any],
        populations: int,
        likely: int = 0,
    ) -> None:
        self._weighted, self._populations, self._likely = generator, populations, likely

    @property
    def rate(self) -> float:
        """Mean number of emitted photons per second, equal to R."""
        return self._rates[0]

    @property
    def variance(self) -> float:
        """Variance of the number per second."""
        return self._rates[1]

    @property
    def fano(self) -> float:
        """Variance over mean; NaN for a mean of 0."""
        rate, variance = self._rates
        return variance / rate if rate != 0 else np.nan

    @cached_property
    def _rates(self) -> tuple[float, float]:
        one, two, half = (self._generator(tilt) for tilt in (1.0, 2.0, 0.5))
        first = (two - half) / 1.5  # exact first derivative with respect to s = ln(tilt)
        second = (two + half - 2 * one) * 2  # exact second derivative
        norm = np.zeros(one.shape[0])
        norm[: self._populations] = 1.0
        stationary = Stationary(one, self._populations, self._likely)
        state = stationary.state
        rate = float(norm @ (first @ state))
        answer = stationary.solve(rate * state - first @ state)
        return rate, float(norm @ (second @ state) + 2 * norm @ (first @ answer))

    def generating(self, s: float) -> float:
        """Scaled cumulant generating function λ(s) = lim ln⟨exp(sN)⟩/t.

        Parameters
        ----------
        s : float
            Counting field.

        Returns
        -------
        float
            λ(s) per second. It has the symmetry λ(s) = λ(-A - s) with the affinity
            A = x_b + x_l - x_u of the parameters (fluctuation theorem).

        Examples
        --------
        >>> from jumpsim.theory import twolevel
        >>> state = twolevel.classical_field(1.0, 0.0, 1.0, 1.0, 1.0, 0.5, f_u=1.0, f_l=0.0)
        >>> print(state.counting)
        photons emitted: 0.25 per second, Fano factor 0.25
        >>> abs(state.counting.generating(0.0)) < 1e-12
        True
        """
        from scipy.sparse.linalg import eigs

        matrix = self._generator(float(np.exp(s)))
        if matrix.shape[0] <= _DENSE:
            values = np.linalg.eigvals(matrix.toarray())
        else:
            guess = abs(matrix).sum(axis=0).max() * 1e-3
            values = eigs(matrix, k=2, sigma=guess, return_eigenvectors=False)
        return float(values.real.max())

    def _generator(self, tilt: float) -> Any:
        return self._weighted({"into u": tilt, "out of u": 1 / tilt})

    def __str__(self) -> str:
        return f"photons emitted: {self.rate:.6g} per second, Fano factor {self.fano:.6g}"

"""Full counting statistics of the steady state, from the tilted generator.

What is counted is the net number of electrons from reservoir u. At long times it is the number of
photons emitted: the two differ by the occupation of the levels, which is bounded. Photons counted
at the bath have the same mean, but the photon number is unbounded, and rare large ones would
dominate λ(s).
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

_DENSE = 1500  # unknowns up to which all eigenvalues are found


class PhotonCounting:
    """Net number of electrons from reservoir u, equal to that of emitted photons at long times.

    Parameters
    ----------
    generator : callable
        From weights of channels, by name, to the tilted generator (a sparse matrix).
    populations : int
        How many of its unknowns are populations; they come first.
    """

    def __init__(self, generator: Callable[[Mapping[str, float]], Any], populations: int) -> None:
        self._weighted, self._populations = generator, populations

    @property
    def rate(self) -> float:
        """Mean number per second, equal to R."""
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
        from scipy import sparse
        from scipy.sparse.linalg import splu

        one, two, half = (self._generator(tilt) for tilt in (1.0, 2.0, 0.5))
        first = (two - half) / 1.5  # derivatives by the logarithm of the tilt, exactly
        second = (two + half - 2 * one) * 2
        norm = np.zeros(one.shape[0])
        norm[: self._populations] = 1.0
        matrix = one.tolil()
        matrix[0] = norm  # the first equation follows from the others
        factors = splu(sparse.csc_matrix(matrix))
        state = factors.solve(np.eye(1, len(norm))[0])
        rate = float(norm @ (first @ state))
        right = rate * state - first @ state
        right[0] = 0.0
        answer = factors.solve(right)
        return rate, float(norm @ (second @ state) + 2 * norm @ (first @ answer))

    def generating(self, s: float) -> float:
        """Scaled cumulant generating function λ(s) = lim ln⟨exp(sN)⟩/t.

        Parameters
        ----------
        s : float

        Returns
        -------
        float
            λ(s) = λ(-A - s) with the affinity A = x_b + x_l - x_u of the parameters.
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

"""Number of microstates of a count: the weight of the count in every equilibrium distribution."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .declaration import Pool


def log_states(pool: Pool, counts: ArrayLike) -> NDArray[np.float64]:
    """Natural logarithm of the number of microstates of one pool: Boltzmann entropy in k_B.

    The number is C(N+𝒩-1, N) for N photons in 𝒩 modes (with Γ functions when 𝒩 is not whole),
    C(M, m) for m of M two-level systems, 1 for a fermionic level, and 1/X! for a mass-action
    species (indistinguishable particles without internal states).

    Parameters
    ----------
    pool : Pool
    counts : array_like of int

    Returns
    -------
    ndarray of float
        Of the shape of `counts`.

    Examples
    --------
    >>> import jumpsim as js
    >>> float(log_states(js.Pool.tls("m", 4), 2).round(6))  # ln 6
    1.791759
    """
    from scipy.special import gammaln  # here, because it takes long to load

    counts, size = np.asarray(counts), pool.size or 0
    if pool.kind == "bosonic":
        return gammaln(counts + size) - gammaln(size) - gammaln(counts + 1.0)
    if pool.kind == "mass_action":
        return -gammaln(counts + 1.0)
    return gammaln(size + 1.0) - gammaln(counts + 1.0) - gammaln(size - counts + 1.0)


def log_certain(state: NDArray[Any], counts: NDArray[Any]) -> NDArray[np.float64]:
    """Log probability of `counts` when the state is certain: 0 for that state, -inf for others."""
    return np.where((counts == state).all(axis=-1), 0.0, -np.inf)

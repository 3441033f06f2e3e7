"""Number of microstates of a count: the weight of the count in every equilibrium distribution."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .declaration import Pool

_LARGE = 15.0  # smallest argument of Stirling's series, whose next term is then below 1e-15
_STIRLING = {1: 1 / 12, 3: -1 / 360, 5: 1 / 1260, 7: -1 / 1680, 9: 1 / 1188, 11: -691 / 360360}


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

    Notes
    -----
    The relative error is about 1e-14 for pools of up to 10¹⁵ modes or systems. Use
    `log_states_change` for a change of the entropy of a large pool.

    Examples
    --------
    >>> import jumpsim as js
    >>> float(log_states(js.Pool.tls("m", 4), 2).round(6))  # ln 6
    1.791759
    """
    counts = np.asarray(counts, float)
    if pool.kind == "mass_action":
        return -_log_gamma(counts + 1.0)
    size = float(pool.size or 0)
    if pool.kind == "bosonic":
        return _log_choose(counts, size - 1.0, size)
    few = np.minimum(counts, size - counts)
    return _log_choose(few, size - few)


def log_states_change(pool: Pool, before: ArrayLike, after: ArrayLike) -> NDArray[np.float64]:
    """Change of `log_states` between two counts, without the difference of two large numbers.

    The entropy of 10¹² modes is about 10¹² k_B, and as a float it has an error of 10⁻⁴ k_B; its
    change by one event has sixteen digits.

    Parameters
    ----------
    pool : Pool
    before, after : array_like of int

    Returns
    -------
    ndarray of float
        Of the common shape of both counts, k_B.

    Examples
    --------
    >>> import jumpsim as js
    >>> large = js.Pool.bosonic("A", modes=1e12)
    >>> float(log_states_change(large, 10**12, 10**12 + 1).round(9))  # ln 2
    0.693147181
    """
    before, after = np.broadcast_arrays(np.asarray(before, float), np.asarray(after, float))
    gained, size = after - before, float(pool.size or 0)
    least = np.minimum(before, after)
    parts: tuple[tuple[Any, Any, float], ...]
    if pool.kind == "bosonic":
        rest = least + size - 1.0
        parts = ((before + (size - 1.0), gained, 1.0), (before, gained, -1.0))
    elif pool.kind == "mass_action":
        rest, parts = least, ((before, gained, -1.0),)
    else:
        rest = size - np.maximum(before, after)
        parts = ((size - before, -gained, -1.0), (before, gained, -1.0))
    large = np.minimum(least, rest) >= _LARGE
    change = np.empty(before.shape)
    change[~large] = log_states(pool, after[~large]) - log_states(pool, before[~large])
    change[large] = sum(sign * _log_ratio(z[large], d[large]) for z, d, sign in parts)
    return change


def _log_choose(n: Any, b: Any, size: Any = None) -> NDArray[np.float64]:
    """ln C(n + b, n) to about 1e-14 of the result, for integer n and real b > -1; size = b + 1.

    Differences of lnΓ lose all digits that n and b have in common with n + b.
    """
    n, b = np.broadcast_arrays(np.asarray(n, float), np.asarray(b, float))
    out = np.zeros(n.shape)
    for k in range(1, int(n[n < _LARGE].max(initial=0)) + 1):
        here = (n < _LARGE) & (k <= n)
        # 1 + b is exact as the number of modes: b itself would lose the digits of a small one.
        whole = k == 1 and size is not None
        out[here] += np.log(size) if whole else np.log1p(b[here] / k)
    some = (n >= _LARGE) & (b < _LARGE)
    out[some] = _log_ratio(n[some], b[some]) - _log_gamma(b[some] + 1.0 if size is None else size)
    many = (n >= _LARGE) & (b >= _LARGE)
    x, y = n[many], b[many]
    out[many] = x * np.log1p(y / x) + y * np.log1p(x / y)
    out[many] += (np.log1p(x / y) - np.log(2 * np.pi * x)) / 2
    out[many] += _stirling(x + y) - _stirling(x) - _stirling(y)
    return out


def _log_ratio(z: Any, d: Any) -> NDArray[np.float64]:
    """Stable lnΓ(z + d + 1) - lnΓ(z + 1) for z and z + d of at least about 15."""
    growth = np.log1p(d / z)
    change = z * growth - d + d * np.log(z + d) + growth / 2
    for power, coefficient in _STIRLING.items():
        change += coefficient / z**power * np.expm1(-power * growth)
    return change


def _stirling(z: Any) -> Any:
    """Correction to Stirling's formula: lnΓ(z + 1) - z ln z + z - ln(2π z)/2."""
    return sum(coefficient / z**power for power, coefficient in _STIRLING.items())


def _log_gamma(values: Any) -> Any:
    from scipy.special import gammaln  # here, because it takes long to load

    return gammaln(values)


def log_certain(state: NDArray[Any], counts: NDArray[Any]) -> NDArray[np.float64]:
    """Log probability of `counts` when the state is certain: 0 for that state, -inf for others."""
    return np.where((counts == state).all(axis=-1), 0.0, -np.inf)

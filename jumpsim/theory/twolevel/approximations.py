"""Approximations to the steady state of two levels and a quantised mode."""

import numpy as np

from ...systems.twolevel.parameters import ModeParameters


def hartree_fock(parameters: ModeParameters) -> tuple[float, float, float, float]:
    """Net rate R in the Hartree-Fock approximation (W B12), and the occupations.

    The correlations are approximated by F ≈ σ_uu (1-σ_ll) + (σ_uu-σ_ll) n, so that R = α_Q F is a
    quadratic equation. At the ends of the interval of R in which both occupations are from 0 to 1
    and n ≥ 0, α_Q F - R has opposite signs. So exactly one root is in this interval, for any
    coupling, and it has the sign of the net rate R of the density matrix. Its value is accurate to
    10 % only for most weak couplings.

    Parameters
    ----------
    parameters : ModeParameters
        Such as `quantised_mode(...).parameters`.

    Returns
    -------
    R, occupation_u, occupation_l, n : float

    Examples
    --------
    >>> from jumpsim.theory import twolevel
    >>> mode = twolevel.quantised_mode(
    ...     1.0, 0.0, 1.0, 0.5, 1.0, 1.0, 1.0, f_u=1.0, f_l=0.0, n_b=0.0
    ... )
    >>> rate, *_ = twolevel.hartree_fock(mode.parameters)  # mode.R is 0.217
    >>> round(rate, 3)
    0.236
    """
    p = parameters
    a, b, c = 1 / p.gamma_u, 1 / p.gamma_l, 1 / p.gamma_b
    # σ_uu = f_u - aR, σ_ll = f_l + bR, n = n_b + cR, in R = α F: quadratic in R.
    square = p.alpha * (a * b - c * (a + b))
    linear = p.alpha * (-a * (1 - p.f_l) - b * p.f_u + c * (p.f_u - p.f_l) - (a + b) * p.n_b) - 1
    constant = p.alpha * (p.f_u * (1 - p.f_l) + (p.f_u - p.f_l) * p.n_b)
    lowest = -min((1 - p.f_u) / a, p.f_l / b, p.n_b / c)
    highest = min(p.f_u / a, (1 - p.f_l) / b)
    root = np.sqrt(max(linear**2 - 4 * square * constant, 0.0))
    sum_ = -(linear + np.copysign(root, linear)) / 2  # without cancellation
    roots = [constant / sum_] if square == 0 else [constant / sum_, sum_ / square]
    found = min(roots, key=lambda r: max(lowest - r, r - highest, 0.0))
    found = float(np.clip(found, lowest, highest))  # a root at an end may be outside by rounding
    return found, p.f_u - a * found, p.f_l + b * found, p.n_b + c * found

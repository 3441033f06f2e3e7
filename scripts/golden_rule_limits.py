"""Search for the largest errors of the golden rule in the steady state, for limits of s.

    python scripts/golden_rule_limits.py

Differential evolution with a fixed seed, in the box BOX: rates, strength and occupation of the bath
uniformly in their logarithm, detuning and fillings uniformly. The error is the larger one of those
of R and ⟨n⟩, relative to the density matrix. The limits in `papers.wacker.golden_rule.LIMITS` are
the errors found here with a margin. A search finds no proof: another box may have larger errors.
"""

import argparse

import numpy as np
from scipy.optimize import differential_evolution

from jumpsim.errors import InputError
from jumpsim.papers.wacker.golden_rule import LIMITS, errors
from jumpsim.systems.twolevel.parameters import mode_parameters
from jumpsim.theory.twolevel import hartree_fock

RATES = ("gamma_u", "gamma_l", "gamma_b")
STRENGTH, BATH, DETUNING = (1e-6, 100.0), (1e-6, 1.0), (0.0, 10.0)  # the sign of Δ changes nothing
MOST_PHOTONS = 100  # sets with more in the Hartree-Fock approximation are left out: they take long


def parameters(point):
    """Coupling, detuning, and rates with fillings, of a point of the box."""
    rates = dict(zip(RATES, 10 ** point[:3], strict=True))
    rates |= {"n_b": 10 ** point[3], "f_u": point[4], "f_l": point[5]}
    width = sum(rates[name] for name in RATES)
    return np.sqrt(10 ** point[6] * (width**2 / 4 + point[7] ** 2)), point[7], rates


def negative_error(point, limit):
    """The larger error with the sign changed; where s exceeds its limit, how far it does."""
    g, detuning, rates = parameters(point)
    p = mode_parameters(0.0, 0.0, detuning, g, **rates)
    if hartree_fock(p)[3] > MOST_PHOTONS:
        return 0.0
    try:
        found = errors(g, detuning, rates)
    except InputError:  # too many photons
        return 0.0
    if found is None:
        return 0.0
    s, rate, photons, *_ = found
    return -max(rate, photons) if s < limit else float(np.log(s / limit))


def search(limit, rates, seed, iterations):
    """Largest error for s below the limit, and the point where it was found."""
    box = [np.log10(rates)] * 3 + [np.log10(BATH), (0, 1), (0, 1), np.log10(STRENGTH), DETUNING]
    found = differential_evolution(
        negative_error, box, (limit,), maxiter=iterations, popsize=8, seed=seed, tol=1e-6,
        polish=False,
    )  # fmt: skip
    return -found.fun, found.x, found.nfev


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--iterations", type=int, default=150)
    parser.add_argument("--rates", type=float, nargs=2, default=[0.1, 10.0])
    options = parser.parse_args()
    for limit, documented in LIMITS:
        error, point, number = search(limit, options.rates, options.seed, options.iterations)
        g, detuning, rates = parameters(point)
        values = ", ".join(f"{name} = {value:.4g}" for name, value in rates.items())
        print(
            f"s < {limit:g}: {100 * error:.3g} % (documented: {100 * documented:g} %) after "
            f"{number} sets, at g = {g:.4g}, Δ = {detuning:.4g}, {values}",
            flush=True,
        )

"""Logarithms of numbers of microstates, against sums with 80 decimal digits."""

from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache
from math import comb, factorial

import numpy as np
import pytest

from jumpsim import Pool
from jumpsim.model.microstates import log_states, log_states_change

NUMERATORS = (1, -1, 1, -1, 5, -691, 7, -3617, 43867, -174611)
DENOMINATORS = (6, 30, 42, 30, 66, 2730, 6, 510, 798, 330)
BERNOULLI = list(map(Fraction, NUMERATORS, DENOMINATORS))
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")


TINY = Decimal("1e-30")


@cache
def log_gamma(x):
    """lnΓ(x) of a Decimal > 0 by the recursion and Stirling's series, about 35 digits."""
    with localcontext() as context:
        context.prec = 80
        down = Decimal(0)
        while x < 100:
            down += x.ln()
            x += 1
        total = (x - Decimal("0.5")) * x.ln() - x + (2 * PI).ln() / 2
        for k, b in enumerate(BERNOULLI, 1):
            term = Decimal(b.numerator) / b.denominator / (2 * k * (2 * k - 1))
            total += term / x ** (2 * k - 1)
        return total - down


def exact(kind, size, n):
    with localcontext() as context:
        context.prec = 80
        size, n = Decimal(size), Decimal(n)
        if kind == "bosonic":
            return log_gamma(n + size) - log_gamma(size) - log_gamma(n + 1)
        return log_gamma(size + 1) - log_gamma(n + 1) - log_gamma(size - n + 1)


def test_the_sums_themselves():
    with localcontext() as context:
        context.prec = 60
        for n in (1, 7, 50, 1000):
            assert abs(log_gamma(Decimal(n + 1)) - Decimal(factorial(n)).ln()) < TINY
        assert abs(exact("tls", 900, 400) - Decimal(comb(900, 400)).ln()) < TINY


COUNTS = (0, 1, 2, 14, 15, 16, 40, 1000, 10**6 + 1, 10**9, 10**12 + 7, 10**15)


@pytest.mark.parametrize("modes", [1e-20, 0.3, 1.0, 1.5, 2, 7.25, 15.5, 16, 100, 1e5 + 0.5, 1e12,
                                   1e15])  # fmt: skip
def test_photons(modes):
    """1e-12 of the result, or of 1 k_B for the few that are below it."""
    pool = Pool.bosonic("A", modes)
    found = log_states(pool, COUNTS)
    for n, value in zip(COUNTS, found, strict=True):
        right = exact("bosonic", modes, n)
        assert abs(Decimal(float(value)) - right) <= Decimal("1e-12") * max(abs(right), 1), n


@pytest.mark.parametrize("size", [1, 2, 29, 30, 31, 1000, 10**6, 10**12, 10**15])
def test_two_level_systems(size):
    pool = Pool.tls("m", size)
    counts = sorted({0, 1, size, size // 2, size // 3, *(n for n in COUNTS if n <= size)})
    found = log_states(pool, counts)
    for n, value in zip(counts, found, strict=True):
        right = exact("tls", size, n)
        assert abs(Decimal(float(value)) - right) <= Decimal("1e-12") * abs(right) + TINY, n


@pytest.mark.parametrize("size", [3, 60, 10**6, 10**12, 10**15])
@pytest.mark.parametrize("kind", ["bosonic", "tls"])
def test_changes(kind, size):
    """Changes of the entropy by a few events, and by many: 1e-12 of 1 k_B for each quantum."""
    pool = Pool(kind=kind, name="p", size=size)
    for before in (0, 1, 14, 15, size // 3, size // 2, size - 1, size):
        for step in (1, -1, 3, -10, 1000, -(10**6), 10**9):
            after = before + step
            if after < 0 or max(before, after) > size:
                continue
            right = exact(kind, size, after) - exact(kind, size, before)
            found = float(log_states_change(pool, before, after))
            assert abs(Decimal(found) - right) <= Decimal("1e-12") * max(abs(right), abs(step))


def test_a_species_and_arrays():
    X = Pool.mass_action("X")
    np.testing.assert_allclose(log_states(X, [0, 1, 5]), [0, 0, -np.log(120)], rtol=1e-14)
    assert float(log_states_change(X, 10**12, 10**12 + 1)) == pytest.approx(-np.log(1e12 + 1))
    pool = Pool.bosonic("A", 40)
    before, after = np.array([[0, 20], [30, 100]]), np.array([3, 20])
    found = log_states_change(pool, before, after)
    np.testing.assert_allclose(
        found, log_states(pool, after) - log_states(pool, before), atol=1e-12
    )

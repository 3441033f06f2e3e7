"""Fluctuation theorem, precision and counting statistics of quantum jumps."""

from dataclasses import replace

import numpy as np
import pytest
from oracles.lindblad import liouvillian, operators
from scipy.linalg import expm, null_space
from scipy.optimize import brentq
from support.quantum_jumps import MODE, near

import jumpsim as js
from jumpsim.analysis.entropy import twolevel as levels_module
from jumpsim.theory import twolevel


def test_the_fluctuation_theorem_of_long_windows(field):
    """The slope goes to 1, ⟨exp(-AN)⟩ stays put, Fano goes to its limit."""
    found = js.level_thermodynamics(field, 10)
    assert found.affinity == pytest.approx(-1)
    assert found.slope[0] < 0.6
    assert abs(found.slope[-1] - 1) < 0.1
    known = np.isfinite(found.exponential)
    assert known[:3].all()
    assert not known[-1]
    assert 1.1 < found.exponential[1] < 1.4
    precision, error = found.precision
    assert 1 < precision[-1] < precision[0]
    assert error[-1] < 0.03


def test_exponential_average_of_a_mode(mode):
    """⟨exp(-AN)⟩ of a window in steady state from the tilted dense equation."""
    found = js.level_thermodynamics(mode, 10)
    p, cutoff = MODE.parameters, 4
    total, _ = liouvillian(p, cutoff)
    c_u, _, _ = operators(cutoff)
    into = p.gamma_u * p.f_u * np.kron(c_u.T, c_u.T)
    out = p.gamma_u * (1 - p.f_u) * np.kron(c_u, c_u)
    tilt = np.exp(-p.affinity)
    tilted = total + (tilt - 1) * into + (1 / tilt - 1) * out
    size = 4 * (cutoff + 1)
    rho = null_space(total, rcond=1e-11)[:, 0]
    rho = rho / rho[:: size + 1].sum()
    k = 4
    exact = (expm(tilted * found.windows[k]) @ rho)[:: size + 1].sum().real
    near((found.exponential[k], found.exponential_error[k]), exact, 0.05)
    assert abs(exact - 1) > 0.001


def test_counting_in_a_classical_field():
    """Cumulants of the tilted dense equation, the symmetry λ(s) = λ(-A-s), and what beats 2/Σ."""
    field = twolevel.classical_field(1, 0, 1.4, 0.35, 0.5, 0.25 - 0.1j, f_u=0.9, f_l=0.2)
    p, (c_u, c_l, _) = field.parameters, operators(0)
    h = p.E_u * c_u.T @ c_u + (p.E_l + p.omega) * c_l.T @ c_l
    h = h + p.epsilon * c_u.T @ c_l + np.conj(p.epsilon) * c_l.T @ c_u
    one = np.eye(4)

    def largest(s):
        total = -1j * (np.kron(one, h) - np.kron(h.T, one))
        for rate, jump, weight in (
            (p.gamma_u * p.f_u, c_u.T, np.exp(s)), (p.gamma_u * (1 - p.f_u), c_u, np.exp(-s)),
            (p.gamma_l * p.f_l, c_l.T, 1.0), (p.gamma_l * (1 - p.f_l), c_l, 1.0),
        ):  # fmt: skip
            square = jump.T @ jump
            decay = 0.5 * (np.kron(one, square) + np.kron(square.T, one))
            total = total + rate * (weight * np.kron(jump, jump) - decay)
        return np.linalg.eigvals(total).real.max()

    counting = field.counting
    for s in (-1.3, -0.2, 0.7):
        assert counting.generating(s) == pytest.approx(largest(s), abs=1e-10)
    step = 1e-3
    low, middle, high = (largest(x) for x in (-step, 0.0, step))
    assert counting.rate == pytest.approx(field.R)
    assert counting.rate == pytest.approx((high - low) / (2 * step), rel=1e-5)
    assert counting.variance == pytest.approx((high + low - 2 * middle) / step**2, rel=1e-4)
    affinity = p.exponents["l"] - p.exponents["u"]
    assert counting.generating(-affinity - 0.4) == pytest.approx(counting.generating(0.4), abs=1e-9)
    with pytest.raises(js.InputError, match="one set"):
        _ = twolevel.classical_field(1, 0, [1, 2], 1, 1, 1, f_u=1, f_l=0).counting


def test_coherence_is_more_precise_than_classical_jumps():
    """Var(N) ⟨AN⟩/2⟨N⟩² is 0.893, where Markov jumps of the same entropy could not be below 1."""
    model = js.systems.two_level_field(1, 0, 0.986, 0.348, 0.468, 0.2595, f_u=0.8917, f_l=0.1083)
    times, start = np.linspace(0, 500, 6), {"u": 0, "l": 0}
    run = js.simulate(model, times, 50_000, start, 1, record=["expect", "jumps"])
    found = js.level_thermodynamics(run, 100)
    value, error = (v[-1] for v in found.precision)
    assert error < 0.01
    assert value < 1 - 4.5 * error
    assert found.exact_fano * found.affinity / 2 == pytest.approx(0.8931, abs=2e-4)
    near((found.fano[-1], found.fano_error[-1]), found.exact_fano, 0.01)
    assert "below the bound 1 of classical jumps" in found.verdict


def test_when_an_exponential_average_is_reported():
    """Up to a relative variance of 10, as the other tail sees it: +a with chance q, else -a."""
    rows, unusual = 10_000, 100

    def spread(a):
        q = 1 - unusual / rows
        average = q * np.exp(-a) + (1 - q) * np.exp(a)
        return (q * np.exp(a) + (1 - q) * np.exp(-a)) / average**2 - 1

    for wanted, printed in ((9.9, True), (10.1, False)):
        a = brentq(lambda a, wanted=wanted: spread(a) - wanted, 0.1, 1.8)
        production = np.full((rows, 1), a)
        production[:unusual] = -a
        value, error = levels_module._exponential(production)
        assert np.isfinite(value[0]) == np.isfinite(error[0]) == printed
        if printed:
            assert value[0] == pytest.approx(np.exp(-production).mean())


def test_verdicts_on_the_second_law(mode):
    """Beyond 1.96 errors in the longest window, and in no other."""
    found = js.level_thermodynamics(mode, 10)

    def verdict(mean, error, early=99.0):
        entropy = np.array([[early, mean], [1e-9, error]])
        return replace(found, entropy={"bare": entropy}).verdict.splitlines()[0]

    head = "with bare energies the entropy of the reservoirs "
    assert verdict(1.0, 0.5) == head + "increases"
    assert verdict(-1.0, 0.5) == head + "decreases, contrary to the second law"
    for mean in (-1.0, 1.0):
        assert verdict(mean, 0.52) == head + "does not change significantly"
    assert verdict(np.nan, 1.0) == head + "does not change significantly"

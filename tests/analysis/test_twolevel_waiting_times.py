"""Waiting times of quantum jumps: the theory by the dense equation."""

import numpy as np
import pytest
from oracles.lindblad import liouvillian, operators
from scipy.linalg import expm, null_space
from support.quantum_jumps import EMPTY, FIELD, MACHINE, MODE

import jumpsim as js
from jumpsim.theory.twolevel import waiting_times
from jumpsim.theory.twolevel.waiting_times import waiting_time_distribution


@pytest.mark.slow
def test_waiting_distributions_by_the_dense_equation():
    """Survival, density, mean and variance of waits from a start, and after a stationary jump."""
    model = js.systems.two_level_mode(**{**MACHINE, "T_b": 3.0, "mu_u": 9.5})
    p, cutoff = model.parameters, 4
    total, _ = liouvillian(p, cutoff)
    c_u, c_l, a = operators(cutoff)
    jumps = {
        "photon to bath": p.gamma_b * (1 + p.n_b) * np.kron(a, a),
        "into l": p.gamma_l * p.f_l * np.kron(c_l.T, c_l.T),
        "out of u": p.gamma_u * (1 - p.f_u) * np.kron(c_u, c_u),
    }
    size = 4 * (cutoff + 1)
    rest = null_space(total, rcond=1e-11)[:, 0]
    start = np.zeros(size * size, complex)
    start[0] = 1.0  # empty, no photon
    times = np.array([0.2, 1.5])
    for channels, after in ((["photon to bath"], None), (["photon to bath", "into l"], "out of u")):
        rho = start if after is None else jumps[after] @ rest
        rho = rho / rho[:: size + 1].sum()
        silent = total - sum(jumps[name] for name in channels)
        law = waiting_time_distribution(model, times, js.Fixed(EMPTY), channels, after)
        left = [expm(silent * t) @ rho for t in times]
        np.testing.assert_allclose(
            law.survival, [v[:: size + 1].sum().real for v in left], atol=1e-6
        )
        flux = [(sum(jumps[n] for n in channels) @ v)[:: size + 1].sum().real for v in left]
        np.testing.assert_allclose(law.density, flux, atol=1e-5)
        once = np.linalg.solve(-silent, rho)
        assert law.mean == pytest.approx(once[:: size + 1].sum().real, rel=1e-4)
        twice = 2 * np.linalg.solve(-silent, once)[:: size + 1].sum().real
        assert law.variance == pytest.approx(twice - law.mean**2, rel=1e-3)
    never = js.systems.two_level_mode(10, 0, 11, 1, 1, 1, 1, f_u=0.0, f_l=0.0, n_b=0.0)
    for names in (["into u"], ["photon to bath"]):
        with pytest.raises(js.InputError, match="never happen"):
            waiting_time_distribution(never, times, js.Fixed(EMPTY), names)
    with pytest.raises(js.InputError, match="unknown channel"):
        waiting_time_distribution(MODE, times, js.Fixed(EMPTY), ["into x"])
    with pytest.raises(js.InputError, match="quantised mode alone"):
        waiting_time_distribution(FIELD, times, js.Fixed({"u": 0, "l": 0}), ["into u"])


def test_waiting_after_a_photon_and_from_many():
    """Coherence remains after a photon is emitted; a start with many photons needs more states."""
    model = js.systems.two_level_mode(**{**MACHINE, "g": 0.6 - 0.4j, "T_b": 3.0})
    p, cutoff = model.parameters, 4
    total, _ = liouvillian(p, cutoff)
    c_u, _, a = operators(cutoff)
    bath, size = p.gamma_b * (1 + p.n_b) * np.kron(a, a), 4 * (cutoff + 1)
    inner = p.gamma_u * p.f_u * np.kron(c_u.T, c_u.T)
    rho = bath @ null_space(total, rcond=1e-11)[:, 0]
    rho = rho / rho[:: size + 1].sum()
    times = [0.3, 1.0, 4.0]
    for more, jumps in (([], bath), (["into u"], bath + inner)):
        channels = [*more, "photon to bath"]
        law = waiting_time_distribution(model, times, js.Fixed(EMPTY), channels, "photon to bath")
        left = np.array([expm((total - jumps) * t) @ rho for t in times])
        np.testing.assert_allclose(law.survival, left[:, :: size + 1].sum(axis=1).real, atol=1e-5)
        flux = (left @ jumps.T)[:, :: size + 1].sum(axis=1).real
        np.testing.assert_allclose(law.density, flux, atol=1e-5)
    with pytest.raises(js.InputError, match="unknown channel 'photon to bat'"):
        waiting_time_distribution(model, times, js.Fixed(EMPTY), ["into u"], "photon to bat")
    # Not coupled: a ladder of photon numbers, typed here, from more than rest ever holds.
    model = js.systems.two_level_mode(10, 0, 10, 0.0, 1, 1, 0.5, f_u=0.5, f_l=0.5, n_b=0.3)
    n = np.arange(150.0)
    silent = np.diag(-0.15 * (n + 1) - 0.65 * n) + np.diag(0.15 * n[1:], -1)
    start, times = np.eye(150)[60], [0.005, 0.02, 0.05]
    left = np.array([expm(silent * t) @ start for t in times])
    law = waiting_time_distribution(
        model, times, js.Fixed({"u": 0, "l": 0, "photon": 60}), ["photon to bath"]
    )
    np.testing.assert_allclose(law.survival, left.sum(axis=1), rtol=1e-6)
    np.testing.assert_allclose(law.density, 0.65 * left @ n, rtol=1e-6)
    dark = js.systems.two_level_mode(10, 0, 11, 1, 1, 1, 1, f_u=0.0, f_l=0.0, n_b=0.0)
    with pytest.raises(js.InputError, match=r"^'into u' never happens$"):
        waiting_time_distribution(dark, times, js.Fixed(EMPTY), ["into u"])


def test_waiting_from_far_above_rest():
    """The cutoff grows until nothing reaches it: 300 photons in a hot, slow mode."""
    model = js.systems.two_level_mode(10, 0, 10, 0.3, 1.0, 1.0, 0.05, f_u=0.5, f_l=0.5, n_b=5.0)
    start = js.Fixed({"u": 1, "l": 0, "photon": 300})
    found = waiting_time_distribution(model, [0.5, 3.0], start, ["into l"])
    before = waiting_times._MARGIN
    try:
        waiting_times._MARGIN = 600
        wide = waiting_time_distribution(model, [0.5, 3.0], start, ["into l"])
    finally:
        waiting_times._MARGIN = before
    np.testing.assert_allclose(found.survival, wide.survival, atol=1e-10)
    np.testing.assert_allclose(found.density, wide.density, atol=1e-10)
    assert found.mean == pytest.approx(wide.mean, rel=1e-9)
    assert found.variance == pytest.approx(wide.variance, rel=1e-8)

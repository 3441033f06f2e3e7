"""The detuned two-level system: closed forms, block solver, second law, counting statistics."""

import numpy as np
import pytest
from oracles.lindblad import liouvillian, means
from scipy.linalg import expm, null_space
from support.twolevel_sets import SET, random_sets

import jumpsim as js
from jumpsim.theory import twolevel as w
from jumpsim.theory.twolevel.liouvillian import Stationary, generator, unpacked
from jumpsim.theory.twolevel.quantised_mode import ModeState, mode_parameters


def test_the_published_example():
    """Entropy production with bare and with effective energies, to all printed digits."""
    found = {
        e: w.classical_field(
            10, 0, 12, 1, 1, 0.5, T_u=1, T_l=1, mu_u=11, mu_l=0, energies=e
        ).entropy_production
        for e in ("bare", "effective")
    }
    assert found == pytest.approx({"bare": -0.01925488, "effective": 0.01925488}, abs=5e-9)


def test_classical_steady_state_is_that_of_the_density_matrix():
    """Random parameters: the closed forms against the null space of the full 4×4 equation."""
    rng = np.random.default_rng(1)
    lower, sign = np.array([[0.0, 1], [0, 0]]), np.diag([1.0, -1])
    c_u, c_l, one = np.kron(lower, np.eye(2)), np.kron(sign, lower), np.eye(4)
    for _ in range(200):
        E_u, E_l, omega = rng.uniform(-5, 10, 3)
        gamma_u, gamma_l = 10 ** rng.uniform(-1, 1, 2)
        f_u, f_l = rng.uniform(size=2)
        epsilon = 10 ** rng.uniform(-2, 1) * np.exp(2j * np.pi * rng.uniform())
        field = w.classical_field(E_u, E_l, omega, gamma_u, gamma_l, epsilon, f_u=f_u, f_l=f_l)
        mixing = epsilon * c_u.T @ c_l
        h = -(omega - E_u + E_l) * c_u.T @ c_u + mixing + mixing.conj().T
        total = -1j * (np.kron(one, h) - np.kron(h.T, one))
        for rate, c in (
            (gamma_u * f_u, c_u.T), (gamma_u * (1 - f_u), c_u),
            (gamma_l * f_l, c_l.T), (gamma_l * (1 - f_l), c_l),
        ):  # fmt: skip
            total = total + rate * (
                np.kron(c, c) - 0.5 * (np.kron(one, c.T @ c) + np.kron((c.T @ c).T, one))
            )
        rho = null_space(total, rcond=1e-12)[:, 0].reshape(4, 4, order="F")
        rho = rho / np.trace(rho)
        direct = [np.trace(x @ rho) for x in (c_u.T @ c_u, c_l.T @ c_l, c_l.T @ c_u)]
        np.testing.assert_allclose(
            [field.occupation_u, field.occupation_l, field.coherence], direct, atol=1e-10
        )
        # Energies read off the density matrix with bare energies in H are the effective ones' (14).
        rest = (field.occupation_u, field.occupation_l, field.coherence)
        particles, energies = field.flows(rest)
        for name in "ul":
            assert particles[name] == pytest.approx(field.particle_flows[name], abs=1e-10)
            assert energies[name] == pytest.approx(field.energy_flows[name], abs=1e-9)
        assert sum(field.energy_flows.values()) == pytest.approx(0, abs=1e-10)
        assert field.E_u - field.E_l == pytest.approx(omega)


def test_classical_transient():
    """Against plain Euler steps of (W A1-A3), which converge from below as the step."""
    field = w.classical_field(3, 1, 2.7, 0.6, 1.1, 0.4 + 0.3j, f_u=0.8, f_l=0.3)
    upper, lower, coherence, step = 0.0, 1.0, 0j, 2e-5
    for _ in range(50_000):
        turn = 1j * (np.conj(0.4 + 0.3j) * coherence - (0.4 + 0.3j) * np.conj(coherence))
        rates = (
            0.6 * (0.8 - upper) + turn.real,
            1.1 * (0.3 - lower) - turn.real,
            1j * 0.7 * coherence + 1j * (0.4 + 0.3j) * (upper - lower) - 0.85 * coherence,
        )
        upper, lower = upper + step * rates[0], lower + step * rates[1]
        coherence = coherence + step * rates[2]
    found = field.evolve([0, 1.0], (0, 1, 0))
    np.testing.assert_allclose([x[1] for x in found], [upper, lower, coherence], atol=1e-4)
    late = field.evolve([60.0], (0, 1, 0))
    rest = (field.occupation_u, field.occupation_l, field.coherence)
    np.testing.assert_allclose([x[0] for x in late], rest, atol=1e-12)


def test_second_law_in_a_classical_field():
    """Effective energies never break it, bare ones in about a fifth of random sets; resonance."""
    rng = np.random.default_rng(2)
    n = 20_000
    u, low, mu_u, mu_l = rng.uniform(0, 10, (4, n))
    omega, (t_u, t_l) = rng.uniform(0, 10, n), 10 ** rng.uniform(-0.5, 1, (2, n))
    gamma_u, gamma_l = 10 ** rng.uniform(-1, 1, (2, n))
    made = {
        e: w.classical_field(
            u, low, omega, gamma_u, gamma_l, 0.5, T_u=t_u, T_l=t_l, mu_u=mu_u, mu_l=mu_l,
            energies=e,
        )
        for e in ("effective", "bare")
    }  # fmt: skip
    # Differences of fillings that are both 0 or 1 to all digits carry no sign.
    assert (made["effective"].entropy_production > -1e-14).all()
    broken = (made["bare"].entropy_production < -1e-12).mean()
    assert 0.05 < broken < 0.4
    steady = w.classical_field(5, 1, 4, 1, 1, 0.5, T_u=1, T_l=1, mu_u=4, mu_l=1)
    assert (
        steady.E_u,
        steady.E_l,
        steady.parameters.detuning,
    ) == (5, 1, 0)
    tunnelling = w.classical_field(2, 1, 0, 1, 2, 0.5, T_u=1, T_l=2, mu_u=2, mu_l=0)
    assert tunnelling.E_u == pytest.approx(tunnelling.E_l)
    assert tunnelling.entropy_production > 0


def test_the_blocks_are_the_whole_equation():
    """Steady states and transients of random sets against dense operators, same cutoff."""
    cutoff = 4
    size = 4 * (cutoff + 1)
    for parameters in random_sets(4, 3):
        p = mode_parameters(**parameters)
        total, _ = liouvillian(p, cutoff)
        rho = null_space(total, rcond=1e-11)[:, 0].reshape(size, size, order="F")
        upper, lower, n, y, photons = means(rho / np.trace(rho), p, cutoff)
        block = generator(p, cutoff)
        rest = null_space(block.toarray(), rcond=1e-11)[:, 0]
        rest = rest / rest[: 4 * (cutoff + 1)].sum()
        state = ModeState(p, *unpacked(rest, cutoff))
        found = (state.occupation_u, state.occupation_l, state.n, state.Y)
        np.testing.assert_allclose(found, (upper, lower, n, y), atol=1e-10)
        np.testing.assert_allclose(state.photons, photons, atol=1e-10)
        first = np.zeros((size, size), complex)
        index = 2 * (cutoff + 1) + 1  # u filled, one photon
        first[index, index] = 1.0
        later = (expm(total * 0.7) @ first.reshape(-1, order="F")).reshape(size, size, order="F")
        start = np.zeros(block.shape[0])
        start[1 * (cutoff + 1) + 1] = 1.0
        moved = ModeState(p, *unpacked(expm(block.toarray() * 0.7) @ start, cutoff))
        upper, lower, n, y, _ = means(later, p, cutoff)
        found = (moved.occupation_u, moved.occupation_l, moved.n, moved.Y)
        np.testing.assert_allclose(found, (upper, lower, n, y), atol=1e-10)


def test_identities_in_steady_state():
    """R by every reservoir, R = α_Q F, effective energies from the flows, energy conservation."""
    for parameters in random_sets(60, 4):
        mode = w.quantised_mode(**parameters)
        scale = max(abs(v) for v in mode.energy_flows.values()) + 1
        turnover = sum(parameters[f"gamma_{k}"] for k in "ulb") * (1 + mode.n)
        flows = mode.particle_flows
        np.testing.assert_allclose(
            [flows["u"], -flows["l"], -flows["b"], mode.parameters.alpha * mode.F], mode.R,
            rtol=1e-13, atol=1e-14 * turnover,
        )  # fmt: skip
        energies = mode.energy_flows
        expected = [mode.E_u * mode.R, -mode.E_l * mode.R, -mode.E_ph * mode.R]
        np.testing.assert_allclose(
            [energies[k] for k in "ulb"], expected, atol=1e-9 * scale * turnover
        )
        assert sum(energies.values()) == pytest.approx(0, abs=1e-10 * scale * turnover)
        assert mode.E_u == pytest.approx(mode.E_l + mode.E_ph)
        assert mode.tail < 1e-12
        assert mode.photons.sum() == pytest.approx(1)


def test_a_mode_with_two_thousand_photons():
    """Identities, and memory: the matrix stays sparse (a full row cost 3.8 GB of factors)."""
    mode = w.quantised_mode(10, 0, 10.5, 1.0, 1, 1, 2e-4, f_u=0.9, f_l=0.1, n_b=0)
    assert mode.n == pytest.approx(1999.6875, abs=1e-3)
    assert mode.parameters.gamma_b * mode.n == pytest.approx(mode.R, rel=1e-13)
    assert mode.counting.rate == pytest.approx(mode.R, rel=1e-12)
    matrix = generator(mode.parameters, mode.populations.shape[1] - 1)
    stationary = Stationary(matrix, mode.populations.size, 0)  # a population of no weight
    assert stationary._factors.nnz < 20 * matrix.nnz
    np.testing.assert_allclose(
        stationary.state[: mode.populations.size].reshape(4, -1), mode.populations, atol=1e-14
    )


def test_the_sign_rule_is_exact():
    """R (x_b + x_l - x_u) ≥ 0 in 1000 random steady states, of any coupling and detuning."""
    decided = 0
    for parameters in random_sets(1000, 5):
        mode = w.quantised_mode(**parameters)
        turnover = mode.parameters.gamma_b * (1 + mode.n) + mode.parameters.gamma_u
        if abs(mode.R) > 1e-12 * turnover:
            decided += 1
            assert mode.R * mode.parameters.affinity > 0
    assert decided > 950


def test_transient_of_the_mode():
    mode = w.quantised_mode(10, 0, 11, 0.4, **SET)
    moved = mode.evolve([0.0, 0.5, 150.0], {"u": 1, "l": 0, "photon": 2})
    assert moved.n[0] == 2
    assert moved.n[-1] == pytest.approx(mode.n, abs=1e-9)
    np.testing.assert_allclose(moved.photons.sum(axis=-1), 1, atol=1e-10)
    mixed = np.zeros((4, 3))
    mixed[1, 2] = 1.0
    again = mode.evolve([0.5], {"populations": mixed})
    assert again.n[0] == pytest.approx(moved.n[1])
    assert moved.occupation_u[0] == 1
    assert moved.R[0] == 0


def test_c_of_the_samples_has_the_phase_of_the_coupling():
    """c = e^(-i arg g) ⟨c_l† c_u a†⟩ of a dense density matrix; 5 errors, false in 1 of 10⁶."""
    g, cutoff = 0.8 * np.exp(1.1j), 5
    rates = SET | {"n_b": 0.02}
    model = js.systems.two_level_mode(10, 0, 11, g, **rates)
    p = mode_parameters(10, 0, 11, g, **rates)
    total, _ = liouvillian(p, cutoff)
    size = 4 * (cutoff + 1)
    first = np.zeros((size, size), complex)
    index = 2 * (cutoff + 1)  # u filled, no photon
    first[index, index] = 1.0
    later = (expm(total * 0.9) @ first.reshape(-1, order="F")).reshape(size, size, order="F")
    *_, y, _ = means(later, p, cutoff)
    bare = y / np.conj(g)  # ⟨c_l† c_u a†⟩
    start = {"u": 1, "l": 0, "photon": 0}
    run = js.simulate(model, [0.9], 4000, start, seed=2, record=["expect"], workers=1)
    mean, error = run.mean()[0, 3:], run.sem()[0, 3:]
    expected = np.exp(-1.1j) * bare
    assert (np.abs(mean - [expected.real, expected.imag]) < 5 * error).all()
    assert (np.abs(mean - [bare.real, bare.imag]) > 20 * error).all()
    np.testing.assert_allclose(
        w.expectations(model, [0.9], js.Fixed(start))[0, 3:], [expected.real, expected.imag],
        atol=1e-6,
    )  # fmt: skip


def test_a_transient_may_need_more_photons_than_rest():
    """200 photons beside a warm bath spread upwards at first; the mean decays exponentially."""
    mode = w.quantised_mode(10, 0, 11, 0.0, **(SET | {"n_b": 3.0}))
    moved = mode.evolve([0.1, 0.3], {"u": 0, "l": 0, "photon": 200})
    assert moved.tail.max() < 1e-12
    np.testing.assert_allclose(moved.n, 3 + 197 * np.exp([-0.03, -0.09]), rtol=1e-9)


def test_without_coupling_all_is_thermal():
    mode = w.quantised_mode(10, 0, 11, 0.0, **SET)
    assert mode.R == 0
    assert (mode.occupation_u, mode.n) == pytest.approx((0.9, 0.2))
    assert mode.g2 == pytest.approx(2)
    # A mode with three temperatures and the same x everywhere: nothing flows at any coupling.
    p = w.quantised_mode(10, 0, 11, 2.0, 1, 1.5, 0.3, T_u=1, T_l=1, T_b=1, mu_u=0.5, mu_l=0.5)
    assert pytest.approx(0, abs=1e-15) == p.R
    assert p.entropy_production == pytest.approx(0, abs=1e-12)
    dark = w.quantised_mode(10, 0, 11, 0, 1, 1.5, 0.3, T_u=1, T_l=1, T_b=2, mu_u=3, mu_l=0)
    assert str(dark.operation) == "no flow"  # neither a diode nor a solar cell


def test_hartree_fock():
    """Its own equations, occupations and sign at any coupling; within a tenth for most weak."""
    close = []
    for k, parameters in enumerate(random_sets(400, 6)):
        parameters["g"] *= (0.3, 1.0, 10.0, 100.0)[k % 4]
        p = mode_parameters(**parameters)
        rate, upper, lower, n = w.hartree_fock(p)
        assert rate == pytest.approx(
            p.alpha * (upper * (1 - lower) + (upper - lower) * n), rel=1e-9,
            abs=1e-12 * p.alpha * (1 + n),
        )  # fmt: skip
        assert 0 <= upper <= 1
        assert 0 <= lower <= 1
        assert n >= 0
        assert rate * p.affinity > 0
        if k % 4 == 0:
            close.append(abs(rate / w.quantised_mode(**parameters).R - 1) < 0.1)
    assert np.mean(close) > 0.6


@pytest.mark.parametrize(
    ("g", "gamma_b", "R", "exact"), [(1.0, 0.01, 0.39999, 0.39688), (3.0, 0.2, 0.44054, 0.39826)]
)
def test_hartree_fock_of_a_laser(g, gamma_b, R, exact):
    """The root of smallest |R| would have n < 0 here; exact values from the density matrix."""
    mode = w.quantised_mode(10, 0, 10.5, g, 1, 1, gamma_b, f_u=0.9, f_l=0.1, n_b=0)
    rate, upper, lower, n = w.hartree_fock(mode.parameters)
    assert rate == pytest.approx(R, abs=5e-6)
    assert (upper, lower, n) == pytest.approx((0.9 - rate, 0.1 + rate, rate / gamma_b))
    assert pytest.approx(exact, abs=5e-6) == mode.R


def test_hartree_fock_without_light_or_electrons():
    for given in ({"g": 0.0}, {"f_u": 0.0, "n_b": 0.0}, {"f_l": 1.0, "n_b": 0.0}):
        parameters = {"E_u": 10, "E_l": 0, "omega_cav": 11, "g": 2.0, **SET, **given}
        assert w.hartree_fock(mode_parameters(**parameters))[0] == 0


def test_counting_statistics():
    """λ(s) = λ(-A-s), its derivatives, and the same of trajectories of the golden rule."""
    mode = w.quantised_mode(10, 0, 11, 0.4, **SET)
    count, affinity = mode.counting, mode.parameters.affinity
    for s in (-0.4, 0.0, 0.3):
        assert count.generating(s) == pytest.approx(count.generating(-affinity - s), abs=1e-10)
    h = 1e-2
    plus, minus = count.generating(h), count.generating(-h)
    assert count.rate == pytest.approx(mode.R)
    assert count.rate == pytest.approx((plus - minus) / (2 * h), rel=1e-4)
    assert count.variance == pytest.approx((plus + minus) / h**2, rel=1e-3)
    weak = w.quantised_mode(10, 0, 11, 0.05, **SET)
    model = js.systems.two_level(0.05, 1.0, **SET)
    start = {"u": 1, "l": 0, "photon": 0}
    law = js.count_cumulants(
        model, [400.0, 800.0], start, {"into u": 1, "out of u": -1}, from_stationary=True,
        truncate={"photon": 30},
    )  # fmt: skip
    slope = np.diff(law.cumulants[:2], axis=1)[:, 0] / 400
    assert slope[0] == pytest.approx(weak.counting.rate, rel=1e-3)
    assert slope[1] == pytest.approx(weak.counting.variance, rel=5e-3)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: w.classical_field(1, 0, 1, 0, 1, 1, f_u=0.5, f_l=0.5), "must be > 0"),
        (lambda: w.classical_field(1, 0, 1, 1, -1, 1, f_u=0.5, f_l=0.5), "`gamma_l` must be ≥ 0"),
        (lambda: w.classical_field(1, 0, 1, 1, 1, 1, f_u=1.5, f_l=0.5), "from 0 to 1, but is 1.5"),
        (lambda: w.classical_field(1, 0, 1, 1, 1, 1, f_u=0.5), "either `f_l` or `T_l` with `mu_l`"),
        (lambda: w.classical_field(1, 0, 1, 1, 1, 1, f_u=0.5, f_l=0.5, T_u=1), "either `f_u` or"),
        (lambda: w.classical_field(1, 0, 1, 1, 1, 1, f_u=0.5, T_l=1), "`T_l` needs `mu_l`"),
        (lambda: w.classical_field(1, 0, 1, 1, 1, 1, f_u=0.5, T_l=-1, mu_l=0), "`T_l` must be > 0"),
        (lambda: w.classical_field("x", 0, 1, 1, 1, 1, f_u=0.5, f_l=0.5), "`E_u` must be a finite"),
        (
            lambda: w.classical_field(1, 0, 1, 1, 1, 1, f_u=0.5, f_l=0.5).entropy_production,
            "needs `T_u` and `mu_u`, not a filling",
        ),
        (
            lambda: w.classical_field(1, 0, 1, 1, 1, 1, f_u=0.5, f_l=0.5).evolve([1], (2, 0, 0)),
            "two occupations from 0 to 1",
        ),
        (
            lambda: w.classical_field(1, 0, 1, 1, 1, 1, f_u=0.5, f_l=0.5).evolve([1], (1, 0, 1)),
            "the coherence is too large",
        ),
        (
            lambda: w.classical_field(1, 0, [1, 2], 1, 1, 1, f_u=0.5, f_l=0.5).evolve([1]),
            "not for arrays",
        ),
        (
            lambda: w.classical_field(
                1, 0, 1, 1, 1, 1, T_u=1, T_l=1, mu_u=0, mu_l=0, energies="mean"
            ),
            '"effective" or "bare"',
        ),
        (lambda: w.quantised_mode(1, 0, 1, 1, 1, 1, 0, f_u=0, f_l=0, n_b=0), "must be > 0 for a"),
        (lambda: w.quantised_mode(1, 0, 1, 1, 1, 1, 1, f_u=0, f_l=0, n_b=-1), "`n_b` must be ≥ 0"),
        (
            lambda: w.quantised_mode(1, 0, 1, 1, 1, 1, 1, f_u=0, f_l=0, n_b=5, cutoff=3),
            "`cutoff` = 3 is too small: its probability is",
        ),
        (
            lambda: w.quantised_mode(9, 0, -1, 1, 1, 1, 9, f_u=0, f_l=0, T_b=1, energies="bare"),
            "photon energy must be > 0",
        ),
        (
            lambda: w.quantised_mode(9, 0, 9, 1, 1, 1, 1, f_u=0, f_l=0, n_b=0).evolve(
                [1], {"coherent": 2}
            ),
            "superpositions such as coherent states",
        ),
        (
            lambda: w.quantised_mode(9, 0, 9, 1, 1, 1, 1, f_u=0, f_l=0, n_b=0).evolve(
                [1], {"populations": [[1, 1]] * 4}
            ),
            "numbers ≥ 0 that add up to 1",
        ),
        (
            lambda: w.quantised_mode(9, 0, 9, 1, 1, 1, 1, f_u=0, f_l=0, n_b=0).operation,
            "needs temperatures and potentials",
        ),
        (lambda: js.systems.two_level(1, 0, 1, 1, 1, 1.2, 0, 0), "`f_u` must be from 0 to 1"),
        (lambda: js.systems.two_level(1, 0, 0, 0, 0, 1, 0, 0), "must not all be 0"),
        (lambda: js.systems.two_level(1, 0, 1, 1, 1, 1, 0, 0, emitters=0), "`emitters` must be"),
    ],
)
def test_refused(call, match):
    with pytest.raises(js.InputError, match=match):
        call()

"""Periodic and static fermionic systems (W App. C): two levels, plain steps, conservation laws."""

import numpy as np
import pytest

import jumpsim as js
from jumpsim.theory import twolevel as w

ROTATING = {0: np.diag([10.0, 0.0]), 1: np.array([[0, 0.5 + 0.3j], [0, 0]])}
PERIOD = 2 * np.pi / 12


def random_three(seed):
    """Three levels driven at ω = 3, with reservoirs."""
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((2, 3, 3))

    def h(t):
        return a + a.T + 0.5 * (b + b.T) * np.cos(3 * t)

    return h, {
        "gamma": rng.uniform(0.2, 2, 3), "period": 2 * np.pi / 3, "T": rng.uniform(0.3, 2, 3),
        "mu": rng.standard_normal(3),
    }  # fmt: skip


def test_it_is_the_classical_field_in_the_rotating_case():
    field = w.classical_field(10, 0, 12, 1, 2, 0.5 + 0.3j, f_u=0.8, f_l=0.1)
    found = w.periodic(ROTATING, [1, 2], period=PERIOD, f=[0.8, 0.1])
    np.testing.assert_allclose(found.effective_energies, [field.E_u, field.E_l], rtol=1e-10)
    np.testing.assert_allclose(found.particle_flows, [field.R, -field.R], rtol=1e-10)
    assert found.power == pytest.approx(field.energy_flows["light"])
    upper = found.at(0.3)[0, 0]
    assert upper == pytest.approx(field.occupation_u)
    np.testing.assert_allclose(found.at(0.3)[0, 1], field.coherence * np.exp(-12j * 0.3))


@pytest.mark.parametrize("energies", ["bare", "effective"])
def test_the_published_example_again(energies):
    h = {0: np.diag([10.0, 0.0]), 1: np.array([[0, 0.5], [0, 0]])}
    found = w.periodic(h, 1.0, period=PERIOD, T=1, mu=[11, 0], energies=energies)
    sign = 1 if energies == "effective" else -1
    assert found.entropy_production == pytest.approx(0.01925488 * sign, abs=5e-9)


def test_against_plain_steps():
    """Runge-Kutta steps of the equation over many periods, a real cosine drive."""
    h, given = random_three(1)
    gamma, f = np.diag(given["gamma"]), np.array([0.2, 0.9, 0.5])
    found = w.periodic(h, given["gamma"], period=given["period"], f=f)

    def slope(t, sigma):
        now = h(t)
        decay = (gamma @ sigma + sigma @ gamma) / 2
        return -1j * (now @ sigma - sigma @ now) - decay + gamma * f

    sigma, steps = np.zeros((3, 3), complex), 400
    step, flows, work = given["period"] / steps, 0.0, 0.0
    for n in range(40 * steps):
        t = n * step
        if n >= 39 * steps:
            flows = flows + np.diagonal(gamma * f - gamma @ sigma).real / steps
            change = (h(t + 1e-6) - h(t - 1e-6)) / 2e-6
            work += np.trace(change @ sigma).real / steps
        k1 = slope(t, sigma)
        k2 = slope(t + step / 2, sigma + step / 2 * k1)
        k3 = slope(t + step / 2, sigma + step / 2 * k2)
        sigma = sigma + step / 6 * (k1 + 2 * k2 + 2 * k3 + slope(t + step, sigma + step * k3))
    np.testing.assert_allclose(found.at(0.0), sigma, atol=1e-7)
    np.testing.assert_allclose(found.particle_flows, flows, atol=1e-7)
    assert found.power == pytest.approx(work, abs=1e-6)


def test_laws_of_random_three_level_machines():
    """Energy to rounding; entropy never destroyed at any solution; there may be several."""
    numbers = []
    for seed in range(12):
        h, given = random_three(seed)
        found = w.periodic_solutions(h, starts=20, **given)
        numbers.append(len(found))
        for state in found:
            assert state.energy_flows.sum() + state.power == pytest.approx(0, abs=1e-12)
            assert state.particle_flows.sum() == pytest.approx(0, abs=1e-12)
            assert state.entropy_production > -1e-13
            wanted = 1 / (np.exp((state.effective_energies - given["mu"]) / given["T"]) + 1)
            np.testing.assert_allclose(state.f, wanted, atol=1e-9)
    assert max(numbers) > 1
    assert sum(n > 0 for n in numbers) > 8


def test_iteration_and_root_agree():
    h = {0: np.diag([3.0, 0.0, 1.0]), 1: np.zeros((3, 3))}
    h[1][0, 1] = 0.4
    h[0] = h[0] + 0.3 * (np.eye(3, k=1) + np.eye(3, k=-1))
    given = {"period": 2 * np.pi / 3.3, "T": [1.0, 0.8, 1.5], "mu": [2.0, 0.0, 0.5]}
    one = w.periodic(h, [1, 0.7, 0.5], damping=0.6, **given)
    assert 1 < one.iterations < 1000
    all_of_them = w.periodic_solutions(h, [1, 0.7, 0.5], **given)
    gaps = [np.abs(s.effective_energies - one.effective_energies).max() for s in all_of_them]
    assert min(gaps) < 1e-7
    again = w.periodic(h, [1, 0.7, 0.5], start=one.effective_energies, **given)
    assert again.iterations == 1
    assert "self-consistent after 1 iterations" in str(again)


def test_tunnelling_is_the_static_case():
    """ω = 0: both effective energies meet (W after 16); local bare fillings may break the law."""
    found = w.periodic([[2, 0.5], [0.5, 1]], [1, 2], T=[1, 2], mu=[2, 0])
    np.testing.assert_allclose(found.effective_energies, 5 / 3)
    assert found.power == 0
    field = w.classical_field(2, 1, 0, 1, 2, 0.5, T_u=1, T_l=2, mu_u=2, mu_l=0)
    assert found.entropy_production == pytest.approx(field.entropy_production)


def test_a_real_drive_is_not_the_rotating_wave():
    def h(t):
        return np.array([[10, np.cos(12 * t)], [np.cos(12 * t), 0]])

    real = w.periodic(h, [1, 2], period=PERIOD, f=[0.8, 0.1])
    rotating = w.periodic(
        {0: np.diag([10.0, 0]), 1: np.array([[0, 0.5], [0, 0]])}, [1, 2], period=PERIOD,
        f=[0.8, 0.1],
    )  # fmt: skip
    assert real.energy_flows.sum() + real.power == pytest.approx(0, abs=1e-12)
    gap = np.abs(real.effective_energies - rotating.effective_energies).max()
    assert gap > 1e-3


def test_levels_without_a_reservoir():
    h = [[0, 0.5, 0], [0.5, 1, 0.5], [0, 0.5, 0]]
    found = w.periodic(h, [1, 0, 2], T=1.0, mu=[1.0, 0.0, -1.0])
    assert found.particle_flows[1] == 0
    assert np.isnan(found.effective_energies[1])
    assert found.particle_flows[0] > 0
    assert found.entropy_production > 0


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: w.periodic([[1, 2], [3, 4]], 1.0, f=0.5), "must be Hermitian"),
        (lambda: w.periodic([1, 2], 1.0, f=0.5), "square matrices"),
        (lambda: w.periodic(ROTATING, 1.0, f=0.5), "require `period`"),
        (lambda: w.periodic(lambda _: np.eye(2), 1.0, f=0.5), "requires `period`"),
        (
            lambda: w.periodic(lambda t: np.eye(2) * (t < 0.1), 1.0, f=0.5, period=1.0),
            "has jumps in time",
        ),
        (lambda: w.periodic(np.eye(2), 0.0, f=0.5), "> 0 for at least one level"),
        (lambda: w.periodic(np.eye(2), -1.0, f=0.5), "`gamma` must be ≥ 0"),
        (lambda: w.periodic(np.eye(2), 1.0, f=1.5), "`f` must be from 0 to 1"),
        (lambda: w.periodic(np.eye(2), 1.0), "either `f` or both `T` and `mu`"),
        (lambda: w.periodic(np.eye(2), 1.0, T=-1.0, mu=0), "`T` must be > 0"),
        (lambda: w.periodic(np.eye(2), 1.0, T=1.0, mu=0, damping=1), "`damping` must be"),
        (lambda: w.periodic(np.eye(2), 1.0, T=1.0, mu=0, energies="x"), '"effective" or "bare"'),
        (
            lambda: w.periodic(np.eye(2), 1.0, T=1.0, mu=0),
            "the particle flow into level 0 vanishes",
        ),
        (
            lambda: w.periodic(ROTATING, 1.0, T=1, mu=[11, 0], period=PERIOD, max_iterations=2),
            "still change by",
        ),
        (
            lambda: w.periodic(np.eye(2), 1.0, f=0.5).entropy_production,
            "entropy production needs `T` and `mu`",
        ),
    ],
)
def test_refused(call, match):
    with pytest.raises(js.InputError, match=match):
        call()

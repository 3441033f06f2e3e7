"""Entropy production, heat and entropies of average counts, against typed formulas."""

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from support.networks import random_counts

import jumpsim as js
from jumpsim.model.initial import Thermal

s, thermo = js.systems, js.thermo
M, MODES, DEC, ZERO, TILDE, TILDE_WG = 60, 45.0, 1.1e4, 2.3e4, (0.7e7, 0.3e7), (1.3e7, 0.2e7)
K_B, H, C = 1.380649e-23, 6.62607015e-34, 299792458.0


def waveguide(**more):
    return s.open_waveguide(M, MODES, DEC, ZERO, TILDE, TILDE_WG, **more)


def random_states(rng, number=100):
    return np.stack(
        [rng.uniform(1, 3 * MODES, number), rng.uniform(1, 3 * MODES, number),
         rng.uniform(1, M - 1, number)], axis=-1
    )  # fmt: skip


def test_entropy_production_is_BM_21_to_24():
    model, rng = waveguide(), np.random.default_rng(1)
    counts = random_states(rng)
    nA, nB, m = counts[:, 0] / MODES, counts[:, 1] / MODES, counts[:, 2]
    ln, (g1, g2) = np.log, TILDE
    AB = MODES * ZERO * (nB - nA) * (ln(nB * (nA + 1)) - ln(nA * (nB + 1)))
    Am = (g2 * m * (nA + 1) - g1 * nA * (M - m)) * (ln(m * (nA + 1)) - ln((M - m) * nA))
    Bm = (g1 * m * (nB + 1) - g2 * nB * (M - m)) * (ln(m * (nB + 1)) - ln((M - m) * nB))
    found = thermo.entropy_production(model, counts)
    assert set(found.parts) == {"A,B", "A,m", "B,m"}
    gross = np.abs(AB) + np.abs(Am) + np.abs(Bm)
    for name, expected in (("A,B", AB), ("A,m", Am), ("B,m", Bm)):
        assert (np.abs(found.parts[name] - expected) < 1e-11 * gross).all()
    assert (np.abs(found.total - AB - Am - Bm) < 1e-11 * gross).all()


def test_heat_is_BM_74_and_leaves_at_the_temperature_of_the_pools():
    model, rng = waveguide(), np.random.default_rng(2)
    counts = random_states(rng)
    A, B, m = counts.T
    flows = thermo.heat_flows(model, counts)
    each = DEC * (A + B)
    np.testing.assert_allclose(flows["end 1"], each + TILDE_WG[0] * m, rtol=1e-12)
    np.testing.assert_allclose(flows["end 2"], each + TILDE_WG[1] * m, rtol=1e-12)
    over_T = 2 * DEC * (A * np.log((A + MODES) / A) + B * np.log((B + MODES) / B))
    over_T += sum(TILDE_WG) * m * np.log((M - m) / m)  # BM 75, 76
    found = thermo.entropy_production(model, counts)
    np.testing.assert_allclose(found.outflow, over_T, rtol=1e-11, atol=1e-11 * np.abs(over_T).max())
    np.testing.assert_allclose(found.system, found.total - over_T, rtol=1e-9, atol=1e-3)


def test_entropies_are_BM_14_and_96():
    model, rng = waveguide(), np.random.default_rng(3)
    counts = random_states(rng)
    A, B, m = counts.T
    p = m / M
    S_m = -M * (p * np.log(p) + (1 - p) * np.log(1 - p))
    found = thermo.entropies(model, counts)
    np.testing.assert_allclose(found[:, 2], S_m, rtol=1e-12)
    for column, N in ((0, A), (1, B)):
        n = N / MODES
        S_rad = np.log((1 + n) / n) * n + np.log(1 + n)  # ħω n/T + ln(1 + n)
        np.testing.assert_allclose(found[:, column], MODES * S_rad, rtol=1e-12)
    assert (thermo.entropies(model, [0, 0, 0]) == 0).all()
    assert thermo.entropies(model, [0, 0, M])[2] == 0


SYSTEMS = {
    "open": (s.open_waveguide(100, 100, 1e4, 1e4, (1e7, 0), (1e7, 0)), 1e-6),
    "closed": (s.closed_waveguide(100, 100, 80, 1e4, 1e4, 1.25e4, (1e7, 0), (1e7, 0)), 1e-6),
    "warm": (s.open_waveguide(50, 40, 1e4, 1e4, (1e6, 0), (1e6, 0), n_env=(0.3, 0.8)), 1e-5),
    "cavity": (s.embedded_cavity(50, 20, 40, 1e5, 2e4, 1e4), 1e-6),
    "hohlraum": (s.hohlraum(50, 20, 1e6), 1e-6),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_entropy_changes_by_production_and_heat(name):
    """dS/dt = σ - ΣQ/T along a solution: both sides integrated, to 1e-10."""
    model, end = SYSTEMS[name]
    pools = len(model.pools)
    start = Thermal({p: 0.6 + 0.3 * k for k, p in enumerate(model.pools)}).mean(model)

    def right(_, y):
        flow = thermo.entropy_production(model, y[:pools])
        return np.concatenate([model.table.drift(y[:pools]), [flow.total, flow.outflow]])

    y = np.concatenate([start, [0.0, 0.0]])
    times = np.array([0.1, 0.4, 1.0]) * end
    solution = solve_ivp(right, (0, end), y, "DOP853", times, rtol=1e-13, atol=1e-13).y.T
    change = (
        thermo.entropies(model, solution[:, :pools]).sum(1) - thermo.entropies(model, start).sum()
    )
    produced, left = solution[:, -2], solution[:, -1]
    gross = np.abs(produced) + np.abs(left) + thermo.entropies(model, start).sum()
    assert (np.abs(change - (produced - left)) <= 1e-10 * gross).all()
    if name in ("hohlraum", "cavity", "closed"):
        np.testing.assert_array_equal(left, 0)


def test_balanced_systems_never_lose_entropy():
    rng = np.random.default_rng(5)
    for model in (
        s.hohlraum(30, 12.5, 1e6),
        s.embedded_cavity(30, 10, 20, 1e5, 2e4, 1e4),
        s.closed_waveguide(30, 10, 20, 1, 1, 1, (5, 2), (3, 1), long_path=True),
        s.open_waveguide(30, 10, 1, 1, (5, 5), (3, 3)),
    ):
        for counts in random_counts(model, rng, (300,)):
            if (counts > 0).all() and (counts[-1] < 30):
                flow = thermo.entropy_production(model, counts)
                assert flow.total >= -1e-9 * sum(map(abs, flow.parts.values()))


def test_published_values():
    model = s.open_waveguide(100, 100, 1e4, 1e4, (1e7, 0), (1e7, 0))
    times = np.linspace(0, 2e-6, 2001)
    sigma = thermo.entropy_production(model, js.mean_field(model, times, Thermal(1.0)).counts).total
    crossing = times[1:][(sigma[:-1] < 0) & (sigma[1:] >= 0)]
    assert crossing == pytest.approx([0.751e-6], abs=1e-9)
    assert sigma.min() == pytest.approx(-176e6, abs=0.5e6)
    assert times[sigma.argmin()] == pytest.approx(0.133e-6, abs=1e-9)
    assert (sigma[1:751] < 0).all()
    assert (sigma[752:] > 0).all()
    loop = s.closed_waveguide(100, 100, 100, 1e4, 1e4, 1e4, (1e7, 0), (1e7, 0))
    ends = thermo.entropies(loop, js.mean_field(loop, [0, 1e-3], Thermal(1.0)).counts).sum(axis=1)
    assert ends == pytest.approx([474.5, 285.9], abs=0.05)


def test_energies_of_quanta():
    model = js.Model(
        [js.Pool.bosonic("N", 4, energy=2.5), js.Pool.tls("m", 6, energy=2.5)],
        [
            *js.Channel.reversible("emit", "absorb", 3.0, {"m": 1}, {"N": 1}),
            js.Channel("loss", 2.0, {"N": 1}, bath="cold"),
        ],
        wavelength="10 um",
    )
    counts = np.array([3.0, 2.0])
    quantum = H * C / 1e-5
    x = np.array([math.log(7 / 3), math.log(4 / 2)])
    np.testing.assert_allclose(thermo.inverse_temperatures(model, counts), x)
    np.testing.assert_allclose(thermo.temperatures(model, counts), 2.5 / x)
    np.testing.assert_allclose(
        thermo.temperatures(model, counts, si=True), 2.5 * quantum / K_B / x, rtol=1e-9
    )
    assert thermo.heat_flows(model, counts)["cold"] == pytest.approx(2.0 * 3 / 4 * 2.5)
    assert thermo.heat_flows(model, counts, si=True)["cold"] == pytest.approx(3.75 * quantum)
    jumps = np.array([[4, 2, 3], [0, 0, 1]])
    np.testing.assert_array_equal(thermo.heat_to_baths(model, jumps)["cold"], [7.5, 2.5])
    np.testing.assert_allclose(
        thermo.heat_to_baths(model, jumps, si=True)["cold"], np.array([7.5, 2.5]) * quantum
    )
    plain = thermo.entropy_production(model, counts)
    si = thermo.entropy_production(model, counts, si=True)
    assert si.total == pytest.approx(K_B * plain.total)
    assert si.outflow == pytest.approx(K_B * plain.outflow)
    np.testing.assert_allclose(
        thermo.entropies(model, counts, si=True), K_B * thermo.entropies(model, counts)
    )
    assert thermo.temperature_unit(model) == (pytest.approx(quantum / K_B), "K")
    assert thermo.temperature_unit(model, si=False) == (1.0, "ħΩ/k_B")


def test_empty_and_inverted_pools():
    model = waveguide()
    x = thermo.inverse_temperatures(model, [0, 5, 45])
    assert x[0] == np.inf
    assert x[2] < 0
    entering = thermo.entropy_production(model, [0.0, 5, 4])
    assert entering.parts["A,m"] == np.inf
    nothing = s.open_waveguide(M, MODES, 0, 0, (0, 0), (1, 0))
    assert thermo.entropy_production(nothing, [0.0, 5, 4]).total == 0


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: thermo.entropies(waveguide(), [1, 2]), "`counts` must be an array with 3 entries"),
        (lambda: thermo.entropies(waveguide(), "abc"), "`counts` must be an array with 3 entries"),
        (
            lambda: thermo.temperatures(waveguide(), [1, 2, 3], si=True),
            "joule and kelvin need the wavelength",
        ),
        (lambda: thermo.heat_to_baths(waveguide(), [1, 2]), "`jumps` must have 12 entries"),
        (lambda: thermo.boltzmann_entropies(waveguide(), [1, 2, 61]), "from 0 to 60"),
        (lambda: thermo.boltzmann_entropies(waveguide(), [1, 2.5, 6]), "must be a whole number"),
    ],
)
def test_refused(call, match):
    with pytest.raises(js.InputError, match=match):
        call()


def test_mass_action_has_no_temperature():
    model = js.Model([js.Pool.mass_action("X")], [js.Channel("death", 1.0, {"X": 1})])
    with pytest.raises(js.InputError, match="'X' has no temperature"):
        thermo.entropy_production(model, [3.0])
    assert np.isnan(thermo.entropies(model, [3.0])).all()


# Averages


def test_errors_of_averages_are_right():
    """Spread of σ, S and heat over 300 runs against the error of one; 12 % is four errors."""
    model = s.open_waveguide(40, 30, 1e4, 1e4, (1e7, 0), (1e7, 0))
    times, runs = [1e-7], 300
    found = [
        thermo.of_averages(
            js.simulate(model, times, 200, Thermal(1.0), seed=seed, record=["counts", "jumps"])
        )
        for seed in range(runs)
    ]
    for value, error in (
        ([f.sigma[0] for f in found], [f.sigma_sem[0] for f in found]),
        ([f.entropy[0] for f in found], [f.entropy_sem[0] for f in found]),
        ([f.heat["end 1"][0] for f in found], [f.heat_sem["end 1"][0] for f in found]),
        ([f.temperatures[0, 1] for f in found], [f.temperatures_sem[0, 1] for f in found]),
    ):
        assert np.std(value, ddof=1) == pytest.approx(np.mean(error), rel=4 / math.sqrt(2 * runs))


def test_heat_of_averages_is_from_whole_jumps():
    model = s.open_waveguide(40, 30, 1e4, 1e4, (1e7, 0), (1e7, 0), wavelength="10 um")
    ensemble = js.simulate(model, [1e-7, 1e-6], 50, Thermal(1.0), 1, record=["counts", "jumps"])
    found = thermo.of_averages(ensemble)
    jumps = ensemble.jumps
    end_1 = jumps[:, :, [0, 2, 10]].sum(axis=2)  # losses of A, B and m through end 1
    np.testing.assert_allclose(found.heat["end 1"], end_1.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.heat_sem["end 1"], end_1.std(axis=0, ddof=1) / math.sqrt(50))
    np.testing.assert_array_equal(found.entropy, thermo.entropies(model, ensemble.mean()).sum(1))
    assert "heat to end 1" in str(found)
    without = js.simulate(model, [1e-7], 50, Thermal(1.0), 1)
    assert thermo.of_averages(without).heat == {}

"""Entropies, heat and entropy production: BM's formulas typed by hand, and single trajectories."""

import math

import numpy as np
import pytest
from oracles import reference
from scipy.integrate import solve_ivp
from support.networks import random_counts, random_model

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
    np.testing.assert_array_equal(thermo.heat_given(model, jumps)["cold"], [7.5, 2.5])
    np.testing.assert_allclose(
        thermo.heat_given(model, jumps, si=True)["cold"], np.array([7.5, 2.5]) * quantum
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
        (lambda: thermo.heat_given(waveguide(), [1, 2]), "`jumps` must have 12 entries"),
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


# Single trajectories


def test_boltzmann_entropy_is_a_logarithm_of_ways():
    model = s.open_waveguide(12, 7, 1, 1, (1, 1), (1, 1))
    for A, B, m in random_counts(model, np.random.default_rng(6), (100,)).tolist():
        ways = (math.comb(A + 6, A), math.comb(B + 6, B), math.comb(12, m))
        found = thermo.boltzmann_entropies(model, [A, B, m])
        np.testing.assert_allclose(found, np.log([float(w) for w in ways]), atol=1e-12)
    large = s.open_waveguide(10**6, 10**6, 1, 1, (1, 1), (1, 1))
    counts = [500_000, 10**6, 250_000]
    np.testing.assert_allclose(
        thermo.boltzmann_entropies(large, counts), thermo.entropies(large, counts), rtol=2e-5
    )


def walked(model, system, start, channels, baths):
    """Entropies along a trajectory, one event after the other, with rates typed by hand."""
    rates, changes = system
    names = model.channels
    counts, internal, stochastic, lost = tuple(start), 0.0, 0.0, 0

    def boltzmann(counts):
        total = 0.0
        for pool, n in zip(model.pool_specs, counts, strict=True):
            if pool.kind == "tls":
                total += math.log(math.comb(pool.size, n))
            else:
                total += math.lgamma(n + pool.size) - math.lgamma(pool.size) - math.lgamma(n + 1)
        return total

    for c in channels:
        after = tuple(n + d for n, d in zip(counts, changes[c], strict=True))
        if not baths[c]:
            internal += boltzmann(after) - boltzmann(counts)
        back = model.channel_specs[c].reverse
        reverse = rates(after)[names.index(back)] if back else 0.0
        if reverse > 0:
            stochastic += math.log(rates(counts)[c] / reverse)
        else:
            lost += 1
        counts = after
    return counts, boltzmann(counts), internal, stochastic, lost


WARM = (12, 8.5, 1.0, 0.5, (2.0, 0.7), (0.3, 0.9))
LOOP = (12, 8.5, 5, 1.0, 0.5, 0.8, (2.0, 0.7), (0.3, 0.9))


@pytest.mark.parametrize(
    ("model", "system", "start", "end"),
    [
        (s.open_waveguide(*WARM), reference.open_waveguide(*WARM), (20, 10, 6), 1.0),
        (
            s.open_waveguide(*WARM, n_env=(0.4, 0.9)),
            reference.warm_waveguide(*WARM, (0.4, 0.9)),
            (20, 10, 6),
            1.0,
        ),
        (s.closed_waveguide(*LOOP), reference.closed_waveguide(*LOOP), (20, 9, 4, 5, 6), 0.3),
        (s.hohlraum(20, 10, 1.0), reference.hohlraum(20, 10, 1.0), (15, 0), 2.0),
    ],
    ids=["open", "warm", "closed", "hohlraum"],
)
def test_along_a_trajectory(model, system, start, end):
    times = np.array([0.2, 0.5, 1.0]) * end
    initial = dict(zip(model.pools, start, strict=True))
    ensemble = js.simulate(model, times, 6, initial, seed=4, record=["counts", "events"])
    produced = thermo.internal_production(ensemble)
    assert produced.shape == (6, 3)
    baths = [c.bath is not None for c in model.channel_specs]
    for i in range(6):
        when, channels = ensemble.events(i)
        found = thermo.along(ensemble, i)
        np.testing.assert_array_equal(found.times, [0, *when])
        assert len(found.boltzmann) == len(channels) + 1
        for k in (0, len(channels) // 2, len(channels)):
            counts, entropy, internal, stochastic, lost = walked(
                model, system, start, channels[:k], baths
            )
            np.testing.assert_array_equal(found.counts[k], counts)
            assert found.boltzmann[k] == pytest.approx(entropy, abs=1e-10)
            assert found.internal[k] == pytest.approx(internal, abs=1e-10)
            assert found.stochastic[k] == pytest.approx(stochastic, abs=1e-9)
            assert found.irreversible[k] == lost
        for k, t in enumerate(times):
            place = np.searchsorted(when, t, side="right")
            assert produced[i, k] == pytest.approx(found.internal[place], abs=1e-9)
        np.testing.assert_array_equal(found.counts[-1], ensemble.counts[i, -1])


def test_both_notions_agree_where_detailed_balance_holds():
    for model, start in (
        (s.hohlraum(20, 10, 1.0), (15, 0)),
        (s.embedded_cavity(10, 3.5, 6, 1.0, 0.4, 0.6), (12, 4, 3)),
        (s.closed_waveguide(*LOOP, long_path=True), (20, 9, 4, 5, 6)),
    ):
        ensemble = js.simulate(model, [1.0], 3, start, seed=2, record="events")
        for i in range(3):
            found = thermo.along(ensemble, i)
            assert found.irreversible[-1] == 0
            assert len(found.times) > 20
            np.testing.assert_allclose(found.stochastic, found.internal, atol=1e-9)
            np.testing.assert_allclose(
                found.internal, found.boltzmann - found.boltzmann[0], atol=1e-9
            )


def test_the_paradox():
    """In the chiral system the first notion falls while the second diverges."""
    model = s.open_waveguide(100, 100, 1e4, 1e4, (1e7, 0), (1e7, 0))
    ensemble = js.simulate(model, [5e-7], 200, Thermal(1.0), seed=1, record="events")
    found = thermo.along(ensemble, 0)
    assert found.internal[-1] < -10
    assert found.irreversible[-1] > 50
    assert "diverges" in str(found)
    produced = thermo.internal_production(ensemble)[:, -1]
    assert (produced < 0).mean() > 0.95


def test_rows_counted_from_the_end():
    model = s.hohlraum(20, 10, 1.0)
    ensemble = js.simulate(model, [0.5], 4, Thermal(1.0), seed=4, record="events")
    last, same = thermo.along(ensemble, -1), thermo.along(ensemble, 3)
    np.testing.assert_array_equal(last.counts, same.counts)
    np.testing.assert_array_equal(last.boltzmann, same.boltzmann)


def test_starts_are_those_that_were_drawn():
    model = s.open_waveguide(100, 100, 1e4, 1e4, (1e7, 0), (1e7, 0))
    ensemble = js.simulate(model, [0, 1e-8], 50, Thermal(1.0), seed=1, record=["counts", "events"])
    np.testing.assert_array_equal(ensemble.starts(0, 50), ensemble.counts[:, 0])
    np.testing.assert_array_equal(ensemble.starts(7, 5), ensemble.counts[7:12, 0])
    assert ensemble.starts(3, 0).shape == (0, 3)


def test_slabs_of_events_are_the_events(monkeypatch):
    model = s.hohlraum(20, 10, 1.0)
    ensemble = js.simulate(model, [0.5], 30, (15, 0), seed=4, record="events")
    for size in (1, 37, 10**6):
        monkeypatch.setattr("jumpsim.store.ensemble._SLAB_EVENTS", size)
        rows, times, channels = [], [], []
        for row, numbers, t, c in ensemble.event_slabs():
            rows += [row + k for k in range(len(numbers))]
            cuts = np.cumsum(numbers)[:-1]
            times += np.split(t, cuts)
            channels += np.split(c, cuts)
        assert rows == list(range(30))
        for i in range(30):
            np.testing.assert_array_equal(times[i], ensemble.events(i)[0])
            np.testing.assert_array_equal(channels[i], ensemble.events(i)[1])


def test_trajectories_without_events():
    model = s.hohlraum(20, 10, 1e-3)
    ensemble = js.simulate(model, [0.5, 1.0], 20, (15, 0), seed=4, record="events")
    assert (ensemble.event_count == 0).any()
    produced = thermo.internal_production(ensemble)
    assert (produced[ensemble.event_count == 0] == 0).all()
    quiet = int(np.argmin(ensemble.event_count))
    assert len(thermo.along(ensemble, quiet).times) == 1


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


def test_first_law_along_every_trajectory():
    """Energy lost by the pools is exactly the heat of the baths."""
    rng = np.random.default_rng(8)
    for _ in range(5):
        model = random_model(rng, kinds=("bosonic", "tls", "fermionic"))
        energies = np.array([p.energy for p in model.pool_specs])
        jumps = rng.integers(0, 50, len(model.channels))
        changes = jumps @ model.table.changes @ energies
        internal = [k for k, c in enumerate(model.channel_specs) if c.bath is None]
        made = jumps[internal] @ model.table.changes[internal] @ energies
        given = sum(thermo.heat_given(model, jumps).values(), 0.0)
        assert given == pytest.approx(made - changes, abs=1e-9)


@pytest.mark.slow
def test_internal_production_tends_to_sigma():
    """⟨Σ ΔS_B⟩/λ - ∫σ dt falls as 1/λ for t ≤ 0.3 µs; 10⁶ trajectories at λ = 16.

    The deviation times λ is the same for λ = 4, 8, 16 within four errors, and not zero.
    """
    base = s.open_waveguide(100, 100, 1e4, 1e4, (1e7, 0), (1e7, 0))
    times = np.array([1e-7, 2e-7, 3e-7])
    grid = np.linspace(0, 3e-7, 601)
    sigma = thermo.entropy_production(base, js.mean_field(base, grid, Thermal(1.0)).counts).total
    weights = np.array([1, *([4, 2] * 299), 4, 1]) * (grid[1] / 3)
    integral = np.array([_simpson(sigma, weights, grid, t) for t in times])
    deviations, errors = [], []
    for size, ntraj in ((4, 250_000), (8, 500_000), (16, 1_000_000)):
        n, first, second = 0, np.zeros(3), np.zeros(3)
        for seed in range(ntraj // 2000):
            ensemble = js.simulate(
                base.scaled(size), times, 2000, Thermal(1.0), seed=seed, record="events"
            )
            produced = thermo.internal_production(ensemble) / size
            n, first, second = n + 2000, first + produced.sum(0), second + (produced**2).sum(0)
        mean = first / n
        deviations.append((mean - integral) * size)
        errors.append(np.sqrt((second / n - mean**2) / n) * size)
        print(size, n, mean - integral, errors[-1] / size)
    deviations, errors = np.array(deviations), np.array(errors)
    best = (deviations / errors**2).sum(0) / (1 / errors**2).sum(0)
    assert (np.abs(best) > 4 / np.sqrt((1 / errors**2).sum(0))).any()
    # The next order, 1/λ², is left in the law at λ = 4.
    assert (np.abs(deviations - best) < 4 * errors + 0.15 * np.abs(best)).all()


def _simpson(sigma, weights, grid, end):
    n = round(end / grid[1])
    part = weights[: n + 1].copy()
    part[-1] = grid[1] / 3
    return (sigma[: n + 1] * part).sum()


def test_ratios_of_ensembles_are_those_along_each_trajectory():
    """Two-level systems between thermal and one-way channels; and when counts are enough."""
    model = js.systems.closed_waveguide(2, 1, 1, 1.0, 1.0, 1.0, (1.0, 0), (1.0, 0.5))
    start = {"A": 1, "B": 1, "1": 0, "2": 0, "m": 1}
    ensemble = js.simulate(model, [0.5, 2.0], 20, start, 1, ["counts", "events"])
    production, irreversible = js.thermo.ratio_production(ensemble)
    for i in range(20):
        one = js.thermo.along(ensemble, i)
        k = np.searchsorted(one.times, ensemble.times, side="right") - 1
        np.testing.assert_allclose(production[i], one.stochastic[k], atol=1e-12)
        np.testing.assert_array_equal(irreversible[i], one.irreversible[k])
    assert 0 < irreversible[:, -1].min() < irreversible[:, -1].max()
    assert not js.thermo.ratios_are_entropy(ensemble)
    assert not js.thermo.ratios_are_entropy(js.simulate(model, [1.0], 5, start, 1, "events"))
    # The rates of only one direction are known: S_B says nothing of a rate that is ten times it.
    fast = js.Model(
        [js.Pool.tls("m", 9), js.Pool.bosonic("N", 5)],
        [
            *js.Channel.reversible("up", "down", 1.0, {"N": 1}, {"m": 1}, reverse_rate=10.0),
        ],
    )
    # At m = 6 it happens at once, so that no stored time shows a state in which it can.
    one_way = js.Model(
        [*fast.pool_specs],
        [
            *js.Channel.reversible("up", "down", 1.0, {"N": 1}, {"m": 1}),
            js.Channel("six down", 1e6, {"m": 6}, {"N": 6}),
        ],
    )
    fired = js.simulate(one_way, [1.0], 50, {"m": 4, "N": 3}, 1, ["counts", "jumps"])
    assert fired.jumps[:, 0, 2].any()
    assert fired.counts[:, 0, 0].max() < 6
    # Possible in none of the first states, and undone at another rate.
    two = js.Model(
        [*fast.pool_specs],
        [
            *one_way.channel_specs[:2],
            *js.Channel.reversible("two up", "two down", 1.0, {"N": 2}, {"m": 2}, reverse_rate=3.0),
        ],
    )
    later = js.simulate(two, [0.0, 1.0], 50, {"m": 1, "N": 1}, 1)
    assert not js.thermo.ratios_are_entropy(later)
    balanced = js.systems.hohlraum(9, 5, 1.0)
    for tested, expected in ((fast, False), (one_way, False), (balanced, True)):
        run = js.simulate(tested, [1.0], 50, {"m": 4, "N": 3}, 1)
        assert js.thermo.ratios_are_entropy(run) is expected


def test_slabs_of_trajectories_change_no_entropy(monkeypatch):
    """Each trajectory has a start of its own."""
    model = s.hohlraum(6, 4, 1.0)
    for record in ("counts", "events"):
        ensemble = js.simulate(model, [0.2, 1.0], 30, Thermal(1.0), 4, record)
        whole = js.thermo.internal_production(ensemble)
        assert len(np.unique(ensemble.starts(0, 30), axis=0)) > 5
        with monkeypatch.context() as patch:
            patch.setattr("jumpsim.store.ensemble._SLAB_BYTES", 8 * 2 * 2 * 7)
            patch.setattr("jumpsim.store.ensemble._SLAB_EVENTS", 20)
            np.testing.assert_array_equal(js.thermo.internal_production(ensemble), whole)

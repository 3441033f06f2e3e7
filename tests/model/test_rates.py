"""Jump rates and rate equations: against the papers' equations and the rule of section 1."""

import math

import numpy as np
import pytest
from support.networks import random_counts, random_model

from jumpsim import Channel, Model, Pool
from jumpsim.systems import hohlraum, open_waveguide

NETWORKS = range(60)
M, MODES = 70, 37.5
DEC, ZERO, TILDE, TILDE_WG = 1.1e4, 2.3e4, (0.7e7, 0.3e7), (1.3e7, 0.2e7)


def waveguide():
    """Every coupling differs from 0 and from every other, so that no term can hide."""
    return open_waveguide(M, MODES, DEC, ZERO, TILDE, TILDE_WG)


def assert_within(got, expected, gross, tolerance):
    """|got - expected| ≤ tolerance × the sum of the absolute terms."""
    worst = np.max(np.abs(got - expected) - tolerance * gross)
    assert worst <= 0, worst


def test_hohlraum_drift_is_BM_2_and_3():
    gamma_tilde = 1.7e5
    model = hohlraum(M, MODES, gamma_tilde)
    rng = np.random.default_rng(40)
    gamma = gamma_tilde / MODES
    for _ in range(200):
        n, m = rng.uniform(0, 5), rng.uniform(0, M)
        dn = gamma * (m * (n + 1) - (M - m) * n)
        dm = gamma_tilde * ((M - m) * n - m * (n + 1))
        gross = gamma_tilde * (m * (n + 1) + (M - m) * n)
        drift = model.table.drift(np.array([MODES * n, m]))
        assert_within(drift, np.array([MODES * dn, dm]), gross, 1e-13)


def bm_17_to_19(nA, nB, m):
    """BM (17)-(19) as lists of terms, per mode for A and B."""
    g1, g2 = TILDE[0] / MODES, TILDE[1] / MODES
    return (
        [-2 * DEC * nA, -ZERO * nA, ZERO * nB, -g1 * (M - m) * nA, g2 * m * (nA + 1)],
        [-2 * DEC * nB, -ZERO * nB, ZERO * nA, -g2 * (M - m) * nB, g1 * m * (nB + 1)],
        [
            *(-TILDE_WG[0] * m, -TILDE_WG[1] * m),
            *(TILDE[0] * nA * (M - m), -TILDE[0] * (nB + 1) * m),
            *(TILDE[1] * nB * (M - m), -TILDE[1] * (nA + 1) * m),
        ],
    )


def test_waveguide_drift_is_BM_17_to_19():
    table = waveguide().table
    rng = np.random.default_rng(41)
    for _ in range(200):
        nA, nB, m = rng.uniform(0, 5), rng.uniform(0, 5), rng.uniform(0, M)
        terms = bm_17_to_19(nA, nB, m)
        drift = table.drift(np.array([MODES * nA, MODES * nB, m]))
        for got, some, size in zip(drift, terms, (MODES, MODES, 1), strict=True):
            # The stimulated parts of the two transfers cancel in BM, but both are terms of ours.
            hidden = 2 * ZERO * nA * nB if size == MODES else 0
            gross = size * (sum(map(abs, some)) + hidden)
            assert_within(got, size * sum(some), gross, 1e-13)


def test_hohlraum_jump_rates():
    model = hohlraum(M, MODES, 2e5)
    rng = np.random.default_rng(42)
    for N, m in random_counts(model, rng, (200,)).tolist():
        n = N / MODES
        expected = {"emission": 2e5 * m * (1 + n), "absorption": 2e5 * (M - m) * n}
        assert dict(zip(model.channels, model.rates([N, m]), strict=True)) == pytest.approx(
            expected, rel=1e-14
        )


def test_waveguide_jump_rates():
    model = waveguide()
    rng = np.random.default_rng(43)
    for A, B, m in random_counts(model, rng, (200,)).tolist():
        nA, nB = A / MODES, B / MODES
        expected = {
            "loss A via 1": DEC * A,
            "loss A via 2": DEC * A,
            "loss B via 1": DEC * B,
            "loss B via 2": DEC * B,
            "transfer A→B": MODES * ZERO * nA * (1 + nB),
            "transfer B→A": MODES * ZERO * nB * (1 + nA),
            "absorb A via 1": TILDE[0] * (M - m) * nA,
            "emit B via 1": TILDE[0] * m * (1 + nB),
            "absorb B via 2": TILDE[1] * (M - m) * nB,
            "emit A via 2": TILDE[1] * m * (1 + nA),
            "loss m via 1": TILDE_WG[0] * m,
            "loss m via 2": TILDE_WG[1] * m,
        }
        got = model.rates({"m": m, "B": B, "A": A})
        assert dict(zip(model.channels, got, strict=True)) == pytest.approx(expected, rel=1e-14)


def test_waveguide_changes():
    model = waveguide()
    moves = {name: tuple(c) for name, c in zip(model.channels, model.changes.tolist(), strict=True)}
    assert moves["loss A via 2"] == (-1, 0, 0)
    assert moves["loss B via 1"] == (0, -1, 0)
    assert moves["transfer A→B"] == (-1, 1, 0)
    assert moves["transfer B→A"] == (1, -1, 0)
    assert moves["absorb A via 1"] == (-1, 0, 1)
    assert moves["emit B via 1"] == (0, 1, -1)
    assert moves["absorb B via 2"] == (0, -1, 1)
    assert moves["emit A via 2"] == (1, 0, -1)
    assert moves["loss m via 1"] == moves["loss m via 2"] == (0, 0, -1)


def direct_rates(model, counts, shift):
    """The rule of section 1, quantum by quantum; shift 0 drops the ±1 of equal quanta."""
    rates = []
    count = dict(zip(model.pools, counts.tolist(), strict=True))
    for channel in model.channel_specs:
        rate = channel.rate
        for name, k in channel.takes.items():
            pool = model.pool(name)
            unit = pool.size if pool.kind == "bosonic" else 1
            rate *= math.prod((count[name] - shift * j) / unit for j in range(k))
            if pool.kind == "mass_action":
                rate /= math.factorial(k)
        for name, k in channel.gives.items():
            pool = model.pool(name)
            if pool.kind == "bosonic":
                rate *= math.prod(1 + (count[name] + shift * j) / pool.size for j in range(k))
            elif pool.kind != "mass_action":
                rate *= math.prod(pool.size - count[name] - shift * j for j in range(k))
        for name, k in channel.through.items():
            rate *= (1 + count[name] / model.pool(name).size) ** k
        rates.append(rate)
    return np.array(rates)


@pytest.mark.parametrize("seed", NETWORKS)
def test_any_network_against_the_rule(seed):
    rng = np.random.default_rng([44, seed])
    model = random_model(rng)
    table = model.table
    for counts in random_counts(model, rng, (20,)):
        # No absolute tolerance: what cannot happen has a rate of exactly 0, never of -1e-17.
        expected = direct_rates(model, counts, 1)
        np.testing.assert_allclose(model.rates(counts), expected, rtol=1e-12, atol=0)
        mean = direct_rates(model, counts, 0)
        np.testing.assert_allclose(table.mean_rates(counts), mean, rtol=1e-12, atol=0)
        np.testing.assert_array_equal(mean[table.constants == 0], 0)
        gross = mean @ np.abs(table.changes)
        assert_within(table.drift(counts), mean @ table.changes, gross, 1e-12)


@pytest.mark.parametrize("seed", NETWORKS)
def test_no_event_leaves_the_pools_limits(seed):
    rng = np.random.default_rng([45, seed])
    model = random_model(rng)
    for counts in random_counts(model, rng, (50,)):
        rates = model.rates(counts)
        assert (rates >= 0).all()
        for change in model.changes[rates > 0]:
            model.as_counts(counts + change, whole=True)


@pytest.mark.parametrize("seed", NETWORKS)
def test_jacobian_against_a_complex_step(seed):
    rng = np.random.default_rng([46, seed])
    model = random_model(rng)
    table = model.table
    counts = random_counts(model, rng) * rng.uniform(0.1, 1, len(model.pools))
    jacobian = table.jacobian(counts)
    for q in range(len(counts)):
        step = counts.astype(complex)
        step[q] += 1e-30j
        slope = np.imag(table.drift(step)) / 1e-30
        # A product's derivative is a sum, whose parts may cancel: each counts on its own.
        gross = parts(model, counts, q) @ np.abs(table.changes)
        # At counts of 0 the step itself leaves terms of its own order squared, 1e-60.
        assert_within(jacobian[:, q], slope, gross + 1e-40, 1e-12)


def parts(model, counts, q):
    """Σ |constant × slope × other factors| of each channel, for the factors of pool q."""
    table = model.table
    factors = table.mean_offsets + table.slopes * counts[table.pools]
    out = np.zeros(len(table.constants))
    for c, constant in enumerate(table.constants):
        span = list(range(table.first[c], table.first[c + 1]))
        for f in span:
            if table.pools[f] == q:
                others = math.prod(factors[g] for g in span if g != f)
                out[c] += abs(constant * table.slopes[f] * others)
    return out


@pytest.mark.parametrize("seed", NETWORKS)
def test_diffusion(seed):
    rng = np.random.default_rng([47, seed])
    model = random_model(rng)
    table = model.table
    for counts in random_counts(model, rng, (10,)):
        noise = table.diffusion(counts)
        rates = direct_rates(model, counts, 0)
        expected = sum(r * np.outer(s, s) for r, s in zip(rates, model.changes, strict=True))
        np.testing.assert_allclose(noise, expected, rtol=1e-12, atol=1e-13 * np.abs(noise).max())
        np.testing.assert_allclose(noise, noise.T, rtol=1e-14)
        assert np.linalg.eigvalsh(noise).min() >= -1e-12 * np.trace(noise)


@pytest.mark.parametrize("seed", NETWORKS[:20])
def test_leading_axes(seed):
    rng = np.random.default_rng([48, seed])
    model = random_model(rng)
    table = model.table
    counts = random_counts(model, rng, (2, 3))
    np.testing.assert_array_equal(model.rates(counts), table.jump_rates(counts))
    for view in (table.jump_rates, table.mean_rates, table.drift, table.jacobian, table.diffusion):
        together = view(counts)
        for index in np.ndindex(2, 3):
            alone = view(counts[index])
            assert together[index].shape == alone.shape
            np.testing.assert_allclose(
                together[index], alone, rtol=1e-13, atol=1e-13 * np.abs(alone).max()
            )


def test_mass_action_pool_needs_no_size():
    model = Model(
        [Pool.mass_action("P"), Pool.mass_action("P2")],
        [
            *Channel.reversible("dimerise", "split", 3, {"P": 2}, {"P2": 1}, reverse_rate=5),
            Channel("source", 7, gives={"P": 1}),
        ],
    )
    assert model.rates([10, 4]).tolist() == [3 * 45, 20, 7]
    assert model.rates([1, 0]).tolist() == [0, 0, 7]
    assert model.table.mean_rates([10, 4]).tolist() == [3 * 50, 20, 7]
    assert model.changes.tolist() == [[-2, 1], [2, -1], [1, 0]]

"""The catalogue against the printed equations, and what its functions refuse."""

import numpy as np
import pytest
from oracles import reference
from support.networks import random_counts

import jumpsim as js
from jumpsim.systems import closed_waveguide, embedded_cavity, hohlraum, open_waveguide

M, MODES, MODES_WG = 70, 37.5, 21.0
DEC, ZERO, THREE, TILDE, TILDE_WG = 1.1e4, 2.3e4, 0.9e4, (0.7e7, 0.3e7), (1.3e7, 0.2e7)
LOOP = (M, MODES, MODES_WG, DEC, ZERO, THREE, TILDE, TILDE_WG)
PUBLISHED = {
    "tls": 100, "modes": 100, "gamma_dec": "10 kHz", "gamma_0": "10 kHz",
    "gamma_tilde": ("10 MHz", 0), "gamma_tilde_wg": ("10 MHz", 0),
}  # fmt: skip


def assert_drift(model, equations, seed):
    """Compare with printed equations per mode at 200 random states, to 1e-13 of the gross flow."""
    rng = np.random.default_rng(seed)
    sizes = np.array([1 if p.kind == "tls" else p.size for p in model.pool_specs])
    for _ in range(200):
        state = [rng.uniform(0, p.size if p.kind == "tls" else 5) for p in model.pool_specs]
        counts = np.array(state) * sizes
        gross = model.table.mean_rates(counts) @ np.abs(model.table.changes)
        expected = sizes * np.array(equations(*state))
        assert (np.abs(model.table.drift(counts) - expected) <= 1e-13 * gross).all()


def bm_90_to_94(nA, nB, n1, n2, m):
    g1, g2 = TILDE[0] / MODES, TILDE[1] / MODES
    dec_wg, g11, g12 = DEC * MODES / MODES_WG, TILDE_WG[0] / MODES_WG, TILDE_WG[1] / MODES_WG
    down = M - m
    return (
        DEC * (n1 + n2 - 2 * nA) - g1 * down * nA * (n1 + 1) + g2 * m * (nA + 1) * (n2 + 1)
        + ZERO * ((n2 + 1) * (nA + 1) * nB - (n1 + 1) * (nB + 1) * nA),
        DEC * (n1 + n2 - 2 * nB) - g2 * down * nB * (n2 + 1) + g1 * m * (nB + 1) * (n1 + 1)
        + ZERO * ((n1 + 1) * (nB + 1) * nA - (n2 + 1) * (nA + 1) * nB),
        dec_wg * (nA + nB - 2 * n1) - g11 * (down * n1 - m * (n1 + 1))
        + THREE * (nA + nB + 2) * (n2 - n1),
        dec_wg * (nA + nB - 2 * n2) - g12 * (down * n2 - m * (n2 + 1))
        + THREE * (nA + nB + 2) * (n1 - n2),
        TILDE_WG[0] * (down * n1 - m * (n1 + 1)) + TILDE_WG[1] * (down * n2 - m * (n2 + 1))
        - m * (TILDE[0] * (nB + 1) * (n1 + 1) + TILDE[1] * (nA + 1) * (n2 + 1))
        + down * (TILDE[0] * nA * (n1 + 1) + TILDE[1] * nB * (n2 + 1)),
    )  # fmt: skip


def test_closed_waveguide_drift_is_BM_90_to_94():
    assert_drift(closed_waveguide(*LOOP), bm_90_to_94, 1)


def test_the_long_path_adds_what_travels_the_other_way():
    g1, g2 = TILDE

    def equations(nA, nB, n1, n2, m):
        dA, dB, d1, d2, dm = bm_90_to_94(nA, nB, n1, n2, m)
        down = M - m
        # Into A via 1 and out of B via 1; into B via 2 and out of A via 2; B→A via 1, A→B via 2.
        to_A = g1 * (n1 + 1) * m * (nA + 1) - g2 * (n2 + 1) * down * nA
        to_B = g2 * (n2 + 1) * m * (nB + 1) - g1 * (n1 + 1) * down * nB
        swap = ZERO * ((n1 + 1) * (nA + 1) * nB - (n2 + 1) * (nB + 1) * nA)
        return dA + to_A / MODES + swap, dB + to_B / MODES - swap, d1, d2, dm - to_A - to_B

    assert_drift(closed_waveguide(*LOOP, long_path=True), equations, 2)


def test_embedded_cavity_drift_is_BM_108_and_109():
    modes_A, modes_C, four, five, six = 11.5, 30.0, 2e4, 3e3, 5e3

    def equations(nA, nC, m):
        six_terms = six * (nC + 1) ** 2 * (-nA * (M - m) + (nA + 1) * m)
        five_terms = -five * nC * (M - m) + five * (nC + 1) * m
        dA = four * (-nA + nC) + six_terms
        dC = modes_A / modes_C * four * (-nC + nA) + five_terms
        return dA, dC, -modes_A * dA - modes_C * dC

    assert_drift(embedded_cavity(M, modes_A, modes_C, four, five, six), equations, 3)


def test_warm_ends_drift():
    n1, n2 = 0.6, 0.25
    g1, g2 = TILDE

    def equations(nA, nB, m):
        s1, s2, down = 1 + n1, 1 + n2, M - m
        ends = [DEC * (n1 + n2 - 2 * n) for n in (nA, nB)]
        swap = ZERO * (s2 * nB * (1 + nA) - s1 * nA * (1 + nB))
        A = g2 * s2 * m * (1 + nA) - g1 * s1 * down * nA
        B = g1 * s1 * m * (1 + nB) - g2 * s2 * down * nB
        dm = sum(w * (down * n - m * (1 + n)) for w, n in zip(TILDE_WG, (n1, n2), strict=True))
        return ends[0] + swap + A / MODES, ends[1] - swap + B / MODES, dm - A - B

    model = open_waveguide(M, MODES, DEC, ZERO, TILDE, TILDE_WG, n_env=(n1, n2))
    assert_drift(model, equations, 4)


REFERENCES = {
    "closed": (closed_waveguide(*LOOP), reference.closed_waveguide(*LOOP)),
    "long path": (
        closed_waveguide(*LOOP, long_path=True),
        reference.closed_waveguide(*LOOP, long_path=True),
    ),
    "cavity": (
        embedded_cavity(M, 11.5, 30, 2e4, 3e3, 5e3),
        reference.embedded_cavity(M, 11.5, 30, 2e4, 3e3, 5e3),
    ),
    "warm": (
        open_waveguide(M, MODES, DEC, ZERO, TILDE, TILDE_WG, n_env=(0.6, 0.25)),
        reference.warm_waveguide(M, MODES, DEC, ZERO, TILDE, TILDE_WG, (0.6, 0.25)),
    ),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_jump_rates_and_changes(name):
    model, (rates, changes) = REFERENCES[name]
    np.testing.assert_array_equal(model.changes, changes)
    rng = np.random.default_rng(5)
    for counts in random_counts(model, rng, (200,)):
        np.testing.assert_allclose(model.rates(counts), rates(counts.tolist()), rtol=1e-13)


@pytest.mark.parametrize("name", REFERENCES)
def test_jacobians_against_a_complex_step(name):
    model, _ = REFERENCES[name]
    rng = np.random.default_rng(6)
    for counts in random_counts(model, rng, (50,)).astype(float):
        steps = np.eye(len(counts)) * 1e-30j
        slopes = [model.table.drift(counts + step).imag / 1e-30 for step in steps]
        expected = np.stack(slopes, axis=-1)
        scale = np.abs(expected).max()
        assert np.abs(model.table.jacobian(counts) - expected).max() < 1e-13 * scale


def test_what_is_conserved():
    assert closed_waveguide(*LOOP).conserved == ({"A": 1, "B": 1, "1": 1, "2": 1, "m": 1},)
    assert embedded_cavity(M, 3, 4, 1, 1, 1).conserved == ({"A": 1, "C": 1, "m": 1},)
    assert open_waveguide(M, MODES, DEC, ZERO, TILDE, TILDE_WG).conserved == ()


def test_equal_groups_are_one_group():
    one = closed_waveguide(*LOOP)
    pair = closed_waveguide([50, 20], *LOOP[1:-2], [TILDE] * 2, [TILDE_WG] * 2)
    assert pair.pools == ("A", "B", "1", "2", "m1", "m2")
    counts = np.array([40.0, 30, 10, 5, 35, 9])
    drift = pair.table.drift(counts)
    expected = one.table.drift(np.array([40.0, 30, 10, 5, 44]))
    np.testing.assert_allclose([*drift[:4], drift[4] + drift[5]], expected, rtol=1e-12)


@pytest.mark.parametrize(
    "model",
    [
        hohlraum([3, 4], 5, [1.0, 2.0]),
        open_waveguide([3, 4], 5, 1, 1, [(1, 2)] * 2, [(1, 2), (3, 6)]),
        closed_waveguide([3, 4], 5, 5, 1, 1, 1, [(1, 2)] * 2, [(1, 2)] * 2, long_path=True),
        embedded_cavity([3, 4], 5, 6, 1, [1, 2], [3, 4]),
    ],
    ids=lambda m: m.name,
)
def test_groups_have_pools_and_channels_of_their_own(model):
    assert model.pools[-2:] == ("m1", "m2")
    for name in ("m1", "m2"):
        mine = [c for c in model.channel_specs if name in (*c.takes, *c.gives)]
        assert mine
        assert all(f"by {name}" in c.name or f"loss {name}" in c.name for c in mine)
    # The second group's constants are its own.
    assert model.pool("m1").size == 3
    assert model.pool("m2").size == 4


def test_reverses_of_the_chiral_loop_lead_through_the_other_channel():
    chiral, long = closed_waveguide(*LOOP), closed_waveguide(*LOOP, long_path=True)
    assert chiral.channel("absorb A via 1").reverse == "emit A via 2"
    assert long.channel("absorb A via 1").reverse == "emit A via 1"
    assert chiral.channel("A→B via 1").reverse == "B→A via 2"
    assert long.channel("A→B via 1").reverse == "B→A via 1"
    for model in (chiral, long):
        assert all(c.reverse for c in model.channel_specs)


def test_cold_ends_have_no_gains():
    cold = open_waveguide(M, MODES, DEC, ZERO, TILDE, TILDE_WG, n_env=(0, 0.0))
    assert cold == open_waveguide(M, MODES, DEC, ZERO, TILDE, TILDE_WG)
    assert not any(name.startswith("gain") for name in cold.channels)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: closed_waveguide(**PUBLISHED, modes_wg=0, gamma_3=1), "`modes_wg` must be a fin"),
        (lambda: closed_waveguide(**PUBLISHED, modes_wg=9, gamma_3="1 m"), "`gamma_3` must be a"),
        (
            lambda: closed_waveguide(**PUBLISHED, modes_wg=9, gamma_3=1, long_path="yes"),
            "`long_path` must be True or False, but is 'yes'",
        ),
        (lambda: open_waveguide(**PUBLISHED, n_env=0.5), "`n_env` must be a pair of occupations"),
        (lambda: open_waveguide(**PUBLISHED, n_env=(0, -1)), r"`n_env\[1\]` must be an occ.* -1"),
        (lambda: open_waveguide(**PUBLISHED, n_env=(0, "1")), r"`n_env\[1\]` must be a finite"),
        (lambda: open_waveguide(**{**PUBLISHED, "tls": [50, 50]}), "each of the 2 groups in `tls`"),
        (lambda: open_waveguide(**{**PUBLISHED, "tls": []}), "`tls` must give at least one group"),
        (lambda: hohlraum([5, 0], 5, [1, 1]), r"`tls\[1\]` must be a whole number ≥ 1"),
        (lambda: hohlraum(5, 5, [1, 1]), "`gamma_tilde` must give rates for each of the 1 groups"),
        (lambda: embedded_cavity(5, 0, 5, 1, 1, 1), "`modes_a` must be a finite number > 0"),
        (lambda: embedded_cavity(5, 5, 5, 1, -1, 1), "`gamma_5` must be a finite rate ≥ 0"),
        (
            lambda: open_waveguide(**{**PUBLISHED, "gamma_tilde": [(1, 1), 3]}),
            "`gamma_tilde` must be a pair of rates|`gamma_tilde",
        ),
    ],
)
def test_refused(call, match):
    with pytest.raises(js.InputError, match=match):
        call()


def test_rates_without_couplings_are_reported():
    with pytest.warns(js.PhysicsWarning, match=r"γ_0/γ_dec = 2, γ̃_1/γ̃_11 = 1 differ \(BM 57\)"):
        open_waveguide(**{**PUBLISHED, "gamma_0": "20 kHz"})
    with pytest.warns(js.PhysicsWarning, match="γ_3/γ_0 = 1, 𝒩/𝒩' = 2 differ"):
        closed_waveguide(**PUBLISHED, modes_wg=50, gamma_3="10 kHz")
    both = {**PUBLISHED, "gamma_tilde": (1, 1), "gamma_tilde_wg": (1, 1)}
    with pytest.warns(js.PhysicsWarning, match="through the TLS, of order g_1² g_2², is omitted"):
        closed_waveguide(**both, modes_wg=100, gamma_3="10 kHz")


@pytest.mark.filterwarnings("error")
def test_the_published_parameters_are_not_warned_about():
    open_waveguide(**PUBLISHED)
    closed_waveguide(**PUBLISHED, modes_wg=100, gamma_3="10 kHz")

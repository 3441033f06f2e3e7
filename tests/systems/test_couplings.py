"""Rates from couplings and back, typed from BM in SI units."""

import math

import numpy as np
import pytest

import jumpsim as js
from jumpsim.systems.couplings import Couplings, validity

HBAR = 1.054571817e-34


def random_couplings(rng):
    return Couplings(
        h=10 ** rng.uniform(2, 5),
        g=tuple(10 ** rng.uniform(3, 6, 2)),
        rho=10 ** rng.uniform(-6, -3),
        rho_wg=10 ** rng.uniform(-6, -3),
        window=10 ** rng.uniform(5, 8),
    )


def test_rates_are_those_of_BM():
    rng = np.random.default_rng(1)
    for _ in range(50):
        c = random_couplings(rng)
        h, g = HBAR * c.h, [HBAR * x for x in c.g]  # joule
        rho, rho_wg, window = c.rho / HBAR, c.rho_wg / HBAR, HBAR * c.window
        assert c.gamma_dec == pytest.approx(2 * math.pi * h**2 * rho_wg / HBAR, rel=1e-9)
        assert c.gamma_0 == pytest.approx(2 * math.pi**3 * h**4 * rho_wg**2 * rho / HBAR, rel=1e-9)
        assert c.gamma_3 == pytest.approx(2 * math.pi**3 * h**4 * rho**2 * rho_wg / HBAR, rel=1e-9)
        assert c.gamma_dec_wg == pytest.approx(rho / rho_wg * c.gamma_dec, rel=1e-9)
        for r in (0, 1):
            first = 2 * math.pi * g[r] ** 2 * rho_wg / HBAR
            second = 2 * math.pi**3 * h**2 * g[r] ** 2 * rho_wg**2 * rho / HBAR
            assert c.gamma_tilde_wg[r] == pytest.approx(first, rel=1e-9)
            assert c.gamma_tilde[r] == pytest.approx(second, rel=1e-9)
        assert c.modes == pytest.approx(window * rho, rel=1e-9)
        assert c.modes_wg == pytest.approx(window * rho_wg, rel=1e-9)


def test_there_and_back():
    rng = np.random.default_rng(2)
    for _ in range(50):
        c = random_couplings(rng)
        back = Couplings.from_rates(c.modes, c.modes_wg, c.gamma_dec, c.gamma_0, c.gamma_tilde_wg)
        for name in ("h", "g", "rho", "rho_wg", "window", "gamma_tilde", "gamma_3"):
            assert getattr(back, name) == pytest.approx(getattr(c, name), rel=1e-9)


@pytest.mark.filterwarnings("error")
def test_models_from_couplings_satisfy_every_identity():
    rng = np.random.default_rng(3)
    for _ in range(20):
        c = random_couplings(rng)
        found = validity(**c.closed_waveguide())
        assert found.consistent
        ratio = math.pi**2 * c.h**2 * c.rho_wg * c.rho  # BM 57
        assert list(found.ratios.values()) == pytest.approx([ratio] * 3, rel=1e-9)
        assert list(found.mode_ratios.values()) == pytest.approx([c.rho / c.rho_wg] * 2, rel=1e-9)
        js.systems.open_waveguide(tls=5, **c.open_waveguide())


def test_published_parameters():
    found = validity("10 kHz", "10 kHz", ("10 MHz", 0), ("10 MHz", 0), 100, 100, "10 kHz")
    assert found.consistent
    assert found.window == pytest.approx(math.pi / 2 * 100 * 1e4, rel=1e-12)
    assert found.linewidth == 1e7
    assert found.premise is False
    text = str(found)
    assert "γ̃_2/γ̃_12 = 0/0" in text
    assert "Δ = 1.571e+06 /s is NOT much larger than the linewidth 1e+07 /s" in text
    assert "second/first = 1, NOT small compared with 1" in text


def test_linewidth_is_that_of_the_strongest_group():
    found = validity(1e6, 1e3, [(1e2, 0), (2e2, 1e2)], [(1e5, 0), (2e5, 1e5)], 1e4)
    assert found.linewidth == 3e5


def test_premises_that_hold():
    found = validity(1e6, 1e3, (1e2, 0), (1e5, 0), 1e4)
    assert found.consistent
    assert found.premise is True
    assert "is much larger than" in str(found)
    assert "second/first = 0.001, small compared with 1" in str(found)


@pytest.mark.parametrize(
    ("change", "printed"),
    [
        ({"gamma_0": 2e4}, "γ_0/γ_dec = 2"),
        ({"gamma_tilde": (1e7, 1)}, "γ̃_2/γ̃_12 = inf"),
        ({"gamma_3": 3e4}, "γ_3/γ_0 = 3, 𝒩/𝒩' = 1"),
        ({"gamma_tilde": [(1e7, 0)] * 2, "gamma_tilde_wg": [(1e7, 0), (2e7, 0)]}, r"\(group 2\)"),
    ],
)
def test_broken_identities(change, printed):
    rates = {
        "gamma_dec": 1e4, "gamma_0": 1e4, "gamma_tilde": (1e7, 0), "gamma_tilde_wg": (1e7, 0),
        "modes": 100, "modes_wg": 100, "gamma_3": 1e4,
    }  # fmt: skip
    assert validity(**rates).consistent
    found = validity(**{**rates, **change})
    assert not found.consistent
    with pytest.raises(AssertionError, match=printed):
        raise AssertionError(found)


def test_groups_must_agree():
    with pytest.raises(js.InputError, match="same groups, but there are 2 and 1"):
        validity(1, 1, [(1, 1)] * 2, (1, 1), 10)


def test_without_gamma_dec_the_window_is_not_known():
    found = validity(0, 0, (0, 0), (1, 0), 10)
    assert found.premise is None
    assert "is not known" in str(found)


GOOD = {"modes": 100, "modes_wg": 50, "gamma_dec": 1e4, "gamma_0": 1e4, "gamma_tilde_wg": (1e7, 0)}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"gamma_0": 0}, "`gamma_0` must be > 0, because the density of states"),
        ({"gamma_dec": 0}, "`gamma_dec` must be > 0, because the density of states"),
        ({"gamma_dec": -1}, "`gamma_dec` must be a finite rate ≥ 0"),
        ({"modes_wg": 0}, "`modes_wg` must be a finite number > 0"),
        ({"modes_wg": -5}, "`modes_wg` must be a finite number > 0"),
        ({"gamma_tilde_wg": 3}, "`gamma_tilde_wg` must be a pair of rates"),
        ({"gamma_dec": 1e-300}, "the density of states would be inf s"),
        ({"gamma_dec": 1e300, "gamma_0": 1e-20}, "the density of states would be 0 s"),
    ],
)
def test_rates_without_a_density_of_states(change, match):
    with pytest.raises(js.InputError, match=match):
        Couplings.from_rates(**{**GOOD, **change})


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"rho": -1e-5}, "`rho` must be a finite time ≥ 0"),
        ({"rho_wg": 0}, "`rho_wg` must be > 0, but is 0"),
        ({"rho": "5 m"}, "`rho` must be a time"),
        ({"h": 0}, "`h` must be > 0"),
        ({"window": 0}, "`window` must be > 0"),
        ({"g": (1, -1)}, r"`g\[1\]` must be a finite rate"),
    ],
)
def test_bad_couplings(change, match):
    good = {"h": 1e4, "g": (1e5, 0), "rho": "64 us", "rho_wg": 1e-5, "window": 1e6}
    Couplings(**good)
    with pytest.raises(js.InputError, match=match):
        Couplings(**{**good, **change})


def test_the_catalogue_knows_which_systems_have_premises():
    arguments = {
        "tls": 5, "modes": 5, "gamma_dec": 1.0, "gamma_0": 1.0, "gamma_tilde": (1.0, 0.0),
        "gamma_tilde_wg": (1.0, 0.0),
    }  # fmt: skip
    found = js.systems.CATALOGUE["open_waveguide"].check_premises(arguments)
    names = ("gamma_dec", "gamma_0", "gamma_tilde", "gamma_tilde_wg", "modes")
    assert str(found) == str(validity(**{name: arguments[name] for name in names}))
    assert js.systems.CATALOGUE["hohlraum"].check_premises({"modes": 5}) is None
    with_check = [name for name, system in js.systems.CATALOGUE.items() if system.premises]
    assert with_check == ["open_waveguide", "closed_waveguide"]

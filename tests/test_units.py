"""Quantities with units, what is refused, and thermal occupations."""

import math
import time
from fractions import Fraction

import numpy as np
import pytest

from jumpsim import InputError, units


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10 MHz", 1e7),  # events per second: no factor 2π
        ("100kHz", 1e5),
        ("0.1 /us", 1e5),
        ("0.1/µs", 1e5),
        ("0.1 1/us", 1e5),
        ("1e7/s", 1e7),
        ("1e7 s^-1", 1e7),
        (" 2.5E3 Hz ", 2500.0),
        ("0 Hz", 0.0),
    ],
)
def test_rate_strings(text, value):
    assert units.rate(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10 us", 1e-5),
        ("10 µs", 1e-5),  # micro sign U+00B5
        ("10 μs", 1e-5),  # Greek letter U+03BC
        ("0.75 µs", 0.75e-6),
        ("0.75 μs", 0.75e-6),
        ("3 ns", 3e-9),
        ("2 ms", 2e-3),
        ("1 min", 60.0),
        ("0 s", 0.0),
    ],
)
def test_time_strings_are_the_nearest_float(text, value):
    assert units.time(text) == value


def test_common_units_are_those_of_the_unit_library(monkeypatch):
    common = units._COMMON
    monkeypatch.setattr(units, "_COMMON", {name: {} for name in common})
    units._unit_factor.cache_clear()
    for dimension, values in common.items():
        for unit, value in values.items():
            assert units._unit_factor(unit, dimension) == value
    units._unit_factor.cache_clear()


@pytest.mark.parametrize("number", [7, 0.3, 0.1, 123.456, 9.99])
@pytest.mark.parametrize(("unit", "power"), [("ms", 3), ("us", 6), ("ns", 9), ("ps", 12)])
def test_a_decimal_prefix_does_not_round_twice(number, unit, power):
    assert units.time(f"{number} {unit}") == float(Fraction(number) / 10**power)


@pytest.mark.parametrize("text", ["10 um", "10 µm", "10 μm", "0.01 mm", "10000 nm"])
def test_length_strings(text):
    assert units.length(text) == 1e-5


def test_numbers_stand_for_themselves():
    for value in (3, 3.0, np.float64(3), np.int64(3), np.float32(3), Fraction(3)):
        for quantity in (units.rate, units.time, units.length):
            got = quantity(value)
            assert got == 3.0
            assert type(got) is float
    assert units.rate(0) == units.time(0) == 0.0


@pytest.mark.parametrize(
    "value",
    [
        *("10 kg", "10 us", "10", "10 m/s", "5 degC", "10 dB", "1 Hz/Hz", "10 Mhz", "MHz", ""),
        *("nan Hz", "inf Hz", "1,000 Hz", b"10 MHz", None, True, False, np.True_, [1e7], {}, 1j),
        np.array(1.0),
    ],
)
def test_not_a_rate(value):
    with pytest.raises(InputError, match=r"`gamma` must be a rate such as '10 MHz'.* but is "):
        units.rate(value, "gamma")


@pytest.mark.parametrize(
    "value", [-1, -1e-300, "-10 MHz", math.nan, math.inf, -math.inf, "1e400 Hz", np.nan]
)
def test_a_rate_is_finite_and_not_negative(value):
    with pytest.raises(InputError, match=r"`gamma` must be a finite rate ≥ 0, but is "):
        units.rate(value, "gamma")


def test_times_and_lengths_are_refused_with_their_names():
    with pytest.raises(InputError, match=r"`t` must be a time such as '0\.75 us'.*'10 Hz'"):
        units.time("10 Hz", "t")
    with pytest.raises(InputError, match=r"`t` must be a finite time ≥ 0, but is -1"):
        units.time(-1, "t")
    with pytest.raises(
        InputError, match=r"`wavelength` must be a length such as '10 um'.*'10 1/cm'"
    ):
        units.length("10 1/cm", "wavelength")
    with pytest.raises(InputError, match=r"`wavelength` must be a finite length > 0, but is 0"):
        units.length(0, "wavelength")


@pytest.mark.parametrize("text", ["10 rpm", "1 turn/s", "1 cycle/s", "1 revolution/s"])
def test_no_factor_two_pi_enters_through_a_unit_of_angle(text):
    # A unit library calls a turn 2π: events per second would silently be 6.28 times too many.
    with pytest.raises(InputError, match="must be a rate"):
        units.rate(text)


@pytest.mark.parametrize("value", [10**400, -(10**400)], ids=["huge", "minus huge"])
def test_whole_numbers_beyond_a_float_are_refused(value):
    with pytest.raises(InputError, match="`gamma` must be"):
        units.rate(value, "gamma")


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9 Hz",
        "1 9**9**9 Hz",
        "1 s**99999999",
        "1 s^-99999999",
        "1 Hz**9**9**9",
        "__import__('os') Hz",
        "1 __import__('os')",
        "1 (Hz)",
        "1 Hz; import os",
        "1 " + "m*" * 5000 + "m",
        "1 " + "a" * 100_000,
        "1" * 100_000 + " Hz",
        "1 " + "(" * 5000,
        "1 Hz\0",
    ],
)
def test_hostile_strings_are_refused_quickly(text):
    units.rate("1 Hz")  # loads the unit library
    begin = time.perf_counter()
    with pytest.raises(InputError, match="`rate` must be a"):
        units.rate(text)
    assert time.perf_counter() - begin < 1


def test_kelvin_per_quantum():
    assert units.kelvin_per_quantum(units.length("10 um")) == pytest.approx(1438.8, abs=0.1)
    # Hand-typed CODATA 2018 product h c / k_B = 1.438776877e-2 m K.
    assert units.kelvin_per_quantum(1.0) == pytest.approx(1.438776877e-2, rel=1e-9)


def test_occupations_at_known_points():
    assert units.bose(math.log(2)) == pytest.approx(1, rel=1e-15)
    assert units.bose(1.0) == pytest.approx(0.5819767068693265, rel=1e-15)
    assert units.fermi(math.log(2)) == pytest.approx(1 / 3, rel=1e-15)
    assert units.fermi(0.0) == 0.5
    x = np.linspace(0.01, 30, 200)
    np.testing.assert_allclose(units.fermi(x) + units.fermi(-x), 1, rtol=1e-15)


def test_inverse_of_bose():
    x = np.concatenate([np.logspace(-300, -1, 300), np.linspace(0.1, 700, 500)])
    np.testing.assert_allclose(units.inverse_bose(units.bose(x)), x, rtol=1e-14)


def test_inverse_of_fermi():
    x = np.linspace(-5, 700, 2000)
    # For x < 0 the loss in 1 - p is e^|x| rounding errors.
    np.testing.assert_allclose(units.inverse_fermi(units.fermi(x)), x, rtol=1e-14, atol=1e-13)


@pytest.mark.parametrize("x", [709.0, 745.0, 800.0, 1e5, 1e300, math.inf])
def test_cold_pools_are_empty_without_a_warning(x):
    for value in (x, np.array([x, x])):
        assert np.all((units.bose(value) >= 0) & (units.bose(value) < 1e-300))
        assert np.all((units.fermi(value) >= 0) & (units.fermi(value) < 1e-300))
        assert np.all(units.fermi(-np.asarray(value)) == 1)
    assert units.inverse_bose(0.0) == math.inf
    assert units.inverse_fermi(0.0) == math.inf
    assert units.inverse_fermi(1.0) == -math.inf

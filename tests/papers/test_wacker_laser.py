"""Wacker's figures of the laser, its frequency and the Bloch gain, against typed formulas."""

import re

import numpy as np
import pytest
from support.wacker_figures import drawn, line, marked

from jumpsim.papers.wacker import bloch_gain


def test_laser_through_threshold(tmp_path):
    """|a|² and its threshold: closed form of (W 29); ⟨n⟩ joins it, g²(0) falls from 2 to 1."""
    _, (left, middle, _), findings = drawn(
        tmp_path, "pulling", threshold__points=20, threshold__gamma_u=1.2, pulling__points=3
    )
    loss = 0.25 + (0.5 / 2.21) ** 2
    threshold = 0.01 * 2.2 * loss / 0.15**2
    assert f"threshold at f_u - f_l = {threshold:.5f};" in findings[0]
    assert left.lines[0].get_xdata() == pytest.approx([threshold, threshold])
    x, y = line(left, "semiclassical, $|a|^2$")
    np.testing.assert_allclose(y, 1.2 / (0.01 * 2.2) * x - 1.2 * loss / 0.15**2, atol=1e-9)
    assert threshold < x[0] < threshold + 0.01
    assert x[-1] == 1
    (inversion, n), = marked(left)  # fmt: skip
    np.testing.assert_allclose(inversion, np.linspace(-0.9, 1, 20))
    assert n[-1] == pytest.approx(y[-1], rel=0.002)
    assert (np.diff(n) > 0).all()
    (again, g2), = marked(middle)  # fmt: skip
    np.testing.assert_array_equal(again, inversion)
    assert g2[0] == pytest.approx(2, abs=0.06)
    assert g2[-1] == pytest.approx(1, abs=0.01)
    assert (np.diff(g2) < 0).all()
    assert f"⟨n⟩ = {n[-1]:.4f}, |a|² = {y[-1]:.4f}" in findings[0]
    assert findings[1] == f"g²(0) = {g2[0]:.4f} at -0.9, {g2[-1]:.4f} at 1"


def test_pulled_frequency(tmp_path):
    """(W 30) where it oscillates, blank where it is refused; a photon carries as much."""
    _, (*_, right), findings = drawn(
        tmp_path, "pulling", threshold__points=3, pulling__gamma_l=2.0, pulling__points=13
    )
    delta = np.linspace(-9, 9, 13)
    for k, ratio in enumerate((0.05, 0.3, 1.0)):
        gamma_b = 3 * ratio
        omega = 3 * delta / (3 + gamma_b)
        needed = gamma_b * 3 * (0.25 + (delta / (3 + gamma_b)) ** 2) / 2.0**2
        omega[needed >= 0.9] = np.nan
        x, y = line(right, f"{ratio:g}")
        np.testing.assert_allclose(x, delta / 2)
        np.testing.assert_allclose(y, omega / 2, atol=1e-12)
        np.testing.assert_allclose(marked(right)[k], [delta / 2, omega / 2], atol=1e-9)
        oscillates = int((needed < 0.9).sum())
        assert 0 < oscillates < 13
        assert f"above threshold at {oscillates} of 13 detunings" in findings[2 + k]
        last = np.flatnonzero(needed < 0.9)[-1]
        assert f"pulled from {delta[last]:.4f} to {omega[last]:.4f};" in findings[2 + k]
        intensity = 2 * 0.9 / (gamma_b * 3) - 2 * 0.25 / 2.0**2
        assert f"|a|² up to {intensity:.3g};" in findings[2 + k]
        assert float(re.search(r"quantised mode (\S+)$", findings[2 + k])[1]) < 1e-12


def test_marks_of_the_frequency_are_what_photons_carry(tmp_path, monkeypatch):
    """With half the flow of energy the marks move, the lines do not, and it is reported."""
    from jumpsim.theory.twolevel.quantised_mode import ModeState

    energy = ModeState.energy_flows.fget
    monkeypatch.setattr(
        ModeState, "energy_flows", property(lambda s: {k: v / 2 for k, v in energy(s).items()})
    )
    few = {"threshold__points": 3, "pulling__points": 3}
    _, (*_, right), findings = drawn(tmp_path, "pulling", **few)
    assert marked(right)[0][1][1] == pytest.approx(-5)
    assert line(right, "0.05")[1][1] == 0
    assert float(re.search(r"quantised mode (\S+)$", findings[2])[1]) == 5


def test_a_laser_without_threshold_has_no_line(tmp_path):
    _, (left, _, right), findings = drawn(
        tmp_path, "pulling", threshold__inversion="[-0.9, 0.1]", threshold__points=3,
        pulling__f_u=0.1, pulling__points=3,
    )  # fmt: skip
    assert len(line(left, "semiclassical, $|a|^2$")[0]) == 0
    assert findings[0].endswith("|a|² = 0")
    assert np.isnan(line(right, "0.3")[1]).all()
    assert "γ_b/(γ_u+γ_l) = 0.3: below threshold at every detuning" in findings


def test_bloch_gain(tmp_path):
    """(W 31) by hand; gain ends at Δ = μ_u - μ_l; extrema at ∓(γ_u+γ_l)/2 when hot."""
    tables, axes, findings = drawn(tmp_path, "bloch_gain", parameters__gamma_l=0.5)
    detuning = np.linspace(-8, 8, 641)
    for axis, case, text in zip(axes, tables["cases"], findings, strict=True):

        def f_u(e, case=case):
            return 1 / (np.exp((e - case["mu_u"]) / case["T"]) + 1)

        def f_l(e, case=case):
            return 1 / (np.exp((e - case["mu_l"]) / case["T"]) + 1)

        shape = 2.5 / (detuning**2 + 2.5**2 / 4)
        exact = shape * (
            0.2 * (f_u(10) - f_l(10 - detuning)) + 0.8 * (f_u(10 + detuning) - f_l(10))
        )
        effective = shape * (f_u(10 + 0.8 * detuning) - f_l(10 - 0.2 * detuning))
        for label, curve in (
            ("exact", exact), ("effective energies", effective),
            ("bare energies", shape * (f_u(10) - f_l(10))),
        ):  # fmt: skip
            x, y = line(axis, label)
            np.testing.assert_allclose(x, detuning / 0.5)
            np.testing.assert_allclose(y, curve, atol=1e-12)
        shaded = axis.collections[0].get_paths()[0].vertices[:, 1]
        assert (shaded.min(), shaded.max()) == (0, pytest.approx(exact.max()))
        apart = case["mu_u"] - case["mu_l"]
        assert f"gain below Δ = {apart / 0.5:.4f} (μ_u - μ_l = {apart / 0.5:g})" in text
        off = 100 * np.abs(effective - exact).max() / np.abs(exact).max()
        assert f"largest error of effective energies {off:.2g} %" in text
    extrema = re.search(r"maximum at (\S+), minimum at (\S+) \(", findings[0]).groups()
    assert [float(x) for x in extrema] == pytest.approx([-2.5, 2.5], abs=0.1)
    assert "((γ_u+γ_l)/2 = 2.5)" in findings[0]
    dotted = [x for x in axes[0].lines if x.get_color() == "0.6" and x.get_linestyle() != "-"]
    guides = [x.get_xdata()[0] for x in dotted]
    assert guides == [-2.5, 2.5]


def test_where_gain_ends_between_two_points():
    nothing, curve = np.zeros(5), np.array([-1.0, 2, 1, -3, -1])
    found = bloch_gain.Gain(np.arange(5.0), curve, nothing, nothing)
    assert found.zero == 2.25


def test_gain_that_does_not_end():
    cold = {"T": 2.0, "mu_u": 40.0, "mu_l": 0.0, "name": "x"}
    parameters = {"gamma_u": 1.0, "gamma_l": 1.0, "E_k": 10.0}
    found = bloch_gain.gain(parameters, cold, np.linspace(-3, 3, 7))
    assert (found.exact > 0).all()
    assert np.isnan(found.zero)
    assert "gain below Δ = none" in bloch_gain._summary(cold, found, parameters)

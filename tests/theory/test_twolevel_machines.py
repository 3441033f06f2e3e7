"""Laser, Bloch gain, machines and golden rule of two levels."""

import numpy as np
import pytest
from support.twolevel_sets import SET, random_sets

import jumpsim as js
from jumpsim.theory import twolevel as w


def test_laser_through_threshold():
    """Threshold, pulled frequency, and ⟨n⟩ and g² of the quantised mode far above and below."""
    below = w.laser(10, 0, 10.5, 0.1, 1, 1, 0.1, f_u=0.9, f_l=0.4)
    above = w.laser(10, 0, 10.5, 1.0, 1, 1, 0.01, f_u=0.9, f_l=0.1)
    assert not below.lasing
    assert below.intensity == 0
    with pytest.raises(js.InputError, match="below threshold there is no oscillation"):
        _ = below.omega
    assert "below threshold" in str(below)
    assert above.omega == pytest.approx((2 * 10.5 + 0.01 * 10) / 2.01)
    quantum = w.quantised_mode(10, 0, 10.5, 1.0, 1, 1, 0.01, f_u=0.9, f_l=0.1, n_b=0.0)
    assert quantum.E_ph == pytest.approx(above.omega)
    assert quantum.n == pytest.approx(above.intensity, rel=0.02)
    assert quantum.g2 == pytest.approx(1, abs=0.02)
    # (W 29), both sides, at the field found.
    p, omega = above.parameters, above.omega
    field = w.classical_field(10, 0, omega, 1, 1, p.g * np.sqrt(above.intensity), f_u=0.9, f_l=0.1)
    inversion = field.occupation_u - field.occupation_l
    left = (omega - 10.5 + 0.005j) * (omega - 10 + 1j)
    assert left == pytest.approx(-inversion, abs=1e-12)
    assert w.laser(10, 0, 10.5, 0.0, 1, 1, 0.1, f_u=1, f_l=0).threshold == np.inf


def test_bloch_gain():
    """Equal subbands: nothing at Δ = 0, gain below, loss above, extrema near ∓Γ/2 when hot."""
    detuning = np.linspace(-6, 6, 2401)

    def filling(energy):
        return 0.3 * np.exp(-energy / 50.0)

    exact, effective = w.bloch_gain(detuning, 1.0, 1.0, 2.0, filling, filling)
    middle = len(detuning) // 2
    assert exact[middle] == 0
    assert (exact[:middle] > 0).all()
    assert (exact[middle + 1 :] < 0).all()
    assert detuning[exact.argmax()] == pytest.approx(-1.5, abs=0.05)
    assert detuning[exact.argmin()] == pytest.approx(1.5, abs=0.05)
    np.testing.assert_allclose(exact, effective, atol=0.05 * np.abs(exact).max())
    inverted, _ = w.bloch_gain(0.0, 1.0, 1.0, 2.0, lambda _: 0.8, lambda _: 0.1)
    assert inverted == pytest.approx(0.7 * 4 / 3)


def test_what_the_machine_does():
    made = [
        w.quantised_mode(10, 0, 11, 0.4, 1, 1.5, 0.3, T_u=1, T_l=1, mu_u=mu, mu_l=0, T_b=hot)
        for mu, hot in ((14, 1.2), (8, 2.5), (2, 2.5), (-1, 2.5), (-1, 0.5))
    ]
    kinds = [mode.operation.kind for mode in made]
    assert kinds == [
        "light-emitting diode", "cooling light-emitting diode", "solar cell", "absorber",
        "thermal emitter",
    ]  # fmt: skip
    for mode in made[:3]:
        assert mode.operation.efficiency < mode.operation.bound
        assert mode.entropy_production > 0
    assert made[1].operation.efficiency > 1
    assert "solar cell, efficiency 0.18" in str(made[2])


def test_golden_rule_where_it_holds():
    """Stationary ⟨n⟩ and R within 0.1 % for s < 0.01, and 1 % for s < 0.1: no noise."""
    worst = {0.01: 0.0, 0.1: 0.0}
    for parameters in random_sets(150, 7):
        mode = w.quantised_mode(**parameters)
        p = mode.parameters
        s = abs(p.g) ** 2 * (2 * mode.n + 1) / (p.width**2 / 4 + p.detuning**2)
        limit = next((k for k in worst if s < k), None)
        if limit is None or abs(mode.R) < 1e-9 or mode.populations.shape[1] > 40:
            continue
        model = js.systems.two_level(
            abs(p.g), p.detuning, p.gamma_u, p.gamma_l, p.gamma_b, p.f_u, p.f_l, p.n_b
        )
        law = js.stationary(
            model, {"u": 0, "l": 0, "photon": 0}, truncate={"photon": 40}, max_states=200
        )
        rate = p.gamma_u * (p.f_u - law.mean[0])
        off = max(abs(rate / mode.R - 1), abs(law.mean[2] / mode.n - 1))
        worst[limit] = max(worst[limit], off)
    assert 0 < worst[0.01] < 1e-3
    assert 0 < worst[0.1] < 1e-2


def test_several_emitters():
    """One emitter by classes is one by levels; many share the light."""
    start = {"empty": 1, "upper": 0, "lower": 0, "both": 0, "photon": 0}
    one = js.systems.two_level(0.3, 1.0, **SET)
    levels = js.stationary(one, {"u": 0, "l": 0, "photon": 0}, truncate={"photon": 30})
    from jumpsim.systems.twolevel.golden_rule import _several_emitters

    pools, channels = _several_emitters(one.channel("emission").rate, [1.0, 1.5], (0.9, 0.1))
    light = [c for c in one.channel_specs if c.name.startswith("photon")]
    classes = js.Model([*pools, one.pool("photon")], [*channels, *light], name="classes")
    law = js.stationary(classes, start, truncate={"photon": 30})
    assert law.mean[1] + law.mean[3] == pytest.approx(levels.mean[0], rel=1e-9)
    assert law.mean[4] == pytest.approx(levels.mean[2], rel=1e-9)
    three = js.systems.two_level(0.3, 1.0, **SET, emitters=3)
    assert three.pools == ("empty", "upper", "lower", "both", "photon")
    ensemble = js.simulate(three, [5.0], 50, start | {"empty": 3}, 1)
    assert (ensemble.counts[:, :, :4].sum(axis=2) == 3).all()
    audit = js.audit(three, start | {"empty": 3})
    assert audit.first_law

"""Wacker's map of machines: signs, efficiencies and the greatest power in closed form."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from support.wacker_figures import drawn, line, marked

import jumpsim as js
from jumpsim.papers.wacker import machine_map


def test_machine_map(tmp_path):
    """Regions by hand from the sign of V - Ẽ_ph (1 - T/T_b), V, and V - Ẽ_ph."""
    small = {"map__columns": 14, "map__rows": 9, "cuts__points": 60, "parameters__T": 1.25}
    tables, (left, right), findings = drawn(tmp_path, "machine_map", **small)
    photon = 11 - 0.3 * 1.0 / 2.8  # (W 21)
    found = machine_map.machines(
        tables["parameters"], np.linspace(-5, 16, 14), np.linspace(0.25, 4, 9)
    )
    names = {
        "solar cell": "solar cell", "absorber": "absorber", "thermal emitter": "thermal\nemitter",
        "light-emitting diode": "LED", "cooling light-emitting diode": "cooling LED",
    }  # fmt: skip
    for row, hot in enumerate(np.linspace(0.25, 4, 9)):
        for column, voltage in enumerate(np.linspace(-5, 16, 14)):
            emits = voltage > photon * (1 - 1.25 / hot)
            if voltage > 0:
                cools = "cooling " if voltage < photon else ""
                expected = f"{cools}light-emitting diode" if emits else "solar cell"
            else:
                expected = "thermal emitter" if emits else "absorber"
            assert found.kinds[row, column] == expected
    assert sorted(text.get_text() for text in left.texts) == sorted(names.values())
    for text in left.texts:  # each name stands within its region
        x, y = text.get_position()
        column = np.abs(found.voltage / photon - x).argmin()
        row = np.abs(found.T_b / 1.25 - y).argmin()
        assert names[found.kinds[row, column]] == text.get_text()
    x, y = line(left, "zero affinity")
    np.testing.assert_allclose(x, 1 - 1 / y)
    assert left.get_ylim() == (0.2, 3.2)
    assert findings[1] == "emission of the wrong sign: 0 of 126 machines"
    parts = [float(v) for v in re.findall(r"\d\.\d+", findings[0])]
    assert sum(parts) == pytest.approx(1, abs=3e-3)
    assert f"solar cell {(found.kinds == 'solar cell').mean():.3f}" in findings[0]
    cuts(right, findings, photon)


def cuts(axis, findings, photon):
    for k, hot in enumerate((1.5, 2.5, 4.0)):
        x, y = line(axis, f"$T_b$ = {hot / 1.25:g} $T$")
        np.testing.assert_allclose(x, np.linspace(0.05, 16, 60) / photon)
        carnot = 1 - 1.25 / hot
        np.testing.assert_allclose(y, np.where(x < carnot, x / carnot, carnot / x))
        (best,), (part,) = marked(axis)[k]
        assert best in x
        assert part == pytest.approx(best / carnot)
        assert f"efficiency {best:.4f} (Carnot {carnot:.4f}" in findings[2 + k]
        assert f"largest ratio of efficiency to bound {y.max():.4f}" in findings[2 + k]


def test_the_greatest_power_of_a_solar_cell(tmp_path):
    """Power by a fine scan with quantised modes; and a cut without a solar cell has no mark."""
    tables, (_, right), findings = drawn(
        tmp_path, "machine_map", map__columns=3, map__rows=3, cuts__T_b="[0.8, 2.5]",
        cuts__points=80,
    )  # fmt: skip
    assert "solar cell" not in findings[2]
    p = {k: v for k, v in tables["parameters"].items() if k != "T"}
    power = [
        -v * js.theory.twolevel.quantised_mode(**p, mu_u=v, T_u=1, T_l=1, T_b=2.5).R
        for v in np.linspace(0.05, 16, 80)
    ]
    photon = 11 - 0.3 / 2.8
    assert len(marked(right)) == 2  # one of a cut and one of the legend
    best = np.linspace(0.05, 16, 80)[np.argmax(power)] / photon
    assert marked(right)[0][0, 0] == pytest.approx(best)


def test_emission_on_the_wrong_side_is_counted():
    mode = SimpleNamespace(E_ph=10.0, operation=SimpleNamespace(kind="absorber"))
    for rate, wrong in ((1.0, 1), (-1.0, 2)):
        modes = np.array([[SimpleNamespace(R=rate, **vars(mode)) for _ in range(3)]])
        found = machine_map.Map(np.array([-1.0, 6.0, 9.0]), np.array([2.0]), modes)
        assert f"{wrong} of 3 machines" in machine_map._map_findings(found, 1.0)[1]

"""Wacker's figures of effective energies and of the second law, against typed formulas."""

import re

import numpy as np
import pytest
from support.wacker_figures import drawn, line, marked

import jumpsim as js
from jumpsim.papers.wacker import second_law


def lines(axis, style):
    return [np.array(x.get_data()) for x in axis.lines if x.get_linestyle() == style]


def test_effective_energies(tmp_path):
    """Lines and marks of both fields are (W 14) and (W 21), bare energies the grey lines."""
    tables, (left, right), findings = drawn(
        tmp_path, "effective_energies", parameters__gamma_l=2.0, parameters__gamma_b=0.5,
        scan__points=5,
    )  # fmt: skip
    p = tables["parameters"]
    delta = np.linspace(-4, 4, 5)
    widths = 3.0 + 2.0
    classical = [6 + delta * 3.0 / widths, -2 - delta * 2.0 / widths]
    widths += 0.5
    quantised = [
        6 + delta * 3.0 / widths, -2 - delta * 2.0 / widths, 8 + delta - delta * 0.5 / widths
    ]  # fmt: skip
    bare = [6 + 0 * delta, -2 + 0 * delta, 8 + delta]
    assert (p["E_u"], p["E_l"], p["gamma_u"]) == (6, -2, 3)
    for axis, expected in ((left, classical), (right, quantised)):
        shown = marked(axis)
        assert len(shown) == len(expected)
        grey = [x.get_ydata() for x in axis.lines if x.get_color() == "0.7"]
        for k, energy in enumerate(expected):
            np.testing.assert_allclose(shown[k], [delta / 2, energy / 2], atol=1e-12)
            np.testing.assert_allclose(grey[k], bare[k] / 2)
        for style, energy in zip(("-", "--", "-."), expected, strict=False):
            closed = [y for _, y in lines(axis, style) if np.allclose(y, energy / 2)]
            assert closed
    for text in findings:
        assert float(re.search(r"at most (\S+) γ_l", text)[1]) < 1e-12


def test_energies_are_read_off_the_flows(tmp_path, monkeypatch):
    """Marks follow the flows of the density matrix, lines do not; a mismatch is reported."""
    from jumpsim.theory.twolevel.classical_field import ClassicalField
    from jumpsim.theory.twolevel.quantised_mode import ModeState

    flows, energy = ClassicalField.flows, ModeState.energy_flows.fget

    def doubled(self, state):
        particles, powers = flows(self, state)
        return particles, {k: 2 * v for k, v in powers.items()}

    monkeypatch.setattr(ClassicalField, "flows", doubled)
    monkeypatch.setattr(
        ModeState, "energy_flows", property(lambda s: {k: 2 * v for k, v in energy(s).items()})
    )
    _, axes, findings = drawn(tmp_path, "effective_energies", scan__points=3)
    for axis in axes:
        assert marked(axis)[0][1][1] == pytest.approx(12)
        assert any(np.allclose(y[1], 6) for _, y in lines(axis, "-"))
    assert [float(re.search(r"most (\S+) γ_l", text)[1]) > 5 for text in findings] == [True, True]


def by_hand(p, omega, energies):
    """Entropy production (W 15) with R of (W A12), typed again; arrays."""
    delta, width = omega - (p["E_u"] - p["E_l"]), p["gamma_u"] + p["gamma_l"]
    up, down = p["E_u"] + delta * p["gamma_u"] / width, p["E_l"] - delta * p["gamma_l"] / width
    asked = (up, down) if energies == "effective" else (p["E_u"], p["E_l"])
    f_u = 1 / (np.exp((asked[0] - p["mu_u"]) / p["T_u"]) + 1)
    f_l = 1 / (np.exp((asked[1] - p["mu_l"]) / p["T_l"]) + 1)
    alpha = p["epsilon"] ** 2 * width / (width**2 / 4 + delta**2)
    rate = alpha * (f_u - f_l) / (1 + alpha * width / (p["gamma_u"] * p["gamma_l"]))
    return rate * ((down - p["mu_l"]) / p["T_l"] - (up - p["mu_u"]) / p["T_u"])


def test_second_law_of_the_example(tmp_path):
    """Both curves, the marks and the published digits, in units of γ_l; what is negative shaded."""
    _, (left, _), findings = drawn(tmp_path, "second_law", random__sets=100)
    assert findings[:2] == [
        "bare: entropy production -0.01925488 at ω = 12 (R = +0.01925488)",
        "effective: entropy production +0.01925488 at ω = 12 (R = -0.01925488)",
    ]
    for (x, y), sigma in zip(marked(left), (-0.01925488, 0.01925488), strict=True):
        assert (x[0], y[0]) == (12, pytest.approx(sigma, abs=5e-9))
    tables, (left, _), _ = drawn(
        tmp_path, "second_law", parameters__gamma_l=2.0, parameters__T_u=1.3, random__sets=100
    )
    for kind in ("bare", "effective"):
        x, y = line(left, f"{kind} energies")
        np.testing.assert_allclose(y, by_hand(tables["parameters"], 2 * x, kind) / 2, rtol=1e-9)
    shaded = left.collections[0].get_paths()[0].vertices[:, 1]
    assert shaded.min() == pytest.approx(line(left, "bare energies")[1].min())
    assert shaded.max() == 0
    assert [round(x[0], 9) for x, _ in marked(left)] == [6, 6]


def test_second_law_of_random_sets(tmp_path, monkeypatch):
    """Every set by hand; how many lose entropy, drawn and reported with its binomial interval."""
    seen = []
    made = second_law.production
    monkeypatch.setattr(
        second_law, "production", lambda p, omega: seen.append((p, omega)) or made(p, omega)
    )
    _, (_, right), findings = drawn(tmp_path, "second_law", random__sets=3000)
    parameters, omega = next((p, w) for p, w in seen if np.size(p["E_u"]) == 3000)
    negative = {}
    for k, kind in enumerate(("bare", "effective")):
        sigma = by_hand(parameters, omega, kind) / parameters["gamma_l"]
        x, y = next(d for d in lines(right, ("-", "--")[k]) if len(d[0]) == 3000)
        np.testing.assert_allclose(x, np.sort(sigma), rtol=1e-6, atol=1e-12)
        assert (y[0], y[-1]) == (1 / 3000, 1)
        negative[kind] = int((sigma < -1e-13).sum())
        assert marked(right)[k].ravel() == pytest.approx([0, negative[kind] / 3000])
    assert negative["effective"] == 0
    assert 500 < negative["bare"] < 1500
    part = negative["bare"] / 3000
    text = findings[2]
    assert f"bare: negative in {negative['bare']} of 3000 random sets, {part:.4f} [" in text
    half = 1.96 * np.sqrt(part * (1 - part) / 3000)
    interval = [float(x) for x in re.search(r"\[(\S+), (\S+)\]", text).groups()]
    assert interval == pytest.approx([part - half, part + half], abs=2e-3)
    # None of 3000: below 1 - 0.025^(1/3000).
    assert "effective: negative in 0 of 3000 random sets, 0.0000 [0.0000, 0.0012]" in findings[3]
    for name, (low, high) in (
        ("E_u", (0, 10)), ("mu_l", (0, 10)), ("gamma_u", (0.1, 10)), ("epsilon", (0.05, 5)),
        ("T_l", (0.3, 10)),
    ):  # fmt: skip
        values = parameters[name]
        assert low <= values.min() < values.max() <= high
        middle = np.sqrt(low * high) if low else (low + high) / 2
        assert np.median(values) == pytest.approx(middle, rel=0.12)


def test_equal_fillings_carry_no_sign():
    """Fillings that are both 0 or 1 to all digits are counted apart."""
    ranges = {"sets": 400, "seed": 3, "energies": [0, 400.0], "omega": [0, 400.0]}
    scales = {"rates": [0.1, 10], "epsilon": [0.05, 5], "temperatures": [0.3, 1]}
    found = second_law.sample(ranges | scales)
    negative, decided = found.negative("effective")
    assert negative == 0
    assert 100 < decided < 300
    assert found.negative("bare")[0] > 0
    with pytest.raises(js.InputError, match="nothing flows"):
        second_law.sample(ranges | scales | {"energies": [5.0, 5.0 + 1e-15], "omega": [0.0, 1e-15]})

"""Wacker's figures of the golden rule, against a dense Lindblad equation and a rate matrix."""

import re
import tomllib

import numpy as np
import pytest
from oracles.lindblad import liouvillian, means
from scipy.linalg import expm, null_space
from scipy.sparse import csr_array
from scipy.sparse.linalg import expm_multiply
from support.wacker_figures import LEVELS, drawn, line

from jumpsim.papers.wacker import golden_rule
from jumpsim.theory.twolevel.quantised_mode import mode_parameters


def jump_generator(g, delta, p, cutoff):
    """Matrix of the golden-rule rates, typed from the table of `systems.two_level`; (u, l, n)."""
    width = p["gamma_u"] + p["gamma_l"] + p["gamma_b"]
    alpha = g**2 * width / (delta**2 + width**2 / 4)
    states = [(u, low, n) for u in (0, 1) for low in (0, 1) for n in range(cutoff + 1)]
    index = {state: k for k, state in enumerate(states)}
    matrix = np.zeros((len(states),) * 2)
    for (u, low, n), k in index.items():
        for target, rate in (
            ((1, low, n), p["gamma_u"] * p["f_u"] * (1 - u)),
            ((0, low, n), p["gamma_u"] * (1 - p["f_u"]) * u),
            ((u, 1, n), p["gamma_l"] * p["f_l"] * (1 - low)),
            ((u, 0, n), p["gamma_l"] * (1 - p["f_l"]) * low),
            ((u, low, n + 1), p["gamma_b"] * p["n_b"] * (1 + n)),
            ((u, low, n - 1), p["gamma_b"] * (1 + p["n_b"]) * n),
            ((0, 1, n + 1), alpha * u * (1 - low) * (1 + n)),
            ((1, 0, n - 1), alpha * low * (1 - u) * n),
        ):  # fmt: skip
            if target in index and rate > 0:
                matrix[index[target], k] += rate
                matrix[k, k] -= rate
    return matrix, np.array(states, float)


SET = {"gamma_u": 1.0, "gamma_l": 1.5, "gamma_b": 0.8, "f_u": 0.8, "f_l": 0.1, "n_b": 0.02}


def test_errors_of_one_golden_rule():
    """s and the errors of R, ⟨n⟩ and g²(0), with both laws from equations typed here."""
    g, delta, cutoff = 0.7, 1.3, 9
    exact = mode_parameters(0, 0, delta, g, **SET)
    total, _ = liouvillian(exact, cutoff)
    size = 4 * (cutoff + 1)
    first = np.zeros(size**2, complex)
    total[0] = np.eye(size).reshape(-1)  # the trace
    first[0] = 1
    rho = np.linalg.solve(total, first).reshape(size, size, order="F")
    _, _, n, y, photons = means(rho, exact, cutoff)
    k = np.arange(cutoff + 1)
    true = np.array([2 * y.imag, n, photons @ (k * (k - 1.0)) / n**2])
    matrix, states = jump_generator(g, delta, SET, cutoff)
    law = null_space(matrix, rcond=1e-12)[:, 0]
    law = law / law.sum()
    u, _, count = states.T
    mean = law @ count
    rough = np.array([0.8 - law @ u, mean, law @ (count * (count - 1)) / mean**2])
    s = g**2 * (2 * n + 1) / (3.3**2 / 4 + delta**2)
    found = golden_rule.errors(g, delta, SET)
    np.testing.assert_allclose(found[0], s, rtol=1e-6)
    np.testing.assert_allclose(found[1:4], np.abs(rough / true - 1), rtol=1e-3)
    assert found[4] == pytest.approx(1 - 0.02 / n)
    assert golden_rule.errors(1e-7, delta, SET) is None


def test_golden_rule_in_steady_state(tmp_path):
    """Points and limits as drawn, and the largest errors of each range as reported."""
    tables, (left, middle, _), findings = drawn(tmp_path, "golden_rule", random__sets=120)
    found = golden_rule.compare(tables["random"])
    assert len(found.s) + found.left_out == 120
    limits = left.patches[0].get_data()
    np.testing.assert_allclose(limits.values, [0.003, 0.025, 0.05])
    np.testing.assert_allclose(limits.edges[1:3], [0.01, 0.1])
    for name, label in (("R", "$R$"), ("n", r"$\langle n\rangle$")):
        np.testing.assert_array_equal(line(left, label), [found.s, getattr(found, name)])
    mostly = found.emitted > 0.5
    for chosen, label in (
        (mostly, "photons mostly emitted"),
        (~mostly, "photons mostly from the bath"),
    ):
        np.testing.assert_array_equal(line(middle, label), [found.s[chosen], found.g2[chosen]])
    edges = [0, 0.01, 0.1, np.inf]
    for k, text in enumerate(findings[:3]):
        inside = (found.s >= edges[k]) & (found.s < edges[k + 1])
        assert f": {inside.sum()} sets" in text
        worst = [float(v) / 100 for v in re.findall(r"(\S+) %[,;) ]", text)]
        assert worst[0] == pytest.approx(found.R[inside].max(), rel=0.1)
        assert worst[1] == pytest.approx(found.n[inside].max(), rel=0.1)
        assert max(worst[:2]) < (0.003, 0.025, 0.05)[k]
        assert worst[2] == pytest.approx((0.003, 0.025, 0.05)[k])
        assert "NOT MET" not in text
        assert float(re.search(r"emitted photons (\S+) %$", text)[1]) / 100 == pytest.approx(
            found.g2[inside & mostly].max(), rel=0.1
        )
    # Small s make R and ⟨n⟩ right, but never g²(0) of a few emitted photons.
    weak = found.s < 0.01
    assert np.median(found.g2[weak & mostly]) > 100 * np.median(found.n[weak])


# The largest errors that searches found: limit of s, error of ⟨n⟩ or R, then the set.
WORST = (
    (0.01, 1.67e-3, 0.3513, 0.03746, 0.4898, 9.821, 0.1002, 0.9981, 0.007283, 1.599e-4),
    (0.01, 1.84e-3, 1.152, 2.202, 49.05, 1.957, 0.1215, 0.9683, 1.076e-4, 1.157e-5),
    (0.1, 1.93e-2, 0.517, 0.0, 4.6, 4.8, 0.109, 1.0, 0.0, 0.0),
    (0.1, 1.88e-2, 0.3464, 0.09209, 2.472, 2.284, 0.1089, 0.991, 0.003631, 6.392e-6),
    (np.inf, 3.96e-2, 0.3273, 0.001929, 0.9459, 0.9456, 0.1239, 1.0, 1.616e-5, 4.184e-6),
)


@pytest.mark.parametrize("case", WORST)
def test_the_documented_limits_hold_for_the_worst_sets_that_are_known(case):
    limit, error, g, detuning, *values = case
    names = ("gamma_u", "gamma_l", "gamma_b", "f_u", "f_l", "n_b")
    s, rate, photons, *_ = golden_rule.errors(g, detuning, dict(zip(names, values, strict=True)))
    assert s < limit * 1.001  # the parameters are rounded
    assert max(rate, photons) == pytest.approx(error, rel=0.02)
    assert max(rate, photons) < dict(golden_rule.LIMITS)[limit]


def test_a_limit_that_is_not_met_is_reported():
    s, small, large = np.array([0.001, 0.05, 3.0]), np.full(3, 1e-5), np.array([4e-3, 5e-3, 0.06])
    for R, n in ((large, small), (small, large)):
        found = golden_rule.Comparison(s, R, n, large, np.array([0.9, 0.1, 0.9]), 4)
        printed = golden_rule._error_summary(found)
        assert ["NOT MET" in text for text in printed] == [True, False, True, False]
        assert printed[1].endswith("emitted photons undecided")
        assert printed[3] == "omitted: 4 sets without flow"


def test_transient_of_both(tmp_path):
    """Density matrix and jumps in time, both typed here; where they differ most is reported."""
    _, (*_, right), findings = drawn(
        tmp_path, "golden_rule", random__sets=40, transient__points=25, transient__gamma_l=2.0,
        transient__photon=1, transient__stop=3.0, transient__n_b=0.05,
    )  # fmt: skip
    p = {"gamma_u": 0.2, "gamma_l": 2.0, "gamma_b": 0.2, "f_u": 0.9, "f_l": 0.1, "n_b": 0.05}
    cutoff, times = 7, np.linspace(0, 3, 25)
    matrix, states = jump_generator(2.0, 1.0, p, cutoff)
    start = ((states == [1, 0, 1]).all(axis=1)).astype(float)
    moved = expm(matrix * times[8]) @ start
    parameters = mode_parameters(0, 0, 1.0, 2.0, **p)
    total, _ = liouvillian(parameters, cutoff)
    size = 4 * (cutoff + 1)
    rho = np.zeros((size, size), complex)
    place = 2 * (cutoff + 1) + 1
    rho[place, place] = 1
    later = expm_multiply(csr_array(total * times[8]), rho.reshape(-1, order="F"))
    upper, _, n, _, _ = means(later.reshape(size, size, order="F"), parameters, cutoff)
    (exact_u, jumps_u, exact_n, jumps_n) = (x.get_data() for x in right.lines[:4])
    for curve, value in (
        (exact_u, upper), (exact_n, n), (jumps_u, moved @ states[:, 0]),
        (jumps_n, moved @ states[:, 2]),
    ):  # fmt: skip
        np.testing.assert_allclose(curve[0], 2 * times)
        assert curve[1][8] == pytest.approx(value, abs=1e-4)
    assert [x.get_linestyle() for x in right.lines[:4]] == ["-", "--", "-", "--"]
    off = np.abs(jumps_n[1] - exact_n[1])
    assert f"and {off.max():.3f} of ⟨n⟩ (at Γt = {2.4 * times[off.argmax()]:.2f})" in findings[-1]
    assert off.max() > 0.2


def test_where_the_random_sets_lie(monkeypatch):
    """Within their ranges, and evenly: half of them below the middle, on the scale in question."""
    seen = []

    def spy(g, detuning, p):
        width = p["gamma_u"] + p["gamma_l"] + p["gamma_b"]
        seen.append({**p, "detuning": detuning, "s": g**2 / (width**2 / 4 + detuning**2)})
        return np.ones(5)

    monkeypatch.setattr(golden_rule, "errors", spy)
    ranges = {
        "sets": 1000, "seed": 4, "rates": [0.1, 10.0], "strength": [1e-4, 1.0], "n_b": [1e-3, 10.0],
        "detuning": [-3.0, 9.0], "fillings": [0.2, 0.6],
    }  # fmt: skip
    golden_rule.compare(ranges)
    limits = {
        "gamma_u": (0.1, 10, 1), "gamma_l": (0.1, 10, 1), "gamma_b": (0.1, 10, 1),
        "s": (1e-4, 1, 1e-2), "n_b": (1e-3, 10, 0.1), "detuning": (-3, 9, 3),
        "f_u": (0.2, 0.6, 0.4), "f_l": (0.2, 0.6, 0.4),
    }  # fmt: skip
    for name, (low, high, middle) in limits.items():
        values = np.array([one[name] for one in seen])
        assert low <= values.min() < values.max() <= high
        assert (values < middle).mean() == pytest.approx(0.5, abs=0.07)  # 4.4 errors


def test_the_same_seed_gives_the_same_sets():
    tables = tomllib.loads((LEVELS / "golden_rule.toml").read_text())
    ranges = tables["random"] | {"sets": 5}
    first, again = golden_rule.compare(ranges), golden_rule.compare(ranges)
    other = golden_rule.compare(ranges | {"seed": 2})
    np.testing.assert_array_equal(first.s, again.s)
    assert not np.isin(other.s, first.s).any()

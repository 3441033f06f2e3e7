"""Averages of quantum jumps against the density matrix."""

import re
from dataclasses import replace

import numpy as np
import pytest
from oracles.lindblad import liouvillian, means, operators
from scipy.linalg import expm
from scipy.stats import t as student
from support.quantum_jumps import EMPTY, MACHINE, MODE, bars, drawn_line

import jumpsim as js
from jumpsim import plotting
from jumpsim.theory import twolevel


def test_averages_against_the_density_matrix():
    """A theory that is a little wrong is seen; p-values of right ones are not small."""
    times = np.linspace(0, 8, 9)
    start = js.Mixture(
        [({"u": 1, "l": 0, "photon": 1}, 0.25), ({"u": 0, "l": 1, "photon": 0}, 0.75)]
    )
    right = js.simulate(MODE, times, 20_000, start, 3)
    compared = js.compare(right)
    assert compared.agrees
    assert compared.joint.agrees
    np.testing.assert_allclose(compared.theory[0], [0.25, 0.75, 0.25, 0, 0], atol=1e-12)
    wrong = js.simulate(
        js.systems.two_level_mode(**{**MACHINE, "g": 1.05}), times, 20_000, start, 3
    )
    wrong.model = MODE
    compared = js.compare(wrong)
    assert not compared.joint.agrees
    few = js.simulate(MODE, times, 2, start, 3)
    assert js.compare(few).agrees is None
    assert "undecided" in str(js.compare(few))
    sums = js.compare(js.simulate(MODE, times, 2000, start, 3, record="moments"))
    assert sums.agrees
    squares = js.compare(js.simulate(MODE, times, 2000, start, 3, record="variances"))
    assert str(squares) == str(sums)
    np.testing.assert_array_equal(squares.residuals, sums.residuals)
    with pytest.raises(js.InputError, match="2 trajectories"):
        js.compare(js.simulate(MODE, times, 1, start, 3))


def test_expectations_of_any_start():
    """A thermal start, and a field that nothing couples to."""
    warm = js.Thermal({"u": 0.05, "l": 0.0, "photon": 0.2})
    found = twolevel.expectations(MODE, [0.0], warm)[0]
    upper, _, photon = MODE.parameters.effective
    assert found[0] == pytest.approx(1 / (np.exp(0.05 * upper) + 1))
    assert found[2] == pytest.approx(1 / np.expm1(0.2 * photon))
    still = js.systems.two_level_field(1, 0, 1, 1, 1, 0.0, f_u=0.3, f_l=0.6)
    late = twolevel.expectations(still, [50.0], js.Fixed({"u": 1, "l": 0}))[0]
    np.testing.assert_allclose(late, [0.3, 0.6, 0, 0, 0], atol=1e-12)
    none = js.systems.two_level_mode(**{**MACHINE, "g": 0.0})
    late = twolevel.expectations(none, [80.0], js.Fixed(EMPTY))[0]
    p = none.parameters
    np.testing.assert_allclose(late, [p.f_u, p.f_l, p.n_b, 0, 0], atol=1e-9)


def test_expectations_by_dense_equations():
    """A mixture that names a state twice, complex couplings, and quanta given to a field."""
    model = js.systems.two_level_mode(**{**MACHINE, "g": 0.6 - 0.4j, "T_b": 3.0})
    p, cutoff, times = model.parameters, 5, [0.4, 1.0, 3.0]
    start = js.Mixture(
        [
            ({"u": 1, "l": 0, "photon": 1}, 0.3), ({"u": 0, "l": 1, "photon": 0}, 0.2),
            ({"u": 1, "l": 0, "photon": 1}, 0.1), ({"u": 1, "l": 1, "photon": 0}, 0.4),
        ]
    )  # fmt: skip
    size = 4 * (cutoff + 1)
    rho = np.zeros(size)
    for state, weight in start.states:
        rho[(2 * state["u"] + state["l"]) * (cutoff + 1) + state["photon"]] += weight
    total, _ = liouvillian(p, cutoff)
    found = twolevel.expectations(model, times, start)
    for k, t in enumerate(times):
        late = (expm(total * t) @ np.diag(rho).ravel()).reshape(size, size, order="F")
        upper, lower, n, y, _ = means(late, p, cutoff)
        c = y / abs(p.g)
        np.testing.assert_allclose(found[k], [upper, lower, n, c.real, c.imag], atol=5e-6)
    # A classical field: 4 × 4 density matrices in the rotating frame.
    field = js.systems.two_level_field(3.0, 1.0, 2.7, 1.0, 0.5, 0.6 - 0.4j, f_u=0.8, f_l=0.3)
    c_u, c_l, _ = operators(0)
    one, mixing = np.eye(4), (0.6 - 0.4j) * c_u.T @ c_l
    h = 0.7 * c_l.T @ c_l + mixing + mixing.conj().T
    total = -1j * (np.kron(one, h) - np.kron(h.T, one))
    for rate, jump in ((0.8, c_u.T), (0.2, c_u), (0.15, c_l.T), (0.35, c_l)):
        square = jump.T @ jump
        total = total + rate * np.kron(jump, jump)
        total = total - 0.5 * rate * (np.kron(one, square) + np.kron(square.T, one))
    first = np.diag([0, 0.3, 0.6, 0.1]).ravel()  # empty, l, u, both
    start = js.Mixture([({"u": 0, "l": 1}, 0.3), ({"u": 1, "l": 0}, 0.6), ({"u": 1, "l": 1}, 0.1)])

    def exchange(t):
        late = (expm(total * t) @ first).reshape(4, 4, order="F")
        return late, (0.6 + 0.4j) * np.trace(c_l.T @ c_u @ late)

    nodes, weights = np.polynomial.legendre.leggauss(30)
    for t, values in zip(times, twolevel.expectations(field, times, start), strict=True):
        late, y = exchange(t)
        rates = [2 * exchange(t / 2 * (x + 1))[1].imag for x in nodes]
        given = t / 2 * weights @ rates
        occupied = [np.trace(c.T @ c @ late).real for c in (c_u, c_l)]
        c = y / abs(0.6 - 0.4j)
        np.testing.assert_allclose(values, [*occupied, given, c.real, c.imag], atol=1e-12)


def test_residuals_by_hand():
    """Differences in standard errors, where enough trajectories carry the average; threshold."""
    times, start = np.array([0.0, 0.02, 0.1, 1.0, 4.0]), {"u": 0, "l": 0, "photon": 0}
    run = js.simulate(MODE, times, 700, start, 4, record=["expect", "moments"])
    found = js.compare(run)
    away = (run.expect - run.expect.mean(axis=0)) ** 2
    second, fourth = away.sum(axis=0), (away**2).sum(axis=0)
    with np.errstate(invalid="ignore"):
        decided = (second > 1e-10) & (second**2 / fourth >= 50)
    assert decided.sum() not in (0, decided.size)
    assert (second[~decided] > 1e-10).any()  # some are left out that do fluctuate
    np.testing.assert_array_equal(np.isfinite(found.residuals), decided)
    mean, theory = run.expect.mean(axis=0), twolevel.expectations(MODE, times, run.initial)
    sem = run.expect.std(axis=0, ddof=1) / np.sqrt(700)
    expected = ((mean - theory) / np.where(decided, sem, 1))[decided]
    np.testing.assert_allclose(found.residuals[decided], expected, atol=1e-5)
    np.testing.assert_allclose(found.theory, theory)
    assert found.threshold == pytest.approx(student.isf(0.01 / 2 / decided.sum(), 699))
    for wrong in (-9.0, 9.0):
        broken = replace(found, residuals=np.where(decided, wrong, np.nan))
        assert broken.agrees is False
        assert "DISAGREE" in broken.verdict
        assert "is 9.00 standard errors" in broken.verdict
    printed = str(replace(found, theory=np.full(theory.shape, 0.4321)))
    assert printed.count("0.4321") >= theory.size
    # Nothing has happened yet: what is left of the averages' rounding is compared with nothing.
    idle = js.systems.two_level_mode(1, 0, 1.3, 0.5, 1e-12, 1e-12, 1e-12, f_u=0.5, f_l=0.5, n_b=0.1)
    start = {"u": 1, "l": 0, "photon": 1}
    run = js.simulate(idle, [0.3, 0.9], 100, start, 4)
    assert js.compare(run).agrees is None
    run = js.simulate(idle, [0.3, 0.9], 100, start, 4, record="moments")
    assert js.compare(run).agrees is None


def test_figure_of_averages():
    """Lines are the density matrix, marks the averages, bars their errors: the right columns."""
    times = np.linspace(0, 3, 11)
    model = js.systems.two_level_mode(**{**MACHINE, "g": 0.7 + 0.3j})
    run = js.simulate(model, times, 300, {"u": 1, "l": 0, "photon": 2}, 5)
    result = js.compare(run)
    figure = plotting.compare(result)
    factor = {"s": 1.0, "ms": 1e3}[re.search(r"\((\w+)\)", figure.axes[0].get_xlabel())[1]]
    labels = {"occupation": (0, 1), "photons": (2,), "coherence": (3, 4)}
    assert [axis.get_ylabel() for axis in figure.axes] == list(labels)
    for axis, columns in zip(figure.axes, labels.values(), strict=True):
        assert len(axis.containers) == len(columns)
        theory = [xy for xy in drawn_line(axis) if any(
            np.array_equal(xy[1], result.theory[:, o]) for o in columns)]  # fmt: skip
        assert len(theory) == len(columns)
        for container, o in zip(axis.containers, columns, strict=True):
            assert container.get_label() == ("u", "l", "photon", "Re c", "Im c")[o]
            x, y, below, above = bars(container)
            np.testing.assert_allclose(x, times * factor)
            np.testing.assert_allclose(y, result.mean[:, o])
            np.testing.assert_allclose([below, above], [result.sem[:, o]] * 2, atol=1e-12)
    thin = drawn_line(figure.axes[1], color="0.6")
    np.testing.assert_array_equal([y for _, y in thin], run.expect[:3, :, 2])
    assert not drawn_line(figure.axes[0], color="0.6")

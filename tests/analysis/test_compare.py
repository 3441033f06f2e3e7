"""The comparison with the rate equations: it agrees where they hold, and detects where not."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import t as student
from support.systems import HOHLRAUM

import jumpsim as js
from jumpsim import plotting
from jumpsim.systems import CATALOGUE


def independent_decay(x=1.0):
    """Without stimulated emission the rate equations are the exact mean."""
    model = CATALOGUE["open_waveguide"].declare(50, 40, 1e4, 0, (0, 0), (1e5, 0))
    return model, js.Thermal(x)


def test_agrees_where_the_rate_equations_are_exact():
    """False alarm: at most 1 % for the seed chosen once."""
    model, start = independent_decay()
    ensemble = js.simulate(model, np.linspace(0, 2e-5, 9), 2000, start, seed=1, record="moments")
    result = js.compare(ensemble)
    assert result.agrees
    assert "averages agree" in result.verdict
    assert np.isfinite(result.residuals).all()
    # 27 residuals, two-sided, one in a hundred runs.
    assert result.threshold == pytest.approx(student.isf(0.005 / 27, 1999), rel=1e-12)
    assert np.allclose(result.residuals, (result.mean - result.theory.counts) / result.sem)


def test_variances_are_enough():
    """All that is shown is the same as with the record "moments", to the last bit."""
    model, start = independent_decay()
    times = np.linspace(0, 2e-5, 9)
    sums, squares = (
        js.compare(js.simulate(model, times, 300, start, 1, record))
        for record in ("moments", "variances")
    )
    assert str(squares) == str(sums)
    for name in ("mean", "sem", "residuals", "spread"):
        np.testing.assert_array_equal(getattr(squares, name), getattr(sums, name))
    drawn = [js.plotting.compare(result) for result in (sums, squares)]
    for one, other in zip(*(figure.axes for figure in drawn), strict=True):
        for a, b in zip(one.lines, other.lines, strict=True):
            np.testing.assert_array_equal(a.get_xydata(), b.get_xydata())


def test_residuals_are_standard_normal():
    """The mean square of the residuals over 400 seeds: 1 within 4.5 of its errors (alarm 7e-6)."""
    model, start = independent_decay()
    squares = [
        js.compare(js.simulate(model, [1e-5], 200, start, seed=s, record="moments", workers=1))
        .residuals.ravel() ** 2
        for s in range(400)
    ]  # fmt: skip
    error = np.std(squares, axis=0) / 20
    assert (np.abs(np.mean(squares, axis=0) - 1) < 4.5 * error).all()
    assert (error < 0.12).all()


@pytest.mark.parametrize("bias", [0.0, 0.5])
def test_sees_a_wrong_rate(bias):
    model, start = independent_decay()
    ensemble = js.simulate(model, np.linspace(0, 2e-5, 9), 2000, start, seed=1, record="counts")
    channels = [
        dataclasses.replace(c, rate=c.rate * (1 + bias)) if c.name == "loss m via 1" else c
        for c in model.channel_specs
    ]
    ensemble.model = js.Model(model.pool_specs, channels)
    assert js.compare(ensemble).agrees is (bias == 0)


def test_sees_the_finite_size_bias_of_the_hohlraum():
    # Correlations between N and m are what the rate equations neglect: a fraction of a quantum.
    model = js.systems.hohlraum(20, 10, 1e6)
    ensemble = js.simulate(model, [5e-6], 200_000, {"N": 15, "m": 0}, seed=1, record="moments")
    result = js.compare(ensemble)
    assert result.agrees is False
    assert "DISAGREE" in result.verdict
    assert "the order of one quantum" in result.verdict


def test_undecided_where_nothing_fluctuates():
    model = js.systems.hohlraum(20, 10, 0)
    ensemble = js.simulate(model, [1.0], 100, {"N": 15, "m": 0}, seed=1)
    result = js.compare(ensemble)
    assert result.agrees is None
    assert result.verdict.startswith("undecided")
    assert np.isnan(result.residuals).all()
    assert "nan" not in str(result)


def test_undecided_where_few_trajectories_deviate():
    """About 5 of 500 lost a quantum: no normal law; about 100 are enough."""
    model, _ = independent_decay()
    for time, known in ((1e-7, False), (2.5e-6, True)):
        ensemble = js.simulate(model, [time], 500, {"A": 0, "B": 0, "m": 1}, seed=1)
        assert np.isfinite(js.compare(ensemble).residuals[0, 2]) == known


def test_table_shows_what_was_compared(waveguide, microseconds):
    result = js.compare(js.simulate(waveguide, microseconds, 300, js.Thermal(1.0), seed=1))
    lines = str(result).splitlines()
    assert lines[0].startswith(
        "300 trajectories of open_waveguide compared with the rate equations"
    )
    assert lines[2].split() == ["time", "(µs)"] + [
        word for pool in "ABm" for word in (f"⟨{pool}⟩", "±", "s.e.", "theory", "resid.")
    ]
    assert lines[3].split()[0] == "0"
    assert f"{result.mean[0, 0]:.4f}" in lines[3]


def test_temperatures_of_equilibrium_and_their_errors(waveguide):
    x = np.array([0.3, 1.0, 4.0])
    counts = np.stack([js.Thermal(v).mean(waveguide) for v in x])
    assert np.allclose(js.thermo.temperatures(waveguide, counts), 1 / x[:, None], rtol=1e-12)
    step = 1e-6
    _, error = js.thermo.temperatures(waveguide, counts, np.ones_like(counts))
    for p in range(3):
        up, down = counts.copy(), counts.copy()
        up[:, p] += step
        down[:, p] -= step
        slope = js.thermo.temperatures(waveguide, up) - js.thermo.temperatures(waveguide, down)
        assert np.allclose(error[:, p], slope[:, p] / (2 * step), rtol=1e-6)


def test_temperatures_at_the_edges(waveguide):
    cold, hot, inverted = [0, 0, 0], [1e9, 1, 50], [1, 1, 70]
    t = js.thermo.temperatures(waveguide, np.array([cold, hot, inverted], float))
    assert (t[0] == 0).all()
    assert np.isinf(t[1, 2])
    assert t[2, 2] < 0
    _, error = js.thermo.temperatures(waveguide, np.array(cold, float), np.ones(3))
    assert (error == 0).all()
    model = js.Model([js.Pool.mass_action("X")], [js.Channel("in", 1.0, gives={"X": 1})])
    assert np.isnan(js.thermo.temperatures(model, [3.0])).all()


@pytest.mark.parametrize("name", ["open_waveguide", "hohlraum", "own"])
def test_figures_are_drawn_without_a_warning(tmp_path, waveguide, microseconds, name):
    model, start = {
        "open_waveguide": (waveguide, js.Thermal(1.0)),
        "hohlraum": (js.systems.hohlraum(20, 10, 1e6), {"N": 15, "m": 0}),
        # Four pools of every kind, an inverted ensemble, a pool that stays empty.
        "own": (
            js.Model(
                [js.Pool.bosonic("a", 3), js.Pool.tls("m", 9), js.Pool.fermionic("f"),
                 js.Pool.mass_action("X")],
                [js.Channel("in", 1e6, gives={"m": 1}), js.Channel("out", 1e6, {"m": 1}, {"a": 1})],
            ),
            {"a": 0, "m": 8, "f": 0, "X": 0},
        ),
    }[name]  # fmt: skip
    result = js.compare(js.simulate(model, microseconds, 100, start, seed=1))
    figure = plotting.compare(result)
    labels = {axis.get_ylabel() for sub in figure.subfigs for axis in sub.axes}
    assert "residual (s.e.)" in labels
    assert labels & {"mean occupation", "mean count"}
    assert any("temperature" in label for label in labels)
    files = plotting.save(figure, tmp_path / "f", "made by a test")
    assert [f.name for f in files] == ["f.png", "f.pdf"]
    assert b"made by a test" in files[0].read_bytes()


def test_a_figure_that_cannot_be_written_is_reported(tmp_path, waveguide, microseconds):
    result = js.compare(js.simulate(waveguide, microseconds, 10, js.Thermal(1.0), seed=1))
    with pytest.raises(js.StoreError, match="the figure cannot be written"):
        plotting.save(plotting.compare(result), tmp_path / "no" / "f", "")


def test_bias_and_spread_at_the_end():
    """Each number of the last table, from the counts and the three theories."""
    model, start = HOHLRAUM, {"N": 7, "m": 1}
    ensemble = js.simulate(model, [0.1, 0.2, 0.3], 200, start, seed=1)
    result = js.compare(ensemble)
    lines = str(result).splitlines()
    (k,) = (k for k, line in enumerate(lines) if line.startswith("at 300 ms: bias, and spread"))
    names = ["pool", "average - theory", "exact bias", "spread", "linear noise", "exact spread"]
    assert lines[k + 1].replace("  ", " ").split() == " ".join(names).split()
    exact, noise = result.exact, result.noise.covariance[-1]
    theory = result.theory.counts[-1]
    for p, line in enumerate(lines[k + 2 : k + 4]):
        counts = ensemble.counts[:, -1, p]
        spread = counts.std(ddof=1)
        printed = [
            model.pools[p],
            f"{counts.mean() - theory[p]:+.4g} ± {spread / np.sqrt(200):.2g}",
            f"{exact.mean[-1, p] - theory[p]:+.4g}",
            f"{spread:.4g} ± {spread / np.sqrt(2 * 199):.2g}",
            f"{np.sqrt(noise[p, p]):.4g}",
            f"{np.sqrt(exact.covariance[-1, p, p]):.4g}",
        ]
        assert line.split() == " ".join(printed).split()


def test_the_verdict_names_the_largest_difference():
    model, start = independent_decay()
    ensemble = js.simulate(model, [1e-5], 500, start, seed=1, record="moments")
    result = js.compare(ensemble)
    shift = np.array([[0.0, 0.0, 2.0]])
    wrong = dataclasses.replace(
        result, mean=result.mean + shift, residuals=result.residuals + shift / result.sem
    )
    assert "quanta in m; differences of the order" in wrong.verdict


def test_an_epidemic_has_no_quanta():
    """A few infected decide whether there is an epidemic: the difference is not of order one."""
    X = js.Pool.mass_action
    model = js.Model(
        [X("S"), X("I"), X("R")],
        [
            js.Channel("infect", 0.001, {"S": 1, "I": 1}, {"I": 2}),
            js.Channel("recover", 0.1, {"I": 1}, {"R": 1}),
        ],
    )
    start = {"S": 200, "I": 3, "R": 0}
    run = js.simulate(model, [20.0, 60.0], 2000, start, 1, progress=False)
    found = js.compare(run)
    assert found.agrees is False
    assert "quanta" not in str(found)
    assert "one quantum" not in str(found)
    assert "describe only large counts" in found.verdict
    figure = js.plotting.compare(found)
    titles = [axis.get_title(loc="left") for sub in figure.subfigs for axis in sub.axes]
    assert not any("temperature" in title for title in titles)


def test_few_trajectories_do_not_disagree_by_chance():
    """60 runs of 3: a normal threshold rejects half of them, Student's t 1 % (5 or more: 4e-4)."""
    model, start = independent_decay()
    times = np.linspace(0, 2e-5, 9)
    found = [
        js.compare(js.simulate(model, times, 3, start, seed, "moments", workers=1)).agrees
        for seed in range(60)
    ]
    assert sum(agrees is False for agrees in found) < 5
    assert sum(agrees is True for agrees in found) > 45

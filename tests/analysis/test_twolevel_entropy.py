"""Flows and entropy production of quantum jumps, their figures and commands."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import simpson
from support.analyses import ANALYSES
from support.quantum_jumps import EMPTY, FIELD, MACHINE, MODE, bars, drawn_line, near

import jumpsim as js
from jumpsim import plotting
from jumpsim.cli.main import main
from jumpsim.statistics.intervals import proportion_interval
from jumpsim.statistics.jackknife import detailed_slope
from jumpsim.theory import twolevel
from jumpsim.theory.twolevel.expectations import expectations

BOTH = ["expect", "jumps"]


def test_flows_of_a_mode(mode):
    """Particles and energies (W 19, 20, B7, B8) in all three ways, and that bare ones leak."""
    found = js.level_thermodynamics(mode, 10)
    rest = twolevel.quantised_mode(**MACHINE)
    assert found.rate == pytest.approx(rest.R)
    signs = {"u": 1, "l": -1, "b": -1}
    for name, sign in signs.items():
        near(found.particles[name], sign * rest.R, 4e-4)
        near(found.energies["state"][name], rest.energy_flows[name], 0.02)
    for name, energy in (("u", rest.E_u), ("l", rest.E_l), ("b", rest.E_ph)):
        near(found.energies["effective"][name], signs[name] * energy * rest.R, 0.005)
    near(found.energies["state"]["sum"], 0, 0.02)
    near(found.energies["effective"]["sum"], 0, 0.005)
    leak = found.energies["bare"]["sum"]
    near(leak, rest.R * (10 - 0 - 12), 0.005)
    assert abs(leak[0]) > 6 * leak[1]
    entropy = rest.entropy_production
    assert entropy > 0
    near(found.entropy["effective"][:, -1] / 50, entropy, 2e-3)
    assert found.stationary_production["effective"] == pytest.approx(entropy)
    bare = rest.R * (12 / 6 + (0 - 0.5) - (10 - 10.5))
    near(found.entropy["bare"][:, -1] / 50, bare, 2e-3)
    assert found.stationary_production["bare"] == pytest.approx(bare)
    assert found.affinity == pytest.approx(rest.parameters.affinity)
    assert found.exact_fano == pytest.approx(rest.counting.fano)


def test_the_same_machine_by_effective_and_by_bare_energies(field):
    found = js.level_thermodynamics(field, 10)
    assert found.stationary_production["effective"] == pytest.approx(0.01925488, abs=1e-8)
    assert found.stationary_production["bare"] == pytest.approx(-0.01925488, abs=1e-8)
    near(found.entropy["effective"][:, -1] / 390, 0.01925488, 2e-4)
    near(found.entropy["bare"][:, -1] / 390, -0.01925488, 2e-4)
    steady = twolevel.classical_field(10, 0, 12, 1, 1, 0.5, T_u=1, T_l=1, mu_u=11, mu_l=0)
    for name, energy in steady.energy_flows.items():
        near(found.energies["state"][name], energy, 0.02)
        near(found.energies["effective"][name], energy, 0.003)
    near(found.energies["state"]["sum"], 0, 0.02)
    assert "effective energies the entropy of the reservoirs increases" in str(found)
    assert "bare energies the entropy of the reservoirs decreases, contrary to" in str(found)
    assert "nan" not in str(found)


def test_tables_figures_and_commands(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    times = np.linspace(0, 30, 31)
    record = ["expect", "jumps", "events"]
    js.simulate(MODE, times, 600, EMPTY, 1, record=record, store="m.h5")
    for command in (["level_thermodynamics", "m.h5", "--after", "10"], ["compare", "m.h5"]):
        assert main(command) == 0
        printed = capsys.readouterr().out
        assert ".png" in printed
        assert "nan" not in printed
    assert "agree with the density matrix" in printed
    assert (tmp_path / "m-compare.png").stat().st_size > 20_000
    assert main(["waiting_times", "m.h5", "photon to bath"]) == 0
    assert "exact" in capsys.readouterr().out
    assert main(["rerun", "m.h5", "--index", "3"]) == 0
    assert "equal, bit for bit" in capsys.readouterr().out
    assert main(["info", "m.h5"]) == 0
    assert "coherent exchange" in capsys.readouterr().out
    assert main(["status", "m.h5"]) == 0
    capsys.readouterr()
    spec = Path(__file__).parents[2] / "data" / "second_law_jumps.toml"
    assert main(["run", str(spec), "-n", "100", "-o", "n.h5", "--dry-run"]) == 0
    assert "nothing was written" in capsys.readouterr().out
    assert main(["run", str(spec), "-n", "5", "-o", "n.h5", "--record", "counts"]) == 2
    assert 'its samples are "expect"' in capsys.readouterr().err


@pytest.mark.parametrize("analysis", [*ANALYSES, "report"])
def test_every_analysis_gives_a_result_or_refuses(analysis, tmp_path):
    path = tmp_path / "w.h5"
    times, record = np.linspace(0, 30, 31), ["expect", "jumps", "events", "moments"]
    js.simulate(MODE, times, 64, EMPTY, 1, record=record, store=path)
    run = js.open(path)
    asked = {
        "counting": lambda e: js.counting(e, "photon to bath"),
        "waiting_times": lambda e: js.waiting_times(e, "photon to bath"),
        "coincidences": lambda e: js.coincidences(e, "photon to bath"),
        "uncertainty": lambda e: js.uncertainty(e, "into u", 10.0),
        "telegraph": lambda e: js.telegraph(e, 0, "u"),
        "first_passages": lambda e: js.first_passages(e, "photon = 2"),
        "distribution": lambda e: js.distribution(e, "photon", 10.0),
        "report": lambda e: js.report(e.path, tmp_path / "w.html"),
    }
    answered = ("compare", "counting", "waiting_times", "coincidences", "report")
    if analysis in answered:
        assert not re.search(r"\bnan\b", str(asked.get(analysis, ANALYSES.get(analysis))(run)))
        return
    with pytest.raises(js.InputError) as caught:
        asked.get(analysis, ANALYSES.get(analysis))(run)
    assert "\n" not in str(caught.value)
    assert re.search("coherent exchange|expectation values|no two-level systems", str(caught.value))


def test_thermodynamics_refusals():
    short = js.simulate(MODE, [0.0, 1.0], 100, EMPTY, record=["expect", "jumps"])
    for run, after, text in (
        (js.simulate(js.systems.hohlraum(4, 4, 1.0), [1.0], 70, js.Thermal(1.0)), 0, "no quantum"),
        (js.simulate(MODE, [0.0, 1.0], 100, EMPTY), 0, "flows need jumps"),
        (short, 1.0, "at least 2 of the stored times from 1 s on, but there are 1"),
        (
            js.simulate(MODE, [0.0, 1.0], 10, EMPTY, record=["expect", "jumps"]),
            0,
            "64",
        ),
    ):
        with pytest.raises(js.InputError, match=text):
            js.level_thermodynamics(run, after)


def test_one_way_reservoirs_say_so():
    model = js.systems.two_level_mode(10, 0, 10, 1, 1, 1, 1, f_u=1.0, f_l=0.0, n_b=0.0)
    run = js.simulate(model, [0, 5.0, 9.0], 200, EMPTY, record=["expect", "jumps"])
    printed = str(js.level_thermodynamics(run, 5.0))
    assert "nan" not in printed
    assert "A = inf" in printed
    assert plotting.level_thermodynamics(js.level_thermodynamics(run)).axes


@pytest.mark.slow
def test_long_runs_have_the_right_rate():
    """R from counts over a thousand million jumps: within 4.5 errors of 5e-5 of the exact one."""
    for seed, rates in enumerate(
        (
            {"g": 2.0, "gamma_u": 1.0, "gamma_l": 1.0, "gamma_b": 3.0},
            {"g": 1.0, "gamma_u": 1.0, "gamma_l": 1.0, "gamma_b": 1.0},
        )
    ):
        levels = {"E_u": 10, "E_l": 0, "omega_cav": 10.2, "f_u": 1, "f_l": 0, "n_b": 0} | rates
        exact = twolevel.quantised_mode(**levels).R
        run = js.simulate(
            js.systems.two_level_mode(**levels), [20, 80_020], 4000, EMPTY, seed, record="jumps"
        )
        jumps = (run.jumps[:, 1] - run.jumps[:, 0]) / 80_000
        net = [jumps[:, 0] - jumps[:, 1], jumps[:, 3] - jumps[:, 2], jumps[:, 5] - jumps[:, 4]]
        for flow in net:
            error = flow.std(ddof=1) / np.sqrt(len(flow)) / exact
            assert error < 6e-5
            assert abs(flow.mean() / exact - 1) < 4.5 * error


@pytest.mark.slow
def test_coverage_of_flows_and_entropy():
    """400 seeds: 95 % intervals cover between 0.910 and 0.9825 of the time (alarm 0.1 % each)."""
    rest, times = twolevel.quantised_mode(**MACHINE), np.linspace(0, 40, 21)
    exact = [
        rest.R, -rest.R, rest.energy_flows["u"], rest.energy_flows["l"], rest.energy_flows["b"],
        0.0, rest.entropy_production,
    ]  # fmt: skip
    covered = np.zeros(7)
    for seed in range(400):
        run = js.simulate(MODE, times, 300, EMPTY, seed, record=["expect", "jumps"], workers=1)
        found = js.level_thermodynamics(run, 16.0)
        state = found.energies["state"]
        printed = [
            found.particles["u"], found.particles["l"], state["u"], state["l"], state["b"],
            state["sum"], found.entropy["effective"][:, -1] / 24,
        ]  # fmt: skip
        covered += [
            abs(v - e) <= 1.96 * error for (v, error), e in zip(printed, exact, strict=True)
        ]
    assert (covered / 400 >= 0.910).all()
    assert (covered / 400 <= 0.9825).all()


def test_sweeps_of_quantum_jumps(tmp_path):
    spec = Path(__file__).parents[2] / "data" / "second_law_jumps.toml"
    js.run_sweep(spec, tmp_path / "s", {"parameters.epsilon": [0.2, 0.5]}, ntraj=40)
    data = js.open_sweep(tmp_path / "s")
    assert data["mean"].dims == ("epsilon", "time", "observable")
    one = js.open(next((tmp_path / "s").glob("*0.5*.h5")))
    np.testing.assert_array_equal(data["mean"].sel(epsilon=0.5), one.mean())
    assert data.observable.values.tolist() == list(FIELD.observables)


def by_hand(run, first, energies, given=False):
    """Counts into the system since a time (n, T, 2 or 3), and energy of the state per second."""
    jumps = (run.jumps - run.jumps[:, [first]]).astype(float)
    counts = jumps[:, :, 0::2] - jumps[:, :, 1::2]
    p, span = run.model.parameters, run.times[-1] - run.times[first]
    upper, _, quanta, real, _ = (run.expect[:, -1] - run.expect[:, first]).T
    if given:
        light = run.expect[:, :, 2] - run.expect[:, [first], 2]
        counts = np.concatenate([counts, -light[:, :, None]], axis=2)
        emitted, gammas = quanta, np.array([p.gamma_u, p.gamma_l, 0.0])
    else:
        emitted = counts[:, -1, 0] - upper
        gammas = np.array([p.gamma_u, p.gamma_l, p.gamma_b])
    y = -(p.detuning * emitted + 2 * run.model.coupling * real) / gammas.sum()
    return counts, (counts[:, -1] * energies - np.outer(y, gammas)) / span, span


@pytest.mark.parametrize("light", ["mode", "field"])
def test_energies_from_an_empty_start_need_no_fine_times(light):
    """Two stored times; against integrals of the density matrix, |Z| < 4.5."""
    rates = {"f_u": 0.9, "f_l": 0.2}
    if light == "mode":
        model = js.systems.two_level_mode(10, 0, 11, 0.8, 1, 1.5, 0.5, n_b=0.3, **rates)
        light_name, start, gammas = "b", EMPTY, (1, 1.5, 0.5)
    else:
        model = js.systems.two_level_field(10, 0, 11, 1, 1.5, 0.8, **rates)
        light_name, start, gammas = "light", {"u": 0, "l": 0}, (1, 1.5, 0.0)
    run = js.simulate(model, [0.0, 2.0], 20_000, start, 5, record=BOTH, progress=False)
    state = js.level_thermodynamics(run).energies["state"]
    times = np.linspace(0, 2.0, 401)
    exact = expectations(model, times, js.Fixed(start))
    upper, _, photon, real, imaginary = exact.T
    y = model.coupling * real
    flows = {
        "u": 10 * gammas[0] * (0.9 - upper) - gammas[0] * y,
        "l": -gammas[1] * y,
        light_name: 11 * 0.5 * (0.3 - photon) - 0.5 * y
        if light == "mode"
        else -11 * 2 * model.coupling * imaginary,
    }
    for name, flow in flows.items():
        value, error = state[name]
        assert abs(value - simpson(flow, x=times) / 2.0) < 4.5 * error < 0.2, name


def same_mean(found, values):
    """An average over trajectories and its standard error."""
    mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))
    np.testing.assert_allclose(found, [mean, error], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("light", ["mode", "field"])
def test_flows_and_entropy_by_hand(light):
    """Every number from the samples and jumps of a run, by formulas typed here."""
    warm = {"T_u": 1.2, "mu_u": 10.5, "T_l": 0.8, "mu_l": 0.5}
    mode = light == "mode"
    delta, start = 2.0, {"u": 0, "l": 0} | ({"photon": 0} if mode else {})
    if mode:
        model = js.systems.two_level_mode(10, 0.5, 11.5, 0.7 + 0.2j, 1, 1.5, 0.5, T_b=6.0, **warm)
        share, temperatures = delta / 3.0, (1.2, 0.8, 6.0)
        effective = np.array([10 + share, 0.5 - 1.5 * share, 11.5 - 0.5 * share])
    else:
        model = js.systems.two_level_field(10, 0.5, 11.5, 1, 1.5, 0.7 + 0.2j, **warm)
        share, temperatures = delta / 2.5, (1.2, 0.8)
        effective = np.array([10 + share, 0.5 - 1.5 * share, 11.5])
    assert model.parameters.detuning == delta
    bare = np.array([10, 0.5, 11.5])
    run = js.simulate(model, np.linspace(0, 12, 7), 1500, start, 3, record=BOTH)
    found = js.level_thermodynamics(run, 4.0)
    assert found.after == 4.0
    np.testing.assert_allclose(found.windows, [2, 4, 6, 8])
    counts, flows, span = by_hand(run, 2, bare, given=not mode)
    assert span == 8
    for k, name in enumerate(("u", "l", "b" if mode else "light")):
        same_mean(found.particles[name], counts[:, -1, k] / 8)
        same_mean(found.energies["state"][name], flows[:, k])
        same_mean(found.energies["effective"][name], counts[:, -1, k] * effective[k] / 8)
        same_mean(found.energies["bare"][name], counts[:, -1, k] * bare[k] / 8)
    same_mean(found.energies["state"]["sum"], flows.sum(axis=1))
    same_mean(found.energies["effective"]["sum"], counts[:, -1] @ effective / 8)
    same_mean(found.energies["bare"]["sum"], counts[:, -1] @ bare / 8)
    net = counts[:, 3:, 0]
    np.testing.assert_array_equal(found.net, net)
    reservoirs = 3 if mode else 2
    potentials = np.array([10.5, 0.5, 0.0])[:reservoirs]
    x = {}
    for name, energies in (("effective", effective), ("bare", bare)):
        x[name] = (energies[:reservoirs] - potentials) / temperatures
        same_mean(found.entropy[name], -counts[:, 3:, :reservoirs] @ x[name])
    affinity = x["effective"][1:].sum() - x["effective"][0]
    assert found.affinity == pytest.approx(affinity, rel=1e-9)
    exactly = twolevel.quantised_mode if mode else twolevel.classical_field
    rest = exactly(*bare_arguments(model), **warm, **({"T_b": 6.0} if mode else {}))
    assert found.rate == pytest.approx(rest.R, rel=1e-9)
    for name in x:
        production = rest.R * (x[name][1:].sum() - x[name][0])
        assert found.stationary_production[name] == pytest.approx(production, rel=1e-9)
    known = np.isfinite(found.fano)  # undecided where the mean of the net number is near 0
    ratio = net.var(axis=0, ddof=1) / net.mean(axis=0)
    np.testing.assert_allclose(found.fano[known], ratio[known], rtol=1e-9)
    value, error = found.precision
    np.testing.assert_allclose(value, found.fano * affinity / 2, rtol=1e-9)
    np.testing.assert_allclose(error, found.fano_error * abs(affinity) / 2, rtol=1e-9)
    assert (found.fano_error[known] > 0).all()
    for k in range(4):
        slope = detailed_slope(affinity * net[:, k])
        np.testing.assert_allclose((found.slope[k], found.slope_error[k]), slope, rtol=1e-9)
        if np.isfinite(found.exponential[k]):
            assert found.exponential[k] == pytest.approx(np.exp(-affinity * net[:, k]).mean())
    assert np.isfinite(found.exponential[0])
    assert found.exact_fano == pytest.approx(rest.counting.fano)
    few = js.simulate(model, np.linspace(0, 12, 7), 999, start, 3, record=BOTH)
    few = js.level_thermodynamics(few, 4.0)
    assert np.isnan(few.exponential).all()
    assert np.isfinite(few.fano).all() or mode
    least = js.simulate(model, [0.0, 4.0], 64, start, 3, record=BOTH)
    assert js.level_thermodynamics(least).windows == [4.0]
    least = js.simulate(model, [0.0, 4.0], 63, start, 3, record=BOTH)
    with pytest.raises(js.InputError, match="64 trajectories"):
        js.level_thermodynamics(least)


def bare_arguments(model):
    """Energies, rates and coupling, in the order of the functions that solve it in steady state."""
    p = model.parameters
    if model.engine_input.mode:
        return p.E_u, p.E_l, p.omega_cav, p.g, p.gamma_u, p.gamma_l, p.gamma_b
    return p.E_u, p.E_l, p.omega, p.gamma_u, p.gamma_l, p.epsilon


@pytest.mark.parametrize("light", ["mode", "field"])
def test_figure_of_thermodynamics(light, mode, field):
    """Stationary slopes, marks, odds of N against -N where A N > 0, limits: numbers and signs."""
    run = mode if light == "mode" else field
    found = js.level_thermodynamics(run, 10)
    figure = plotting.level_thermodynamics(found)
    entropy, theorem, precision = figure.axes
    for k, name in enumerate(("effective", "bare")):
        x, y, below, above = bars(entropy.containers[k])
        assert entropy.containers[k].get_label() == f"{name} energies"
        np.testing.assert_allclose([x, y], [found.windows, found.entropy[name][0]])
        np.testing.assert_allclose([below, above], [found.entropy[name][1]] * 2, atol=1e-9)
        slope = found.stationary_production[name] * found.windows
        assert any(np.allclose(xy[1], slope) for xy in drawn_line(entropy) if len(xy[0]) > 2)
    assert theorem.containers
    for container in theorem.containers:
        window = float(container.get_label().split()[0])
        place = np.abs(found.windows - window).argmin()
        assert found.windows[place] == pytest.approx(window, rel=0.01)
        net = found.net[:, place] * np.sign(found.affinity)
        x, y, below, above = bars(container)
        numbers = np.rint(x / abs(found.affinity)).astype(int)
        np.testing.assert_allclose(x, abs(found.affinity) * numbers)
        up, down = (np.array([(net == s * n).sum() for n in numbers]) for s in (1, -1))
        np.testing.assert_allclose(y, np.log(up / down))
        low, high = proportion_interval(up, up + down, 0.683)
        np.testing.assert_allclose(y - below, np.log(low / (1 - low)), atol=1e-9)
        np.testing.assert_allclose(y + above, np.log(high / (1 - high)), atol=1e-9)
        kept = [n for n in range(1, 40) if min((net == n).sum(), (net == -n).sum()) >= 20]
        assert numbers.tolist() == kept
    value, error = found.precision
    shown = ((np.abs(found.fano), found.fano_error), (value, error))
    for container, (y, e) in zip(precision.containers, shown, strict=True):
        known = np.isfinite(y) & (e < np.abs(y))
        assert known.any()
        drawn = bars(container)
        np.testing.assert_allclose(drawn[:2], [found.windows[known], y[known]])
        np.testing.assert_allclose(drawn[2:], [e[known]] * 2, atol=1e-9)
    level = [xy[1][0] for xy in drawn_line(precision) if len(xy[0]) == 2]
    limits = [1.0, abs(found.exact_fano), abs(found.exact_fano * found.affinity) / 2]
    np.testing.assert_allclose(sorted(level), sorted(limits))

"""Questions to quantum jumps: averages, flows and entropy, waiting times, Rabi oscillation."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from oracles.lindblad import liouvillian, means, operators
from scipy.linalg import expm, null_space
from scipy.optimize import brentq
from scipy.stats import chi2, norm
from support.questions import QUESTIONS

import jumpsim as js
from jumpsim import plotting
from jumpsim.analysis.entropy import twolevel as levels_module
from jumpsim.analysis.events.rabi_onset import _chi_square
from jumpsim.cli.main import main
from jumpsim.statistics.intervals import proportion_interval
from jumpsim.statistics.jackknife import detailed_slope
from jumpsim.theory import twolevel
from jumpsim.theory.twolevel import waiting_times
from jumpsim.theory.twolevel.waiting_times import waiting_time_distribution

MACHINE = {
    "E_u": 10.0, "E_l": 0.0, "omega_cav": 12.0, "g": 1.0, "gamma_u": 1.0, "gamma_l": 1.5,
    "gamma_b": 0.5, "T_u": 1.0, "T_l": 1.0, "T_b": 6.0, "mu_u": 10.5, "mu_l": 0.5,
}  # fmt: skip
MODE = js.systems.two_level_mode(**MACHINE)
# The example in which bare energies break the second law: ∓0.01925488 per second.
FIELD = js.systems.two_level_field(10, 0, 12, 1, 1, 0.5, T_u=1, T_l=1, mu_u=11, mu_l=0)
EMPTY = {"u": 0, "l": 0, "photon": 0}
BOTH = ["expect", "jumps"]


@pytest.fixture(scope="module")
def mode():
    times = np.linspace(0, 60, 61)
    return js.simulate(MODE, times, 20_000, EMPTY, 1, record=["expect", "jumps"])


@pytest.fixture(scope="module")
def field():
    times, start = np.linspace(0, 400, 41), {"u": 0, "l": 0}
    return js.simulate(FIELD, times, 10_000, start, 2, record=["expect", "jumps"])


def near(value, exact, cap):
    """Within 4.5 standard errors, which must not be too large either."""
    mean, error = value
    assert abs(mean - exact) <= 4.5 * error
    assert error < cap


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
    assert found.slopes_at_rest["effective"] == pytest.approx(entropy)
    bare = rest.R * (12 / 6 + (0 - 0.5) - (10 - 10.5))
    near(found.entropy["bare"][:, -1] / 50, bare, 2e-3)
    assert found.slopes_at_rest["bare"] == pytest.approx(bare)
    assert found.affinity == pytest.approx(rest.parameters.affinity)
    assert found.exact_fano == pytest.approx(rest.counting.fano)


def test_the_same_machine_by_effective_and_by_bare_energies(field):
    found = js.level_thermodynamics(field, 10)
    assert found.slopes_at_rest["effective"] == pytest.approx(0.01925488, abs=1e-8)
    assert found.slopes_at_rest["bare"] == pytest.approx(-0.01925488, abs=1e-8)
    near(found.entropy["effective"][:, -1] / 390, 0.01925488, 2e-4)
    near(found.entropy["bare"][:, -1] / 390, -0.01925488, 2e-4)
    steady = twolevel.classical_field(10, 0, 12, 1, 1, 0.5, T_u=1, T_l=1, mu_u=11, mu_l=0)
    for name, energy in steady.energy_flows.items():
        near(found.energies["state"][name], energy, 0.02)
        near(found.energies["effective"][name], energy, 0.003)
    near(found.energies["state"]["sum"], 0, 0.02)
    assert "effective energies the reservoirs' entropy grows" in str(found)
    assert "bare energies the reservoirs' entropy falls, against the second law" in str(found)
    assert "nan" not in str(found)


def test_the_fluctuation_theorem_of_long_windows(field):
    """The slope goes to 1, ⟨exp(-AN)⟩ stays put, Fano goes to its limit."""
    found = js.level_thermodynamics(field, 10)
    assert found.affinity == pytest.approx(-1)
    assert found.slope[0] < 0.6
    assert abs(found.slope[-1] - 1) < 0.1
    known = np.isfinite(found.exponential)
    assert known[:3].all()
    assert not known[-1]
    assert 1.1 < found.exponential[1] < 1.4
    precision, error = found.precision
    assert 1 < precision[-1] < precision[0]
    assert error[-1] < 0.03


def test_exponential_average_of_a_mode(mode):
    """⟨exp(-AN)⟩ of a window at rest from the tilted dense equation."""
    found = js.level_thermodynamics(mode, 10)
    p, cutoff = MODE.parameters, 4
    total, _ = liouvillian(p, cutoff)
    c_u, _, _ = operators(cutoff)
    into = p.gamma_u * p.f_u * np.kron(c_u.T, c_u.T)
    out = p.gamma_u * (1 - p.f_u) * np.kron(c_u, c_u)
    tilt = np.exp(-p.affinity)
    tilted = total + (tilt - 1) * into + (1 / tilt - 1) * out
    size = 4 * (cutoff + 1)
    rho = null_space(total, rcond=1e-11)[:, 0]
    rho = rho / rho[:: size + 1].sum()
    k = 4
    exact = (expm(tilted * found.windows[k]) @ rho)[:: size + 1].sum().real
    near((found.exponential[k], found.exponential_error[k]), exact, 0.05)
    assert abs(exact - 1) > 0.001


def test_tables_figures_and_commands(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    times = np.linspace(0, 30, 31)
    record = ["expect", "jumps", "events"]
    js.simulate(MODE, times, 600, EMPTY, 1, record=record, store="m.h5")
    for command in (["level_thermodynamics", "m.h5", "--after", "10"], ["compare", "m.h5"]):
        assert main(command) == 0
        told = capsys.readouterr().out
        assert ".png" in told
        assert "nan" not in told
    assert "agree with the density matrix" in told
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


@pytest.mark.parametrize("question", [*QUESTIONS, "report"])
def test_every_question_is_answered_or_refused(question, tmp_path):
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
    if question in answered:
        assert not re.search(r"\bnan\b", str(asked.get(question, QUESTIONS.get(question))(run)))
        return
    with pytest.raises(js.InputError) as caught:
        asked.get(question, QUESTIONS.get(question))(run)
    assert "\n" not in str(caught.value)
    assert re.search("coherent exchange|expectation values|no two-level systems", str(caught.value))


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
    sums = js.simulate(MODE, times, 2000, start, 3, record="moments")
    assert js.compare(sums).agrees
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


@pytest.mark.slow
def test_waiting_laws_by_the_dense_equation():
    """Survival, density, mean and variance of waits from a start, and after a jump at rest."""
    model = js.systems.two_level_mode(**{**MACHINE, "T_b": 3.0, "mu_u": 9.5})
    p, cutoff = model.parameters, 4
    total, _ = liouvillian(p, cutoff)
    c_u, c_l, a = operators(cutoff)
    jumps = {
        "photon to bath": p.gamma_b * (1 + p.n_b) * np.kron(a, a),
        "into l": p.gamma_l * p.f_l * np.kron(c_l.T, c_l.T),
        "out of u": p.gamma_u * (1 - p.f_u) * np.kron(c_u, c_u),
    }
    size = 4 * (cutoff + 1)
    rest = null_space(total, rcond=1e-11)[:, 0]
    start = np.zeros(size * size, complex)
    start[0] = 1.0  # empty, no photon
    times = np.array([0.2, 1.5])
    for channels, after in ((["photon to bath"], None), (["photon to bath", "into l"], "out of u")):
        rho = start if after is None else jumps[after] @ rest
        rho = rho / rho[:: size + 1].sum()
        silent = total - sum(jumps[name] for name in channels)
        law = waiting_time_distribution(model, times, js.Fixed(EMPTY), channels, after)
        left = [expm(silent * t) @ rho for t in times]
        np.testing.assert_allclose(
            law.survival, [v[:: size + 1].sum().real for v in left], atol=1e-6
        )
        flux = [(sum(jumps[n] for n in channels) @ v)[:: size + 1].sum().real for v in left]
        np.testing.assert_allclose(law.density, flux, atol=1e-5)
        once = np.linalg.solve(-silent, rho)
        assert law.mean == pytest.approx(once[:: size + 1].sum().real, rel=1e-4)
        twice = 2 * np.linalg.solve(-silent, once)[:: size + 1].sum().real
        assert law.variance == pytest.approx(twice - law.mean**2, rel=1e-3)
    never = js.systems.two_level_mode(10, 0, 11, 1, 1, 1, 1, f_u=0.0, f_l=0.0, n_b=0.0)
    for names in (["into u"], ["photon to bath"]):
        with pytest.raises(js.InputError, match="never happen"):
            waiting_time_distribution(never, times, js.Fixed(EMPTY), names)
    with pytest.raises(js.InputError, match="unknown channel"):
        waiting_time_distribution(MODE, times, js.Fixed(EMPTY), ["into x"])
    with pytest.raises(js.InputError, match="quantised mode alone"):
        waiting_time_distribution(FIELD, times, js.Fixed({"u": 0, "l": 0}), ["into u"])


def rabi_runs(couplings, ntraj=20_000, **changes):
    levels = {**MACHINE, "omega_cav": 10.0, "gamma_u": 0.1, "gamma_l": 0.1, **changes}
    return [
        js.simulate(
            js.systems.two_level_mode(**{**levels, "g": g}), [0.0, 12.0], ntraj,
            {"u": 1, "l": 0, "photon": 0}, seed, record="events",
        )
        for seed, g in enumerate(couplings)
    ]  # fmt: skip


def test_rabi_oscillation_sets_in():
    result = js.rabi_onset(rabi_runs([1.6, 0.02], gamma_b=0.6))
    assert [e.model.coupling for e in result.ensembles] == [0.02, 1.6]
    assert (result.p_exact > 1e-3).all()
    assert result.p_golden[1] < 1e-9
    strong = result.exact[1]
    peaks = np.flatnonzero((strong[1:-1] > strong[:-2]) & (strong[1:-1] > strong[2:])) + 1
    # Photons are there when the excitation is, twice in each period π/g of its amplitude.
    gaps = np.diff(result.fine[peaks])
    assert gaps[0] == pytest.approx(np.pi / 1.6, rel=0.05)
    assert len(peaks) > 4
    weak = result.golden[0][200:] / result.exact[0][200:]
    assert np.abs(weak - 1).max() < 0.3  # from 1/Γ on the golden rule is nearly right
    text = str(result)
    assert text.count("agrees, p") >= 2
    assert "DISAGREES" in text
    assert plotting.rabi_onset(result).axes


@pytest.mark.parametrize(
    ("runs", "text"),
    [
        (list, "one ensemble at least"),
        (lambda: rabi_runs([0.5], 100), "500 trajectories"),
        (lambda: rabi_runs([0.5], 600) + rabi_runs([0.6], 600, gamma_b=0.7), "more than the"),
        (lambda: [js.simulate(FIELD, [1.0], 9, {"u": 0, "l": 0})], "quantised mode"),
        (lambda: [js.simulate(MODE, [1.0], 600, EMPTY)], "needs every event"),
    ],
)  # fmt: skip
def test_rabi_refusals(runs, text):
    with pytest.raises(js.InputError, match=text):
        js.rabi_onset(runs())


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
    told = str(js.level_thermodynamics(run, 5.0))
    assert "nan" not in told
    assert "A = inf" in told
    assert plotting.level_thermodynamics(js.level_thermodynamics(run)).axes


def test_counting_in_a_classical_field():
    """Cumulants of the tilted dense equation, the symmetry λ(s) = λ(-A-s), and what beats 2/Σ."""
    field = twolevel.classical_field(1, 0, 1.4, 0.35, 0.5, 0.25 - 0.1j, f_u=0.9, f_l=0.2)
    p, (c_u, c_l, _) = field.parameters, operators(0)
    h = p.E_u * c_u.T @ c_u + (p.E_l + p.omega) * c_l.T @ c_l
    h = h + p.epsilon * c_u.T @ c_l + np.conj(p.epsilon) * c_l.T @ c_u
    one = np.eye(4)

    def largest(s):
        total = -1j * (np.kron(one, h) - np.kron(h.T, one))
        for rate, jump, weight in (
            (p.gamma_u * p.f_u, c_u.T, np.exp(s)), (p.gamma_u * (1 - p.f_u), c_u, np.exp(-s)),
            (p.gamma_l * p.f_l, c_l.T, 1.0), (p.gamma_l * (1 - p.f_l), c_l, 1.0),
        ):  # fmt: skip
            square = jump.T @ jump
            decay = 0.5 * (np.kron(one, square) + np.kron(square.T, one))
            total = total + rate * (weight * np.kron(jump, jump) - decay)
        return np.linalg.eigvals(total).real.max()

    counting = field.counting
    for s in (-1.3, -0.2, 0.7):
        assert counting.generating(s) == pytest.approx(largest(s), abs=1e-10)
    step = 1e-3
    low, middle, high = (largest(x) for x in (-step, 0.0, step))
    assert counting.rate == pytest.approx(field.R)
    assert counting.rate == pytest.approx((high - low) / (2 * step), rel=1e-5)
    assert counting.variance == pytest.approx((high + low - 2 * middle) / step**2, rel=1e-4)
    affinity = p.exponents["l"] - p.exponents["u"]
    assert counting.generating(-affinity - 0.4) == pytest.approx(counting.generating(0.4), abs=1e-9)
    with pytest.raises(js.InputError, match="one set"):
        _ = twolevel.classical_field(1, 0, [1, 2], 1, 1, 1, f_u=1, f_l=0).counting


def test_coherence_is_more_precise_than_classical_jumps():
    """Var(N) ⟨AN⟩/2⟨N⟩² is 0.893, where Markov jumps of the same entropy could not be below 1."""
    model = js.systems.two_level_field(1, 0, 0.986, 0.348, 0.468, 0.2595, f_u=0.8917, f_l=0.1083)
    times, start = np.linspace(0, 500, 6), {"u": 0, "l": 0}
    run = js.simulate(model, times, 50_000, start, 1, record=["expect", "jumps"])
    found = js.level_thermodynamics(run, 100)
    value, error = (v[-1] for v in found.precision)
    assert error < 0.01
    assert value < 1 - 4.5 * error
    assert found.exact_fano * found.affinity / 2 == pytest.approx(0.8931, abs=2e-4)
    near((found.fano[-1], found.fano_error[-1]), found.exact_fano, 0.01)
    assert "beyond what classical jumps can do" in found.verdict


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
        told = [
            found.particles["u"], found.particles["l"], state["u"], state["l"], state["b"],
            state["sum"], found.entropy["effective"][:, -1] / 24,
        ]  # fmt: skip
        covered += [abs(v - e) <= 1.96 * error for (v, error), e in zip(told, exact, strict=True)]
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


def test_waiting_after_a_photon_and_from_many():
    """A photon leaves the coherence behind; from many photons there is room above the start."""
    model = js.systems.two_level_mode(**{**MACHINE, "g": 0.6 - 0.4j, "T_b": 3.0})
    p, cutoff = model.parameters, 4
    total, _ = liouvillian(p, cutoff)
    c_u, _, a = operators(cutoff)
    bath, size = p.gamma_b * (1 + p.n_b) * np.kron(a, a), 4 * (cutoff + 1)
    inner = p.gamma_u * p.f_u * np.kron(c_u.T, c_u.T)
    rho = bath @ null_space(total, rcond=1e-11)[:, 0]
    rho = rho / rho[:: size + 1].sum()
    times = [0.3, 1.0, 4.0]
    for more, jumps in (([], bath), (["into u"], bath + inner)):
        channels = [*more, "photon to bath"]
        law = waiting_time_distribution(model, times, js.Fixed(EMPTY), channels, "photon to bath")
        left = np.array([expm((total - jumps) * t) @ rho for t in times])
        np.testing.assert_allclose(law.survival, left[:, :: size + 1].sum(axis=1).real, atol=1e-5)
        flux = (left @ jumps.T)[:, :: size + 1].sum(axis=1).real
        np.testing.assert_allclose(law.density, flux, atol=1e-5)
    with pytest.raises(js.InputError, match="unknown channel 'photon to bat'"):
        waiting_time_distribution(model, times, js.Fixed(EMPTY), ["into u"], "photon to bat")
    # Not coupled: a ladder of photon numbers, typed here, from more than rest ever holds.
    model = js.systems.two_level_mode(10, 0, 10, 0.0, 1, 1, 0.5, f_u=0.5, f_l=0.5, n_b=0.3)
    n = np.arange(150.0)
    silent = np.diag(-0.15 * (n + 1) - 0.65 * n) + np.diag(0.15 * n[1:], -1)
    start, times = np.eye(150)[60], [0.005, 0.02, 0.05]
    left = np.array([expm(silent * t) @ start for t in times])
    law = waiting_time_distribution(
        model, times, js.Fixed({"u": 0, "l": 0, "photon": 60}), ["photon to bath"]
    )
    np.testing.assert_allclose(law.survival, left.sum(axis=1), rtol=1e-6)
    np.testing.assert_allclose(law.density, 0.65 * left @ n, rtol=1e-6)
    dark = js.systems.two_level_mode(10, 0, 11, 1, 1, 1, 1, f_u=0.0, f_l=0.0, n_b=0.0)
    with pytest.raises(js.InputError, match=r"^'into u' never happens$"):
        waiting_time_distribution(dark, times, js.Fixed(EMPTY), ["into u"])


def by_hand(run, first, energies, given=False):
    """Counts into the system since a time (n, T, 2 or 3), and energy of the state per second."""
    jumps = (run.jumps - run.jumps[:, [first]]).astype(float)
    counts = jumps[:, :, 0::2] - jumps[:, :, 1::2]
    p, span = run.model.parameters, run.times[-1] - run.times[first]
    value = np.trapezoid(run.expect[:, first:], run.times[first:], axis=1) / span
    upper, lower, photon = value[:, 0], value[:, 1], value[:, 2]
    y = run.model.coupling * (value[:, 3] + 1j * value[:, 4])
    flows = [
        energies[0] * p.gamma_u * (p.f_u - upper) - p.gamma_u * y.real,
        energies[1] * p.gamma_l * (p.f_l - lower) - p.gamma_l * y.real,
    ]
    if given:
        quanta = run.expect[:, :, 2] - run.expect[:, [first], 2]
        counts = np.concatenate([counts, -quanta[:, :, None]], axis=2)
        flows.append(-energies[2] * 2 * y.imag)
    else:
        flows.append(energies[2] * p.gamma_b * (p.n_b - photon) - p.gamma_b * y.real)
    return counts, np.array(flows).T, span


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
        assert found.slopes_at_rest[name] == pytest.approx(production, rel=1e-9)
    np.testing.assert_allclose(found.fano, net.var(axis=0, ddof=1) / net.mean(axis=0), rtol=1e-9)
    value, error = found.precision
    np.testing.assert_allclose(value, found.fano * affinity / 2, rtol=1e-9)
    np.testing.assert_allclose(error, found.fano_error * abs(affinity) / 2, rtol=1e-9)
    assert (found.fano_error > 0).all()
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
    assert np.isfinite(few.fano).all()
    least = js.simulate(model, [0.0, 4.0], 64, start, 3, record=BOTH)
    assert js.level_thermodynamics(least).windows == [4.0]
    least = js.simulate(model, [0.0, 4.0], 63, start, 3, record=BOTH)
    with pytest.raises(js.InputError, match="64 trajectories"):
        js.level_thermodynamics(least)


def bare_arguments(model):
    """Energies, rates and coupling, in the order of the functions that solve it at rest."""
    p = model.parameters
    if model.engine_input.mode:
        return p.E_u, p.E_l, p.omega_cav, p.g, p.gamma_u, p.gamma_l, p.gamma_b
    return p.E_u, p.E_l, p.omega, p.gamma_u, p.gamma_l, p.epsilon


def test_when_an_exponential_average_is_told():
    """Up to a relative variance of 10, as the other tail sees it: +a with chance q, else -a."""
    rows, unusual = 10_000, 100

    def spread(a):
        q = 1 - unusual / rows
        average = q * np.exp(-a) + (1 - q) * np.exp(a)
        return (q * np.exp(a) + (1 - q) * np.exp(-a)) / average**2 - 1

    for wanted, told in ((9.9, True), (10.1, False)):
        a = brentq(lambda a, wanted=wanted: spread(a) - wanted, 0.1, 1.8)
        production = np.full((rows, 1), a)
        production[:unusual] = -a
        value, error = levels_module._exponential(production)
        assert np.isfinite(value[0]) == np.isfinite(error[0]) == told
        if told:
            assert value[0] == pytest.approx(np.exp(-production).mean())


def test_verdicts_on_the_second_law(mode):
    """Beyond 1.96 errors in the longest window, and in no other."""
    found = js.level_thermodynamics(mode, 10)

    def verdict(mean, error, early=99.0):
        entropy = np.array([[early, mean], [1e-9, error]])
        return replace(found, entropy={"bare": entropy}).verdict.splitlines()[0]

    head = "with bare energies the reservoirs' entropy "
    assert verdict(1.0, 0.5) == head + "grows"
    assert verdict(-1.0, 0.5) == head + "falls, against the second law"
    for mean in (-1.0, 1.0):
        assert verdict(mean, 0.52) == head + "neither grows nor falls beyond noise"
    assert verdict(np.nan, 1.0) == head + "neither grows nor falls beyond noise"


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
    assert found.threshold == pytest.approx(norm.isf(0.01 / 2 / decided.sum()))
    for wrong in (-9.0, 9.0):
        broken = replace(found, residuals=np.where(decided, wrong, np.nan))
        assert broken.agrees is False
        assert "DISAGREE" in broken.verdict
        assert "is 9.00 standard errors" in broken.verdict
    told = str(replace(found, theory=np.full(theory.shape, 0.4321)))
    assert told.count("0.4321") >= theory.size
    # Nothing has happened yet: what is left of the averages' rounding is compared with nothing.
    idle = js.systems.two_level_mode(1, 0, 1.3, 0.5, 1e-12, 1e-12, 1e-12, f_u=0.5, f_l=0.5, n_b=0.1)
    start = {"u": 1, "l": 0, "photon": 1}
    run = js.simulate(idle, [0.3, 0.9], 100, start, 4)
    assert js.compare(run).agrees is None
    run = js.simulate(idle, [0.3, 0.9], 100, start, 4, record="moments")
    assert js.compare(run).agrees is None


def first_photons(run):
    times = []
    for i in range(run.ntraj):
        when, channels = run.events(i)
        times += when[channels == 5][:1].tolist()
    return np.array(times)


def test_rabi_by_hand():
    """Histogram, errors, both laws and χ² of first photons, in runs of unequal length."""
    levels = {
        "E_u": 10.0, "E_l": 0.0, "omega_cav": 10.8, "gamma_u": 0.3, "gamma_l": 0.9, "gamma_b": 0.6,
        "f_u": 0.9, "f_l": 0.2, "n_b": 0.1,
    }  # fmt: skip
    start, runs = {"u": 1, "l": 0, "photon": 3}, []
    for g, end, n in ((1.2j, 5.0, 900), (0.2, 6.0, 700)):
        model = js.systems.two_level_mode(**levels, g=g)
        runs.append(js.simulate(model, [end], n, start, 5, record="events"))
    found = js.rabi_onset(runs)
    assert found.ensembles == runs[::-1]
    np.testing.assert_allclose(found.edges, np.linspace(0, 5, 41))
    np.testing.assert_allclose(found.fine, np.linspace(0, 5, 801), atol=1e-15)
    text = str(found)
    for k, run in enumerate(runs[::-1]):
        n = run.ntraj
        numbers, _ = np.histogram(first_photons(run), found.edges)
        np.testing.assert_allclose(found.density[k], numbers / n / 0.125)
        part = (numbers + 1) / (n + 2)
        np.testing.assert_allclose(found.error[k], np.sqrt(part * (1 - part) / n) / 0.125)
        law = waiting_time_distribution(run.model, found.fine, run.initial, ["photon to bath"])
        np.testing.assert_allclose(found.exact[k], law.density, rtol=1e-9, atol=1e-12)
        rates = {name: value for name, value in levels.items() if name[0] not in "Eo"}
        counts = js.systems.two_level(g=run.model.coupling, delta_cav=0.8, **rates)
        rule = js.waiting_time_distribution(
            counts, found.fine, run.initial, "photon to bath", truncate={"photon": 60}
        )
        np.testing.assert_allclose(found.golden[k], rule.density, rtol=1e-7, atol=1e-10)
        for p, survival in ((found.p_exact[k], law.survival), (found.p_golden[k], rule.survival)):
            expected = np.append(-np.diff(survival[::20]), survival[-1]) * n
            seen = np.append(numbers, n - numbers.sum())
            joined = [[0.0, 0.0]]
            for e, o in zip(expected, seen, strict=True):
                if joined[-1][0] >= 10:
                    joined.append([0.0, 0.0])
                joined[-1] = [joined[-1][0] + e, joined[-1][1] + o]
            if joined[-1][0] < 10:
                e, o = joined.pop()
                joined[-1] = [joined[-1][0] + e, joined[-1][1] + o]
            statistic = sum((o - e) ** 2 / e for e, o in joined)
            assert p == pytest.approx(chi2.sf(statistic, len(joined) - 1), rel=1e-6)
        g = run.model.coupling
        assert re.search(rf"^ *{g:.4g} +{4 * g / 1.8:.3g} +{n} ", text, re.M)
    start = {**start, "photon": 2}
    other = js.simulate(runs[0].model, [5.0], 600, start, 5, record="events")
    with pytest.raises(js.InputError, match="more than the coupling"):
        js.rabi_onset([runs[0], other])


def test_chi_square_of_few_counts():
    """Bins of less than ten expected are put together, the last ones with the one before."""
    survival = np.array([1.0, 0.9, 0.88, 0.86, 0.5, 0.49])  # of 200: 20, 4, 4, 72, 2 and 98
    p = _chi_square(np.array([25, 3, 5, 60, 4]), 200, survival)
    statistic = 25 / 20 + (68 - 80) ** 2 / 80 + (107 - 100) ** 2 / 100
    assert p == pytest.approx(chi2.sf(statistic, 2))
    survival = np.array([1.0, 0.5, 0.02])  # 100, 96 and 4
    p = _chi_square(np.array([90, 104]), 200, survival)
    assert p == pytest.approx(chi2.sf(100 / 100 + 100 / 100, 1))


def bars(container):
    """x, y, and lengths of the error bars below and above."""
    x, y = container.lines[0].get_data()
    ends = np.array([s[:, 1] for s in container.lines[2][0].get_segments()])
    return np.array(x), np.array(y), y - ends[:, 0], ends[:, 1] - y


def drawn_line(axis, **wanted):
    """The one line of a style that is not the marks of an error bar."""
    marks = [line for container in axis.containers for line in container.lines[0:1]]
    some = [
        line for line in axis.lines
        if line not in marks and all(getattr(line, f"get_{k}")() == v for k, v in wanted.items())
        and line.get_linestyle() != "None"
    ]  # fmt: skip
    return [np.array(line.get_data()) for line in some]


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


@pytest.mark.parametrize("light", ["mode", "field"])
def test_figure_of_thermodynamics(light, mode, field):
    """Slopes at rest, marks, odds of N against -N where A N > 0, limits: numbers and signs."""
    run = mode if light == "mode" else field
    found = js.level_thermodynamics(run, 10)
    figure = plotting.level_thermodynamics(found)
    entropy, theorem, precision = figure.axes
    for k, name in enumerate(("effective", "bare")):
        x, y, below, above = bars(entropy.containers[k])
        assert entropy.containers[k].get_label() == f"{name} energies"
        np.testing.assert_allclose([x, y], [found.windows, found.entropy[name][0]])
        np.testing.assert_allclose([below, above], [found.entropy[name][1]] * 2, atol=1e-9)
        slope = found.slopes_at_rest[name] * found.windows
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


def test_figure_of_rabi_oscillation():
    """Marks in the middle of their bins, both laws, in the unit of the axis."""
    found = js.rabi_onset(rabi_runs([1.6, 0.02], 600))
    found = replace(found, edges=found.edges * 1e-3, fine=found.fine * 1e-3)
    figure = plotting.rabi_onset(found)
    assert "(ms)" in figure.axes[0].get_xlabel()
    assert figure.axes[0].get_ylabel() == "probability density (1/ms)"
    for k, axis in enumerate(figure.axes):
        x, y, below, above = bars(axis.containers[0])
        np.testing.assert_allclose(x, 1e3 * (found.edges[:-1] + np.diff(found.edges) / 2))
        np.testing.assert_allclose(y, found.density[k] / 1e3)
        np.testing.assert_allclose([below, above], [found.error[k] / 1e3] * 2, atol=1e-12)
        for style, law in (("-", found.exact[k]), (":", found.golden[k])):
            (line,) = drawn_line(axis, linestyle=style)
            np.testing.assert_allclose(line, [found.fine * 1e3, law / 1e3])
        p = found.ensembles[k].model.parameters
        assert axis.texts[0].get_text() == f"4g/Γ = {4 * p.g.real / p.width:.3g}"


def test_waiting_from_far_above_rest():
    """The cutoff grows until nothing reaches it: 300 photons in a hot, slow mode."""
    model = js.systems.two_level_mode(10, 0, 10, 0.3, 1.0, 1.0, 0.05, f_u=0.5, f_l=0.5, n_b=5.0)
    start = js.Fixed({"u": 1, "l": 0, "photon": 300})
    found = waiting_time_distribution(model, [0.5, 3.0], start, ["into l"])
    before = waiting_times._MARGIN
    try:
        waiting_times._MARGIN = 600
        wide = waiting_time_distribution(model, [0.5, 3.0], start, ["into l"])
    finally:
        waiting_times._MARGIN = before
    np.testing.assert_allclose(found.survival, wide.survival, atol=1e-10)
    np.testing.assert_allclose(found.density, wide.density, atol=1e-10)
    assert found.mean == pytest.approx(wide.mean, rel=1e-9)
    assert found.variance == pytest.approx(wide.variance, rel=1e-8)

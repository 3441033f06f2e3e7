"""Questions to quantum jumps: averages, flows and entropy, waiting times, Rabi oscillation."""

import re
from pathlib import Path

import numpy as np
import pytest
from lindblad import liouvillian, operators
from scipy.linalg import expm, null_space
from test_few import QUESTIONS

import jumpsim as js
from jumpsim import plotting
from jumpsim.cli import main
from jumpsim.theory import twolevel
from jumpsim.theory.twolevel.waiting import waiting_law

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
    return js.simulate_wavefunction(MODE, times, 20_000, EMPTY, 1, record=["expect", "jumps"])


@pytest.fixture(scope="module")
def field():
    times, start = np.linspace(0, 400, 41), {"u": 0, "l": 0}
    return js.simulate_wavefunction(FIELD, times, 10_000, start, 2, record=["expect", "jumps"])


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
    js.simulate_wavefunction(MODE, times, 600, EMPTY, 1, record=record, store="m.h5")
    for command in (["levels", "m.h5", "--after", "10"], ["compare", "m.h5"]):
        assert main(command) == 0
        told = capsys.readouterr().out
        assert ".png" in told
        assert "nan" not in told
    assert "agree with the density matrix" in told
    assert (tmp_path / "m.png").stat().st_size > 20_000
    assert main(["waiting", "m.h5", "photon to bath"]) == 0
    assert "exact" in capsys.readouterr().out
    assert main(["rerun", "m.h5", "--index", "3"]) == 0
    assert "equal, bit for bit" in capsys.readouterr().out
    assert main(["info", "m.h5"]) == 0
    assert "coherent exchange" in capsys.readouterr().out
    assert main(["status", "m.h5"]) == 0
    capsys.readouterr()
    spec = Path(__file__).parent.parent / "data" / "second_law_jumps.toml"
    assert main(["run", str(spec), "-n", "100", "-o", "n.h5", "--dry-run"]) == 0
    assert "nothing was written" in capsys.readouterr().out
    assert main(["run", str(spec), "-n", "5", "-o", "n.h5", "--record", "counts"]) == 2
    assert 'its samples are "expect"' in capsys.readouterr().err


@pytest.mark.parametrize("question", [*QUESTIONS, "report"])
def test_every_question_is_answered_or_refused(question, tmp_path):
    path = tmp_path / "w.h5"
    times, record = np.linspace(0, 30, 31), ["expect", "jumps", "events", "moments"]
    js.simulate_wavefunction(MODE, times, 64, EMPTY, 1, record=record, store=path)
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
    right = js.simulate_wavefunction(MODE, times, 20_000, start, 3)
    compared = js.compare(right)
    assert compared.agrees
    assert compared.joint.agrees
    np.testing.assert_allclose(compared.theory[0], [0.25, 0.75, 0.25, 0, 0], atol=1e-12)
    wrong = js.simulate_wavefunction(
        js.systems.two_level_mode(**{**MACHINE, "g": 1.05}), times, 20_000, start, 3
    )
    wrong.model = MODE
    compared = js.compare(wrong)
    assert not compared.joint.agrees
    few = js.simulate_wavefunction(MODE, times, 2, start, 3)
    assert js.compare(few).agrees is None
    assert "undecided" in str(js.compare(few))
    sums = js.simulate_wavefunction(MODE, times, 2000, start, 3, record="moments")
    assert js.compare(sums).agrees
    with pytest.raises(js.InputError, match="2 trajectories"):
        js.compare(js.simulate_wavefunction(MODE, times, 1, start, 3))


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
        law = waiting_law(model, times, js.Fixed(EMPTY), channels, after)
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
            waiting_law(never, times, js.Fixed(EMPTY), names)
    with pytest.raises(js.InputError, match="unknown channel"):
        waiting_law(MODE, times, js.Fixed(EMPTY), ["into x"])
    with pytest.raises(js.InputError, match="quantised mode alone"):
        waiting_law(FIELD, times, js.Fixed({"u": 0, "l": 0}), ["into u"])


def rabi_runs(couplings, ntraj=20_000, **changes):
    levels = {**MACHINE, "omega_cav": 10.0, "gamma_u": 0.1, "gamma_l": 0.1, **changes}
    return [
        js.simulate_wavefunction(
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
        (lambda: [js.simulate_wavefunction(FIELD, [1.0], 9, {"u": 0, "l": 0})], "quantised mode"),
        (lambda: [js.simulate_wavefunction(MODE, [1.0], 600, EMPTY)], "needs every event"),
    ],
)  # fmt: skip
def test_rabi_refusals(runs, text):
    with pytest.raises(js.InputError, match=text):
        js.rabi_onset(runs())


def test_thermodynamics_refusals():
    short = js.simulate_wavefunction(MODE, [0.0, 1.0], 100, EMPTY, record=["expect", "jumps"])
    for run, after, text in (
        (js.simulate(js.systems.hohlraum(4, 4, 1.0), [1.0], 70, js.Thermal(1.0)), 0, "no quantum"),
        (js.simulate_wavefunction(MODE, [0.0, 1.0], 100, EMPTY), 0, "flows need jumps"),
        (short, 1.0, "no stored time"),
        (
            js.simulate_wavefunction(MODE, [0.0, 1.0], 10, EMPTY, record=["expect", "jumps"]),
            0,
            "64",
        ),
    ):
        with pytest.raises(js.InputError, match=text):
            js.level_thermodynamics(run, after)


def test_one_way_reservoirs_say_so():
    model = js.systems.two_level_mode(10, 0, 10, 1, 1, 1, 1, f_u=1.0, f_l=0.0, n_b=0.0)
    run = js.simulate_wavefunction(model, [0, 5.0, 9.0], 200, EMPTY, record=["expect", "jumps"])
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
    run = js.simulate_wavefunction(model, times, 50_000, start, 1, record=["expect", "jumps"])
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
        run = js.simulate_wavefunction(
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
        run = js.simulate_wavefunction(
            MODE, times, 300, EMPTY, seed, record=["expect", "jumps"], workers=1
        )
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
    spec = Path(__file__).parent.parent / "data" / "second_law_jumps.toml"
    js.run_sweep(spec, tmp_path / "s", {"parameters.epsilon": [0.2, 0.5]}, ntraj=40)
    data = js.open_sweep(tmp_path / "s")
    assert data["mean"].dims == ("epsilon", "time", "observable")
    one = js.open(next((tmp_path / "s").glob("*0.5*.h5")))
    np.testing.assert_array_equal(data["mean"].sel(epsilon=0.5), one.mean())
    assert data.observable.values.tolist() == list(FIELD.observables)

"""Pools whose two-level systems have individual rates, against models in which each is a pool."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from support.goodness import fits
from support.parameter_files import written

import jumpsim as js
from jumpsim import engine, streams
from jumpsim.model import individual
from jumpsim.model.disorder import Rates
from jumpsim.theory import ode

Channel, Pool = js.Channel, js.Pool
RATES = [1.0, 0.25, 3.0, 0.0, 2.0]
TIMES = np.linspace(0, 3, 7)
START = {"A": 6, "m": 2, "q": 1}


def waveguide(rates=RATES, q=(0.5, 1.5, 0.7)):
    """Two pools with individual rates, a reservoir, and a channel that never occurs."""
    return js.Model(
        [Pool.bosonic("A", 4), Pool.tls("m", len(rates)), Pool.tls("q", len(q), energy=2.0)],
        [
            *Channel.reversible("emit", "absorb", list(rates), {"m": 1}, {"A": 1}),
            Channel("loss", 0.3, takes={"m": 1}, bath="end"),
            Channel("pump", list(q), takes={"A": 2}, gives={"q": 1}),
            Channel("never", [0.0] * len(q), takes={"q": 1}),
            Channel("leak", 0.1, takes={"A": 1}),
        ],
    )


def same_starts(model, rows, seed=3):
    """Counts of the pools, and the state of each two-level system, of some trajectories."""
    counts = np.tile(model.as_counts(START, whole=True), (rows, 1))
    return counts, model.single_counts(counts, seed, 0, rows)


def test_same_events_as_a_pool_for_each():
    """The resolved model has the same rates, and from the same states the same events."""
    model = waveguide()
    _, starts = same_starts(model, 50)
    states = streams.states(3, 0, 50, streams.JUMPS)
    keep = {"samples", "jumps", "events"}
    one, other = (
        engine.run("partial_propensities", m.engine_input, TIMES, starts, states, keep)
        for m in (model, model.resolved())
    )
    assert one.event_count.sum() > 300
    np.testing.assert_array_equal(one.event_time, other.event_time)
    np.testing.assert_array_equal(one.samples, individual.totals(model, other.samples))
    names = [name.split(",")[0] for name in model.resolved().channels]
    whole = np.array([model.channels.index(name) for name in names])
    np.testing.assert_array_equal(one.event_channel, whole[other.event_channel])
    for c in range(len(model.channels)):
        np.testing.assert_array_equal(one.jumps[..., c], other.jumps[..., whole == c].sum(axis=-1))


def test_rates_and_changes_are_those_of_the_resolved_model():
    model = waveguide()
    table, single = model.engine_input, model.resolved().table
    live, of_single = table.constants > 0, single.constants > 0
    state = same_starts(model, 1)[1][0]
    np.testing.assert_array_equal(table.changes[live], single.changes[of_single])
    np.testing.assert_array_equal(
        table.jump_rates(state)[live], single.jump_rates(state)[of_single]
    )
    assert table.mean_rates(state).sum() > 0


def test_equal_rates_are_one_pool():
    """χ² of m against the master equation of identical two-level systems; false alarm 1e-4."""
    rates = {"modes": 5, "gamma_dec": 0.2, "gamma_0": 0.1, "gamma_tilde_wg": (0.3, 0.1)}
    whole = js.systems.open_waveguide(tls=6, gamma_tilde=(1.0, 0.4), **rates)
    single = js.systems.open_waveguide(tls=6, gamma_tilde=[(1.0, 0.4)] * 6, **rates)
    assert single.individual == {"m": 6}
    start = {"A": 5, "B": 1, "m": 2}
    run = js.simulate(single, [0.7], 20000, start, seed=4, workers=1)
    law = js.master_equation(whole, [0.7], start).marginal("m")[0]
    assert fits(run.counts[:, 0, 2], law) > 1e-4


def test_different_rates_against_the_master_equation():
    """χ² of all states of two reservoir quanta and three emitters; false alarm 1e-4."""
    model = js.Model(
        [Pool.bosonic("A", 3), Pool.tls("m", 3)],
        [*Channel.reversible("emit", "absorb", [0.2, 1.0, 4.0], {"m": 1}, {"A": 1})],
    )
    single = model.resolved()
    start = js.Mixture(
        [
            ({"A": 2, **dict(zip(("m1", "m2", "m3"), s, strict=True))}, 1 / 3)
            for s in np.eye(3, dtype=int).tolist()
        ]
    )
    exact = js.master_equation(single, [0.4], start)
    run = js.simulate(model, [0.4], 20000, {"A": 2, "m": 1}, seed=5, workers=1)
    law = exact.marginal("A")[0]
    assert fits(run.counts[:, 0, 0], law) > 1e-4


def test_places_at_the_start():
    """All sets with the same probability (χ², false alarm 1e-4); none depends on the others."""
    model = waveguide()
    counts, starts = same_starts(model, 20000)
    np.testing.assert_array_equal(individual.totals(model, starts), counts)
    assert set(np.unique(starts[:, 1:])) == {0, 1}
    pairs = [np.flatnonzero(row).tolist() for row in starts[:, 1:6]]
    found = [pairs.count(list(pair)) for pair in itertools.combinations(range(5), 2)]
    assert stats.chisquare(found).pvalue > 1e-4
    np.testing.assert_array_equal(model.single_counts(counts[7:9], 3, 7, 9), starts[7:9])
    assert (model.single_counts(counts[:9], 4, 0, 9) != starts[:9]).any()


@pytest.mark.parametrize("number", [0, 1, 5])
def test_none_and_all_at_the_start(number):
    starts = waveguide().single_counts(np.array([[3, number, 3]]), 1, 0, 1)
    np.testing.assert_array_equal(starts[0, 1:6].sum(), number)
    np.testing.assert_array_equal(starts[0, 6:], 1)


def test_mean_and_covariance_of_the_places():
    """Exact, by summing over all sets of each number of excited ones."""
    model = waveguide()
    law = {(6, 2, 1): 0.3, (2, 4, 3): 0.2, (5, 0, 0): 0.5}
    start = js.Mixture([(dict(zip("Amq", counts, strict=True)), w) for counts, w in law.items()])
    states, weights = [], []
    for (a, m, q), weight in law.items():
        sets = list(itertools.product(
            itertools.combinations(range(5), m), itertools.combinations(range(3), q)
        ))  # fmt: skip
        for of_m, of_q in sets:
            state = np.zeros(9)
            state[0], state[[1 + k for k in of_m]], state[[6 + k for k in of_q]] = a, 1, 1
            states.append(state)
            weights.append(weight / len(sets))
    mean = np.average(states, axis=0, weights=weights)
    found, covariance = individual.spread(model, start.mean(model), start.covariance(model))
    np.testing.assert_allclose(found, mean, atol=1e-14)
    np.testing.assert_allclose(
        covariance, np.cov(np.transpose(states), aweights=weights, ddof=0), atol=1e-14
    )


def test_rate_equations_and_noise_are_those_of_the_resolved_model():
    model = waveguide()
    single = model.resolved()
    start = {
        "A": 6,
        **{f"m{k + 1}": 0.4 for k in range(5)},
        **{f"q{k + 1}": 1 / 3 for k in range(3)},
    }
    found, exact = js.mean_field(model, TIMES, START), js.mean_field(single, TIMES, start)
    np.testing.assert_allclose(found.counts, individual.totals(model, exact.counts), rtol=1e-9)
    np.testing.assert_allclose(found.excitations["m"], exact.counts[:, 1:6], rtol=1e-9, atol=1e-12)
    noise = js.linear_noise(model, TIMES, START)
    assert noise.covariance.shape == (7, 3, 3)
    assert abs(noise.covariance[0]).max() < 1e-12  # the counts of the pools are fixed
    run = js.simulate(model, TIMES, 20000, START, seed=2, record="moments", workers=1)
    # The linear noise is an approximation for so few quanta, but not a bad one.
    np.testing.assert_allclose(noise.covariance[3].diagonal(), run.var()[3], rtol=0.35)


def test_many_rate_equations_with_a_sparse_jacobian(monkeypatch):
    """Stiff equations; those of five kinds of emitters are the same."""
    monkeypatch.setattr(ode, "MOST_UNKNOWNS", 30)
    monkeypatch.setattr(ode, "_LSODA_TRIAL", 1000)
    kinds = [1.0, 2.0, 5.0, 1e3, 1e5]  # the first step of an explicit method is much too large
    rates = {"modes": 50.0, "gamma_dec": 0.01, "gamma_0": 0.01}
    many = js.systems.open_waveguide(
        tls=50, gamma_tilde=[(g, 0) for g in kinds * 10], gamma_tilde_wg=(0.1, 0), **rates
    )
    few = js.systems.open_waveguide(
        tls=[10] * 5,
        gamma_tilde=[(g, 0) for g in kinds],
        gamma_tilde_wg=[(0.1, 0)] * 5,
        **rates,
    )
    times = [0.5, 5.0]
    found = js.mean_field(many, times, {"A": 20, "B": 10, "m": 0})
    exact = js.mean_field(few, times, {"A": 20, "B": 10, **{f"m{k}": 0 for k in range(1, 6)}})
    np.testing.assert_allclose(found.counts[:, :2], exact.counts[:, :2], rtol=1e-7)
    np.testing.assert_allclose(found.counts[:, 2], exact.counts[:, 2:].sum(axis=1), rtol=1e-7)


def test_a_run_in_a_file_is_continued_with_the_same_bits(tmp_path):
    model = waveguide()
    whole = js.simulate(model, TIMES, 60, START, seed=9, record=["counts", "jumps", "events"])
    store = tmp_path / "run.h5"
    js.simulate(model, TIMES, 25, START, seed=9, record=["counts", "jumps", "events"], store=store)
    js.simulate(model, TIMES, 60, START, seed=9, record=["counts", "jumps", "events"], store=store)
    again = js.open(store)
    assert again.model == model
    assert again.model.individual == {"m": 5, "q": 3}
    np.testing.assert_array_equal(again.counts, whole.counts)
    np.testing.assert_array_equal(again.jumps, whole.jumps)
    changed = waveguide(rates=[1.0, 0.25, 3.0, 0.0, 2.5])
    with pytest.raises(js.StoreError, match="rate"):
        js.simulate(changed, TIMES, 70, START, seed=9, record=["counts"], store=store)


def test_lognormal_rates():
    """Kolmogorov-Smirnov of the logarithms; false alarm 1e-4. One seed: proportional rates."""
    rates = np.array(js.lognormal_rates("2 Hz", 0.5, 4000, seed=1))
    z = np.log(rates / 2) / 0.5
    assert stats.kstest(z, "norm").pvalue > 1e-4
    np.testing.assert_allclose(js.lognormal_rates(6.0, 0.5, 4000, seed=1), 3 * rates, rtol=1e-11)
    assert js.lognormal_rates(6.0, 0.5, 5, seed=1) == js.lognormal_rates(6.0, 0.5, 9, seed=1)[:5]
    assert set(js.lognormal_rates(6.0, 0, 5, seed=2)) == {6.0}


SPEC = """
system = "hohlraum"
parameters = { tls = 4, modes = 10, gamma_tilde = GIVEN }
start = { counts = { N = 12, m = 3 } }
times = { stop = "1 s", points = 3 }
run = { ntraj = 10, seed = 1 }
"""
OWN = """
pools = [{ kind = "bosonic", name = "N", modes = 10 }, { kind = "tls", name = "m", size = 4 }]
channels = [{ name = "emission", rate = GIVEN, takes = { m = 1 }, gives = { N = 1 } }]
start = { counts = { N = 12, m = 3 } }
times = { stop = "1 s", points = 3 }
run = { ntraj = 10, seed = 1 }
"""


@pytest.mark.parametrize("text", [SPEC, OWN])
def test_parameter_files(text, tmp_path):
    listed = text.replace("GIVEN", '[1, 2, "3 Hz", 4]')
    model = js.load_spec(written(tmp_path, listed)).model
    assert model.channel("emission").rate == Rates([1.0, 2.0, 3.0, 4.0])
    drawn = text.replace("GIVEN", '{ lognormal = "2 Hz", sigma = 0.5, seed = 1 }')
    model = js.load_spec(written(tmp_path, drawn)).model
    assert model.channel("emission").rate == js.lognormal_rates(2.0, 0.5, 4, seed=1)
    for wrong in ("[1, 2, 3]", '{ lognormal = "2 Hz", sigma = 0.5 }', "[1, 2, 3, -4]", "[]"):
        with pytest.raises(js.InputError) as caught:
            js.load_spec(written(tmp_path, text.replace("GIVEN", wrong)))
        assert "\n" not in str(caught.value)


def test_what_needs_rates_of_counts_refuses():
    model = waveguide()
    run = js.simulate(model, TIMES, 10, START, seed=1, record=["counts", "events"])
    for call in (
        lambda: model.rates(START),
        lambda: model.scaled(2),
        lambda: js.master_equation(model, TIMES, START),
        lambda: js.steady_states(model, START),
        lambda: js.thermo.entropy_production(model, [6, 2, 1]),
        lambda: js.thermo.along(run, 0),
    ):
        with pytest.raises(js.InputError, match=r"individual|each has its own") as caught:
            call()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("channels", "problem"),
    [
        ([Channel("a", [1.0, 2.0], {"m": 1})], "list of 2 rates must be for"),
        ([Channel("a", [1.0] * 5, {"m": 2})], "change one two-level system"),
        ([Channel("a", [1.0] * 5, {"m": 1}), Channel("b", 1.0, {"m": 1}, {"q": 1}),
          Channel("c", [1.0] * 3, {"q": 1})], "'m', 'q'"),
        ([Channel("a", [1.0] * 4, {"A": 1})], "list of 4 rates must be for"),
    ],
)  # fmt: skip
def test_lists_that_fit_no_pool(channels, problem):
    with pytest.raises(js.InputError, match=problem):
        js.Model(waveguide().pool_specs, channels)


def test_printed_and_as_a_dict():
    model = waveguide()
    text = str(model)
    assert "5 two-level systems of 'm' individually" in text
    assert "0 ... 3" in text
    assert text.endswith("method: partial propensities")
    assert js.Model.fromdict(model.asdict()) == model
    assert len(repr(Channel("a", js.lognormal_rates(1.0, 1.0, 10**4, seed=1), {"m": 1}))) < 200
    assert model.irreversible == ("loss", "pump", "leak")
    assert model.resolved().resolved() == model.resolved()
    assert math.isclose(
        model.resolved().rates(same_starts(model, 1)[1][0]).sum(),
        model.engine_input.jump_rates(same_starts(model, 1)[1][0]).sum(),
    )


def test_ten_thousand_emitters():
    """Declared, printed and simulated without an array of emitters times channels."""
    rates = js.lognormal_rates("10 MHz", 0.3, 10**4, seed=1)
    model = js.systems.open_waveguide(
        tls=10**4, modes=1e4, gamma_dec="10 kHz", gamma_0="10 kHz",
        gamma_tilde=(rates, 0), gamma_tilde_wg=(rates, 0),
    )  # fmt: skip
    assert len(str(model).splitlines()) == 23
    run = js.simulate(model, ["0 s", "1 us"], 2, {"A": 5800, "B": 5800, "m": 2700}, seed=1)
    assert run.counts.shape == (2, 2, 3)
    assert run.event_count.min() > 5000


def test_a_trial_step_that_is_too_large_is_no_divergence(monkeypatch):
    """The explicit method rejects it; the solution is that with a full Jacobian."""
    rates = js.lognormal_rates(6e6, 1.0, 200, seed=1)
    model = js.systems.open_waveguide(
        200, 200, 1e4, 1e4, gamma_tilde=(rates, 0), gamma_tilde_wg=(rates, 0)
    )
    start, times = {"A": 116, "B": 116, "m": 54}, [1e-7, 1e-6]
    exact = js.mean_field(model, times, start)
    monkeypatch.setattr(ode, "MOST_UNKNOWNS", 30)
    np.testing.assert_allclose(js.mean_field(model, times, start).counts, exact.counts, rtol=1e-8)


def test_premises_of_drawn_rates():
    """As for a parameter file with a distribution; the ratios of equal rates are 1."""
    drawn = {"lognormal": "1 kHz", "sigma": 0.3, "seed": 1}
    check = js.couplings.validity("10 kHz", "10 kHz", (drawn, 0), (drawn, 0), modes=100, tls=50)
    assert check.consistent
    assert check.linewidth == max(js.lognormal_rates("1 kHz", 0.3, 50, seed=1))


def test_linear_noise_of_too_many_unknowns_is_refused_at_once():
    rates = js.lognormal_rates("10 MHz", 0.3, 400, seed=1)
    model = js.systems.hohlraum(tls=400, modes=400, gamma_tilde=rates)
    with pytest.raises(js.InputError, match="161,202 unknowns, which are too many"):
        js.linear_noise(model, [1e-6], {"N": 200, "m": 100})

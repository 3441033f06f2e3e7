"""What the analyses of entropy presume, each premise broken once: docs/premises.md."""

import numpy as np
import pytest
from support.quantum_jumps import EMPTY, MODE

import jumpsim as js

exchange = js.Channel.reversible


def simulated(model, start, ntraj=100, times=(0.5, 1.0, 2.0, 4.0)):
    record = ["counts", "events", "jumps"]
    return js.simulate(model, list(times), ntraj, start, 1, record, progress=False)


def test_the_reverse_of_an_event_has_the_same_bath():
    model = js.Model(
        [js.Pool.tls("m", 20)],
        [
            js.Channel("up", 1.0, {}, {"m": 1}, reverse="down", bath="hot"),
            js.Channel("down", 1.0, {"m": 1}, reverse="up", bath="cold"),
        ],
    )
    match = "'up' exchanges heat with hot, but its reverse 'down' with cold"
    for analysis in (
        lambda: js.audit(model, {"m": 3}),
        lambda: js.thermo.entropy_production(model, [3.0]),
        lambda: js.thermo.of_averages(simulated(model, {"m": 3})),
    ):
        with pytest.raises(js.InputError, match=match):
            analysis()


def test_the_audit_follows_the_rate_equations_which_describe_large_counts():
    words = "by the rate equations, which describe large counts; none here exceeds 10"
    assert words in str(js.audit(js.systems.hohlraum(4, 4, 1.0), {"N": 3, "m": 1}))
    assert words not in str(js.audit(js.systems.hohlraum(40, 4, 1.0), {"N": 30, "m": 1}))


def test_a_count_below_the_accuracy_of_the_rate_equations():
    few = js.systems.hohlraum(3, 1e12, 1.0)
    verdict = js.audit(few, {"N": 10**12, "m": 1}).verdict
    assert "σ(t) is not known: a count is below the accuracy of the rate equations" in verdict


def test_a_pool_that_stays_empty_is_no_obstacle():
    model = js.Model(
        [js.Pool.bosonic("A", 4), js.Pool.tls("m", 30), js.Pool.bosonic("B", 4)],
        [
            *exchange("absorb", "emit", 1.0, {"A": 1}, {"m": 1}),
            *exchange("leave", "come", 1.0, {"B": 1}, {}, reverse_rate=0.0, bath="end"),
        ],
    )
    found = js.audit(model, {"A": 20, "m": 0, "B": 0})
    assert "from this start σ(t) is never negative" in found.verdict
    assert found.produced > 1


def test_the_rate_equations_of_a_window_leave_out_the_spread_of_counts():
    window = js.window_production(simulated(js.systems.hohlraum(4, 4, 1.0), {"N": 3, "m": 1}))
    assert "(rate equations, for large systems:" in window.verdict
    assert "without the entropy of the spread of counts" in str(js.clausius([window]))


def test_a_fluctuation_theorem_needs_a_start_that_can_be_reached():
    """From fixed counts almost no trajectory ends where the start has a probability."""
    model = js.systems.hohlraum(400, 100, 1.0)
    run = js.simulate(model, [5.0], 1000, {"N": 100, "m": 10}, 1, ["counts", "events"])
    found = js.fluctuation_theorem(run, "start", max_states=0)
    assert "FAILS: all trajectories end where the start has probability 0" in found.verdict
    near = js.simulate(model, [1e-4], 4000, {"N": 100, "m": 100}, 1, ["counts", "events"])
    found = js.fluctuation_theorem(near, "start", max_states=0)
    assert "of the trajectories end where the start has probability 0" in found.verdict


def test_without_a_boundary_term_the_average_is_not_one():
    run = js.simulate(js.systems.hohlraum(20, 10, 1.0), [0.02], 20_000, {"N": 10, "m": 5}, 1)
    found = js.fluctuation_theorem(run, "none", max_states=0)
    assert "without a boundary term ⟨exp(-Σ)⟩ = 1 holds for uniform starts only" in found.verdict


def test_flows_outside_the_steady_state_are_marked():
    times, record = np.linspace(0, 4, 9), ["expect", "jumps"]
    run = js.simulate(MODE, times, 2000, EMPTY, 1, record, progress=False)
    found = js.level_thermodynamics(run)
    assert "warning: not in the steady state: the rate of" in str(found)
    late = js.simulate(MODE, times + 30, 2000, EMPTY, 1, record, progress=False)
    assert js.level_thermodynamics(late, 30.0).drift == ""


def test_an_empty_reservoir_has_no_last_photon():
    """Sorting: a reservoir that is always empty has the temperature 0."""
    model = js.systems.closed_waveguide(
        20, 20, 20, 1.0, 1.0, 1.0, gamma_tilde=(1.0, 0.0), gamma_tilde_wg=(1.0, 0.0)
    )
    start = dict.fromkeys(model.pools, 0) | {"B": 1}
    run = js.simulate(model, [20.0, 25.0, 30.0], 32, start, 1, progress=False)
    found = js.sorting(run, after=20)
    found.counts[model.pools.index("A")] = 0.0
    assert np.isnan(found.last_photon)
    assert "inf" not in str(found)

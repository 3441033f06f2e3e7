"""Largest counts of exact theories: chosen automatically, or given and checked."""

import math
import warnings

import numpy as np
import pytest

import jumpsim as js
from jumpsim.analysis.events import counting
from jumpsim.theory.counting_statistics import coincidence_rate, mean_coincidence_rate

P, C = js.Pool.mass_action, js.Channel
FLOW = js.Model([P("X")], [C("in", 50.0, {}, {"X": 1}), C("out", 1.0, {"X": 1})])
LASER = js.Model(
    [js.Pool.tls("m", 2), js.Pool.bosonic("n", modes=1)],
    [
        C("pump", 10.0, {}, {"m": 1}),
        *C.reversible("emit", "absorb", 5.0, {"m": 1}, {"n": 1}),
        C("loss", 1.0, {"n": 1}, bath="out"),
    ],
    name="laser",
)
OUT = np.array([False, True])


def both(call):
    """Result with limits that are far too high, and with automatic ones, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return call(truncate={"X": 400}), call()


@pytest.mark.parametrize(
    "call",
    [
        lambda **k: js.stationary(FLOW, {"X": 0}, **k).mean,
        lambda **k: js.closed_form(_reversible(), {"X": 0}, **k).mean,
        lambda **k: js.master_equation(FLOW, [0.1, 3.0], {"X": 7}, **k).cumulants[:2],
        lambda **k: js.count_cumulants(FLOW, [0.5, 2.0], {"X": 0}, "out", **k).cumulants,
        lambda **k: js.count_cumulants(
            FLOW, [2.0], {"X": 0}, "out", from_stationary=True, **k
        ).cumulants[:2],
        lambda **k: coincidence_rate(FLOW, [0.0, 0.1], {"X": 0}, OUT, OUT, **k),
        lambda **k: mean_coincidence_rate(FLOW, [0.0, 0.1, 1.0], {"X": 0}, OUT, OUT, **k),
        lambda **k: js.waiting_time_distribution(FLOW, [0.1], {"X": 0}, "out", "out", **k).survival,
        lambda **k: js.first_passage_distribution(FLOW, [0.1, 1], {"X": 0}, "X = 30", **k).survival,
    ],
)
def test_automatic_limits_give_the_result_of_high_limits(call):
    np.testing.assert_allclose(*both(call), rtol=1e-6)


def _reversible():
    return js.Model([P("X")], C.reversible("in", "out", 50.0, {}, {"X": 1}, reverse_rate=1.0))


LOW = {"X": 20}
TOO_LOW = [
    (lambda: js.stationary(FLOW, {"X": 0}, LOW), "0.59"),
    (lambda: js.closed_form(_reversible(), {"X": 0}, LOW), "0.59"),
    (lambda: js.stationary(FLOW, {"X": 0}, {"X": 60}), "0.017"),
    (lambda: js.master_equation(FLOW, [30.0], {"X": 0}, LOW), "1"),
    (lambda: js.count_cumulants(FLOW, [10.0], {"X": 0}, "out", truncate=LOW), "1"),
    (lambda: coincidence_rate(FLOW, [1.0], {"X": 0}, OUT, OUT, LOW), "1"),
    (lambda: mean_coincidence_rate(FLOW, [0, 1.0], {"X": 0}, OUT, OUT, LOW), "1"),
    (lambda: js.waiting_time_distribution(FLOW, [1.0], {"X": 0}, "out", "out", LOW), "1"),
    (lambda: js.first_passage_distribution(FLOW, [1.0], {"X": 19}, "X = 0", LOW), "1"),
    (lambda: js.exponential_average(FLOW, [30.0], {"X": 0}, truncate=LOW), "1"),
]


@pytest.mark.parametrize(("call", "part"), TOO_LOW)
def test_limits_that_are_too_low_are_reported(call, part):
    match = rf"`truncate` excludes states of model .* {part}\d*; increase .* of 'X'"
    with pytest.warns(js.TruncationWarning, match=match):
        call()


def test_the_leak_is_printed():
    with pytest.warns(js.TruncationWarning):
        law = js.stationary(FLOW, {"X": 0}, LOW)
    assert str(law).endswith("leak 0.59 (the largest counts are too low)")
    # Just outside: p(20) · 50/21 relative to all other states.
    poisson = np.array([50.0**k / math.factorial(k) for k in range(22)])
    weight = poisson[21] / poisson[:21].sum()
    assert law.leak == pytest.approx(weight / (1 + weight), rel=1e-9)
    with pytest.warns(js.TruncationWarning):
        counts = js.count_cumulants(FLOW, [1.0], {"X": 0}, "out", truncate=LOW)
    assert 0.5 < counts.leak < 1
    assert "leak 0." in str(counts)


def test_a_laser_of_two_emitters_needs_few_states():
    found = js.stationary(LASER, {"m": 0, "n": 0}, max_states=300)
    assert len(found.space) < 200
    whole = js.stationary(LASER, {"m": 0, "n": 0}, {"n": 300})
    np.testing.assert_allclose(found.mean, whole.mean, rtol=1e-8)


def test_both_wells_are_inside_the_automatic_limits():
    """Schlögl's model from the lower well: the upper one has the larger weight."""
    model = js.Model(
        [P("X")],
        [
            *C.reversible("2X to 3X", "3X to 2X", 0.03, {"X": 2}, {"X": 3}, reverse_rate=1e-4),
            *C.reversible("make", "lose", 200.0, {}, {"X": 1}, reverse_rate=3.5),
        ],
    )
    found = js.stationary(model, {"X": 150})
    whole = js.stationary(model, {"X": 150}, {"X": 1500})
    np.testing.assert_allclose(found.mean, whole.mean, rtol=1e-7)


def test_without_a_limit_that_suffices_the_number_of_states_is_refused():
    grow = js.Model([P("X")], [C("double", 1.0, {"X": 1}, {"X": 2})])
    for call in (
        lambda: js.stationary(grow, {"X": 1}, max_states=500),
        lambda: js.master_equation(grow, [20.0], {"X": 1}, max_states=500),
    ):
        with pytest.raises(js.InputError, match=r"500 states \(possibly infinitely many\)"):
            call()


def test_analyses_take_limits_and_say_why_there_is_no_exact_column():
    run = js.simulate(
        FLOW, np.linspace(0, 10, 11), 64, {"X": 0}, 1, ["counts", "jumps", "events"],
        progress=False,
    )  # fmt: skip
    for analysis, arguments in (
        (js.fluctuations, ()),
        (js.distribution, ("X", 10.0)),
        (js.counting, ("out",)),
        (js.waiting_times, ("out",)),
        (js.coincidences, ("out", None, 5.0)),
        (js.uncertainty, ("out", 5.0)),
    ):
        assert analysis(run, *arguments).exact is not None
        assert analysis(run, *arguments, truncate={"X": 200}).exact is not None
        low = analysis(run, *arguments, truncate={"X": 35})
        assert low.exact is None
        assert "`truncate` excludes states of model" in low.no_exact
        few = analysis(run, *arguments, max_states=5)
        assert few.exact is None
        for found in (low, few):
            assert found.no_exact in str(found)
        assert analysis(run, *arguments, max_states=0).no_exact == ""
        with pytest.raises(js.InputError, match="`truncate`: unknown pool 'Z'"):
            analysis(run, *arguments, truncate={"Z": 3})


def test_a_failure_of_an_exact_column_does_not_end_the_analysis(monkeypatch):
    def fail(*_, **__):
        raise MemoryError("17 GB")

    run = js.simulate(FLOW, [0.0, 1.0], 64, {"X": 0}, 1, ["jumps"], progress=False)
    monkeypatch.setattr(counting, "count_cumulants", fail)
    found = js.counting(run, "out")
    assert "no exact values: the solution failed (MemoryError: 17 GB)" in str(found)

"""Rate equations, linear noise and steady states of few quanta beside many; stiff; many pools."""

import numpy as np
import pytest
from scipy.optimize import brentq

import jumpsim as js
from jumpsim.theory import ode


def first_order(rng):
    """Independent quanta that move between 2 to 6 pools, with rates over 12 decades."""
    n = int(rng.integers(2, 7))
    names, channels = [f"x{i}" for i in range(n)], []
    for k in range(int(rng.integers(n, 3 * n))):
        source, target = rng.choice(names, 2, replace=False)
        rate = 10 ** rng.uniform(-6, 6)
        channels.append(js.Channel(f"move {k}", rate, {source: 1}, {target: 1}))
    for name in names:
        if rng.random() < 0.4:
            channels.append(js.Channel(f"lose {name}", 10 ** rng.uniform(-6, 6), {name: 1}))
        if rng.random() < 0.3:
            channels.append(js.Channel(f"make {name}", 10 ** rng.uniform(-6, 6), {}, {name: 1}))
    start = np.where(rng.random(n) < 0.5, 0, 10 ** rng.uniform(0, 15, n)).round()
    return js.Model([js.Pool.mass_action(name) for name in names], channels), start


def exact(model, time, start):
    """Mean and covariance of independent quanta: sums of positive terms in extended precision."""
    n = len(start)
    matrix = np.zeros((n + 1, n + 1), np.longdouble)
    for constant, takes, change in zip(
        model.table.constants, model.channel_specs, model.table.changes, strict=True
    ):
        source = model.pools.index(next(iter(takes.takes))) if takes.takes else n
        matrix[:n, source] += constant * change
    fastest = -matrix.diagonal().min()
    halvings = max(0, int(np.ceil(np.log2(max(fastest * time, 1e-300))))) + 3
    part = (matrix + fastest * np.eye(n + 1)) * time / 2**halvings
    term = np.eye(n + 1, dtype=np.longdouble)
    total = term.copy()
    for k in range(1, 30):
        term = term @ part / k
        total = total + term
    total = total * np.exp(-fastest * time / 2**halvings)
    for _ in range(halvings):
        total = total @ total
    moved = total[:n, :n]
    mean = moved @ start + total[:n, n]
    covariance = np.diag(mean) - (moved * start) @ moved.T
    return mean.astype(float), covariance.astype(float), moved.astype(float)


SEEDS = [10, 39, *(pytest.param(k, marks=pytest.mark.slow) for k in (*range(8), 25, 27, 54))]


@pytest.mark.parametrize("seed", SEEDS)
def test_independent_quanta_with_rates_and_counts_over_many_decades(seed):
    rng = np.random.default_rng([4, seed])
    model, start = first_order(rng)
    last = 10 ** rng.uniform(-6, 4)
    times = np.array([last / 1000, last])
    noise = js.linear_noise(model, times, start)
    counts = js.mean_field(model, times, start).counts
    for k, time in enumerate(times):
        mean, covariance, _ = exact(model, time, start)
        resolved = mean > 1e-15
        np.testing.assert_allclose(counts[k][resolved], mean[resolved], rtol=1e-8)
        np.testing.assert_allclose(noise.mean[k][resolved], mean[resolved], rtol=1e-8)
        unit = np.sqrt(np.maximum(mean, 1e-12))
        assert np.abs((noise.covariance[k] - covariance) / np.outer(unit, unit)).max() < 1e-8
    between, first = exact(model, times[1] - times[0], start)[2], exact(model, times[0], start)
    units = [np.sqrt(np.maximum(exact(model, time, start)[0], 1e-12)) for time in times]
    error = (noise.two_time(0)[1] - between @ first[1]) / np.outer(units[1], units[0])
    assert np.abs(error).max() < 1e-8


@pytest.mark.parametrize("big", [1e6, 1e12, 1e15])
def test_few_quanta_beside_many(big):
    model = js.Model(
        [js.Pool.mass_action("pump"), js.Pool.bosonic("cavity", modes=1)],
        [
            js.Channel("in", 50.0 / big, {"pump": 1}, {"cavity": 1}),
            js.Channel("leak", 60.0, {"cavity": 1}, bath="outside"),
        ],
    )
    times = np.linspace(0, 0.5, 6)
    counts = js.mean_field(model, times, {"pump": big, "cavity": 0}).counts[:, 1]
    # 50/s in and 10/s net loss: emission into the cavity is stimulated.
    decay, gain = 60.0 - 50.0, 50.0
    right = gain / decay * (1 - np.exp(-decay * times))
    np.testing.assert_allclose(counts, right, rtol=1000 / big + 1e-9)


def test_verdict_on_few_quanta_beside_many():
    """5 (1 - e^(-10 t)) quanta beside 10¹⁵; false in 1 % of seeds, and the seed is fixed."""
    model = js.Model(
        [js.Pool.mass_action("pump"), js.Pool.bosonic("cavity", modes=1)],
        [
            js.Channel("in", 5e-14, {"pump": 1}, {"cavity": 1}),
            js.Channel("leak", 60.0, {"cavity": 1}, bath="outside"),
        ],
    )
    start = {"pump": 10**15, "cavity": 0}
    run = js.simulate(model, np.linspace(0, 0.5, 6), 4000, start, seed=1, workers=1)
    found = js.compare(run)
    assert found.verdict.startswith("averages agree with the rate equations")
    right = 5 * (1 - np.exp(-10 * run.times))
    np.testing.assert_allclose(found.theory.counts[:, 1], right, rtol=1e-9)


def robertson():
    return js.Model(
        [js.Pool.mass_action(name) for name in "ABC"],
        [
            js.Channel("A to B", 0.04, {"A": 1}, {"B": 1}),
            js.Channel("2B to B+C", 6e7, {"B": 2}, {"B": 1, "C": 1}),
            js.Channel("B+C to A+C", 1e4, {"B": 1, "C": 1}, {"A": 1, "C": 1}),
        ],
    )


def test_robertson():
    """The published solution of this standard test, from 1 quantum, over twelve decades of time."""
    times = [0.4, 40.0, 4e4, 4e10]
    counts = js.mean_field(robertson(), times, (1, 0, 0)).counts
    published = {  # Hairer & Wanner's reference, as in the test sets of solvers of stiff equations
        0: (9.8517211386e-01, 3.3863953790e-05, 1.4794022186e-02),
        1: (7.158270688e-01, 9.185534765e-06, 2.841637457e-01),
        3: (5.2083e-08, 2.0833e-13, 9.9999995e-01),
    }
    for k, row in published.items():
        np.testing.assert_allclose(counts[k], row, rtol=2e-4 if k == 3 else 1e-8)


def test_from_a_state_in_which_fast_changes_are_over():
    """A start on the slow manifold: the small steps of explicit methods would take hours."""
    model = robertson()
    first = js.mean_field(model, [40.0, 4e6], (1, 0, 0)).counts
    again = js.mean_field(model, [4e6 - 40.0], first[0]).counts[0]
    np.testing.assert_allclose(again, first[1], rtol=1e-7)


def test_too_many_steps_are_refused(monkeypatch):
    swing = js.Model(
        [js.Pool.mass_action("X"), js.Pool.mass_action("Y")],
        [
            js.Channel("grow", 1.0, {"X": 1}, {"X": 2}),
            js.Channel("eat", 0.01, {"X": 1, "Y": 1}, {"Y": 2}),
            js.Channel("die", 1.0, {"Y": 1}),
        ],
    )
    monkeypatch.setattr(ode, "_MOST_EVALUATIONS", 3000)
    problem = r"up to 1e\+09 s: more than 3,000 evaluations of 2 unknowns would"
    with pytest.raises(js.InputError, match=problem):
        js.mean_field(swing, [1e9], (150, 100))


def chain(number):
    return js.Model(
        [js.Pool.mass_action(f"x{i}") for i in range(number)],
        [
            channel
            for i in range(number - 1)
            for channel in js.Channel.reversible(
                f"right {i}", f"left {i}", 1.0, {f"x{i}": 1}, {f"x{i + 1}": 1}
            )
        ],
    )


def test_more_unknowns_than_an_implicit_method_allows(monkeypatch):
    """The distribution of independent quanta is multinomial."""
    monkeypatch.setattr(ode, "MOST_UNKNOWNS", 200)
    model, start = chain(20), np.zeros(20)
    start[0] = 100
    noise = js.linear_noise(model, [2.0], start)
    mean, covariance, _ = exact(model, 2.0, start)
    np.testing.assert_allclose(noise.mean[0], mean, rtol=1e-8)
    np.testing.assert_allclose(noise.covariance[0], covariance, atol=1e-8)
    with pytest.raises(
        js.InputError, match=r"with 20 pools up to .* would take about 1.6e.07 eval"
    ):
        js.linear_noise(model, [1e6], start)


@pytest.mark.slow
def test_sixty_pools():
    model, start = chain(60), np.zeros(60)
    start[0] = 100
    noise = js.linear_noise(model, [2.0], start)
    mean, covariance, _ = exact(model, 2.0, start)
    np.testing.assert_allclose(noise.mean[0][:20], mean[:20], rtol=1e-8)
    np.testing.assert_allclose(noise.covariance[0], covariance, atol=1e-8)
    rest = js.stationary_noise(model, start)
    np.testing.assert_allclose(rest.counts, 100 / 60, rtol=1e-9)
    expected = 100 / 60 * (np.eye(60) - 1 / 60)
    np.testing.assert_allclose(rest.covariance, expected, atol=1e-8)


@pytest.mark.slow
def test_two_thousand_pools():
    model, start = chain(2000), np.zeros(2000)
    start[0] = 100
    counts = js.mean_field(model, [1.0], start).counts[0]
    few = js.mean_field(chain(40), [1.0], start[:40]).counts[0]
    np.testing.assert_allclose(counts[:20], few[:20], rtol=1e-8)


def schloegl(extra_pools=(), extra_channels=()):
    X = {"X": 1}
    return js.Model(
        [js.Pool.mass_action("X"), *extra_pools],
        [
            js.Channel("2X to 3X", 0.03, {"X": 2}, {"X": 3}),
            js.Channel("3X to 2X", 1e-4, {"X": 3}, {"X": 2}),
            js.Channel("make", 200.0, {}, X),
            js.Channel("lose", 3.5, X),
            *extra_channels,
        ],
    )


SCHLOEGL = {85.490: "stable", 247.602: "unstable", 566.908: "stable"}
BESIDE = {
    "alone": ((), (), {}),
    "many quanta": (
        (js.Pool.mass_action("P"), js.Pool.bosonic("cavity", 1)),
        (
            js.Channel("in", 5e-14, {"P": 1}, {"P": 1, "cavity": 1}),
            js.Channel("out", 60.0, {"cavity": 1}),
        ),
        {"P": 1e15, "cavity": 0},
    ),
    "a second pool": (
        (js.Pool.mass_action("Y"),),
        (
            js.Channel("X makes Y", 0.1, {"X": 1}, {"X": 1, "Y": 1}),
            js.Channel("lose Y", 0.2, {"Y": 1}),
        ),
        {"Y": 0},
    ),
}


@pytest.mark.parametrize("start", [0, 10, 100, 300, 600])
@pytest.mark.parametrize("beside", BESIDE)
def test_all_steady_states_of_schloegl(beside, start):
    pools, channels, counts = BESIDE[beside]
    states = js.steady_states(schloegl(pools, channels), {"X": start, **counts})
    found = {round(float(s.counts[0]), 3): s.stability for s in states}
    assert found == SCHLOEGL
    assert [s.reached for s in states] == [True, False, False]
    assert states[0].counts[0] == pytest.approx(85.490 if start < 247 else 566.908, abs=1e-3)


def test_a_switch_far_from_its_start():
    """Two pools that hinder each other; both stable states and the saddle, from empty pools."""
    channels = [
        js.Channel(f"make {a}", 1e4, {}, {a: 1}) for a in "XY"
    ] + [js.Channel(f"lose {a}", 1.0, {a: 1}) for a in "XY"] + [
        js.Channel(f"{a} hinders {b}", 0.01, {b: 1, a: 2}, {a: 2}) for a, b in ("XY", "YX")
    ]  # fmt: skip
    model = js.Model([js.Pool.mass_action("X"), js.Pool.mass_action("Y")], channels)
    for start in ((1, 0), (0, 0)):
        found = {tuple(s.counts.round(2)): s.stability for s in js.steady_states(model, start)}
        assert found == {
            (9999.98, 0.02): "stable", (0.02, 9999.98): "stable", (125.46, 125.46): "unstable",
        }  # fmt: skip


def epidemic():
    return js.Model(
        [js.Pool.mass_action(name) for name in "SIR"],
        [
            js.Channel("infect", 0.001, {"S": 1, "I": 1}, {"I": 2}),
            js.Channel("recover", 0.3, {"I": 1}, {"R": 1}),
        ],
        name="SIR",
    )


@pytest.mark.parametrize("susceptible", [990, 200])
def test_a_continuum_is_one_state(susceptible):
    """Final size of an epidemic: S = S_0 exp(-(N - S) k/γ); I = 0 is a steady state."""
    start, total = {"S": susceptible, "I": 10, "R": 0}, susceptible + 10
    (state,) = js.steady_states(epidemic(), start)
    left = brentq(
        lambda s: s - susceptible * np.exp(-(total - s) / 300), 1e-9, 0.99999 * susceptible
    )
    np.testing.assert_allclose(state.counts, [left, 0, total - left], rtol=1e-7, atol=1e-6)
    assert (state.reached, state.continuum, state.stable) == (True, True, False)
    assert str(state).startswith("neutral steady state of SIR: S = ")
    assert "one of a continuum of steady states, reached from the start" in str(state)
    with pytest.raises(js.InputError, match="its steady states form a continuum"):
        js.stationary_noise(epidemic(), start)


def test_neutral_states():
    pair = js.Model([js.Pool.mass_action("A")], [js.Channel("pair", 1.0, {"A": 2})])
    (empty,) = js.steady_states(pair, (10,))  # approached as 1/t: the Jacobian there is 0
    assert (empty.stability, empty.continuum) == ("neutral", False)
    assert empty.counts[0] < 1e-9

"""Single two-level systems: their sum is the count, all are equivalent, dwell times fit theory."""

import numpy as np
import pytest
from scipy import stats

import jumpsim as js
from jumpsim.analysis.events.telegraph import Telegraph
from jumpsim.model.initial import Thermal

SMALL = js.systems.hohlraum(6, 5, 1.0)
START = {"N": 6, "m": 2}
PAIRS = js.Model(
    [js.Pool.bosonic("N", 5), js.Pool.tls("m", 6)],
    [
        *js.Channel.reversible("two up", "two down", 1.0, {"N": 1}, {"m": 2}),
    ],
)


@pytest.mark.parametrize("model", [SMALL, PAIRS], ids=["one", "two at once"])
def test_systems_add_up_to_the_count(model):
    times = np.linspace(0, 3, 40)
    ensemble = js.simulate(model, times, 20, START, 1, ["counts", "events"])
    for i in range(20):
        found = js.telegraph(ensemble, i)
        together = sum(found.signal(k, times).astype(int) for k in range(6))
        np.testing.assert_array_equal(together, ensemble.counts[i, :, 1])
        # No system is excited twice in a row.
        for k in range(6):
            mine = found.excited[found.system == k]
            expected = (np.arange(len(mine)) % 2 == 0) != found.start[k]
            np.testing.assert_array_equal(mine, expected)
        steps = model.changes[ensemble.events(i)[1], 1]
        np.testing.assert_array_equal(np.bincount(found.event, minlength=len(steps)), abs(steps))


def test_states_at_a_flip_and_whole_stretches():
    found = js.telegraph(js.simulate(SMALL, [3.0], 1, START, 1, "events"), 0)
    for k in range(0, len(found.times), 5):
        assert found.signal(found.system[k], found.times[k]) == found.excited[k]
    flips = np.bincount(found.system, minlength=6)
    durations, _, whole = found.dwells()
    assert whole.sum() == np.maximum(flips - 1, 0).sum()
    assert len(durations) == (flips + 1).sum()


def test_every_system_is_alike():
    """χ² of flips and of excited starts over the six systems, alarm 1e-4 each."""
    ensemble = js.simulate(SMALL, [2.0], 600, START, 2, "events")
    views = [js.telegraph(ensemble, i) for i in range(600)]
    starts = sum(v.start.astype(int) for v in views)
    assert starts.sum() == 1200
    # Two of six without replacement: the variance of each is 600 · 1/3 · 2/3.
    z = (starts - 200) / np.sqrt(600 * 2 / 9)
    assert stats.chi2.sf((z**2).sum() * 5 / 6, 5) > 1e-4
    first = np.bincount([v.system[0] for v in views], minlength=6)
    assert stats.chisquare(first).pvalue > 1e-4


def test_dwells_of_independent_decay_are_exponential():
    """M systems that decay by themselves, all excited: dwell times are exponential, rate 0.7."""
    model = js.systems.open_waveguide(40, 5, 0, 0, (0, 0), (0.7, 0))
    ensemble = js.simulate(model, [40.0], 100, {"A": 0, "B": 0, "m": 40}, 3, "events")
    first = [js.telegraph(ensemble, i).times for i in range(100)]
    durations = []
    for i in range(100):
        found = js.telegraph(ensemble, i)
        assert len(set(found.system.tolist())) == len(found.system)
        durations += found.times[found.system == 7].tolist()
    assert len(durations) == 100
    assert stats.kstest(durations, "expon", args=(0, 1 / 0.7)).pvalue > 1e-4
    assert len(first) == 100


def test_dwells_in_the_ground_state():
    """Pumped and emptied at constant rates: whole stretches are exponential in both states."""
    model = js.Model(
        [js.Pool.tls("m", 10)],
        [js.Channel("up", 2.0, {}, {"m": 1}), js.Channel("down", 5.0, {"m": 1})],
    )
    ensemble = js.simulate(model, [200.0], 4, {"m": 3}, 4, "events")
    parts = [js.telegraph(ensemble, i).dwells() for i in range(4)]
    durations, excited, whole = (np.concatenate(p) for p in zip(*parts, strict=True))
    assert durations.sum() == pytest.approx(4 * 10 * 200.0)
    for state, rate in ((True, 5.0), (False, 2.0)):
        mine = durations[whole & (excited == state)]
        assert len(mine) > 5000
        assert stats.kstest(mine, "expon", args=(0, 1 / rate)).pvalue > 1e-4
    assert "flips out of it" in str(js.telegraph(ensemble, 0))


def test_no_trajectory_changes():
    with_counts = js.simulate(SMALL, [1.0], 5, START, 1, ["counts", "events"])
    events = js.simulate(SMALL, [1.0], 9, START, 1, "events")
    for i in range(5):
        a, b = js.telegraph(with_counts, i), js.telegraph(events, i)
        np.testing.assert_array_equal(a.system, b.system)
        np.testing.assert_array_equal(a.start, b.start)
    assert (js.telegraph(events, 0).start != js.telegraph(events, 1).start).any() or (
        js.telegraph(events, 0).system[:3] != js.telegraph(events, 1).system[:3]
    ).any()
    last = js.telegraph(events, -1)
    np.testing.assert_array_equal(last.system, js.telegraph(events, 8).system)


def test_groups_have_streams_of_their_own():
    model = js.systems.hohlraum([5, 5], 5, [1.0, 1.0])
    ensemble = js.simulate(model, [0, 2.0], 3, Thermal({"N": 0.5, "m1": 0.5, "m2": 0.5}), 1,
                           ["counts", "events"])  # fmt: skip
    for i in range(3):
        one, two = js.telegraph(ensemble, i, "m1"), js.telegraph(ensemble, i, "m2")
        assert one.start.sum() == ensemble.counts[i, 0, 1]
        assert two.start.sum() == ensemble.counts[i, 0, 2]
        assert len(one.system) + len(two.system) == len(ensemble.events(i)[0])


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda e: js.telegraph(e, 0, "N"), "pool 'N' holds no two-level systems"),
        (lambda e: js.telegraph(e, 0, "x"), "unknown pool 'x'"),
        (lambda e: js.telegraph(e, 9), "`i` must be a row from -3 to 2"),
        (lambda e: js.telegraph(e, 0).signal(6, [0]), "`system` must be from 0 to 5, but is 6"),
        (lambda e: js.telegraph(e, 0).signal(True, [0]), "`system` must be a whole number"),
    ],
)
def test_refused(call, match):
    with pytest.raises(js.InputError, match=match):
        call(js.simulate(SMALL, [1.0], 3, START, 1, "events"))


def test_counts_alone_do_not_name_systems():
    with pytest.raises(js.InputError, match='simulate with record="events"'):
        js.telegraph(js.simulate(SMALL, [1.0], 3, START, 1), 0)


def test_stretches_that_began_do_not_bias():
    """Kaplan-Meier of what began in the run follows exp(-rate t); the run is only 2.5 times 1/rate.

    Single scores, |Z| < 4.5, with binomial errors.
    """
    model = js.Model(
        [js.Pool.tls("m", size=400)],
        [
            js.Channel("pump", rate=2.0, gives={"m": 1}),
            js.Channel("empty", rate=5.0, takes={"m": 1}),
        ],
        name="pumped",
    )
    view = js.telegraph(js.simulate(model, [1.25], 1, {"m": 100}, 3, "events"), 0)
    for excited, rate in ((True, 5.0), (False, 2.0)):
        durations, ended = view.started_dwells(excited)
        assert (np.diff(durations) >= 0).all()
        for t in (0.1, 0.3):
            last = np.searchsorted(durations, t)
            found = js.statistics.survival_function(durations, ended, t)
            expected = np.exp(-rate * t)
            at_risk = len(durations) - last
            assert abs(found - expected) < 4.5 * np.sqrt(expected * (1 - expected) / at_risk)


def by_hand():
    """Two systems until 10: the first up at 1, 9, down at 8.5; the second down at 2, up at 3."""
    times, system = np.array([1.0, 2, 3, 8.5, 9]), np.array([0, 1, 1, 0, 0])
    up = np.array([True, False, True, False, True])
    start = np.array([False, True])
    return Telegraph(SMALL, "m", start, times, system, up, np.arange(5), 10.0)


def test_stretches_that_began_by_hand():
    found = by_hand()
    durations, ended = found.started_dwells(True)
    assert durations.tolist() == [1, 7, 7.5]
    assert ended.tolist() == [False, False, True]
    durations, ended = found.started_dwells(False)
    assert durations.tolist() == [0.5, 1]
    assert ended.tolist() == [True, True]


def test_mean_dwell_is_all_time_over_all_flips():
    """Pumped at 2 and emptied at 5, |Z| < 4.5; long stretches count although the end cuts them."""
    model = js.Model(
        [js.Pool.tls("m", 100)],
        [js.Channel("up", 2.0, {}, {"m": 1}), js.Channel("down", 5.0, {"m": 1})],
    )
    found = js.telegraph(js.simulate(model, [2.0], 1, {"m": 29}, 5, "events"), 0)
    durations, states, _ = found.dwells()
    for state, exact in ((True, 0.2), (False, 0.5)):
        mean, error, flips = found.mean_dwell(state)
        assert flips == (found.excited != state).sum()
        assert mean == pytest.approx(durations[states == state].sum() / flips)
        assert abs(mean - exact) < 4.5 * error
        # Of independent stretches.
        assert error == pytest.approx(exact / np.sqrt(flips), rel=0.4)


def test_the_figure_shows_what_was_measured():
    found = by_hand()
    rows, dwells = js.plotting.telegraph(found).axes
    bars = [[p.get_extents().bounds for p in bar.get_paths()] for bar in rows.collections]
    np.testing.assert_allclose(bars[0], [(1, 0.1, 7.5, 0.8), (9, 0.1, 1, 0.8)])
    np.testing.assert_allclose(bars[1], [(0, 1.1, 2, 0.8), (3, 1.1, 7, 0.8)])
    excited, ground = dwells.lines
    np.testing.assert_allclose(excited.get_xydata(), [(0, 1), (1, 1), (7, 1), (7.5, 0)])
    np.testing.assert_allclose(ground.get_xydata(), [(0, 1), (0.5, 0.5), (1, 0)])
    assert excited.get_label() == "excited: 3 dwell times"


def test_a_run_that_is_not_in_steady_state_is_reported():
    """Systems that lose their quanta for ever, against pumped ones."""
    fading = js.Model([js.Pool.tls("m", 50)], [js.Channel("down", 1.0, {"m": 1})])
    lost = js.telegraph(js.simulate(fading, [4.0], 1, {"m": 50}, 1, "events"))
    assert "not in steady state, the excited fraction changes from 0." in str(lost)
    pumped = js.Model(
        [js.Pool.tls("m", 50)],
        [js.Channel("up", 2.0, {}, {"m": 1}), js.Channel("down", 5.0, {"m": 1})],
    )
    steady = js.telegraph(js.simulate(pumped, [40.0], 1, {"m": 14}, 1, "events"))
    assert steady.drift is None
    assert "warning" not in str(steady)

"""g²(τ) against the master equation, Poisson light, and plain loops."""

import numpy as np
import pytest
from support.systems import FEW_LEVELS

import jumpsim as js
from jumpsim.theory.counting_statistics import coincidence_rate

START = {"N": 5, "m": 1}


def pumped(rate=3.0):
    """One two-level system, pumped, that emits: antibunched."""
    return js.Model(
        [js.Pool.tls("m", 1)],
        [
            js.Channel("pump", rate, {}, {"m": 1}),
            js.Channel("emit", 2.0, {"m": 1}, bath="outside"),
        ],
    )


def test_a_single_emitter_is_antibunched():
    """g² = 1 - exp(-(pump + decay) τ), exactly."""
    lags = np.linspace(0, 2, 9)
    emit = np.array([False, True])
    found = coincidence_rate(pumped(), lags, (0,), emit, emit)
    np.testing.assert_allclose(found, 1 - np.exp(-5 * lags), atol=1e-12)


def test_trajectories_of_a_single_emitter():
    """Ten bins of 400 trajectories within 4.5 errors; the first one far below 1."""
    ensemble = js.simulate(pumped(), [40.0], 400, {"m": 0}, 1, "events")
    found = js.coincidences(ensemble, "outside", after=3.0, longest=1.0)
    assert (np.abs(found.g2 - found.exact) < 4.5 * found.error).all()
    assert found.error.max() < 0.03
    assert found.g2[0] < 0.4
    assert "coincidences of outside" in str(found)


def test_two_channels_against_the_master_equation():
    ensemble = js.simulate(FEW_LEVELS, [25.0], 600, START, 2, "events")
    for second in ("absorption", None):
        found = js.coincidences(ensemble, "emission", second, after=5.0, longest=1.0, bins=5)
        assert (np.abs(found.g2 - found.exact) < 4.5 * found.error).all()
        assert found.error.max() < 0.02


def test_poisson_events_are_independent():
    model = js.Model([js.Pool.mass_action("X")], [js.Channel("birth", 4.0, {}, {"X": 1})])
    ensemble = js.simulate(model, [30.0], 300, (0,), 3, "events")
    found = js.coincidences(ensemble, "birth", after=1.0, longest=2.0)
    assert found.exact is None
    assert (np.abs(found.g2 - 1) < 4.5 * found.error).all()


def test_pairs_are_those_of_a_plain_loop(slabs):
    ensemble = js.simulate(FEW_LEVELS, [4.0], 20, START, 1, "events")
    edges = np.linspace(0, 0.5, 6)
    pairs, firsts, seconds = np.zeros(5), 0, 0
    for i in range(20):
        events = [(t, c) for t, c in zip(*ensemble.events(i), strict=True) if t >= 1.0]
        later = [t for t, c in events if c == 1]
        seconds += len(later)
        for t, c in events:
            if c == 0 and t < 3.5:
                firsts += 1
                pairs += np.histogram([u - t for u in later if u > t], edges)[0]
    expected = pairs / (firsts * seconds / (20 * 3.0) * 0.1)
    for size in (30, 10**6):
        slabs(events=size)
        found = js.coincidences(ensemble, "emission", "absorption", 1.0, 0.5, bins=5)
        np.testing.assert_allclose(found.g2, expected, rtol=1e-12)


def test_few_pairs_are_undecided():
    ensemble = js.simulate(FEW_LEVELS, [1.0], 16, START, 1, "events")
    found = js.coincidences(ensemble, "emission", longest=0.002)
    assert np.isnan(found.g2).all()
    assert "undecided" in str(found)
    assert "nan" not in str(found)


@pytest.mark.parametrize(
    ("arguments", "record", "match"),
    [
        (("emission",), "counts", "need every event, but this run recorded counts"),
        (("emision",), "events", "unknown channel or bath 'emision'; did you mean 'emission'"),
        (("emission", None, 3.0), "events", "must be less than the end of the run at 1"),
        (("emission", None, 0.0, 0.0), "events", "must be positive"),
        (("emission", None, 0.0, 0.5, 0), "events", "`bins` must be a whole number ≥ 1"),
        (("emission",), "events", "errors need 16 trajectories at least, but there are 3"),
    ],
)
def test_refused(arguments, record, match):
    with pytest.raises(js.InputError, match=match):
        js.coincidences(js.simulate(FEW_LEVELS, [1.0], 3, START, 1, record), *arguments)


def test_events_that_never_happen():
    emit = np.array([True, False])
    with pytest.raises(js.InputError, match="do not occur in the steady state"):
        coincidence_rate(js.systems.hohlraum(4, 2.5, 0), [0, 1], (5, 1), emit, emit)


def test_the_figure_shows_what_was_measured():
    ensemble = js.simulate(FEW_LEVELS, [4.0], 60, START, 1, "events")
    found = js.coincidences(ensemble, "emission", after=1.0, longest=0.4, bins=4)
    (axis,) = js.plotting.coincidences(found).axes
    bars = axis.containers[0]
    x, y = bars.lines[0].get_data()
    np.testing.assert_allclose(x, [50, 150, 250, 350])
    np.testing.assert_allclose(y, found.g2)
    across, along = (np.array(lines.get_segments()) for lines in bars.lines[2])
    np.testing.assert_allclose(np.diff(across[:, :, 0])[:, 0], 100)
    np.testing.assert_allclose(np.diff(along[:, :, 1])[:, 0] / 2, found.error)
    (steps,) = (p for p in axis.patches if hasattr(p, "get_data"))
    np.testing.assert_allclose(steps.get_data().values, found.exact)


def test_a_run_that_is_not_in_steady_state_is_refused():
    """Light that fades."""
    fading = js.Model(
        [js.Pool.mass_action("m")],
        [js.Channel("glow", 5.0, {"m": 1}, {"m": 1}), js.Channel("gone", 0.5, {"m": 1})],
    )
    ensemble = js.simulate(fading, [4.0], 200, {"m": 3}, 1, "events")
    with pytest.raises(js.InputError, match="not stationary: the rate of glow per second changes"):
        js.coincidences(ensemble, "glow")


@pytest.mark.slow
def test_what_is_printed_covers_with_few_pairs():
    """250 seeds of 16 trajectories, 5 to 25 pairs in a bin; below 0.90 by chance in 0.1 %."""
    inside = []
    for seed in range(250):
        ensemble = js.simulate(pumped(), [14.0], 16, {"m": 0}, seed, "events", workers=1)
        found = js.coincidences(ensemble, "outside", None, 1.0, 0.4, bins=4, max_states=0)
        expected = 1 + np.diff(np.exp(-5 * found.edges)) / np.diff(5 * found.edges)
        inside.append(~(np.abs(found.g2 - expected) > 1.96 * found.error))  # or undecided
    covered = np.mean(inside, axis=0)
    print(covered)
    assert (covered > 0.90).all()


def test_no_pair_has_an_error():
    """An emitter that is empty after an event: no pair is seen, and up to three are possible."""
    for seed in range(1, 9):
        ensemble = js.simulate(pumped(0.5), [40.0], 200, {"m": 0}, seed, "events")
        found = js.coincidences(ensemble, "outside", None, 4.0, 0.02, bins=1, max_states=0)
        if found.g2[0] == 0:
            break
    assert found.g2[0] == 0
    exact = 1 + np.diff(np.exp(-2.5 * found.edges)) / np.diff(2.5 * found.edges)
    assert exact[0] < 1.96 * found.error[0] < 0.2
    assert "antibunched" in found.verdict

"""First passages and waiting times against closed forms, plain matrices and trajectories."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import expm

import jumpsim as js

s = js.systems
TIMES = np.array([0.0, 0.2, 0.5, 1.0, 3.0])


def decay():
    return s.open_waveguide(3, 5, 0.35, 0, (0, 0), (0.7, 0.0))


def test_all_gone_is_the_longest_of_many_decays():
    found = js.first_passage_distribution(decay(), TIMES, {"A": 0, "B": 0, "m": 3}, {"m": 0})
    done = 1 - np.exp(-0.7 * TIMES)
    np.testing.assert_allclose(found.survival, 1 - done**3, atol=1e-13)
    np.testing.assert_allclose(found.density, 3 * done**2 * 0.7 * np.exp(-0.7 * TIMES), atol=1e-12)
    assert found.probability == pytest.approx(1)
    assert found.mean == pytest.approx((1 + 1 / 2 + 1 / 3) / 0.7)
    assert found.variance == pytest.approx((1 + 1 / 4 + 1 / 9) / 0.49)
    assert "time until m = 0 in open_waveguide: mean 2.619" in str(found)


def test_next_event_of_one_channel_among_others():
    # Photons decay through both ends at the same rate: the wait for end 1 ends with chance 1/2.
    found = js.waiting_time_distribution(decay(), TIMES, {"A": 1, "B": 0, "m": 0}, "loss A via 1")
    assert found.probability == pytest.approx(0.5)
    assert found.mean == math.inf
    # Lost through end 2 it is waited for in vain: not yet happened.
    np.testing.assert_allclose(found.survival, 0.5 + 0.5 * np.exp(-0.7 * TIMES), atol=1e-13)
    np.testing.assert_allclose(found.density, 0.35 * np.exp(-0.7 * TIMES), atol=1e-13)
    both = js.waiting_time_distribution(
        decay(), TIMES, {"A": 1, "B": 0, "m": 0}, ["loss A via 1", "loss A via 2"]
    )
    assert both.mean == pytest.approx(1 / 0.7)
    np.testing.assert_allclose(both.survival, np.exp(-0.7 * TIMES), atol=1e-13)


def plain_generator(model, space):
    """Dense generator with one matrix for each channel."""
    index = {tuple(state): k for k, state in enumerate(space.tolist())}
    jumps = np.zeros((len(model.channels), len(space), len(space)))
    for k, state in enumerate(space.tolist()):
        for c, rate in enumerate(model.rates(state)):
            if rate > 0:
                jumps[c, index[tuple(np.add(state, model.changes[c]).tolist())], k] = rate
    return jumps, jumps.sum(0) - np.diag(jumps.sum((0, 1)))


def test_waits_between_events_in_steady_state():
    model = s.hohlraum(4, 2.5, 1.0)
    law = js.stationary(model, (5, 1))
    jumps, generator = plain_generator(model, law.states)
    emission, absorption = jumps
    after = absorption @ law.probabilities
    after /= after.sum()
    found = js.waiting_time_distribution(model, TIMES, (5, 1), "emission", following="absorption")
    silent = generator - emission
    laws = np.array([expm(silent * t) @ after for t in TIMES])
    np.testing.assert_allclose(found.survival, laws.sum(1), atol=1e-12)
    np.testing.assert_allclose(found.density, laws @ emission.sum(0), atol=1e-12)
    inverse = np.linalg.inv(silent)
    mean = -(inverse @ after).sum()
    assert found.mean == pytest.approx(mean, rel=1e-10)
    assert found.variance == pytest.approx(2 * (inverse @ inverse @ after).sum() - mean**2)


def test_mean_wait_in_steady_state_is_one_over_the_rate():
    # Renewal: between events of one channel in steady state, mean wait = 1 / rate.
    model = s.closed_waveguide(3, 2.5, 2, 0.5, 0.4, 0.3, (1.5, 0.0), (1.0, 0.0))
    law = js.stationary(model, (2, 1, 1, 0, 1))
    for name in ("absorb A via 1", "2→A", "emit 1"):
        rate = law.average(model.rates(law.states)[:, model.channels.index(name)])
        found = js.waiting_time_distribution(model, TIMES, (2, 1, 1, 0, 1), name, following=name)
        assert found.mean == pytest.approx(1 / rate, rel=1e-9)


def test_a_function_as_target_and_a_start_within_it():
    model = s.hohlraum(4, 2.5, 1.0)
    by_count = js.first_passage_distribution(model, TIMES, (5, 1), {"m": 4})
    by_function = js.first_passage_distribution(
        model, TIMES, (5, 1), lambda states: states[:, 1] == 4
    )
    np.testing.assert_array_equal(by_count.survival, by_function.survival)
    there = js.first_passage_distribution(model, TIMES, (5, 1), {"m": 1})
    np.testing.assert_array_equal(there.survival, 0)
    assert (there.probability, there.mean, there.variance) == (1, 0, 0)


def test_what_was_cut_from_the_start_has_not_arrived():
    model = s.hohlraum(4, 2.5, 1.0)
    found = js.first_passage_distribution(
        model, [0, 50], js.Thermal(0.5), {"m": 0}, truncate={"N": 3}
    )
    whole = js.master_equation(model, [0], js.Thermal(0.5), truncate={"N": 3})
    assert whole.leak[0] > 0.05
    there = whole.probabilities[0][whole.states[:, 1] == 0].sum()
    assert found.survival[0] == pytest.approx(1 - there, rel=1e-12)
    assert found.survival[1] >= whole.leak[0]
    assert found.probability < 1 - whole.leak[0] + 1e-12


def test_against_trajectories():
    """Kolmogorov-Smirnov on 4,000 first passages, alarm 1e-4."""
    model = s.open_waveguide(4, 3, 0.5, 0.5, (1.5, 0.2), (1.0, 0.1))
    start = {"A": 3, "B": 2, "m": 2}
    ensemble = js.simulate(model, [60.0], 4000, start, seed=3, record="events")
    m = [2 + np.cumsum(model.changes[ensemble.events(i)[1]][:, 2]) for i in range(4000)]
    first = [ensemble.events(i)[0][np.argmax(path == 0)] for i, path in enumerate(m)]
    grid = np.linspace(0, 60, 4001)
    found = js.first_passage_distribution(model, grid, start, {"m": 0})
    test = stats.kstest(first, lambda t: 1 - np.interp(t, grid, found.survival))
    assert test.pvalue > 1e-4
    assert np.mean(first) == pytest.approx(found.mean, abs=4.5 * math.sqrt(found.variance / 4000))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (
            lambda m: js.first_passage_distribution(m, [1], (5, 1), {"x": 1}),
            "`target`: unknown pool 'x'",
        ),
        (
            lambda m: js.first_passage_distribution(m, [1], (5, 1), {"m": 9}),
            "no state with m = 9",
        ),
        (lambda m: js.first_passage_distribution(m, [1], (5, 1), 3), "must be a condition such as"),
        (
            lambda m: js.first_passage_distribution(m, [1], (5, 1), lambda _: 1),
            "must return True or False",
        ),
        (
            lambda m: js.waiting_time_distribution(m, [1], (5, 1), "emision"),
            "did you mean 'emission'",
        ),
        (
            lambda m: js.waiting_time_distribution(m, [1], (5, 1), "emission", following="x"),
            "unknown channel 'x'",
        ),
        (lambda m: js.waiting_time_distribution(m, [1], (5, 1), []), "`channels` must name"),
    ],
)
def test_refused(call, match):
    with pytest.raises(js.InputError, match=match):
        call(s.hohlraum(4, 2.5, 1.0))


def test_no_wait_after_what_never_happens():
    with pytest.raises(js.InputError, match="'loss m via 1' has no events in the steady state"):
        js.waiting_time_distribution(
            decay(), [1], (1, 0, 1), "loss A via 1", following="loss m via 1"
        )

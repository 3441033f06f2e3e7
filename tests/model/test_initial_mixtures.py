"""Starts that mix states: draws, averages, distribution, round trip, and what is refused."""

import json

import numpy as np
import pytest
from oracles import reference
from scipy import stats

import jumpsim as js
from jumpsim import Fixed, InputError, Mixture
from jumpsim.model.initial import as_initial, fromdict
from jumpsim.systems import hohlraum

DRAWS = 20_000
FALSE_ALARM = 1e-4  # of each chi-square test; the seeds are fixed, so none of it is left to chance

# Listed out of order and one state twice; no two weights are equal.
STATES = [({"N": 4, "m": 1}, 0.5), ({"N": 0, "m": 3}, 0.125), ({"m": 2, "N": 2}, 0.25)]

TWICE = Mixture([*STATES, ({"N": 0, "m": 3}, 0.125)])


def counted(model, states):
    return [[state[name] for name in model.pools] for state in states]


def test_draws_of_a_mixture():
    """By hand from the words of each start's own stream; frequencies by χ² (alarm 1e-4)."""
    model, mixture = hohlraum(6, 2.5, 1.0), Mixture([*STATES[:2], (STATES[2][0], 0.375)])
    edges, rows = (0.5, 0.625, 1.0), counted(model, [s for s, _ in mixture.states])
    draws = mixture.draw(model, 61, 0, DRAWS)
    assert draws.dtype == np.int64
    for i in range(200):
        u = (next(reference.stream(61, i, reference.START)) >> 11) * 2.0**-53
        assert draws[i].tolist() == rows[next(k for k, e in enumerate(edges) if u < e)]
    np.testing.assert_array_equal(mixture.draw(model, 61, 70, 90), draws[70:90])
    seen = [(draws == row).all(axis=1).sum() for row in rows]
    assert sum(seen) == DRAWS
    expected = DRAWS * np.array([0.5, 0.125, 0.375])
    assert stats.chi2.sf(((seen - expected) ** 2 / expected).sum(), 2) > FALSE_ALARM


def test_averages_and_law_of_a_mixture():
    model = hohlraum(6, 2.5, 1.0)
    states, weights = TWICE.distribution(model)
    rows = counted(model, [s for s, _ in TWICE.states])
    assert states.tolist() == rows[:3]  # a state that is named twice is one
    np.testing.assert_array_equal(weights, [0.5, 0.25, 0.25])
    mean = np.array([4 * 0.5 + 2 * 0.25, 0.5 + 3 * 0.25 + 2 * 0.25])
    if model.pools == ("m", "N"):
        mean = mean[::-1]
    np.testing.assert_allclose(TWICE.mean(model), mean, rtol=1e-15)
    away = np.array(rows) - mean
    np.testing.assert_allclose(TWICE.covariance(model), np.cov(
        np.repeat(away, [4, 1, 2, 1], axis=0).T, ddof=0), rtol=1e-14)  # fmt: skip
    other = np.array([*rows, [5, 5]])
    found = np.exp(TWICE.log_probability(model, other))
    np.testing.assert_allclose(found, [0.5, 0.25, 0.25, 0.25, 0], rtol=1e-15)
    large = TWICE.scaled(3)
    assert [w for _, w in large.states] == [w for _, w in TWICE.states]
    assert large.states[0][0] == {"N": 12, "m": 3}
    assert as_initial(TWICE, model) is TWICE


def test_a_mixture_is_its_states_weighted():
    """The master equation is linear; trajectories of the engine follow it (alarm 1e-4 each)."""
    model, times = hohlraum(6, 2.5, 1.0), [0.0, 0.05, 0.3]
    mixture = Mixture([*STATES[:2], (STATES[2][0], 0.375)])
    whole = js.master_equation(model, times, mixture)
    alone = [js.master_equation(model, times, Fixed(state)) for state, _ in mixture.states]
    weights = [w for _, w in mixture.states]
    places = {tuple(s): k for k, s in enumerate(whole.space.states.tolist())}
    law = np.zeros_like(whole.probabilities)
    for one, weight in zip(alone, weights, strict=True):
        rows = [places[tuple(s)] for s in one.space.states.tolist()]
        law[:, rows] += weight * one.probabilities
    np.testing.assert_allclose(whole.probabilities, law, atol=1e-12)
    run = js.simulate(model, times, DRAWS, mixture, 62)
    for k in range(len(times)):
        expected = law[k] * DRAWS
        kept = expected > 20
        seen = np.array([(run.counts[:, k] == s).all(axis=1).sum() for s in whole.space.states])
        assert ((seen == 0) | (expected > 0)).all()
        seen, expected = (np.append(v[kept], v[~kept].sum()) for v in (seen, expected))
        some = expected > 5
        statistic = ((seen - expected)[some] ** 2 / expected[some]).sum()
        assert stats.chi2.sf(statistic, some.sum() - 1) > FALSE_ALARM


def test_round_trip_of_a_mixture():
    data = json.loads(json.dumps(TWICE.asdict(), allow_nan=False))
    assert data["mixture"][0] == {"counts": {"N": 4, "m": 1}, "weight": 0.5}
    assert fromdict(data) == TWICE
    assert fromdict(data) != Mixture([*STATES[:2], (STATES[2][0], 0.375)])


@pytest.mark.parametrize(
    ("states", "text"),
    [
        ([], "must list its states"),
        ([({"N": 1, "m": 1}, 0.4), ({"N": 2, "m": 1}, 0.4)], "must add up to 1, but give 0.8"),
        ([({"N": 1, "m": 1}, 0.7), ({"N": 2, "m": 1}, 0.7)], "must add up to 1, but give 1.4"),
        (
            [({"N": 1, "m": 1}, 0.0), ({"N": 2, "m": 1}, 1.0)],
            "`weight` must be a finite number > 0",
        ),
        ([({"N": 1, "m": 1}, "1")], "`weight` must be a finite number > 0"),
        ([(3, 1.0)], "must give a count for each pool"),
        ([({"N": 1}, 1.0)], "'m' is missing"),
        ([({"N": 1, "m": 7}, 1.0)], "pool 'm' must be a whole number from 0 to 6"),
    ],
)
def test_mixtures_that_are_none(states, text):
    with pytest.raises(InputError) as caught:
        Mixture(states).check(hohlraum(6, 2.5, 1.0))
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)

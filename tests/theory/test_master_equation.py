"""Reachable states, generator, master equation and stationary distributions."""

import math

import numpy as np
import pytest
from oracles import reference
from oracles.exact import Exact
from scipy import stats
from scipy.linalg import expm
from support.networks import random_model

import jumpsim as js
from jumpsim.model.initial import Fixed, Thermal
from jumpsim.theory.state_space import reachable

s = js.systems
CHIRAL = (5, 4, 1.0, 1.0, (3.0, 0.4), (2.0, 0.3))
LOOP = (3, 2.5, 2, 0.5, 0.4, 0.3, (1.5, 0.0), (1.0, 0.0))
CAVITY = (4, 2.5, 3, 1.0, 2.0, 3.0)

SYSTEMS = {
    "hohlraum": (s.hohlraum(6, 2.5, 1.0), reference.hohlraum(6, 2.5, 1.0), (7, 2)),
    "open": (s.open_waveguide(*CHIRAL), reference.open_waveguide(*CHIRAL), (3, 4, 2)),
    "closed": (s.closed_waveguide(*LOOP), reference.closed_waveguide(*LOOP), (2, 1, 1, 0, 1)),
    "long path": (
        s.closed_waveguide(*LOOP, long_path=True),
        reference.closed_waveguide(*LOOP, long_path=True),
        (2, 1, 1, 0, 1),
    ),
    "cavity": (s.embedded_cavity(*CAVITY), reference.embedded_cavity(*CAVITY), (4, 2, 3)),
}


def networks(number):
    """Random networks cut to few states, with a start."""
    for seed in range(number):
        rng = np.random.default_rng([80, seed])
        model = random_model(rng)
        tops = {p.name: min(p.capacity or 3, 3) for p in model.pool_specs}
        start = {name: int(rng.integers(0, top + 1)) for name, top in tops.items()}
        yield model, tops, start


@pytest.mark.parametrize("name", SYSTEMS)
def test_states_generator_and_laws_against_plain_python(name):
    model, system, start = SYSTEMS[name]
    exact = Exact(system, {start: 1.0})
    times = np.array([0.0, 0.1, 0.7, 3.0])
    found = js.master_equation(model, times, dict(zip(model.pools, start, strict=True)))
    order = np.array(sorted(range(len(exact.states)), key=exact.states.__getitem__))
    np.testing.assert_array_equal(found.states, exact.counts[order])
    generator = exact.generator.toarray()[np.ix_(order, order)]
    scale = np.abs(generator).max()
    assert np.abs(found.space.generator.toarray() - generator).max() < 1e-14 * scale
    laws = np.array([expm(generator * t)[:, found.space.start.argmax()] for t in times])
    assert np.abs(found.probabilities - laws).max() < 1e-12
    np.testing.assert_allclose(found.mean, laws @ found.states, atol=1e-11)
    for k, law in enumerate(laws):
        centred = found.states - law @ found.states
        expected = np.einsum("s,sp,sq->pq", law, centred, centred)
        np.testing.assert_allclose(found.covariance[k], expected, atol=1e-10)
    for p, pool in enumerate(model.pools):
        marginal = found.marginal(pool)
        assert marginal.shape == (4, found.states[:, p].max() + 1)
        expected = [np.bincount(found.states[:, p], law) for law in laws]
        np.testing.assert_allclose(marginal, expected, atol=1e-12)


def test_columns_add_up_to_zero_and_the_drift_is_that_of_the_rates():
    checked = 0
    for model, tops, start in networks(300):
        space = reachable(model, Fixed(start), tops)
        whole = space.generator.toarray()
        reflecting = space.matrix(reflecting=True).toarray()
        scale = max(np.abs(whole).max(), 1e-300)
        assert np.abs(reflecting.sum(axis=0)).max() <= 1e-13 * scale
        off = whole - np.diag(np.diag(whole))
        assert (off >= 0).all()
        assert (whole.sum(axis=0) <= 1e-13 * scale).all()
        # What leaves is what goes beyond the cut; without it, counts drift as the rates say.
        leaves = -whole.sum(axis=0) > 1e-12 * scale
        drift = (off * (space.states[:, None] - space.states[None, :]).transpose(2, 0, 1)).sum(1).T
        expected = model.table.jump_rates(space.states) @ model.table.changes
        gross = model.table.jump_rates(space.states) @ np.abs(model.table.changes)
        inside = ~leaves
        assert (np.abs(drift - expected)[inside] <= 1e-12 * (gross[inside] + 1e-300)).all()
        checked += inside.sum()
    assert checked > 400


def test_conservation_along_the_law():
    model, _, start = SYSTEMS["long path"]
    found = js.master_equation(model, [0.3, 2.0], start)
    assert (found.states.sum(axis=1) == sum(start)).all()
    assert np.abs(found.leak).max() < 1e-14


@pytest.mark.parametrize("name", ["hohlraum", "long path", "cavity"])
def test_balanced_systems_are_microcanonical(name):
    model, _, start = SYSTEMS[name]
    law = js.stationary(model, start)

    def ways(pool, count):
        if pool.kind == "tls":
            return math.comb(pool.size, count)
        return math.gamma(count + pool.size) / math.gamma(pool.size) / math.factorial(count)

    weights = [
        math.prod(ways(pool, int(n)) for pool, n in zip(model.pool_specs, state, strict=True))
        for state in law.states
    ]
    expected = np.array(weights) / sum(weights)
    np.testing.assert_allclose(law.probabilities, expected, rtol=1e-12)
    np.testing.assert_allclose(js.closed_form(model, start).probabilities, expected, rtol=1e-12)
    late = js.master_equation(model, [60.0], start).probabilities[0]
    np.testing.assert_allclose(late, expected, rtol=1e-9)


def test_the_chiral_loop_is_not_microcanonical():
    model, _, start = SYSTEMS["closed"]
    law = js.stationary(model, start)
    generator = law.space.generator
    assert np.abs(generator @ law.probabilities).max() < 1e-14
    balanced = js.closed_form(SYSTEMS["long path"][0], start)
    assert np.abs(law.probabilities - balanced.probabilities).sum() > 0.3
    with pytest.raises(js.InputError, match="'absorb A via 1' of closed_waveguide has no reverse"):
        js.closed_form(model, start)


def test_reciprocal_loop_has_no_closed_form():
    model = s.closed_waveguide(*LOOP[:-2], (1.0, 1.0), (1.0, 1.0))
    with pytest.raises(js.InputError, match="is not balanced by its reverse"):
        js.closed_form(model, (2, 1, 1, 0, 1))


def test_equilibrium_with_warm_ends_is_thermal():
    n = 0.4
    model = s.open_waveguide(3, 2.5, 1.0, 1.0, (1.0, 1.0), (1.0, 1.0), n_env=(n, n))
    x = math.log((1 + n) / n)
    cut = {"A": 40, "B": 40}
    for law in (js.stationary(model, (0, 0, 0), cut), js.closed_form(model, (0, 0, 0), cut)):
        for name, kind, size in (("A", "bosonic", 2.5), ("B", "bosonic", 2.5), ("m", "tls", 3)):
            marginal = law.marginal(name)
            expected = [reference.probability(k, kind, size, x) for k in range(len(marginal))]
            np.testing.assert_allclose(marginal, expected, atol=1e-10)


def test_a_thermal_start_mixes_the_shells():
    model = s.hohlraum(4, 2.5, 1.0)
    law = js.stationary(model, Thermal({"N": 1.0, "m": 3.0}))
    start = js.master_equation(model, [0], Thermal({"N": 1.0, "m": 3.0}))
    assert 0 < start.leak[0] < 1e-10
    totals = law.states.sum(axis=1)
    for total in range(6):
        shell = totals == total
        assert law.probabilities[shell].sum() == pytest.approx(start.probabilities[0, shell].sum())
        alone = js.stationary(model, (total, 0)).probabilities
        np.testing.assert_allclose(
            law.probabilities[shell] / law.probabilities[shell].sum(), alone, rtol=1e-11
        )


def test_start_law_is_the_thermal_one():
    model = s.open_waveguide(3, 2.5, 1, 1, (1, 1), (1, 1))
    x = {"A": 1.0, "B": 2.0, "m": 0.5}
    found = js.master_equation(model, [0], Thermal(x))
    laws = [("bosonic", 2.5, 1.0), ("bosonic", 2.5, 2.0), ("tls", 3, 0.5)]
    for state, probability in zip(found.states, found.probabilities[0], strict=True):
        expected = math.prod(
            reference.probability(int(k), *law) for k, law in zip(state, laws, strict=True)
        )
        assert probability == pytest.approx(expected, rel=1e-10, abs=1e-12)
    assert found.leak[0] < 1e-11


def test_ends_in_an_absorbing_state_with_its_probability():
    # X → 2X and X → ∅: extinct with probability (death/birth)^start, in a box that is large enough.
    birth, death, start = 0.5, 1.0, 2
    model = js.Model(
        [js.Pool.mass_action("X"), js.Pool.mass_action("Y")],
        [
            js.Channel("die", death, {"X": 1}),
            js.Channel("double", birth, {"X": 1}, {"X": 2}),
            js.Channel("settle", 0.3, {"X": 1}, {"Y": 1}),
        ],
    )
    law = js.stationary(model, (start, 0), {"X": 40, "Y": 40})
    assert (law.probabilities[law.states[:, 0] > 0] == 0).all()
    # Generating function of the settled: g = (d + s y + b g²)/(b + d + s) at y = 0.
    gone = birth + death + 0.3
    g = (gone - math.sqrt(gone**2 - 4 * birth * death)) / (2 * birth)
    assert law.marginal("Y")[0] == pytest.approx(g**start, rel=1e-9)


def test_what_truncation_loses_is_reported():
    model = js.Model([js.Pool.mass_action("X")], [js.Channel("birth", 3.0, {}, {"X": 1})])
    found = js.master_equation(model, [0.5, 2.0], (0,), truncate={"X": 8})
    for k, mean in enumerate((1.5, 6.0)):
        poisson = [math.exp(-mean) * mean**n / math.factorial(n) for n in range(9)]
        np.testing.assert_allclose(found.probabilities[k], poisson, rtol=1e-12)
        assert found.leak[k] == pytest.approx(1 - sum(poisson), rel=1e-9)


def test_uniformisation_keeps_small_probabilities():
    model = js.Model([js.Pool.mass_action("X")], [js.Channel("birth", 1e-6, {}, {"X": 1})])
    found = js.master_equation(model, [1.0], (0,), truncate={"X": 5})
    expected = [math.exp(-1e-6) * 1e-6**n / math.factorial(n) for n in range(6)]
    np.testing.assert_allclose(found.probabilities[0], expected, rtol=1e-12)


def test_far_times_and_slow_channels():
    model = js.Model(
        [js.Pool.bosonic("N", 2), js.Pool.tls("m", 2)],
        [
            *js.Channel.reversible("emission", "absorption", 1e6, {"m": 1}, {"N": 1}),
            js.Channel("loss", 2.0, {"N": 1}),
        ],
    )
    found = js.master_equation(model, [0.1], (1, 0)).mean[0].sum()
    # While one quantum is there it is in N with 2 states out of 2 + 2: lost at 2·n = 2·N/2.
    assert found == pytest.approx(math.exp(-0.5 * 0.1), rel=1e-5)


def test_the_chiral_law_is_that_of_long_trajectories():
    """χ² of 20,000 trajectories over the commonest states; alarm 1e-4."""
    model, _, start = SYSTEMS["closed"]
    law = js.stationary(model, start)
    ensemble = js.simulate(model, [60.0], 20000, start, seed=11, workers=1)
    found = np.bincount(law.space.index(ensemble.counts[:, 0]), minlength=len(law.states))
    expected = 20000 * law.probabilities
    common = expected >= 8
    assert common.sum() > 20
    observed = np.append(found[common], found[~common].sum())
    expected = np.append(expected[common], expected[~common].sum())
    chi = ((observed - expected) ** 2 / expected).sum()
    assert stats.chi2.sf(chi, len(observed) - 1) > 1e-4


@pytest.mark.parametrize(
    "theory",
    [
        js.mean_field,
        js.linear_noise,
        js.master_equation,
        js.first_passage_distribution,
        js.waiting_time_distribution,
    ],
)
def test_what_is_not_a_model_is_refused(theory):
    more = (
        ({"m": 1},)
        if theory in (js.first_passage_distribution, js.waiting_time_distribution)
        else ()
    )
    with pytest.raises(js.InputError, match=r"`model` must be a jumpsim\.Model, but is str"):
        theory("hohlraum", [1.0], (1, 1), *more)


@pytest.mark.parametrize("theory", [js.steady_states, js.stationary_noise, js.stationary, js.audit])
def test_what_is_not_a_model_is_refused_in_steady_state(theory):
    with pytest.raises(js.InputError, match=r"`model` must be a jumpsim\.Model, but is str"):
        theory("hohlraum", (1, 1))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda m: js.master_equation(m, [1], Thermal(1e-9)), "too hot or too large to draw from"),
        (lambda m: js.master_equation(m, [1], (1, 1, 101)), "must be a number from 0 to 100"),
        (
            lambda m: js.master_equation(m, [1], (58, 58, 27)),
            r"has more than 100000 states \(at most 4.939e\+05\); make the system smaller",
        ),
        (
            lambda m: js.master_equation(m, [1], Thermal(1.0)),
            r"more than 100000 states \(1.162e\+06 in its initial distribution alone\)",
        ),
        (lambda m: js.stationary(m, (9, 9, 9), max_states=50), "has more than 50 states"),
        (lambda m: js.master_equation(m, [1], (1, 1, 1), {"C": 3}), "`truncate`: unknown pool 'C'"),
        (lambda m: js.master_equation(m, [1], (1, 1, 1), 5), "`truncate` must give a largest"),
        (lambda m: js.master_equation(m, [1], (4, 1, 1), {"A": 3}), "excludes every initial state"),
        (lambda m: js.master_equation(m, [1], (1.5, 1, 1)), "must be a whole number"),
        (lambda m: js.master_equation(m, [1], (1, 1, 1)).marginal("C"), "unknown pool 'C'"),
        (lambda m: js.master_equation(m, [1], (1, 1, 1)).average([1, 2]), "`values` must hold one"),
        (lambda m: js.master_equation(m, [1], (1, 1, 1), max_states=0), "`max_states` must be"),
    ],
)
def test_refused(call, match):
    model = s.open_waveguide(100, 100, 1e4, 1e4, (1e7, 0), (1e7, 0))
    with pytest.raises(js.InputError, match=match):
        call(model)


def test_what_grows_without_end_is_refused():
    model = js.Model([js.Pool.mass_action("X")], [js.Channel("birth", 3.0, {}, {"X": 1})])
    with pytest.raises(js.InputError, match=r"more than 1000 states \(possibly infinitely many\)"):
        js.master_equation(model, [1000], (0,), max_states=1000)


def test_printed():
    model, _, start = SYSTEMS["hohlraum"]
    assert str(js.master_equation(model, [2.0], start)).startswith(
        "master equation of hohlraum up to 2 s: 7 states, mean N = "
    )
    assert str(js.stationary(model, start)).startswith(
        "stationary distribution of hohlraum: 7 states, "
    )
    assert "7 reachable states of hohlraum, 12 events" in str(js.stationary(model, start).space)

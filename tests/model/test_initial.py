"""Starts: the distributions that are drawn, their independence of the cut, and what is refused."""

import itertools
import json
import math

import numpy as np
import pytest
from scipy import stats

import jumpsim as js
from jumpsim import Channel, Fixed, InputError, Model, Pool, Thermal, units
from jumpsim.model import thermal
from jumpsim.model.initial import as_initial, fromdict
from jumpsim.systems import hohlraum, open_waveguide

DRAWS = 20_000
FALSE_ALARM = 1e-4  # of each chi-square test; the seeds are fixed, so none of it is left to chance


def one_pool(pool):
    return Model([pool], [Channel("idle", 0)])


def waveguide():
    return open_waveguide(100, 100, 1e4, 1e4, (1e7, 0), (1e7, 0), "10 um")


def chi_square(draws, law):
    """P-value of integer draws against a law of scipy, in classes of at least 20 expected draws."""
    top = int(draws.max()) + 1
    expected = law.pmf(np.arange(top + 1)) * len(draws)
    expected[-1] += law.sf(top) * len(draws)
    observed = np.bincount(draws, minlength=top + 1).astype(float)
    classes, seen, e, o = [], [], 0.0, 0.0
    for more, count in zip(expected, observed, strict=True):
        e, o = e + more, o + count
        if e >= 20:
            classes.append(e)
            seen.append(o)
            e = o = 0.0
    classes[-1] += e
    seen[-1] += o
    assert sum(classes) == pytest.approx(len(draws), rel=1e-9)
    if len(classes) == 1:
        return 1.0
    statistic = sum((o - e) ** 2 / e for o, e in zip(seen, classes, strict=True))
    return stats.chi2.sf(statistic, len(classes) - 1)


@pytest.mark.parametrize("x", [0.05, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("modes", [0.4, 1, 2.5, 100, 1234.5])
def test_photons_are_negative_binomial(modes, x):
    model = one_pool(Pool.bosonic("A", modes))
    draws = Thermal(x).draw(model, 60, 0, DRAWS)[:, 0]
    assert chi_square(draws, stats.nbinom(modes, -math.expm1(-x))) > FALSE_ALARM


@pytest.mark.parametrize("x", [-2.0, -0.3, 0.0, 0.3, 1.0, 4.0])
@pytest.mark.parametrize("size", [1, 2, 100, 3000])
def test_excited_systems_are_binomial(size, x):
    model = one_pool(Pool.tls("m", size))
    draws = Thermal(x).draw(model, 61, 0, DRAWS)[:, 0]
    assert chi_square(draws, stats.binom(size, 1 / (math.exp(x) + 1))) > FALSE_ALARM


def test_fermion_is_a_coin():
    draws = Thermal(0.7).draw(one_pool(Pool.fermionic("f")), 62, 0, DRAWS)[:, 0]
    assert set(draws.tolist()) == {0, 1}
    assert chi_square(draws, stats.binom(1, 1 / (math.exp(0.7) + 1))) > FALSE_ALARM


def test_chi_square_itself_sees_a_wrong_law():
    # The law of the thermal count is not Poisson's, and not that of one mode more.
    draws = Thermal(1.0).draw(one_pool(Pool.bosonic("A", 10)), 63, 0, DRAWS)[:, 0]
    assert chi_square(draws, stats.poisson(10 / math.expm1(1))) < FALSE_ALARM
    assert chi_square(draws, stats.nbinom(10.3, 1 - math.exp(-1))) < FALSE_ALARM


@pytest.mark.parametrize("x", [0.1, 1.0])
def test_mean_and_variance_of_large_pools(x):
    size = 10**6
    model = Model([Pool.bosonic("A", size), Pool.tls("m", size)], [Channel("idle", 0)])
    draws = Thermal(x).draw(model, 64, 0, DRAWS)
    n, p = 1 / math.expm1(x), 1 / (math.exp(x) + 1)
    for counts, mean, variance in (
        (draws[:, 0], size * n, size * n * (1 + n)),
        (draws[:, 1], size * p, size * p * (1 - p)),
    ):
        assert abs(counts.mean() - mean) < 4.5 * math.sqrt(variance / DRAWS)
        # At this size both laws are normal, and a variance has the relative error √(2/n).
        assert abs(counts.var(ddof=1) / variance - 1) < 4.5 * math.sqrt(2 / DRAWS)
    assert abs(np.corrcoef(draws.T)[0, 1]) < 4.5 / math.sqrt(DRAWS)


def test_golden_draws():
    # Frozen: a change of these numbers needs a new STREAM_VERSION.
    assert Thermal(1.0).draw(waveguide(), 1, 0, 3).tolist() == [
        [57, 73, 27],
        [53, 58, 30],
        [56, 55, 26],
    ]


def test_a_quantum_of_another_energy_feels_another_temperature():
    heavy = Model(
        [Pool.bosonic("A", 30, energy=2), Pool.tls("m", 50, energy=3)], [Channel("idle", 0)]
    )
    light = Model([Pool.bosonic("A", 30), Pool.tls("m", 50)], [Channel("idle", 0)])
    same = Thermal({"A": 1.0, "m": 1.5})
    np.testing.assert_array_equal(
        Thermal(0.5).draw(heavy, 65, 0, 500), same.draw(light, 65, 0, 500)
    )
    mean = Thermal(0.5).mean(heavy)
    np.testing.assert_array_equal(mean, same.mean(light))
    np.testing.assert_allclose(mean, [30 * units.bose(1.0), 50 * units.fermi(1.5)], rtol=1e-15)


def test_pools_of_different_temperatures():
    model = waveguide()
    draws = Thermal({"m": -1.0, "B": math.inf, "A": 0.5}).draw(model, 66, 0, DRAWS)
    assert chi_square(draws[:, 0], stats.nbinom(100, -math.expm1(-0.5))) > FALSE_ALARM
    assert not draws[:, 1].any()
    assert chi_square(draws[:, 2], stats.binom(100, 1 / (math.exp(-1.0) + 1))) > FALSE_ALARM


def test_zero_temperature_is_empty():
    for x in (math.inf, 800.0, 60.0):
        assert not Thermal(x).draw(waveguide(), 67, 0, 1000).any()
    np.testing.assert_array_equal(Thermal(math.inf).mean(waveguide()), 0)
    assert not Thermal(math.inf, spread=False).draw(waveguide(), 67, 0, 10).any()
    for x in (-math.inf, -800.0, -60.0):
        start = Thermal({"A": 60.0, "B": math.inf, "m": x})
        np.testing.assert_array_equal(start.draw(waveguide(), 67, 0, 100), [[0, 0, 100]] * 100)


def test_without_spread_the_nearest_whole_numbers():
    start = Thermal(1.0, spread=False)
    assert start.mean(waveguide()).tolist() == [58, 58, 27]
    draws = start.draw(waveguide(), 68, 5, 9)
    assert draws.dtype == np.int64
    assert draws.tolist() == [[58, 58, 27]] * 4


def test_mean_is_not_rounded():
    expected = [100 / math.expm1(1), 100 / math.expm1(1), 100 / (math.e + 1)]
    np.testing.assert_allclose(Thermal(1).mean(waveguide()), expected, rtol=1e-15)


@pytest.mark.parametrize(
    "start", [Thermal(1.0), Thermal(2.0, False), Fixed({"A": 3, "B": 4, "m": 5})]
)
def test_draws_depend_on_seed_and_index_only(start):
    model = waveguide()
    whole = start.draw(model, 69, 0, 1000)
    assert whole.shape == (1000, 3)
    assert whole.dtype == np.int64
    cuts = [0, 1, 7, 7, 500, 999, 1000]
    parts = [start.draw(model, 69, a, b) for a, b in itertools.pairwise(cuts)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(start.draw(model, 69, 0, 10), whole[:10])


def test_draws_of_another_seed_differ():
    first, second = (Thermal(1.0).draw(waveguide(), seed, 0, DRAWS)[:, 0] for seed in (1, 2))
    assert abs(np.corrcoef(first, second)[0, 1]) < 4.5 / math.sqrt(DRAWS)
    assert abs(np.corrcoef(first[1:], second[:-1])[0, 1]) < 4.5 / math.sqrt(DRAWS)


@pytest.mark.parametrize(
    "start",
    [
        Thermal(1.0),
        Thermal(0.1 + 0.2, spread=False),
        Thermal(math.inf),
        Thermal({"A": 1.0, "B": math.inf, "m": -math.inf}),
        Thermal({"A": 1 / 3, "B": 2, "m": -1.5}, spread=False),
        Fixed({"A": 58, "B": 0, "m": 2**53}),
        Fixed({"A": 58.25, "B": np.int64(7), "m": np.float64(3)}),
    ],
)
def test_round_trip_through_json(start):
    text = json.dumps(start.asdict(), allow_nan=False)
    assert fromdict(json.loads(text)) == start


@pytest.mark.parametrize("data", [{}, {"thermal": 1.0}, {"counts": [1]}, {"spread": True, "x": 1}])
def test_foreign_dicts_are_refused(data):
    with pytest.raises(InputError, match="not the dict of an initial state"):
        fromdict(data)


def test_scaled():
    start = Thermal({"A": 1.0, "B": 2.0, "m": 3.0})
    assert start.scaled(10) == start
    assert Fixed({"A": 3, "m": 5}).scaled(4) == Fixed({"A": 12, "m": 20})
    assert Fixed({"A": 10}).scaled(1.1) == Fixed({"A": 11})  # 10 × 1.1 is 11.000000000000002
    with pytest.raises(InputError, match=r"count of 'A' times 1\.5 is 4\.5, which is not a whole"):
        Fixed({"A": 3}).scaled(1.5)


def test_what_a_user_may_give():
    model = waveguide()
    fixed = Fixed({"A": 1, "B": 2, "m": 3})
    assert as_initial(fixed, model) is fixed
    for given in ({"m": 3, "A": 1, "B": 2}, [1, 2, 3], (1, 2, 3), np.array([1, 2, 3])):
        assert as_initial(given, model) == fixed
    np.testing.assert_array_equal(fixed.mean(model), [1.0, 2.0, 3.0])


@pytest.mark.parametrize("x", [math.nan, "1", None, True, [1.0], {"A": "1"}, {"A": math.nan}, 1j])
def test_not_a_temperature(x):
    with pytest.raises(InputError, match="must be a number ħΩ/k_B T, but is"):
        Thermal(x)


@pytest.mark.parametrize(
    ("x", "match"),
    [
        (0, "must be > 0 for the bosonic pool 'A', but is 0"),
        (-1, "must be > 0 for the bosonic pool 'A', but is -1"),
        ({"A": 1, "B": -math.inf, "m": 1}, "must be > 0 for the bosonic pool 'B', but is -inf"),
        ({"A": 1, "B": 1}, "`x` must name every pool, but 'm' is missing"),
        ({"A": 1, "B": 1, "m": 1, "C": 1}, "`x`: unknown pool 'C'.*choose from: A, B, m"),
    ],
)
def test_temperatures_that_a_model_cannot_have(x, match):
    for use in (Thermal(x).check, Thermal(x).mean, lambda m: Thermal(x).draw(m, 1, 0, 1)):
        with pytest.raises(InputError, match=match):
            use(waveguide())


@pytest.mark.parametrize(
    ("pool", "law"),
    [
        (Pool.bosonic("A", 10**9), stats.nbinom(10**9, -math.expm1(-1.0))),
        (Pool.tls("m", 10**9), stats.binom(10**9, 1 / (math.e + 1))),
    ],
)
def test_large_pools_are_tabulated_once_for_all_blocks(pool, law):
    """580,000 counts; chi-square of 20,000 draws in 50 equally probable classes."""
    model, start = one_pool(pool), Thermal(1.0)
    thermal._tables.cache_clear()
    blocks = [start.draw(model, 68, first, first + 100) for first in range(0, DRAWS, 100)]
    assert thermal._tables.cache_info().misses == 1
    draws = np.concatenate(blocks)[:, 0]
    np.testing.assert_array_equal(draws[:3], start.draw(model, 68, 0, 3)[:, 0])
    ((least, weights),) = start.distributions(model)
    chosen = np.arange(0, len(weights), 997)
    np.testing.assert_allclose(np.cumsum(weights)[chosen], law.cdf(least + chosen), atol=1e-9)
    edges = law.ppf(np.arange(1, 50) / 50)
    expected = np.diff(law.cdf(np.concatenate([[-1], edges, [np.inf]]))) * DRAWS
    found = np.bincount(np.searchsorted(edges, draws), minlength=50)
    assert stats.chisquare(found, expected).pvalue > FALSE_ALARM


def test_thermal_refusals():
    with pytest.raises(InputError, match="`spread` must be True or False, but is 1"):
        Thermal(1.0, spread=1)
    with pytest.raises(InputError, match="pool 'P' has no thermal state"):
        Thermal(1.0).check(one_pool(Pool.mass_action("P")))
    with pytest.raises(InputError, match="must be > 0 for the bosonic pool 'A', but is 0"):
        Thermal(1.0).check(one_pool(Pool.bosonic("A", 3, energy=0)))


def test_zero_temperature_says_nothing_of_a_quantum_that_costs_nothing():
    with pytest.raises(InputError, match="'m'"):
        Thermal(math.inf).check(one_pool(Pool.tls("m", 3, energy=0)))


def test_exponent_beyond_a_float():
    with pytest.raises(InputError, match="must be a number ħΩ/k_B T"):
        Thermal(10**400)


@pytest.mark.parametrize(
    ("counts", "match"),
    [
        ({"A": -1, "B": 2, "m": 3}, "pool 'A' must be a whole number from 0 to 2\\^53, but is -1"),
        ({"A": 1, "B": 2.5, "m": 3}, "pool 'B' must be a whole number.* but is 2.5"),
        ({"A": 1, "B": 2, "m": 101}, "pool 'm' must be a whole number from 0 to 100, but is 101"),
        ({"A": 1, "B": 2**53 + 2, "m": 1}, "pool 'B' must be a whole number from 0 to 2\\^53"),
        ({"A": math.nan, "B": 2, "m": 3}, "pool 'A' must be a whole number.* but is nan"),
        ({"A": 1, "b": 2, "m": 3}, "unknown pool 'b'"),
        ({"A": 1, "B": 2}, "counts must name every pool, but 'm' is missing"),
        ({"A": "1", "B": 2, "m": 3}, "counts must be numbers"),
    ],
)
def test_fixed_counts_that_a_model_cannot_hold(counts, match):
    for use in (Fixed(counts).check, lambda m: Fixed(counts).draw(m, 1, 0, 1)):
        with pytest.raises(InputError, match=match):
            use(waveguide())


@pytest.mark.parametrize("x", [1e-5, 1e-7, 1e-300])
def test_too_hot_to_draw_from_is_refused(x):
    model = hohlraum(5, 10, 1.0)
    with pytest.raises(InputError, match="too hot or too large to draw from"):
        Thermal(x if x > 1e-5 else x / 10).check(model)


def test_a_fixed_hot_start_is_taken():
    model = hohlraum(5, 10, 1.0)
    assert Thermal(1e-7, spread=False).draw(model, 1, 0, 1)[0, 0] == pytest.approx(1e8, rel=1e-6)
    with pytest.raises(InputError, match="too hot"):
        Thermal(1e-300, spread=False).check(model)


def test_fixed_needs_names():
    with pytest.raises(InputError, match="must give a count for each pool"):
        Fixed(3)


@pytest.mark.parametrize("x", [1.0, {"N": 0.7, "m": -0.4}, {"N": 2.0, "m": math.inf}])
def test_probabilities_are_those_of_the_law(x):
    model = js.systems.hohlraum(6, 2.5, 1.0)
    start = js.Thermal(x)
    (first, light), (low, systems) = start.distributions(model)
    for n in (0, 1, 4):
        for m in (0, 3, 6):
            inside = 0 <= m - low < len(systems)
            expected = light[n - first] * systems[m - low] if inside else 0.0
            found = float(np.exp(start.log_probability(model, np.array([n, m]))))
            assert found == pytest.approx(expected, rel=1e-12)


def test_probabilities_of_fixed_counts():
    model = js.systems.hohlraum(6, 2.5, 1.0)
    states = np.array([[3, 2], [3, 1]])
    for start in (js.Fixed({"N": 3, "m": 2}), js.Thermal({"N": 0.6, "m": 0.7}, spread=False)):
        mean = start.mean(model)
        found = start.log_probability(model, np.array([mean, mean + 1]))
        assert found.tolist() == [0, -np.inf]
    assert js.Fixed({"N": 3, "m": 2}).log_probability(model, states).tolist() == [0, -np.inf]

"""All exact theories with rates over 12 decades, against decimal numbers of 120 digits."""

import math
import time
import warnings

import numpy as np
import pytest
from oracles.decimals import Decimal, DecimalMaster, exponential, stiff_model

import jumpsim as js
from jumpsim.theory import elimination, evolution
from jumpsim.theory.counting_statistics import coincidence_rate, mean_coincidence_rate
from jumpsim.theory.state_space import reachable
from jumpsim.theory.transitions import Transitions

P, C = js.Pool.mass_action, js.Channel
NETWORKS = [
    *range(30),
    *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(30, 200)),
]


def network(seed, largest=8):
    """Model, start, limits and oracle of the first small network of a seed, and its times."""
    for part in range(100):
        rng = np.random.default_rng([170, seed, part])
        model, start, tops = stiff_model(rng)
        exact = DecimalMaster(model, start, tops)
        if 2 <= exact.n <= largest:
            break
    rates = [float(event[3]) for event in exact.events]
    low, high = min(rates), max(rates)
    times = np.unique([0.3 / high, 1 / math.sqrt(low * high), 0.7 / low, 30 / low])
    return model, start, tops, exact, times


def column(matrix, exact, blocks=1):
    """Probabilities, or sums of moments, from the first state of the oracle, as decimals."""
    return matrix[:, 0].reshape(blocks, exact.n)


@pytest.fixture(autouse=True)
def _limits_may_be_low():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", js.TruncationWarning)
        yield


@pytest.mark.parametrize("seed", NETWORKS)
def test_master_equation_and_stationary_distribution(seed):
    model, start, tops, exact, times = network(seed)
    found = js.master_equation(model, times, start, tops)
    place = exact.order(found.space)
    generator = exact.tilted()
    for k, t in enumerate(times):
        expected = column(exponential(generator, float(t)), exact)[0].astype(float)
        assert np.abs(found.probabilities[k, place] - expected).max() < 1e-12
    steady = js.stationary(model, start, tops)
    expected = column(exponential(exact.tilted(reflecting=True), 1e30), exact)[0].astype(float)
    assert np.abs(steady.probabilities[place] - expected).max() < 1e-12


@pytest.mark.parametrize("seed", NETWORKS)
def test_cumulants_of_counts(seed):
    model, start, tops, exact, times = network(seed, largest=4)
    rng = np.random.default_rng([171, seed])
    for name in ("dark count", model.channels[rng.integers(len(model.channels))]):
        counted = (model.channels.index(name),)
        found = js.count_cumulants(model, times, start, name, truncate=tops)
        generator = exact.tilted(4, counted)
        for k, t in enumerate(times):
            moments = column(exponential(generator, float(t)), exact, 5).sum(axis=1)
            if moments[0] < Decimal("1e-9"):  # nearly all probability is outside the limits
                continue
            m1, m2, m3, m4 = (moments / moments[0])[1:]
            expected = (
                m1,
                m2 - m1**2,
                m3 - 3 * m2 * m1 + 2 * m1**3,
                m4 - 4 * m3 * m1 - 3 * m2**2 + 12 * m2 * m1**2 - 6 * m1**4,
            )
            for r, value in enumerate(expected):
                scale = max(abs(float(value)), max(0.0, float(expected[1])) ** ((r + 1) / 2), 1e-5)
                assert abs(found.cumulants[r, k] - float(value)) < 1e-8 * scale


@pytest.mark.parametrize("seed", NETWORKS)
def test_waiting_times(seed):
    """Survival, probability and mean of the time until an event, also one that changes no count."""
    model, start, tops, exact, times = network(seed)
    rng = np.random.default_rng([172, seed])
    for name in ("dark count", model.channels[rng.integers(len(model.channels))]):
        ending = model.channels.index(name)
        found = js.waiting_time_distribution(model, times, start, name, truncate=tops)
        generator = exact.tilted(silent=(ending,))
        arrival = np.full(exact.n, Decimal(0), object)
        for source, _, channel, rate in exact.events:
            arrival[source] += rate if channel == ending else 0
        for k, t in enumerate(times):
            p = column(exponential(generator, float(t)), exact)[0]
            assert abs(found.survival[k] - float(p.sum())) < 1e-12
            assert found.density[k] == pytest.approx(float(arrival @ p), rel=1e-8, abs=1e-200)
        # Probability of an event at any time, from the late limit of a state that collects it.
        n = exact.n
        collecting = np.full((n + 1, n + 1), Decimal(0), object)
        collecting[:n, :n], collecting[n, :n] = generator, arrival
        probability = float(exponential(collecting, 1e30)[n, 0])
        assert found.probability == pytest.approx(probability, rel=1e-10, abs=1e-200)
        early = float(exponential(collecting, float(times[0]))[n, 0])
        assert found.occurred[0] == pytest.approx(early, rel=1e-10, abs=1e-200)
        if probability > 1 - 1e-9:
            collecting[n, :n] = Decimal(1)  # the mean is the integral of the survival function
            mean = float(exponential(collecting, 1e30)[n, 0])
            assert found.mean == pytest.approx(mean, rel=1e-8)
        else:
            assert found.mean == np.inf


def pair_model(fast, slow):
    """Fast exchange of one quantum between a and b, beside a slow loss of c."""
    exchange = C.reversible("ab", "ba", fast, {"a": 1}, {"b": 1}, reverse_rate=fast)
    return js.Model([P("a"), P("b"), P("c")], [*exchange, C("loss", slow, {"c": 1})])


@pytest.mark.parametrize(("fast", "slow"), [(1e3, 1.0), (1e12, 1e-5), (1e12, 2e-4), (1e25, 1e-25)])
def test_slow_loss_beside_fast_exchange(fast, slow):
    model, start, t = pair_model(fast, slow), {"a": 1, "b": 0, "c": 1}, 1 / slow
    assert js.master_equation(model, [t], start).mean[0, 2] == pytest.approx(math.exp(-1), abs=1e-9)
    for found in (
        js.first_passage_distribution(model, [t], start, "c = 0"),
        js.waiting_time_distribution(model, [t], start, "loss"),
    ):
        assert found.survival[0] == pytest.approx(math.exp(-1), rel=1e-12)
        assert found.mean == pytest.approx(t, rel=1e-12)
        assert found.variance == pytest.approx(t**2, rel=1e-12)
    assert js.stationary(model, start).mean == pytest.approx([0.5, 0.5, 0.0], abs=1e-12)
    counts = js.count_cumulants(model, [t], start, "loss")
    assert counts.cumulants[:2, 0] == pytest.approx([1 - math.exp(-1), math.exp(-1) - math.exp(-2)])


def test_robertson():
    """Robertson's kinetics with ten molecules; ⟨C⟩ of 20,000 trajectories is 1.0015 ± 0.0003."""
    model = js.Model(
        [P("A"), P("B"), P("C")],
        [
            C("A to B", 0.04, {"A": 1}, {"B": 1}),
            C("2B to B+C", 3e7, {"B": 2}, {"B": 1, "C": 1}),
            C("B+C to A+C", 1e4, {"B": 1, "C": 1}, {"A": 1, "C": 1}),
        ],
    )
    found = js.master_equation(model, [100.0], {"A": 10, "B": 0, "C": 0})
    assert found.mean[0] == pytest.approx([8.99884, 3.5976e-5, 1.00112], rel=1e-5)


def test_rates_over_40_decades():
    """Stationary probabilities that a sparse factorisation cannot resolve."""
    rates = [1e20, 1e-20, 1.0, 1e10, 1e-15]
    names = [f"s{k}" for k in range(6)]
    channels = [
        channel
        for k, rate in enumerate(rates)
        for channel in C.reversible(
            f"up {k}", f"down {k}", rate, {names[k]: 1}, {names[k + 1]: 1}, reverse_rate=2 * rate
        )
    ]
    model = js.Model([P(name) for name in names], channels)
    found = js.stationary(model, {name: int(name == "s0") for name in names})
    weights = 0.5 ** np.arange(6)
    assert found.mean == pytest.approx(weights / weights.sum(), rel=1e-13)


@pytest.mark.parametrize("n", [70, 1200])
def test_elimination_of_blocks_and_its_sparse_replacement(n):
    """A birth-death chain, whose stationary distribution is a product of ratios."""
    from scipy import sparse

    rng = np.random.default_rng(173)
    up, down = 10.0 ** rng.uniform(-3, 3, (2, n - 1))
    rates = sparse.csc_array(sparse.diags_array([up, down], offsets=[-1, 1], shape=(n, n)))
    log = np.concatenate([[0.0], np.cumsum(np.log(up / down))])
    expected = np.exp(log - log.max())
    found = elimination.null_vector(Transitions(rates, np.zeros(n)), 60.0)
    np.testing.assert_allclose(found, expected / expected.sum(), atol=1e-11)
    # Loss at the upper end only: the times in the states have a closed form.
    loss = np.zeros(n)
    loss[-1] = 0.5
    solution = elimination.time_in_states(Transitions(rates, loss), 60.0)
    start = np.zeros(n)
    start[0] = 1.0
    times = solution(start)
    assert loss @ times == pytest.approx(1.0, rel=1e-9)
    flow = up * times[:-1] - down * times[1:]  # every upward net flow is 1
    assert np.abs(flow - 1).max() < 1e-6 * max(1.0, (up * times[:-1]).max())


def test_doubling_and_uniformisation_agree():
    model = js.systems.open_waveguide(3, 2.5, 1.0, 1.0, (3.0, 0.4), (2.0, 0.3), n_env=(0.3, 0.5))
    space = reachable(model, js.Fixed({"A": 2, "B": 1, "m": 1}), {"A": 6, "B": 6})
    transitions, times = space.transitions(), np.array([0.0, 0.03, 1.7, 20.0])
    jumps = [space.counted(np.arange(len(model.channels)) ** float(k)) for k in (1, 2)]
    both = [
        method(transitions, jumps, space.start, times, float(transitions.exit_rates.max()))
        for method in (evolution._by_uniformisation, evolution._by_doubling)
    ]
    np.testing.assert_allclose(*both, rtol=1e-10, atol=1e-13)
    assert (both[1][0] >= 0).all()


def test_what_would_take_too_long_is_refused_at_once():
    model = js.systems.open_waveguide(20, 20, 1e6, 1e6, (1e9, 0), (1e9, 0))
    begun = time.monotonic()
    with pytest.raises(js.InputError, match=r"would take about .*, more than the limit of 1 s"):
        js.master_equation(model, [1e-3], {"A": 15, "B": 15, "m": 10}, max_seconds=1)
    with pytest.raises(js.InputError, match="rounding errors or memory are too large"):
        js.master_equation(model, [1e3], {"A": 15, "B": 15, "m": 10})
    assert time.monotonic() - begun < 20


def test_a_chain_of_many_layers_is_enumerated_quickly():
    model = js.Model([P("X")], [C("in", 1.0, {}, {"X": 1})])
    assert len(reachable(model, js.Fixed({"X": 0}), {"X": 20_000})) == 20_001


def test_forty_pools_and_huge_counts():
    names = [f"s{k}" for k in range(40)]
    hops = [C(f"{k}", 1.0 + k, {names[k]: 1}, {names[(k + 1) % 40]: 1}) for k in range(40)]
    ring = js.Model([js.Pool.fermionic(name) for name in names], hops)
    start = {name: int(name == "s0") for name in names}
    weights = 1 / np.arange(1.0, 41)
    np.testing.assert_allclose(js.stationary(ring, start).mean, weights / weights.sum(), rtol=1e-12)
    swap = C.reversible("xy", "yx", 1e-9, {"X": 1}, {"Y": 1}, reverse_rate=1.0)
    model = js.Model([P("X"), P("Y")], swap)
    with pytest.raises(js.InputError, match=r"more than 100 states \(at most 10\^12\)"):
        js.master_equation(model, [1.0], {"X": 600_000_000_000, "Y": 0}, max_states=100)


def test_events_that_change_no_count():
    """An emitter and dark counts of its detector at 5 per second."""
    model = js.Model(
        [js.Pool.tls("m", 1)],
        [
            C("pump", 3.0, {}, {"m": 1}),
            C("emit", 2.0, {"m": 1}, bath="outside"),
            C("dark count", 5.0),
        ],
    )
    both = ["emit", "dark count"]
    dark = js.count_cumulants(model, [4.0], {"m": 0}, "dark count").cumulants[:, 0]
    assert dark == pytest.approx([20.0] * 4, rel=1e-9)
    alone = js.count_cumulants(model, [4.0], {"m": 0}, "emit").cumulants[:, 0]
    together = js.count_cumulants(model, [4.0], {"m": 0}, both).cumulants[:, 0]
    assert together == pytest.approx(alone + 20.0, rel=1e-9)
    waiting = js.waiting_time_distribution(model, [0.0, 0.2], {"m": 0}, "dark count")
    assert waiting.survival == pytest.approx([1.0, math.exp(-1)])
    assert (waiting.mean, waiting.variance) == pytest.approx((0.2, 0.04))
    after = js.waiting_time_distribution(model, [0.1], {"m": 0}, "dark count", "dark count")
    assert after.mean == pytest.approx(0.2)
    first = np.isin(model.channels, both)
    rate = coincidence_rate(model, [0.0], {"m": 0}, first, first)
    assert rate[0] == pytest.approx((25 + 2 * 5 * 1.2) / 6.2**2)


def test_mean_coincidences_are_exact():
    """One emitter: g² = 1 - exp(-kτ), averaged over long bins."""
    model = js.systems.hohlraum(tls=1, modes=1, gamma_tilde=1.0)
    emission = np.array([True, False])
    edges = np.array([0.0, 4.0, 8.0])
    fine = np.array([0.0, 0.1])
    rate = coincidence_rate(model, fine, {"N": 0, "m": 1}, emission, emission)
    decay = -np.log1p(-rate[1]) / fine[1]
    exact = 1 - np.diff(-np.exp(-decay * edges)) / decay / 4
    found = mean_coincidence_rate(model, edges, {"N": 0, "m": 1}, emission, emission)
    np.testing.assert_allclose(found, exact, rtol=1e-9)

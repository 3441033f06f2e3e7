"""The rate equations' solutions, against closed forms and another solver of BM's equations."""

import math
import signal

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from jumpsim import Channel, Fixed, InputError, Model, Pool, Thermal, mean_field
from jumpsim.systems import hohlraum, open_waveguide

M = MODES = 100
START = np.array([58.19767068693265, 58.19767068693265, 26.894142136999512])  # ħΩ/k_B T = 1


def published():
    return open_waveguide(
        M, MODES, "10 kHz", "10 kHz", gamma_tilde=("10 MHz", 0), gamma_tilde_wg=("10 MHz", 0)
    )


def bm_17_to_19(_, y):
    """BM (17)-(19) at the parameters of Figs. 2-4, per mode."""
    nA, nB, m = y
    dec = zero = 1e4
    tilde_1 = tilde_11 = 1e7
    gamma_1 = 1e5
    return (
        -2 * dec * nA + zero * (-nA + nB) - gamma_1 * (M - m) * nA,
        -2 * dec * nB + zero * (-nB + nA) + gamma_1 * m * (nB + 1),
        -tilde_11 * m + tilde_1 * (nA * (M - m) - (nB + 1) * m),
    )


def test_published_parameters_against_an_independent_solver():
    times = np.concatenate([np.linspace(0, 2e-6, 41), np.linspace(3e-6, 1e-4, 30)])
    solution = mean_field(published(), times, Thermal(1.0))
    sizes = np.array([MODES, MODES, 1])
    reference = solve_ivp(
        bm_17_to_19, (0, times[-1]), START / sizes, "DOP853", times, rtol=1e-12, atol=1e-14
    )
    expected = reference.y.T * sizes
    np.testing.assert_allclose(solution.counts[0], START, rtol=1e-14)
    assert np.abs(solution.counts - expected).max() < 1e-7 * expected.max()
    np.testing.assert_array_equal(solution.times, times)


def test_ratio_of_the_reservoirs_at_long_times():
    # 0.0010 by another solution of the equations. A and m follow B; the ratio stays constant.
    late = mean_field(published(), [2e-4, 4e-4], Thermal(1.0)).counts
    ratio = late[:, 0] / late[:, 1]
    assert ratio == pytest.approx(0.0010, abs=5e-5)
    assert ratio[0] == pytest.approx(ratio[1], rel=1e-3)


def test_hohlraum_ends_where_emission_equals_absorption():
    rng = np.random.default_rng(50)
    for _ in range(10):
        size, modes = int(rng.integers(1, 300)), rng.uniform(0.5, 300)
        start = [rng.uniform(0, 5) * modes, rng.uniform(0, size)]
        model = hohlraum(size, modes, 1e6)
        N, m = mean_field(model, [1e-3], start).counts[-1]
        n = N / modes
        assert m * (n + 1) == pytest.approx((size - m) * n, rel=1e-8)  # BM (4)
        assert N + m == pytest.approx(sum(start), rel=1e-10)


def test_independent_decay_is_exponential():
    model = open_waveguide(10, 50, 1e4, 0, (0, 0), (0, 0))
    times = np.linspace(0, 5e-4, 51)
    counts = mean_field(model, times, [30, 7, 4]).counts
    decay = np.exp(-2 * 1e4 * times)  # through both ends
    np.testing.assert_allclose(counts[:, 0], 30 * decay, rtol=1e-8)
    np.testing.assert_allclose(counts[:, 1], 7 * decay, rtol=1e-8)
    np.testing.assert_array_equal(counts[:, 2], 4)


def test_dimerisation_against_its_closed_form():
    # dP/dt = -2 k P²/2, so P = P_0/(1 + k P_0 t); P + 2 P2 is kept.
    model = Model(
        [Pool.mass_action("P"), Pool.mass_action("P2")],
        [Channel("dimerise", 0.3, {"P": 2}, {"P2": 1})],
    )
    times = np.linspace(0, 10, 21)
    counts = mean_field(model, times, [80, 5]).counts
    np.testing.assert_allclose(counts[:, 0], 80 / (1 + 0.3 * 80 * times), rtol=1e-8)
    np.testing.assert_allclose(counts @ [1, 2], 90, rtol=1e-12)


def test_conserved_total_is_kept_all_along():
    times = np.linspace(0, 1e-5, 30)
    counts = mean_field(hohlraum(100, 80.5, 1e6), times, [200, 3]).counts
    np.testing.assert_allclose(counts.sum(axis=1), 203, rtol=1e-12)


def test_at_the_start_only():
    solution = mean_field(published(), [0], Thermal(1.0))
    assert solution.counts.shape == (1, 3)
    np.testing.assert_allclose(solution.counts[0], START, rtol=1e-14)


def test_first_time_after_the_start():
    late = mean_field(published(), [1e-6], Thermal(1.0)).counts[0]
    both = mean_field(published(), [0, 1e-6], Thermal(1.0)).counts
    np.testing.assert_allclose(both[1], late, rtol=1e-9)
    np.testing.assert_allclose(both[0], START, rtol=1e-14)


def test_times_as_strings():
    texts = mean_field(published(), ["0 s", "100 ns", "0.75 µs"], Thermal(1.0))
    plain = mean_field(published(), [0, 1e-7, 0.75e-6], Thermal(1.0))
    np.testing.assert_array_equal(texts.times, plain.times)
    np.testing.assert_array_equal(texts.counts, plain.counts)


def test_every_way_to_give_the_start():
    model = published()
    starts = ([50, 30.5, 20], {"m": 20, "A": 50, "B": 30.5}, Fixed({"A": 50, "B": 30.5, "m": 20}))
    solutions = [mean_field(model, [0, 1e-7], s).counts for s in starts]
    np.testing.assert_allclose(solutions[0][0], [50, 30.5, 20], rtol=1e-14)
    np.testing.assert_array_equal(solutions[0], solutions[1])
    np.testing.assert_array_equal(solutions[0], solutions[2])
    rounded = mean_field(model, [0], Thermal(1.0, spread=False)).counts
    np.testing.assert_array_equal(rounded, [[58, 58, 27]])


def test_nothing_happens_without_channels_that_can_fire():
    model = hohlraum(10, 10, 0)
    np.testing.assert_array_equal(mean_field(model, [0, 1, 100], [3, 4]).counts, [[3, 4]] * 3)


@pytest.mark.parametrize(
    ("times", "match"),
    [
        ([0, 2e-6, 1e-6], r"`times` must increase, but times\[2\] = 1e-06 s does not exceed"),
        ([0, 1e-6, 1e-6], r"`times` must increase, but times\[2\] = 1e-06 s does not exceed"),
        ([-1e-6, 0], "`times` must be finite and ≥ 0"),
        ([0, float("nan")], "`times` must be finite and ≥ 0"),
        ([0, float("inf")], "`times` must be finite and ≥ 0"),
        ([], "`times` must be a non-empty list"),
        ([[0, 1e-6]], "`times` must be a non-empty list"),
        ([True], "`times` must be a non-empty list"),
        (1e-6, "`times` must be a list of times"),
        ("1 us", "`times` must be a list of times"),
        (None, "`times` must be a list of times"),
        ([0, "1 kg"], "`times` must be a time such as '0.75 us'"),
    ],
)
def test_bad_times(times, match):
    with pytest.raises(InputError, match=match):
        mean_field(published(), times, Thermal(1.0))


@pytest.mark.parametrize(
    ("initial", "match"),
    [
        ([1, 2], "counts must have 3 entries"),
        ([1, 2, 101], "count of pool 'm' must be a number from 0 to 100, but is 101"),
        ({"A": 1, "B": 2}, "'m' is missing"),
        (None, "counts must be numbers"),
        ([[1, 2, 3]], "`initial` must be one count for each pool"),
        (Thermal({"A": 1.0, "B": 1.0}), "'m' is missing"),
    ],
)
def test_bad_starts(initial, match):
    with pytest.raises(InputError, match=match):
        mean_field(published(), [1e-6], initial)


@pytest.fixture
def alarm():
    """Turn a solver that never comes back into a failure."""

    def stop(*_):
        raise TimeoutError("the solver does not come back")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 20)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("alarm")
@pytest.mark.parametrize("order", [1, 2])
def test_what_runs_off_to_infinity_is_refused(order):
    # X → 2X grows exponentially, 2X → 3X is infinite at t = 0.4 s.
    model = Model([Pool.mass_action("X")], [Channel("grow", 1, {"X": order}, {"X": order + 1})])
    with pytest.raises(InputError, match=r"could not be solved up to 1000 s.*an earlier last time"):
        mean_field(model, [1000], [5])
    early = mean_field(model, [0.3], [5]).counts[0, 0]
    assert early == pytest.approx(
        5 * np.exp(0.3) if order == 1 else 5 / (1 - 5 * 0.3 / 2), rel=1e-8
    )


def test_many_equal_quanta():
    """Rates above the largest float are refused in words; products of others, above 30 factors."""
    for quanta in (171, 1000):
        model = Model([Pool.mass_action("X")], [Channel("all", 1.0, {"X": quanta})])
        with pytest.raises(InputError, match="diverges or changes too fast"):
            mean_field(model, [1.0], {"X": 10 * quanta})
    model = Model([Pool.mass_action("X")], [Channel("all", 1.0, {"X": 40})])
    rate = 20.0**40 / math.factorial(40)
    slope = model.table.jacobian([20.0])[0, 0]
    assert slope == pytest.approx(-40 * 40 * rate / 20, rel=1e-12)

"""Linear noise and steady states: closed forms, the master equation, the large-system limit."""

import math

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from support.networks import random_model

import jumpsim as js
from jumpsim.model.initial import Thermal

s = js.systems
FAMILY = (5, 5, 1e4, 1e4, (1e7, 0), (1e7, 0))  # physics of Figs. 2-4, small; start (3, 3, 1)


def birth_death(birth=6.0, death=0.5):
    return js.Model(
        [js.Pool.mass_action("X")],
        [js.Channel("birth", birth, {}, {"X": 1}), js.Channel("death", death, {"X": 1})],
    )


def test_birth_and_death_is_exact():
    times = np.array([0, 0.3, 1.0, 4.0])
    found = js.linear_noise(birth_death(), times, (30,))
    p = np.exp(-0.5 * times)
    np.testing.assert_allclose(found.mean[:, 0], 30 * p + 12 * (1 - p), rtol=1e-9)
    expected = 30 * p * (1 - p) + 12 * (1 - p)
    np.testing.assert_allclose(found.covariance[:, 0, 0], expected, rtol=1e-8, atol=1e-12)
    for k, lags in ((0, times), (1, times[1:] - times[1])):
        two = found.two_time(k)[:, 0, 0]
        np.testing.assert_allclose(two, expected[k] * np.exp(-0.5 * lags), rtol=1e-8, atol=1e-12)


def test_fixed_and_thermal_starts():
    model = s.open_waveguide(*FAMILY)
    fixed = js.linear_noise(model, [0], (3, 3, 1))
    np.testing.assert_array_equal(fixed.covariance[0], np.zeros((3, 3)))
    drawn = js.linear_noise(model, [0], Thermal(1.0))
    n, p = 1 / math.expm1(1), 1 / (math.e + 1)
    expected = np.diag([5 * n * (1 + n), 5 * n * (1 + n), 5 * p * (1 - p)])
    np.testing.assert_allclose(drawn.covariance[0], expected, rtol=1e-13)
    rounded = js.linear_noise(model, [0], Thermal(1.0, spread=False))
    np.testing.assert_array_equal(rounded.covariance[0], np.zeros((3, 3)))


def test_thermal_covariance_is_that_of_the_draws():
    model = s.open_waveguide(50, 20, 1, 1, (1, 1), (1, 1))
    start = Thermal({"A": 0.7, "B": 2.0, "m": -0.3})
    draws = start.draw(model, 3, 0, 40000)
    expected = start.covariance(model)
    found = np.cov(draws.T)
    # 40,000 draws: relative errors of variances below 1.5 %; scores beyond 5 are false.
    error = np.sqrt(np.outer(np.diag(expected), np.diag(expected)) * (1 + np.eye(3) * 1.3) / 40000)
    assert (np.abs(found - expected) < 5 * error).all()


def test_against_a_plain_integration_on_random_networks():
    checked = 0
    for seed in range(30):
        rng = np.random.default_rng([90, seed])
        model = random_model(rng, kinds=("bosonic", "tls"))
        start = np.array([rng.uniform(0.2, 0.8) * (p.capacity or 5) for p in model.pool_specs])
        table = model.table
        span = 0.3 / max(np.abs(table.jacobian(start)).max(), 1e-300)
        times = np.array([0.5, 1.0]) * span
        pools = len(start)

        def right(_, y, table=table, pools=pools):
            N, C = y[:pools], y[pools:].reshape(pools, pools)
            # Jacobian by a complex step, diffusion by an explicit sum.
            J = np.stack([table.drift(N + 1e-30j * e).imag / 1e-30 for e in np.eye(pools)], axis=-1)
            rates = table.mean_rates(N)
            D = sum(r * np.outer(v, v) for r, v in zip(rates, table.changes, strict=True))
            return np.concatenate([rates @ table.changes, (J @ C + C @ J.T + D).ravel()])

        y = np.concatenate([start, np.zeros(pools**2)])
        expected = solve_ivp(right, (0, span), y, "DOP853", times, rtol=1e-11, atol=1e-13).y.T
        found = js.linear_noise(model, times, start)
        covariance = expected[:, pools:].reshape(-1, pools, pools)
        scale = max(np.abs(covariance).max(), 1.0)
        assert np.abs(found.covariance - covariance).max() < 1e-7 * scale
        checked += np.abs(covariance).max() > 0.01
    assert checked > 20


def relative_errors(factors, time):
    """Frobenius norm of the covariance's error over that of the covariance, by size."""
    out = []
    for factor in factors:
        model = s.open_waveguide(*FAMILY).scaled(factor)
        start = {"A": 3 * factor, "B": 3 * factor, "m": factor}
        exact = js.master_equation(model, [time], start).covariance[0]
        noise = js.linear_noise(model, [time], start).covariance[0]
        out.append(np.linalg.norm(exact - noise) / np.linalg.norm(exact))
    return np.array(out)


@pytest.mark.parametrize("time", [2e-7, 1e-6])
def test_error_of_the_covariance_falls_as_one_over_the_size(time):
    factors = np.array([2, 4, 8])
    errors = relative_errors(factors, time)
    slope = np.polyfit(np.log(factors), np.log(errors), 1)[0]
    assert slope == pytest.approx(-1, abs=0.12)
    assert errors[-1] < 0.02


def test_bias_of_the_rate_equations_is_of_order_one():
    """Near -0.037 photons in B at 1 µs, whatever the size."""
    for factor in (1, 2, 4, 6):
        model = s.open_waveguide(*FAMILY).scaled(factor)
        start = {"A": 3 * factor, "B": 3 * factor, "m": factor}
        exact = js.master_equation(model, [1e-6], start).mean[0]
        bias = exact - js.mean_field(model, [1e-6], start).counts[0]
        assert bias[1] == pytest.approx(-0.037, abs=0.001)
        assert abs(bias[0]) < 1e-3
        assert abs(bias[2]) < 1e-3


def test_hohlraum_in_steady_state():
    """Variance from the curvature of ln C(M, m) C(E-m+𝒩-1, E-m) at its maximum."""
    model = s.hohlraum(200, 100, 1e6)
    found = js.stationary_noise(model, (100, 50))
    N, m = found.counts
    curvature = 1 / m + 1 / (200 - m) + 1 / N - 1 / (N + 100)
    assert found.covariance[1, 1] == pytest.approx(1 / curvature, rel=1e-8)
    np.testing.assert_allclose(
        found.covariance, found.covariance[1, 1] * np.array([[1, -1], [-1, 1]])
    )
    np.testing.assert_allclose(found.conserved, 0, atol=1e-9)
    exact = js.stationary(model, (100, 50)).covariance
    np.testing.assert_allclose(found.covariance, exact, rtol=0.01)


def test_totals_that_vary_between_starts_stay():
    """From equilibrium the covariance of independent pools is in steady state, exactly."""
    model = s.hohlraum(40, 30, 1e6)
    start = Thermal(0.8)
    found = js.stationary_noise(model, start)
    np.testing.assert_allclose(found.covariance, start.covariance(model), rtol=1e-7, atol=1e-7)
    path = js.linear_noise(model, [0, 1e-7, 1e-5], start).covariance
    np.testing.assert_allclose(path, [found.covariance] * 3, rtol=1e-6, atol=1e-6)
    total = found.conserved.sum()
    assert total == pytest.approx(start.covariance(model).sum(), rel=1e-7)


def test_rest_is_where_the_path_leads():
    model = s.closed_waveguide(20, 15, 12, 1, 1, 1.25, (3, 0), (3, 0))
    for start in ((10, 5, 3, 3, 2), Thermal(0.7)):
        rest = js.stationary_noise(model, start)
        late = js.linear_noise(model, [60.0], start)
        np.testing.assert_allclose(rest.counts, late.mean[0], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(rest.covariance, late.covariance[0], rtol=1e-5, atol=1e-5)
        two = js.linear_noise(model, [60.0, 60.2, 61.0], start).two_time(0)
        np.testing.assert_allclose(rest.correlation([0, 0.2, 1.0]), two, rtol=1e-5, atol=1e-5)


def test_spectrum_is_the_transform_of_the_correlation():
    model = birth_death()
    rest = js.stationary_noise(model, (3,))
    omega = np.array([0.0, 0.3, 2.0])
    lorentz = 2 * 12 * 0.5 / (0.25 + omega**2)
    np.testing.assert_allclose(rest.spectrum(omega)[:, 0, 0], lorentz, rtol=1e-9)
    loop = js.stationary_noise(
        s.closed_waveguide(20, 15, 12, 1, 1, 1.25, (3, 0), (3, 0)), (10, 5, 3, 3, 2)
    )
    for p, q, w in ((0, 1, 0.7), (4, 4, 3.0), (2, 3, 1.3)):

        def kernel(lag, p=p, q=q, w=w):
            there = loop.correlation([lag])[0]
            return there[p, q] * np.exp(1j * w * lag) + there[q, p] * np.exp(-1j * w * lag)

        real = quad(lambda t: kernel(t).real, 0, 40, limit=400)[0]
        imaginary = quad(lambda t: kernel(t).imag, 0, 40, limit=400)[0]
        found = loop.spectrum([w])[0, p, q]
        assert found == pytest.approx(real + 1j * imaginary, rel=1e-5, abs=1e-6)
    matrices = loop.spectrum([0.5])[0]
    np.testing.assert_allclose(matrices, matrices.conj().T)


def test_simulated_correlation_in_steady_state():
    """Sampled autocovariance of a hohlraum in steady state, within 5 errors and 2 %."""
    model = s.hohlraum(100, 80, 1.0)
    rest = js.stationary_noise(model, (60, 30))
    lags = np.array([0, 0.1, 0.3])
    ensemble = js.simulate(model, 8 + lags, 4000, (60, 30), seed=5, workers=1)
    m = ensemble.counts[:, :, 1]
    found = np.array([np.cov(m[:, k], m[:, 0])[0, 1] for k in range(3)])
    expected = rest.correlation(lags)[:, 1, 1]
    error = rest.covariance[1, 1] * np.sqrt(2 / 4000)
    assert (np.abs(found - expected) < 5 * error + 0.02 * expected[0]).all()
    assert expected[2] < 0.9 * expected[0]


def test_steady_states_of_a_bistable_network():
    """Schlögl: dX/dt = -(x-1)(x-2)(x-4) in units of 100 counts."""
    X = {"X": 1}
    size, k = 100.0, 1.0
    model = js.Model(
        [js.Pool.mass_action("X")],
        [
            js.Channel("in", 8 * k * size, {}, X),
            js.Channel("out", 14 * k, X),
            js.Channel("two to three", 2 * 7 * k / size, {"X": 2}, {"X": 3}),
            js.Channel("three to two", 6 * k / size**2, {"X": 3}, {"X": 2}),
        ],
    )
    states = js.steady_states(model, (350,))
    assert states[0].reached
    assert states[0].counts[0] == pytest.approx(400, rel=1e-7)
    by_count = {round(float(x.counts[0])): x.stable for x in states}
    assert by_count == {100: True, 200: False, 400: True}
    assert states[0].eigenvalues[0].real == pytest.approx(-6, rel=1e-6)  # -(4-1)(4-2)
    low = js.steady_states(model, (150,))[0]
    assert low.counts[0] == pytest.approx(100, rel=1e-7)
    assert "UNSTABLE" in str(next(x for x in states if not x.stable))


def test_steady_states_of_the_catalogue():
    loop = s.closed_waveguide(100, 100, 100, 1e4, 1e4, 1e4, (1e7, 0), (1e7, 0))
    (state,) = js.steady_states(loop, Thermal(1.0))
    assert state.stable
    assert state.reached
    nA, nB, n1, n2 = state.counts[:4] / 100
    assert (nB, n2) == (pytest.approx(2.22, abs=0.005), pytest.approx(0.36, abs=0.005))
    assert (nA, n1) == (pytest.approx(0.003, abs=5e-4), pytest.approx(0.006, abs=5e-4))
    empty = js.steady_states(s.open_waveguide(*FAMILY), (3, 3, 1))[0]
    np.testing.assert_allclose(empty.counts, 0, atol=1e-12)
    still = js.steady_states(s.hohlraum(5, 5, 0), (3, 2))[0]
    np.testing.assert_array_equal(still.counts, (3, 2))


def test_what_never_rests_is_refused():
    growth = js.Model([js.Pool.mass_action("X")], [js.Channel("birth", 1.0, {}, {"X": 1})])
    with pytest.raises(js.InputError, match="no steady state of model was found"):
        js.steady_states(growth, (1,))
    swing = js.Model(  # Lotka-Volterra: a centre
        [js.Pool.mass_action("X"), js.Pool.mass_action("Y")],
        [
            js.Channel("grow", 1.0, {"X": 1}, {"X": 2}),
            js.Channel("eat", 0.01, {"X": 1, "Y": 1}, {"Y": 2}),
            js.Channel("die", 1.0, {"Y": 1}),
        ],
    )
    with pytest.raises(js.InputError, match="no stable steady state"):
        js.stationary_noise(swing, (150, 100))


@pytest.mark.parametrize("index", [-1, 2, True, 0.0])
def test_bad_index(index):
    found = js.linear_noise(birth_death(), [0, 1], (3,))
    with pytest.raises(js.InputError, match="`index` must be a whole number from 0 to 1"):
        found.two_time(index)


def test_printed():
    found = js.linear_noise(birth_death(), [0, 1], (3,))
    assert str(found).startswith("linear noise of model: 2 times from 0 s to 1 s, at the end X = ")
    assert "in the steady state: X = 12 ± 3.464" in str(js.stationary_noise(birth_death(), (3,)))

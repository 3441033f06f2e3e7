"""Correlations in the steady state: exact two-time covariance, identities, coverage, refusals."""

import dataclasses
import re
import tracemalloc
from itertools import combinations

import numpy as np
import pytest
from scipy.linalg import expm
from support.systems import HOHLRAUM, LARGER_HOHLRAUM

import jumpsim as js
from jumpsim import plotting
from jumpsim.analysis.fluctuations.correlation_times import Theory
from jumpsim.analysis.fluctuations.correlation_times import correlation_times as measured_times
from jumpsim.analysis.fluctuations.correlations import _lagged_products, _periodogram
from jumpsim.cli.main import main
from jumpsim.model.initial import Thermal
from jumpsim.plotting.style import evenly_spaced
from jumpsim.statistics.jackknife import covering_error
from jumpsim.theory.correlation_times import correlation_times, decay_of_noise
from jumpsim.theory.evolution import evolve
from jumpsim.utils.tables import log_spaced_rows

START = {"N": 5, "m": 3}
TIMES = np.linspace(0, 8, 41)
AFTER = 4.0


def exact(lags):
    """Two-time covariance of m in steady state from the master equation."""
    law = js.stationary(HOHLRAUM, START)
    m = law.states[:, 1]
    mean = law.average(m)
    weighted = evolve(law.space.transitions(), law.probabilities * (m - mean + 100), lags)
    # Shifted by 100, because probabilities must not be negative; shifted back.
    return weighted @ m - mean * weighted.sum(axis=1)


def test_against_the_exact_two_time_covariance():
    ensemble = js.simulate(HOHLRAUM, TIMES, 10_000, START, seed=1)
    found = js.correlations(ensemble, AFTER)
    expected = exact(found.lags)
    scores = (found.covariance[:, 1] - expected) / found.error[:, 1]
    assert np.abs(scores).max() < 4.5
    assert found.error[0, 1] < 0.01 * expected[0]
    np.testing.assert_allclose(found.covariance[:, 0], found.covariance[:, 1], rtol=1e-9)
    # Linear noise is within a few per cent already for 8 systems.
    assert found.expected[0, 1] == pytest.approx(expected[0], rel=0.06)
    power = _periodogram(expected[:, None], found.lags[1])[:, 0]
    assert (np.abs(found.power[:, 1] - power) < 4.5 * found.power_error[:, 1]).all()
    step = found.lags[1]
    area = step * (expected.sum() - expected[0] / 2) / expected[0]
    assert found.correlation_time[1] == pytest.approx(area, rel=0.05)
    assert "correlation times: N: " in str(found)


@pytest.mark.parametrize("n", [4, 5, 12, 37])
def test_the_periodogram_is_that_of_the_samples(n):
    rng = np.random.default_rng(1)
    x, step = rng.standard_normal((3, n, 2)), 0.25
    lags = step * np.arange(n)
    omega = np.pi / step * np.linspace(0, 1, n // 2 + 1)
    covariance = np.diagonal(_lagged_products(x), axis1=-2, axis2=-1)
    found = _periodogram(covariance, step)
    direct = np.abs(np.exp(1j * np.outer(omega, lags)) @ x) ** 2 * step / n
    np.testing.assert_allclose(found, direct, rtol=1e-12, atol=1e-12 * direct.max())
    weight = (1 - np.arange(n) / n) * step * np.where(np.arange(n) == 0, 1, 2)
    cosines = np.cos(np.outer(omega, lags)) @ (weight[:, None] * covariance)
    np.testing.assert_allclose(found, cosines, rtol=1e-12, atol=1e-12 * cosines.max())


def test_lagged_products_are_the_direct_sums():
    """Counts of hundreds that fluctuate by tens: to 1e-12 of the product at lag 0."""
    rng = np.random.default_rng(2)
    for n_times in (4, 41, 128, 301):
        x = rng.poisson(400, (5, n_times, 3)) - 400.25
        found = _lagged_products(x)
        assert found.shape == (5, n_times, 3, 3)
        for k in range(n_times):
            later, earlier = x[:, k:], x[:, : n_times - k]
            direct = np.einsum("itp,itq->ipq", later, earlier) / (n_times - k)
            largest = (x**2).sum() / (n_times - k) / len(x)
            np.testing.assert_allclose(found[:, k], direct, rtol=1e-12, atol=1e-12 * largest)


def test_many_times_need_little_memory():
    """20,000 times: a matrix of times by times would take 3.2 GB."""
    n_times = 20_000
    x = np.random.default_rng(3).standard_normal((2, n_times, 1))
    tracemalloc.start()
    products = _lagged_products(x)
    power = _periodogram(products[..., 0], 0.5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * x.nbytes
    assert power.shape == (2, n_times // 2 + 1, 1)
    # The mean over all frequencies, of either sign, is the mean square.
    mean = (power[:, 0, 0] + power[:, -1, 0] + 2 * power[:, 1:-1, 0].sum(axis=1)) / n_times / 0.5
    np.testing.assert_allclose(mean, products[:, 0, 0, 0], rtol=1e-12)
    np.testing.assert_allclose(products[:, 0, 0, 0], (x[:, :, 0] ** 2).mean(axis=1), rtol=1e-12)


def test_variance_has_divisor_n_minus_one():
    ensemble = js.simulate(HOHLRAUM, TIMES, 20, START, seed=1)
    found = js.correlations(ensemble, AFTER)
    kept = ensemble.counts[:, ensemble.times >= AFTER]
    expected = kept.var(axis=0, ddof=1).mean(axis=0)
    np.testing.assert_allclose(found.covariance[0], expected, rtol=1e-10)


def test_slabs_change_nothing(slabs):
    ensemble = js.simulate(HOHLRAUM, TIMES, 100, START, seed=1)
    whole = js.correlations(ensemble, AFTER)
    slabs(samples=8 * 41 * 2 * 7)
    parts = js.correlations(ensemble, AFTER)
    np.testing.assert_allclose(parts.covariance, whole.covariance, rtol=1e-9)
    np.testing.assert_allclose(parts.error, whole.error, rtol=1e-9)


def test_totals_that_differ_between_trajectories_stay_correlated():
    model = LARGER_HOHLRAUM
    start = Thermal(1.0)
    found = js.correlations(js.simulate(model, TIMES, 2000, start, seed=2), "4 s")
    assert found.after == 4.0
    late = found.covariance[-3:, 1]
    assert (np.abs(late - found.noise.conserved[1, 1]) < 5 * found.error[-3:, 1]).all()
    assert found.noise.conserved[1, 1] > 0.1


@pytest.mark.slow
def test_errors_cover():
    """400 seeds; fraction of ±1.96 errors that hold the exact value, alarm 0.1 % each."""
    expected = exact(np.linspace(0, 4, 21))[[0, 1, 3]]
    inside = []
    for seed in range(400):
        found = js.correlations(js.simulate(HOHLRAUM, TIMES, 400, START, seed, workers=1), AFTER)
        values, errors = found.covariance[[0, 1, 3], 1], found.error[[0, 1, 3], 1]
        inside.append(np.abs(values - expected) < 1.96 * errors)
    covered = np.mean(inside, axis=0)
    print(covered)
    assert ((covered > 0.910) & (covered < 0.9825)).all()


def test_nothing_that_fluctuates():
    still = js.systems.hohlraum(5, 5, 0)
    found = js.correlations(js.simulate(still, TIMES, 20, (3, 2), 1), 1.0)
    assert (found.covariance == 0).all()
    assert "N: undecided, nothing fluctuates" in str(found)


@pytest.mark.parametrize(
    ("times", "ntraj", "record", "after", "match"),
    [
        (TIMES, 20, "jumps", 4.0, "need the counts, but this run recorded jumps"),
        (TIMES, 15, "counts", 4.0, "errors need 16 trajectories at least, but there are 15"),
        (TIMES, 20, "counts", 7.5, "at least 4 of the stored times from 7.5 s on, but there are 3"),
        (TIMES, 20, "counts", -1.0, "`after` must be a finite time"),
        ([1, 2, 4, 8, 16], 20, "counts", 1.0, "need equally spaced times"),
    ],
)
def test_refused(times, ntraj, record, after, match):
    ensemble = js.simulate(HOHLRAUM, times, ntraj, START, 1, record)
    with pytest.raises(js.InputError, match=match):
        js.correlations(ensemble, after)


def test_a_run_that_is_not_in_steady_state_is_refused():
    ensemble = js.simulate(HOHLRAUM, TIMES / 20, 500, {"N": 8, "m": 0}, 1)
    with pytest.raises(js.InputError, match="not stationary: the mean of N changes from 8 to"):
        js.correlations(ensemble, 0.0)


def test_on_the_command_line(tmp_path, capsys):
    out = str(tmp_path / "out.h5")
    assert main(["run", "data/hohlraum.toml", "-o", out, "-n", "200", "-q"]) == 0
    capsys.readouterr()
    assert main(["correlations", out, "--after", "2 us"]) == 0
    printed = capsys.readouterr()
    assert "autocovariances of 200 trajectories of hohlraum after 2 µs" in printed.out
    assert (tmp_path / "out-correlations.png").stat().st_size > 10_000
    assert printed.err == ""


def test_the_figure_shows_what_was_measured():
    found = js.correlations(js.simulate(HOHLRAUM, TIMES, 100, START, seed=1), AFTER)
    found.ensemble.times = found.ensemble.times / 1000  # so that times are reported in ms
    decay, between, spectrum = plotting.correlations(found).axes
    pair = between.containers[0].lines[0].get_ydata()
    scale = np.sqrt(found.covariance[0, 0] * found.covariance[0, 1])
    assert pair[0] == pytest.approx(found.between[0, 1, 0] / scale)
    y = decay.containers[1].lines[0].get_ydata()
    np.testing.assert_allclose(y, found.covariance[: len(y), 1] / found.covariance[0, 1])
    np.testing.assert_allclose(
        spectrum.containers[1].lines[0].get_ydata(), found.power[:, 1] * 1000
    )
    assert decay.get_xlabel() == "lag (ms)"
    assert spectrum.get_ylabel() == "power (quanta² ms)"
    half, shown, some = 11, evenly_spaced(11, 12), evenly_spaced(11, 25)
    later, earlier = between.containers
    for bars, sign, a, b in ((later, 1, 1, 0), (earlier, -1, 0, 1)):
        x, y = bars.lines[0].get_data()
        np.testing.assert_allclose(x, sign * found.lags[shown] * 1000)
        np.testing.assert_allclose(y, found.between[shown, a, b] / scale)
    theory = found.noise.correlation(found.lags[:half])
    lines = [x.get_ydata() for x in between.lines if len(x.get_xdata()) == half][::2]
    np.testing.assert_allclose(lines[0], theory[:, 1, 0] / scale)
    for axis, bars, error in (
        (decay, decay.containers[1], found.error[some, 1] / found.covariance[0, 1]),
        (spectrum, spectrum.containers[1], found.power_error[:, 1] * 1000),
    ):
        ends = np.array(bars.lines[2][0].get_segments())[:, :, 1]
        np.testing.assert_allclose(np.diff(ends)[:, 0] / 2, error, atol=1e-12)
        assert axis.get_ylabel()
    line = next(x for x in decay.lines if x.get_linestyle() == "--")
    np.testing.assert_allclose(line.get_ydata(), found.expected[:half, 1] / found.covariance[0, 1])
    line = next(x for x in spectrum.lines if x.get_linestyle() == "--")
    np.testing.assert_allclose(line.get_ydata(), found.expected_power[:, 1] * 1000)


@pytest.mark.slow
def test_between_pools():
    """Covariances of one pool a lag after another, against exact steady ones; |Z| < 4.5."""
    model = js.systems.closed_waveguide(
        tls=3, modes=2, modes_wg=2, gamma_dec=0.5, gamma_0=0.5, gamma_3=0.3, gamma_tilde=(1, 0),
        gamma_tilde_wg=(0.6, 0),
    )  # fmt: skip
    start = {name: 2 if name == "A" else 1 for name in model.pools}
    found = js.correlations(js.simulate(model, np.linspace(0, 40, 81), 4000, start, seed=1), 20.0)
    law = js.stationary(model, start)
    n = law.states - law.mean
    lags = found.lags[:12]
    for q in range(len(model.pools)):
        weighted = evolve(law.space.transitions(), law.probabilities * (n[:, q] + 100), lags)
        later = weighted @ n - 100 * law.probabilities @ n
        error = found.between_error[:12, :, q]
        assert (np.abs(found.between[:12, :, q] - later) < 4.5 * error).all()
    np.testing.assert_array_equal(found.error[:, 1], found.between_error[:, 1, 1])
    # The chiral loop is not symmetric in time: the pools' order matters.
    a, b = model.pools.index("A"), model.pools.index("B")
    lead = found.between[1:4, a, b] - found.between[1:4, b, a]
    assert np.abs(lead).max() > 5 * found.between_error[1, a, b]
    between, half, shown = plotting.correlations(found).axes[1], 21, evenly_spaced(21, 12)
    expected = found.noise.correlation(found.lags[:half])
    lines = [x for x in between.lines if len(x.get_xdata()) == half]
    orders = [o for p, q in combinations(range(5), 2) for o in ((1, q, p), (-1, p, q))]
    for bars, line, (sign, p, q) in zip(between.containers, lines, orders, strict=True):
        scale = np.sqrt(found.covariance[0, p] * found.covariance[0, q])
        x, y = bars.lines[0].get_data()
        np.testing.assert_allclose(x, sign * found.lags[shown])
        np.testing.assert_allclose(y, found.between[shown, p, q] / scale)
        np.testing.assert_allclose(line.get_ydata(), expected[:, p, q] / scale)
    printed = [line.split() for line in str(found).splitlines()]
    k = log_spaced_rows(len(found.lags), 3, from_zero=True)[1]
    theory = found.noise.correlation(found.lags[[k]])[0]
    for p, q in ((a, b), (b, a)):
        value, error = found.between[k, p, q], found.between_error[k, p, q]
        pools = f"{model.pools[p]}, {model.pools[q]}"
        row = f"{found.lags[k]:.4g} {pools} {value:.4g} ± {error:.2g} {theory[p, q]:.4g}"
        assert row.split() in printed


def test_correlation_times_by_hand():
    """Trapezoids over an odd number of lags, a trajectory left out each, and twice the spacing."""
    ensemble = js.simulate(HOHLRAUM, TIMES, 64, START, seed=3)
    found = js.correlations(ensemble, AFTER)
    lost = int((found.covariance[:, 1] < 2 * found.error[:, 1]).argmax())
    assert 2 < lost < len(found.lags) // 2 - 1
    _, rest = decay_of_noise(found.noise, found.lags)
    needed = int(np.flatnonzero(rest[:, 1] > 0.005 * rest[0, 1]).max()) + 2
    end = max(2 * lost, needed)
    end -= (end + 1) % 2
    deviations = ensemble.counts[:, 20:, 1] - ensemble.counts[:, 20:, 1].mean(axis=0)
    lagged = np.array(
        [(deviations[:, k:] * deviations[:, : 21 - k]).mean(axis=1) for k in range(end)]
    )

    def area(c, every=1):
        return np.trapezoid(c[::every], dx=every * found.lags[1]) / c[0]

    mean = lagged.mean(axis=1)
    assert found.correlation_time[1] == pytest.approx(area(mean))
    left = np.array([area(np.delete(lagged, i, axis=1).mean(axis=1)) for i in range(64)])
    error = np.hypot(covering_error(left), (area(mean, 2) - area(mean)) / 3)
    assert found.correlation_time_error[1] == pytest.approx(error)
    np.testing.assert_allclose(found.error[:2, 0], found.error[:2, 1], rtol=1e-9)


CAVITY, QUANTA = js.systems.embedded_cavity(5, 2.5, 4, 0.4, 0.3, 0.5), {"A": 2, "C": 1, "m": 2}


def test_exact_correlation_times():
    """Against the integral of the two-time covariance by the dense exponential of the generator."""
    law = js.stationary(CAVITY, QUANTA)
    generator = law.space.matrix(reflecting=True).toarray()
    n = law.states - law.mean
    step, weighted = 1e-3, law.probabilities[:, None] * n
    forward, area = expm(generator * step), np.zeros(3)
    for _ in range(12_000):
        later = forward @ weighted
        area += step / 2 * ((n * weighted).sum(axis=0) + (n * later).sum(axis=0))
        weighted = later
    expected = area / np.diagonal(law.covariance)
    np.testing.assert_allclose(correlation_times(CAVITY, QUANTA), expected, rtol=1e-4)
    still = js.systems.hohlraum(5, 5, 0)
    assert np.isnan(correlation_times(still, (3, 2))).all()
    with pytest.raises(js.InputError, match="no single steady state"):
        correlation_times(js.systems.hohlraum(3, 2, 1.0), Thermal(0.3), {"N": 4})


def test_a_weak_slow_tail_is_part_of_the_integral():
    """A tail below the noise, known from the theory: 0.9 · 0.09 + 0.1 · 0.8 = 0.161."""
    lags = 0.01 * np.arange(1001)
    fast, slow = 0.9 * np.exp(-lags / 0.09), 0.1 * np.exp(-lags / 0.8)
    rest = (0.09 * fast + 0.8 * slow)[:, None]
    scatter = np.random.default_rng(1).normal(0, 4, 64)
    scatter += 1 - scatter.mean()
    sums = (fast + scatter[:, None] * slow)[:, :, None]
    given = np.ones(64), sums, np.full((1001, 1), 0.2), lags[1]
    (time,), (error,), _ = measured_times(*given, Theory(rest[0], rest, np.array([False])))
    assert time == pytest.approx(0.161, rel=0.01)
    assert error > 0.02
    (cut,), _, _ = measured_times(*given, None)
    assert cut < 0.12
    sure = np.ones(64), (fast + slow + 1e-3 * scatter[:, None])[:, :, None], *given[2:]
    (found,), _, _ = measured_times(*sure, None)
    assert found == pytest.approx(0.161, abs=0.012)  # the data themselves show that C goes on


def test_correlation_times_against_exact_ones():
    """m decays with 0.09 s and, weakly, 0.55 s."""
    run = js.simulate(CAVITY, 3 + np.arange(0, 6, 0.05), 100, QUANTA, seed=1)
    found = js.correlations(run, 3.0)
    exact = correlation_times(CAVITY, QUANTA)
    assert (np.abs(found.correlation_time - exact) < 4 * found.correlation_time_error).all()
    assert (found.correlation_time_error < 0.25 * exact).all()
    np.testing.assert_allclose(found.expected_time, exact)
    assert "(exact 0.1537 s)" in found.verdict


@pytest.mark.slow
def test_errors_of_correlation_times_cover_a_weak_slow_tail():
    """200 seeds; a fraction below 0.89 by chance in 0.1 %. Cut at the noise, it was 0.6 to 0.8."""
    exact, inside = correlation_times(CAVITY, QUANTA), []
    for seed in range(200):
        run = js.simulate(CAVITY, 3 + np.arange(0, 6, 0.05), 100, QUANTA, seed, workers=1)
        found = js.correlations(run, 3.0)
        error = np.nan_to_num(found.correlation_time_error, nan=np.inf)
        inside.append(~(np.abs(found.correlation_time - exact) > 1.96 * error))
    covered = np.mean(inside, axis=0)
    print(covered)
    assert (covered > 0.89).all()


def test_samples_that_are_too_coarse_give_no_correlation_time():
    """Trapezoids over 0.5 s would give 0.26 s for m, exactly 0.154 s."""
    run = js.simulate(CAVITY, np.arange(3, 23, 0.5), 200, QUANTA, seed=1)
    found = js.correlations(run, 3.0)
    assert np.isnan(found.correlation_time).all()
    assert re.search(
        r"m: undecided, the samples are too coarse, C falls to 0\.\d\d of the variance in one "
        r"spacing, .*\(exact 0\.1537 s\)",
        found.verdict,
    )
    assert "nan" not in str(found)


def test_a_run_that_is_too_short_gives_no_correlation_time():
    run = js.simulate(HOHLRAUM, 4 + np.linspace(0, 0.4, 9), 400, START, seed=1)
    found = js.correlations(run, 4.0)
    assert np.isnan(found.correlation_time).all()
    assert "the run is too short" in found.verdict


def test_totals_that_differ_give_no_correlation_time():
    found = js.correlations(js.simulate(LARGER_HOHLRAUM, TIMES, 200, Thermal(1.0), seed=2), 4.0)
    assert np.isnan(found.correlation_time).all()
    assert "C does not decay to 0" in found.verdict


def test_a_variance_that_still_grows_is_refused():
    """A walk in both directions: its mean is constant, its variance is not."""
    walk = js.Model(
        [js.Pool.mass_action("X")],
        [js.Channel("birth", 1.0, {"X": 1}, {"X": 2}), js.Channel("death", 1.0, {"X": 1})],
    )
    run = js.simulate(walk, np.linspace(0, 2, 11), 2000, {"X": 50}, seed=1)
    with pytest.raises(js.InputError, match="not stationary: the variance of X changes from"):
        js.correlations(run, 0.5)


def test_without_a_theory_there_are_results():
    """No stable steady state of the rate equations: dashes for linear noise, and a figure."""
    run = js.simulate(HOHLRAUM, TIMES, 64, START, seed=3)
    found = dataclasses.replace(js.correlations(run, AFTER), noise=None)
    assert "-" in str(found)
    assert "nan" not in str(found)
    assert plotting.correlations(found).axes

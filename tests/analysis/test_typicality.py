"""Typicality: deviations, bands, the exponent of the relative spread, intervals."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize, stats
from support.typical_runs import BASE, TIMES, balanced, sizes

import jumpsim as js
from jumpsim import plotting, statistics
from jumpsim.analysis.fluctuations.size_fit import terms_of_size, weighted_fit
from jumpsim.analysis.requirements import scaled_copies
from jumpsim.cli.main import main
from jumpsim.model.initial import Thermal


@pytest.fixture(scope="module")
def run():
    return js.typicality(js.simulate(BASE, TIMES, 300, Thermal(1.0), seed=1))


def test_deviations_bands_and_rows(run):
    counts = run.ensemble.counts
    theory = js.mean_field(BASE, TIMES, Thermal(1.0)).counts
    expected = np.abs(counts - theory).max(axis=1) / 100
    np.testing.assert_allclose(run.deviations, expected, rtol=1e-12)
    for level, band in zip(run.quantiles, run.bands, strict=True):
        np.testing.assert_array_equal(
            band, np.quantile(counts, level, axis=0, method="inverted_cdf")
        )
    unusual = (expected / expected.mean(axis=0)).max(axis=1)
    assert run.most_typical == unusual.argmin()
    assert run.most_atypical == unusual.argmax()
    text = str(run)
    assert "300 trajectories of open_waveguide" in text
    assert f"most atypical {unusual.argmax()}" in text


def test_fractions_within(run):
    fraction, low, _ = run.within(0.1)
    np.testing.assert_array_equal(fraction, (run.deviations <= 0.1).mean(axis=0))
    assert (low < fraction).all()
    everyone = run.within(10.0)
    np.testing.assert_array_equal(everyone[0], 1)
    assert (everyone[1] < 1).all()
    assert (everyone[1] > 0.98).all()
    with pytest.raises(js.InputError, match="`epsilon` must be a finite number > 0"):
        run.within(0)


def test_slabs_change_nothing(run, slabs):
    slabs(samples=8 * 11 * 3 * 7)
    again = js.typicality(run.ensemble)
    np.testing.assert_array_equal(again.deviations, run.deviations)
    np.testing.assert_array_equal(again.bands, run.bands)


def test_exponent_of_the_open_waveguide():
    """-1/2 within 0.03 and within three errors; the slow test asks for 0.01 up to λ = 1000."""
    found = js.typicality_scaling(sizes((1, 4, 16, 64), (2000, 1000, 1000, 1000)))
    assert found.exponents == pytest.approx([-0.5] * 3, abs=0.03)
    assert (np.abs(found.exponents + 0.5) < 3 * found.exponent_errors).all()
    assert (found.exponent_errors < 0.017).all()
    assert (found.chi_square < stats.chi2.isf(1e-4, 1)).all()
    assert "typical: decreases as size^(-1/2)" in str(found)


@pytest.mark.slow
def test_exponent_up_to_a_thousand():
    """-1/2 within 0.01 and within 1.96 errors: each pool's would fail in 5 % of seeds."""
    factors = (1, 3, 10, 30, 100, 300, 1000)
    found = js.typicality_scaling(sizes(factors, (20_000,) * 5 + (10_000, 4000)))
    print(found)
    assert found.exponents == pytest.approx([-0.5] * 3, abs=0.01)
    assert (np.abs(found.exponents + 0.5) < 1.96 * found.exponent_errors).all()
    assert (found.exponent_errors < 0.002).all()
    assert (found.chi_square < stats.chi2.isf(1e-4, 4)).all()


def test_the_correction_for_small_systems():
    """A law with such a correction is found again; two or three sizes are fitted without."""
    factors = np.array([1.0, 2, 5, 20, 100])
    law = 0.3 * factors**-0.5 * np.exp(0.1 * (1 / factors - 1))
    terms = terms_of_size(factors, correction=True)
    fit, errors, chi = weighted_fit(terms, np.log(law)[:, None], np.full((5, 1), 0.01))
    assert fit[:, 0] == pytest.approx([np.log(0.3), -0.5, 0.1])
    assert chi[0] == pytest.approx(0, abs=1e-12)
    assert (errors > 0).all()
    assert len(js.typicality_scaling(sizes((1, 4, 16), (50,) * 3)).fit) == 2
    four = js.typicality_scaling(sizes((1, 2, 4, 8), (50,) * 4))
    assert len(four.fit) == 3
    assert four.fitted(four.factors).shape == (4, 3)
    assert "undecided: standard error above 0.05" in four.verdict_by_pool[0]


@pytest.mark.slow
def test_errors_of_the_exponent_cover():
    """400 repetitions; the fraction within 1.96 errors of -1/2 for sizes where it is exact."""
    model = js.systems.open_waveguide(40, 40, 1e4, 0, (0, 0), (0, 0))
    times = [1e-5, 3e-5]
    inside = []
    for seed in range(400):
        runs = [
            js.typicality(
                js.simulate(model.scaled(f), times, 100, {"A": 40 * f, "B": 40 * f, "m": 0}, seed)
            )
            for f in (16, 64, 256)
        ]
        # Pool m never moves: undecided. A and B decay by themselves.
        found = js.typicality_scaling(runs)
        inside.append(np.abs(found.exponents[:2] + 0.5) < 1.96 * found.exponent_errors[:2])
    covered = np.mean(inside, axis=0)
    print(covered)
    assert ((covered > 0.910) & (covered < 0.9825)).all()


def test_intervals_of_medians_cover():
    """400 samples of 60: at least 95 % by construction; lower limit at an alarm of 0.1 %."""
    rng = np.random.default_rng(2)
    samples = rng.exponential(size=(60, 400))
    low, high = statistics.median_interval(samples)
    covered = ((low <= math.log(2)) & (math.log(2) <= high)).mean()
    assert covered > 0.910
    assert (high - low).mean() < 0.8
    low, high = statistics.median_interval(samples[:4])
    assert (low == -np.inf).all()
    assert (high == np.inf).all()


@pytest.mark.parametrize(("n", "p"), [(20, 0.05), (60, 0.5), (200, 0.99), (50, 1e-3)])
def test_intervals_of_proportions_cover(n, p):
    """Exactly: the probability that the interval holds p is 95 % at least, for any p."""
    k = np.arange(n + 1)
    low, high = statistics.proportion_interval(k, n)
    covered = stats.binom.pmf(k, n, p)[(low <= p) & (p <= high)].sum()
    assert covered >= 0.95
    assert low[0] == 0
    assert high[0] > 0
    assert high[n] == 1
    assert low[n] < 1


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (
            lambda: js.typicality(js.simulate(BASE, TIMES, 3, Thermal(1.0), 1, "jumps")),
            'needs the counts, but this run recorded jumps; run it again with record "counts"',
        ),
        (
            lambda: js.typicality(js.simulate(BASE, TIMES, 0, Thermal(1.0), 1)),
            "there is no trajectory to analyse",
        ),
        (lambda: js.typicality_scaling(sizes((1,), (5,))), "at least 2 sizes"),
        (lambda: js.typicality_scaling(sizes((1, 1), (5, 5))), "two are equally large"),
        (lambda: js.typicality_scaling(sizes((1, 2), (5, 1))), "error needs 2 trajectories"),
        (
            lambda: js.typicality_scaling(
                [*sizes((1,), (5,)), *sizes((2,), (5,), times=TIMES / 2)]
            ),
            "its times differ; vary only `scale`",
        ),
        (
            lambda: js.typicality_scaling(
                [
                    *sizes((1,), (5,)),
                    js.typicality(
                        js.simulate(
                            js.systems.open_waveguide(200, 200, 1e4, 1e4, (1e7, 1), (1e7, 0)),
                            TIMES, 5, Thermal(1.0), 1,
                        )
                    ),
                ]
            ),
            "its pools or rates are not those of the smallest system",
        ),
        (
            lambda: js.production_signs(js.simulate(BASE, TIMES, 3, Thermal(1.0), 1)),
            "needs every event, but this run recorded counts",
        ),
        (lambda: js.signs_scaling([js.production_signs(e) for e in (balanced(1), balanced(1))]),
         "two are equally large"),
        (
            lambda: js.production_signs(js.simulate(BASE, [1e-7], 3, Thermal(1.0), 1, "events")),
            "signs need at least 2 times and 2 trajectories",
        ),
    ],
)  # fmt: skip
def test_refused(call, match):
    with pytest.raises(js.InputError, match=match):
        call()


def test_pools_of_other_quanta_are_not_the_same_physics():
    def idle(size, energy):
        model = js.Model([js.Pool.bosonic("A", size, energy)], [js.Channel("idle", 0)])
        return js.simulate(model, [1.0], 2, {"A": 1}, 1)

    assert scaled_copies([idle(20, 1.0), idle(10, 1.0)])[0] == [1, 0]
    with pytest.raises(
        js.InputError, match="its pools or rates are not those of the smallest system"
    ):
        scaled_copies([idle(10, 1.0), idle(20, 2.0)])


def test_trajectories_that_are_all_equal():
    model = js.systems.hohlraum(5, 5, 0)
    found = js.typicality(js.simulate(model, [0, 1], 4, (3, 2), 1))
    assert (found.deviations == 0).all()
    assert found.most_typical == found.most_atypical == 0
    larger = js.typicality(js.simulate(model.scaled(2), [0, 1], 4, (6, 4), 1))
    scaling = js.typicality_scaling([found, larger])
    assert np.isnan(scaling.exponents).all()
    assert "undecided: some trajectory never deviates" in str(scaling)


def test_on_the_command_line(tmp_path, capsys):
    stores = []
    for factor in (1, 4):
        spec = tmp_path / f"{factor}.toml"
        text = Path("data/typicality.toml").read_text().replace('"3 us"', '"500 ns"')
        spec.write_text(text.replace("scale = 1", f"scale = {factor}"))
        stores.append(str(tmp_path / f"{factor}.h5"))
        assert main(["run", str(spec), "-o", stores[-1], "-n", "100", "-q"]) == 0
    assert js.open(stores[1]).model.pool("m").size == 400
    capsys.readouterr()
    assert main(["typicality", *stores, "--epsilon", "0.1"]) == 0
    printed = capsys.readouterr()
    assert "within 0.1 in B: " in printed.out
    assert "open_waveguide × 4" in printed.out
    assert (tmp_path / "1-typicality.png").stat().st_size > 10_000
    assert printed.err == ""
    assert main(["typicality", stores[0], "--no-figure"]) == 0
    assert main(["typicality", str(tmp_path / "none.h5")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_figure_shows_what_was_measured():
    runs = sizes((1, 4), (60, 60), seed=2)
    tail, scaling = js.gaussian_tail(runs[0], paths=2000), js.typicality_scaling(runs)
    study = js.typicality_study(runs)
    assert study.scaling.chi_square.tolist() == scaling.chi_square.tolist()
    figure = plotting.typicality(dataclasses.replace(study, tail=tail, scaling=scaling))
    portrait, beyond, power = figure.axes
    p = int((runs[0].deviations[runs[0].most_atypical] / runs[0].deviations.mean(0)).argmax())
    assert p == 2
    drawn = {line.get_label(): line.get_ydata() for line in portrait.lines}
    counts = runs[0].ensemble.counts[:, :, p] / 100
    np.testing.assert_allclose(drawn["most atypical"], counts[runs[0].most_atypical])
    np.testing.assert_allclose(drawn["most typical"], counts[runs[0].most_typical])
    np.testing.assert_allclose(drawn["rate equations"], runs[0].theory.counts[:, p] / 100)
    x, y = beyond.containers[1].lines[0].get_data()
    np.testing.assert_allclose(x, tail.thresholds[:, 1])
    np.testing.assert_allclose(y, tail.observed[:, 1])
    x, y = power.containers[2].lines[0].get_data()
    np.testing.assert_allclose(x, [1, 4])
    np.testing.assert_allclose(y, scaling.typical[:, 2])
    ends = np.array(power.containers[2].lines[2][0].get_segments())[:, :, 1]
    np.testing.assert_allclose(np.diff(ends)[:, 0] / 2, scaling.typical[:, 2] * scaling.error[:, 2])
    curves = [line for line in power.lines if len(line.get_xdata()) == 60]
    np.testing.assert_allclose(curves[2].get_ydata()[[0, -1]], scaling.fitted([1, 4])[:, 2])
    ends = np.array(beyond.containers[1].lines[2][0].get_segments())[:, :, 1]
    np.testing.assert_allclose(ends.T, [tail.low[:, 1], tail.high[:, 1]])
    curves = [line for line in beyond.lines if len(line.get_xdata()) == len(tail.thresholds)]
    assert any(np.array_equal(line.get_ydata(), tail.predicted[:, 2]) for line in curves)
    for band, (low, high) in zip(portrait.collections, ((0, 4), (1, 3)), strict=True):
        edge = {tuple(v) for v in band.get_paths()[0].vertices}
        for level in (low, high):
            points = zip(
                runs[0].ensemble.times * 1e6, runs[0].bands[level, :, p] / 100, strict=True
            )
            assert {tuple(v) for v in points} <= edge
    for axis in figure.axes:
        assert axis.get_xlabel()
        assert axis.get_ylabel()


def test_fitted_deviations_and_verdicts():
    """The fit's own curve, and each verdict on either side of its limit."""
    runs = sizes((1, 2, 4, 8), (200,) * 4)
    found = js.typicality_scaling(runs)
    f, logs = found.factors[:, None], np.log(found.typical)
    np.testing.assert_allclose(
        np.log(found.fitted(found.factors)),
        found.fit[0] + found.fit[1] * np.log(f) + found.fit[2] * (1 / f - 1),
    )
    _, fit_errors, _ = weighted_fit(terms_of_size(found.factors, True), logs, found.error)
    np.testing.assert_allclose(found.exponent_errors, fit_errors[1])
    spread = np.log(runs[2].deviations)
    np.testing.assert_allclose(found.error[2], spread.std(axis=0, ddof=1) / np.sqrt(200))
    np.testing.assert_allclose(logs[2], spread.mean(axis=0))
    errors = np.array([0.01, 0.01, 0.051])
    for b, printed in ((-0.5195, "typical: decreases"), (-0.4805, "typical: decreases"),
                    (-0.5197, "exponent differs"), (-0.4803, "exponent differs"),
                    (0.5, "exponent differs")):  # fmt: skip
        fit = found.fit.copy()
        fit[1] = b
        verdicts = dataclasses.replace(found, fit=fit, exponent_errors=errors).verdict_by_pool
        assert verdicts[0].startswith(printed)
        assert verdicts[2] == "undecided: standard error above 0.05; simulate more"


def test_weights_of_the_fit():
    """Least squares with a covariance, by another solver; the errors are its own."""
    rng = np.random.default_rng(1)
    factors, error = np.array([1.0, 2, 5, 20, 100]), np.array([0.01, 0.05, 0.02, 0.1, 0.03])
    terms, y = terms_of_size(factors, True), rng.normal(-0.5 * np.log(factors), error)
    fit, errors, chi = weighted_fit(terms, y[:, None], error[:, None])
    basis, covariance = optimize.curve_fit(
        lambda f, a, b, c: a + b * np.log(f) + c * (1 / f - 1), factors, y, (0, 0, 0), error, True
    )
    np.testing.assert_allclose(fit[:, 0], basis, rtol=1e-5)
    np.testing.assert_allclose(errors[:, 0], np.sqrt(np.diag(covariance)), rtol=1e-5)
    assert chi[0] == pytest.approx((((y - terms @ basis) / error) ** 2).sum(), rel=1e-4)


def test_species_of_a_reaction_network_are_measured_by_their_largest_count():
    """Immigration and death: deviations fall as size^(-1/2), for a system without any size.

    Wrong by chance alone in 5 % of runs; the seeds are fixed.
    """
    X = js.Pool.mass_action("X")
    channels = js.Channel.reversible("in", "out", 40.0, {}, {"X": 1}, reverse_rate=1.0)
    model = js.Model([X], channels)
    runs = []
    for factor in (1, 4, 16):
        start = js.Fixed({"X": 40}).scaled(factor)
        times = np.linspace(0.1, 2, 20)
        run = js.simulate(model.scaled(factor), times, 4000, start, factor, progress=False)
        runs.append(js.typicality(run))
    assert [run.sizes[0] for run in runs] == pytest.approx([40, 160, 640])
    found = js.typicality_scaling(runs)
    assert found.factors.tolist() == [1, 4, 16]
    assert found.exponents[0] == pytest.approx(-0.5, abs=0.03)
    assert "largest count by the rate equations" in str(runs[0])

"""Entropy produced in windows: by hand, exact laws, the contrast of chiral and balanced loops."""

from types import SimpleNamespace

import numpy as np
import pytest
from support.systems import HOHLRAUM

import jumpsim as js
from jumpsim.analysis.entropy.clausius import Clausius
from jumpsim.cli.main import main

START = {"N": 8, "m": 0}
TIMES = [0.1, 0.3, 1.0]
LOOP = {
    "tls": 2, "modes": 2, "modes_wg": 2, "gamma_dec": 1.0, "gamma_0": 1.0, "gamma_3": 1.0,
    "gamma_tilde": (100.0, 0), "gamma_tilde_wg": (100.0, 0),
}  # fmt: skip
HOT_B = js.Thermal({"A": 1.3, "B": 0.7, "1": 1.0, "2": 1.0, "m": 1.0})


def exact(begin, end):
    """Law of ΔS_B between two times, as values and probabilities, from the master equation."""
    first = js.master_equation(HOHLRAUM, [begin], START)
    entropy = js.thermo.boltzmann_entropies(HOHLRAUM, first.states).sum(axis=1)
    values, weights = [], []
    for k, p in enumerate(first.probabilities[0]):
        if p > 1e-15:
            here = dict(zip(HOHLRAUM.pools, first.states[k].tolist(), strict=True))
            later = js.master_equation(HOHLRAUM, [end - begin], here)
            after = js.thermo.boltzmann_entropies(HOHLRAUM, later.states).sum(axis=1)
            values.append(after - entropy[k])
            weights.append(p * later.probabilities[0])
    return np.concatenate(values), np.concatenate(weights)


def test_windows_by_hand():
    ensemble = js.simulate(HOHLRAUM, TIMES, 200, START, 1, ["counts", "events"])
    produced = js.thermo.internal_production(ensemble)
    whole = js.window_production(ensemble)
    np.testing.assert_array_equal(whole.produced, produced[:, -1])
    late = js.window_production(ensemble, 0.1, "300 ms")
    np.testing.assert_allclose(late.produced, produced[:, 1] - produced[:, 0])
    assert late.decreasing[0] == (late.produced < -1e-9).mean()
    assert late.mean[1] == pytest.approx(late.produced.std(ddof=1) / np.sqrt(200))
    assert late.size == 8
    assert "from 100 to 300 ms" in str(late)


def test_against_the_exact_distribution():
    """Single scores, |Z| < 4.5."""
    ensemble = js.simulate(HOHLRAUM, TIMES, 50_000, START, 2)
    found = js.window_production(ensemble, 0.1, 0.3)
    values, weights = exact(0.1, 0.3)
    mean, error = found.mean
    assert abs(mean - values @ weights) < 4.5 * error < 0.05
    falling = weights[values < -1e-9].sum()
    assert 0.02 < falling < 0.5
    assert abs(found.decreasing[0] - falling) < 4.5 * np.sqrt(falling / 50_000)


@pytest.mark.parametrize("gamma_dec", [0.0, 1.0])
def test_the_average_of_a_large_system_is_that_of_the_rate_equations(gamma_dec):
    """∫σ dt is the identity dS + Σ Q/T, and the average of large systems; |Z| < 4.5."""
    model = js.systems.open_waveguide(4000, 4000, gamma_dec, 1.0, (10.0, 0), (0.1, 0))
    ensemble = js.simulate(model, [0.02, 0.05], 40, js.Thermal(1.0), 1, ["counts", "events"])
    found = js.window_production(ensemble, 0.02, 0.05)
    assert found.expected < 0
    mean, error = found.mean
    assert abs(mean - found.expected) < 4.5 * error < 0.2 * abs(mean)
    times = np.linspace(0.02, 0.05, 4001)
    course = js.mean_field(model, times, js.Thermal(1.0)).counts
    sigma = js.thermo.entropy_production(model, course).total
    assert found.expected == pytest.approx(np.mean((sigma[1:] + sigma[:-1]) / 2) * 0.03, rel=1e-4)


def test_losses_die_out_or_become_certain():
    """The same start: with the long path losses die out with size, without it they are certain."""
    windows = []
    for factor in (10, 1, 60):
        for long_path in (False, True):
            model = js.systems.closed_waveguide(**LOOP, long_path=long_path).scaled(factor)
            ensemble = js.simulate(model, [0.002, 0.02], 600, HOT_B, factor)
            windows.append(js.window_production(ensemble))
    found = js.clausius(windows)
    chiral, balanced = (
        (f for f, runs in enumerate(found.families) if runs[-1].expected < 0),
        (f for f, runs in enumerate(found.families) if runs[-1].expected > 0),
    )
    chiral, balanced = next(chiral), next(balanced)
    assert found.factors[0].tolist() == [1, 10, 60]
    assert found.families[chiral][-1].decreasing[0] == 1
    assert (
        found.families[balanced][-1].decreasing[0]
        < 0.02
        < found.families[balanced][0].decreasing[0]
    )
    assert found.trend(chiral) == "the entropy decreases almost surely in larger systems"
    assert found.trend(balanced) == "entropy decreases become rare in larger systems"
    text = str(found)
    assert "closed waveguide, balanced × 60" in text
    assert "closed waveguide, chiral × 10" in text
    run = found.families[chiral][-1]
    printed = f"{run.mean[0] / 120:+.4g} ± {run.mean[1] / 120:.2g}"
    assert printed in text
    *histograms, fractions = js.plotting.clausius(found).axes
    assert len(histograms) == 2
    for container, runs in zip(fractions.containers, found.families, strict=True):
        x, y = container.lines[0].get_data()
        assert x.tolist() == [2, 20, 120]
        np.testing.assert_allclose(y, [run.decreasing[0] for run in runs])
        ends = np.array(container.lines[2][0].get_segments())[:, :, 1]
        np.testing.assert_allclose(ends, [run.decreasing[1:] for run in runs])
    for axis, runs in zip(histograms, found.families, strict=True):
        drawn = {p.get_label(): p.get_data() for p in axis.patches}
        assert list(drawn) == ["size 2", "size 20", "size 120"]
        for run in runs:
            values, edges, _ = drawn[f"size {run.size:g}"]
            density = np.histogram(run.produced / run.size, edges, density=True)[0]
            np.testing.assert_allclose(values, density)


@pytest.mark.parametrize(
    ("first", "last", "printed"),
    [
        ((0.3, 0.5), (0.1, 0.2), "become rare"),
        ((0.3, 0.5), (0.1, 0.4), "no trend"),  # the intervals overlap
        ((0.8, 0.9), (0.6, 0.7), "no trend"),  # rarer, but not rare
        ((0.3, 0.5), (0.7, 0.8), "almost surely"),
        ((0.3, 0.5), (0.4, 0.8), "no trend"),
        ((0.6, 0.8), (0.7, 0.9), "no trend"),
        ((0.1, 0.2), (0.3, 0.4), "no trend"),
    ],
)
def test_verdicts_by_intervals(first, last, printed):
    family = [SimpleNamespace(decreasing=(sum(ends) / 2, *ends)) for ends in (first, last)]
    found = Clausius([family], [np.array([1.0, 10.0])])
    assert printed in found.trend(0)


def test_one_size_and_no_trend():
    runs = [js.window_production(js.simulate(HOHLRAUM, TIMES, 50, START, 1))]
    assert js.clausius(runs).trend(0) == "undecided: one size only"
    twice = HOHLRAUM.scaled(2)
    start = {name: 2 * n for name, n in START.items()}
    runs.append(js.window_production(js.simulate(twice, TIMES, 3, start, 1)))
    assert "undecided: no trend" in js.clausius(runs).trend(0)
    still = js.simulate(js.systems.hohlraum(5, 5, 0), [0.0, 1.0], 4, (3, 2), 1)
    rest = js.window_production(still)
    assert rest.decreasing[0] == 0
    assert js.plotting.clausius(js.clausius([rest])).axes


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda e: js.window_production(e, 0.2), "the nearest to 0.2 s is"),
        (lambda e: js.window_production(e, 0.3, 0.1), "`until` must be later than `after`"),
        (lambda e: js.window_production(e, 0.0, 2.0), "`until` must be one of the stored times"),
        (lambda _: js.clausius([]), "give at least one store"),
        (
            lambda e: js.clausius([js.window_production(e), js.window_production(e, 0.1)]),
            "the time windows differ",
        ),
        (
            lambda e: js.clausius([js.window_production(e, 0.1, t) for t in (0.3, 1.0)]),
            "the time windows differ",
        ),
    ],
)
def test_refused(call, match):
    with pytest.raises(js.InputError, match=match):
        call(js.simulate(HOHLRAUM, TIMES, 3, START, 1))


def test_refused_for_what_is_kept():
    model = js.systems.open_waveguide(4, 4, 1.0, 1.0, (1.0, 0), (1.0, 0))
    ensemble = js.simulate(model, TIMES, 3, js.Thermal(1.0), 1)
    with pytest.raises(js.InputError, match="needs every event, but this run recorded counts"):
        js.window_production(ensemble)
    with pytest.raises(js.InputError, match="an average needs 2 trajectories"):
        js.window_production(js.simulate(HOHLRAUM, TIMES, 1, START, 1))


def test_on_the_command_line(tmp_path, capsys):
    folder = tmp_path / "sweep"
    vary = ["--vary", "scale=1,20", "--vary", "parameters.long_path=false,true"]
    assert main(["sweep", "data/clausius.toml", "-o", str(folder), "-n", "100", "-q", *vary]) == 0
    capsys.readouterr()
    stores = sorted(map(str, folder.glob("*.h5")))
    figure = tmp_path / "figure"
    assert main(["clausius", *stores, "--until", "0.2 us", "--figure", str(figure)]) == 0
    printed = capsys.readouterr()
    assert (
        "closed waveguide, chiral: the entropy decreases almost surely in larger systems"
        in printed.out
    )
    assert figure.with_suffix(".png").stat().st_size > 10_000
    assert printed.err == ""


@pytest.mark.slow
def test_intervals_cover():
    """400 seeds: mean within [0.910, 0.9825], alarm 0.1 %; the fraction at least the lower one."""
    values, weights = exact(0.1, 0.3)
    mean, falling = values @ weights, weights[values < -1e-9].sum()
    inside = []
    for seed in range(400):
        found = js.window_production(js.simulate(HOHLRAUM, TIMES, 300, START, seed), 0.1, 0.3)
        _, low, high = found.decreasing
        inside.append([abs(found.mean[0] - mean) < 1.96 * found.mean[1], low <= falling <= high])
    covered = np.mean(inside, axis=0)
    print(covered)
    assert 0.910 < covered[0] < 0.9825
    assert covered[1] > 0.910


def test_a_pool_that_starts_empty():
    """∫σ dt with ln 0 at the begin, against the entropy changes of single events in a large system.

    Also against a sum over many decades of time; |Z| < 4.5.
    """
    model = js.Model(
        [js.Pool.bosonic("A", 3000), js.Pool.bosonic("B", 3000)],
        [
            *js.Channel.reversible("A→B", "B→A", 3000.0, {"A": 1}, {"B": 1}),
            *js.Channel.reversible("B out", "B in", 3000.0, {"B": 1}, {}, reverse_rate=500.0,
                                   bath="end"),
        ],
    )  # fmt: skip
    start = {"A": 6000, "B": 0}
    run = js.simulate(model, [0.2, 1.0], 40, start, 1, ["counts", "events"], progress=False)
    found = js.window_production(run)
    mean, error = found.mean
    assert abs(mean - found.expected) < 4.5 * error < 0.05 * abs(mean)
    times = np.concatenate([[0], np.geomspace(1e-9, 1.0, 20_001)])
    counts = js.mean_field(model, times, start).counts[1:]
    sigma = js.thermo.entropy_production(model, counts).total
    expected = (np.diff(times[1:]) * (sigma[1:] + sigma[:-1]) / 2).sum()
    assert found.expected == pytest.approx(expected, rel=1e-5)
    assert "inf" not in str(found)


def test_nothing_within_the_system():
    lamp = js.Model(
        [js.Pool.bosonic("A", 10)],
        js.Channel.reversible("in", "out", 1.0, {}, {"A": 1}, reverse_rate=2.0, bath="end"),
    )
    run = js.simulate(lamp, [0.5, 1.0], 20, {"A": 0}, 1, ["counts", "events"], progress=False)
    for analysis in (js.window_production, js.production_signs):
        with pytest.raises(js.InputError, match=r"every event of .* exchanges heat with a bath"):
            analysis(run)


def test_mass_action_has_no_entropy():
    X = js.Pool.mass_action("X")
    birth = js.Model([X], js.Channel.reversible("in", "out", 3.0, {}, {"X": 1}, reverse_rate=1.0))
    run = js.simulate(birth, [0.5, 1.0], 20, {"X": 0}, 1, ["counts", "events"], progress=False)
    for analysis in (js.window_production, js.production_signs):
        with pytest.raises(js.InputError, match="entropy of pool 'X' is not defined"):
            analysis(run)
    text = str(js.thermo.along(run, 0))
    assert "Boltzmann" not in text
    assert "Σ ln(w/w_reverse)" in text

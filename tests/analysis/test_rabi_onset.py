"""Onset of Rabi oscillation: histogram of waits, errors, χ² and both theories typed here."""

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2
from support.quantum_jumps import EMPTY, FIELD, MACHINE, MODE, bars, drawn_line

import jumpsim as js
from jumpsim import plotting
from jumpsim.analysis.events.rabi_onset import _chi_square
from jumpsim.theory.twolevel.waiting_times import waiting_time_distribution


def rabi_runs(couplings, ntraj=20_000, **changes):
    levels = {**MACHINE, "omega_cav": 10.0, "gamma_u": 0.1, "gamma_l": 0.1, **changes}
    return [
        js.simulate(
            js.systems.two_level_mode(**{**levels, "g": g}), [0.0, 12.0], ntraj,
            {"u": 1, "l": 0, "photon": 0}, seed, record="events",
        )
        for seed, g in enumerate(couplings)
    ]  # fmt: skip


def test_rabi_oscillation_sets_in():
    result = js.rabi_onset(rabi_runs([1.6, 0.02], gamma_b=0.6))
    assert [e.model.coupling for e in result.ensembles] == [0.02, 1.6]
    assert (result.p_exact > 1e-3).all()
    assert result.p_golden[1] < 1e-9
    strong = result.exact[1]
    peaks = np.flatnonzero((strong[1:-1] > strong[:-2]) & (strong[1:-1] > strong[2:])) + 1
    # Photons are there when the excitation is, twice in each period π/g of its amplitude.
    gaps = np.diff(result.fine[peaks])
    assert gaps[0] == pytest.approx(np.pi / 1.6, rel=0.05)
    assert len(peaks) > 4
    weak = result.golden[0][200:] / result.exact[0][200:]
    assert np.abs(weak - 1).max() < 0.3  # from 1/Γ on the golden rule is nearly right
    text = str(result)
    assert text.count("agrees, p") >= 2
    assert "DISAGREES" in text
    assert plotting.rabi_onset(result).axes


@pytest.mark.parametrize(
    ("runs", "text"),
    [
        (list, "at least one ensemble"),
        (lambda: rabi_runs([0.5], 100), "500 trajectories"),
        (lambda: rabi_runs([0.5], 600) + rabi_runs([0.6], 600, gamma_b=0.7), "more than the"),
        (lambda: [js.simulate(FIELD, [1.0], 9, {"u": 0, "l": 0})], "quantised mode"),
        (lambda: [js.simulate(MODE, [1.0], 600, EMPTY)], "needs every event"),
    ],
)  # fmt: skip
def test_rabi_refusals(runs, text):
    with pytest.raises(js.InputError, match=text):
        js.rabi_onset(runs())


def first_photons(run):
    times = []
    for i in range(run.ntraj):
        when, channels = run.events(i)
        times += when[channels == 5][:1].tolist()
    return np.array(times)


def test_rabi_by_hand():
    """Histogram, errors, both laws and χ² of first photons, in runs of unequal length."""
    levels = {
        "E_u": 10.0, "E_l": 0.0, "omega_cav": 10.8, "gamma_u": 0.3, "gamma_l": 0.9, "gamma_b": 0.6,
        "f_u": 0.9, "f_l": 0.2, "n_b": 0.1,
    }  # fmt: skip
    start, runs = {"u": 1, "l": 0, "photon": 3}, []
    for g, end, n in ((1.2j, 5.0, 900), (0.2, 6.0, 700)):
        model = js.systems.two_level_mode(**levels, g=g)
        runs.append(js.simulate(model, [end], n, start, 5, record="events"))
    found = js.rabi_onset(runs)
    assert found.ensembles == runs[::-1]
    np.testing.assert_allclose(found.edges, np.linspace(0, 5, 41))
    np.testing.assert_allclose(found.fine, np.linspace(0, 5, 801), atol=1e-15)
    text = str(found)
    for k, run in enumerate(runs[::-1]):
        n = run.ntraj
        numbers, _ = np.histogram(first_photons(run), found.edges)
        np.testing.assert_allclose(found.density[k], numbers / n / 0.125)
        part = (numbers + 1) / (n + 2)
        np.testing.assert_allclose(found.error[k], np.sqrt(part * (1 - part) / n) / 0.125)
        law = waiting_time_distribution(run.model, found.fine, run.initial, ["photon to bath"])
        np.testing.assert_allclose(found.exact[k], law.density, rtol=1e-9, atol=1e-12)
        rates = {name: value for name, value in levels.items() if name[0] not in "Eo"}
        counts = js.systems.two_level(g=run.model.coupling, delta_cav=0.8, **rates)
        rule = js.waiting_time_distribution(
            counts, found.fine, run.initial, "photon to bath", truncate={"photon": 60}
        )
        np.testing.assert_allclose(found.golden[k], rule.density, rtol=1e-7, atol=1e-10)
        for p, survival in ((found.p_exact[k], law.survival), (found.p_golden[k], rule.survival)):
            expected = np.append(-np.diff(survival[::20]), survival[-1]) * n
            seen = np.append(numbers, n - numbers.sum())
            joined = [[0.0, 0.0]]
            for e, o in zip(expected, seen, strict=True):
                if joined[-1][0] >= 10:
                    joined.append([0.0, 0.0])
                joined[-1] = [joined[-1][0] + e, joined[-1][1] + o]
            if joined[-1][0] < 10:
                e, o = joined.pop()
                joined[-1] = [joined[-1][0] + e, joined[-1][1] + o]
            statistic = sum((o - e) ** 2 / e for e, o in joined)
            assert p == pytest.approx(chi2.sf(statistic, len(joined) - 1), rel=1e-6)
        g = run.model.coupling
        assert re.search(rf"^ *{g:.4g} +{4 * g / 1.8:.3g} +{n} ", text, re.M)
    start = {**start, "photon": 2}
    other = js.simulate(runs[0].model, [5.0], 600, start, 5, record="events")
    with pytest.raises(js.InputError, match="more than the coupling"):
        js.rabi_onset([runs[0], other])


def test_chi_square_of_few_counts():
    """Bins of less than ten expected are put together, the last ones with the one before."""
    survival = np.array([1.0, 0.9, 0.88, 0.86, 0.5, 0.49])  # of 200: 20, 4, 4, 72, 2 and 98
    p = _chi_square(np.array([25, 3, 5, 60, 4]), 200, survival)
    statistic = 25 / 20 + (68 - 80) ** 2 / 80 + (107 - 100) ** 2 / 100
    assert p == pytest.approx(chi2.sf(statistic, 2))
    survival = np.array([1.0, 0.5, 0.02])  # 100, 96 and 4
    p = _chi_square(np.array([90, 104]), 200, survival)
    assert p == pytest.approx(chi2.sf(100 / 100 + 100 / 100, 1))


def test_figure_of_rabi_oscillation():
    """Marks in the middle of their bins, both laws, in the unit of the axis."""
    found = js.rabi_onset(rabi_runs([1.6, 0.02], 600))
    found = replace(found, edges=found.edges * 1e-3, fine=found.fine * 1e-3)
    figure = plotting.rabi_onset(found)
    assert "(ms)" in figure.axes[0].get_xlabel()
    assert figure.axes[0].get_ylabel() == "probability density (1/ms)"
    for k, axis in enumerate(figure.axes):
        x, y, below, above = bars(axis.containers[0])
        np.testing.assert_allclose(x, 1e3 * (found.edges[:-1] + np.diff(found.edges) / 2))
        np.testing.assert_allclose(y, found.density[k] / 1e3)
        np.testing.assert_allclose([below, above], [found.error[k] / 1e3] * 2, atol=1e-12)
        for style, law in (("-", found.exact[k]), (":", found.golden[k])):
            (line,) = drawn_line(axis, linestyle=style)
            np.testing.assert_allclose(line, [found.fine * 1e3, law / 1e3])
        p = found.ensembles[k].model.parameters
        assert axis.texts[0].get_text() == f"4g/Γ = {4 * p.g.real / p.width:.3g}"

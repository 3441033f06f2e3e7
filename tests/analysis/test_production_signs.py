"""Signs of the entropy production of single trajectories, and their share against size."""

import dataclasses
import math

import numpy as np
import pytest
from support.typical_runs import BASE, balanced

import jumpsim as js
from jumpsim import plotting, statistics
from jumpsim.model.initial import Thermal


def test_production_from_counts_alone():
    """Without baths the counts are enough, and give what the events give."""
    both = balanced(1, ("counts", "events")), balanced(1, "counts")
    one = js.simulate(both[0].model, both[0].times, 400, both[0].initial, 1, "events")
    for other in both:
        np.testing.assert_allclose(
            js.thermo.internal_production(one), js.thermo.internal_production(other), atol=1e-10
        )


def test_unusual_signs_die_out_with_size():
    runs = [js.production_signs(balanced(f)) for f in (16, 1, 4)]
    found = js.signs_scaling(runs)
    assert found.factors.tolist() == [1, 4, 16]
    assert found.share[2] < 0.5 * found.share[0]
    assert found.ever[2, 0] < 0.5 * found.ever[0, 0]
    one = runs[1]
    known = np.array([0.1, 0.2, 0.4])[~np.isnan(one.opposite)]
    assert 0 < len(known) < 3  # in steady state the average produces nothing
    produced = np.diff(js.thermo.internal_production(one.ensemble), axis=1)
    other = (produced * np.sign(one.mean) < -1e-9) & ~np.isnan(one.opposite)
    assert one.duration == pytest.approx((other @ [0.1, 0.2, 0.4]).mean())
    assert found.share[0] == pytest.approx(one.duration / known.sum())
    assert found.share_error[0] == pytest.approx(one.duration_sem / known.sum())
    np.testing.assert_array_equal(found.ever[0], one.ever)
    study = js.typicality_study([js.typicality(balanced(1))], signs=False)
    study = dataclasses.replace(study, tail=None, signs_scaling=found)
    (panel,) = plotting.typicality(study).axes[1:]
    for bars, value, low, high in (
        (panel.containers[0], found.share, found.share - found.share_error,
         found.share + found.share_error),
        (panel.containers[1], *found.ever.T),
    ):  # fmt: skip
        np.testing.assert_allclose(bars.lines[0].get_ydata(), value)
        ends = np.array(bars.lines[2][0].get_segments())[:, :, 1]
        np.testing.assert_allclose(ends.T, [low, high], atol=1e-12)
    assert "hohlraum × 16" in str(found)


def test_signs_of_the_entropy_production():
    times = np.linspace(0, 1e-6, 6)
    ensemble = js.simulate(BASE, times, 300, Thermal(1.0), seed=2, record="events")
    found = js.production_signs(ensemble)
    produced = np.diff(js.thermo.internal_production(ensemble), axis=1)
    known = np.abs(produced.mean(0)) > 3 * produced.std(0, ddof=1) / math.sqrt(300)
    opposite = produced * np.sign(produced.mean(0)) < 0
    np.testing.assert_allclose(found.opposite[known], opposite.mean(0)[known])
    assert np.isnan(found.opposite[~known]).all()
    assert found.ever[0] == pytest.approx((opposite & known).any(axis=1).mean())
    lasted = ((opposite & known) * 2e-7).sum(axis=1)
    assert found.duration == pytest.approx(lasted.mean())
    assert found.duration_sem == pytest.approx(lasted.std(ddof=1) / math.sqrt(300))
    count = (opposite & known).sum(axis=0)
    limits = statistics.proportion_interval(count, 300)
    np.testing.assert_allclose([found.low[known], found.high[known]], np.array(limits)[:, known])
    assert found.opposite[0] < 0.01  # falling fast at first
    assert "sign opposite" in str(found)
    still = js.simulate(js.systems.hohlraum(5, 5, 0), [0, 1], 5, (3, 2), 1, "events")
    assert "undecided" in str(js.production_signs(still))


def test_what_rounding_leaves_is_no_sign(monkeypatch):
    produced = np.ones((400, 4)).cumsum(axis=1)
    produced[:3, 1] = produced[:3, 0] - 1e-12
    monkeypatch.setattr(
        "jumpsim.analysis.entropy.production_signs.internal_production", lambda _: produced
    )
    found = js.production_signs(balanced(1))
    assert found.opposite.tolist() == [0, 0, 0]
    assert found.ever[0] == 0

"""Differences of recorded times that are not long against the spacing of floats there."""

import numpy as np
import pytest

import jumpsim as js
from jumpsim.analysis.requirements import describe_unresolved


@pytest.fixture(scope="module")
def late():
    """Events with a mean wait of about 0.2 µs from 10⁹ s on, where floats are 0.12 µs apart."""
    model = js.Model(
        [js.Pool.mass_action("seed"), js.Pool.mass_action("q"), js.Pool.tls("m", 5)],
        [
            js.Channel("trigger", 1e-9, {"seed": 1}, {"q": 100}),
            js.Channel("up", 1e6, {"q": 1}, {"m": 1}),
            js.Channel("down", 1e6, {"m": 1}),
        ],
    )
    start = {"seed": 1, "q": 0, "m": 0}
    return js.simulate(model, [1e11], 50, start, seed=1, record=["events"])


def test_waits_that_are_not_resolved_are_reported(late):
    found = js.waiting_times(late, "up", following="up", max_states=0)
    zero = int((found.durations[found.ended] == 0).sum())
    assert zero > 100
    assert f"{zero} are exactly 0" in found.verdict
    assert found.spacing == np.spacing(max(late.events(i)[0][-1] for i in range(50)))
    assert found.verdict in str(found)
    # A first event, and a first passage, are times since 0 and have all of their digits.
    for other in (
        js.waiting_times(late, "trigger", max_states=0),
        js.first_passages(late, "q > 50", max_states=0),
    ):
        assert other.spacing == 0
        assert "warning" not in str(other)


def test_a_mean_of_waits_that_are_all_rounded_to_0_has_an_error():
    channels = [
        js.Channel("trigger", 1e-9, {"seed": 1}, {"q": 1}),
        js.Channel("decay", 1e12, {"q": 1}),
    ]
    model = js.Model([js.Pool.mass_action("seed"), js.Pool.mass_action("q")], channels)
    run = js.simulate(model, [1e11], 50, {"seed": 1, "q": 0}, seed=1, record=["events"])
    found = js.waiting_times(run, "decay", following="trigger", max_states=0)
    assert not found.durations.any()
    assert found.mean == (0.0, pytest.approx(found.spacing / np.sqrt(50)))
    assert "the median of the 50 waits is 0 s, and 50 are exactly 0" in found.verdict


def test_the_same_from_zero_needs_no_warning():
    model = js.Model(
        [js.Pool.tls("m", 5)],
        [js.Channel("up", 1e6, {}, {"m": 1}), js.Channel("down", 1e6, {"m": 1})],
    )
    run = js.simulate(model, [1e-4], 50, {"m": 0}, seed=1, record=["events"])
    found = js.waiting_times(run, "up", following="up", max_states=0)
    assert 0 < found.spacing < 1e-19
    for result in (found, js.telegraph(run), js.coincidences(run, "up", max_states=0)):
        assert "warning" not in str(result) + result.verdict


def test_dwell_times_that_are_not_resolved_are_reported(late):
    found = js.telegraph(late)
    spacing = np.spacing(found.times[-1])
    assert f"warning: recorded times are rounded to {spacing:.2g} s" in found.verdict
    assert found.verdict.splitlines()[-1] == str(found).splitlines()[-1]
    assert js.telegraph(late, row=3).times.size > 50


def test_bins_narrower_than_recorded_times_are_refused(late):
    with pytest.raises(js.InputError, match=r"bins of 1e-06 s are too narrow: .* 1.5e-05 s"):
        js.coincidences(late, "up", longest=1e-5, bins=10)


@pytest.mark.parametrize(
    ("waits", "spacing", "warned"),
    [
        ([], 1.0, False),
        ([0.0, 0.5], 0.0, False),
        ([200.0] * 5, 1.0, False),
        ([200.0] * 5 + [0.0], 1.0, True),
        ([99.0] * 5, 1.0, True),
        ([0.0] * 5, 1.0, True),
    ],
)
def test_the_rule(waits, spacing, warned):
    assert bool(describe_unresolved(np.array(waits, float), spacing)) is warned

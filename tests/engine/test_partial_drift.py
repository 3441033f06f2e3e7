"""Sums of the engine of many channels have no rounding error that accumulates."""

import numpy as np
import pytest
from support.many_channels import SYSTEMS, assert_same, random_network, run, waveguide

from jumpsim import engine, streams
from jumpsim.engine import trajectories

# Emitters between warm ends, so that events do not end: about 108 per second.
TURNOVER = waveguide(20, n=(0.4, 0.9))[0], (9, 4, *[1, 0] * 10)


@pytest.fixture(scope="module")
def million():
    """A million events of one trajectory, computed with one return to Python."""
    everything = {"samples", "jumps", "events"}
    rows = run(*TURNOVER, np.linspace(0, 9300, 9), everything, slice_events=2**40)
    assert 1.0e6 < rows.event_count[0] < 1.2e6
    return rows


@pytest.mark.parametrize(
    ("budget", "events"),
    [
        (2**20, 1_000_000),
        (1000, 1_000_000),
        (7, 50_000),
        (1, 10_000),
        pytest.param(7, 1_000_000, marks=pytest.mark.slow),
        pytest.param(1, 1_000_000, marks=pytest.mark.slow),
    ],
)
def test_no_rounding_error_accumulates_in_the_sums(budget, events, million):
    """Each return to Python computes all sums from the counts; all times are equal, bit for bit."""
    end = million.event_time[events]
    times = np.append(np.linspace(0, 9300, 9)[np.linspace(0, 9300, 9) < end], end)
    rows = run(*TURNOVER, times, {"samples", "jumps", "events"}, slice_events=budget)
    number = len(rows.event_time)
    assert number == events + 1
    np.testing.assert_array_equal(rows.event_time, million.event_time[:number])
    np.testing.assert_array_equal(rows.event_channel, million.event_channel[:number])
    np.testing.assert_array_equal(rows.samples[0, :-1], million.samples[0, : len(times) - 1])


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("budget", [1, 3, 100])
def test_returns_to_python_change_nothing(name, budget):
    model, start, end, _ = SYSTEMS[name]
    arguments = model, start, np.linspace(0, end, 7), {"samples", "jumps", "events"}
    assert_same(run(*arguments, rows=3), run(*arguments, rows=3, slice_events=budget))


@pytest.mark.slow
def test_no_rounding_error_after_a_billion_events():
    """The state after 10⁹ events, and the 10⁴ that follow, do not depend on the returns."""
    model, start = TURNOVER
    found = []
    for budget in (2**20, 2**28):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(trajectories, "SLICE_EVENTS", budget)
            stream = streams.states(2, 0, 1, streams.JUMPS)[0]
            path = engine.Path(model.engine, model.engine_input, np.array(start), stream)
            samples, jumps = path.sample(np.array([9.3e6]))
            assert path.events > 10**9
            state = path.state()
            following = 9.3e6 + np.linspace(0, 90, 51)[1:]
            later = path.sample(following)
            found.append([samples, jumps, *state.values(), *later])
            again = engine.Path(model.engine, model.engine_input, np.array(start), stream)
            again.go_on_from(**state, jumps=jumps[-1])
            for mine, theirs in zip(again.sample(following), later, strict=True):
                np.testing.assert_array_equal(mine, theirs)
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_compiled_or_not_the_kernel_is_the_same():
    """There is no code for one model; a run with much work left has that of the general kernel."""
    model, start = random_network(1)
    arguments = model, start, [0.0, 0.1], {"samples", "jumps", "events"}
    assert_same(run(*arguments, rows=80), run(*arguments, rows=80, left=np.inf))

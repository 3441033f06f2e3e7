"""The kernels: random words, slices, buffers, status codes and limiting cases."""

import math
from itertools import chain, combinations

import numpy as np
import pytest
from support.random_words import state_with
from support.systems import SMALL_WAVEGUIDE

import jumpsim as js
from jumpsim import engine, streams
from jumpsim.engine import kernel_state, random, trajectories
from jumpsim.engine.status import SENTENCES, Fault
from jumpsim.errors import SimulationError
from jumpsim.model.rates import RateTable
from jumpsim.model.stoichiometry import Changes

RECORDS = ("counts", "jumps", "events", "moments", "variances")
START = {"A": 9, "B": 4, "m": 2}
TIMES = np.linspace(0, 2, 9)


def run(model=SMALL_WAVEGUIDE, times=TIMES, ntraj=12, start=START, record=RECORDS, **options):
    return js.simulate(
        model, times, ntraj, start, 5, record, **{"workers": 1, "max_events": 10**5} | options
    )


def arrays(ensemble):
    out = {name: getattr(ensemble, name) for name in ("counts", "jumps") if name in ensemble.record}
    if "events" in ensemble.record:
        lists = [ensemble.events(i) for i in range(ensemble.ntraj)]
        out["event_time"] = np.concatenate([times for times, _ in lists])
        out["event_channel"] = np.concatenate([channels for _, channels in lists])
    if {"counts", "jumps", "events"} & set(ensemble.record):
        out["event_count"] = ensemble.event_count
    if {"counts", "moments"} & set(ensemble.record):
        out["cov"] = ensemble.cov()
    if {"counts", "moments", "variances"} & set(ensemble.record):
        out["mean"], out["var"] = ensemble.mean(), ensemble.var()
    return out


@pytest.fixture(scope="module", params=["direct", "partial_propensities"], autouse=True)
def method(request):
    """Each engine for models with jump rates, however few channels they have."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param != "direct":
            patch.setattr("jumpsim.model.model._MOST_DIRECT", 0)
        yield request.param


@pytest.fixture(scope="module")
def whole(method):
    assert SMALL_WAVEGUIDE.engine == method
    return arrays(run())


def assert_same(some, whole):
    assert some
    for name, values in some.items():
        np.testing.assert_array_equal(values, whole[name], err_msg=name)


@pytest.mark.parametrize("events", [1, 2, 7, 1000])
def test_slices_change_nothing(events, whole, monkeypatch):
    monkeypatch.setattr(trajectories, "SLICE_EVENTS", events)
    assert_same(arrays(run()), whole)


@pytest.mark.parametrize("size", [1, 3, 64])
def test_event_buffer_changes_nothing(size, whole, monkeypatch):
    monkeypatch.setattr(trajectories, "EVENT_BUFFER", size)
    assert_same(arrays(run()), whole)
    monkeypatch.setattr(trajectories, "SLICE_EVENTS", 7)
    assert_same(arrays(run()), whole)


SUBSETS = list(chain.from_iterable(combinations(RECORDS, k) for k in range(1, 6)))


@pytest.mark.parametrize("record", SUBSETS, ids="+".join)
def test_what_is_kept_changes_nothing(record, whole):
    ensemble = run(record=list(record))
    assert ensemble.record == record
    assert_same(arrays(ensemble), whole)


def test_grid_changes_nothing(whole):
    finer = run(times=np.linspace(0, 2, 17))
    np.testing.assert_array_equal(finer.counts[:, ::2], whole["counts"])
    np.testing.assert_array_equal(finer.jumps[:, ::2], whole["jumps"])
    later = run(times=[1.5, 2.0])
    np.testing.assert_array_equal(later.counts, whole["counts"][:, [6, 8]])
    assert_same({"event_time": arrays(later)["event_time"]}, whole)


EXTREME = [0, 1 << 12, 2 << 12, 2**63 - 1, 2**63, 2**64 - (1 << 12), 2**64 - 1]


def test_waiting_time_is_a_logarithm():
    words = np.random.default_rng(1).integers(0, 2**64, 2000, np.uint64)
    small = np.uint64(1) << np.arange(64, dtype=np.uint64)
    for word in [*words, *small, *~small, *np.array(EXTREME, np.uint64)]:
        expected = -math.log(1 - (int(word) >> 12) * 2.0**-52)
        assert random.exponential(word) == pytest.approx(expected, rel=4e-16, abs=0)


@pytest.mark.parametrize(
    ("word", "constants", "channel"),
    [
        (0, [1.0, 1.0, 1.0], 1),  # a rate of 0 is never chosen, not even by u = 0
        (1 << 63, [1.0, 2.0, 2.0], 2),  # u = 1/2 belongs to the later channel
        ((1 << 63) - 1, [1.0, 2.0, 2.0], 1),
        ((1 << 64) - 1, [1.0, 2.0, 2.0], 2),
    ],
)
def test_selection_at_its_borders(word, constants, channel, method):
    if method != "direct" and word == 1 << 63:
        pytest.skip("the group and its member are chosen by two numbers")
    state = state_with(word, 2)
    # The first channel needs a quantum of the empty pool, the others need nothing.
    hand_made = table(constants, [[(0, 0.0, 1.0)], [], []], [[-1], [0], [0]])
    out = engine.run(
        method, hand_made, np.array([5.0]), np.array([[0]]), state[None], ("events",), 1000
    )
    assert out.event_channel[0] == channel


def table(constants, factors, changes):
    """Build a `RateTable`: factors holds, for each channel, a list of (pool, offset, slope)."""
    flat = [f for channel in factors for f in channel]
    pools, offsets, slopes = (np.array([f[k] for f in flat], float) for k in range(3))
    first = np.cumsum([0, *map(len, factors)])
    return RateTable(
        np.array(constants, float),
        first,
        pools.astype(int),
        offsets,
        slopes,
        offsets,
        Changes.of(np.array(changes)),
    )


def fault(method, hand_made, start, rows=1, max_events=10**5):
    states = streams.states(1, 0, rows, streams.JUMPS)
    with pytest.raises(Fault) as caught:
        engine.run(
            method, hand_made, np.array([1e9]), np.full((rows, 1), start), states, (), max_events
        )
    return caught.value


def test_negative_rate(method):
    hand_made = table([0.0, 1.0, 1.0], [[], [], [(0, 3.0, -2.0)]], [[1], [0], [1]])
    error = fault(method, hand_made, 0)
    assert (error.status, error.channel, error.row) == (kernel_state.NEGATIVE_RATE, 2, 0)
    text = str(error.explain(7, ("a", "b", "c")))
    assert text.startswith(f"trajectory 7, t = {error.time:.6g} s: channel 'c' has a negative or")
    assert 0 < error.time < 100
    assert error.events >= 2


def test_undefined_rate(method):
    factors = [[(0, 0.0, 10.0), (0, 1.0, -1.0)]]
    assert fault(method, table([1e308], factors, [[0]]), 1).status == kernel_state.NEGATIVE_RATE


@pytest.mark.parametrize("factors", [[[(0, 0.0, 1e10)]], [[], [(0, 0.0, 2e-308)], [], []]])
def test_rate_that_is_not_finite(factors, method):
    changes = [[0]] * len(factors)
    error = fault(method, table([1e308] * len(factors), factors, changes), 5)
    assert error.status == kernel_state.NOT_FINITE
    text = str(error.explain(0, ("a",) * 4))
    assert text.startswith("trajectory 0, t = 0 s: the total rate is not a finite, normal number")


def test_overflow(method):
    growing = table([0.0, 1.0], [[], []], [[0], [1000]])
    error = fault(method, growing, 2**53 - 1000)  # 2^53 itself is still exact
    assert (error.status, error.channel, error.events) == (kernel_state.OVERFLOW, 1, 2)
    assert "channel 'b' increased a count above 2^53" in str(error.explain(0, ("a", "b")))


def test_overflow_in_simulate():
    pools = [js.Pool.mass_action("X")]
    split = js.Model(pools, [js.Channel("split", 1e-15, {"X": 1}, {"X": 2})])
    with pytest.raises(SimulationError, match=r"trajectory \d+, t = .* 'split' increased a count"):
        run(split, times=[100.0], start=[2**53])
    death = js.Model(pools, [js.Channel("death", 1e-15, {"X": 1})])
    ensemble = run(death, times=[0.0, 1.0], start=[2**53])
    np.testing.assert_array_equal(2**53 - ensemble.counts[:, 1, 0], ensemble.event_count)
    assert ensemble.n_events > 12


def test_event_budget_of_the_engine(method):
    error = fault(method, table([1.0], [[]], [[0]]), 0, rows=3, max_events=100)
    assert (error.status, error.row, error.events) == (kernel_state.TOO_MANY_EVENTS, 0, 100)
    assert "more events than `max_events` = 100" in str(error.explain(4, ("a",)))


def test_event_budget_in_simulate(whole):
    counts = whole["event_count"]
    assert_same({"counts": run(max_events=int(counts.max()) + 1).counts}, whole)
    worst = int(counts.argmax())
    budget = int(counts[worst]) - 1
    text = rf"trajectory {worst}, t = \d.* s: more events than `max_events` = {budget}"
    assert (counts > budget).sum() == 1
    with pytest.raises(SimulationError, match=text):
        run(max_events=budget)


def test_every_error_has_a_sentence():
    codes = {
        kernel_state.NEGATIVE_RATE,
        kernel_state.NOT_FINITE,
        kernel_state.OVERFLOW,
        kernel_state.TOO_MANY_EVENTS,
    }
    assert set(SENTENCES) == codes


def test_absorbed_trajectory_fills_the_rest():
    model = js.systems.open_waveguide(3, 2, 5.0, 1.0, (1.0, 1.0), (5.0, 5.0))
    ensemble = run(model, [0, 1e3, 1e6, 1e300], 50, {"A": 4, "B": 2, "m": 3})
    assert (ensemble.counts[:, 1:] == 0).all()
    losses = [c for c, name in enumerate(model.channels) if name.startswith("loss")]
    assert (ensemble.jumps[:, 1:, losses].sum(axis=2) == 9).all()
    np.testing.assert_array_equal(ensemble.jumps[:, 3].sum(axis=1), ensemble.event_count)


def test_nothing_can_happen():
    model = js.systems.open_waveguide(3, 2, 0.0, 0.0, (0.0, 0.0), (0.0, 0.0))
    ensemble = run(model, [0.0, 1.0, 1e308], 5, {"A": 4, "B": 2, "m": 3})
    assert (ensemble.counts == [4, 2, 3]).all()
    assert (ensemble.jumps == 0).all()
    assert ensemble.n_events == 0


@pytest.mark.parametrize("rate", [1e-300, 5e-324])
def test_tiny_rate(rate):
    """P(event) is below 1e-90."""
    ensemble = run(js.systems.hohlraum(3, 2, rate), [0.0, 1e200], start={"N": 3, "m": 1})
    assert (ensemble.counts == [3, 1]).all()


def test_start_only():
    ensemble = run(times=[0.0])
    assert (ensemble.counts == [9, 4, 2]).all()
    assert ensemble.n_events == 0
    assert (ensemble.jumps == 0).all()


def test_no_trajectories():
    ensemble = run(ntraj=0)
    assert ensemble.counts.shape == (0, 9, 3)
    assert ensemble.jumps.shape == (0, 9, 12)
    assert ensemble.event_count.shape == (0,)
    assert ensemble.ntraj == len(ensemble.indices) == 0


def test_averages_of_no_trajectories_are_undefined():
    ensemble = run(ntraj=0)
    for average in (ensemble.cov, ensemble.var, ensemble.sem, ensemble.mean):
        assert np.isnan(average()).all()


def test_proceed_hears_of_everything_and_can_stop(method):
    states = streams.states(5, 0, 12, streams.JUMPS)
    starts, seen = np.tile([9, 4, 2], (12, 1)), []

    def proceed(rows, events):
        seen.append((rows, events))
        return len(seen) < stop

    stop = 10**9
    arguments = (
        method,
        SMALL_WAVEGUIDE.table,
        TIMES,
        starts,
        states,
        ("samples", "events"),
        10**5,
        20,
        proceed,
    )
    rows = engine.run(*arguments)
    assert np.sum(seen, axis=0).tolist() == [12, rows.event_count.sum()]
    assert len(seen) > 12
    seen, stop = [], len(seen) // 2
    part = engine.run(*arguments)
    done, kept = len(part.samples), len(part.event_time)
    assert 0 < done < 12
    assert kept == part.event_count.sum() == rows.event_count[:done].sum()
    np.testing.assert_array_equal(part.samples, rows.samples[:done])
    np.testing.assert_array_equal(part.event_time, rows.event_time[:kept])
    np.testing.assert_array_equal(part.event_channel, rows.event_channel[:kept])

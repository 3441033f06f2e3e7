"""Extreme rates, absorbing states and faults in the engine of many channels."""

from dataclasses import replace

import numpy as np
import pytest
from support.many_channels import assert_same, many, network, run, waveguide
from support.random_words import state_with

import jumpsim as js
from jumpsim.engine import ENGINES, kernel_state
from jumpsim.engine.partial_groups import chosen_groups, live_channels
from jumpsim.engine.status import Fault
from jumpsim.engine.trajectories import prepared

SPECIES, Channel = js.Pool.mass_action, js.Channel
ENGINE = "partial_propensities"


def test_rates_over_300_orders_of_magnitude():
    """Each of 60 kinds of quanta is lost at its own time scale, in the order of the rates.

    The scales are five decades apart: the probability of another order is 59 · 10⁻⁵.
    """
    exponents = np.arange(-145, 155, 5)
    model = many([10.0**e for e in exponents], [[f"X{k:02d}"] for k in range(60)])
    assert model.engine == ENGINE
    run_ = js.simulate(model, [1e160], 20, [1] * 60, 1, ["counts", "events"])
    assert (run_.counts == 0).all()
    for i in range(20):
        times, channels = run_.events(i)
        np.testing.assert_array_equal(channels, np.arange(60)[::-1])
        assert (np.diff(times) > 0).all()
        scaled = times * 10.0 ** exponents[::-1]
        assert (scaled < 30).all()  # fails by chance with probability 1e-10


@pytest.mark.parametrize("rate", [5e-324, 1e-310, 1e-300])
def test_subnormal_rates_do_not_occur_and_are_no_fault(rate):
    model = many([rate] * 50, [["X"]] * 50)
    found = js.simulate(model, [0.0, 1e200], 5, [3], 1, ["counts", "events"])
    assert (found.counts == 3).all()
    assert found.n_events == 0


def test_a_channel_with_a_subnormal_rate_between_others_is_not_taken_for_them():
    model = many([5e-324, *[1.0] * 49, 5e-324], [["X"]] * 51)
    found = js.simulate(model, [1e3], 50, [20], 1, ["counts", "jumps"])
    assert (found.counts == 0).all()
    assert (found.jumps[:, 0, [0, 50]] == 0).all()


SMALLEST, LARGEST = 0, 2**64 - 1


@pytest.mark.parametrize(("word", "channel"), [(SMALLEST, 20), (1 << 63, 30), (LARGEST, 39)])
@pytest.mark.parametrize("parts", ["groups", "members"])
def test_numbers_at_their_borders(parts, word, channel):
    """u = 0, 1/2 and the largest below 1: of 60 channels the first and last 20 have the rate 0.

    Each is a group, chosen by the second number, or all are members of one, by the third. Half of
    the sum belongs to the later of two channels.
    """
    pools = [SPECIES(f"Y{k}") for k in range(60)] + [SPECIES("X")]
    shared = {"X": 1} if parts == "members" else {}
    model = js.Model(pools, [Channel(f"c{k}", 1.0, {f"Y{k}": 1, **shared}) for k in range(60)])
    data = model.table
    groups = chosen_groups(live_channels(data))
    assert len(groups.sizes) == (1 if parts == "members" else 60)
    start = [int(20 <= k < 40) for k in range(60)] + [1]
    states = state_with(word, 3 if parts == "members" else 2)[None]
    out = js.engine.run(ENGINE, data, np.array([1e3]), np.array([start]), states, ("events",), 1000)
    assert out.event_channel[0] == channel


@pytest.mark.parametrize("draw", [2, 3])
@pytest.mark.parametrize("word", [SMALLEST, LARGEST])
@pytest.mark.parametrize("rate", [5e-324, 1e-320, 2.2e-308, 1.7e308 / 60])
def test_numbers_at_their_borders_with_extreme_rates(rate, word, draw):
    """Products are rounded to the whole sum or to 0; the rates of the odd channels are 0."""
    pools = [SPECIES(name) for name in "XY"]
    channels = [Channel(f"c{k}", rate, {"XY"[k % 2]: 1}) for k in range(60)]
    table, starts = js.Model(pools, channels).table, np.array([[1, 0]])
    made = ENGINES[ENGINE]
    cursor, out = prepared(made, table, 1, 1, ("events",))
    streams = state_with(word, draw)[None]
    # The time of the event may be infinite; its channel is chosen all the same.
    made.kernel(made.table(table), np.array([np.inf]), 1, 10, starts, streams, cursor, out)
    assert cursor.place[kernel_state.EVENTS] == 1
    if draw == 3:
        assert out.event_channel[0] == (0 if word == SMALLEST else 58)
    else:
        assert out.event_channel[0] % 2 == 0


def test_absorbing_states_are_those_in_which_every_rate_is_exactly_0():
    model = waveguide(20)[0]
    start = (5, 3, *[1, 0] * 10)
    found = js.simulate(model, [0, 1e3, 1e6, 1e300], 30, start, 1, ["counts", "jumps"])
    assert (found.counts[:, 1:] == 0).all()
    losses = [c for c, name in enumerate(model.channels) if name.startswith("loss")]
    assert (found.jumps[:, 1:, losses].sum(axis=2) == 18).all()
    np.testing.assert_array_equal(found.jumps[:, 1], found.jumps[:, 3])


def test_events_that_change_nothing():
    """50 channels that leave each count as it is: a Poisson process; false alarm 7e-6."""
    model = many([0.3] * 50, [["X"]] * 50, [{"X": 1}] * 50)
    assert model.engine == ENGINE
    found = js.simulate(model, [2.0], 200, [4], 1, ["counts", "events"])
    assert (found.counts == 4).all()
    assert abs(found.event_count.mean() - 120) < 4.5 * (120 / 200) ** 0.5


def faults(table, start, max_events=10**5, rows=3):
    """Fault of both engines, at the same row and channel."""
    found = []
    for method in ("direct", ENGINE):
        with pytest.raises(Fault) as caught:
            run(table, start, [1e9], method=method, rows=rows, max_events=max_events)
        found.append(caught.value)
    one, other = found
    assert (one.status, one.row, one.channel) == (other.status, other.row, other.channel)
    assert one.events == other.events
    return other


@pytest.fixture
def sixty():
    """X is lost through 60 channels, which give Y0, Y1, ...; 60 other ones take the Y."""
    channels = [Channel(f"x{k}", 1.0 + k / 100, {"X": 1}, {f"Y{k}": 1}) for k in range(60)]
    channels += [Channel(f"y{k}", 1.0, {f"Y{k}": 1}) for k in range(60)]
    return js.Model([SPECIES("X"), *(SPECIES(f"Y{k}") for k in range(60))], channels)


def test_a_negative_rate_from_the_beginning(sixty):
    offsets = sixty.table.offsets.copy()
    offsets[97] = -5.0
    table = replace(sixty.table, offsets=offsets)
    error = faults(table, [3, *[1] * 60])
    assert (error.status, error.channel, error.time) == (kernel_state.NEGATIVE_RATE, 97, 0.0)


@pytest.mark.parametrize("bad", [-1.0, np.nan])
def test_a_rate_that_becomes_negative_or_undefined(sixty, bad):
    """Y7 is 0 at the beginning; the rate of its loss is wrong as soon as it is 1."""
    offsets, slopes = sixty.table.offsets.copy(), sixty.table.slopes.copy()
    slopes[67] = bad
    offsets[67] = 0.0
    with pytest.raises(Fault) as caught:
        run(
            replace(sixty.table, offsets=offsets, slopes=slopes),
            [500, *[0] * 60],
            [1e9],
            max_events=10**4,
        )
    assert caught.value.status == kernel_state.NEGATIVE_RATE
    assert caught.value.channel == 67
    if bad < 0:  # else it is undefined even for a count of 0
        assert caught.value.events > 0
        found = run(sixty, [500, *[0] * 60], [1e9], {"events"})
        first = np.flatnonzero(found.event_channel == 7)[0]
        assert caught.value.events == first + 1
        assert caught.value.time == found.event_time[first]


def assert_noticed_at_once(table, start):
    """Assert that a fault is found at the same event with and without a return to Python after it.

    After a return all rates are computed, and each of them is compared with 0.
    """
    found = []
    for budget in (1, 2**20):
        with pytest.raises(Fault) as caught:
            run(table, start, [1e9], max_events=10**4, slice_events=budget)
        found.append(vars(caught.value))
    assert found[0] == found[1]
    assert found[0]["status"] == kernel_state.NEGATIVE_RATE
    assert found[0]["events"] > 10
    return found[0]["channel"]


def with_factor(table, factors, offset):
    """The table in which some factors are offset - count."""
    offsets, slopes = table.offsets.copy(), table.slopes.copy()
    offsets[factors], slopes[factors] = offset, -1.0
    return replace(table, offsets=offsets, slopes=slopes)


def test_a_negative_member_of_a_group_with_a_positive_sum():
    model, wrong = network()[0], 4 * 5 + 3
    table = with_factor(model.table, model.table.first[wrong], 6.0)  # < 0 for more than six X5
    groups = chosen_groups(live_channels(table))
    assert groups.sizes[groups.group[wrong]] > 20
    assert model.channels[wrong] == "give 5"
    assert assert_noticed_at_once(table, (9, 60, 3, *[3, 1] * 20)) == wrong


@pytest.mark.parametrize("again", ["all groups", "some groups"])
def test_a_negative_group_beside_others(again):
    """Noticed where all groups are computed again after an event, and where some are."""
    model = waveguide(20)[0] if again == "all groups" else network()[0]
    name = "emit B" if again == "all groups" else "feed"
    wrong = [c for c, channel in enumerate(model.channels) if channel.startswith(name)]
    pool = model.pools.index("B" if again == "all groups" else "S")
    table = model.table
    factors = [f for c in wrong for f in range(table.first[c], table.first[c + 1])]
    factors = [f for f in factors if table.pools[f] == pool]
    assert len(factors) == 20
    start = (60, 2, *[1] * 20) if again == "all groups" else (9, 60, 3, *[100, 1] * 20)
    table = with_factor(table, factors, 9.0 if again == "all groups" else 80.0)
    groups = chosen_groups(live_channels(table))
    assert groups.all_groups.any() == (again == "all groups")
    assert assert_noticed_at_once(table, start) in wrong


def test_a_shared_factor_that_becomes_negative():
    """All rates of the group change their sign; named is the first one that is not 0: no Y."""
    model = many([1.0] * 51, [["X", "Y"], *[["X"]] * 50])
    groups = chosen_groups(live_channels(model.table))
    assert groups.sizes.tolist() == [51]
    offsets = np.where(model.table.pools == 0, -2.5, 0.0)
    error = faults(replace(model.table, offsets=offsets), [6, 0])
    assert (error.status, error.channel, error.events) == (kernel_state.NEGATIVE_RATE, 1, 4)


@pytest.mark.parametrize("rates", [[1e308] * 50, [1.0] * 49 + [np.inf]])
def test_an_infinite_total(rates):
    model = many([1.0] * 50, [["X"]] * 50)
    error = faults(replace(model.table, constants=np.array(rates)), [3])
    assert (error.status, error.channel, error.row) == (kernel_state.NOT_FINITE, -1, 0)


def test_a_count_beyond_2_to_the_53():
    model = many([1e-18] * 50, [["X"]] * 50, [{"X": 2}] * 50)
    with pytest.raises(Fault) as caught:
        run(model, [2**53 - 7], [1e9], max_events=10**4)
    error = caught.value
    assert (error.status, error.events) == (kernel_state.OVERFLOW, 8)
    text = rf"trajectory 0, t = .* 'c{error.channel}' increased a count above 2\^53"
    with pytest.raises(js.SimulationError, match=text):
        js.simulate(model, [1e9], 1, [2**53 - 7], 1, max_events=10**5)


def test_more_events_than_allowed(sixty):
    error = faults(sixty.table, [500, *[0] * 60], max_events=100)
    assert (error.status, error.row, error.events) == (kernel_state.TOO_MANY_EVENTS, 0, 100)
    whole = run(sixty, [9, *[0] * 60], [1e9], {"events"}, rows=20)
    assert (whole.event_count == 18).all()
    assert_same(whole, run(sixty, [9, *[0] * 60], [1e9], {"events"}, rows=20, max_events=18))

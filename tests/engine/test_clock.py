"""Waiting times far below the spacing of floats at that time are not lost, in every kernel."""

import math
from fractions import Fraction

import numpy as np
import pytest
from oracles import reference

import jumpsim as js
from jumpsim import engine, streams
from jumpsim.engine import ENGINES, kernel_state, trajectories
from jumpsim.engine.random import later

SPECIES, Channel = js.Pool.mass_action, js.Channel
LATE = 2.0**30  # seconds, about 1.07e9, where the spacing of floats is 2^-22 s = 0.24 µs
SPACING = float(np.spacing(LATE))
ALARM = 4.5  # standard errors; false-alarm rate 7e-6 for each comparison


def cascade(quanta):
    """A rare trigger makes quanta, which decay with 1 MHz."""
    return js.Model(
        [SPECIES("seed"), SPECIES("q")],
        [
            Channel("trigger", 1e-9, {"seed": 1}, {"q": quanta}),
            Channel("decay", 1e6, {"q": 1}),
        ],
    )


EXCHANGE = js.Model(
    [SPECIES("a"), SPECIES("b")],
    [Channel("ab", 1e12, {"a": 1}, {"b": 1}), Channel("ba", 1e12, {"b": 1}, {"a": 1})],
)
BIRTH_DEATH = js.Model(
    [SPECIES("X")], [Channel("birth", 1e8, {}, {"X": 1}), Channel("death", 1e7, {"X": 1})]
)
MANY = js.Model(
    [SPECIES("X")],
    [
        *(Channel(f"birth {k}", 2e6, {}, {"X": 1}) for k in range(50)),
        *(Channel(f"death {k}", 2e5, {"X": 1}) for k in range(50)),
    ],
)
TWO_LEVELS = js.systems.two_level_mode(
    E_u=1e7, E_l=0.0, omega_cav=1e7, g=2e7, gamma_u=3e7, gamma_l=5e7, gamma_b=2e7, f_u=0.9,
    f_l=0.2, n_b=0.3,
)  # fmt: skip


def test_cascade_lasts_as_long_as_its_waits_in_sum():
    """Duration Σ 1/k µs with the variance Σ 1/k² µs²; without the correction it is 4.3 µs."""
    model, n = cascade(1000), 400
    run = js.simulate(model, [1e11], n, {"seed": 1, "q": 0}, seed=1, record=["counts", "events"])
    k = np.arange(1, 1001)
    spans = np.array([np.ptp(run.events(i)[0]) for i in range(n)]) * 1e6
    assert abs(spans.mean() - (1 / k).sum()) < ALARM * math.sqrt((1 / k**2).sum() / n)
    assert (run.counts == 0).all()


def test_life_of_a_pair_late_and_from_the_start():
    """Ended by "loss" in b, half of the time: mean 20 µs, exponential; 5 µs without correction."""
    model = js.Model(
        [SPECIES("seed"), SPECIES("a"), SPECIES("b")],
        [
            Channel("trigger", 1e-9, {"seed": 1}, {"a": 1}),
            Channel("ab", 1e8, {"a": 1}, {"b": 1}),
            Channel("ba", 1e8, {"b": 1}, {"a": 1}),
            Channel("loss", 1e5, {"b": 1}),
        ],
    )
    for start, end in (({"seed": 1, "a": 0, "b": 0}, 1e12), ({"seed": 0, "a": 1, "b": 0}, 1.0)):
        run = js.simulate(model, [end], 300, start, seed=1, record=["events"])
        lives = np.array([run.events(i)[0][-1] for i in range(300)])
        if start["seed"]:
            lives -= [run.events(i)[0][0] for i in range(300)]
        assert abs(lives.mean() - 20e-6) < ALARM * 20e-6 / math.sqrt(300)


def test_events_of_the_plain_simulator_with_exact_sums():
    """Times since the trigger agree within three spacings, and never decrease."""
    model, (rates, changes) = cascade(50), (
        lambda n: (1e-9 * n[0], 1e6 * n[1]), [(-1, 50), (0, -1)]
    )  # fmt: skip
    run = js.simulate(model, [1e11], 20, {"seed": 1, "q": 0}, seed=3, record=["events"])
    for i in range(20):
        times, channels = run.events(i)
        expected, chosen = reference.trajectory(rates, changes, (1, 0), 1e11, 3, i)
        np.testing.assert_array_equal(channels, chosen)
        away = (times - times[0]) - (np.array(expected) - expected[0])
        assert np.abs(away).max() <= 3 * np.spacing(times[-1])
        assert (np.diff(times) >= 0).all()


def test_every_kernel_has_the_same_bits_after_a_long_time():
    """Samples during and after the cascade, which is between two stored times or not."""
    model, rows = cascade(60), 200
    starts = np.tile([1, 0], (rows, 1))
    states = streams.states(5, 0, rows, streams.JUMPS)
    first = engine.run("direct", model.table, np.array([1e11]), starts, states, {"events"})
    at = np.concatenate([[0], np.cumsum(first.event_count)[:-1]])
    trigger = first.event_time[at]
    for grid in (np.linspace(0, 4e9, 31), np.unique(first.event_time[:2000])):
        plain, lanes = (
            engine.run("direct", model.table, grid, starts, states, {"samples", "jumps"}, left=left)
            for left in (0.0, np.inf)
        )
        np.testing.assert_array_equal(plain.samples, lanes.samples)
        np.testing.assert_array_equal(plain.jumps, lanes.jumps)
    again = engine.run(
        "direct", model.table, np.array([1e11]), starts, states, {"events"}, left=np.inf
    )
    np.testing.assert_array_equal(first.event_time, again.event_time)
    assert np.ptp(trigger) > 1e8


def begun(model, start, clock, generated):
    """Kernel of a model with a trajectory that begins at the time `clock`, by its cursor."""
    made, data = ENGINES[model.engine], model.engine_input
    table = made.table(data)
    starts = np.array([start]), streams.states(7, 0, 1, streams.JUMPS)
    cursor, _ = trajectories.prepared(made, data, 1, 1, ())

    def advance(grid, budget=2**62):
        _, out = trajectories.prepared(made, data, 1, len(grid), ("samples", "jumps"))
        arguments = grid, 10**7, budget, *starts, cursor, out
        kernel = made.kernel
        if generated:
            kernel = made.compiled_kernel(table, len(start), arguments, np.inf)
        status = kernel(table, *arguments)
        return status, out.samples[0], out.jumps[0]

    advance(np.array([np.inf]), 0)  # sets the start
    cursor.clock[0] = clock
    return advance, cursor


KERNELS = [
    (BIRTH_DEATH, (3,), False),
    (BIRTH_DEATH, (3,), True),
    (TWO_LEVELS, (1, 0, 2), False),
    (MANY, (3,), False),
]


@pytest.mark.parametrize(("model", "start", "generated"), KERNELS)
def test_begun_late_the_events_are_those_of_time_zero(model, start, generated):
    """A recorded time is the nearest float: at 0 the grid is half a spacing later."""
    grid = np.arange(40) * SPACING  # about 20 events between two stored times
    _, _, early = begun(model, start, 0.0, generated)[0](grid + SPACING / 2)
    status, _, late = begun(model, start, LATE, generated)[0](grid + LATE)
    assert status == kernel_state.DONE
    np.testing.assert_array_equal(early, late)
    assert late[-1].sum() > 200


@pytest.mark.parametrize("generated", [False, True])
def test_a_cascade_without_end_advances_and_returns(generated):
    """After n events with 1e12 /s the time is n ± √n picoseconds later."""
    advance, cursor = begun(EXCHANGE, (1, 0), LATE, generated)
    grid = np.array([LATE + 1.0])
    for n in (2**20, 2**21):
        status, *_ = advance(grid, n)
        assert status == kernel_state.MORE
    number = cursor.place[kernel_state.EVENTS]
    assert number == 3 * 2**20
    passed = (cursor.clock[0] - LATE) - cursor.clock[1]
    assert abs(passed - number * 1e-12) < ALARM * math.sqrt(number) * 1e-12
    assert abs(cursor.clock[1]) <= SPACING / 2


def test_a_run_that_cannot_end_is_stopped_by_its_time_limit():
    model = js.Model(
        [SPECIES("seed"), *EXCHANGE.pool_specs],
        [Channel("trigger", 1e-9, {"seed": 1}, {"a": 1}), *EXCHANGE.channel_specs],
    )
    run = js.simulate(
        model, [1e12], 1, {"seed": 1, "a": 0, "b": 0}, seed=1, timeout=0.5, progress=False
    )
    assert run.ntraj == 0
    assert run.stop_reason == "timeout"


def test_the_rounded_time_never_decreases_and_its_error_is_exact():
    rng = np.random.default_rng(2)
    for scale in (1e-30, 1e-12, 1e-3, 1.0, 1e20):
        t, late = 1.0 + rng.random(), 0.0
        for wait in scale * rng.exponential(size=2000) * 10.0 ** rng.integers(-12, 12, 2000):
            new, new_late = later.py_func(t, late, wait)
            assert new >= t
            step = Fraction(wait - late)
            assert Fraction(new) - Fraction(new_late) == Fraction(t) + step
            t, late = new, new_late

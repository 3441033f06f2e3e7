"""Quantum jumps, one by one: the same events as a plain wave function, motion, limits, cuts."""

import json
import math

import numpy as np
import pytest
from oracles import reference, wavepacket
from scipy.linalg import expm
from support.wavefunctions import ALL, MODELS, mode_model, wave

import jumpsim as js
from jumpsim import engine
from jumpsim.engine import random, trajectories, wavefunction
from jumpsim.systems.twolevel.quantum_jumps import CoherentRates, model_fromdict
from jumpsim.theory import twolevel


def field_model(epsilon=0.5, delta=2.0, **changes):
    rates = {"gamma_u": 1.0, "gamma_l": 1.5, "f_u": 0.9, "f_l": 0.2} | changes
    return js.systems.two_level_field(10.0, 0.0, 10.0 + delta, epsilon=epsilon, **rates)


every_model = pytest.mark.parametrize("name", MODELS)


def same_as_plain(model, start, times, cutoff, **more):
    mode = model.engine_input.mode
    for index in range(3):
        block = js.simulate(
            model, times, index + 1, start, seed=7, record=["expect", "events", "jumps"]
        )
        words = reference.stream(7, index, reference.JUMPS)
        state = [start.get(name, 0) for name in ("u", "l", "photon")]
        events, kept = wavepacket.trajectory(
            model.engine_input, state, times, words, cutoff, mode, **more
        )
        when, channels = block.events(index)
        assert channels.tolist() == [c for _, c in events]
        np.testing.assert_allclose(when, [t for t, _ in events], rtol=1e-9)
        np.testing.assert_allclose(block.expect[index], kept, atol=1e-7)
        fired = np.bincount(channels, minlength=len(model.channels))
        np.testing.assert_array_equal(block.jumps[index, -1], fired)
        assert len(events) > 2


@every_model
def test_same_events_as_a_plain_simulator(name):
    model, cutoff = MODELS[name]
    for start in ({"u": 1, "l": 0, "photon": 2}, {"u": 0, "l": 1, "photon": 0}):
        same_as_plain(model, start, np.linspace(0, 12, 9), cutoff)


def test_same_events_in_a_classical_field():
    for model in (field_model(), field_model(delta=0.0, epsilon=3j), field_model(epsilon=0.0)):
        for start in ({"u": 1, "l": 0}, {"u": 0, "l": 1}, {"u": 1, "l": 1}):
            same_as_plain(model, start, np.linspace(0, 12, 9), 24, offset=12)


def test_how_the_work_is_cut_changes_nothing(monkeypatch):
    grid = np.linspace(0, 5, 11)
    whole = wave(grid, record=ALL)
    finer = wave(np.linspace(0, 5, 41), 60, record=["expect", "events"], workers=2, block_size=7)
    np.testing.assert_array_equal(finer.expect[:40, ::4], whole.expect)
    np.testing.assert_array_equal(finer.event_count[:40], whole.event_count)
    for i in range(40):
        for mine, theirs in zip(finer.events(i), whole.events(i), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    monkeypatch.setattr(trajectories, "SLICE_EVENTS", 5)
    monkeypatch.setattr(trajectories, "EVENT_BUFFER", 3)
    sliced = wave(grid, record=ALL, block_size=9)
    for name in ("expect", "jumps", "event_count"):
        np.testing.assert_array_equal(getattr(sliced, name), getattr(whole, name))
    for mine, theirs in zip(sliced.events(17), whole.events(17), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(sliced.mean(), whole.mean())
    np.testing.assert_array_equal(sliced.cov(), whole.cov())


def test_no_cutoff():
    """A cavity of a million photons without coupling loses them one by one: a binomial law."""
    model = mode_model(g=0.0, n_b=0.0, gamma_b=1.0)
    run = wave([1e-3], 200, {"u": 1, "l": 0, "photon": 10**6}, 2, model)
    left = math.exp(-1e-3)
    photons = run.expect[:, 0, 2]
    assert abs(photons.mean() - 1e6 * left) < 4.5 * math.sqrt(1e6 * left * (1 - left) / 200)
    assert photons.std() == pytest.approx(math.sqrt(1e6 * left * (1 - left)), rel=0.25)


def test_without_any_jump_rabi_oscillations_go_on():
    """Full and empty reservoirs that cannot act: cos² to rounding, over a thousand periods."""
    table = mode_model(g=2.0, delta=0.0).engine_input._replace(
        into_u=0.0, out_u=0.0, into_l=0.0, out_l=0.0, from_bath=0.0, to_bath=0.0
    )
    times = np.linspace(0, 1000, 777)
    rows = engine.run(
        "wavefunction", table, times, np.array([[1, 0, 3]]), np.ones((1, 4), np.uint64), {"samples"}
    )
    np.testing.assert_allclose(rows.samples[0, :, 0], np.cos(4 * times) ** 2, atol=1e-12)
    assert rows.event_count[0] == 0


def test_elementary_functions():
    rng = np.random.default_rng(0)
    for x in [0.0, 1e-300, 1e-9, *rng.exponential(3, 2000), *rng.uniform(0, 700, 2000)]:
        assert random.decay.py_func(x) == pytest.approx(math.exp(-x), rel=4e-16, abs=0)
    assert random.decay.py_func(701.0) == 0.0
    for x in [0.0, math.pi / 4, 1e5, *rng.normal(0, 3, 2000), *rng.normal(0, 1e6, 2000)]:
        assert random.sine_cosine.py_func(x) == pytest.approx((math.sin(x), math.cos(x)), abs=4e-16)
    tiny = random.sine_cosine.py_func(1e-12)
    assert tiny == (1e-12, 1.0)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: wave(start=[1, 0, 2]), "coherent states"),
        (lambda: wave(start=np.ones(20)), "superpositions"),
        (lambda: wave(start={"u": 2, "l": 0, "photon": 0}), "count of pool 'u'"),
        (lambda: wave(start={"u": 1, "l": 0, "photon": -1}), "count of pool 'photon'"),
        (lambda: wave(start={"u": 1, "l": 0}), "'photon' is missing"),
        (lambda: wave(start={"u": 1, "l": 0, "photon": 1.5}), "whole number"),
        (lambda: wave(record="counts"), "has no counts; its samples are \"expect\""),
        (lambda: wave(max_events="x"), "`max_events`"),
        (lambda: wave(target_sem={"A": 1.0}), "unknown observable 'A'"),
        (lambda: mode_model(f_u=1.2), "`f_u` must be from 0 to 1"),
        (lambda: mode_model(f_u=None, T_u=0.0, mu_u=9.0), "`T_u` must be > 0, but is 0"),
        (lambda: mode_model(n_b=None, T_b=0.0), "`T_b` must be > 0, but is 0"),
        (lambda: mode_model(n_b=-0.1), "`n_b` must be ≥ 0"),
        (lambda: mode_model(gamma_l=-1.0), "`gamma_l` must be ≥ 0"),
        (lambda: mode_model(g="strong"), "`g` must be a finite number"),
        (lambda: field_model(epsilon=math.inf), "`epsilon` must be a finite number"),
        (lambda: field_model(gamma_u=0.0), "must be > 0"),
        (lambda: js.simulate(3, [1.0], 1, {"u": 1}), "`model` must be"),
        (
            lambda: js.simulate(
                twolevel.classical_field(10, 0, [11, 12], 1, 1, 0.5, f_u=1, f_l=0), [1.0], 1, {}
            ),
            "one set of parameters",
        ),
        (lambda: js.mean_field(mode_model(), [1.0], {"u": 1, "l": 0, "photon": 0}), "coherent"),
        (lambda: js.Mixture([({"u": 1}, 0.5)]), "add up to 1"),
        (lambda: js.Mixture([({"u": 1}, -1.0)]), "`weight`"),
        (lambda: js.Mixture({}), "must list its states"),
        (lambda: js.Mixture([3]), "counts, weight"),
    ],
)  # fmt: skip
def test_refusals(call, text):
    with pytest.raises(js.InputError) as caught:
        call()
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_too_many_events():
    with pytest.raises(js.SimulationError, match=r"trajectory 0, t = .*more events than"):
        wave([1e3], 1, max_events=10)


@pytest.mark.parametrize("square", [1e-9, 1e-4, 9e-4, 1.1e-3, 0.03, 0.09, 1.0, 30.0, 900.0])
def test_motion_between_jumps(square):
    """Both branches, |Ωt|² on either side of where they meet, against exp(-iMt) to rounding."""
    rng = np.random.default_rng(int(1e4 * square))
    for _ in range(40):
        k, (g, delta) = int(rng.integers(0, 9)), rng.normal(0, 2, 2)
        into_u, out_u, into_l, out_l, up, down = rates = rng.exponential(2, 6)
        table = CoherentRates(*rates, delta, abs(g), True)
        of_a = out_u + into_l + up * (k + 1) + down * k
        of_b = into_u + out_l + up * (k + 2) + down * (k + 1)
        z, coupling = -delta / 2 - 0.25j * (of_a - of_b), abs(g) * math.sqrt(k + 1)
        t = math.sqrt(square / abs(z**2 + coupling**2))
        psi = rng.normal(size=2) + 1j * rng.normal(size=2)
        psi /= np.linalg.norm(psi)
        a, b = expm(-1j * t * np.array([[z, coupling], [coupling, -z]])) @ psi
        parts = psi.real[0], psi.imag[0], psi.real[1], psi.imag[1]
        pair = wavefunction._couple.py_func(table, k)
        found = wavefunction._moved.py_func(pair, t, *parts)
        expected = np.array([a.real, a.imag, b.real, b.imag]) / math.hypot(abs(a), abs(b))
        np.testing.assert_allclose(found, expected, rtol=0, atol=3e-13 if square > 0.01 else 1e-14)


def test_a_phase_of_which_nothing_is_known():
    """Beyond 10¹⁵ nothing is left of it; the amplitudes say so."""
    table = mode_model(delta=0.0).engine_input._replace(mode=False)
    pair = wavefunction._couple.py_func(table, 0)
    assert np.isfinite(wavefunction._moved.py_func(pair, 1e14, 1.0, 0.0, 0.0, 0.0)).all()
    assert np.isnan(wavefunction._moved.py_func(pair, 1e16, 1.0, 0.0, 0.0, 0.0)).all()


def test_limits_of_a_trajectory():
    """As many events as are allowed and no more; an overflow and a rate too large are named."""
    most = int(wave(ntraj=20).event_count.max())
    assert wave(ntraj=20, max_events=most).event_count.max() == most
    with pytest.raises(js.SimulationError, match=f"`max_events` = {most - 1}"):
        wave(ntraj=20, max_events=most - 1)
    hot = mode_model(g=0.0, gamma_b=1e-3, n_b=1e3)
    with pytest.raises(js.SimulationError, match=r"trajectory \d, .*'photon from bath' increased"):
        wave(ntraj=9, model=hot, start={"u": 0, "l": 0, "photon": 2**21 - 1}, times=[1.0])
    with pytest.raises(js.InputError, match=r"must be below 2\^21"):
        wave(start={"u": 0, "l": 0, "photon": 2**21})
    hot = js.Thermal({"u": 1.0, "l": 1.0, "photon": 1e-8}, spread=False)  # about 10⁷ photons
    with pytest.raises(js.SimulationError, match=r"trajectory 0, t = 0 s: .*2\^21"):
        wave([0.0], 1, hot, record="moments")
    many = wave([0.0], 300, {"u": 0, "l": 0, "photon": 2**21 - 1}, record="moments")
    assert many.mean()[0, 2] == 2**21 - 1
    assert many.var()[0, 2] == 0
    lost = mode_model(
        g=1.0, delta=0.0, gamma_u=1e-16, gamma_l=1e-16, gamma_b=1e-16, f_u=0.0, f_l=0.0, n_b=0.0
    )
    for kept in ("expect", "events"):
        with pytest.raises(js.SimulationError, match="a phase is beyond"):
            wave([1e14, 1e16], 200, model=lost, record=kept, seed=1)
    with pytest.raises(js.SimulationError, match="not a finite"):
        wave(ntraj=1, model=mode_model(gamma_u=1e308, gamma_l=1e308, f_l=0.9), times=[1.0])


def test_every_trajectory_begins_anew():
    """Jumps, state and clock of the last one leave nothing: each alone is the same."""
    whole = wave([0.0, 1.0], 30, {"u": 0, "l": 0, "photon": 1}, record=ALL)
    assert (whole.jumps[:, 0] == 0).all()
    np.testing.assert_array_equal(whole.expect[:, 0], np.tile([0, 0, 1.0, 0, 0], (30, 1)))
    np.testing.assert_array_equal(whole.jumps[:, 1].sum(axis=1), whole.event_count)


def test_a_model_says_what_it_is():
    """Entropy of each jump is ln(rate/reverse), baths by name; a plain dict keeps all of it."""
    model = mode_model(g=0.3 - 0.4j)
    u, low, b = math.log(0.9 / 0.1), math.log(0.2 / 0.8), math.log(0.3 / 1.3)
    np.testing.assert_allclose(model.entropies, [u, -u, low, -low, b, -b], rtol=1e-14)
    assert [c.bath for c in model.channel_specs] == ["u", "u", "l", "l", "b", "b"]
    up = np.zeros((6, 3), int)
    up[[0, 2, 4], [0, 1, 2]], up[[1, 3, 5], [0, 1, 2]] = 1, -1
    np.testing.assert_array_equal(model.changes, up)
    rates = [0.9, 0.1, 0.3, 1.2, 0.15, 0.65]
    np.testing.assert_allclose(model.engine_input, [*rates, 1.3, 0.5, True], rtol=1e-14)
    assert model.coupling == 0.5
    warm = {"T_u": 1.0, "mu_u": 9.0, "T_l": 2.0, "mu_l": 0.5}
    for model in (
        mode_model(g=0.3 - 0.4j),
        field_model(epsilon=0.3 - 0.4j),
        js.systems.two_level_mode(10, 0, 12, 1j, 1, 1, 1, T_b=3.0, **warm),
        js.systems.two_level_field(10, 0, 12, 1, 1, 1j, **warm),
    ):
        again = model_fromdict(json.loads(json.dumps(model.asdict())))
        for name in vars(model.parameters):
            assert getattr(again.parameters, name) == getattr(model.parameters, name)
        assert again == model
        assert again.engine_input == model.engine_input
    assert mode_model(g=0.5) != mode_model(g=0.5j)

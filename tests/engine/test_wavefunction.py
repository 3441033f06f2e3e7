"""Quantum jumps proper, against a plain simulator on the same draws and the density matrix."""

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numba
import numpy as np
import pytest
from oracles import reference, wavepacket
from oracles.lindblad import liouvillian, operators
from scipy.linalg import expm, null_space
from scipy.stats import f as f_law
from scipy.stats import kstest

import jumpsim as js
from jumpsim import engine
from jumpsim.engine import random, trajectories, wavefunction
from jumpsim.statistics.moments import Moments
from jumpsim.systems.twolevel.quantum_jumps import CoherentRates, model_fromdict
from jumpsim.theory import twolevel

BASE = {"gamma_u": 1.0, "gamma_l": 1.5, "gamma_b": 0.5, "f_u": 0.9, "f_l": 0.2, "n_b": 0.3}


def mode_model(g=0.7, delta=1.3, **changes):
    rates = BASE | changes
    return js.systems.two_level_mode(10.0, 0.0, 10.0 + delta, g, **rates)


def field_model(epsilon=0.5, delta=2.0, **changes):
    rates = {"gamma_u": 1.0, "gamma_l": 1.5, "f_u": 0.9, "f_l": 0.2} | changes
    return js.systems.two_level_field(10.0, 0.0, 10.0 + delta, epsilon=epsilon, **rates)


# Δ = 0 and 4 g² = (Γ_a - Γ_b)²/4 for k = 0: Ω = 0, where sine and cosine both vanish or are 1.
DIFFERENCE = (0.1 + 0.3) - (0.9 + 1.2) - (0.15 + 0.65)
MODELS = {
    "ordinary": (mode_model(), 20),
    "resonance": (mode_model(delta=0.0), 20),
    "where Ω vanishes": (mode_model(g=abs(DIFFERENCE) / 4, delta=0.0), 20),
    "strong": (mode_model(g=6 - 2j, delta=-3.0), 20),
    "hardly coupled": (mode_model(g=1e-7, delta=1e-9), 20),
    "not coupled": (mode_model(g=0.0), 20),
    "one way": (mode_model(f_u=1.0, f_l=0.0, n_b=0.0), 16),
    "many photons": (mode_model(n_b=1.5, delta=-20.0), 40),
    "slow bath": (mode_model(gamma_b=0.01, gamma_u=0.2), 20),
    # |l, 0⟩ jumps more slowly than |u, -1⟩ would, if there were such a partner.
    "upside down": (mode_model(f_u=0.1, f_l=0.9, gamma_b=0.1), 20),
}
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


def wave(times=(0.0, 0.5, 2.0), ntraj=40, start=None, seed=3, model=None, **more):
    start = {"u": 1, "l": 0, "photon": 2} if start is None else start
    return js.simulate(model or mode_model(), times, ntraj, start, seed, **more)


ALL = ["expect", "jumps", "events", "moments"]


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


def test_sums_are_those_of_the_samples():
    kept, alone = wave(ntraj=200), wave(ntraj=200, record="moments", block_size=13)
    np.testing.assert_array_equal(kept.mean(), alone.mean())
    np.testing.assert_allclose(alone.mean(), kept.expect.mean(axis=0), atol=2**-32)
    np.testing.assert_allclose(alone.var(), kept.expect.var(axis=0, ddof=1), atol=1e-8)
    np.testing.assert_allclose(alone.cov()[2], np.cov(kept.expect[:, 2].T), atol=1e-8)
    enough = wave(ntraj=10**6, target_sem={"photon": 0.05}, record="moments")
    assert enough.ntraj < 5000
    assert enough.sem()[:, 2].max() <= 0.05


def test_stores_go_on_and_are_run_again(tmp_path):
    path = tmp_path / "w.h5"
    wave(ntraj=10, store=path)
    whole = wave(ntraj=30, record=ALL)
    wave(ntraj=30, store=path)
    grown = wave(ntraj=30, store=path, record=ALL)
    assert "all 30" in grown.stop_reason
    np.testing.assert_array_equal(js.open(path).expect, whole.expect)
    np.testing.assert_array_equal(js.open(path).jumps, whole.jumps)
    assert js.open(path).model == mode_model()
    again = js.rerun(path, 12)
    assert set(again.equal.values()) == {True}
    assert "Im c" in str(again)
    with pytest.raises(js.StoreError, match="coupling"):
        wave(ntraj=40, store=path, model=mode_model(g=0.8))
    other = tmp_path / "other.h5"
    wave(ntraj=50, store=other, record=ALL)
    js.merge(path, [other])
    np.testing.assert_array_equal(js.open(path).expect, wave(ntraj=50).expect)
    data = js.open(path).to_xarray()
    assert data.expect.dims == ("trajectory", "time", "observable")
    np.testing.assert_allclose(data.expect_mean, whole_mean := js.open(path).mean())
    xarray = pytest.importorskip("xarray")
    with xarray.open_dataset(path, engine="h5netcdf") as stored:
        np.testing.assert_array_equal(stored.expect_mean, whole_mean)


def exact(model, start, times):
    """Occupations, ⟨n⟩ and c from the block solver."""
    mode = twolevel.quantised_mode(**mode_arguments(model))
    state = mode.evolve(times, start)
    c = state.Y / np.conj(model.parameters.g) * np.exp(1j * np.angle(np.conj(model.parameters.g)))
    return np.stack([state.occupation_u, state.occupation_l, state.n, c.real, c.imag], axis=-1)


def mode_arguments(model):
    p = model.parameters
    names = ("E_u", "E_l", "omega_cav", "g", "gamma_u", "gamma_l", "gamma_b", "f_u", "f_l", "n_b")
    return {name: getattr(p, name) for name in names}


def joint_p(samples, theory):
    """Chance of so large a T² of the averages of samples (n, d) from noise alone."""
    n, mean = len(samples), samples.mean(axis=0) - theory
    values, vectors = np.linalg.eigh(np.cov(samples.T))
    kept = values > 1e-9 * values.max()
    d = int(kept.sum())
    statistic = n * ((vectors.T @ mean)[kept] ** 2 / values[kept]).sum()
    return f_law.sf(statistic * (n - d) / (d * (n - 1)), d, n - d)


@pytest.mark.parametrize("name", ["ordinary", "strong", "resonance"])
def test_averages_are_those_of_the_density_matrix(name):
    """200 seeds: p-values of T² over times and observables are uniform (alarm 1e-4)."""
    model, _ = MODELS[name]
    times, start = np.array([0.3, 1.0, 4.0]), {"u": 0, "l": 1, "photon": 3}
    theory = exact(model, start, times)
    p = []
    for seed in range(200):
        run = wave(times, 500, start, seed, model, workers=1)
        p.append(joint_p(run.expect.reshape(500, -1), theory.ravel()))
    assert kstest(p, "uniform").pvalue > 1e-4
    pooled = wave(times, 100_000, start, 999, model, record="moments")
    assert (np.abs(pooled.mean() - theory) <= 4.5 * pooled.sem() + 1e-9).all()
    assert pooled.sem().max() < 0.02


def test_photon_numbers_and_channel_counts():
    """P(n), and the mean number of jumps of every channel, which is the integral of its rate."""
    model, start = mode_model(g=1.1), {"u": 1, "l": 1, "photon": 1}
    mode = twolevel.quantised_mode(**mode_arguments(model))
    run = wave([1.5, 6.0], 20_000, start, 5, model, record=["expect", "jumps"])
    u, low, photon = np.moveaxis(run.expect[:, :, :3], -1, 0)
    pair = np.abs(u + low - 1) < 1e-9
    least = np.rint(photon - np.where(pair, low, 0)).astype(int)
    law = np.zeros((*photon.shape, 8))
    for n in range(8):
        law[..., n] = (least == n) * np.where(pair, u, 1) + (least == n - 1) * np.where(
            pair, low, 0
        )
    theory = mode.evolve([1.5, 6.0], start).photons[:, :8]
    for k in range(2):
        assert joint_p(law[:, k], theory[k]) > 1e-4
        assert np.abs(law[:, k].mean(axis=0) - theory[k]).max() < 0.02
    nodes, weights = np.polynomial.legendre.leggauss(40)
    along = mode.evolve(3.0 * (nodes + 1), start)
    p, upper, below, n = model.parameters, along.occupation_u, along.occupation_l, along.n
    rates = [
        p.gamma_u * p.f_u * (1 - upper), p.gamma_u * (1 - p.f_u) * upper,
        p.gamma_l * p.f_l * (1 - below), p.gamma_l * (1 - p.f_l) * below,
        p.gamma_b * p.n_b * (1 + n), p.gamma_b * (1 + p.n_b) * n,
    ]  # fmt: skip
    expected = 3.0 * np.array(rates) @ weights
    assert joint_p(run.jumps[:, 1].astype(float), expected) > 1e-4
    np.testing.assert_allclose(run.jumps[:, 1].mean(axis=0), expected, rtol=0.05)


def test_waiting_times_between_photons():
    """From one photon given to the bath to the next, at rest: the law of the density matrix."""
    model, cutoff = mode_model(n_b=0.05, f_l=0.1, g=1.5), 4
    run = wave([0.0, 60.0], 4000, seed=11, model=model, record="events")
    waits = []
    for i in range(run.ntraj):
        times, channels = run.events(i)
        times = times[(channels == 5) & (times > 25)]
        waits += [times[1] - times[0]] if len(times) > 1 else []
    assert len(waits) > 3990  # so few are cut off
    total, _ = liouvillian(model.parameters, cutoff)
    size = 4 * (cutoff + 1)
    a = operators(cutoff)[2]
    jump = 0.5 * 1.05 * np.kron(a, a)
    rest = null_space(total, rcond=1e-11)[:, 0].reshape(size, size, order="F")
    rho = jump @ (rest / np.trace(rest)).ravel(order="F")
    rho = rho / rho[:: size + 1].sum()
    step, survival = expm((total - jump) * 0.05), [1.0]
    for _ in range(700):
        rho = step @ rho
        survival.append(rho[:: size + 1].sum().real)
    law = np.interp(waits, 0.05 * np.arange(701), 1 - np.array(survival))
    assert kstest(law, "uniform").pvalue > 1e-4


def test_a_classical_field():
    """Transients of (W A1-A3), and quanta given to the field: the integral of R."""
    field = twolevel.classical_field(10, 0, 12, 1, 1.5, 0.8 - 0.3j, f_u=0.9, f_l=0.2)
    start = js.Mixture([({"u": 1, "l": 0}, 0.7), ({"u": 0, "l": 1}, 0.3)])
    run = js.simulate(field, [0.4, 1.5, 9.0], 50_000, start, seed=4)
    upper, low, sigma = field.evolve(run.times, (0.7, 0.3, 0.0))
    sigma = sigma * np.exp(-1j * np.angle(0.8 - 0.3j))  # the gauge of a real coupling
    nodes, weights = np.polynomial.legendre.leggauss(40)
    given = []
    for t in run.times:
        along = field.evolve(t / 2 * (nodes + 1), (0.7, 0.3, 0.0))[2]
        given.append(t / 2 * weights @ (2 * (np.conj(0.8 - 0.3j) * along).imag))
    theory = np.stack([upper, low, given, sigma.real, sigma.imag], axis=-1)
    assert joint_p(run.expect.reshape(len(run.expect), -1), theory.ravel()) > 1e-4
    assert np.abs(run.mean() - theory).max() < 0.02


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
    with pytest.raises(js.SimulationError, match=r"trajectory \d, .*'photon from bath' raised"):
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


def test_sums_and_what_a_file_says_of_them(tmp_path):
    """Of the nearest whole multiples of 2⁻³²; averages and covariances in the file are in 1."""
    path = tmp_path / "w.h5"
    run = wave(ntraj=300, record=["expect", "moments"], store=path)
    exactly = Moments.of(np.rint(run.expect * 2.0**32).astype(np.int64))
    assert run.moments.first.tolist() == exactly.first.tolist()
    assert run.moments.second.tolist() == exactly.second.tolist()
    np.testing.assert_array_equal(run.mean(), exactly.mean() * 2.0**-32)
    np.testing.assert_array_equal(run.cov(), exactly.cov() * 2.0**-64)
    np.testing.assert_array_equal(run.sem(), exactly.sem() * 2.0**-32)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["expect_mean"], run.mean())
        np.testing.assert_array_equal(file["expect_covariance"], run.cov())
        first, second = file["expect_sum"][()], file["expect_product_sum"][()]
        names = [name.decode() for name in file["observable"]]
    assert names == ["u", "l", "photon", "Re c", "Im c"]
    stored = Moments.from_words(300, first, second)
    assert stored.first.tolist() == exactly.first.tolist()
    assert stored.second.tolist() == exactly.second.tolist()


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


_FIRST_EVENT = """
import numpy as np
import jumpsim as js
from jumpsim import engine, streams

table = js.systems.hohlraum(3, 2, 1.0).table
times, start, stream = np.array([9.0]), np.array([[3, 1]]), streams.states(1, 0, 1, 1)
print(engine.run("direct", table, times, start, stream, ("events",)).event_time[0])
"""


def first_event(folder):
    """Its time by the package that was copied there, in a process of its own."""
    env = os.environ | {"PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(folder / "cache")}
    command = [sys.executable, "-B", "-c", _FIRST_EVENT]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


@pytest.mark.slow
def test_edited_draws_make_a_kernel_anew(tmp_path):
    """numba itself would take the kernel of direct.py from its cache, which was not touched."""
    source = Path(js.__file__).parent
    shutil.copytree(source, tmp_path / "jumpsim", ignore=shutil.ignore_patterns("__pycache__"))
    first = first_event(tmp_path)
    folders = sorted((tmp_path / "cache").glob("kernels-*"))
    assert len(folders) == 1
    assert first_event(tmp_path) == first
    assert sorted((tmp_path / "cache").glob("kernels-*")) == folders
    file = tmp_path / "jumpsim" / "engine" / "random.py"
    text = file.read_text()
    changed = text.replace("return -(exponent * 0.69", "return -2.0 * (exponent * 0.69")
    assert changed != text
    file.write_text(changed)
    assert first_event(tmp_path) == 2 * first
    assert len(list((tmp_path / "cache").glob("kernels-*"))) == 2
    file.write_text(text)
    assert first_event(tmp_path) == first


def test_every_file_of_the_kernels_is_in_the_digest(tmp_path, monkeypatch):
    """A comment in any of them makes another folder; afterwards numba's setting is as it was."""
    from jumpsim.engine.codegen import cache

    def folder():
        with cache.kernel_cache():
            return numba.config.CACHE_DIR

    before = numba.config.CACHE_DIR
    assert Path(folder()).parent.name == (Path(before).name if before else "__pycache__")
    assert before == numba.config.CACHE_DIR
    source = Path(js.__file__).parent / "engine"
    shutil.copytree(
        source, tmp_path, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
    )
    monkeypatch.setattr(cache, "_HERE", tmp_path)
    seen = [folder()]
    assert folder() == seen[0]
    for file in sorted(tmp_path.rglob("*.py")):
        file.write_text(file.read_text() + "# edited\n")
        seen.append(folder())
    assert len(set(seen)) == len(seen) == 1 + len(list(tmp_path.rglob("*.py")))
    assert before == numba.config.CACHE_DIR


@pytest.mark.parametrize("kind", ["<f4", ">f8", "<i8"])
def test_expectations_of_another_type_are_damage(tmp_path, kind):
    path = tmp_path / "w.h5"
    wave(ntraj=5, store=path)
    with h5py.File(path, "r+") as file:  # takes the seal away
        values = file["expect"][()]
        del file["expect"]
        file.create_dataset("expect", data=values.astype(kind))
    with pytest.raises(js.StoreError, match="'expect' has not the shape or type"):
        js.open(path)

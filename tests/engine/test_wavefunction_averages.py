"""Averages of quantum jumps against the density matrix, and how they are summed and stored."""

import h5py
import numpy as np
import pytest
from oracles.lindblad import liouvillian, operators
from scipy.linalg import expm, null_space
from scipy.stats import f as f_law
from scipy.stats import kstest
from support.wavefunctions import ALL, MODELS, mode_model, wave

import jumpsim as js
from jumpsim.statistics.moments import Moments
from jumpsim.theory import twolevel


def test_sums_are_those_of_the_samples():
    kept, alone = wave(ntraj=200), wave(ntraj=200, record="moments", block_size=13)
    np.testing.assert_array_equal(kept.mean(), alone.mean())
    np.testing.assert_allclose(alone.mean(), kept.expect.mean(axis=0), atol=2**-32)
    np.testing.assert_allclose(alone.var(), kept.expect.var(axis=0, ddof=1), atol=1e-8)
    np.testing.assert_allclose(alone.cov()[2], np.cov(kept.expect[:, 2].T), atol=1e-8)
    squares = wave(ntraj=200, record="variances", block_size=13)
    np.testing.assert_array_equal(squares.mean(), alone.mean())
    np.testing.assert_array_equal(squares.var(), alone.var())
    with pytest.raises(js.InputError, match="covariances need expect or moments, but the record"):
        squares.cov()
    for record in ("moments", "variances"):
        enough = wave(ntraj=10**6, target_sem={"photon": 0.05}, record=record)
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
    """From one photon given to the bath to the next: distribution of the density matrix."""
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


def test_sums_and_what_a_file_says_of_them(tmp_path):
    """Of the nearest whole multiples of 2⁻³²; averages and covariances in the file are in 1."""
    path = tmp_path / "w.h5"
    run = wave(ntraj=300, record=["expect", "moments", "variances"], store=path)
    exactly = Moments.of(np.rint(run.expect * 2.0**32).astype(np.int64))
    assert run.moments.first.tolist() == exactly.first.tolist()
    assert run.moments.second.tolist() == exactly.second.tolist()
    np.testing.assert_array_equal(run.mean(), exactly.mean() * 2.0**-32)
    np.testing.assert_array_equal(run.cov(), exactly.cov() * 2.0**-64)
    np.testing.assert_array_equal(run.sem(), exactly.sem() * 2.0**-32)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["expect_mean"], run.mean())
        np.testing.assert_array_equal(file["expect_covariance"], run.cov())
        np.testing.assert_array_equal(file["expect_variance"], run.var())
        squares = file["expect_square_sum"][()]
        first, second = file["expect_sum"][()], file["expect_product_sum"][()]
        names = [name.decode() for name in file["observable"]]
    assert names == ["u", "l", "photon", "Re c", "Im c"]
    stored = Moments.from_words(300, first, second)
    assert stored.first.tolist() == exactly.first.tolist()
    assert stored.second.tolist() == exactly.second.tolist()
    assert Moments.from_words(300, first, squares).second.tolist() == (
        exactly.squares().second.tolist()
    )


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

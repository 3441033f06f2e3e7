"""Models with hundreds of pools, and events of hundreds of quanta."""

import gc
import math
import time
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

import jumpsim as js
from jumpsim.model.stoichiometry import null_space
from jumpsim.statistics import exact_sums
from jumpsim.statistics.exact_sums import word_sums


def chain(length):
    """Quanta that hop between neighbours."""
    channels = []
    for i in range(length - 1):
        here, there = {f"x{i}": 1}, {f"x{i + 1}": 1}
        channels += js.Channel.reversible(f"right {i}", f"left {i}", 1.0, here, there)
    return js.Model([js.Pool.mass_action(f"x{i}") for i in range(length)], channels)


def wide(pools):
    """Quanta that hop along the first three pools; the others are constant."""
    channels = [
        channel
        for i in range(2)
        for channel in js.Channel.reversible(
            f"right {i}", f"left {i}", 1.0, {f"x{i}": 1}, {f"x{i + 1}": 1}
        )
    ]
    return js.Model([js.Pool.mass_action(f"x{i}") for i in range(pools)], channels)


def test_a_table_of_200_pools():
    """It took 54 s with dense rows."""
    began = time.monotonic()
    text = str(chain(200))
    assert time.monotonic() - began < 5
    conserved = " + ".join(f"x{i}" for i in range(200))
    assert text.endswith(f"conserved: {conserved}\nmethod: partial propensities")


def test_averages_of_200_pools():
    """Without the products of all pairs, which took 1.3 GB; the same numbers."""
    start = {f"x{i}": 0 for i in range(200)} | {"x0": 100}
    run = js.simulate(chain(200), np.linspace(0, 1, 21), 20, start, seed=1)
    counts = run.counts
    began = time.monotonic()
    mean, var = run.mean(), run.var()
    assert time.monotonic() - began < 1
    assert np.array_equal(mean, counts.mean(axis=0))
    assert np.allclose(var, counts.var(axis=0, ddof=1), rtol=1e-13)
    assert np.array_equal(run.sem(), np.sqrt(var / 20))


def test_variances_of_400_pools_need_no_array_of_pairs(tmp_path, monkeypatch):
    """From the samples to the file and back: less memory than one array of all pairs of pools.

    It is 3 MB; with "moments" it would be 113 MB.
    """
    times, start = np.linspace(0, 1, 11), dict.fromkeys((f"x{i}" for i in range(400)), 0)
    start["x0"] = 100
    model = wide(400)
    options = {"times": times, "initial": start, "seed": 1, "workers": 1, "block_size": 64}
    counts = js.simulate(model, ntraj=128, **options).counts.astype(float)
    shapes = []
    monkeypatch.setattr(
        exact_sums, "word_sums", lambda *a: shapes.append([x.shape for x in a]) or word_sums(*a)
    )
    options |= {"record": "variances", "store": tmp_path / "a.h5"}
    js.simulate(model, ntraj=64, **options)  # what is compiled or loaded takes memory too
    gc.collect()
    tracemalloc.start()
    js.simulate(model, ntraj=128, target_sem=1e-9, **options)
    run = js.open(tmp_path / "a.h5")
    mean, var, sem, text = run.mean(), run.var(), run.sem(), str(run)
    js.merge(tmp_path / "b.h5", [tmp_path / "a.h5"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 400**2 * len(times)
    assert shapes
    assert all(pools == 1 for shape in shapes for *_, pools, _ in shape[2:])
    np.testing.assert_allclose(mean, counts.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(var, counts.var(axis=0, ddof=1), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(sem, counts.std(axis=0, ddof=1) / 128**0.5, rtol=1e-12)
    assert "variances mean and variance, 11 times of 400 columns" in text
    assert js.status(tmp_path / "b.h5").done == 128


@pytest.mark.parametrize("seed", range(5))
def test_conserved_totals_of_random_events(seed):
    """Each is conserved, and their number is the number of pools minus the rank."""
    rows = np.random.default_rng(seed).integers(-2, 3, (6, 8))
    basis = np.array(null_space(rows))
    assert not (rows @ basis.T).any()
    assert len(basis) == 8 - np.linalg.matrix_rank(rows) == np.linalg.matrix_rank(basis)


@pytest.mark.parametrize("quanta", [2, 20, 160, 170, 171, 300, 1000])
@pytest.mark.parametrize("rate", [2.0, 1e-60])
def test_takes_of_many_quanta(quanta, rate):
    """rate · C(n, k), although k! is no float from 171 on; exactly 0 for a smaller count."""
    model = js.Model(
        [js.Pool.mass_action("X")], [js.Channel("burst", rate=rate, takes={"X": quanta})]
    )
    for count in (0, 1, quanta - 1):
        assert model.rates({"X": count})[0] == (rate * count if quanta == 1 else 0)
    for count in (quanta, quanta + 1, quanta + 7):
        right = float(Fraction(rate) * math.comb(count, quanta))
        assert model.rates({"X": count})[0] == pytest.approx(right, rel=1e-12)


def test_a_rate_beyond_all_floats_is_refused():
    model = js.Model([js.Pool.mass_action("X")], [js.Channel("burst", 1.0, {"X": 1000})])
    assert model.rates([10**7]) == np.inf
    with pytest.raises(js.SimulationError, match="the total rate is not a finite"):
        js.simulate(model, [1.0], 3, {"X": 10**7}, seed=1)
    assert js.simulate(model, [100.0], 3, {"X": 1001}, seed=1).mean().tolist() == [[1.0]]

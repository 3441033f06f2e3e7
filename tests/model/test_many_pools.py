"""Models with hundreds of pools, and events of hundreds of quanta."""

import math
import time
from fractions import Fraction

import numpy as np
import pytest

import jumpsim as js
from jumpsim.model.stoichiometry import null_space
from jumpsim.statistics import Moments


def chain(length):
    """Quanta that hop between neighbours."""
    channels = []
    for i in range(length - 1):
        here, there = {f"x{i}": 1}, {f"x{i + 1}": 1}
        channels += js.Channel.reversible(f"right {i}", f"left {i}", 1.0, here, there)
    return js.Model([js.Pool.mass_action(f"x{i}") for i in range(length)], channels)


def test_a_table_of_200_pools():
    """It took 54 s with dense rows."""
    began = time.monotonic()
    text = str(chain(200))
    assert time.monotonic() - began < 5
    assert text.endswith("conserved: " + " + ".join(f"x{i}" for i in range(200)))


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


def test_single_moments_are_those_of_all():
    samples = np.random.default_rng(1).integers(-(2**53), 2**53, (7, 3, 4))
    every, single = Moments.of(samples), Moments.of(samples[..., None])
    assert (every.single().first == single.first).all()
    assert (every.single().second == single.second).all()
    assert np.array_equal(every.var(), single.var()[..., 0])


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

"""Gaussian paths and tails of deviations against linear noise."""

import math

import numpy as np
import pytest
from support.typical_runs import BASE, TIMES, sizes

import jumpsim as js
from jumpsim.model.initial import Thermal


def test_gaussian_paths_have_the_covariances():
    noise = js.linear_noise(BASE, TIMES, Thermal(1.0))
    paths = noise.paths(40_000, seed=1) - noise.mean
    for k in (0, 3, 10):
        found = np.cov(paths[:, k].T)
        scale = np.sqrt(np.outer(np.diag(noise.covariance[k]), np.diag(noise.covariance[k])))
        assert (np.abs(found - noise.covariance[k]) < 5 * scale * math.sqrt(2 / 40_000)).all()
    two = noise.two_time(2)[3]
    found = paths[:, 5].T @ paths[:, 2] / 40_000
    scale = np.sqrt(np.outer(np.diag(noise.covariance[5]), np.diag(noise.covariance[2])))
    assert (np.abs(found - two) < 5 * scale * math.sqrt(2 / 40_000)).all()


def test_tail_of_a_large_system_is_gaussian():
    (large,) = sizes((64,), (600,))
    tail = js.gaussian_tail(large, paths=40_000)
    assert (tail.observed[-1] == 1 / 600).all()
    outside = (tail.predicted < tail.low) | (tail.predicted > tail.high)
    assert outside.mean() < 0.15
    assert "linear noise" in str(tail)
    found = np.sort(large.deviations, axis=0)
    assert tail.thresholds[-1] == pytest.approx(found[-1])
    assert tail.observed[0] == pytest.approx([0.5] * 3, abs=0.01)


def test_tail_of_a_small_system_departs():
    """One photon that decays: two values of the deviation, nothing like a Gaussian."""
    model = js.systems.open_waveguide(1, 1, 1e4, 0, (0, 0), (1e4, 0))
    ensemble = js.simulate(model, [3e-5], 4000, {"A": 0, "B": 0, "m": 1}, seed=1)
    tail = js.gaussian_tail(js.typicality(ensemble), paths=20_000)
    assert tail.departure("m") is not None
    with pytest.raises(js.InputError, match="a tail needs at least 50 trajectories"):
        js.gaussian_tail(js.typicality(js.simulate(model, [1e-5], 9, (0, 0, 1), 1)))

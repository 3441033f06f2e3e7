"""Runs of quantum jumps that several tests read."""

import numpy as np
import pytest
from support.quantum_jumps import EMPTY, FIELD, MODE

import jumpsim as js


@pytest.fixture(scope="session")
def mode():
    times = np.linspace(0, 60, 61)
    return js.simulate(MODE, times, 20_000, EMPTY, 1, record=["expect", "jumps"])


@pytest.fixture(scope="session")
def field():
    times, start = np.linspace(0, 400, 41), {"u": 0, "l": 0}
    return js.simulate(FIELD, times, 10_000, start, 2, record=["expect", "jumps"])

"""What several test modules share."""

import numpy as np
import pytest
from support.systems import PUBLISHED

import jumpsim as js


@pytest.fixture
def waveguide():
    """The open waveguide of BM Fig. 2."""
    return js.systems.open_waveguide(**PUBLISHED)


@pytest.fixture
def microseconds():
    """Return eleven times up to 1 µs."""
    return np.linspace(0, 1e-6, 11)

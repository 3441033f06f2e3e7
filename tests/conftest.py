"""What several test modules share."""

import numpy as np
import pytest

import jumpsim as js

PUBLISHED = {
    "tls": 100,
    "modes": 100,
    "gamma_dec": "10 kHz",
    "gamma_0": "10 kHz",
    "gamma_tilde": ("10 MHz", 0),
    "gamma_tilde_wg": ("10 MHz", 0),
    "wavelength": "10 um",
}


@pytest.fixture
def waveguide():
    """The open waveguide of BM Fig. 2."""
    return js.systems.open_waveguide(**PUBLISHED)


@pytest.fixture
def microseconds():
    """Return eleven times up to 1 µs."""
    return np.linspace(0, 1e-6, 11)

"""Systems of every kind that several tests use, and grids of times."""

import numpy as np

import jumpsim as js

# The open waveguide of BM Fig. 2.
PUBLISHED = {
    "tls": 100,
    "modes": 100,
    "gamma_dec": "10 kHz",
    "gamma_0": "10 kHz",
    "gamma_tilde": ("10 MHz", 0),
    "gamma_tilde_wg": ("10 MHz", 0),
    "wavelength": "10 um",
}

# Hohlraums whose master equation is solved at once, and a larger one.
HOHLRAUM = js.systems.hohlraum(8, 5, 1.0)
FEW_LEVELS = js.systems.hohlraum(4, 2.5, 1.0)
LARGER_HOHLRAUM = js.systems.hohlraum(20, 10, 1.0)

# Both directions, losses and all kinds of channels, with few quanta.
SMALL_WAVEGUIDE = js.systems.open_waveguide(6, 5, 0.2, 1.0, (1.0, 0.5), (0.3, 0.1))

WAVEGUIDE = js.systems.open_waveguide(
    tls=20, modes=7.5, gamma_dec=0.3, gamma_0=0.5, gamma_tilde=(2.0, 0.1), gamma_tilde_wg=(1.0, 0.2)
)


LOOP = js.systems.closed_waveguide(3, 2, 2, 1.0, 1.0, 1.0, (1.0, 0), (1.0, 0))


DIMERS = js.Model(
    [js.Pool.mass_action("P"), js.Pool.mass_action("P2"), js.Pool.mass_action("X")],
    [
        *js.Channel.reversible("pair", "split", 0.02, {"P": 2}, {"P2": 1}, reverse_rate=0.5),
        js.Channel("twice", 0.1, {"X": 1}, {"X": 2}),
        js.Channel("gone", 0.12, {"X": 1}),
        js.Channel("never", 0.0, {"X": 1}),
    ],
)


LIGHT = js.systems.two_level(0.4, 1.0, 1.0, 1.5, 0.5, 0.9, 0.2, 0.3)


SYSTEMS = {
    "waveguide": (WAVEGUIDE, js.Thermal(1.0)),
    "loop": (LOOP, js.Thermal(0.7)),
    "mass action": (DIMERS, js.Fixed({"P": 40, "P2": 0, "X": 9})),
    "two levels": (LIGHT, js.Fixed({"u": 1, "l": 0, "photon": 2})),
}


GRIDS = {
    "even": np.linspace(0, 3, 31),
    "late": np.linspace(1.0, 3.0, 11),
    "uneven": np.concatenate([[0.0], np.geomspace(1e-4, 3, 17)]),
    "single": np.array([2.5]),
    "start": np.array([0.0]),
    "nearly even": np.linspace(0, 3, 31) + 1e-5 * np.sin(np.arange(31)),
}

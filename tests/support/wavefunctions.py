"""Models and short runs of quantum jumps."""

import jumpsim as js

BASE = {"gamma_u": 1.0, "gamma_l": 1.5, "gamma_b": 0.5, "f_u": 0.9, "f_l": 0.2, "n_b": 0.3}


def mode_model(g=0.7, delta=1.3, **changes):
    rates = BASE | changes
    return js.systems.two_level_mode(10.0, 0.0, 10.0 + delta, g, **rates)


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


def wave(times=(0.0, 0.5, 2.0), ntraj=40, start=None, seed=3, model=None, **more):
    start = {"u": 1, "l": 0, "photon": 2} if start is None else start
    return js.simulate(model or mode_model(), times, ntraj, start, seed, **more)


ALL = ["expect", "jumps", "events", "moments", "variances"]

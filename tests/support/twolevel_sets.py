"""Parameters of two levels in a quantised mode."""

import numpy as np

SET = {"gamma_u": 1.0, "gamma_l": 1.5, "gamma_b": 0.3, "f_u": 0.9, "f_l": 0.1, "n_b": 0.2}


def random_sets(number, seed):
    """Parameters of quantised modes, all over the place but with few photons."""
    rng = np.random.default_rng(seed)
    for _ in range(number):
        gamma_u, gamma_l, gamma_b = 10 ** rng.uniform(-1, 1, 3)
        yield {
            "E_u": rng.uniform(0, 10), "E_l": rng.uniform(-5, 5), "omega_cav": rng.uniform(1, 12),
            "g": 10 ** rng.uniform(-1.5, 0.7) * np.exp(2j * np.pi * rng.uniform()),
            "gamma_u": gamma_u, "gamma_l": gamma_l, "gamma_b": gamma_b,
            "f_u": rng.uniform(), "f_l": rng.uniform(), "n_b": 10 ** rng.uniform(-3, 0),
        }  # fmt: skip

"""The genetic oscillator of Vilar et al., PNAS 99, 5988 (2002), as `data/vilar.toml` says it.

Its events, one by one, are in `test_same_events`.
"""

from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp

import jumpsim as js

HOUR = 3600.0
SPEC = js.load_spec(Path(__file__).parents[2] / "data" / "vilar.toml")


def vilar_1(y):
    """Vilar et al., Eq. 1, per hour."""
    D_A, D_R, D_A1, D_R1, M_A, M_R, A, R, C = y
    alpha_A, alpha_A1, alpha_R, alpha_R1 = 50, 500, 0.01, 50
    beta_A, beta_R = 50, 5
    delta_MA, delta_MR, delta_A, delta_R = 10, 0.5, 1, 0.2
    gamma_A, gamma_R, gamma_C = 1, 1, 2
    theta_A, theta_R = 50, 100
    return (
        theta_A * D_A1 - gamma_A * D_A * A,
        theta_R * D_R1 - gamma_R * D_R * A,
        gamma_A * D_A * A - theta_A * D_A1,
        gamma_R * D_R * A - theta_R * D_R1,
        alpha_A1 * D_A1 + alpha_A * D_A - delta_MA * M_A,
        alpha_R1 * D_R1 + alpha_R * D_R - delta_MR * M_R,
        beta_A * M_A
        + theta_A * D_A1
        + theta_R * D_R1
        - A * (gamma_A * D_A + gamma_R * D_R + gamma_C * R + delta_A),
        beta_R * M_R - gamma_C * A * R + delta_A * C - delta_R * R,
        gamma_C * A * R - delta_A * C,
    )


def test_rate_equations_are_Vilar_1():
    rng = np.random.default_rng(30)
    for counts in rng.uniform(0, 2, (200, 9)) * (1, 1, 1, 1, 9, 30, 300, 900, 900):
        expected = np.array(vilar_1(counts)) / HOUR
        gross = np.abs(SPEC.model.changes).T @ SPEC.model.rates(counts)
        assert (np.abs(SPEC.model.table.drift(counts) - expected) <= 1e-13 * gross).all()


def test_start_and_times_are_the_published_ones():
    assert SPEC.model.pools == ("DA", "DR", "DA_A", "DR_A", "MA", "MR", "A", "R", "C")
    assert SPEC.initial.draw(SPEC.model, 1, 0, 1).tolist() == [[1, 1, 0, 0, 0, 0, 0, 0, 0]]
    np.testing.assert_allclose(SPEC.times, np.arange(201) * HOUR, rtol=1e-14)


def test_the_repressor_rises_every_25_hours():
    # Vilar et al., Fig. 2a; the shape itself against another solver of the equations above.
    times = np.arange(0, 200, 0.05)
    R = js.mean_field(SPEC.model, times * HOUR, SPEC.initial).counts[:, 7]
    start = [1, 1, 0, 0, 0, 0, 0, 0, 0]
    other = solve_ivp(
        lambda _, y: vilar_1(y), (0, 200), start, "LSODA", times, rtol=1e-9, atol=1e-9
    )
    np.testing.assert_allclose(R, other.y[7], atol=1e-4 * R.max())
    rises = times[1:][(R[:-1] < 500) & (R[1:] >= 500)]
    assert len(rises) == 8
    np.testing.assert_allclose(np.diff(rises), 25.5, atol=0.5)

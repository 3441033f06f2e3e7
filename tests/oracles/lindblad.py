"""A plain Lindblad equation of two levels and a mode: dense operators on the whole Fock space.

Typed from the paper, with Jordan-Wigner signs; knows nothing of blocks. A parameter object of the
package is taken as data: only its numbers are read.
"""

import numpy as np


def operators(cutoff):
    """c_u, c_l and a as dense matrices on electrons ⊗ photons."""
    lower, sign, one = np.array([[0.0, 1], [0, 0]]), np.diag([1.0, -1]), np.eye(2)
    light = np.diag(np.sqrt(np.arange(1, cutoff + 1)), 1)
    photons = np.eye(cutoff + 1)
    c_u = np.kron(np.kron(lower, one), photons)
    c_l = np.kron(np.kron(sign, lower), photons)
    return c_u, c_l, np.kron(np.eye(4), light)


def liouvillian(p, cutoff):
    """Superoperator on column-stacked density matrices, for `ModeParameters`."""
    c_u, c_l, a = operators(cutoff)
    one = np.eye(len(a))
    mixing = p.g * c_u.T @ c_l @ a
    h = (
        p.E_u * c_u.T @ c_u + p.E_l * c_l.T @ c_l + p.omega_cav * a.T @ a
        + mixing + mixing.conj().T
    )  # fmt: skip
    total = -1j * (np.kron(one, h) - np.kron(h.T, one))
    for rate, jump in (
        (p.gamma_u * p.f_u, c_u.T), (p.gamma_u * (1 - p.f_u), c_u),
        (p.gamma_l * p.f_l, c_l.T), (p.gamma_l * (1 - p.f_l), c_l),
        (p.gamma_b * p.n_b, a.T), (p.gamma_b * (1 + p.n_b), a),
    ):  # fmt: skip
        square = jump.T @ jump
        total = total + rate * (
            np.kron(jump, jump) - 0.5 * (np.kron(one, square) + np.kron(square.T, one))
        )
    return total, h


def means(rho, p, cutoff):
    """σ_uu, σ_ll, ⟨n⟩, Y and P(n) of a density matrix."""
    c_u, c_l, a = operators(cutoff)
    y = np.conj(p.g) * np.trace(c_l.T @ c_u @ a.T @ rho)
    diagonal = np.diagonal(rho).real.reshape(4, cutoff + 1)
    return (
        np.trace(c_u.T @ c_u @ rho).real, np.trace(c_l.T @ c_l @ rho).real,
        np.trace(a.T @ a @ rho).real, y, diagonal.sum(axis=0),
    )  # fmt: skip

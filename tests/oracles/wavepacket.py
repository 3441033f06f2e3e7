"""A plain Monte Carlo wave function: dense operators on a cut-off Fock space, the same draws.

Typed from the paper and from the theory of quantum jumps; knows nothing of blocks, pairs or closed
forms. It only shares with the engine what a candidate is: one at the largest decay rate of the
states that are superposed. A model's rates are taken as data: only the numbers are read.
"""

import math

import numpy as np
from scipy.linalg import expm
from scipy.sparse import csr_array

from oracles.lindblad import operators


def jump_operators(rates, cutoff, mode):
    """Hamiltonian in the rotating frame and the six (four) collapse operators."""
    c_u, c_l, a = operators(cutoff)
    if not mode:
        a = np.kron(np.eye(4), np.diag(np.ones(cutoff), 1))  # every quantum alike
    mixing = rates.coupling * c_u.T @ c_l @ a
    h = rates.detuning * c_l.T @ c_l + mixing + mixing.T
    pairs = [
        (rates.into_u, c_u.T), (rates.out_u, c_u), (rates.into_l, c_l.T), (rates.out_l, c_l),
    ]  # fmt: skip
    if mode:
        pairs += [(rates.from_bath, a.T), (rates.to_bath, a)]
    return h, [math.sqrt(rate) * jump for rate, jump in pairs], (c_u, c_l, a)


def moved(psi, drift, there, t):
    """State after t without a jump, normalised; the drift leads nowhere outside of `there`."""
    inside = np.flatnonzero(there)
    columns = drift[:, inside]
    assert set(columns.nonzero()[0]) <= set(inside)
    phi = np.zeros_like(psi)
    phi[inside] = expm(columns[inside].toarray() * t) @ psi[inside]
    return phi / np.linalg.norm(phi)


def trajectory(rates, start, times, words, cutoff, mode=True, offset=0):
    """Events, and expectation values at `times`, of one trajectory.

    Parameters
    ----------
    rates : CoherentRates
    start : tuple of int
        n_u, n_l and the photon number.
    words : iterator of int
        The trajectory's stream.
    offset : int
        Photon number that stands for 0 in a classical field, which can give more than it got.
    """
    h, collapse, (c_u, c_l, a) = jump_operators(rates, cutoff, mode)
    decays = sum(c.T @ c for c in collapse)
    drift = -1j * h - 0.5 * decays
    number = np.kron(np.eye(4), np.diag(np.arange(cutoff + 1.0) - offset))
    observables = [
        csr_array(o) for o in (c_u.T @ c_u, c_l.T @ c_l, number, c_l.T @ c_u @ a.T)
    ]  # fmt: skip
    partners = (c_u.T @ c_l @ a != 0) | (c_u.T @ c_l @ a != 0).T
    blocks = csr_array(drift)
    collapse = [csr_array(c) for c in collapse]
    psi = np.zeros(len(h), complex)
    psi[(2 * start[0] + start[1]) * (cutoff + 1) + start[2] + offset] = 1.0
    t, k, events, kept = 0.0, 0, [], []
    while True:
        there = psi != 0
        there |= partners[there].any(axis=0)
        top = np.diagonal(decays)[there].max()
        wait = -math.log(1 - (next(words) >> 12) * 2.0**-52) / top if top > 0 else math.inf
        while k < len(times) and times[k] < t + wait:
            phi = moved(psi, blocks, there, times[k] - t)
            kept.append([phi.conj() @ o @ phi for o in observables])
            k += 1
        if k == len(times):
            kept = np.array(kept)
            return events, np.column_stack([kept.real, kept[:, 3].imag])
        t += wait
        psi = moved(psi, blocks, there, wait)
        x = (next(words) >> 12) * 2.0**-52 * top
        for c, jump in enumerate(collapse):
            after = jump @ psi
            rate = np.linalg.norm(after) ** 2
            if x < rate:
                events.append((t, c))
                psi = after / math.sqrt(rate)
                break
            x -= rate

"""Fourier series of a periodic Hamiltonian and of the periodic steady state of fermionic levels."""

from typing import Any

import numpy as np

from ...errors import InputError, positive_number
from ...utils.typing import Array, ComplexArray

_TAIL = 1e-13  # weight of the last harmonic, relative to the largest
_MOST_HARMONICS = 512


def hamiltonian_harmonics(
    hamiltonian: Any, period: float | None
) -> tuple[dict[int, ComplexArray], float]:
    """Harmonics of a Hamiltonian and the frequency of the drive.

    Parameters
    ----------
    hamiltonian : array_like, callable or dict of int to array_like
        As for `periodic`.
    period : float or None
        Seconds.

    Returns
    -------
    harmonics : dict of int to ndarray
        h_k of h(t) = Σ_k h_k e^(-ikωt), for positive and negative k.
    omega : float
        2π/period; 0 for a static Hamiltonian.

    Raises
    ------
    InputError
        When the Hamiltonian is not Hermitian, finite and square, or the period does not fit to it.
    """
    omega = 0.0 if period is None else 2 * np.pi / positive_number(period, "period")
    if callable(hamiltonian):
        if period is None:
            raise InputError("a Hamiltonian that is a function of time requires `period`")
        given = _sampled(hamiltonian, period)
    elif isinstance(hamiltonian, dict):
        given = {int(k): np.array(h, complex) for k, h in hamiltonian.items()}
    else:
        given = {0: np.array(hamiltonian, complex)}
    for k in list(given):
        given.setdefault(-k, given[k].conj().T)
    given.setdefault(0, np.zeros_like(next(iter(given.values()))))
    shapes = {h.shape for h in given.values()}
    square = (
        len(shapes) == 1 and len(given[0].shape) == 2 and given[0].shape[0] == given[0].shape[1]
    )
    if not square or not all(np.isfinite(h).all() for h in given.values()):
        raise InputError("the Hamiltonian must consist of finite square matrices of equal size")
    if any(not np.allclose(given[-k], h.conj().T, atol=1e-10) for k, h in given.items()):
        raise InputError("the Hamiltonian must be Hermitian: h_(-k) = h_k†")
    if omega == 0 and len(given) > 1:
        raise InputError("harmonics of a Hamiltonian require `period`")
    return given, omega


def _sampled(hamiltonian: Any, period: Any) -> dict[int, ComplexArray]:
    """Harmonics of a function; the number of samples is doubled until they are resolved."""
    number = 16
    while True:
        times = period * np.arange(number) / number
        values = np.array([np.asarray(hamiltonian(t), complex) for t in times])
        found = np.fft.ifft(values, axis=0)  # h_k of e^(-ikωt)
        size = np.abs(found).max(axis=tuple(range(1, found.ndim)))
        if size[number // 2 - 2 : number // 2 + 2].max() < 1e-12 * max(size.max(), 1e-300):
            break
        number *= 2
        if number > 2 * _MOST_HARMONICS:
            raise InputError("the Hamiltonian has jumps in time, or a different `period`")
    k = np.fft.fftfreq(number, 1 / number).astype(int)
    kept = size > 1e-14 * size.max()
    return {int(n): h for n, h in zip(k[kept], found[kept], strict=True)}


def responses(hamiltonian: dict[int, ComplexArray], omega: float, gamma: Array) -> ComplexArray:
    """Harmonics σ_k for a filling of 1 in one reservoir and 0 in the others.

    The density matrix σ is linear in the fillings, so that these determine it for all fillings.

    Parameters
    ----------
    hamiltonian : dict of int to ndarray
        Harmonics h_k.
    omega : float
        2π/period.
    gamma : ndarray, shape (n_levels,)
        Exchange rates with the reservoirs.

    Returns
    -------
    ndarray, shape (n_levels, 2K + 1, n_levels, n_levels)
        For each reservoir σ_k for k from -K to K.

    Raises
    ------
    InputError
        When too many harmonics would be needed.
    """
    reach = max(abs(k) for k in hamiltonian)
    order = 0 if reach == 0 else 4 * reach
    while True:
        sigma = _steady(hamiltonian, omega, gamma, order)
        size = np.abs(sigma).max(axis=(0, 2, 3))
        edge = max(size[:reach].max(initial=0.0), size[len(size) - reach :].max(initial=0.0))
        if reach == 0 or edge < _TAIL * size.max():
            return sigma
        order *= 2
        if order > _MOST_HARMONICS:
            raise InputError(
                f"the drive is too slow: more than {_MOST_HARMONICS} harmonics would be needed"
            )


def _steady(hamiltonian: Any, omega: float, gamma: Any, order: int) -> ComplexArray:
    """Solve -ikω σ_k = -i Σ_j [h_j, σ_(k-j)] - {γ, σ_k}/2 + γ_α δ_k0 for every reservoir α."""
    from scipy import sparse
    from scipy.sparse.linalg import splu

    levels, number = len(gamma), 2 * order + 1
    one, decay, k = np.eye(levels), np.diag(gamma) / 2, np.arange(-order, order + 1)
    damped = np.kron(decay, one) + np.kron(one, decay)
    matrix = sparse.kron(sparse.diags_array(1j * k * omega), sparse.eye_array(levels**2))
    matrix = matrix - sparse.kron(sparse.eye_array(number), damped)
    for j, h in hamiltonian.items():
        turn = -1j * (np.kron(h, one) - np.kron(one, h.T))  # row-major [h, σ]
        matrix = matrix + sparse.kron(sparse.eye_array(number, k=-j), turn)
    right = np.zeros((number, levels, levels, levels), complex)
    for a, rate in enumerate(gamma):
        right[order, a, a, a] = -rate
    solution = splu(sparse.csc_array(matrix, dtype=complex)).solve(right.reshape(-1, levels))
    return np.moveaxis(solution.reshape(number, levels, levels, levels), -1, 0)

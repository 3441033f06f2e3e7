"""Linear equations of populations and of the coherences between |u, n⟩ and |l, n+1⟩."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...systems.twolevel.parameters import FieldParameters, ModeParameters
from ...utils.typing import Array, ComplexArray, IntArray

EMPTY, UPPER, LOWER, BOTH = range(4)


def generator(p: ModeParameters, cutoff: int, weights: Mapping[str, float] | None = None) -> Any:
    """Generator of the density matrix of two levels and a quantised mode (W 18).

    The unknowns are 4(N+1) populations, then the real parts of N coherences, then their imaginary
    parts.

    Parameters
    ----------
    p : ModeParameters
    cutoff : int
        The largest photon number N; transitions to larger ones are suppressed.
    weights : dict of str to float, optional
        Factor of the gain terms of the jumps of each channel, by name (default 1): e^s gives the
        tilted generator that counts these jumps, 0 the evolution conditioned on no such jump.

    Returns
    -------
    sparse array, shape (6N + 4, 6N + 4)
        Per second.
    """
    from scipy import sparse

    weights = weights or {}
    n = np.arange(cutoff + 1.0)
    size, entries = 4 * (cutoff + 1), []

    def put(row: Any, column: Any, value: Any) -> None:
        entries.append(
            (np.atleast_1d(row), np.atleast_1d(column), np.broadcast_to(value, np.shape(row)))
        )

    def place(state: int, k: Array) -> IntArray:
        return state * (cutoff + 1) + k.astype(int)

    def jump(source: IntArray, target: IntArray, rate: Array, name: str) -> None:
        put(target, source, rate * weights.get(name, 1.0))
        put(source, source, -rate)

    for level, low, high, gamma, f in (
        ("u", EMPTY, UPPER, p.gamma_u, p.f_u), ("u", LOWER, BOTH, p.gamma_u, p.f_u),
        ("l", EMPTY, LOWER, p.gamma_l, p.f_l), ("l", UPPER, BOTH, p.gamma_l, p.f_l),
    ):  # fmt: skip
        jump(place(low, n), place(high, n), gamma * f + 0 * n, f"into {level}")
        jump(place(high, n), place(low, n), gamma * (1 - f) + 0 * n, f"out of {level}")
    out, into = p.gamma_b * (1 + p.n_b), p.gamma_b * p.n_b
    fed_down, fed_up = (weights.get(name, 1.0) for name in ("photon to bath", "photon from bath"))
    for state in range(4):
        jump(place(state, n[1:]), place(state, n[:-1]), out * n[1:], "photon to bath")
        jump(place(state, n[:-1]), place(state, n[1:]), into * (n[:-1] + 1), "photon from bath")

    k = n[:-1]  # the coherence of |u, k⟩ and |l, k+1⟩
    re, im = size + k.astype(int), size + cutoff + k.astype(int)
    upper, lower = place(UPPER, k), place(LOWER, k + 1)
    a, b = p.g.real * np.sqrt(k + 1), p.g.imag * np.sqrt(k + 1)
    # Emission 2 Im(g* √(k+1) C) leaves u and enters l.
    for row, sign in ((upper, -2), (lower, 2)):
        put(row, im, sign * a)
        put(row, re, -sign * b)
    # No photon is created in |l, k+1⟩ at the cutoff, so that the last coherence has no such loss.
    above = np.where(k + 1 < cutoff, k + 2, 0.0)
    decay = (p.gamma_u + p.gamma_l + out * (2 * k + 1) + into * (k + 1 + above)) / 2
    for part in (re, im):
        put(part, part, -decay)
        put(part[:-1], part[1:], fed_down * out * np.sqrt((k[:-1] + 1) * (k[:-1] + 2)))
        put(part[1:], part[:-1], fed_up * into * np.sqrt(k[1:] * (k[1:] + 1)))
    put(re, im, -p.detuning)
    put(im, re, p.detuning)
    # iG (P_u - P_l), G = (a + ib).
    for column, sign in ((upper, 1), (lower, -1)):
        put(re, column, -sign * b)
        put(im, column, sign * a)
    rows, columns, values = (np.concatenate(part) for part in zip(*entries, strict=True))
    shape = (size + 2 * cutoff,) * 2
    return sparse.csc_array((values, (rows, columns)), shape)


def field_generator(p: FieldParameters, weights: Mapping[str, float] | None = None) -> Any:
    """Generator of the density matrix of two levels in a classical field (W A1-A3).

    The unknowns are 4 populations, then the real and the imaginary part of the coherence.

    Parameters
    ----------
    p : FieldParameters
    weights : dict of str to float, optional
        As for `generator`.

    Returns
    -------
    sparse array, shape (6, 6)
        Per second.
    """
    from scipy import sparse

    matrix, weights = np.zeros((6, 6)), weights or {}
    re, im, a, b = 4, 5, p.epsilon.real, p.epsilon.imag
    for level, low, high, gamma, f in (
        ("u", EMPTY, UPPER, p.gamma_u, p.f_u), ("u", LOWER, BOTH, p.gamma_u, p.f_u),
        ("l", EMPTY, LOWER, p.gamma_l, p.f_l), ("l", UPPER, BOTH, p.gamma_l, p.f_l),
    ):  # fmt: skip
        for source, target, rate, name in (
            (low, high, gamma * f, f"into {level}"), (high, low, gamma * (1 - f), f"out of {level}")
        ):  # fmt: skip
            matrix[target, source] += weights.get(name, 1.0) * rate
            matrix[source, source] -= rate
    for row, sign in ((UPPER, -2), (LOWER, 2)):  # R = 2 Im(ε* C) leaves u and enters l
        matrix[row, im], matrix[row, re] = sign * a, -sign * b
    matrix[re, re] = matrix[im, im] = -p.width / 2
    matrix[re, im], matrix[im, re] = -p.detuning, p.detuning
    for column, sign in ((UPPER, 1), (LOWER, -1)):
        matrix[re, column], matrix[im, column] = -sign * b, sign * a
    return sparse.csc_array(matrix)


class Stationary:
    """Stationary state of a generator with one stationary state, and its inverse on the rest.

    The equation of one likely population is left out and this population is given, so that the
    matrix stays sparse; the condition that all populations add up to 1 would be a full row.

    Parameters
    ----------
    matrix : sparse array, shape (n, n)
        Generator.
    populations : int
        Number of unknowns that are populations; these are the first ones.
    likely : int
        Index of a population that is not small. If it is, the largest one is used instead.

    Attributes
    ----------
    state : ndarray, shape (n,)
        The stationary state; its populations add up to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> two = sparse.csc_array(np.array([[-1.0, 3.0], [1.0, -3.0]]))  # 1/s and 3/s
    >>> print(Stationary(two, 2).state)
    [0.75 0.25]
    """

    def __init__(self, matrix: Any, populations: int, likely: int = 0) -> None:
        self._populations = populations
        for _ in range(3):
            self._factorise(matrix, likely)
            state = self._solved(-self._column, 1.0)
            state = state - self._solved(matrix @ state, 0.0)  # corrects rounding errors
            largest = int(np.abs(state[:populations]).argmax())
            if not abs(state[largest]) > 1e3:
                break
            likely = largest
        self.state: Array = state / state[:populations].sum()

    def solve(self, right: Array) -> Array:
        """Solution x of matrix x = right whose populations add up to 0.

        Parameters
        ----------
        right : ndarray, shape (n,)
            Its populations add up to 0, because the matrix conserves their sum.

        Returns
        -------
        ndarray, shape (n,)
        """
        found = self._solved(right, 0.0)
        return found - found[: self._populations].sum() * self.state

    def _factorise(self, matrix: Any, likely: int) -> None:
        from scipy.sparse.linalg import splu

        self._kept = np.delete(np.arange(matrix.shape[0]), likely)
        self._likely, columns = likely, matrix.tocsc()
        self._column: Array = columns[:, [likely]].toarray()[:, 0]
        self._factors = splu(columns[:, self._kept].tocsr()[self._kept].tocsc())

    def _solved(self, right: Array, given: float) -> Array:
        """Solution with the given value of the likely population."""
        out = np.full(len(right), given)
        out[self._kept] = self._factors.solve(right[self._kept])
        return out


def unpacked(vectors: Array, cutoff: int) -> tuple[Array, ComplexArray]:
    """Populations and coherences of solution vectors.

    Parameters
    ----------
    vectors : ndarray, shape (..., 6N + 4)
    cutoff : int
        The largest photon number N.

    Returns
    -------
    populations : ndarray, shape (..., 4, N + 1)
    coherences : ndarray of complex, shape (..., N)
    """
    size = 4 * (cutoff + 1)
    populations = vectors[..., :size].reshape(*vectors.shape[:-1], 4, cutoff + 1)
    real_part, imaginary = vectors[..., size : size + cutoff], vectors[..., size + cutoff :]
    return populations, real_part + 1j * imaginary


def packed(
    populations: Array, cutoff: int, coherences: ComplexArray | Sequence[complex] = ()
) -> Array:
    """Solution vector of given populations and coherences, the inverse of `unpacked`.

    Parameters
    ----------
    populations : ndarray, shape (4, n)
        At most N + 1 photon numbers; the others have the population 0.
    cutoff : int
        The largest photon number N.
    coherences : array_like of complex, optional
        At most N; the others are 0.

    Returns
    -------
    ndarray, shape (6N + 4,)
    """
    size = 4 * (cutoff + 1)
    vector = np.zeros(size + 2 * cutoff)
    vector[:size].reshape(4, -1)[:, : populations.shape[1]] = populations
    vector[size : size + len(coherences)] = np.real(coherences)
    vector[size + cutoff : size + cutoff + len(coherences)] = np.imag(coherences)
    return vector


def propagated(matrix: Any, vector: Array, times: Array) -> Array:
    """Solve dv/dt = matrix v.

    Parameters
    ----------
    matrix : sparse array, shape (n, n)
    vector : ndarray, shape (n,)
        v at t = 0.
    times : ndarray, shape (n_times,)
        Seconds, increasing.

    Returns
    -------
    ndarray, shape (n_times, n)
        v at each time.
    """
    from scipy.sparse.linalg import expm_multiply

    out = [vector]
    for span in np.diff(times, prepend=0.0):
        out.append(expm_multiply(matrix * span, out[-1]) if span > 0 else out[-1])
    return np.array(out[1:])

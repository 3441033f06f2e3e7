"""Two levels in a classical field (W III A, Appendix A)."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...errors import InputError
from ...systems.twolevel.parameters import FieldParameters, field_parameters
from ...units import as_times
from ...utils.typing import Array, ComplexArray, Times
from .counting_statistics import PhotonCounting
from .liouvillian import field_generator


@dataclass(frozen=True, eq=False)
class ClassicalField:
    """Steady state in a classical field; attributes are arrays when a parameter is an array.

    Attributes
    ----------
    parameters : FieldParameters
        Energies, rates, coupling and fillings.
    R : float
        Net rate u → l (W A12).
    occupation_u, occupation_l : float
        Occupations σ_uu and σ_ll of the levels.
    coherence : complex
        σ_ul in the rotating frame (W A8).
    """

    parameters: FieldParameters
    R: float
    occupation_u: float
    occupation_l: float
    coherence: complex

    @property
    def E_u(self) -> float:
        """Effective energy of u (W 14); E_u - E_l = ω."""
        return self.parameters.effective[0]

    @property
    def E_l(self) -> float:
        """Effective energy of l (W 14)."""
        return self.parameters.effective[1]

    @property
    def particle_flows(self) -> dict[str, float]:
        """Electrons from each reservoir into the system per second (W 12)."""
        return {"u": self.R, "l": -self.R}

    @property
    def energy_flows(self) -> dict[str, float]:
        """Energy into the system per second, from the reservoirs and the light (W 11, 13)."""
        return {
            "u": self.E_u * self.R,
            "l": -self.E_l * self.R,
            "light": -self.parameters.omega * self.R,
        }

    @property
    def entropy_production(self) -> float:
        """Entropy production of the reservoirs per second (W 15).

        It is defined only for reservoirs with a temperature and a chemical potential.
        """
        parts, reservoirs = [], self.parameters.reservoirs
        for name, energy, sign in (("u", self.E_u, -1), ("l", self.E_l, 1)):
            if reservoirs[name] is None:
                raise InputError(
                    f"entropy production needs `T_{name}` and `mu_{name}`, not a filling"
                )
            temperature, potential = reservoirs[name]
            parts.append(sign * (energy - potential) / temperature)
        return self.R * sum(parts)

    def flows(self, state: tuple[Any, Any, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Particle and energy flows from the reservoirs for any density matrix (W A6, A7).

        Parameters
        ----------
        state : tuple
            σ_uu, σ_ll and σ_ul.

        Returns
        -------
        particles : dict
            Electrons per second from each reservoir, "u" and "l".
        energies : dict
            Energy per second from each reservoir, and the power of the light as "light" (W A5).
        """
        p, (upper, lower, coherence) = self.parameters, state
        y = np.conj(p.epsilon) * coherence
        particles = {"u": p.gamma_u * (p.f_u - upper), "l": p.gamma_l * (p.f_l - lower)}
        energies = {
            "u": p.E_u * particles["u"] - p.gamma_u * y.real,
            "l": p.E_l * particles["l"] - p.gamma_l * y.real,
        }
        return particles, energies | {"light": -p.omega * 2 * y.imag}

    def evolve(
        self, times: Times, start: tuple[float, float, complex] = (0.0, 0.0, 0.0)
    ) -> tuple[Array, Array, ComplexArray]:
        """Time evolution of the density matrix (W A1-A3).

        Parameters
        ----------
        times : array_like of float or str
            Seconds, increasing, ≥ 0.
        start : tuple
            σ_uu, σ_ll and σ_ul (complex) at t = 0.

        Returns
        -------
        occupation_u, occupation_l, coherence : ndarray, shape (n_times,)
            σ_uu, σ_ll and σ_ul.

        Raises
        ------
        InputError
            When `start` is not a density matrix, or a parameter is an array.

        Examples
        --------
        >>> from jumpsim.theory import twolevel
        >>> state = twolevel.classical_field(1.0, 0.0, 1.0, 1.0, 1.0, 0.5, f_u=1.0, f_l=0.0)
        >>> print(state.evolve([0, 1])[0].round(4))  # occupation of the upper level
        [0.     0.5938]
        """
        from scipy.linalg import expm

        deviation, limit, matrix = self._deviation(start)
        moved = [expm(matrix * t) @ deviation + limit for t in as_times(times)]
        upper, lower, real_part, imaginary = np.array(moved).T
        return upper, lower, real_part + 1j * imaginary

    def emitted_quanta(
        self, times: Times, start: tuple[float, float, complex] = (0.0, 0.0, 0.0)
    ) -> Array:
        """Net number of quanta emitted into the field since t = 0, ∫R dt.

        Parameters
        ----------
        times, start
            As for `evolve`.

        Returns
        -------
        ndarray, shape (n_times,)

        Raises
        ------
        InputError
            As for `evolve`.
        """
        from scipy.linalg import expm

        deviation, limit, matrix = self._deviation(start)
        epsilon = self.parameters.epsilon
        rate = np.array([0, 0, -2 * epsilon.imag, 2 * epsilon.real])  # R = 2 Im(ε* σ)
        times = as_times(times)
        changes = [expm(matrix * t) @ deviation - deviation for t in times]
        transient = np.array([np.linalg.solve(matrix, change) for change in changes])
        return transient @ rate + times * (rate @ limit)

    @property
    def counting(self) -> PhotonCounting:
        """Long-time statistics of the net number of quanta emitted into the field."""
        if np.ndim(self.R):
            raise InputError("counting statistics are for one set of parameters, not for arrays")
        return PhotonCounting(partial(field_generator, self.parameters), 4)

    def _deviation(self, start: tuple[float, float, complex]) -> tuple[Array, Array, Array]:
        """Initial deviation from the steady state, the steady state, and the matrix of d/dt."""
        if np.ndim(self.R):
            raise InputError("a time evolution is for one set of parameters, not for arrays")
        upper, lower, coherence = start
        first = np.array([upper, lower, np.real(coherence), np.imag(coherence)], float)
        if not (0 <= first[0] <= 1 and 0 <= first[1] <= 1):
            raise InputError("`start` must begin with two occupations from 0 to 1")
        if abs(coherence) ** 2 > min(upper * (1 - lower), lower * (1 - upper)) + 1e-12:
            raise InputError("`start`: the coherence is too large for these occupations")
        limit = np.array(
            [self.occupation_u, self.occupation_l, self.coherence.real, self.coherence.imag]
        )
        return first - limit, limit, self._matrix()

    def _matrix(self) -> Array:
        """Matrix of the equations (W A1-A3) for (σ_uu, σ_ll, Re σ_ul, Im σ_ul)."""
        p = self.parameters
        a, b, width = p.epsilon.real, p.epsilon.imag, p.width / 2
        rate = np.array([0, 0, -2 * b, 2 * a])  # R = 2 Im(ε* σ)
        matrix = np.zeros((4, 4))
        matrix[0], matrix[1] = -rate, rate
        matrix[0, 0] -= p.gamma_u
        matrix[1, 1] -= p.gamma_l
        matrix[2] = [-b, b, -width, -p.detuning]  # Re of iΔσ + iε(σ_uu - σ_ll)
        matrix[3] = [a, -a, p.detuning, -width]
        return matrix

    def __str__(self) -> str:
        if np.ndim(self.R):
            return f"two-level system in a classical field at {np.shape(self.R)} parameter sets"
        p = self.parameters
        lines = [
            f"two-level system in a classical field, ω = {p.omega:g}, Δ = {p.detuning:g}",
            f"  R = {self.R:.8g}; occupations u {self.occupation_u:.6g}, l {self.occupation_l:.6g}",
            f"  effective energies u {self.E_u:.6g}, l {self.E_l:.6g}; fillings {p.f_u:.6g}, "
            f"{p.f_l:.6g}",
        ]
        if None not in p.reservoirs.values():
            lines.append(f"  entropy production {self.entropy_production:.8g}")
        return "\n".join(lines)


def classical_field(
    E_u: float | ArrayLike,
    E_l: float | ArrayLike,
    omega: float | ArrayLike,
    gamma_u: float | ArrayLike,
    gamma_l: float | ArrayLike,
    epsilon: complex | ArrayLike,
    **more: Any,
) -> ClassicalField:
    """Steady state of the two-level system in a classical field, in closed form (W A8-A12).

    Parameters
    ----------
    E_u, E_l : float or array_like
        Bare energies; E_u may be smaller than E_l.
    omega : float or array_like
        Frequency of the field; 0 for tunnelling.
    gamma_u, gamma_l : float or array_like
        Exchange rates with the reservoirs, > 0.
    epsilon : complex or array_like
        Coupling to the field (W 10); 0 without light.
    **more
        For each reservoir its filling (`f_u`, `f_l`), or its temperature and chemical potential
        (`T_u`, `mu_u`, `T_l`, `mu_l`). `energies` is "effective" (W 14, 16) or "bare" (W 9): the
        energies at which the fillings are evaluated.

    Returns
    -------
    ClassicalField
        For arrays as parameters, which are broadcast, its attributes are arrays.

    Raises
    ------
    InputError
        When a parameter is not valid.

    Examples
    --------
    >>> from jumpsim.theory import twolevel
    >>> print(twolevel.classical_field(1.0, 0.0, 1.0, 1.0, 1.0, 0.5, f_u=1.0, f_l=0.0))
    two-level system in a classical field, ω = 1, Δ = 0
      R = 0.25; occupations u 0.75, l 0.25
      effective energies u 1, l 0; fillings 1, 0
    """
    return field_state(field_parameters(E_u, E_l, omega, gamma_u, gamma_l, epsilon, **more))


def field_state(p: FieldParameters) -> ClassicalField:
    """Steady state in a classical field for given parameters (W A8-A12).

    Parameters
    ----------
    p : FieldParameters

    Returns
    -------
    ClassicalField
    """
    inversion = (p.f_u - p.f_l) / (1 + p.alpha * p.width / (p.gamma_u * p.gamma_l))
    rate = p.alpha * inversion
    return ClassicalField(
        p, rate, p.f_u - rate / p.gamma_u, p.f_l + rate / p.gamma_l,
        -p.epsilon * inversion / (p.detuning + 0.5j * p.width),
    )  # fmt: skip

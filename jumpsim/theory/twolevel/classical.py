"""Two levels in a classical field (W III A, Appendix A)."""

from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ...plan import as_times
from .shared import check_rates, fillings, real


@dataclass(frozen=True, eq=False)
class ClassicalField:
    """Steady state in a classical field; every attribute may be an array, by broadcasting.

    Attributes
    ----------
    omega, detuning : float
        Frequency of the field, and Δ = ω - (E_u - E_l).
    bare : tuple of float
        E_u, E_l.
    gamma_u, gamma_l, epsilon : float
        Rates, and the (complex) coupling to the field (W 10).
    f_u, f_l : float
        Fillings of the reservoirs.
    reservoirs : dict
        (T, μ) by reservoir, or None where the filling was given.
    R : float
        Net rate u → l (W A12).
    occupation_u, occupation_l : float
    coherence : complex
        σ_ul in the rotating frame (W A8).
    E_u, E_l : float
        Effective energies (W 14), whose difference is ω.
    """

    omega: float
    detuning: float
    bare: tuple
    gamma_u: float
    gamma_l: float
    epsilon: complex
    f_u: float
    f_l: float
    reservoirs: dict
    R: float
    occupation_u: float
    occupation_l: float
    coherence: complex
    E_u: float
    E_l: float

    @property
    def particle_flows(self):
        """Electrons from each reservoir into the system per second (W 12)."""
        return {"u": self.R, "l": -self.R}

    @property
    def energy_flows(self):
        """Energy into the system per second, from the reservoirs and the light (W 11, 13)."""
        return {"u": self.E_u * self.R, "l": -self.E_l * self.R, "light": -self.omega * self.R}

    @property
    def entropy_production(self):
        """Entropy production of the reservoirs per second (W 15); needs T and μ of both."""
        parts = []
        for name, energy, sign in (("u", self.E_u, -1), ("l", self.E_l, 1)):
            if self.reservoirs[name] is None:
                raise InputError(
                    f"entropy production needs `T_{name}` and `mu_{name}`, not a filling"
                )
            temperature, potential = self.reservoirs[name]
            parts.append(sign * (energy - potential) / temperature)
        return self.R * sum(parts)

    def flows(self, state):
        """Particle and energy flows from the reservoirs in any state (W A6, A7).

        Parameters
        ----------
        state : tuple
            σ_uu, σ_ll and σ_ul.

        Returns
        -------
        particles, energies : dict
            By reservoir; the energies with the work of the light under "light" (W A5).
        """
        upper, lower, coherence = state
        turning = (np.conj(self.epsilon) * coherence).real
        particles = {
            "u": self.gamma_u * (self.f_u - upper), "l": self.gamma_l * (self.f_l - lower)
        }  # fmt: skip
        energies = {
            name: bare * particles[name] - gamma * turning
            for name, bare, gamma in zip("ul", self.bare, (self.gamma_u, self.gamma_l), strict=True)
        }
        rate = 2 * (np.conj(self.epsilon) * coherence).imag
        return particles, energies | {"light": -self.omega * rate}

    def evolve(self, times, start=(0.0, 0.0, 0.0)):
        """Density matrix from a start on (W A1-A3).

        Parameters
        ----------
        times : array_like of float or str
            Seconds, increasing, ≥ 0.
        start : tuple
            σ_uu, σ_ll and σ_ul (complex) at t = 0.

        Returns
        -------
        occupation_u, occupation_l, coherence : ndarray, shape (n_times,)
        """
        from scipy.linalg import expm

        if np.ndim(self.R):
            raise InputError("a transient is found for one set of parameters, not for arrays")
        upper, lower, coherence = start
        first = np.array([upper, lower, np.real(coherence), np.imag(coherence)], float)
        if not (0 <= first[0] <= 1 and 0 <= first[1] <= 1):
            raise InputError("`start` must begin with two occupations from 0 to 1")
        if abs(coherence) ** 2 > min(upper * (1 - lower), lower * (1 - upper)) + 1e-12:
            raise InputError("`start`: so large a coherence does not go with these occupations")
        rest = np.array(
            [self.occupation_u, self.occupation_l, self.coherence.real, self.coherence.imag]
        )
        moved = [expm(self._matrix() * t) @ (first - rest) + rest for t in as_times(times)]
        upper, lower, real_part, imaginary = np.array(moved).T
        return upper, lower, real_part + 1j * imaginary

    def _matrix(self):
        """Matrix of (W A1-A3) for (σ_uu, σ_ll, Re σ_ul, Im σ_ul)."""
        a, b = self.epsilon.real, self.epsilon.imag
        width = (self.gamma_u + self.gamma_l) / 2
        rate = np.array([0, 0, -2 * b, 2 * a])  # R = 2 Im(ε* σ)
        matrix = np.zeros((4, 4))
        matrix[0], matrix[1] = -rate, rate
        matrix[0, 0] -= self.gamma_u
        matrix[1, 1] -= self.gamma_l
        matrix[2] = [-b, b, -width, -self.detuning]  # Re of iΔσ + iε(σ_uu - σ_ll)
        matrix[3] = [a, -a, self.detuning, -width]
        return matrix

    def __str__(self):
        if np.ndim(self.R):
            return f"two-level system in a classical field at {np.shape(self.R)} parameter sets"
        lines = [
            f"two-level system in a classical field, ω = {self.omega:g}, Δ = {self.detuning:g}",
            f"  R = {self.R:.8g}; occupations u {self.occupation_u:.6g}, l {self.occupation_l:.6g}",
            f"  effective energies u {self.E_u:.6g}, l {self.E_l:.6g}; fillings {self.f_u:.6g}, "
            f"{self.f_l:.6g}",
        ]
        if None not in self.reservoirs.values():
            lines.append(f"  entropy production {self.entropy_production:.8g}")
        return "\n".join(lines)


def classical_field(
    E_u, E_l, omega, gamma_u, gamma_l, epsilon, *, f_u=None, f_l=None, T_u=None, T_l=None,
    mu_u=None, mu_l=None, energies="effective",
):  # fmt: skip
    """Steady state of the two-level system in a classical field, in closed form (W A8-A12).

    Parameters
    ----------
    E_u, E_l : float or array_like
        Bare energies; E_u > E_l is not needed.
    omega : float or array_like
        Frequency of the field; 0 is the tunnelling case.
    gamma_u, gamma_l : float or array_like
        Exchange with the reservoirs, > 0.
    epsilon : complex or array_like
        Coupling to the field (W 10); 0 means no light.
    f_u, f_l : float or array_like, optional
        Fillings; or temperatures and chemical potentials instead:
    T_u, T_l, mu_u, mu_l : float or array_like, optional
    energies : str
        "effective" (W 14, 16) or "bare" (W 9): at which energies the reservoirs are asked for
        their fillings.

    Returns
    -------
    ClassicalField
        Arrays broadcast against each other.
    """
    E_u, E_l, omega = real(E_u=E_u, E_l=E_l, omega=omega)
    gamma_u, gamma_l = check_rates(gamma_u=gamma_u, gamma_l=gamma_l)
    if np.any(gamma_u == 0) or np.any(gamma_l == 0):
        raise InputError("`gamma_u` and `gamma_l` must be > 0, or there is no unique steady state")
    epsilon = np.asarray(epsilon, complex)[()]
    if not np.isfinite(epsilon).all():
        raise InputError("`epsilon` must be a finite number")
    detuning, width = omega - (E_u - E_l), gamma_u + gamma_l
    levels = {
        "u": (E_u + gamma_u * detuning / width, E_u, 1),
        "l": (E_l - gamma_l * detuning / width, E_l, 1),
    }
    filled = fillings({"u": (f_u, T_u, mu_u), "l": (f_l, T_l, mu_l)}, levels, energies)
    f_u, f_l = filled["u"], filled["l"]
    alpha = np.abs(epsilon) ** 2 * width / (width**2 / 4 + detuning**2)
    inversion = (f_u - f_l) / (1 + alpha * width / (gamma_u * gamma_l))
    rate = alpha * inversion
    return ClassicalField(
        omega, detuning, (E_u, E_l), gamma_u, gamma_l, epsilon, f_u, f_l,
        {"u": None if T_u is None else (T_u, mu_u), "l": None if T_l is None else (T_l, mu_l)},
        rate, f_u - rate / gamma_u, f_l + rate / gamma_l,
        -epsilon * inversion / (detuning + 0.5j * width), levels["u"][0], levels["l"][0],
    )  # fmt: skip

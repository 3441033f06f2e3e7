"""Semiclassical laser (W IV) and Bloch gain (W V)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import InputError
from ...systems.twolevel.parameters import ModeParameters, check_rates, mode_parameters, real
from ...utils.typing import Array


@dataclass(frozen=True, eq=False)
class Laser:
    """Steady state of the semiclassical laser: the amplitude of the mode is a classical number.

    Attributes
    ----------
    parameters : ModeParameters
    threshold : float
        Inversion f_u - f_l above which the laser oscillates; infinite without coupling.
    """

    parameters: ModeParameters
    threshold: float

    @property
    def lasing(self) -> bool:
        """Whether the inversion is above threshold."""
        return self.parameters.f_u - self.parameters.f_l > self.threshold

    @property
    def intensity(self) -> float:
        """|a|², the photon number of the oscillation; 0 below threshold."""
        p = self.parameters
        if not self.lasing:
            return 0.0
        gain = p.gamma_u * p.gamma_l / (p.gamma_b * (p.gamma_u + p.gamma_l))
        return gain * (p.f_u - p.f_l - self.threshold)

    @property
    def omega(self) -> float:
        """Frequency of oscillation (W 30), pulled towards E_u - E_l; InputError below threshold."""
        p = self.parameters
        if not self.lasing:
            raise InputError(
                f"below threshold there is no oscillation: f_u - f_l = "
                f"{p.f_u - p.f_l:.6g}, but {self.threshold:.6g} is needed"
            )
        return p.effective[2]

    def __str__(self) -> str:
        p = self.parameters
        head = f"laser, threshold f_u - f_l = {self.threshold:.6g}, here {p.f_u - p.f_l:.6g}: "
        if not self.lasing:
            return head + "below threshold, no oscillation"
        return head + f"|a|² = {self.intensity:.6g} at ω = {self.omega:.8g}"


def laser(
    E_u: float,
    E_l: float,
    omega_cav: float,
    g: complex,
    gamma_u: float,
    gamma_l: float,
    gamma_b: float,
    *,
    f_u: float,
    f_l: float,
) -> Laser:
    """Semiclassical laser: threshold, field strength, pulled frequency (W 25-30).

    Parameters
    ----------
    E_u, E_l, omega_cav, g, gamma_u, gamma_l, gamma_b : float
        As for `quantised_mode`.
    f_u, f_l : float
        Fillings of the electron reservoirs.

    Returns
    -------
    Laser

    Raises
    ------
    InputError
        When a parameter is not valid.

    Notes
    -----
    The term of (W 25) must be i g a (σ_uu - σ_ll), as in (W 28). With the sign that is printed in
    (W 25) there would be no oscillation.

    Examples
    --------
    >>> from jumpsim.theory import twolevel
    >>> print(twolevel.laser(1.0, 0.0, 1.0, 0.5, 1.0, 1.0, 0.1, f_u=1.0, f_l=0.0))
    laser, threshold f_u - f_l = 0.2, here 1: |a|² = 4 at ω = 1
    """
    p = mode_parameters(
        E_u, E_l, omega_cav, g, gamma_u, gamma_l, gamma_b, f_u=f_u, f_l=f_l, n_b=0.0
    )
    if p.g == 0:
        return Laser(p, np.inf)
    # (W 29) with a = 0: γ_b/2 (γ_u+γ_l)/2 - (ω-ω_cav) Δ = |g|² (f_u - f_l).
    electrons = p.gamma_u + p.gamma_l
    loss = p.gamma_b * electrons * (0.25 + (p.detuning / p.width) ** 2)
    return Laser(p, loss / abs(p.g) ** 2)


def bloch_gain(
    detuning: Any,
    E_k: Any,
    gamma_u: float,
    gamma_l: float,
    f_u: Callable[[Any], Any],
    f_l: Callable[[Any], Any],
) -> tuple[Array, Array]:
    """Net rate u → l between subband states of equal wave vector k, up to a constant (W 31).

    Parameters
    ----------
    detuning : float or array_like
        Δ = ω - (E_u - E_l).
    E_k : float or array_like
        Energy of the lateral motion.
    gamma_u, gamma_l : float
        Scattering rates of the subbands, not both 0.
    f_u, f_l : callable
        Occupations of the subbands as functions of the lateral energy.

    Returns
    -------
    exact, effective : float or ndarray
        The rate of (W 31), and the rate with both occupations evaluated at the effective energies
        (W 14).

    Raises
    ------
    InputError
        When a parameter is not valid.

    Examples
    --------
    Without detuning both expressions agree.

    >>> import numpy as np
    >>> from jumpsim.theory import twolevel
    >>> exact, effective = twolevel.bloch_gain(
    ...     0.0, 1.0, 1.0, 1.0, lambda E: np.exp(-E), lambda E: 0 * E
    ... )
    >>> round(float(exact), 4), round(float(effective), 4)
    (0.7358, 0.7358)
    """
    detuning, E_k = real(detuning=detuning, E_k=E_k)
    gamma_u, gamma_l = check_rates(gamma_u=gamma_u, gamma_l=gamma_l)
    width = gamma_u + gamma_l
    if np.any(width == 0):
        raise InputError("`gamma_u` and `gamma_l` must not both be 0")
    line = width / (detuning**2 + width**2 / 4)
    upper, lower = gamma_u / width, gamma_l / width
    exact = lower * (f_u(E_k) - f_l(E_k - detuning)) + upper * (f_u(E_k + detuning) - f_l(E_k))
    effective = f_u(E_k + upper * detuning) - f_l(E_k - lower * detuning)
    return line * exact, line * effective

"""Models of two electronic levels coupled coherently to light, simulated as quantum jumps.

A. Wacker, *Nonresonant two-level transitions* (2022), Eqs. (8), (10), (17), (18); below "W".
"""

from .parameters import field_parameters, mode_parameters
from .quantum_jumps import TwoLevel


def two_level_mode(
    E_u: float,
    E_l: float,
    omega_cav: float,
    g: complex,
    gamma_u: float,
    gamma_l: float,
    gamma_b: float,
    f_u: float | None = None,
    f_l: float | None = None,
    n_b: float | None = None,
    T_u: float | None = None,
    T_l: float | None = None,
    T_b: float | None = None,
    mu_u: float | None = None,
    mu_l: float | None = None,
    energies: str = "effective",
) -> TwoLevel:
    """Two electronic levels and one quantised mode (W 18), simulated as quantum jumps.

    Parameters
    ----------
    E_u, E_l, omega_cav : float
        Bare energies and the frequency of the empty cavity; ħ = k_B = 1.
    g : complex
        Coupling to the mode.
    gamma_u, gamma_l, gamma_b : float
        Exchange rates with the electron reservoirs and the photon bath, per second, > 0.
    f_u, f_l, n_b : float, optional
        Fillings of the electron reservoirs and occupation of the photon bath.
    T_u, T_l, T_b, mu_u, mu_l : float, optional
        Temperatures and chemical potentials of the reservoirs instead of their fillings.
    energies : str
        "effective" (W 21) or "bare": energies at which the fillings are computed.

    Returns
    -------
    TwoLevel

    Raises
    ------
    InputError
        When a parameter is not valid.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.two_level_mode(
    ...     E_u=10.0, E_l=0.0, omega_cav=11.0, g=0.5, gamma_u=1.0, gamma_l=1.0, gamma_b=0.2,
    ...     f_u=0.95, f_l=0.05, n_b=0.2,
    ... )
    >>> model.pools
    ('u', 'l', 'photon')
    """
    return TwoLevel(
        mode_parameters(
            E_u, E_l, omega_cav, g, gamma_u, gamma_l, gamma_b, f_u=f_u, f_l=f_l, n_b=n_b,
            T_u=T_u, T_l=T_l, T_b=T_b, mu_u=mu_u, mu_l=mu_l, energies=energies,
        )
    )  # fmt: skip


def two_level_field(
    E_u: float,
    E_l: float,
    omega: float,
    gamma_u: float,
    gamma_l: float,
    epsilon: complex,
    f_u: float | None = None,
    f_l: float | None = None,
    T_u: float | None = None,
    T_l: float | None = None,
    mu_u: float | None = None,
    mu_l: float | None = None,
    energies: str = "effective",
) -> TwoLevel:
    """Two electronic levels in a classical field (W A1-A3), simulated as quantum jumps.

    Parameters
    ----------
    E_u, E_l, omega : float
        Bare energies and the frequency of the field; 0 for tunnelling; ħ = k_B = 1.
    gamma_u, gamma_l : float
        Exchange rates with the reservoirs, per second, > 0.
    epsilon : complex
        Coupling to the field (W 10).
    f_u, f_l : float, optional
        Fillings of the reservoirs.
    T_u, T_l, mu_u, mu_l : float, optional
        Temperatures and chemical potentials of the reservoirs instead of their fillings.
    energies : str
        "effective" (W 14, 16) or "bare" (W 9): energies at which the fillings are computed.

    Returns
    -------
    TwoLevel

    Raises
    ------
    InputError
        When a parameter is not valid.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.two_level_field(
    ...     E_u=10.0, E_l=0.0, omega=12.0, gamma_u=1.0, gamma_l=1.0, epsilon=0.5, f_u=0.9, f_l=0.1
    ... )
    >>> model.pools
    ('u', 'l')
    """
    return TwoLevel(
        field_parameters(
            E_u, E_l, omega, gamma_u, gamma_l, epsilon, f_u=f_u, f_l=f_l, T_u=T_u, T_l=T_l,
            mu_u=mu_u, mu_l=mu_l, energies=energies,
        )
    )  # fmt: skip

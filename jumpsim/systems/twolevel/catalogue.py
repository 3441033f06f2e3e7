"""Two electronic levels and light that exchange quanta coherently, as quantum jumps.

A. Wacker, *Nonresonant two-level transitions* (2022), Eqs. (8), (10), (17), (18); below "W".
"""

from .parameters import field_parameters, mode_parameters
from .quantum_jumps import TwoLevel


def two_level_mode(
    E_u, E_l, omega_cav, g, gamma_u, gamma_l, gamma_b, f_u=None, f_l=None, n_b=None,
    T_u=None, T_l=None, T_b=None, mu_u=None, mu_l=None, energies="effective",
):  # fmt: skip
    """Two levels and one quantised mode (W 18).

    Parameters
    ----------
    E_u, E_l, omega_cav : float
        Bare energies, and the frequency of the empty cavity; ħ = k_B = 1.
    g : complex
        Coupling.
    gamma_u, gamma_l, gamma_b : float
        Exchange with the electron reservoirs and the photon bath, per second, > 0.
    f_u, f_l, n_b : float, optional
        Fillings; or temperatures and chemical potentials instead:
    T_u, T_l, T_b, mu_u, mu_l : float, optional
    energies : str
        "effective" (W 21) or "bare": where the reservoirs are asked for their fillings.

    Returns
    -------
    TwoLevel
    """
    return TwoLevel(
        mode_parameters(
            E_u, E_l, omega_cav, g, gamma_u, gamma_l, gamma_b, f_u=f_u, f_l=f_l, n_b=n_b,
            T_u=T_u, T_l=T_l, T_b=T_b, mu_u=mu_u, mu_l=mu_l, energies=energies,
        )
    )  # fmt: skip


def two_level_field(
    E_u, E_l, omega, gamma_u, gamma_l, epsilon, f_u=None, f_l=None,
    T_u=None, T_l=None, mu_u=None, mu_l=None, energies="effective",
):  # fmt: skip
    """Two levels in a classical field (W A1-A3).

    Parameters
    ----------
    E_u, E_l, omega : float
        Bare energies, and the frequency of the field; 0 is the tunnelling case.
    gamma_u, gamma_l : float
        Exchange with the reservoirs, per second, > 0.
    epsilon : complex
        Coupling to the field (W 10).
    f_u, f_l : float, optional
        Fillings; or temperatures and chemical potentials instead:
    T_u, T_l, mu_u, mu_l : float, optional
    energies : str
        "effective" (W 14, 16) or "bare" (W 9): where the reservoirs are asked for their fillings.

    Returns
    -------
    TwoLevel
    """
    return TwoLevel(
        field_parameters(
            E_u, E_l, omega, gamma_u, gamma_l, epsilon, f_u=f_u, f_l=f_l, T_u=T_u, T_l=T_l,
            mu_u=mu_u, mu_l=mu_l, energies=energies,
        )
    )  # fmt: skip

"""A closed hohlraum: one reservoir of black-body radiation and M two-level systems.

D. Braak and J. Mannhart, *Fermi's golden rule and the second law of thermodynamics*,
Eqs. (1)-(7), (30)-(33); below "BM".
"""

from .. import units
from ..declaration import Channel, Pool
from ..errors import positive_number, whole_number
from ..model import Model


def hohlraum(tls, modes, gamma_tilde, wavelength=None):
    """One reservoir N and M two-level systems m that exchange single photons.

    ========== ================== ==============
    event      rate               BM
    ========== ================== ==============
    emission   γ̃ m (1 + n)        (2), (3)
    absorption γ̃ (M - m) n        (2), (3)
    ========== ================== ==============

    Parameters
    ----------
    tls : int
        Number of two-level systems M.
    modes : float
        Number of modes 𝒩 of the reservoir in the resonant window; n = N/𝒩.
    gamma_tilde : float or str
        Rate γ̃ seen from one two-level system (the paper's γ'); γ = γ̃/𝒩 is the same seen per
        mode (BM 70).
    wavelength : float or str, optional
        Vacuum wavelength of the transition.

    Returns
    -------
    Model
        Pools N, m. N + m is conserved; the stationary law is microcanonical.
    """
    tls, modes = whole_number(tls, "tls", 1, 2**53), positive_number(modes, "modes")
    gamma_tilde = units.rate(gamma_tilde, "gamma_tilde")
    return Model(
        [Pool.bosonic("N", modes), Pool.tls("m", tls)],
        [
            Channel("emission", gamma_tilde, {"m": 1}, {"N": 1}, reverse="absorption"),
            Channel("absorption", gamma_tilde, {"N": 1}, {"m": 1}, reverse="emission"),
        ],
        name="hohlraum",
        wavelength=wavelength,
    )

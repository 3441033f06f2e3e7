"""A closed hohlraum: one reservoir of black-body radiation and M two-level systems.

D. Braak and J. Mannhart, *Fermi's golden rule and the second law of thermodynamics*,
Eqs. (1)-(7), (30)-(33); below "BM".
"""

from .. import units
from ..errors import positive_number
from ..model.declaration import Channel, Pool
from ..model.model import Model
from ._groups import by, tls_groups


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
    tls : int or list of int
        Number of two-level systems M; a list for groups with different rates.
    modes : float
        Number of modes 𝒩 of the reservoir in the resonant window; n = N/𝒩.
    gamma_tilde : float or str, or a list of them
        Rate γ̃ seen from one two-level system (the paper's γ'), for each group; γ = γ̃/𝒩 is the
        same seen per mode (BM 70).
    wavelength : float or str, optional
        Vacuum wavelength of the transition.

    Returns
    -------
    Model
        Pools N, m (or m1, m2, ...). The total is conserved; the stationary law is microcanonical.
    """
    modes = positive_number(modes, "modes")
    given = gamma_tilde if isinstance(gamma_tilde, list | tuple) else [gamma_tilde]
    groups = tls_groups(tls, gamma_tilde=[units.rate(g, "gamma_tilde") for g in given])
    channels = []
    for pool, (rate,) in groups:
        m, emission, absorption = pool.name, f"emission{by(pool)}", f"absorption{by(pool)}"
        channels += Channel.reversible(emission, absorption, rate, {m: 1}, {"N": 1})
    return Model(
        [Pool.bosonic("N", modes), *(pool for pool, _ in groups)],
        channels,
        name="hohlraum",
        wavelength=wavelength,
    )

"""A small cavity inside a larger one that also holds M two-level systems.

D. Braak and J. Mannhart, *Fermi's golden rule and the second law of thermodynamics*,
Eqs. (100)-(109), Fig. 9; below "BM".
"""

from .. import units
from ..errors import positive_number
from ..model.declaration import Channel, Pool
from ..model.model import Model
from ._groups import by, tls_groups


def embedded_cavity(tls, modes_a, modes_c, gamma_4, gamma_5, gamma_6, wavelength=None):
    """Cavity A inside cavity C, and M two-level systems m in C.

    ========================== ================================== ==========
    event                      rate                               BM
    ========================== ================================== ==========
    A→C                        𝒩_A γ_4 n_A (1 + n_C)              (104)
    C→A                        𝒩_A γ_4 n_C (1 + n_A)              (105)
    emission into C            𝒩_C γ_5 m (1 + n_C)                (106)
    absorption from C          𝒩_C γ_5 (M - m) n_C                (106)
    emission into A via C      𝒩_A γ_6 m (1 + n_A) (1 + n_C)²     (107)
    absorption from A via C    𝒩_A γ_6 (M - m) n_A (1 + n_C)²     (107)
    ========================== ================================== ==========

    BM print no equation for m; it follows from the conservation of A + C + m.

    Parameters
    ----------
    tls : int or list of int
        Number of two-level systems M; a list for groups with different couplings.
    modes_a, modes_c : float
        Modes of A and of C in the resonant window.
    gamma_4 : float or str
        Exchange between A and C, per mode of A (BM 104).
    gamma_5, gamma_6 : float or str, or a list of them
        Exchange of one TLS with C per mode of C (BM 106), and with A per mode of A (BM 107), for
        each group.
    wavelength : float or str, optional
        Vacuum wavelength of the transition.

    Returns
    -------
    Model
        Pools A, C, m (or m1, m2, ...). Their total is conserved; the stationary law is
        microcanonical.
    """
    modes_a, modes_c = positive_number(modes_a, "modes_a"), positive_number(modes_c, "modes_c")
    groups = tls_groups(tls, gamma_5=_rates(gamma_5, "gamma_5"), gamma_6=_rates(gamma_6, "gamma_6"))
    constant = modes_a * units.rate(gamma_4, "gamma_4")
    channels = [*Channel.reversible("A→C", "C→A", constant, {"A": 1}, {"C": 1})]
    for pool, (gamma_5, gamma_6) in groups:
        for q, constant, way in (("C", modes_c * gamma_5, {}), ("A", modes_a * gamma_6, {"C": 2})):
            emit, absorb = f"emit {q}{by(pool)}", f"absorb {q}{by(pool)}"
            channels += Channel.reversible(emit, absorb, constant, {pool.name: 1}, {q: 1}, way)
    return Model(
        [Pool.bosonic("A", modes_a), Pool.bosonic("C", modes_c), *(pool for pool, _ in groups)],
        channels,
        name="embedded_cavity",
        wavelength=wavelength,
    )


def _rates(given, name):
    given = given if isinstance(given, list | tuple) else [given]
    return [units.rate(rate, name) for rate in given]

"""Small cavity inside a larger cavity that also contains M two-level systems.

D. Braak and J. Mannhart, *Fermi's golden rule and the second law of thermodynamics*,
Eqs. (100)-(109), Fig. 9; below "BM".
"""

from collections.abc import Sequence

from .. import units
from ..errors import positive_number
from ..model.declaration import Channel, Pool
from ..model.disorder import multiplied
from ..model.model import Model
from ._groups import GroupRates, group_rates, group_suffix, tls_groups


def embedded_cavity(
    tls: int | Sequence[int],
    modes_a: float,
    modes_c: float,
    gamma_4: float | str,
    gamma_5: GroupRates,
    gamma_6: GroupRates,
    wavelength: float | str | None = None,
) -> Model:
    """Embedded cavity: cavity A inside cavity C, and M two-level systems m in C.

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

    BM give no equation for m; it follows from the conservation of A + C + m.

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
        each group, or for each TLS as in `open_waveguide`.
    wavelength : float or str, optional
        Vacuum wavelength of the transition.

    Returns
    -------
    Model
        Pools A, C, m (or m1, m2, ...). Their total is conserved; the stationary distribution is
        microcanonical.

    Raises
    ------
    InputError
        When a parameter is not valid.

    Examples
    --------
    >>> import jumpsim as js
    >>> js.systems.embedded_cavity(
    ...     tls=50, modes_a=10, modes_c=40, gamma_4="1 MHz", gamma_5="1 MHz", gamma_6="1 MHz"
    ... ).conserved
    ({'A': 1, 'C': 1, 'm': 1},)
    """
    modes_a, modes_c = positive_number(modes_a, "modes_a"), positive_number(modes_c, "modes_c")
    given = {"gamma_5": gamma_5, "gamma_6": gamma_6}
    groups = tls_groups(tls, **{name: group_rates(g, name, tls) for name, g in given.items()})
    constant = modes_a * units.rate(gamma_4, "gamma_4")
    channels = [*Channel.reversible("A→C", "C→A", constant, {"A": 1}, {"C": 1})]
    for pool, (rate_c, rate_a) in groups:
        into = ("C", modes_c, rate_c, {}), ("A", modes_a, rate_a, {"C": 2})
        for q, modes, rate, passed in into:
            emit, absorb = f"emit {q}{group_suffix(pool)}", f"absorb {q}{group_suffix(pool)}"
            each = multiplied(rate, modes)
            channels += Channel.reversible(emit, absorb, each, {pool.name: 1}, {q: 1}, passed)
    return Model(
        [Pool.bosonic("A", modes_a), Pool.bosonic("C", modes_c), *(pool for pool, _ in groups)],
        channels,
        name="embedded_cavity",
        wavelength=wavelength,
    )

"""Closed hohlraum: one reservoir of black-body radiation and M two-level systems.

D. Braak and J. Mannhart, *Fermi's golden rule and the second law of thermodynamics*,
Eqs. (1)-(7), (30)-(33); below "BM".
"""

from collections.abc import Sequence

from ..errors import positive_number
from ..model.declaration import Channel, Pool
from ..model.model import Model
from ._groups import GroupRates, group_rates, group_suffix, tls_groups


def hohlraum(
    tls: int | Sequence[int],
    modes: float,
    gamma_tilde: GroupRates,
    wavelength: float | str | None = None,
) -> Model:
    """Hohlraum: a reservoir N and M two-level systems m that exchange single photons.

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
        Rate γ̃ per two-level system (γ' in BM), for each group or for each of them, as in
        `open_waveguide`; γ = γ̃/𝒩 is the rate per mode (BM 70).
    wavelength : float or str, optional
        Vacuum wavelength of the transition.

    Returns
    -------
    Model
        Pools N, m (or m1, m2, ...). Their total is conserved; the stationary distribution is
        microcanonical.

    Raises
    ------
    InputError
        When a parameter is not valid.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="1 Hz")
    >>> model.rates({"N": 12, "m": 3})  # emission 3 (1 + 12/10), absorption (20 - 3) 12/10
    array([ 6.6, 20.4])
    """
    modes = positive_number(modes, "modes")
    groups = tls_groups(tls, gamma_tilde=group_rates(gamma_tilde, "gamma_tilde", tls))
    channels: list[Channel] = []
    for pool, (rate,) in groups:
        m, emission, absorption = (
            pool.name,
            f"emission{group_suffix(pool)}",
            f"absorption{group_suffix(pool)}",
        )
        channels += Channel.reversible(emission, absorption, rate, {m: 1}, {"N": 1})
    return Model(
        [Pool.bosonic("N", modes), *(pool for pool, _ in groups)],
        channels,
        name="hohlraum",
        wavelength=wavelength,
    )

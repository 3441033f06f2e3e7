"""The open chiral waveguide between two reservoirs, with M two-level systems.

D. Braak and J. Mannhart, *Fermi's golden rule and the second law of thermodynamics*,
Eqs. (8)-(24), (41)-(72), Figs. 1-4; below "BM".
"""

from .. import units
from ..declaration import Channel, Pool
from ..errors import InputError, positive_number, whole_number
from ..model import Model


def open_waveguide(tls, modes, gamma_dec, gamma_0, gamma_tilde, gamma_tilde_wg, wavelength=None):
    """Reservoirs A and B, joined by a waveguide with open ends, and M two-level systems m.

    Channel 1 runs from A to B, channel 2 from B to A. A wave packet from A can be absorbed only
    through channel 1, one emitted towards A only through channel 2.

    ======================== ==================== =======
    event                    rate                 BM
    ======================== ==================== =======
    loss from q through r    γ_dec N_q            (41)
    transfer A→B             𝒩 γ_0 n_A (1 + n_B)  (53)
    transfer B→A             𝒩 γ_0 n_B (1 + n_A)  (54)
    absorption from A by 1   γ̃_1 (M - m) n_A      (62)
    emission into B by 1     γ̃_1 m (1 + n_B)      (69)
    absorption from B by 2   γ̃_2 (M - m) n_B      (63)
    emission into A by 2     γ̃_2 m (1 + n_A)      (67)
    loss from the TLS by r   γ̃_1r m               (42)
    ======================== ==================== =======

    BM print (62), (63) and (67) with the opposite sign; (69) is right. A channel whose constant
    is 0 stays in the table, so that reverses and event indices can refer to it.

    Parameters
    ----------
    tls : int
        Number of two-level systems M.
    modes : float
        Number of modes 𝒩 of each reservoir in the resonant window; n_q = N_q/𝒩.
    gamma_dec : float or str
        Loss of a reservoir photon through one end (BM 40).
    gamma_0 : float or str
        Transfer between the reservoirs, per mode (BM 56).
    gamma_tilde : pair of float or str
        (γ̃_1, γ̃_2): second-order exchange of one TLS with the reservoirs (BM 68).
    gamma_tilde_wg : pair of float or str
        (γ̃_11, γ̃_12): emission of one TLS into the waveguide, lost through its ends (BM 42).
    wavelength : float or str, optional
        Vacuum wavelength of the transition.

    Returns
    -------
    Model
        Pools A, B, m. The heat of every loss goes to the bath "end 1" or "end 2".
    """
    tls, modes = whole_number(tls, "tls", 1, 2**53), positive_number(modes, "modes")
    gamma_dec = units.rate(gamma_dec, "gamma_dec")
    gamma_0 = units.rate(gamma_0, "gamma_0")
    gamma_tilde = _pair(gamma_tilde, "gamma_tilde")
    gamma_tilde_wg = _pair(gamma_tilde_wg, "gamma_tilde_wg")
    pools = [Pool.bosonic("A", modes), Pool.bosonic("B", modes), Pool.tls("m", tls)]
    channels = [
        Channel(f"loss {q} via {r}", modes * gamma_dec, {q: 1}, bath=f"end {r}")
        for q in "AB"
        for r in (1, 2)
    ]
    channels += [
        Channel("transfer A→B", modes * gamma_0, {"A": 1}, {"B": 1}, reverse="transfer B→A"),
        Channel("transfer B→A", modes * gamma_0, {"B": 1}, {"A": 1}, reverse="transfer A→B"),
    ]
    for r, source, sink in ((1, "A", "B"), (2, "B", "A")):
        # The reverse of what one channel does is what the other does: that is the chirality.
        back = 3 - r
        channels += [
            Channel(
                f"absorb {source} via {r}",
                gamma_tilde[r - 1],
                {source: 1},
                {"m": 1},
                reverse=f"emit {source} via {back}",
            ),
            Channel(
                f"emit {sink} via {r}",
                gamma_tilde[r - 1],
                {"m": 1},
                {sink: 1},
                reverse=f"absorb {sink} via {back}",
            ),
        ]
    channels += [
        Channel(f"loss m via {r}", gamma_tilde_wg[r - 1], {"m": 1}, bath=f"end {r}") for r in (1, 2)
    ]
    return Model(pools, channels, name="open_waveguide", wavelength=wavelength)


def _pair(values, name):
    if isinstance(values, str) or not hasattr(values, "__len__") or len(values) != 2:
        raise InputError(
            f"`{name}` must be a pair of rates, for channels 1 and 2, but is {values!r}"
        )
    return tuple(units.rate(v, f"{name}[{r}]") for r, v in enumerate(values))

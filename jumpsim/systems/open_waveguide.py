"""Open chiral waveguide between two reservoirs, with M two-level systems.

D. Braak and J. Mannhart, *Fermi's golden rule and the second law of thermodynamics*,
Eqs. (8)-(24), (41)-(72), Figs. 1-4; below "BM".
"""

from collections.abc import Mapping, Sequence

from .. import units
from ..errors import InputError, finite_number, positive_number
from ..model.declaration import Channel, Pool
from ..model.disorder import Rates, multiplied
from ..model.model import Model
from ._groups import RatePairs, group_suffix, rate_pairs, tls_groups
from .couplings import warn_unless_derivable


def open_waveguide(
    tls: int | Sequence[int],
    modes: float,
    gamma_dec: float | str,
    gamma_0: float | str,
    gamma_tilde: RatePairs,
    gamma_tilde_wg: RatePairs,
    wavelength: float | str | None = None,
    n_env: Sequence[float] = (0, 0),
) -> Model:
    """Open waveguide: reservoirs A and B joined by a waveguide, and M two-level systems m.

    Channel 1 leads from A to B, channel 2 from B to A. A wave packet from A can be absorbed only
    through channel 1, and a wave packet can be emitted towards A only through channel 2.

    ======================== ============================== =======
    event                    rate                           BM
    ======================== ============================== =======
    loss from q through r    γ_dec N_q (1 + n_r)            (41)
    transfer A→B             𝒩 γ_0 n_A (1 + n_B) (1 + n_1)  (53)
    transfer B→A             𝒩 γ_0 n_B (1 + n_A) (1 + n_2)  (54)
    absorption from A by 1   γ̃_1 (M - m) n_A (1 + n_1)      (62)
    emission into B by 1     γ̃_1 m (1 + n_B) (1 + n_1)      (69)
    absorption from B by 2   γ̃_2 (M - m) n_B (1 + n_2)      (63)
    emission into A by 2     γ̃_2 m (1 + n_A) (1 + n_2)      (67)
    loss from the TLS by r   γ̃_1r m (1 + n_r)               (42)
    gain of q through r      𝒩 γ_dec n_r (1 + n_q)          (81)
    gain of the TLS by r     γ̃_1r (M - m) n_r               (84)
    ======================== ============================== =======

    BM print (62), (63) and (67) with the opposite sign; (69) is correct. A channel whose rate
    constant is 0 remains in the model, so that reverses and event indices can refer to it.

    Parameters
    ----------
    tls : int or list of int
        Number of two-level systems M; a list for groups with different couplings.
    modes : float
        Number of modes 𝒩 of each reservoir in the resonant window; n_q = N_q/𝒩.
    gamma_dec : float or str
        Loss of a reservoir photon through one end (BM 40).
    gamma_0 : float or str
        Transfer between the reservoirs, per mode (BM 56).
    gamma_tilde : pair of float or str, or a list of pairs
        (γ̃_1, γ̃_2): second-order exchange of one TLS with the reservoirs (BM 68), for each group.
        With a number `tls` = M, a list of M pairs gives each TLS its own rates; each rate of a pair
        can also be a distribution, ``{"lognormal": "10 MHz", "sigma": 0.3, "seed": 1}``, as of
        `lognormal_rates`. The TLS are then simulated individually (`Model`).
    gamma_tilde_wg : pair of float or str, or a list of pairs
        (γ̃_11, γ̃_12): emission of one TLS into the waveguide, lost through its ends (BM 42).
    wavelength : float or str, optional
        Vacuum wavelength of the transition.
    n_env : pair of float
        Fixed occupations (n_1, n_2) of the channels by light that enters through the open ends;
        in BM (0, 0), an environment at T = 0, for which the model has no gain channels.

    Returns
    -------
    Model
        Pools A, B, m (or m1, m2, ...). The heat of every loss goes to the bath "end 1" or "end 2".

    Warns
    -----
    PhysicsWarning
        When no microscopic couplings give these rates (BM 57).

    Raises
    ------
    InputError
        When a parameter is not valid.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.open_waveguide(
    ...     tls=100, modes=100, gamma_dec="10 kHz", gamma_0="10 kHz",
    ...     gamma_tilde=("10 MHz", 0), gamma_tilde_wg=("10 MHz", 0),
    ... )
    >>> float(model.rates({"A": 58, "B": 58, "m": 27})[0])  # loss A via 1: γ_dec N_A
    580000.0
    """
    modes = positive_number(modes, "modes")
    gamma_dec = units.rate(gamma_dec, "gamma_dec")
    gamma_0 = units.rate(gamma_0, "gamma_0")
    second = rate_pairs(gamma_tilde, "gamma_tilde", tls)
    first = rate_pairs(gamma_tilde_wg, "gamma_tilde_wg", tls)
    groups = tls_groups(tls, gamma_tilde=second, gamma_tilde_wg=first)
    n = dict(zip((1, 2), _occupations(n_env), strict=True))
    warn_unless_derivable(gamma_dec, gamma_0, second, first, modes)
    pools = [Pool.bosonic("A", modes), Pool.bosonic("B", modes), *(pool for pool, _ in groups)]
    losses = [(q, modes * gamma_dec, r) for q in "AB" for r in (1, 2)]
    tls_losses = [(m.name, rates[r - 1], r) for m, (_, rates) in groups for r in (1, 2)]
    open_to_light = any(n.values())
    channels = [
        *(_loss(q, rate, r, n, open_to_light) for q, rate, r in losses),
        *Channel.reversible(
            "transfer A→B",
            "transfer B→A",
            modes * gamma_0 * (1 + n[1]),
            {"A": 1},
            {"B": 1},
            reverse_rate=modes * gamma_0 * (1 + n[2]),
        ),
    ]
    for pool, (rates, _) in groups:
        for r, source, sink in _PATHS:
            channels += _exchange(pool, r, source, sink, multiplied(rates[r - 1], 1 + n[r]))
    channels += [_loss(q, rate, r, n, open_to_light) for q, rate, r in tls_losses]
    if open_to_light:
        channels += [_gain(q, rate, r, n) for q, rate, r in losses + tls_losses]
    return Model(pools, channels, name="open_waveguide", wavelength=wavelength)


_PATHS = ((1, "A", "B"), (2, "B", "A"))  # channel, reservoirs at its start and at its end


def _loss(
    pool: str, constant: float | Rates, r: int, n: Mapping[int, float], reversible: bool
) -> Channel:
    return Channel(
        f"loss {pool} via {r}",
        multiplied(constant, 1 + n[r]),
        takes={pool: 1},
        reverse=f"gain {pool} via {r}" if reversible else None,
        bath=f"end {r}",
    )


def _gain(pool: str, constant: float | Rates, r: int, n: Mapping[int, float]) -> Channel:
    return Channel(
        f"gain {pool} via {r}",
        multiplied(constant, n[r]),
        gives={pool: 1},
        reverse=f"loss {pool} via {r}",
        bath=f"end {r}",
    )


def _exchange(pool: Pool, r: int, source: str, sink: str, constant: float | Rates) -> list[Channel]:
    """Absorption from the reservoir at the start of channel r, emission to that at its end.

    The reverse event of each one uses the other channel, because the waveguide is chiral.
    """
    m, suffix, other = pool.name, group_suffix(pool), 3 - r
    return [
        Channel(
            f"absorb {source}{suffix} via {r}",
            constant,
            takes={source: 1},
            gives={m: 1},
            reverse=f"emit {source}{suffix} via {other}",
        ),
        Channel(
            f"emit {sink}{suffix} via {r}",
            constant,
            takes={m: 1},
            gives={sink: 1},
            reverse=f"absorb {sink}{suffix} via {other}",
        ),
    ]


def _occupations(n_env: Sequence[float]) -> list[float]:
    if isinstance(n_env, str) or not hasattr(n_env, "__len__") or len(n_env) != 2:
        raise InputError(
            f"`n_env` must be a pair of occupations, for channels 1 and 2, but is {n_env!r}"
        )
    for r, n in enumerate(n_env):
        if finite_number(n, f"n_env[{r}]") < 0:
            raise InputError(f"`n_env[{r}]` must be an occupation ≥ 0, but is {n!r}")
    return [float(n) for n in n_env]

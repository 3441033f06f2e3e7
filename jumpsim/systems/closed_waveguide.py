"""Closed chiral waveguide: the ends are joined to a loop, whose two channels are pools.

D. Braak and J. Mannhart, *Fermi's golden rule and the second law of thermodynamics*,
Eqs. (79)-(99), Figs. 5-8; below "BM".
"""

import warnings
from collections.abc import Sequence

from .. import units
from ..errors import InputError, PhysicsWarning, positive_number
from ..model.declaration import Channel, Pool
from ..model.disorder import Rates
from ..model.model import Model
from ._groups import RatePairs, group_suffix, rate_pairs, tls_groups
from .couplings import warn_unless_derivable

_SOURCE, _SINK = (
    {1: "A", 2: "B"},
    {1: "B", 2: "A"},
)  # reservoirs at the start and at the end of channel r


def closed_waveguide(
    tls: int | Sequence[int],
    modes: float,
    modes_wg: float,
    gamma_dec: float | str,
    gamma_0: float | str,
    gamma_3: float | str,
    gamma_tilde: RatePairs,
    gamma_tilde_wg: RatePairs,
    long_path: bool = False,
    wavelength: float | str | None = None,
) -> Model:
    """Closed waveguide: reservoirs A and B, a loop with channels 1 and 2, M two-level systems m.

    =============================== ==================================== ========
    event, q in {A, B}, r in {1, 2} rate                                 BM
    =============================== ==================================== ========
    q→r                             𝒩 γ_dec n_q (1 + n_r)                (80)
    r→q                             𝒩 γ_dec n_r (1 + n_q)                (81)
    absorption from r               γ̃_1r (M - m) n_r                     (84)
    emission into r                 γ̃_1r m (1 + n_r)                     (84)
    absorption from A via 1         γ̃_1 (M - m) n_A (1 + n_1)            (87)
    emission into B via 1           γ̃_1 m (1 + n_B) (1 + n_1)            (87)
    absorption from B via 2         γ̃_2 (M - m) n_B (1 + n_2)            (87)
    emission into A via 2           γ̃_2 m (1 + n_A) (1 + n_2)            (87)
    A→B via 1                       𝒩 γ_0 n_A (1 + n_B) (1 + n_1)        (88)
    B→A via 2                       𝒩 γ_0 n_B (1 + n_A) (1 + n_2)        (88)
    2→1 via q                       𝒩' γ_3 n_2 (1 + n_1) (1 + n_q)       (89)
    1→2 via q                       𝒩' γ_3 n_1 (1 + n_2) (1 + n_q)       (89)
    =============================== ==================================== ========

    With `long_path`, light may also travel round the loop on the long path: every second-order
    event between A, B and the TLS then has a reverse event through the same channel with the same
    rate constant.

    Parameters
    ----------
    tls : int or list of int
        Number of two-level systems M; a list for groups with different couplings.
    modes, modes_wg : float
        Modes 𝒩 of each reservoir and 𝒩' of each channel in the resonant window.
    gamma_dec : float or str
        Exchange of a reservoir with one channel, per reservoir mode (BM 40).
    gamma_0 : float or str
        Transfer between the reservoirs, per mode (BM 56).
    gamma_3 : float or str
        Transfer between the channels through a reservoir, per channel mode (BM 89).
    gamma_tilde : pair of float or str, or a list of pairs
        (γ̃_1, γ̃_2): second-order exchange of one TLS with the reservoirs (BM 68), for each group,
        or for each TLS as in `open_waveguide`.
    gamma_tilde_wg : pair of float or str, or a list of pairs
        (γ̃_11, γ̃_12): exchange of one TLS with the channels (BM 84).
    long_path : bool
        Include the long path round the loop, which restores detailed balance.
    wavelength : float or str, optional
        Vacuum wavelength of the transition.

    Returns
    -------
    Model
        Pools A, B, 1, 2, m (or m1, m2, ...). Their total is conserved.

    Warns
    -----
    PhysicsWarning
        When no microscopic couplings give these rates (BM 57), or when one group couples to both
        channels: the exchange 1↔2 through its TLS, of order g_1² g_2², is omitted, as in BM.

    Raises
    ------
    InputError
        When a parameter is not valid.

    Examples
    --------
    >>> import jumpsim as js
    >>> loop = js.systems.closed_waveguide(
    ...     tls=100, modes=100, modes_wg=100, gamma_dec="10 kHz", gamma_0="10 kHz",
    ...     gamma_3="10 kHz", gamma_tilde=("10 MHz", 0), gamma_tilde_wg=("10 MHz", 0),
    ... )
    >>> loop.pools
    ('A', 'B', '1', '2', 'm')
    >>> loop.conserved
    ({'A': 1, 'B': 1, '1': 1, '2': 1, 'm': 1},)
    """
    modes, modes_wg = positive_number(modes, "modes"), positive_number(modes_wg, "modes_wg")
    gamma_dec = units.rate(gamma_dec, "gamma_dec")
    gamma_0 = units.rate(gamma_0, "gamma_0")
    gamma_3 = units.rate(gamma_3, "gamma_3")
    second = rate_pairs(gamma_tilde, "gamma_tilde", tls)
    first = rate_pairs(gamma_tilde_wg, "gamma_tilde_wg", tls)
    groups = tls_groups(tls, gamma_tilde=second, gamma_tilde_wg=first)
    if not isinstance(long_path, bool):
        raise InputError(f"`long_path` must be True or False, but is {long_path!r}")
    warn_unless_derivable(gamma_dec, gamma_0, second, first, modes, modes_wg, gamma_3)
    if any(g_1 and g_2 for g_1, g_2 in first):
        warnings.warn(
            "γ̃_11 and γ̃_12 are both > 0: the exchange between channels 1 and 2 through the TLS, of "
            "order g_1² g_2², is omitted (BM after 89)",
            PhysicsWarning,
            stacklevel=2,
        )
    channels: list[Channel] = []
    for q in "AB":
        for r in "12":
            channels += _pair(f"{q}→{r}", f"{r}→{q}", modes * gamma_dec, q, r)
    for pool, (_, rates) in groups:
        for r, rate in zip("12", rates, strict=True):
            absorb, emit = f"absorb {r}{group_suffix(pool)}", f"emit {r}{group_suffix(pool)}"
            channels += _pair(absorb, emit, rate, r, pool.name)
    for pool, (rates, _) in groups:
        for number, rate in enumerate(rates, 1):
            channels += _exchange(pool, number, rate, long_path)
    channels += _transfers(modes * gamma_0, long_path)
    for q in "AB":
        channels += _pair(f"2→1 via {q}", f"1→2 via {q}", modes_wg * gamma_3, "2", "1", q)
    pools = [
        *(Pool.bosonic(q, modes) for q in "AB"),
        *(Pool.bosonic(r, modes_wg) for r in "12"),
        *(pool for pool, _ in groups),
    ]
    return Model(pools, channels, name="closed_waveguide", wavelength=wavelength)


def _pair(
    name: str,
    back: str,
    constant: float | Rates,
    source: str,
    sink: str,
    through: str | None = None,
) -> tuple[Channel, Channel]:
    """Transfer of one quantum and its reverse event, through the same channel."""
    passed = {through: 1} if through else {}
    return Channel.reversible(name, back, constant, {source: 1}, {sink: 1}, passed)


def _exchange(pool: Pool, r: int, constant: float | Rates, long_path: bool) -> list[Channel]:
    """Second-order events between the TLS and a reservoir through channel r."""
    m, suffix, passed = pool.name, group_suffix(pool), {str(r): 1}
    if long_path:
        return [
            event
            for q in (_SOURCE[r], _SINK[r])
            for event in _pair(
                f"absorb {q}{suffix} via {r}", f"emit {q}{suffix} via {r}", constant, q, m, str(r)
            )
        ]
    source, sink, other = _SOURCE[r], _SINK[r], 3 - r
    absorb, emit = f"absorb {source}{suffix} via {r}", f"emit {sink}{suffix} via {r}"
    reverses = (f"emit {source}{suffix} via {other}", f"absorb {sink}{suffix} via {other}")
    return [
        Channel(absorb, constant, {source: 1}, {m: 1}, passed, reverse=reverses[0]),
        Channel(emit, constant, {m: 1}, {sink: 1}, passed, reverse=reverses[1]),
    ]


def _transfers(constant: float, long_path: bool) -> list[Channel]:
    """Second-order events between the reservoirs; on the long path also against channel r."""
    if long_path:
        return [
            event
            for r in "12"
            for event in _pair(f"A→B via {r}", f"B→A via {r}", constant, "A", "B", r)
        ]
    return [
        Channel("A→B via 1", constant, {"A": 1}, {"B": 1}, {"1": 1}, reverse="B→A via 2"),
        Channel("B→A via 2", constant, {"B": 1}, {"A": 1}, {"2": 1}, reverse="A→B via 1"),
    ]

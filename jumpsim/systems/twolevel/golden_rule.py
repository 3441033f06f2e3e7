"""Two electronic levels and one detuned mode of light, with golden-rule jump rates.

A. Wacker, *Nonresonant two-level transitions* (2022), Eqs. (17), (18), Appendix B; below "W".
"""

from collections.abc import Sequence

from ... import units
from ...errors import InputError, finite_number, whole_number
from ...model.declaration import Channel, Pool
from ...model.model import Model
from .quantum_jumps import bath_channels, electron_channels


def two_level(
    g: float | str,
    delta_cav: float,
    gamma_u: float | str,
    gamma_l: float | str,
    gamma_b: float | str,
    f_u: float,
    f_l: float,
    n_b: float,
    emitters: int = 1,
) -> Model:
    """Electronic levels u and l, each with a reservoir, and a mode with a photon bath.

    ============================ =================================================
    event                        rate
    ============================ =================================================
    electron into α = u, l       γ_α f_α (1 - n_α)
    electron out of α            γ_α (1 - f_α) n_α
    photon from the bath         γ_b n_b (1 + n)
    photon to the bath           γ_b (1 + n_b) n
    emission                     α_Q n_u (1 - n_l) (1 + n)
    absorption                   α_Q n_l (1 - n_u) n
    ============================ =================================================

    with α_Q = g² Γ/(Δ_cav² + Γ²/4), Γ = γ_u + γ_l + γ_b (W after B11).

    Parameters
    ----------
    g : float or str
        Coupling |g| to the mode.
    delta_cav : float
        Detuning ω_cav - (E_u - E_l)/ħ, per second.
    gamma_u, gamma_l, gamma_b : float or str
        Exchange rates with the electron reservoirs and the photon bath.
    f_u, f_l : float
        Fillings of the electron reservoirs, from 0 to 1.
    n_b : float
        Occupation of the photon bath, ≥ 0.
    emitters : int
        Number of identical emitters in the mode. Several emitters are counted by their state:
        empty, electron in u only (upper), in l only (lower), in both levels.

    Returns
    -------
    Model
        Pools u, l, photon; for several emitters empty, upper, lower, both, photon. Energies are in
        units of the effective photon energy, with 0 for l.

    Notes
    -----
    The error of the steady-state values of R and ⟨n⟩, compared with the density matrix
    (`theory.twolevel.quantised_mode`), depends on s = g²(2n+1)/(Γ²/4 + Δ_cav²): at most
    0.21 % for s < 0.01, 1.95 % for s < 0.1 and 4 % for every s in all sets that were found: an
    optimiser searched rates within a factor of 100 (and 10⁴) of each other, s up to 100 (2n+1),
    |Δ_cav| up to 10, all fillings and n_b from 10⁻⁶ to 1 (``scripts/golden_rule_limits.py``). The
    limits 0.3 %, 2.5 % and 5 % have a margin; they are not proven. Random sets stay below half of
    these errors. For every g the golden rule fails at times shorter than 1/Γ (it has no Rabi
    oscillations) and for g²(0) of few photons that are mostly emitted by the levels.

    Raises
    ------
    InputError
        When a parameter is not valid.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.two_level(
    ...     g="1 MHz", delta_cav=0.0, gamma_u="10 MHz", gamma_l="10 MHz", gamma_b="1 MHz",
    ...     f_u=0.9, f_l=0.1, n_b=0.0,
    ... )
    >>> model.pools
    ('u', 'l', 'photon')
    """
    g = units.rate(g, "g")
    rates = [
        units.rate(r, f"gamma_{k}") for k, r in zip("ulb", (gamma_u, gamma_l, gamma_b), strict=True)
    ]
    delta_cav, n_b = finite_number(delta_cav, "delta_cav"), finite_number(n_b, "n_b")
    for name, value, most in (("f_u", f_u, 1), ("f_l", f_l, 1), ("n_b", n_b, float("inf"))):
        if not 0 <= finite_number(value, name) <= most:
            limits = "from 0 to 1" if most == 1 else "≥ 0"
            raise InputError(f"`{name}` must be {limits}, but is {value!r}")
    emitters = whole_number(emitters, "emitters", least=1, below=2**53)
    width = sum(rates)
    if width == 0:
        raise InputError(
            "`gamma_u`, `gamma_l` and `gamma_b` must not all be 0, because the width would be 0"
        )
    try:
        alpha = g**2 * width / (delta_cav**2 + width**2 / 4)
    except ArithmeticError:
        raise InputError(
            "`g`, `delta_cav`, `gamma_u`, `gamma_l` and `gamma_b` are too large or too small: the "
            "rate of emission g² Γ/(Δ² + Γ²/4) is not a finite number"
        ) from None
    declare = _one_emitter if emitters == 1 else _several_emitters
    pools, channels = declare(alpha, rates[:2], (f_u, f_l))
    photon = Pool.bosonic("photon", 1)
    return Model([*pools, photon], [*channels, *bath_channels(rates[2], n_b)], name="two_level")


def _emission_and_absorption(alpha: float, upper: str, lower: str) -> tuple[Channel, Channel]:
    """Emission by the pool `upper` and absorption by the pool `lower`."""
    return Channel.reversible("emission", "absorption", alpha, {upper: 1}, {lower: 1, "photon": 1})


def _one_emitter(
    alpha: float, rates: Sequence[float], fillings: Sequence[float]
) -> tuple[list[Pool], list[Channel]]:
    channels = [*electron_channels(rates, fillings), *_emission_and_absorption(alpha, "u", "l")]
    return [Pool.fermionic("u", 1.0), Pool.fermionic("l", 0.0)], channels


def _several_emitters(
    alpha: float, rates: Sequence[float], fillings: Sequence[float]
) -> tuple[list[Pool], list[Channel]]:
    """Pools and channels of several emitters, counted by the occupation of their levels u and l."""
    channels: list[Channel] = []
    for level, gamma, f, moves in (
        ("u", rates[0], fillings[0], (("empty", "upper"), ("lower", "both"))),
        ("l", rates[1], fillings[1], (("empty", "lower"), ("upper", "both"))),
    ):
        for low, high in moves:
            channels += Channel.reversible(
                f"into {level} of {low}", f"out of {level} of {high}", gamma * f,
                {low: 1}, {high: 1}, reverse_rate=gamma * (1 - f), bath=level,
            )  # fmt: skip
    energies = {"empty": 0.0, "upper": 1.0, "lower": 0.0, "both": 1.0}
    channels += _emission_and_absorption(alpha, "upper", "lower")
    return [Pool.mass_action(n, e) for n, e in energies.items()], channels

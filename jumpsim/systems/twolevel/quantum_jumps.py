"""Models with a coherent exchange: their counts alone are no state, and have no jump rates.

`TwoLevel` declares the jumps of two electronic levels with their reservoirs and, of a quantised
mode, with its photon bath, next to the coherent exchange u ↔ l + photon between them (W 8, 17, 18).
Its trajectories are those of a Monte Carlo wave function; with the golden rule in place of the
exchange it would be `systems.two_level`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InputError
from ...model.base import BaseModel, Samples
from ...model.declaration import Channel, Pool
from ...model.model import Model
from ...utils.tables import columns
from .parameters import FieldParameters, ModeParameters, field_parameters, mode_parameters

OBSERVABLES = ("u", "l", "photon", "Re c", "Im c")
PHOTON_LOSS = "photon to bath"  # name of the channel by which photons leave the mode


class CoherentRates(NamedTuple):
    """What the wave-function kernel needs: rates per second, detuning and coupling."""

    into_u: float
    out_u: float
    into_l: float
    out_l: float
    from_bath: float
    to_bath: float
    detuning: float
    coupling: float
    mode: bool  # whether the light is a mode that holds photons


def electron_channels(gammas: Sequence[float], fillings: Sequence[float]) -> list[Channel]:
    """Exchange of the levels u and l with their reservoirs: γ f (1 - n) and γ (1 - f) n."""
    channels = []
    for level, gamma, f in zip("ul", gammas, fillings, strict=True):
        channels += Channel.reversible(
            f"into {level}", f"out of {level}", gamma * f, {}, {level: 1},
            reverse_rate=gamma * (1 - f), bath=level,
        )  # fmt: skip
    return channels


def bath_channels(gamma_b: float, n_b: float) -> tuple[Channel, Channel]:
    """Exchange of the mode with its bath: γ_b n_b (1 + n) and γ_b (1 + n_b) n."""
    return Channel.reversible(
        "photon from bath", PHOTON_LOSS, gamma_b * n_b, {}, {"photon": 1},
        reverse_rate=gamma_b * (1 + n_b), bath="b",
    )  # fmt: skip


@dataclass(frozen=True, init=False, eq=False)
class TwoLevel(BaseModel):
    """Two levels and a quantised mode, or a classical field, as quantum jumps.

    Parameters
    ----------
    parameters : ModeParameters or FieldParameters
        For numbers, not arrays.

    Attributes
    ----------
    pools : tuple of str
        u, l and, with a mode, photon: what a start counts.
    channels : tuple of str
        The jumps; the coherent exchange is none.
    observables : tuple of str
        What samples hold: expectation values of n_u, n_l, the photon number (with a classical
        field: quanta given to it since the start), Re and Im of c = ⟨c_l† c_u a†⟩ (without a† in
        a classical field), in the gauge of a real coupling > 0.
    """

    parameters: ModeParameters | FieldParameters

    engine = "wavefunction"
    without_rates = (
        "with a coherent exchange the counts alone are not the state; see theory.twolevel for "
        "averages, or use the golden rule (systems.two_level)"
    )

    def __init__(self, parameters):
        if not isinstance(parameters, ModeParameters | FieldParameters):
            raise InputError(
                "`parameters` must be those of a quantised mode or of a classical field, but is "
                f"{type(parameters).__name__}"
            )
        p, mode = parameters, isinstance(parameters, ModeParameters)
        if any(np.ndim(getattr(p, f.name)) for f in fields(p) if f.name != "reservoirs"):
            raise InputError("trajectories are made for one set of parameters, not for arrays")
        upper, lower, photon = map(float, p.effective)
        pools = [Pool.fermionic("u", upper), Pool.fermionic("l", lower)]
        channels = electron_channels((p.gamma_u, p.gamma_l), (p.f_u, p.f_l))
        if mode:
            pools.append(Pool.bosonic("photon", 1, photon))
            channels += bath_channels(p.gamma_b, p.n_b)
        name = "two_level_mode" if mode else "two_level_field"
        super().__init__(pools, channels, name)
        object.__setattr__(self, "parameters", p)

    @property
    def observables(self) -> tuple[str, ...]:
        """Names of the expectation values that are sampled."""
        return self.samples.names

    @property
    def samples(self) -> Samples:
        """Expectation values, of which sums are exact in whole multiples of 2⁻³²."""
        return Samples("expect", OBSERVABLES, 2.0**-32)

    @property
    def coupling(self) -> float:
        """|g|, or |ε| of a classical field."""
        p = self.parameters
        return abs(p.g if isinstance(p, ModeParameters) else p.epsilon)

    @property
    def engine_input(self) -> CoherentRates:
        """Rates, detuning and coupling as numbers."""
        constants = [channel.rate for channel in self.channel_specs]
        mode = isinstance(self.parameters, ModeParameters)
        bath = constants[4:] if mode else [0.0, 0.0]
        return CoherentRates(
            *constants[:4], *bath, float(self.parameters.detuning), float(self.coupling), mode
        )

    def as_counts(self, counts: Any, whole: bool = False) -> NDArray[Any]:
        """Counts as `Model.as_counts` has them, with fewer photons than 2²¹."""
        array = super().as_counts(counts, whole)
        for name, count in zip(self.pools, np.moveaxis(array, -1, 0), strict=True):
            if name == "photon" and (count >= 2**21).any():
                raise InputError(
                    f"count of pool 'photon' must be below 2^21, but is {count.max():g}: beyond, "
                    "averages are no longer exact; use rate equations"
                )
        return array

    def as_start(self, counts: ArrayLike) -> NDArray[Any]:
        """Refuse a start that is given as a sequence: it could be meant as amplitudes."""
        raise InputError(
            "`initial` must be a Fock state such as {'u': 1, 'l': 0, 'photon': 2}, or a Mixture of "
            f"them, but is {type(counts).__name__}; superpositions of photon numbers, such as "
            "coherent states, are not what these trajectories can hold (to_qutip and mcsolve can)"
        )

    @property
    def entropies(self) -> NDArray[np.float64]:
        """Entropy that each event leaves in its reservoir, ln(rate/reverse rate), (n_channels,)."""
        with np.errstate(divide="ignore"):
            logs = {c.name: np.log(c.rate) for c in self.channel_specs}
        ratio = [logs[c.name] - logs[c.reverse] for c in self.channel_specs]
        return np.array(ratio)

    def asdict(self) -> dict[str, Any]:
        """Plain dict of everything that defines the model; `model_fromdict` is its inverse."""
        p = self.parameters
        out = {f.name: getattr(p, f.name) for f in fields(p)}
        coupling = complex(out.pop("g" if "g" in out else "epsilon"))
        reservoirs = {
            name: None if given is None else np.ravel(given).tolist()
            for name, given in out.pop("reservoirs").items()
        }
        numbers = {name: float(value) for name, value in out.items()}
        coupling = [coupling.real, coupling.imag]
        return {"name": self.name, **numbers, "coupling": coupling, "reservoirs": reservoirs}

    def __eq__(self, other):
        return isinstance(other, TwoLevel) and self.asdict() == other.asdict()

    def __hash__(self):
        return hash(self.name)

    def __str__(self):
        p = self.parameters
        light = "a mode" if isinstance(p, ModeParameters) else "a classical field"
        rows = [
            (c.name, f"{c.rate:.6g}", f"{entropy:.6g}")
            for c, entropy in zip(self.channel_specs, self.entropies, strict=True)
        ]
        head = ("jump", "constant (1/s)", "entropy to its reservoir")
        return "\n".join(
            [
                f"{self.name}: two levels and {light}, coupling {self.coupling:g}, "
                f"Δ = {p.detuning:g}",
                "coherent exchange u ↔ l + photon, and the jumps",
                "",
                *columns(rows, head, right=(1, 2)),
            ]
        )


def as_simulated(model: Any) -> BaseModel:
    """Model that an argument of `simulate` stands for.

    Parameters
    ----------
    model : BaseModel, ModeParameters, FieldParameters, or anything with such `parameters`
    """
    if isinstance(model, BaseModel):
        return model
    parameters = getattr(model, "parameters", model)
    if isinstance(parameters, ModeParameters | FieldParameters):
        return TwoLevel(parameters)
    raise InputError(f"`model` must be a jumpsim.Model, but is {type(model).__name__}")


def model_fromdict(data: Mapping[str, Any]) -> BaseModel:
    """Rebuild a model, of counts or with a coherent exchange, from its `asdict`."""
    if "coupling" not in data:
        return Model.fromdict(data)
    given = {k: v for k, v in data.items() if k not in ("name", "coupling", "reservoirs")}
    coupling = complex(*data["coupling"])
    if "omega_cav" in given:
        parameters = mode_parameters(g=coupling, **given)
    else:
        parameters = field_parameters(epsilon=coupling, **given)
    reservoirs = {
        name: None if given is None else given[0] if name == "b" else tuple(given)
        for name, given in data["reservoirs"].items()
    }
    return TwoLevel(replace(parameters, reservoirs=reservoirs))

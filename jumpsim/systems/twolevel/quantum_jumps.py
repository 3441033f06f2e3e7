"""Models with a coherent exchange, in which the counts alone do not determine jump rates.

`TwoLevel` declares the coherent exchange u ↔ l + photon between two electronic levels and light
(W 8, 17, 18), the jumps between the levels and their electron reservoirs and, for a quantised mode,
the jumps between the mode and its photon bath. Its trajectories are simulated by the Monte Carlo
wave-function method. `systems.two_level` describes the exchange by the golden rule instead.
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
PHOTON_LOSS = "photon to bath"  # name of the channel of the photons that leave the mode


class CoherentRates(NamedTuple):
    """Input of the wave-function kernel: rates per second, detuning and coupling."""

    into_u: float
    out_u: float
    into_l: float
    out_l: float
    from_bath: float
    to_bath: float
    detuning: float
    coupling: float
    mode: bool  # whether the light is a quantised mode; otherwise it is a classical field


def electron_channels(gammas: Sequence[float], fillings: Sequence[float]) -> list[Channel]:
    """Jumps between the levels u and l and their electron reservoirs.

    The rates are γ f (1 - n) into a level with the occupation n, and γ (1 - f) n out of it.

    Parameters
    ----------
    gammas : sequence of float
        Exchange rates γ of u and l, per second.
    fillings : sequence of float
        Fillings f of their reservoirs.

    Returns
    -------
    list of Channel
        "into u", "out of u", "into l", "out of l".
    """
    channels = []
    for level, gamma, f in zip("ul", gammas, fillings, strict=True):
        channels += Channel.reversible(
            f"into {level}", f"out of {level}", gamma * f, {}, {level: 1},
            reverse_rate=gamma * (1 - f), bath=level,
        )  # fmt: skip
    return channels


def bath_channels(gamma_b: float, n_b: float) -> tuple[Channel, Channel]:
    """Jumps between the mode and its photon bath.

    The rates are γ_b n_b (1 + n) into the mode with n photons, and γ_b (1 + n_b) n out of it.

    Parameters
    ----------
    gamma_b : float
        Exchange rate γ_b, per second.
    n_b : float
        Occupation of the bath.

    Returns
    -------
    tuple of Channel
        "photon from bath", "photon to bath".
    """
    return Channel.reversible(
        "photon from bath", PHOTON_LOSS, gamma_b * n_b, {}, {"photon": 1},
        reverse_rate=gamma_b * (1 + n_b), bath="b",
    )  # fmt: skip


@dataclass(frozen=True, init=False, eq=False)
class TwoLevel(BaseModel):
    """Quantum jumps of two levels and a quantised mode or a classical field.

    Parameters
    ----------
    parameters : ModeParameters or FieldParameters
        Each parameter must be a number, not an array.

    Attributes
    ----------
    pools : tuple of str
        "u", "l" and, for a quantised mode, "photon": the counts of an initial state.
    channels : tuple of str
        The jumps, without the coherent exchange.
    observables : tuple of str
        The sampled expectation values: n_u; n_l; the photon number (for a classical field the net
        number of quanta emitted into it since t = 0); the real and the imaginary part of
        c = e^(-i arg g) ⟨c_l† c_u a†⟩, or e^(-i arg ε) ⟨c_l† c_u⟩ for a classical field. So
        |g| c = g* ⟨c_l† c_u a†⟩ (W B4), and 2 |g| Im c is the net rate u → l.

    Raises
    ------
    InputError
        When `parameters` are of another type or contain arrays.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.two_level_mode(
    ...     1.0, 0.0, 1.0, 0.5, 1.0, 1.0, 1.0, f_u=1.0, f_l=0.0, n_b=0.0
    ... )
    >>> model.pools, model.observables
    (('u', 'l', 'photon'), ('u', 'l', 'photon', 'Re c', 'Im c'))
    """

    parameters: ModeParameters | FieldParameters

    engines = ("wavefunction",)
    without_rates = (
        "with a coherent exchange the counts do not define the state; see theory.twolevel for "
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
            raise InputError("trajectories are simulated for one set of parameters, not for arrays")
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
        """Sampled expectation values; they are rounded to multiples of 2⁻³² for exact sums."""
        return Samples("expect", OBSERVABLES, 2.0**-32)

    @property
    def coupling(self) -> float:
        """Absolute value of the coupling: |g|, or |ε| for a classical field."""
        p = self.parameters
        return abs(p.g if isinstance(p, ModeParameters) else p.epsilon)

    @property
    def engine_input(self) -> CoherentRates:
        """Rates, detuning and coupling for the engine."""
        constants = [channel.rate for channel in self.channel_specs]
        mode = isinstance(self.parameters, ModeParameters)
        bath = constants[4:] if mode else [0.0, 0.0]
        return CoherentRates(
            *constants[:4], *bath, float(self.parameters.detuning), float(self.coupling), mode
        )

    def as_counts(self, counts: Any, whole: bool = False) -> NDArray[Any]:
        """Counts as an array, checked as in `Model.as_counts`; at most 2²¹ - 1 photons."""
        array = super().as_counts(counts, whole)
        for name, count in zip(self.pools, np.moveaxis(array, -1, 0), strict=True):
            if name == "photon" and (count >= 2**21).any():
                raise InputError(
                    f"count of pool 'photon' must be below 2^21, but is {count.max():g}: averages "
                    "of larger counts are not exact; use rate equations"
                )
        return array

    def as_start(self, counts: ArrayLike) -> NDArray[Any]:
        """Raise InputError: an initial state that is a sequence could be read as amplitudes."""
        raise InputError(
            "`initial` must be a Fock state such as {'u': 1, 'l': 0, 'photon': 2}, or a Mixture of "
            f"them, but is {type(counts).__name__}; superpositions of photon numbers, such as "
            "coherent states, cannot be simulated here (use to_qutip and mcsolve of QuTiP)"
        )

    @property
    def entropies(self) -> NDArray[np.float64]:
        """Entropy of its reservoir that an event of each channel produces, (n_channels,).

        It is ln(w_forward/w_reverse) of the constants, in k_B.
        """
        with np.errstate(divide="ignore"):
            logs = {c.name: np.log(c.rate) for c in self.channel_specs}
        ratio = [logs[c.name] - logs[c.reverse] for c in self.channel_specs]
        return np.array(ratio)

    def asdict(self) -> dict[str, Any]:
        """Dict of plain values that defines the model; the inverse of `model_fromdict`."""
        p = self.parameters
        out = {f.name: getattr(p, f.name) for f in fields(p)}
        coupling = complex(out.pop("g" if "g" in out else "epsilon"))
        reservoirs = {
            name: None if reservoir is None else np.ravel(reservoir).tolist()
            for name, reservoir in out.pop("reservoirs").items()
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
        head = ("jump", "constant (1/s)", "entropy of the reservoir")
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
    """Convert the argument `model` of `simulate` to a model.

    Parameters
    ----------
    model : BaseModel, ModeParameters, FieldParameters, or object with such `parameters`
        For instance the result of `theory.twolevel.quantised_mode`.

    Returns
    -------
    BaseModel

    Raises
    ------
    InputError
        When it is none of these.
    """
    if isinstance(model, BaseModel):
        return model
    parameters = getattr(model, "parameters", model)
    if isinstance(parameters, ModeParameters | FieldParameters):
        return TwoLevel(parameters)
    raise InputError(f"`model` must be a jumpsim.Model, but is {type(model).__name__}")


def model_fromdict(data: Mapping[str, Any]) -> BaseModel:
    """Rebuild a model from the dict that `asdict` returns.

    Parameters
    ----------
    data : mapping
        Of a `Model` or a `TwoLevel`.

    Returns
    -------
    Model or TwoLevel

    Raises
    ------
    InputError
        When `data` do not define a model.
    """
    if "coupling" not in data:
        return Model.fromdict(data)
    numbers = {k: v for k, v in data.items() if k not in ("name", "coupling", "reservoirs")}
    coupling = complex(*data["coupling"])
    if "omega_cav" in numbers:
        parameters = mode_parameters(g=coupling, **numbers)
    else:
        parameters = field_parameters(epsilon=coupling, **numbers)
    reservoirs = {
        name: None if values is None else values[0] if name == "b" else tuple(values)
        for name, values in data["reservoirs"].items()
    }
    return TwoLevel(replace(parameters, reservoirs=reservoirs))

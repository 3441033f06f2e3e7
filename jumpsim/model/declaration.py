"""Pools and channels, the parts of a model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import (
    InputError,
    choices,
    finite_number,
    one_line,
    one_word,
    positive_number,
    whole_number,
)
from ..utils.labels import by_name
from .disorder import AnyRates, Rates, as_rates
from .stoichiometry import Quanta

KINDS = ("bosonic", "tls", "fermionic", "mass_action")


@dataclass(frozen=True)
class Pool:
    """A pool of quanta; use `Pool.bosonic`, `.tls`, `.fermionic` or `.mass_action` to create one.

    Attributes
    ----------
    name : str
        A single word, unique in the model.
    kind : str
        "bosonic", "tls", "fermionic" or "mass_action".
    size : float, int or None
        Number of modes 𝒩 > 0, not necessarily whole (bosonic); number M ≥ 1 of two-level systems
        (tls); 1 (fermionic); None (mass action).
    energy : float
        Energy of one quantum in ħΩ.

    Raises
    ------
    InputError
        When the name, the kind, the size or the energy is not valid.

    Examples
    --------
    >>> import jumpsim as js
    >>> js.Pool.bosonic("A", modes=100).size
    100.0
    >>> js.Pool.tls("m", 20).capacity
    20
    """

    name: str
    kind: str
    size: float | int | None = None
    energy: float = 1.0

    def __post_init__(self) -> None:
        one_word(self.name, "a pool's name")
        if self.kind not in KINDS:
            raise InputError(
                f"pool '{self.name}': unknown kind {self.kind!r}; " + choices(self.kind, KINDS)
            )
        energy = finite_number(self.energy, f"energy of pool '{self.name}'")
        object.__setattr__(self, "energy", energy)
        size = self.size
        if self.kind == "bosonic":
            size = positive_number(size, f"modes of pool '{self.name}'")
            if size < 1e-300:  # 1/𝒩 would not be finite
                raise InputError(f"`modes` of pool '{self.name}' is too small: {size!r}")
        elif self.kind == "tls":
            size = whole_number(size, f"size of pool '{self.name}'", least=1, below=2**53)
        else:
            only = 1 if self.kind == "fermionic" else None
            if size != only:
                raise InputError(f"a {self.kind} pool has no size, but '{self.name}' has {size!r}")
            size = only
        object.__setattr__(self, "size", size)

    @classmethod
    def bosonic(cls, name: str, modes: float, energy: float = 1.0) -> "Pool":
        """Photons in a reservoir of 𝒩 = `modes` modes; the count is N, the occupation n = N/𝒩."""
        return cls(name, "bosonic", modes, energy)

    @classmethod
    def tls(cls, name: str, size: int, energy: float = 1.0) -> "Pool":
        """Ensemble of M = `size` two-level systems; the count m is the number of excited ones."""
        return cls(name, "tls", size, energy)

    @classmethod
    def fermionic(cls, name: str, energy: float = 1.0) -> "Pool":
        """A single electronic level; the count is 0 or 1."""
        return cls(name, "fermionic", 1, energy)

    @classmethod
    def mass_action(cls, name: str, energy: float = 0.0) -> "Pool":
        """Species of a chemical reaction network: no largest count and no stimulated creation."""
        return cls(name, "mass_action", None, energy)

    @property
    def capacity(self) -> float | int | None:
        """Largest possible count, or None when there is no limit."""
        return self.size if self.kind in ("tls", "fermionic") else None


@dataclass(frozen=True)
class Channel:
    """One kind of event: the quanta it destroys and creates, and its rate constant.

    The jump rate is the rate constant times a factor for each quantum, by the golden rule: n for a
    photon destroyed, 1 + n for a photon created or a mode passed through, m for a TLS de-excited,
    M - m for a TLS excited; see `rates.RateTable`.

    Attributes
    ----------
    name : str
        One line of text, unique in the model.
    rate : float, str, or sequence of these
        Rate constant in events per second, or a string such as "10 MHz"; ≥ 0. A sequence has one
        rate for each two-level system of the pool in `takes` or `gives`: they are then simulated
        individually, see `Model`.
    takes, gives : mapping of str to int
        Number of quanta destroyed and created, by the name of the pool.
    through : mapping of str to int
        Number of factors 1 + n, by the name of a bosonic pool that the quanta pass through without
        changing its count (stimulated second-order events, BM 53).
    reverse : str, optional
        Name of the channel that is the reverse event of this one.
    bath : str, optional
        Name of the bath that receives the energy of the event; None for an internal event.

    Raises
    ------
    InputError
        When an argument is not valid.

    Examples
    --------
    >>> import jumpsim as js
    >>> emission = js.Channel("emission", "10 MHz", takes={"m": 1}, gives={"N": 1})
    >>> emission.rate
    10000000.0
    """

    name: str
    rate: float | Rates
    takes: Mapping[str, int] = field(default_factory=dict)
    gives: Mapping[str, int] = field(default_factory=dict)
    through: Mapping[str, int] = field(default_factory=dict)
    reverse: str | None = None
    bath: str | None = None

    if TYPE_CHECKING:  # in the argument `rate` are strings with a unit, in the attribute numbers

        def __init__(
            self,
            name: str,
            rate: AnyRates,
            takes: Mapping[str, int] = ...,
            gives: Mapping[str, int] = ...,
            through: Mapping[str, int] = ...,
            reverse: str | None = None,
            bath: str | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        one_line(self.name, "a channel's name")
        where = f"of channel '{self.name}'"
        object.__setattr__(self, "rate", as_rates(self.rate, f"rate {where}"))
        for part in ("takes", "gives", "through"):
            given = by_name(getattr(self, part), f"{part} {where}")
            if given is None:
                raise InputError(
                    f"`{part}` {where} must give a whole number for each pool, such as "
                    f"{{'A': 1}}, but is {getattr(self, part)!r}"
                )
            quanta = {
                name: whole_number(number, f"{part}['{name}'] {where}", least=1, below=1001)
                for name, number in given.items()
            }
            object.__setattr__(self, part, Quanta(quanta))
        for part in ("reverse", "bath"):
            if getattr(self, part) is not None:
                one_line(getattr(self, part), f"`{part}` {where}")

    @property
    def individual(self) -> bool:
        """Whether each two-level system has its own rate."""
        return isinstance(self.rate, Rates)

    @property
    def constants(self) -> NDArray[np.float64]:
        """Rate constant of each two-level system, or the only one, as an array."""
        return np.atleast_1d(np.asarray(self.rate, float))

    @property
    def occurs(self) -> bool:
        """Whether a rate constant is above 0."""
        return bool((self.constants > 0).any())

    @classmethod
    def reversible(
        cls,
        name: str,
        reverse: str,
        rate: AnyRates,
        takes: Mapping[str, int],
        gives: Mapping[str, int],
        through: Mapping[str, int] | None = None,
        *,
        reverse_rate: AnyRates | None = None,
        bath: str | None = None,
    ) -> tuple["Channel", "Channel"]:
        """A channel and its reverse channel.

        Parameters
        ----------
        name, reverse : str
            Names of the channel and of its reverse.
        rate : float, str or sequence
            Rate constant of the channel.
        takes, gives : mapping of str to int
            Quanta destroyed and created by the channel; exchanged in its reverse.
        through : mapping of str to int, optional
            Bosonic modes with a factor 1 + n in both channels.
        reverse_rate : float, str or sequence, optional
            Rate constant of the reverse; by default that of the channel.
        bath : str, optional
            Name of the bath that receives the energy of both events.

        Returns
        -------
        tuple of Channel
            The channel and its reverse.

        Examples
        --------
        >>> import jumpsim as js
        >>> up, down = js.Channel.reversible("up", "down", 1.0, {"N": 1}, {"m": 1})
        >>> down.takes, down.reverse
        ({'m': 1}, 'up')
        """
        passed = through or {}
        rate_back = rate if reverse_rate is None else reverse_rate
        return (
            cls(name, rate, takes, gives, passed, reverse=reverse, bath=bath),
            cls(reverse, rate_back, gives, takes, passed, reverse=name, bath=bath),
        )

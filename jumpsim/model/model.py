"""A model with jump rates: its declaration consists of named pools and named channels.

Jump rates, rate equations, noise, heat and entropy are derived from this declaration.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, positive_number
from . import rates
from .base import BaseModel, Samples
from .declaration import Channel, Pool
from .individual import individual_pools, placed, resolved, single_table, without_counts
from .stoichiometry import Quanta, null_space

_MOST_DIRECT = 40  # channels; the compilation of the direct method for one model takes 8 s then


@dataclass(frozen=True, init=False)
class Model(BaseModel):
    """Pools and channels with jump rates.

    Parameters
    ----------
    pools : sequence of Pool
    channels : sequence of Channel
    name : str
        Name of the system in tables and figures; not used when models are compared.
    wavelength : float or str, optional
        Vacuum wavelength of one quantum ħΩ, in metres or as "10 um". It is needed for results in
        joule and kelvin.

    Attributes
    ----------
    pools, channels : tuple of str
        Names. Counts are always in the order of `pools`, rates and jumps in that of `channels`.
    pool_specs : tuple of Pool
    channel_specs : tuple of Channel

    Raises
    ------
    InputError
        When a name is used twice or is unknown, when the changes of a reverse are not opposite to
        those of its channel, or when a list of rates fits no pool.

    Notes
    -----
    A channel whose rate is a sequence has one rate for each two-level system of a pool. All
    two-level systems of this pool are then simulated individually: an event of a channel is an
    event of one of them, with its own rate. Counts and jumps are those of the whole pool;
    `resolved` is the model in which each of them is a pool. Which ones are excited at t = 0 is
    random.

    Examples
    --------
    >>> from jumpsim import Channel, Model, Pool
    >>> decay = Model([Pool.mass_action("X")], [Channel("decay", "1 kHz", takes={"X": 1})])
    >>> decay.rates({"X": 5})
    array([5000.])
    """

    engines = ("direct", "partial_propensities")

    def __init__(
        self,
        pools: Sequence[Pool],
        channels: Sequence[Channel],
        name: str = "model",
        wavelength: float | str | None = None,
    ) -> None:
        super().__init__(pools, channels, name, wavelength)
        self.individual  # noqa: B018 - checks the lists of rates

    @functools.cached_property
    def individual(self) -> dict[str, int]:
        """Pools whose two-level systems have individual rates, and how many they have."""
        return individual_pools(self)

    @property
    def engine(self) -> str:
        """The engine that simulates this model, chosen by the number of channels that can occur.

        "direct" is Gillespie's direct method, whose work for an event grows with the number of
        channels; above 40 channels with a rate constant > 0 it is "partial_propensities".
        """
        direct, partial = self.engines
        return partial if self.individual or self._occurring > _MOST_DIRECT else direct

    @functools.cached_property
    def _occurring(self) -> int:
        """Number of channels with a rate constant > 0."""
        return sum(channel.occurs for channel in self.channel_specs)

    @property
    def samples(self) -> Samples:
        """The sampled quantities: the integer counts of the pools."""
        return Samples("counts", self.pools, 1)

    @functools.cached_property
    def table(self) -> rates.RateTable:
        """Rates and changes of all channels as flat arrays."""
        if self.individual:
            raise InputError(without_counts(self))
        return rates.lower(self)

    @functools.cached_property
    def engine_input(self) -> rates.RateTable:
        """Rates and changes as flat arrays, for the engine; of single two-level systems if any."""
        if self.individual:
            return single_table(self, rates.lower(self, self.individual))
        return self.table

    def resolved(self) -> "Model":
        """The same model with a pool for each two-level system that has its own rates.

        Returns
        -------
        Model
            Pools "m1", "m2", ... instead of a pool "m" with individual rates, and for each of its
            channels one for each of them, such as "emission, m1". The model itself if no pool has
            individual rates.

        Examples
        --------
        >>> from jumpsim import Channel, Model, Pool
        >>> decay = Model([Pool.tls("m", 2)], [Channel("decay", [1.0, 3.0], takes={"m": 1})])
        >>> decay.resolved().channels, decay.resolved().rates([1, 1])
        (('decay, m1', 'decay, m2'), array([1., 3.]))
        """
        if not self.individual:
            return self
        pools, channels = resolved(self)
        return Model(pools, channels, self.name, self.wavelength)

    def single_counts(
        self, counts: NDArray[np.int64], seed: int, first: int, last: int
    ) -> NDArray[np.int64]:
        """Counts at t = 0 for the engine, from those of the pools; see `individual.placed`."""
        return placed(self, counts, seed, first, last)

    def forward_and_reverse(
        self, channels: NDArray[np.int64], before: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Rate of each event, and rate of its reverse in the state after the event.

        Parameters
        ----------
        channels : ndarray of int, shape (n_events,)
            Index of the channel of each event.
        before : ndarray of int64, shape (n_events, n_pools)
            Counts before each event.

        Returns
        -------
        forward, reverse : ndarray, shape (n_events,)
            Per second; `reverse` is 0 for a channel without a reverse.
        """
        forward, reverse = np.zeros((2, len(channels)))
        for c, channel in enumerate(self.channel_specs):
            events = np.flatnonzero(channels == c)
            forward[events] = self.table.rate_of(c, before[events])
            if len(events) and channel.reverse is not None:
                back = self.channels.index(channel.reverse)
                after = before[events] + self.table.changes[c]
                reverse[events] = self.table.rate_of(back, after)
        return forward, reverse

    def rates(self, counts: Any) -> NDArray[np.float64]:
        """Jump rate of each channel.

        Parameters
        ----------
        counts : mapping or array_like, shape (n_pools,) or (..., n_pools)

        Returns
        -------
        ndarray, shape (..., n_channels)
            Events per second.
        """
        return self.table.jump_rates(self.as_counts(counts))

    def scaled(self, factor: float) -> "Model":
        """The same system with a size that is larger by `factor`.

        The numbers of modes and TLS are multiplied by `factor`. The constant of each channel is
        multiplied by factor^(1-k), where k is the number of its TLS or mass-action factors, so that
        all rates are proportional to `factor` for constant occupations. For a large factor the
        relative counts obey the rate equations.

        Parameters
        ----------
        factor : float
            > 0.

        Returns
        -------
        Model

        Raises
        ------
        InputError
            For a model with fermionic pools (a level has a fixed size), or when a number of TLS
            would not be an integer.

        Examples
        --------
        >>> import jumpsim as js
        >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
        >>> large = model.scaled(10)
        >>> large.pool("m").size, large.rates([120, 30]) / model.rates([12, 3])
        (200, array([10., 10.]))
        """
        factor = positive_number(factor, "factor")
        if rigid := [p.name for p in self.pool_specs if p.kind == "fermionic"]:
            raise InputError(f"a model with a fermionic pool ('{rigid[0]}') cannot be scaled")
        if self.individual:
            raise InputError(
                f"a model with individual rates (pool '{next(iter(self.individual))}') cannot be "
                "scaled; declare the larger one with its own rates"
            )
        pools = [
            p if p.size is None else replace(p, size=_tidy(p.size * factor))
            for p in self.pool_specs
        ]
        extensive = {p.name for p in self.pool_specs if p.kind in ("tls", "mass_action")}
        channels = []
        for c, channel in enumerate(self.channel_specs):
            used = self.table.pools[self.table.first[c] : self.table.first[c + 1]]
            power = 1 - sum(self.pools[p] in extensive for p in used)
            rate = float(channel.constants[0]) * factor**power
            channels.append(replace(channel, rate=rate))
        return Model(pools, channels, self.name, self.wavelength)

    @property
    def conserved(self) -> tuple[dict[str, int], ...]:
        """Conserved totals of the events of all channels whose constant is not 0.

        Returns
        -------
        tuple of dict
            Each maps names of pools to integer coefficients; Σ coefficient · count is constant.

        Examples
        --------
        >>> import jumpsim as js
        >>> js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz").conserved
        ({'N': 1, 'm': 1},)
        """
        changes = self.changes[[channel.occurs for channel in self.channel_specs]]
        return tuple(
            {n: v for n, v in zip(self.pools, vector, strict=True) if v}
            for vector in null_space(changes)
        )

    def asdict(self) -> dict[str, Any]:
        """Dict of plain values that defines the model; the inverse of `fromdict`."""
        out: dict[str, Any] = {"name": self.name, "wavelength": self.wavelength}
        for part, items in (("pools", self.pool_specs), ("channels", self.channel_specs)):
            out[part] = [
                {f.name: _plain(getattr(item, f.name)) for f in fields(item)} for item in items
            ]
        return out

    @classmethod
    def fromdict(cls, data: Mapping[str, Any]) -> "Model":
        """Rebuild a model from the dict that `asdict` returns, with all checks of a declaration.

        Parameters
        ----------
        data : mapping

        Returns
        -------
        Model

        Raises
        ------
        InputError
            When `data` do not define a valid model.
        """
        try:
            pools = [Pool(**p) for p in data["pools"]]
            channels = [Channel(**c) for c in data["channels"]]
            return cls(pools, channels, data["name"], data["wavelength"])
        except (TypeError, KeyError, AttributeError) as error:
            raise InputError(f"this is not the dict of a model: {error}") from None

    def __str__(self) -> str:
        from .reaction_table import reaction_table

        return reaction_table(self)


def _plain(value: Any) -> Any:
    """For JSON."""
    if isinstance(value, Quanta):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def _tidy(size: float) -> float:
    """Remove the rounding error of a product such as 100 * 1.1 = 110.00000000000001."""
    return round(size) if math.isclose(size, round(size), rel_tol=1e-12) else size


def as_model(model: Any, individual: bool = False) -> Model:
    """Return `model` when its counts determine its jump rates, or raise InputError.

    Parameters
    ----------
    model : object
    individual : bool
        Whether pools with individual rates are accepted.

    Returns
    -------
    Model

    Raises
    ------
    InputError
        When it is not a model, or has a coherent exchange, so that counts do not define its state.
    """
    if isinstance(model, Model):
        if model.individual and not individual:
            raise InputError(without_counts(model))
        return model
    if isinstance(model, BaseModel):
        raise InputError(f"{model.name} has no jump rates: {model.without_rates}")
    raise InputError(f"`model` must be a jumpsim.Model, but is {type(model).__name__}")

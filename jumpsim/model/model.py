"""The declaration: named pools, named channels, and the model they make.

Everything else (jump rates, rate equations, noise, heat, entropy) is derived from it.
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
from .stoichiometry import Quanta, null_space


@dataclass(frozen=True, init=False)
class Model(BaseModel):
    """Pools and channels with jump rates: the one declaration from which every view is derived.

    Parameters
    ----------
    pools : sequence of Pool
    channels : sequence of Channel
    name : str
        What the system is called in tables and figures; not part of a model's identity.
    wavelength : float or str, optional
        Vacuum wavelength of one quantum ħΩ in metres or "10 um"; turns ħΩ/k_B into kelvin.

    Attributes
    ----------
    pools, channels : tuple of str
        Names. Counts are always in the order of `pools`, rates and jumps in that of `channels`.
    pool_specs : tuple of Pool
    channel_specs : tuple of Channel

    Raises
    ------
    InputError
        When a name is used twice or is unknown, or when a reverse does not undo its channel.

    Examples
    --------
    >>> from jumpsim import Channel, Model, Pool
    >>> decay = Model([Pool.mass_action("X")], [Channel("decay", "1 kHz", takes={"X": 1})])
    >>> decay.rates({"X": 5})
    array([5000.])
    """

    engine = "direct"

    def __init__(
        self,
        pools: Sequence[Pool],
        channels: Sequence[Channel],
        name: str = "model",
        wavelength: float | str | None = None,
    ) -> None:
        super().__init__(pools, channels, name, wavelength)

    @property
    def samples(self) -> Samples:
        """The counts of the pools, whole numbers."""
        return Samples("counts", self.pools, 1)

    @functools.cached_property
    def table(self) -> rates.RateTable:
        """The model as flat arrays, `rates.RateTable`."""
        return rates.lower(self)

    @property
    def engine_input(self) -> rates.RateTable:
        """The rates as flat arrays."""
        return self.table

    def forward_and_reverse(
        self, channels: NDArray[np.int64], before: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Rate of each event, and that of its reverse in the state after the event; 0 without one.

        Parameters
        ----------
        channels : ndarray of int, shape (n_events,)
        before : ndarray of int64, shape (n_events, n_pools)

        Returns
        -------
        forward, reverse : ndarray, shape (n_events,)
            Per second.
        """
        forward, reverse = np.zeros((2, len(channels)))
        for c, channel in enumerate(self.channel_specs):
            mine = np.flatnonzero(channels == c)
            forward[mine] = self.table.rate_of(c, before[mine])
            if len(mine) and channel.reverse is not None:
                back = self.channels.index(channel.reverse)
                reverse[mine] = self.table.rate_of(back, before[mine] + self.table.changes[c])
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
        """The same physics `factor` times larger: the large-system limit of the rate equations.

        Modes and TLS are multiplied by `factor`; each channel's constant is multiplied by
        factor^(1-k), k the number of its TLS or mass-action factors, so that every total rate
        grows as `factor`.

        Raises
        ------
        InputError
            For a model with fermionic pools (a level cannot be made larger), or when a number
            of TLS would not be whole.
        """
        factor = positive_number(factor, "factor")
        if rigid := [p.name for p in self.pool_specs if p.kind == "fermionic"]:
            raise InputError(f"a model with a fermionic pool ('{rigid[0]}') cannot be scaled")
        pools = [
            p if p.size is None else replace(p, size=_tidy(p.size * factor))
            for p in self.pool_specs
        ]
        extensive = {p.name for p in self.pool_specs if p.kind in ("tls", "mass_action")}
        channels = []
        for c, channel in enumerate(self.channel_specs):
            used = self.table.pools[self.table.first[c] : self.table.first[c + 1]]
            power = 1 - sum(self.pools[p] in extensive for p in used)
            channels.append(replace(channel, rate=channel.rate * factor**power))
        return Model(pools, channels, self.name, self.wavelength)

    @property
    def conserved(self) -> tuple[dict[str, int], ...]:
        """Conserved totals, found from the changes of the channels whose constant is not 0.

        Returns
        -------
        tuple of dict
            Each maps pool names to whole coefficients; Σ coefficient · count never changes.
        """
        changes = self.table.changes[self.table.constants > 0]
        return tuple(
            {n: v for n, v in zip(self.pools, vector, strict=True) if v}
            for vector in null_space(changes)
        )

    def asdict(self) -> dict[str, Any]:
        """Plain dict of everything that defines the model; `Model.fromdict` is its inverse."""
        out: dict[str, Any] = {"name": self.name, "wavelength": self.wavelength}
        for part, items in (("pools", self.pool_specs), ("channels", self.channel_specs)):
            out[part] = [
                {
                    f.name: dict(v) if isinstance(v := getattr(item, f.name), Quanta) else v
                    for f in fields(item)
                }
                for item in items
            ]
        return out

    @classmethod
    def fromdict(cls, data: Mapping[str, Any]) -> "Model":
        """Rebuild a model from `asdict`; every check of the declaration is made again."""
        try:
            pools = [Pool(**p) for p in data["pools"]]
            channels = [Channel(**c) for c in data["channels"]]
            return cls(pools, channels, data["name"], data["wavelength"])
        except (TypeError, KeyError, AttributeError) as error:
            raise InputError(f"not a model's dict: {error}") from None

    def __str__(self) -> str:
        from .reaction_table import reaction_table

        return reaction_table(self)


def _tidy(size: float) -> float:
    """A product such as 100 * 1.1 as the whole number it is meant to be."""
    return round(size) if math.isclose(size, round(size), rel_tol=1e-12) else size


def as_model(model: Any) -> Model:
    """Return `model` when it has jump rates, or refuse it.

    Raises
    ------
    InputError
        Also for a model with a coherent exchange: its counts alone are not its state.
    """
    if isinstance(model, Model):
        return model
    if isinstance(model, BaseModel):
        raise InputError(f"{model.name} has no jump rates: {model.without_rates}")
    raise InputError(f"`model` must be a jumpsim.Model, but is {type(model).__name__}")

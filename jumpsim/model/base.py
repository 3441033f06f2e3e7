"""Common base of all models: pools, channels, checks of counts, and the sampled quantities.

Every model names the engine that simulates it in `BaseModel.engine`, the first one of `engines`;
only the package `engine` uses these names.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import units
from ..errors import InputError, choices, one_line
from ..utils.labels import by_name
from .declaration import Channel, Pool


class Samples(NamedTuple):
    """Description of the quantities that are sampled along a trajectory.

    Attributes
    ----------
    record : str
        Name of the record that stores the samples: "counts" or "expect".
    names : tuple of str
        Name of each sampled quantity.
    unit : float
        Samples are rounded to multiples of this unit before they are summed, so that the sums are
        exact.
    """

    record: str
    names: tuple[str, ...]
    unit: float


@dataclass(frozen=True, init=False)
class BaseModel(ABC):
    """Pools and channels; `Model` adds jump rates, `TwoLevel` a coherent exchange.

    Attributes
    ----------
    pools, channels : tuple of str
        Names. Counts are always in the order of `pools`, jumps in that of `channels`.
    pool_specs : tuple of Pool
    channel_specs : tuple of Channel
    name : str
        Name of the system in tables and figures; not used when models are compared.
    wavelength : float or None
        Vacuum wavelength in metres of one quantum ħΩ.
    """

    pool_specs: tuple[Pool, ...]
    channel_specs: tuple[Channel, ...]
    name: str = field(compare=False)
    wavelength: float | None

    engines: ClassVar[tuple[str, ...]]  # keys of `engine.ENGINES` that can simulate these models
    without_rates: ClassVar[str] = ""  # reason, for models without jump rates

    def __init__(
        self, pools: Any, channels: Any, name: str, wavelength: float | str | None = None
    ) -> None:
        for part, given, kind in (("pools", pools, Pool), ("channels", channels, Channel)):
            if not isinstance(given, list | tuple) or not given:
                raise InputError(f"`{part}` must be a non-empty list of {kind.__name__}s")
            for item in given:
                if not isinstance(item, kind):
                    raise InputError(f"`{part}` must hold {kind.__name__}s, but holds {item!r}")
            names = [item.name for item in given]
            if len(set(names)) < len(names):
                twice = next(n for n in names if names.count(n) > 1)
                raise InputError(f"`{part}`: the name '{twice}' is used more than once")
        one_line(name, "a model's name")
        for attribute, value in (
            ("pool_specs", tuple(pools)),
            ("channel_specs", tuple(channels)),
            ("name", name),
            ("wavelength", None if wavelength is None else units.length(wavelength, "wavelength")),
        ):
            object.__setattr__(self, attribute, value)
        for channel in self.channel_specs:
            self._check_channel(channel)

    @property
    def engine(self) -> str:
        """Name of the engine that simulates this model, part of the identity of a run."""
        return self.engines[0]

    @property
    @abstractmethod
    def samples(self) -> Samples:
        """Description of the quantities sampled along a trajectory."""

    @property
    @abstractmethod
    def engine_input(self) -> Any:
        """Input of the engine for this model, see `engine.Engine`."""

    def single_counts(
        self,
        counts: NDArray[np.int64],
        seed: int,  # noqa: ARG002
        first: int,  # noqa: ARG002
        last: int,  # noqa: ARG002
    ) -> NDArray[np.int64]:
        """Counts at t = 0 for the engine, from those of the pools of trajectories first ... last-1.

        They differ where a model simulates the two-level systems of a pool individually.
        """
        return counts

    @abstractmethod
    def asdict(self) -> dict[str, Any]:
        """Plain dict for JSON of everything that defines the model."""

    @cached_property
    def pools(self) -> tuple[str, ...]:
        """Names of the pools, in the order of all counts."""
        return tuple(p.name for p in self.pool_specs)

    @cached_property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels, in the order of all rates and jumps."""
        return tuple(c.name for c in self.channel_specs)

    def pool(self, name: str) -> Pool:
        """Pool with this name; `InputError` for unknown names."""
        return _find(self._pools_by_name, name, "pool")

    def channel(self, name: str) -> Channel:
        """Channel with this name; `InputError` for unknown names."""
        return _find(self._channels_by_name, name, "channel")

    @cached_property
    def _pools_by_name(self) -> dict[str, Pool]:
        return {pool.name: pool for pool in self.pool_specs}

    @cached_property
    def _channels_by_name(self) -> dict[str, Channel]:
        return {channel.name: channel for channel in self.channel_specs}

    @property
    def has_rates(self) -> bool:
        """Whether the counts are the whole state, so that they determine the jump rates."""
        return not self.without_rates

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """Names of the columns of the samples and of the jumps, by record."""
        return {self.samples.record: self.samples.names, "jumps": self.channels}

    @property
    def changes(self) -> NDArray[np.int64]:
        """Change of the counts by one event of each channel, shape (n_channels, n_pools)."""
        return np.array(
            [
                [c.gives.get(pool, 0) - c.takes.get(pool, 0) for pool in self.pools]
                for c in self.channel_specs
            ],
            np.int64,
        )

    @property
    def energy_changes(self) -> NDArray[np.float64]:
        """Change of the energy of the pools by one event of each channel, (n_channels,), in ħΩ."""
        return self.changes @ np.array([pool.energy for pool in self.pool_specs])

    @property
    def irreversible(self) -> tuple[str, ...]:
        """Names of the channels with a rate > 0 and without a reverse channel of a rate > 0."""
        occurring = {channel.name for channel in self.channel_specs if channel.occurs}
        return tuple(
            c.name for c in self.channel_specs if c.name in occurring and c.reverse not in occurring
        )

    def _check_channel(self, channel: Channel) -> None:
        where = f"channel '{channel.name}'"
        for part in ("takes", "gives", "through"):
            for name in getattr(channel, part):
                if name not in self._pools_by_name:
                    raise InputError(
                        f"{where}: unknown pool '{name}' in `{part}`; " + choices(name, self.pools)
                    )
        for name in channel.through:
            if self.pool(name).kind != "bosonic":
                raise InputError(
                    f"{where}: only bosonic pools can be passed `through`, but '{name}' is "
                    f"{self.pool(name).kind}"
                )
        for name in channel.takes:
            if name in channel.gives and self.pool(name).kind != "mass_action":
                raise InputError(
                    f"{where}: pool '{name}' is both taken and given, which only mass-action pools "
                    "can be (X -> 2X); a mode that quanta pass belongs in `through`"
                )
        if channel.reverse is None:
            return
        if channel.reverse not in self._channels_by_name:
            raise InputError(
                f"{where}: unknown `reverse` '{channel.reverse}'; "
                + choices(channel.reverse, self.channels)
            )
        back = self.channel(channel.reverse)
        if (back.takes, back.gives, back.reverse) != (channel.gives, channel.takes, channel.name):
            raise InputError(
                f"{where}: its `reverse` '{back.name}' must take what it gives, give what it "
                "takes, and name it as its own reverse"
            )

    def as_counts(self, counts: Any, whole: bool = False) -> NDArray[Any]:
        """Counts as an array in the order of `pools`, checked against the limits of the pools.

        Parameters
        ----------
        counts : mapping, labelled data or array_like
            By pool name (also a row of a table), or in pool order along the last axis.
        whole : bool
            Require whole numbers and return int64 instead of float64.

        Returns
        -------
        ndarray, shape (n_pools,) or (..., n_pools)

        Raises
        ------
        InputError
            When pools are missing or unknown, or when a count is out of range.
        """
        names = self.pools
        named = by_name(counts, "counts")
        if named is not None:
            counts = named
            if unknown := [n for n in counts if n not in names]:
                raise InputError(f"unknown pool '{unknown[0]}'; " + choices(unknown[0], names))
            if missing := [n for n in names if n not in counts]:
                raise InputError(f"counts must name every pool, but '{missing[0]}' is missing")
            counts = [counts[n] for n in names]
            if any(np.ndim(n) for n in counts):  # columns of a table
                counts = np.stack(np.broadcast_arrays(*counts), -1)
        if isinstance(counts, list | tuple) and any(isinstance(n, bool) for n in counts):
            raise InputError(f"counts must be numbers, one for each pool, but are {counts!r}")
        try:
            array = np.asarray(counts)
            numeric = array.dtype.kind in "iuf"
        except ValueError:
            numeric = False
        if not numeric:
            raise InputError(f"counts must be numbers, one for each pool, but are {counts!r}")
        if array.ndim == 0 or array.shape[-1] != len(names):
            raise InputError(
                f"counts must have {len(names)} entries ({', '.join(names)}), but have shape "
                f"{array.shape}"
            )
        for pool, column in zip(self.pool_specs, np.moveaxis(array, -1, 0), strict=True):
            top = 2**53 if pool.capacity is None else pool.capacity
            bad = ~((column >= 0) & (column <= top))
            if whole:
                bad |= column != np.floor(column)
            if bad.any():
                limit = "2^53" if pool.capacity is None else top
                raise InputError(
                    f"count of pool '{pool.name}' must be a {'whole ' if whole else ''}number "
                    f"from 0 to {limit}, but is {column[bad].flat[0]}"
                )
        return array.astype(np.int64) if whole else array.astype(float)

    def as_start(self, counts: ArrayLike) -> NDArray[Any]:
        """Initial counts that are given as a sequence, in the order of `pools`."""
        return self.as_counts(counts)


def _find(items: dict[str, Any], name: str, what: str) -> Any:
    if not isinstance(name, str) or name not in items:
        raise InputError(f"unknown {what} {name!r}; " + choices(name, items))
    return items[name]

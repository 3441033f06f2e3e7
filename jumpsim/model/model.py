"""The declaration: named pools, named channels, and the model they make.

Everything else (jump rates, rate equations, noise, heat, entropy) is derived from it.
"""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

import numpy as np

from .. import units
from ..errors import InputError, choices, one_line, positive_number
from . import rates
from .declaration import Channel, Pool
from .stoichiometry import Quanta, null_space


@dataclass(frozen=True, init=False)
class Model:
    """Pools and channels: the one declaration from which every view is derived.

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
    """

    pool_specs: tuple
    channel_specs: tuple
    name: str = field(compare=False)
    wavelength: float | None

    method = "direct"  # the engine that simulates it
    sampled = "counts"  # what its samples are
    sample_unit = 1  # of which samples are whole multiples

    def __init__(self, pools, channels, name="model", wavelength=None):
        for part, given, kind in (("pools", pools, Pool), ("channels", channels, Channel)):
            if not isinstance(given, list | tuple) or not given:
                raise InputError(f"`{part}` must be a non-empty list of {kind.__name__}s")
            for item in given:
                if not isinstance(item, kind):
                    raise InputError(f"`{part}` must hold {kind.__name__}s, but holds {item!r}")
            names = [item.name for item in given]
            if twice := [n for n in names if names.count(n) > 1]:
                raise InputError(f"`{part}`: the name '{twice[0]}' is used more than once")
        one_line(name, "a model's name")
        if wavelength is not None:
            wavelength = units.length(wavelength, "wavelength")
        for attribute, value in (
            ("pool_specs", tuple(pools)),
            ("channel_specs", tuple(channels)),
            ("name", name),
            ("wavelength", wavelength),
        ):
            object.__setattr__(self, attribute, value)
        for channel in self.channel_specs:
            self._check_channel(channel)

    @property
    def pools(self):
        """Names of the pools: the order of all counts."""
        return tuple(p.name for p in self.pool_specs)

    @property
    def channels(self):
        """Names of the channels: the order of all rates and jumps."""
        return tuple(c.name for c in self.channel_specs)

    def pool(self, name):
        """The `Pool` of that name."""
        return _find(self.pool_specs, name, "pool")

    def channel(self, name):
        """The `Channel` of that name."""
        return _find(self.channel_specs, name, "channel")

    def _check_channel(self, channel):
        where = f"channel '{channel.name}'"
        for part in ("takes", "gives", "through"):
            for name in getattr(channel, part):
                if name not in self.pools:
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
                    f"{where}: pool '{name}' is both taken and given; only mass-action pools can "
                    "be (X -> 2X). A mode that is passed belongs into `through`"
                )
        if channel.reverse is None:
            return
        if channel.reverse not in self.channels:
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

    @functools.cached_property
    def table(self):
        """The model as flat arrays, `rates.RateTable`."""
        return rates.lower(self)

    @property
    def lowered(self):
        """The model as its engine takes it."""
        return self.table

    @property
    def columns(self):
        """What each column of samples and of jumps is, by the name of the record."""
        return {"counts": self.pools, "jumps": self.channels}

    @property
    def changes(self):
        """What each channel adds to the counts, (n_channels, n_pools) int64."""
        return self.table.changes.copy()

    @property
    def energy_changes(self):
        """What each event adds to the energy of the pools, (n_channels,) in ħΩ."""
        return self.changes @ np.array([pool.energy for pool in self.pool_specs])

    @property
    def irreversible(self):
        """Names of the channels that can happen and that no other can undo, in their order."""
        rates = {channel.name: channel.rate for channel in self.channel_specs}
        return tuple(
            c.name for c in self.channel_specs if c.rate > 0 and not rates.get(c.reverse, 0) > 0
        )

    def forward_and_reverse(self, channels, before):
        """Rate of each event, and that of its reverse in the state behind it; 0 without one.

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

    def rates(self, counts):
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

    def as_counts(self, counts, whole=False):
        """Counts in pool order as an array, checked against the pools' limits.

        Parameters
        ----------
        counts : mapping or array_like
            By pool name, or in pool order along the last axis.
        whole : bool
            Demand whole numbers, and return int64.
        """
        names = self.pools
        if isinstance(counts, Mapping):
            if unknown := [n for n in counts if n not in names]:
                raise InputError(f"unknown pool '{unknown[0]}'; " + choices(unknown[0], names))
            if missing := [n for n in names if n not in counts]:
                raise InputError(f"counts must name every pool, but '{missing[0]}' is missing")
            counts = [counts[n] for n in names]
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

    def scaled(self, factor):
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
    def conserved(self):
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

    def asdict(self):
        """Plain dict of everything that defines the model; `Model.fromdict` is its inverse."""
        out = {"name": self.name, "wavelength": self.wavelength}
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
    def fromdict(cls, data):
        """Rebuild a model from `asdict`; every check of the declaration is made again."""
        try:
            pools = [Pool(**p) for p in data["pools"]]
            channels = [Channel(**c) for c in data["channels"]]
            return cls(pools, channels, data["name"], data["wavelength"])
        except (TypeError, KeyError, AttributeError) as error:
            raise InputError(f"not a model's dict: {error}") from None

    def __str__(self):
        from .reaction_table import reaction_table

        return reaction_table(self)


def _find(items, name, what):
    for item in items:
        if item.name == name:
            return item
    raise InputError(f"unknown {what} {name!r}; " + choices(name, [i.name for i in items]))


def _tidy(size):
    """A product such as 100 * 1.1 as the whole number it is meant to be."""
    return round(size) if math.isclose(size, round(size), rel_tol=1e-12) else size


def as_model(model):
    """Return a model of counts, or refuse what is none."""
    if not isinstance(model, Model):
        raise InputError(f"`model` must be a jumpsim.Model, but is {type(model).__name__}")
    _ = model.table  # which a model that is more than counts refuses
    return model

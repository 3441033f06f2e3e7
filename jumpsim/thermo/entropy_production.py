"""Heat into baths and entropy production within the system (BM 20-24, 73-78)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InputError
from ..model.model import Model, as_model
from ..utils.typing import Array
from .local_equilibrium import _array, energy_unit, entropy_unit, inverse_temperatures


@dataclass(frozen=True, eq=False)
class EntropyProduction:
    """How the entropy of a system changes, dS/dt = σ - Σ Q/T.

    Attributes
    ----------
    model : Model
    total : ndarray, shape (...)
        Entropy production σ by the exchange of quanta between pools, k_B per second.
    parts : dict of str to ndarray
        σ by the pools that exchange, such as "A,B" (BM 22) or "A,m" (BM 23).
    outflow : ndarray, shape (...)
        Σ Q/T: what leaves with heat into baths, at the temperatures of the pools (BM 75).
    """

    model: Model
    total: Array
    parts: dict[str, Array]
    outflow: Array

    @property
    def system(self) -> Array:
        """dS/dt of the pools together, k_B per second."""
        return self.total - self.outflow

    def __str__(self) -> str:
        lines = [f"σ({name})" for name in self.parts] + ["σ", "-Σ Q/T", "dS/dt"]
        values = [*self.parts.values(), self.total, -self.outflow, self.system]
        if np.ndim(self.total):
            found = [f"from {np.min(v):.6g} to {np.max(v):.6g}" for v in values]
        else:
            found = [f"{v:.6g}" for v in values]
        width = max(map(len, lines))
        return "\n".join(
            [
                f"entropy production of {self.model.name} in k_B/s",
                *(f"  {n:<{width}}  {v}" for n, v in zip(lines, found, strict=True)),
            ]
        )


def entropy_production(model: Model, counts: Any, si: bool = False) -> EntropyProduction:
    """Entropy production within the system, and what leaves it with heat.

    Each event changes the entropy of the pools by Σ_p x_p Δ_p, x_p the inverse temperature of a
    quantum in pool p. Summed over the rate equations' events it is σ for events between pools
    (BM 21-24, 78), and -Σ Q/T for those that give heat to a bath.

    Parameters
    ----------
    model : Model
    counts : array_like, shape (..., n_pools)
        A solution of the rate equations, or averages.
    si : bool
        In J/(K s) instead of k_B/s.

    Returns
    -------
    EntropyProduction
        Infinite where quanta enter an empty pool.
    """
    counts = _array(model, counts)
    used = np.abs(as_model(model).table.changes).sum(axis=0) > 0
    for pool, changes in zip(model.pool_specs, used, strict=True):
        if changes and pool.kind == "mass_action":
            raise InputError(
                f"pool '{pool.name}' has no temperature (mass action), and so its events no "
                "entropy production"
            )
    x = inverse_temperatures(model, counts)
    rates = model.table.mean_rates(counts)
    factor = entropy_unit(model, si)[0]
    parts: dict[str, Array] = {}
    outflow = np.zeros(counts.shape[:-1], counts.dtype)
    for c, channel in enumerate(model.channel_specs):
        change = model.table.changes[c]
        moved = np.flatnonzero(change)
        with np.errstate(invalid="ignore"):
            gain = np.where(rates[..., c] == 0, 0, rates[..., c] * (x[..., moved] @ change[moved]))
        if channel.bath is None:
            name = ",".join(model.pools[p] for p in moved)
            parts[name] = parts.get(name, 0.0) + factor * gain
        else:
            outflow = outflow - factor * gain
    total = sum(parts.values(), np.zeros(counts.shape[:-1], counts.dtype))
    return EntropyProduction(model, total, parts, outflow)


def energy_changes(model: Model) -> Array:
    """What each event adds to the energy of the pools, (n_channels,) in ħΩ."""
    return model.energy_changes


def heat_flows(model: Model, counts: ArrayLike, si: bool = False) -> dict[str, Array]:
    """Heat that each bath receives per second (BM 74), from the rate equations' rates.

    Parameters
    ----------
    model : Model
    counts : array_like, shape (..., n_pools)
    si : bool
        In watt instead of ħΩ/s.

    Returns
    -------
    dict of str to ndarray, shape (...)
    """
    return _by_bath(model, as_model(model).table.mean_rates(_array(model, counts)), si)


def heat_given(model: Model, jumps: ArrayLike, si: bool = False) -> dict[str, Array]:
    """Heat that each bath has received, from numbers of events: exact for every trajectory.

    Parameters
    ----------
    model : Model
    jumps : array_like of int, shape (..., n_channels)
        Such as `Ensemble.jumps`, or their averages.
    si : bool
        In joule instead of ħΩ.

    Returns
    -------
    dict of str to ndarray, shape (...)
    """
    jumps = np.asarray(jumps)
    if jumps.ndim == 0 or jumps.shape[-1] != len(model.channels):
        raise InputError(
            f"`jumps` must have {len(model.channels)} entries, one for each channel, along its "
            "last axis"
        )
    return _by_bath(model, jumps, si)


def _by_bath(model: Model, events: Any, si: bool) -> dict[str, Array]:
    factor = energy_unit(model, si)[0]
    given = -factor * model.energy_changes
    out: dict[str, Array] = {}
    for c, channel in enumerate(model.channel_specs):
        if channel.bath is not None:
            out[channel.bath] = out.get(channel.bath, 0.0) + given[c] * events[..., c]
    return out

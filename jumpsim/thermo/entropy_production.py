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
    """Rate of change of the entropy of a system, dS/dt = σ - Σ Q/T, and of its baths.

    Attributes
    ----------
    model : Model
    total : ndarray, shape (...)
        Entropy production rate σ by the exchange of quanta between pools, k_B per second.
    parts : dict of str to ndarray
        Contribution to σ of each set of pools that exchange quanta, such as "A,B" (BM 22) or "A,m"
        (BM 23).
    outflow : ndarray, shape (...)
        Σ Q/T, the entropy flow with the heat into baths, at the temperatures of the pools (BM 75),
        k_B per second.
    baths : dict of str to ndarray
        Entropy production by the exchange with each bath, Σ w ln(w/w_reverse) over its channels,
        each with its declared reverse, k_B per second: the entropy that the bath and the pools gain
        together. Infinite for a bath that never gives back, as at temperature 0.
    """

    model: Model
    total: Array
    parts: dict[str, Array]
    outflow: Array
    baths: dict[str, Array]

    @property
    def system(self) -> Array:
        """Rate of change dS/dt of the total entropy of the pools, k_B per second."""
        return self.total - self.outflow

    @property
    def everything(self) -> Array:
        """Entropy production of pools and baths together, σ + Σ `baths`, k_B per second."""
        return self.total + sum(self.baths.values(), np.zeros_like(self.total))

    def __str__(self) -> str:
        lines = [f"σ({name})" for name in self.parts] + ["σ", "-Σ Q/T", "dS/dt"]
        lines += [f"with {bath}" for bath in self.baths]
        values = [*self.parts.values(), self.total, -self.outflow, self.system]
        values += self.baths.values()
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
    """Entropy production rate within the system, and entropy flow into the baths.

    Each event changes the entropy of the pools by Σ_p x_p Δ_p, where Δ_p is the change of the count
    of pool p and x_p = dS/dN its inverse temperature. Weighted with the rates of the rate equations
    and summed over the events between pools this is σ (BM 21-24, 78); summed over the events that
    exchange heat with a bath it is -Σ Q/T. The exchange with a bath also changes the entropy of the
    bath; both together are the sum of (w - w_reverse) ln(w/w_reverse) over the pairs of channels
    of this bath. Each pair is counted by itself: a hot and a cold bath that move a pool up and down
    at equal rates produce entropy, although the count does not change on average.

    Parameters
    ----------
    model : Model
    counts : array_like, shape (..., n_pools)
        A solution of the rate equations, or average counts.
    si : bool
        Whether the result is in J/(K s) instead of k_B/s.

    Returns
    -------
    EntropyProduction
        Infinite where quanta enter an empty pool.

    Raises
    ------
    InputError
        When a pool with mass-action kinetics, which has no temperature, takes part in an event, or
        a channel and its reverse have different baths.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=2, modes=1, gamma_tilde=1.0)
    >>> found = js.thermo.entropy_production(model, [2.0, 0.5])
    >>> print(found.total.round(6), found.system.round(6))  # 1.5 (ln 3 - ln 1.5)
    1.039721 1.039721

    A two-level system between a hot and a cold bath in the steady state:

    >>> exchange = js.Channel.reversible
    >>> model = js.Model(
    ...     [js.Pool.tls("m", 1)],
    ...     [
    ...         *exchange("up", "down", 1.0, {}, {"m": 1}, reverse_rate=2.0, bath="hot"),
    ...         *exchange("up 2", "down 2", 1.0, {}, {"m": 1}, reverse_rate=4.0, bath="cold"),
    ...     ],
    ... )
    >>> found = js.thermo.entropy_production(model, [0.25])
    >>> print(found.total, found.everything.round(6))  # 0.25 (ln 4 - ln 2)
    0.0 0.173287
    """
    counts = _array(model, counts)
    used = np.abs(as_model(model).table.changes).sum(axis=0) > 0
    for pool, changes in zip(model.pool_specs, used, strict=True):
        if changes and pool.kind == "mass_action":
            raise InputError(
                f"pool '{pool.name}' has no temperature (mass action), so that the entropy "
                "production of its events is not defined"
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
    return EntropyProduction(model, total, parts, outflow, _with_baths(model, rates, factor))


def _with_baths(model: Model, rates: Array, factor: float) -> dict[str, Array]:
    """Entropy production by the exchange with each bath, pair of channels by pair of channels."""
    out: dict[str, Array] = {}
    for c, channel in enumerate(model.channel_specs):
        if channel.bath is None:
            continue
        forward: Any = rates[..., c]
        reverse: Any = 0.0
        if channel.reverse is not None:
            if (other := model.channel(channel.reverse)).bath != channel.bath:
                raise InputError(
                    f"'{channel.name}' exchanges heat with {channel.bath}, but its reverse "
                    f"'{other.name}' with {other.bath or 'no bath'}; the reverse of an event must "
                    "have the same bath"
                )
            reverse = rates[..., model.channels.index(channel.reverse)]
        with np.errstate(divide="ignore", invalid="ignore"):
            gain = np.where(forward == 0, 0, forward * (np.log(forward) - np.log(reverse)))
        out[channel.bath] = out.get(channel.bath, 0.0) + factor * gain
    return out


def energy_changes(model: Model) -> Array:
    """Change of the energy of the pools by an event of each channel.

    Parameters
    ----------
    model : Model

    Returns
    -------
    ndarray, shape (n_channels,)
        ħΩ.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=2, modes=1, gamma_tilde=1.0)
    >>> js.thermo.energy_changes(model).tolist()  # both events conserve the energy
    [0.0, 0.0]
    """
    return model.energy_changes


def heat_flows(model: Model, counts: ArrayLike, si: bool = False) -> dict[str, Array]:
    """Heat that each bath receives per second (BM 74), from the rates of the rate equations.

    Parameters
    ----------
    model : Model
    counts : array_like, shape (..., n_pools)
        A solution of the rate equations, or average counts.
    si : bool
        Whether the result is in watt instead of ħΩ/s.

    Returns
    -------
    dict of str to ndarray, shape (...)
        Heat per second by the name of the bath.

    Examples
    --------
    >>> import jumpsim as js
    >>> lamp = js.Model(
    ...     [js.Pool.bosonic("A", modes=10)],
    ...     [js.Channel("loss", 2.0, takes={"A": 1}, bath="outside")],
    ... )
    >>> print(js.thermo.heat_flows(lamp, [20.0])["outside"])  # 2 · 20/10
    4.0
    """
    return _by_bath(model, as_model(model).table.mean_rates(_array(model, counts)), si)


def heat_to_baths(model: Model, jumps: ArrayLike, si: bool = False) -> dict[str, Array]:
    """Heat that each bath has received, from the numbers of events; exact for each trajectory.

    Parameters
    ----------
    model : Model
    jumps : array_like of int, shape (..., n_channels)
        Number of events of each channel, such as `Ensemble.jumps`, or averages of it.
    si : bool
        Whether the result is in joule instead of ħΩ.

    Returns
    -------
    dict of str to ndarray, shape (...)
        Heat by the name of the bath.

    Raises
    ------
    InputError
        When `jumps` does not have one entry for each channel.

    Examples
    --------
    >>> import jumpsim as js
    >>> lamp = js.Model(
    ...     [js.Pool.bosonic("A", modes=10)],
    ...     [js.Channel("loss", 2.0, takes={"A": 1}, bath="outside")],
    ... )
    >>> print(js.thermo.heat_to_baths(lamp, [3])["outside"])
    3.0
    """
    jumps = np.asarray(jumps)
    if jumps.ndim == 0 or jumps.shape[-1] != len(model.channels):
        raise InputError(
            f"`jumps` must have {len(model.channels)} entries, one for each channel, along its "
            "last axis"
        )
    return _by_bath(model, jumps, si)


def _by_bath(model: Model, events: Any, si: bool) -> dict[str, Array]:
    """Heat of events, or per second of rates of events, summed over the channels of each bath."""
    factor = energy_unit(model, si)[0]
    heat = -factor * model.energy_changes
    out: dict[str, Array] = {}
    for c, channel in enumerate(model.channel_specs):
        if channel.bath is not None:
            out[channel.bath] = out.get(channel.bath, 0.0) + heat[c] * events[..., c]
    return out

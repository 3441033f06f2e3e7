"""Reaction table of a model, as text."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from ..utils.tables import columns
from .declaration import Channel, Pool

if TYPE_CHECKING:
    from .model import Model


def reaction_table(model: "Model") -> str:
    """Table of pools, channels and conserved totals, as printed by `print(model)`.

    In the column of factors, n_q = N_q/𝒩_q is the occupation per mode of a bosonic pool q.

    Parameters
    ----------
    model : Model

    Returns
    -------
    str
        Several lines.

    Examples
    --------
    >>> import jumpsim as js
    >>> print(js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz"))
    hohlraum: 2 pools, 2 channels
    <BLANKLINE>
    pool  kind         size  energy/ħΩ
    N     bosonic  10 modes          1
    m     tls            20          1
    <BLANKLINE>
    channel     event  constant (1/s)  factors     reverse     bath
    emission    m → N           1e+07  m (1+n_N)   absorption  -
    absorption  N → m           1e+07  n_N (20-m)  emission    -
    <BLANKLINE>
    conserved: N + m
    """
    pools = [(p.name, p.kind, _size(p), f"{p.energy:g}") for p in model.pool_specs]
    channels = [
        (c.name, _event(c), f"{c.rate:.6g}", _factors(c, model), c.reverse or "-", c.bath or "-")
        for c in model.channel_specs
    ]
    head = f"{model.name}: {len(pools)} pools, {len(channels)} channels"
    if model.wavelength is not None:
        head += f", wavelength {model.wavelength * 1e6:g} µm"
    conserved = [_total(total) for total in model.conserved] or ["nothing"]
    return "\n".join(
        [
            head,
            "",
            *columns(pools, ("pool", "kind", "size", "energy/ħΩ"), right=(2, 3)),
            "",
            *columns(
                channels, ("channel", "event", "constant (1/s)", "factors", "reverse", "bath"), (2,)
            ),
            "",
            f"conserved: {'; '.join(conserved)}",
        ]
    )


def _size(pool: Pool) -> str:
    if pool.kind == "bosonic":
        return f"{pool.size:g} modes"
    return "-" if pool.size is None else f"{pool.size}"


def _side(quanta: Mapping[str, int]) -> str:
    return " + ".join(name if k == 1 else f"{k} {name}" for name, k in quanta.items()) or "·"


def _event(channel: Channel) -> str:
    return f"{_side(channel.takes)} → {_side(channel.gives)}"


def _factors(channel: Channel, model: "Model") -> str:
    """Factors of the jump rate, written as in BM."""
    kinds = {p.name: p for p in model.pool_specs}
    factors = []
    for name, k in channel.takes.items():
        symbol = f"n_{name}" if kinds[name].kind == "bosonic" else name
        shift = "/𝒩" if kinds[name].kind == "bosonic" else ""
        factors += [symbol] + [f"({symbol}-{j}{shift})" for j in range(1, k)]
        if kinds[name].kind == "mass_action" and k > 1:
            factors.append(f"/{k}!")
    for name, k in channel.gives.items():
        pool = kinds[name]
        if pool.kind == "bosonic":
            factors += [f"(1+n_{name})"] + [f"(1+n_{name}+{j}/𝒩)" for j in range(1, k)]
        elif pool.kind != "mass_action":
            factors += [f"({cast(int, pool.size) - j}-{name})" for j in range(k)]
    for name, k in channel.through.items():
        factors += [f"(1+n_{name})"] * k
    return " ".join(factors) or "1"


def _total(total: Mapping[str, int]) -> str:
    text = ""
    for name, k in total.items():
        sign = ("-" if k < 0 else "") if not text else (" - " if k < 0 else " + ")
        text += sign + (name if abs(k) == 1 else f"{abs(k)} {name}")
    return text

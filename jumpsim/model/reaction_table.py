"""Reaction table of a model, as text."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from ..utils.tables import columns
from .declaration import Channel, Pool

if TYPE_CHECKING:
    from .model import Model

_MOST_ROWS = 60  # of pools, and of channels
_MOST_POOLS = 1000  # whose conserved totals are found by exact elimination


def reaction_table(model: "Model") -> str:
    """Table of pools, channels and conserved totals, as printed by `print(model)`.

    In the column of factors, n_q = N_q/𝒩_q is the occupation per mode of a bosonic pool q. Of many
    pools or channels the first and the last ones are shown. For a list of rates the column of
    constants contains the smallest and the largest one.

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
    method: direct
    """
    pools = _shortened(model.pool_specs, lambda p: (p.name, p.kind, _size(p), f"{p.energy:g}"))
    channels = _shortened(
        model.channel_specs,
        lambda c: (
            c.name, _event(c), _constant(c), _factors(c, model), c.reverse or "-", c.bath or "-"
        ),
    )  # fmt: skip
    head = f"{model.name}: {len(model.pools)} pools, {len(model.channels)} channels"
    if model.wavelength is not None:
        head += f", wavelength {model.wavelength * 1e6:g} µm"
    head += "".join(
        f"; {number:,} two-level systems of '{name}' individually"
        for name, number in model.individual.items()
    )
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
            f"conserved: {_conserved(model)}",
            f"method: {model.engine.replace('_', ' ')}",
        ]
    )


def _shortened(
    items: Sequence[Any], row: Callable[[Any], tuple[str, ...]]
) -> list[tuple[str, ...]]:
    """A row for each item; of many items for the first and the last ones."""
    if len(items) <= _MOST_ROWS:
        return [row(item) for item in items]
    half = _MOST_ROWS // 2
    first, last = ([row(item) for item in part] for part in (items[:half], items[-half:]))
    between = (f"... {len(items) - 2 * half:,} more", *[""] * (len(first[0]) - 1))
    return [*first, between, *last]


def _constant(channel: Channel) -> str:
    """Rate constant, or the smallest and the largest one."""
    ends = channel.constants.min(), channel.constants.max()
    return " ... ".join(f"{x:.6g}" for x in dict.fromkeys(ends))


def _conserved(model: "Model") -> str:
    if len(model.pools) > _MOST_POOLS:
        return f"not determined for more than {_MOST_POOLS} pools"
    return "; ".join(map(_total, model.conserved)) or "nothing"


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

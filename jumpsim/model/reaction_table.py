"""A model as a table: what print(model) shows."""

from ..utils.tables import columns


def reaction_table(model):
    """What `print(model)` shows: the pools, every channel with its event and rate, what is kept.

    n_q stands for N_q/𝒩_q, the occupation per mode of a bosonic pool.
    """
    pools = [(p.name, p.kind, _size(p), f"{p.energy:g}") for p in model.pool_specs]
    channels = [
        (c.name, _event(c), f"{c.rate:.6g}", _law(c, model), c.reverse or "-", c.bath or "-")
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
                channels, ("channel", "event", "constant (1/s)", "times", "reverse", "bath"), (2,)
            ),
            "",
            f"conserved: {'; '.join(conserved)}",
        ]
    )


def _size(pool):
    if pool.kind == "bosonic":
        return f"{pool.size:g} modes"
    return "-" if pool.size is None else f"{pool.size}"


def _side(quanta):
    return " + ".join(name if k == 1 else f"{k} {name}" for name, k in quanta.items()) or "·"


def _event(channel):
    return f"{_side(channel.takes)} → {_side(channel.gives)}"


def _law(channel, model):
    """The rate's factors as the papers write them."""
    kinds = {p.name: p for p in model.pool_specs}
    words = []
    for name, k in channel.takes.items():
        symbol = f"n_{name}" if kinds[name].kind == "bosonic" else name
        shift = "/𝒩" if kinds[name].kind == "bosonic" else ""
        words += [symbol] + [f"({symbol}-{j}{shift})" for j in range(1, k)]
        if kinds[name].kind == "mass_action" and k > 1:
            words.append(f"/{k}!")
    for name, k in channel.gives.items():
        pool = kinds[name]
        if pool.kind == "bosonic":
            words += [f"(1+n_{name})"] + [f"(1+n_{name}+{j}/𝒩)" for j in range(1, k)]
        elif pool.kind != "mass_action":
            words += [f"({pool.size - j}-{name})" for j in range(k)]
    for name, k in channel.through.items():
        words += [f"(1+n_{name})"] * k
    return " ".join(words) or "1"


def _total(total):
    text = ""
    for name, k in total.items():
        sign = ("-" if k < 0 else "") if not text else (" - " if k < 0 else " + ")
        text += sign + (name if abs(k) == 1 else f"{abs(k)} {name}")
    return text

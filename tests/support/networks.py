"""Networks for tests: random ones of every kind of pool, and one with names of any kind."""

import numpy as np

from jumpsim import Channel, Model, Pool

KINDS = ("bosonic", "tls", "fermionic", "mass_action")


def random_pool(name, kind, rng):
    energy = float(rng.uniform(0.2, 3.0))
    if kind == "bosonic":
        # Half of them with a number of modes that is not whole.
        modes = float(rng.uniform(0.3, 20)) if rng.random() < 0.5 else int(rng.integers(1, 40))
        return Pool.bosonic(name, modes, energy)
    if kind == "tls":
        return Pool.tls(name, int(rng.integers(1, 12)), energy)
    return Pool.fermionic(name, energy) if kind == "fermionic" else Pool.mass_action(name, energy)


def random_quanta(names, rng):
    """0 to 3 quanta of each pool, mostly none, so that typical channels stay short."""
    numbers = rng.choice(4, size=len(names), p=(0.6, 0.2, 0.12, 0.08))
    return {name: int(k) for name, k in zip(names, numbers, strict=True) if k}


def random_model(rng, kinds=KINDS):
    """Model of 2 to 5 pools and 1 to 9 channels; some constants 0, some channels with a reverse.

    Parameters
    ----------
    rng : numpy.random.Generator
    kinds : sequence of str
        Kinds of pools that may occur.
    """
    pools = [
        random_pool(f"{kind[0]}{p}", kind, rng)
        for p, kind in enumerate(rng.choice(kinds, size=rng.integers(2, 6)))
    ]
    names = [p.name for p in pools]
    catalytic = {p.name for p in pools if p.kind == "mass_action"}
    bosonic = [p.name for p in pools if p.kind == "bosonic"]
    channels = []
    for c in range(rng.integers(1, 6)):
        takes = random_quanta(names, rng)
        gives = random_quanta([n for n in names if n not in takes or n in catalytic], rng)
        through = random_quanta(bosonic, rng)
        rate, back_rate = 10.0 ** rng.uniform(-2, 6, 2) * (rng.random(2) < 0.85)
        bath = "cold" if rng.random() < 0.3 else None
        if rng.random() < 0.4:
            channels.append(Channel(f"c{c}", rate, takes, gives, through, f"r{c}", bath))
            channels.append(Channel(f"r{c}", back_rate, gives, takes, through, f"c{c}", bath))
        else:
            channels.append(Channel(f"c{c}", rate, takes, gives, through, None, bath))
    return Model(pools, channels, name="random network", wavelength=1e-5)


def random_counts(model, rng, shape=()):
    """Whole counts that the pools can hold, shape (*shape, n_pools) int64."""
    tops = [30 if p.capacity is None else p.capacity for p in model.pool_specs]
    return rng.integers(0, np.array(tops) + 1, size=(*shape, len(tops)))


def leaky(name="leaky cavity", pools=("A", "m"), bath="outside", leak="leak"):
    """A cavity with two-level systems that leaks into a bath."""
    a, m = pools
    return Model(
        pools=[Pool.bosonic(a, modes=5), Pool.tls(m, size=3)],
        channels=[
            *Channel.reversible("absorb", "emit", "2 MHz", {a: 1}, {m: 1}),
            Channel(leak, "5 MHz", takes={a: 1}, bath=bath),
        ],
        name=name,
        wavelength="10 um",
    )

"""Systems of many channels, and the same ones typed by hand in `oracles.partial`."""

import numpy as np
from oracles import partial

import jumpsim as js
from jumpsim import engine, streams

Channel, Pool = js.Channel, js.Pool


def drawn(seed, shape, low=0.2, high=2.0):
    """Rates with few digits, so that they are the same numbers however they are multiplied."""
    return np.round(np.random.default_rng(seed).uniform(low, high, shape), 3).tolist()


def waveguide(emitters, seed=1, n=None):
    """Disordered open waveguide: model and hand-typed twin."""
    g, g_wg = drawn(seed, (emitters, 2)), drawn(seed + 100, (emitters, 2), 0.05, 0.4)
    couplings = [tuple(x) for x in g], [tuple(x) for x in g_wg]
    model = js.systems.open_waveguide([1] * emitters, 8.5, 0.25, 0.5, *couplings, n_env=n or (0, 0))
    return model, partial.disordered_waveguide(8.5, 0.25, 0.5, g, g_wg, n)


def network(species=20, pair=0.02, apart=0.3):
    rates = drawn(3, (species, 4))
    pools = [Pool.mass_action(name) for name in "ESD"]
    channels = []
    for k, r in enumerate(rates):
        x, c = f"X{k}", f"C{k}"
        pools += [Pool.mass_action(x), Pool.mass_action(c)]
        channels += [
            Channel(f"bind {k}", r[0], {"E": 1, x: 1}, {c: 1}),
            Channel(f"free {k}", r[1], {c: 1}, {"E": 1, x: 1}),
            Channel(f"feed {k}", r[2], {"S": 1}, {x: 1}),
            Channel(f"give {k}", r[3], {x: 1}, {"S": 1}),
        ]
    channels += [
        Channel("pair", pair, {"S": 2}, {"D": 1}),
        Channel("apart", apart, {"D": 1}, {"S": 2}),
        Channel("lost", 1e-3, {"E": 1, "S": 1}, {"S": 1}),
    ]
    return js.Model(pools, channels, "network"), partial.network(rates, pair, apart)


def duplicates(number=500, birth=40.0, death=0.01):
    channels = [Channel("birth", birth, {}, {"X": 1})]
    channels += [Channel(f"death {k}", death, {"X": 1}) for k in range(number)]
    model = js.Model([Pool.mass_action("X")], channels, "duplicates")
    return model, partial.duplicates(number, birth, death)


def ring(sites=45):
    """A ring of hops, 200 pools without reactions, and channels that never fire."""
    hops = drawn(4, sites)
    names = [f"p{k}" for k in range(sites + 200)]
    channels = []
    for k, rate in enumerate(hops):
        channels += [
            Channel(f"hop {k}", rate, {names[k]: 1}, {names[(k + 1) % sites]: 1}),
            Channel(f"off {k}", 0.0, {names[k]: 1}),
            Channel(f"blocked {k}", 5.0, {names[-1]: 2}, {names[k]: 1}),
        ]
    model = js.Model([Pool.mass_action(name) for name in names], channels, "ring")
    return model, partial.ring_with_idle_parts(hops)


def pairs(pools=15, tls=9, modes=3, modes_W=2.5):
    rates = drawn(5, (pools, 3))
    channels = []
    for k, (down, up, loss) in enumerate(rates):
        name = f"N{k}"
        channels += [
            Channel(f"down {k}", down, {"m": 1}, {name: 2}, {"W": 1}),
            Channel(f"up {k}", up, {name: 2}, {"m": 1}, {"W": 2}),
            Channel(f"loss {k}", loss, {name: 1}),
        ]
    channels += [Channel("W comes", 0.7, {}, {"W": 1}), Channel("W goes", 1.9, {"W": 1})]
    bosonic = [Pool.bosonic(f"N{k}", modes) for k in range(pools)]
    model = js.Model([Pool.tls("m", tls), Pool.bosonic("W", modes_W), *bosonic], channels, "pairs")
    return model, partial.pairs_through_a_mode(tls, modes, modes_W, rates, 0.7, 1.9)


# name: model, start, end, the same system of `oracles.partial`
SYSTEMS = {}
for _name, _made, _start, _end in (
    ("waveguide", waveguide(20), (30, 18, *[1, 0, 1, 1] * 5), 3.0),
    ("waveguide of 90", waveguide(90, 7), (60, 40, *[0, 1, 0] * 30), 0.6),
    ("warm ends", waveguide(15, 2, (0.4, 0.9)), (9, 4, *[1, 0, 0] * 5), 1.5),
    ("network", network(), (9, 60, 3, *[3, 1] * 20), 0.4),
    ("duplicates", duplicates(), (8,), 3.0),
    ("ring", ring(), (*[2] * 45, *[7] * 199, 1), 2.0),
    ("pairs", pairs(), (7, 4, *[3, 0, 5] * 5), 2.0),
):
    SYSTEMS[_name] = (_made[0], _start, _end, _made[1])


def random_network(seed, number=300):
    """Random network of so many channels that keep the number of quanta; model and start.

    Five to eight pools of species, modes and two-level systems. A channel takes one or two quanta
    and gives as many to other pools; every sixth one passes through a mode.
    """
    rng = np.random.default_rng(seed)
    kinds = ["mass_action", "bosonic", "tls", *rng.choice(["mass_action", "bosonic", "tls"], 5)]
    pools, start = [], []
    for k, kind in enumerate(kinds[: int(rng.integers(5, 9))]):
        size = {"mass_action": None, "bosonic": 4.5, "tls": 12}[kind]
        pools.append(Pool(f"{kind[0]}{k}", kind, size))
        start.append(int(rng.integers(4, 10)))
    names = [pool.name for pool in pools]
    modes = [pool.name for pool in pools if pool.kind == "bosonic"]
    channels = []
    for c in range(number):
        order, many = rng.permutation(names), int(rng.integers(1, 3))
        takes = {order[0]: many} if rng.random() < 0.5 else dict.fromkeys(order[:many], 1)
        gives = {order[3]: many} if rng.random() < 0.5 else dict.fromkeys(order[3 : 3 + many], 1)
        gives = gives if sum(gives.values()) == many else {order[3]: many}
        through = {str(rng.choice(modes)): 1} if rng.random() < 1 / 6 else {}
        rate = 10.0 ** rng.uniform(-2, 0) / 5 ** (many - 1)
        channels.append(Channel(f"c{c}", rate, takes, gives, through))
    return js.Model(pools, channels, "random network"), np.array(start)


def run(model, start, times, keep=(), method="partial_propensities", rows=1, seed=1, **more):
    """Trajectories of a model, or of a table of rates, from one start."""
    starts = np.tile(np.array(start, np.int64), (rows, 1))
    states = streams.states(seed, 0, rows, streams.JUMPS)
    data = getattr(model, "engine_input", model)
    return engine.run(method, data, np.array(times, float), starts, states, keep, **more)


def assert_same(one, other):
    """Assert that two results of `run` are equal, bit for bit."""
    for name in ("samples", "jumps", "event_count", "event_time", "event_channel"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def many(rates, factors, changes=None):
    """Channels c0, c1, ... that take quanta of pools X0, X1, ... and, if given, give others."""
    pools = sorted({p for names in factors for p in names})
    return js.Model(
        [Pool.mass_action(p) for p in pools],
        [
            Channel(f"c{k}", rate, dict.fromkeys(names, 1), changes[k] if changes else {})
            for k, (rate, names) in enumerate(zip(rates, factors, strict=True))
        ],
    )

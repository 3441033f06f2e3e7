"""Master equations of few states in decimal numbers of 120 digits, for rates of any difference."""

from dataclasses import replace
from decimal import Decimal, getcontext
from math import comb

import numpy as np
from support.networks import random_model

import jumpsim as js

getcontext().prec = 120


class DecimalMaster:
    """States within limits, and every event between them, by a plain search."""

    def __init__(self, model, start, tops):
        self.model, self.tops = model, [tops.get(name, 2**53) for name in model.pools]
        first = tuple(start[name] for name in model.pools)
        self.states, self.events = [first], []  # events: source, target or None, channel, rate
        for state in self.states:
            source = self.states.index(state)
            for c, rate in enumerate(model.rates(state).tolist()):
                if not rate > 0:
                    continue
                after = tuple((np.array(state) + model.changes[c]).tolist())
                target = None
                if all(n <= top for n, top in zip(after, self.tops, strict=True)):
                    if after not in self.states:
                        self.states.append(after)
                    target = self.states.index(after)
                self.events.append((source, target, c, Decimal(rate)))
        self.n = len(self.states)

    def tilted(self, orders=0, counted=(), silent=(), reflecting=False):
        """Generator of the moments up to an order of the number of counted events."""
        n = self.n
        out = np.full(((orders + 1) * n, (orders + 1) * n), Decimal(0), object)
        for source, target, channel, rate in self.events:
            if target is None and reflecting:
                continue
            for k in range(orders + 1):
                out[k * n + source, k * n + source] -= rate
                if target is None or channel in silent:
                    continue
                out[k * n + target, k * n + source] += rate
                if channel in counted:
                    for j in range(k):
                        ways = Decimal(comb(k, j))
                        out[k * n + target, j * n + source] += ways * rate
        return out

    def order(self, space):
        """Place of each state of this oracle in a `StateSpace`."""
        places = space.index(np.array(self.states))
        assert len(space) == self.n
        assert sorted(places) == list(range(self.n))
        return places


def exponential(matrix, time):
    """exp(matrix · time) by scaling and squaring in decimal numbers."""
    scaled = matrix * Decimal(time)
    norm = max(sum(abs(x) for x in column) for column in scaled.T)
    squarings = max(0, int((norm + 1).log10() / Decimal(2).log10()) + 3)
    scaled = scaled / Decimal(2) ** squarings
    n = len(matrix)
    term = np.array([[Decimal(int(i == j)) for j in range(n)] for i in range(n)], object)
    total = term
    for k in range(1, 40):
        term = term @ scaled / Decimal(k)
        total = total + term
        if max(abs(x) for x in term.flat) < Decimal(10) ** -110:
            break
    for _ in range(squarings):
        total = total @ total
    return total


def stiff_model(rng):
    """Random network of few states with rates over 12 decades and events that change no count."""
    kind = rng.integers(4)
    if kind == 0:  # one quantum on several places, some of them without a way out
        names = [f"s{k}" for k in range(rng.integers(3, 9))]
        pools = [js.Pool.mass_action(name) for name in names]
        start = {name: int(name == "s0") for name in names}
        pairs = [(a, b) for a in names for b in names if a != b and rng.random() < 0.4]
        channels = [js.Channel(f"{a} to {b}", _rate(rng), {a: 1}, {b: 1}) for a, b in pairs]
        channels.append(js.Channel("s0 to s1", _rate(rng), {"s0": 1}, {"s1": 1}))
        channels = list({c.name: c for c in channels}.values())
        channels.append(js.Channel("scatter", _rate(rng), {"s1": 1}, {"s1": 1}))
        tops = {}
    elif kind == 1:  # two or three quanta that react
        names = ["x", "y", "z"]
        pools = [js.Pool.mass_action(name) for name in names]
        counts = rng.multinomial(rng.integers(2, 4), [0.5, 0.3, 0.2]).tolist()
        start = dict(zip(names, counts, strict=True))
        channels = []
        for k in range(rng.integers(2, 7)):
            takes, gives = (_quanta(names, rng) for _ in range(2))
            channels.append(js.Channel(f"r{k}", _rate(rng), takes, gives))
        tops = dict.fromkeys(names, 3)
    elif kind == 2:  # photons and an emitter between two baths
        pools = [js.Pool.bosonic("n", modes=float(rng.uniform(0.5, 3))), js.Pool.tls("m", 1)]
        start, tops = {"n": int(rng.integers(0, 2)), "m": int(rng.integers(0, 2))}, {"n": 3}
        channels = [
            *js.Channel.reversible("emit", "absorb", _rate(rng), {"m": 1}, {"n": 1}),
            *js.Channel.reversible("out", "in", _rate(rng), {"n": 1}, {}, reverse_rate=_rate(rng)),
            *js.Channel.reversible(
                "pump", "decay", _rate(rng), {}, {"m": 1}, reverse_rate=_rate(rng)
            ),
        ]
    else:
        model = random_model(rng)
        pools = model.pool_specs
        tops = {p.name: min(p.capacity or 3, 3) for p in pools}
        start = {name: int(rng.integers(0, top + 1)) for name, top in tops.items()}
        channels = [replace(c, rate=c.rate and _rate(rng)) for c in model.channel_specs]
    return js.Model(pools, [*channels, js.Channel("dark count", _rate(rng))]), start, tops


def _rate(rng):
    return float(10.0 ** rng.uniform(-6, 6))


def _quanta(names, rng):
    """One or two quanta, so that the total may change by one."""
    chosen = rng.choice(names, size=rng.integers(1, 3)).tolist()
    return {name: chosen.count(name) for name in sorted(set(chosen))}

"""Models in the form used by all simulators.

The other simulators use mass-action rates. A model of jumpsim becomes such a network exactly: the
ground states of two-level systems are an additional species, and stimulated emission, the n of
1 + n, is an additional reaction. Only channels with a rate constant above 0 are used, and channels
that change the same counts in the same way are one reaction.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import combinations
from math import prod
from pathlib import Path

import numpy as np

import jumpsim as js
from jumpsim import engine, streams


@dataclass(frozen=True)
class Case:
    """One model with its start and its stored times.

    Attributes
    ----------
    family, label : str
        Table and line of the results.
    model : jumpsim.Model
    counts : dict
        Pool -> count at the start.
    unit : float
        Seconds in a unit of the constants' time.
    stop : float
        Last stored time in these units.
    steps : int
        Number of stored times after t = 0.
    totals : dict
        Name -> pools whose total is compared between the simulators; each pool if empty.
    long : bool
        Whether one long stationary trajectory is simulated instead of many.
    """

    family: str
    label: str
    model: js.Model
    counts: dict
    unit: float
    stop: float
    steps: int
    totals: dict
    long: bool = False

    @property
    def name(self):
        """Name on the command line."""
        return f"{self.family}-{self.label}"

    @property
    def times(self):
        """Stored times in the model's units."""
        return np.linspace(0, self.stop, self.steps + 1)

    @cached_property
    def start(self):
        """Species -> count; first the pools, then the ground states."""
        ground = {
            f"G{p.name}": p.capacity - self.counts[p.name]
            for p in self.model.pool_specs if p.capacity is not None
        }  # fmt: skip
        return self.counts | ground

    @cached_property
    def reactions(self):
        """(constant, species taken, species given) with names separated by blanks."""
        found = {}
        for channel in self.model.channel_specs:
            for constant, takes, gives in mass_action(channel, self.model):
                sides = " ".join(sorted(takes)), " ".join(sorted(gives))
                found[sides] = found.get(sides, 0.0) + constant * self.unit
        return tuple((float(k), *sides) for sides, k in found.items() if k > 0)

    def events(self, least=2 * 10**6):
        """Numbers of events of some trajectories, at least so many events together."""
        some, number = [], 1 if self.long else 64
        while not some or np.sum(some) < least:
            first = number * len(some)
            rows = engine.run(
                self.model.engine, self.model.engine_input, np.array([0, self.stop * self.unit]),
                np.tile([*self.counts.values()], (number, 1)),
                streams.states(0, first, first + number, streams.JUMPS), set(),
            )  # fmt: skip
            some.append(rows.event_count)
        return np.concatenate(some)

    def columns(self):
        """Name -> columns of the counts to be added."""
        place = {pool: p for p, pool in enumerate(self.model.pools)}
        totals = self.totals or {pool: [pool] for pool in place}
        return {name: [place[pool] for pool in pools] for name, pools in totals.items()}


def mass_action(channel, model):
    """Reactions (constant, species taken, species given) that together are one channel."""
    pools = {pool.name: pool for pool in model.pool_specs}
    constant, takes, gives, stimulating = channel.rate, [], [], list(channel.through)
    for side, other, quanta in ((takes, gives, channel.takes), (gives, takes, channel.gives)):
        for name in quanta:
            side.append(name)
            if pools[name].capacity is not None:
                other.append(f"G{name}")
            elif pools[name].kind == "bosonic" and side is takes:
                constant /= pools[name].size
            elif pools[name].kind == "bosonic":
                stimulating.append(name)
    for number in range(len(stimulating) + 1):
        for some in combinations(stimulating, number):
            modes = prod(pools[name].size for name in some)
            yield constant / modes, [*takes, *some], [*gives, *some]


def waveguide(tls, modes=100):
    """The open waveguide of BM Fig. 2, a group of equal two-level systems; per µs."""
    model = js.systems.open_waveguide(
        tls=tls, modes=modes, gamma_dec="10 kHz", gamma_0="10 kHz", gamma_tilde=("10 MHz", 0),
        gamma_tilde_wg=("10 MHz", 0),
    )  # fmt: skip
    photons = round(0.58 * modes)
    counts = {"A": photons, "B": photons, "m": round(0.268941 * tls)}
    return Case("waveguide", str(tls), model, counts, 1e-6, 10, 100, {})


def emitters(number):
    """The open waveguide with emitters that are all different; per µs."""
    rates = 1e7 * np.exp(0.3 * np.random.default_rng(1).standard_normal(number))
    pairs = [(rate, 0) for rate in rates.tolist()]
    model = js.systems.open_waveguide(
        tls=[1] * number, modes=number, gamma_dec="10 kHz", gamma_0="10 kHz", gamma_tilde=pairs,
        gamma_tilde_wg=pairs,
    )  # fmt: skip
    photons, single = round(0.58 * number), model.pools[2:]
    counts = {"A": photons, "B": photons}
    counts |= {pool: int(k < round(0.27 * number)) for k, pool in enumerate(single)}
    totals = {"A": ["A"], "B": ["B"], "m": single}
    return Case("emitters", str(number), model, counts, 1e-6, 10, 100, totals)


def vilar():
    """Vilar's oscillator, from its parameter file; per hour."""
    spec = js.load_spec(Path(__file__).parents[2] / "data" / "vilar.toml")
    counts = spec.initial.draw(spec.model, 0, 0, 1)[0].tolist()
    counts = dict(zip(spec.model.pools, counts, strict=True))
    return Case("vilar", "oscillator", spec.model, counts, 3600.0, 200, 200, {})


def cavity():
    """One long trajectory of an embedded cavity in equilibrium; per µs."""
    model = js.systems.embedded_cavity(
        tls=50, modes_a=20, modes_c=40, gamma_4="100 kHz", gamma_5="20 kHz", gamma_6=0
    )
    counts = {"A": 20, "C": 40, "m": 15}
    return Case("cavity", "long", model, counts, 1e-6, 200_000, 100, {}, long=True)


CASES: dict[str, Callable[[], Case]] = {
    "waveguide-100": partial(waveguide, 100),
    "waveguide-1000": partial(waveguide, 1000),
    "waveguide-10000": partial(waveguide, 10_000),
    "vilar-oscillator": vilar,
    "emitters-20": partial(emitters, 20),
    "emitters-100": partial(emitters, 100),
    "emitters-400": partial(emitters, 400),
    "cavity-long": cavity,
}

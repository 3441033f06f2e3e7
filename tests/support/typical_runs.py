"""The published waveguide at several sizes."""

import numpy as np

import jumpsim as js
from jumpsim.model.initial import Thermal
from support.systems import LARGER_HOHLRAUM

BASE = js.systems.open_waveguide(100, 100, 1e4, 1e4, (1e7, 0), (1e7, 0))
TIMES = np.linspace(0, 2e-6, 11)


def sizes(factors, ntraj, seed=0, times=TIMES):
    return [
        js.typicality(
            js.simulate(BASE.scaled(f), times, n, Thermal(1.0), seed=1000 * seed + int(f))
        )
        for f, n in zip(factors, ntraj, strict=True)
    ]


def balanced(factor, record="counts"):
    """A hohlraum that warms up, `factor` times as large."""
    model = LARGER_HOHLRAUM.scaled(factor)
    start = {"N": 20 * factor, "m": 0}
    return js.simulate(model, [0.1, 0.2, 0.4, 0.8], 400, start, seed=factor, record=record)

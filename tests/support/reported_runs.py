"""Runs for tests of the report."""

import numpy as np

import jumpsim as js
from jumpsim.store.plan import Plan
from support.networks import leaky

RECORDS = ("counts", "jumps", "events", "moments")
TIMES = np.linspace(0, 2e-6, 9)


def plan(model=None, record=RECORDS):
    model = model or leaky()
    return Plan(model, js.Fixed(dict(zip(model.pools, (6, 1), strict=True))), TIMES, 1, record)

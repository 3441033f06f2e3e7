"""Estimate of the computing time and disk space of a run, from a short simulation."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..store import hdf5_layout
from ..store.plan import Plan
from ..utils.text import readable_bytes
from .block_task import run_block

_PROBE_SECONDS = 0.5


@dataclass(frozen=True)
class Estimate:
    """Estimated cost of a run.

    Attributes
    ----------
    ntraj : int
        Number of trajectories of the run.
    workers : int
    probed : int
        Number of trajectories that were simulated for the estimate.
    events : float
        Number of events of all trajectories.
    seconds : float
        Computing time of all trajectories, without writing.
    bytes : float
        Size of the file.
    """

    ntraj: int
    workers: int
    probed: int
    events: float
    seconds: float
    bytes: float

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.ntraj} trajectories, estimated from {self.probed}; nothing was written",
                f"  events    {self.events:.4g}, {self.events / self.ntraj:.4g} per trajectory",
                f"  time      {self.seconds:.3g} s on {self.workers} workers, without writing",
                f"  file      {readable_bytes(self.bytes)}, "
                f"{self.bytes / self.ntraj:.4g} bytes per trajectory",
            ]
        )


def estimate(plan: Plan, ntraj: int, workers: int = 1) -> Estimate:
    """Estimate events, time and disk space of a run by simulating about half a second of it.

    Parameters
    ----------
    plan : Plan
    ntraj : int
        Number of trajectories, at least 1.
    workers : int

    Returns
    -------
    Estimate

    Raises
    ------
    InputError
        When `ntraj` is 0.
    """
    if ntraj < 1:
        raise InputError(f"`ntraj` must be ≥ 1 to estimate its cost, but is {ntraj}")
    run_block(plan, 0, 1)  # compiles the kernel, which is not to be measured
    number, began = 1, time.monotonic()
    while True:
        block, seconds = run_block(plan, 0, number)
        if number == ntraj or time.monotonic() - began > _PROBE_SECONDS:
            break
        number = min(ntraj, 2 * number)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "probe.h5"
        hdf5_layout.write(file, plan, [(0, number, block, 0)])
        size = float(file.stat().st_size)
    ratio = ntraj / number
    size *= ratio if plan.keeps_trajectories else 1
    return Estimate(ntraj, workers, number, block.events * ratio, seconds * ratio / workers, size)

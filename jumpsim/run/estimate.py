"""What a run will cost, from a short probe."""

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
    """What a run will cost, from a short probe.

    Attributes
    ----------
    ntraj, workers, probed : int
    events, seconds, bytes : float
        Of all trajectories.
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
                f"{self.ntraj} trajectories, judged from {self.probed}; nothing was written",
                f"  events    {self.events:.4g}, {self.events / self.ntraj:.4g} per trajectory",
                f"  time      {self.seconds:.3g} s on {self.workers} workers, without writing",
                f"  file      {readable_bytes(self.bytes)}, "
                f"{self.bytes / self.ntraj:.4g} bytes per trajectory",
            ]
        )


def estimate(plan: Plan, ntraj: int, workers: int = 1) -> Estimate:
    """Estimate events, time and bytes of a run from about half a second of it.

    Parameters
    ----------
    plan : Plan
    ntraj, workers : int
    """
    if ntraj < 1:
        raise InputError(f"`ntraj` must be ≥ 1 to estimate its cost, but is {ntraj}")
    run_block(plan, 0, 1)  # compiles
    number, began = 1, time.monotonic()
    while True:
        block, seconds = run_block(plan, 0, number)
        if number == ntraj or time.monotonic() - began > _PROBE_SECONDS:
            break
        number = min(ntraj, 2 * number)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "probe.h5"
        hdf5_layout.write(file, plan, [(0, number, block, 0)])
        size = file.stat().st_size
    share = ntraj / number
    size *= share if plan.keeps_trajectories else 1
    return Estimate(ntraj, workers, number, block.events * share, seconds * share / workers, size)

"""One trajectory made again from the record of its run, compared bit for bit."""

from dataclasses import dataclass, replace

import numpy as np

from .. import streams
from ..engine import ENGINE_VERSION
from ..errors import StoreError, whole_number
from ..store import FileStore, hdf5_layout
from ..store.plan import RECORDS
from ..utils.tables import columns
from ..utils.text import readable_times
from .block_task import run_block


@dataclass(frozen=True, eq=False)
class Rerun:
    """One trajectory, made again from the record of its run.

    Attributes
    ----------
    plan : Plan
    block : Block
        The trajectory.
    equal : dict
        For each recorded variable whether the stored one is equal bit for bit; None when it is
        not stored (any more).
    """

    plan: object
    block: object
    equal: dict

    def __str__(self):
        model, times = self.plan.model, self.plan.times
        factor, unit = readable_times(times)
        shown = np.unique(np.linspace(0, len(times) - 1, 11).round().astype(int))
        samples, names = getattr(self.block, model.sampled)[0], model.columns[model.sampled]
        rows = [(f"{times[k] * factor:.4g}", *(f"{v:.7g}" for v in samples[k])) for k in shown]
        words = {True: "equal, bit for bit", False: "DIFFERENT", None: "not stored"}
        return "\n".join(
            [
                f"trajectory {self.block.first} of {model.name}, seed {self.plan.seed}: "
                f"{self.block.events} events",
                "",
                *columns(
                    rows,
                    (f"time ({unit})", *names),
                    right=range(len(rows[0])),
                ),
                "",
                *(f"stored {name}: {words[equal]}" for name, equal in self.equal.items()),
            ]
        )


def rerun(path, index):
    """Make one trajectory again, from the record alone, and compare it with what is stored.

    Parameters
    ----------
    path : path
    index : int
        Index of the trajectory; need not be stored.

    Returns
    -------
    Rerun

    Raises
    ------
    StoreError
        When another version of the engine or of the random streams made the file: its bits
        cannot be had from this one.
    """
    store = FileStore(path)
    index = whole_number(index, "index", 0, 2**53)
    made, here = store.plan.versions, (ENGINE_VERSION, streams.STREAM_VERSION)
    if made != here:
        raise StoreError(
            f"{path}: was made with engine version {made[0]} and stream version {made[1]}, but "
            f"this jumpsim has {here[0]} and {here[1]}: it makes other trajectories. Use jumpsim "
            f"{store.context.get('jumpsim', 'of that time')}"
        )
    record = tuple(r for r in RECORDS if r in {store.plan.model.sampled, *store.plan.record})
    block, _ = run_block(replace(store.plan, record=record), index, index + 1)
    equal = {}
    for name in hdf5_layout.names(store.plan):
        if (
            "trajectory" in hdf5_layout.describe(name)[0]
            or "event" in hdf5_layout.describe(name)[0]
        ):
            equal[name] = _is_stored_equal(store, block, name, index)
    return Rerun(store.plan, block, equal)


def _is_stored_equal(store, block, name, index):
    """Whether a stored variable of a trajectory equals the block's; None when it is not there."""
    for first, last, part, row in store.pieces():
        if not first <= index < last:
            continue
        a = row + index - first
        if {name, "event_count"} <= part.present:
            stored = part.read_unverified(name, a, a + 1)
            return np.array_equal(stored, getattr(block, name))
    return None

"""Repeat one trajectory of a stored run, and compare it with the stored one bit for bit."""

from dataclasses import dataclass, replace

import numpy as np

from .. import streams
from ..engine import ENGINE_VERSION
from ..errors import StoreError, whole_number
from ..store import FileStore
from ..store.block import Block
from ..store.index_ranges import select
from ..store.plan import Plan
from ..store.records import in_order
from ..utils.files import AnyPath
from ..utils.tables import columns
from ..utils.text import readable_times
from .block_task import run_block


@dataclass(frozen=True, eq=False)
class Rerun:
    """One trajectory, simulated again from the data of its run.

    Attributes
    ----------
    plan : Plan
    block : Block
        The trajectory, as a block of one row.
    equal : dict of str to bool or None
        For each recorded variable, whether the stored one is equal bit for bit; None when the
        trajectory is not stored.
    """

    plan: Plan
    block: Block
    equal: dict[str, bool | None]

    def __str__(self) -> str:
        model, times = self.plan.model, self.plan.times
        factor, unit = readable_times(times)
        shown = np.unique(np.linspace(0, len(times) - 1, 11).round().astype(int))
        samples, names = self.block.read(model.samples.record, 0, 1)[0], model.samples.names
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


def rerun(path: AnyPath, index: int) -> Rerun:
    """Simulate one trajectory again from the data of its run, and compare it with the stored one.

    Parameters
    ----------
    path : path
        The output file of the run, finished or not.
    index : int
        Index of the trajectory; it need not be stored.

    Returns
    -------
    Rerun

    Raises
    ------
    InputError
        When `index` is not an integer ≥ 0.
    StoreError
        When there is no such file, or when another version of the engine or of the random streams
        wrote it, so that this version gives other trajectories.

    Examples
    --------
    >>> import tempfile
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = js.simulate(
    ...         model, ["0 s", "1 us"], 5, initial={"N": 12, "m": 3}, store=f"{folder}/run.h5"
    ...     )
    ...     js.rerun(run.path, 3).equal
    {'event_count': True, 'counts': True}
    """
    store = FileStore(path)
    index = whole_number(index, "index", 0, 2**53)
    made, here = store.plan.versions, (ENGINE_VERSION, streams.STREAM_VERSION)
    if made != here:
        raise StoreError(
            f"{store.path}: was made with engine version {made[0]} and stream version {made[1]}, "
            f"but this jumpsim has {here[0]} and {here[1]}: it makes other trajectories. Use "
            f"jumpsim {store.context.get('jumpsim', 'of the version that wrote the file')}"
        )
    record = in_order({store.plan.model.samples.record, *store.plan.record})
    block, _ = run_block(replace(store.plan, record=record), index, index + 1)
    equal = {
        variable.name: _is_stored_equal(store, block, variable.name, index)
        for variable in store.plan.variables
        if variable.per_trajectory or variable.per_event
    }
    return Rerun(store.plan, block, equal)


def _is_stored_equal(store: FileStore, block: Block, name: str, index: int) -> bool | None:
    """Whether a stored variable of a trajectory equals the block's; None when it is not stored."""
    for first, last, part, row in select(store.parts):
        if not first <= index < last:
            continue
        a = row + index - first
        if {name, "event_count"} <= part.present:
            stored = part.read_unverified(name, a, a + 1)
            return np.array_equal(stored, block.arrays[name][:])
    return None

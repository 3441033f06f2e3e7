"""What a worker in another process does: it looks whether it may, simulates, and delivers.

A task travels as bytes that do the work when they are unpickled, and not before: a scheduler need
not know this package to pass it on, and a worker that lacks it says so.
"""

import functools
import itertools
import os
import pickle
import socket
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..utils.provenance import software


@dataclass(frozen=True)
class Order:
    """What all tasks of one run have in common.

    Attributes
    ----------
    plan : bytes
        Packed, so that versions are compared before anything is made of it.
    software : dict
        What the worker must have, see `provenance.software`.
    max_events, chunk_rows : int or None
        As in `batch.run_block`.
    folder : str or None
        Where the worker writes its blocks itself; None sends them to the driver.
    note : str or None
        What the driver wrote into that folder, by which the worker knows that it is the same one.
    """

    plan: bytes
    software: dict
    max_events: int | None
    chunk_rows: int | None = None
    folder: str | None = None
    note: str | None = None

    @classmethod
    def of(cls, plan, max_events, chunk_rows=None, folder=None, note=None):
        """Pack a plan."""
        return cls(pickle.dumps(plan), software(), max_events, chunk_rows, folder, note)


@dataclass(frozen=True)
class Task:
    """A call of `work`, which is made where it is unpickled."""

    arguments: tuple

    def __reduce__(self):
        return work, self.arguments


def work(order, first, last, compiled, name=None):
    """Simulate the trajectories first ... last-1; what a worker in another process does.

    Parameters
    ----------
    order : Order
    first, last : int
    compiled : bool
        Whether code for the model is worth compiling.
    name : str, optional
        Of the file to write, in the order's folder.

    Returns
    -------
    Block or store.Written
    float
        Seconds it took.
    """
    _check_software(order.software)
    if order.folder is not None:
        _check_folder(Path(order.folder), order.note)
    from ..store.block import join_blocks
    from .block_task import rows_at_once, run_block

    plan = _prepared(order.plan)
    alone = plan.record == ("moments",)  # many rows at once would be nothing but memory
    step = rows_at_once(plan) if alone else max(1, last - first)
    cuts = [*range(first, last, step), last]
    done = [
        run_block(plan, a, b, order.max_events, None, compiled, order.chunk_rows)
        for a, b in itertools.pairwise(cuts)
    ]
    block = done[0][0] if len(done) == 1 else join_blocks([block for block, _ in done])
    seconds = sum(took for _, took in done)
    if order.folder is None:
        return block, seconds
    from ..store import write_block

    return write_block(Path(order.folder) / name, plan, block), seconds


def who():
    """Name of this process for others."""
    return f"process {os.getpid()} on {socket.gethostname()}"


@functools.lru_cache(maxsize=2)
def _prepared(packed):
    """Unpack a plan and compile what it needs, which is not to count as work of a block."""
    from .. import engine

    plan = pickle.loads(packed)
    model = plan.model
    engine.warm(model.engine, model.engine_input, len(model.pools))
    return plan


def _check_software(needed):
    """Refuse to make trajectories that could be others than those of the driver."""
    for name, version in needed.items():
        here = software().get(name, "none")
        if here != version:
            raise InputError(
                f"a worker ({who()}) has {name} {here}, but the run needs {version}; "
                "install the same versions for all workers"
            )


def _check_folder(folder, note):
    """Refuse a folder that is not the driver's."""
    try:
        seen = (folder / "run.json").read_text()
    except OSError:
        seen = None
    if seen != note:
        raise InputError(
            f"'{folder}' is not shared: a worker ({who()}) does not see there what the driver "
            "wrote; put the output on a file system that all see, or leave out the shared folder"
        )

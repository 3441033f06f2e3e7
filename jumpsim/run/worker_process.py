"""The work of a process of its own: check the software, simulate a block, return or write it.

A task is sent as bytes, and the work is done when they are unpickled: a scheduler that passes them
on does not need this package, and a worker that lacks it gives an error message.
"""

import functools
import itertools
import os
import pickle
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..utils.provenance import software

if TYPE_CHECKING:
    from ..store import Written
    from ..store.block import Block
    from ..store.plan import Plan


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
        As in `block_task.run_block`.
    folder : str or None
        Where the worker writes its blocks itself; None sends them to the driver.
    run_text : str or None
        Content of the file in that folder that describes the run: the worker compares it, to be
        sure that the folder is the same one.
    """

    plan: bytes
    software: dict
    max_events: int | None
    chunk_rows: int | None = None
    folder: str | None = None
    run_text: str | None = None

    @classmethod
    def of(
        cls,
        plan: "Plan",
        max_events: int | None,
        chunk_rows: int | None = None,
        folder: str | None = None,
        run_text: str | None = None,
    ) -> "Order":
        """Pack a plan."""
        return cls(pickle.dumps(plan), software(), max_events, chunk_rows, folder, run_text)


@dataclass(frozen=True)
class Task:
    """A call of `work` that is made by the process that unpickles it."""

    arguments: tuple

    def __reduce__(self):
        return work, self.arguments


def work(
    order: Order, first: int, last: int, compiled: bool, name: str | None = None
) -> tuple["Block | Written", float]:
    """Simulate the trajectories first ... last-1 in a worker process.

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
        _check_folder(Path(order.folder), order.run_text)
    from ..store.block import join_blocks
    from .block_task import rows_at_once, run_block

    plan = _prepared(order.plan)
    # Of sums alone, many rows at once would need memory for nothing.
    step = max(1, last - first) if plan.keeps_trajectories else rows_at_once(plan)
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


def process_name() -> str:
    """Name of this process in messages to other processes."""
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
                f"a worker ({process_name()}) has {name} {here}, but the run needs {version}; "
                "install the same versions for all workers"
            )


def _check_folder(folder, run_text):
    """Refuse a folder that is not the driver's."""
    from ..store.paths import run_file

    try:
        seen = run_file(folder).read_text()
    except OSError:
        seen = None
    if seen != run_text:
        raise InputError(
            f"'{folder}' is not shared: a worker ({process_name()}) does not see there what the "
            "driver wrote; put the output on a file system that all see, or leave out the shared "
            "folder"
        )

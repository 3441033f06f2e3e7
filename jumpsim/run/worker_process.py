"""The task of a worker process: check the software, simulate a block, return or write it.

A task is sent as pickled bytes, and unpickling them runs the simulation. A scheduler that only
forwards the bytes does not need this package, and a worker without it reports an import error.
"""

import functools
import itertools
import math
import os
import pickle
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..utils.provenance import software

if TYPE_CHECKING:
    from ..engine import Unfinished
    from ..store import WrittenBlock
    from ..store.block import Block
    from ..store.plan import Plan


@dataclass(frozen=True)
class RunDescription:
    """Data that all tasks of one run have in common.

    Attributes
    ----------
    plan : bytes
        The pickled `Plan`; the versions are compared before it is unpickled.
    software : dict of str to str
        Required version of each package, see `provenance.software`.
    max_events, chunk_rows : int or None
        As in `block_task.run_block`.
    folder : str or None
        Folder to which the worker writes its blocks; None sends them to the driver.
    run_text : str or None
        Content of the file `run.json` in that folder. The worker compares it, to check that it
        sees the same folder as the driver.
    """

    plan: bytes
    software: Mapping[str, str]
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
    ) -> "RunDescription":
        """Create the description of a run of `plan`."""
        return cls(pickle.dumps(plan), software(), max_events, chunk_rows, folder, run_text)


@dataclass(frozen=True)
class SimulationTask:
    """A call of `simulate_task`, which the process that unpickles it runs.

    Attributes
    ----------
    arguments : tuple
        Arguments of `simulate_task`.
    """

    arguments: tuple[Any, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        return simulate_task, self.arguments


def simulate_task(
    run: RunDescription,
    first: int,
    last: int,
    left: float,
    name: str | None = None,
    begun: "Unfinished | None" = None,
    seconds: float = math.inf,
) -> tuple["Block | WrittenBlock", float]:
    """Simulate the trajectories first ... last-1 in a worker process.

    Parameters
    ----------
    run : RunDescription
    first, last : int
        First index, and last index + 1.
    left : float
        Expected seconds of work that is left for each worker, see `engine.run`.
    name : str, optional
        Name of the file to write; needed when the run has a folder. A block that ends early is not
        written.
    begun : engine.Unfinished, optional
        State from which the first trajectory continues.
    seconds : float, optional
        Computing time after which the block ends early.

    Returns
    -------
    Block or store.WrittenBlock
    float
        Computing time in seconds.

    Raises
    ------
    InputError
        When the worker has other software than the driver, or does not see the same folder.
    SimulationError
        When a trajectory cannot be continued.
    """
    _check_software(run.software)
    if run.folder is not None:
        _check_folder(Path(run.folder), run.run_text)
    from ..store.block import join_blocks
    from .block_task import rows_at_once, run_block

    plan = _prepared(run.plan)
    # If only sums are stored, smaller groups of rows need less memory.
    step = max(1, last - first) if plan.keeps_trajectories else rows_at_once(plan)
    cuts = [*range(first, last, step), last]
    blocks, used = [], 0.0
    for a, b in itertools.pairwise(cuts):
        block, took = run_block(
            plan, a, b, run.max_events, None, left, run.chunk_rows, begun, seconds - used
        )
        blocks.append(block)
        used, begun = used + took, None
        if block.last < b:
            break
    block = blocks[0] if len(blocks) == 1 else join_blocks(blocks)
    if run.folder is None or name is None or block.last < last:
        return block, used
    from ..store import write_block

    return write_block(Path(run.folder) / name, plan, block), used


def process_name() -> str:
    """Name of this process for error messages, such as "process 4711 on node3"."""
    return f"process {os.getpid()} on {socket.gethostname()}"


@functools.lru_cache(maxsize=2)
def _prepared(pickled: bytes) -> "Plan":
    """Unpickle a plan and compile its kernel, outside of the measured time of a block."""
    from .block_task import prepare

    plan: Plan = pickle.loads(pickled)
    prepare(plan)
    return plan


def _check_software(needed: Mapping[str, str]) -> None:
    """Raise an error if other versions could give other trajectories than the driver's."""
    for name, version in needed.items():
        here = software().get(name, "none")
        if here != version:
            raise InputError(
                f"a worker ({process_name()}) has {name} {here}, but the run needs {version}; "
                "install the same versions for all workers"
            )


def _check_folder(folder: Path, run_text: str | None) -> None:
    """Raise an error if the folder is not the folder of the driver."""
    from ..store.paths import run_file

    try:
        seen = run_file(folder).read_text()
    except OSError:
        seen = None
    if seen != run_text:
        raise InputError(
            f"'{folder}' is not shared: a worker ({process_name()}) cannot read the file that the "
            "driver wrote there; put the output on a file system that all workers share, or do "
            "not use a shared folder"
        )

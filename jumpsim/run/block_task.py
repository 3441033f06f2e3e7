"""The task of a worker: simulate the trajectories of one block."""

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np

from .. import engine, streams
from ..statistics import exact_sums
from ..statistics.moments import Moments
from ..store import records
from ..store.block import Block, sample_moments
from ..store.plan import Plan

_POLL_SECONDS = 0.1
BLOCK_BYTES = 2**24  # memory for the trajectories that a worker simulates together


def run_block(
    plan: Plan,
    first: int,
    last: int,
    max_events: int | None = None,
    proceed: Callable[[int, int], bool] | None = None,
    left: float = 0.0,
    chunk_rows: int | None = None,
    begun: engine.Unfinished | None = None,
    seconds: float = math.inf,
) -> tuple[Block, float]:
    """Simulate the trajectories first ... last-1 of a plan.

    Parameters
    ----------
    plan : Plan
    first, last : int
        First index, and last index + 1.
    max_events : int, optional
        Largest number of events of a trajectory.
    proceed : callable, optional
        Called with (finished rows, events) since the last call; False ends the block early.
    left : float
        Expected seconds of work that is left for each worker, see `engine.run`; changes no number.
    chunk_rows : int, optional
        Number of rows in a chunk: the rows are compressed in chunks as in a file.
    begun : engine.Unfinished, optional
        `Block.unfinished` of an earlier call, the state from which the first trajectory continues.
    seconds : float, optional
        Computing time after which the block ends early, see `engine.run`.

    Returns
    -------
    Block
        With fewer trajectories than requested when `proceed` or `seconds` ended it.
    float
        Computing time in seconds.

    Raises
    ------
    SimulationError
        When a rate is negative or infinite, or when a trajectory exceeds `max_events`.
    """
    began = time.perf_counter()
    model = plan.model
    keep = records.engine_keeps(model, plan.record)
    starts = model.single_counts(
        plan.initial.draw(model, plan.seed, first, last), plan.seed, first, last
    )
    states = streams.states(plan.seed, first, last, streams.JUMPS)
    try:
        rows = engine.run(
            plan.method,
            model.engine_input,
            plan.times,
            starts,
            states,
            keep,
            max_events,
            None,
            proceed,
            left,
            begun,
            seconds,
        )
    except engine.Fault as fault:
        raise fault.explain(first, model.channels) from None
    arrays = {v.name: getattr(rows, v.buffer) for v in plan.variables if v.buffer}
    block = Block(
        first,
        first + len(rows.event_count),
        int(rows.event_count.sum()),
        arrays,
        _moments(plan, rows),
        rows.unfinished,
    )
    block = block.packed(chunk_rows) if chunk_rows else block.narrowed()
    return block, time.perf_counter() - began


def prepare(plan: Plan, proceed: Callable[[], bool] = lambda: True) -> bool:
    """Compile what the blocks of a plan need, or load it from the cache.

    Parameters
    ----------
    plan : Plan
    proceed : callable, optional
        Called ten times per second; False ends the call. The compilation then goes on in its
        thread, because it cannot be interrupted.

    Returns
    -------
    bool
        Whether all is ready.
    """
    thread = ThreadPoolExecutor(1)
    ready = thread.submit(_prepare, plan)
    thread.shutdown(wait=False)
    while proceed():
        if wait([ready], _POLL_SECONDS).done:
            ready.result()  # or its error
            return True
    return False


def _prepare(plan: Plan) -> None:
    model = plan.model
    nothing = np.zeros((0, len(model.pools)), np.int64), np.zeros((0, 4), np.uint64)
    engine.run(plan.method, model.engine_input, plan.times, *nothing, ())
    if records.sums(plan.record) is not None:
        exact_sums.prepare()


def _moments(plan: Plan, rows: engine.Rows) -> Moments | None:
    """Moments of the samples; None when no sums are recorded."""
    record = records.sums(plan.record)
    if record is None:
        return None
    if rows.sums is not None:
        return Moments.of_sums(len(rows.event_count), *rows.sums)
    assert rows.samples is not None  # the engine returns either sums or samples
    return sample_moments(plan.model, rows.samples, record.pairs)


def bytes_per_row(plan: Plan) -> int:
    """Memory in bytes for the samples and other columns of one trajectory during simulation."""
    names = {plan.model.samples.record, *plan.record}
    columns = sum(len(records.columns(plan.model, name)) for name in names)
    return 8 * len(plan.times) * columns


def rows_at_once(plan: Plan) -> int:
    """Largest number of trajectories that a worker should have in memory at the same time."""
    return max(1, BLOCK_BYTES // bytes_per_row(plan))

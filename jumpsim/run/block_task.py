"""What a worker does: simulate the trajectories of one block."""

import time
from collections.abc import Callable

from .. import engine, streams
from ..statistics.moments import Moments
from ..store import records
from ..store.block import Block, sample_moments
from ..store.plan import Plan

BLOCK_BYTES = 2**24


def run_block(
    plan: Plan,
    first: int,
    last: int,
    max_events: int | None = None,
    proceed: Callable[[int, int], bool] | None = None,
    compiled: bool = False,
    chunk_rows: int | None = None,
) -> tuple[Block, float]:
    """Simulate the trajectories first ... last-1 of a plan; what a worker does.

    With `chunk_rows` the rows of trajectories are compressed in chunks of so many, as in a file.

    Returns
    -------
    Block
        Shorter than asked for when `proceed` ended it.
    float
        Seconds it took.
    """
    began = time.perf_counter()
    model = plan.model
    keep = records.engine_keeps(model, plan.record)
    starts = plan.initial.draw(model, plan.seed, first, last)
    states = streams.states(plan.seed, first, last, streams.JUMPS)
    try:
        rows = engine.run(
            model.engine,
            model.engine_input,
            plan.times,
            starts,
            states,
            keep,
            max_events,
            None,
            proceed,
            compiled,
        )
    except engine.Fault as fault:
        raise fault.explain(first, model.channels) from None
    arrays = {v.name: getattr(rows, v.buffer) for v in plan.variables if v.buffer}
    block = Block(
        first,
        first + len(rows.event_count),
        int(rows.event_count.sum()),
        arrays,
        _moments(model, rows) if _needs_sums(plan) else None,
    )
    block = block.packed(chunk_rows) if chunk_rows else block.narrowed()
    return block, time.perf_counter() - began


def _needs_sums(plan):
    return any(records.RECORDS[name].sums for name in plan.record)


def _moments(model, rows):
    if rows.sums is not None:
        return Moments.of_sums(len(rows.event_count), *rows.sums)
    return sample_moments(model, rows.samples)


def bytes_per_row(plan: Plan) -> int:
    """Bytes that the samples and other columns of a trajectory need while it is simulated."""
    names = {plan.model.samples.record, *plan.record}
    columns = sum(len(records.columns(plan.model, name)) for name in names)
    return 8 * len(plan.times) * columns


def rows_at_once(plan: Plan) -> int:
    """Trajectories that a worker should have in memory at the same time."""
    return max(1, BLOCK_BYTES // bytes_per_row(plan))

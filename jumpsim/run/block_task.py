"""What a worker does: simulate the trajectories of one block."""

import time

from .. import engine, streams
from ..statistics.moments import Moments
from ..store.block import Block, sample_moments

BLOCK_BYTES = 2**24


def run_block(plan, first, last, max_events=None, proceed=None, compiled=False, chunk_rows=None):
    """Simulate the trajectories first ... last-1 of a plan; what a worker does.

    With `chunk_rows` everything of trajectories is packed in chunks of so many, as a file has them.

    Returns
    -------
    Block
        Shorter than asked for when `proceed` ended it.
    float
        Seconds it took.
    """
    began = time.perf_counter()
    model = plan.model
    keep = set(plan.record)
    if keep & {model.sampled, "moments"}:
        keep.add("samples")
    if model.sampled not in keep and model.sample_unit == 1:
        keep.add("sums")
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
    alone = plan.record == ("moments",)
    samples = rows.samples if model.sampled in plan.record else None
    block = Block(
        first,
        first + len(rows.event_count),
        int(rows.event_count.sum()),
        jumps=rows.jumps,
        event_count=None if alone else rows.event_count,
        event_time=rows.event_time,
        event_channel=rows.event_channel,
        sums=_moments(model, rows) if "moments" in plan.record else None,
        **{model.sampled: samples},
    )
    block = block.packed(chunk_rows) if chunk_rows else block.narrowed()
    return block, time.perf_counter() - began


def _moments(model, rows):
    if rows.sums is not None:
        return Moments.of_sums(len(rows.event_count), *rows.sums)
    return sample_moments(model, rows.samples)


def bytes_per_row(plan):
    """Bytes that samples and jumps of a trajectory take up while it is simulated."""
    model = plan.model
    columns = len(model.columns[model.sampled])
    if "jumps" in plan.record:
        columns += len(model.channels)
    return 8 * len(plan.times) * columns


def rows_at_once(plan):
    """Trajectories that a worker should have in memory at the same time."""
    return max(1, BLOCK_BYTES // bytes_per_row(plan))

"""Gillespie's direct method: the engine of models with jump rates.

The general kernel (`direct_kernel`) simulates one trajectory after the other. Code that is
generated for the structure of one model gives identical results: `codegen.scalar` simulates one
trajectory after the other, `codegen.lockstep` 64 trajectories at the same time.
"""

import contextlib
from typing import Any

import numpy as np

from ..statistics.exact_sums import zero_sums
from .codegen import lockstep, scalar
from .direct_kernel import Table, advance
from .interface import Batch, Engine, Kernel, OneByOne, Proceed, Rows, Sizes
from .status import Fault


class DirectMethod(Engine):
    """Gillespie's direct method; the model input is a `model.rates.RateTable`."""

    kernel = staticmethod(advance)
    together = lockstep.LANES

    def table(self, model_input: Any) -> Table:
        """Table for the kernel, without the channels whose constant is 0."""
        live = np.flatnonzero(model_input.constants > 0)
        spans = [range(model_input.first[c], model_input.first[c + 1]) for c in live]
        factors = [f for span in spans for f in span]
        moves = model_input.sparse_changes
        entries = [i for c in live for i in range(moves.first[c], moves.first[c + 1])]
        return Table(
            model_input.constants[live],
            np.cumsum([0, *map(len, spans)], dtype=np.uint64),
            model_input.pools[factors].astype(np.uint64),
            model_input.offsets[factors],
            model_input.slopes[factors],
            np.cumsum([0, *np.diff(moves.first)[live]], dtype=np.uint64),
            moves.pools[entries].astype(np.uint64),
            moves.numbers[entries],
            live.astype(np.int64),
        )

    def sizes(self, model_input: Any) -> Sizes:
        """Array sizes; the counts are the state and also the sample."""
        pools = model_input.sparse_changes.width
        return Sizes(pools, 0, pools, np.int64, len(model_input.constants))

    def compiled_kernel(
        self, table: Table, pools: int, arguments: tuple[Any, ...], left: float
    ) -> Kernel | None:
        """Kernel whose code contains the rate expressions of this model."""
        return scalar.kernel(table, pools, arguments, left)

    def run_together(
        self,
        model_input: Any,
        batch: Batch,
        slice_events: int,
        proceed: Proceed | None,
        one_by_one: OneByOne,
        left: float,
    ) -> Rows | None:
        """Simulate 64 trajectories at a time.

        Rows in which this code cannot decide an event are simulated with `one_by_one`.
        """
        if not lockstep.fits(model_input, batch):
            return None
        with contextlib.suppress(lockstep.TooLarge):
            return self._in_lockstep(model_input, batch, slice_events, proceed, one_by_one, left)
        return None

    def _in_lockstep(
        self,
        model_input: Any,
        batch: Batch,
        slice_events: int,
        proceed: Proceed | None,
        one_by_one: OneByOne,
        left: float,
    ) -> Rows:
        keep, times, starts = batch.keep, batch.times, batch.starts
        counted = len(starts) if "jumps" in keep else 0
        jumps = np.zeros((counted, len(times), len(model_input.constants)), np.int64)

        def repair(row: int) -> tuple[Any, Any]:
            one = slice(row, row + 1)
            single = Batch(times, starts[one], batch.streams[one], {"samples", "jumps"})
            try:
                alone = one_by_one(single)
            except Fault as fault:
                fault.row = row
                raise
            assert alone.samples is not None  # both are in `keep`
            assert alone.jumps is not None
            jumps[one] = alone.jumps[: len(jumps)]
            return alone.samples[0], alone.event_count[0]

        shape = len(times), starts.shape[1]
        sums = zero_sums(*shape, "sums" in keep) if {"sums", "squares"} & set(keep) else None
        samples, event_count = lockstep.run(
            self.table(model_input), times, starts, batch.streams, jumps,
            max(1, slice_events // lockstep.LANES), proceed, repair,
            sums, left,
        )  # fmt: skip
        return Rows(
            samples if "samples" in keep and sums is None else None,
            jumps[: len(event_count)] if "jumps" in keep else None,
            event_count,
            None,
            None,
            sums,
        )

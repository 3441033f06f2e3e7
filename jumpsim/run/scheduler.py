"""Execution of one run: blocks are sent to workers, received, and written to the store.

The size of the blocks, the worker that simulates a block, and the order in which blocks are
finished change no number.
"""

import math
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import engine
from ..errors import WorkersError
from ..store import MemoryStore, WritableStore, WrittenBlock
from ..store.block import Block
from ..store.outcome import Kind, Outcome
from ..store.part import Span
from ..store.unfinished import seconds_left
from ..utils.progress import Progress
from . import block_task
from .stopping import FIRST_CHECK, Limits, achieved_sem, stop_on_signals
from .workers import ExecutorWorkers, ThreadWorkers

_IN_FLIGHT_BYTES = 2**29  # of all blocks that are being simulated at the same time
_MOST_LOSSES = 3  # times that the worker of one block can be lost before the run ends
_COMMIT_SECONDS = 2.0
_COMMIT_BYTES = 2**25
_POLL_SECONDS = 0.1
# Computing time from which speed is known; the blocks are then large enough for any kind of code.
_LEAST_SECONDS = 0.3
# The state of a trajectory with recorded events can be large: writing it takes about a tenth of the
# time if the disk takes 200 MB per second.
_SECONDS_PER_BYTE = 5e-8
_Task = tuple[int, int, int]  # first index, last index + 1, events that are simulated already


@dataclass
class Batch:
    """The execution of one call of `simulate`.

    Attributes
    ----------
    store : MemoryStore or WritableStore
        Receives the blocks; its plan is simulated.
    limits : Limits
    workers : workers.ThreadWorkers or workers.ExecutorWorkers
    shared : WritableStore or None
        The store, if workers write their blocks themselves to its folder; else None.
    bar : Progress
    """

    store: MemoryStore | WritableStore
    limits: Limits
    workers: ThreadWorkers | ExecutorWorkers
    shared: WritableStore | None
    bar: Progress
    uncommitted: list[Block] = field(default_factory=list)  # received but not yet written
    uncommitted_bytes: int = 0
    done: int = 0  # received trajectories
    seconds: float = 0.0  # computing time of all workers for these trajectories
    bytes: int = 0  # size of these trajectories
    largest: int = 1  # size of the largest block so far, in trajectories
    interrupted: bool = False
    worker_count: int = 1
    losses: Counter[int] = field(default_factory=Counter)  # by first index of the block

    def run(self, ntraj: int) -> Outcome:
        """Simulate the missing trajectories with index < `ntraj`.

        Returns
        -------
        Outcome
            Why the run ended.

        Raises
        ------
        SimulationError, StoreError, WorkersError, InputError
            After the blocks that were received have been written.
        """
        self.plan = self.store.plan
        self.stop = threading.Event()
        self.began = self.committed = time.monotonic()
        if not self.store.missing(ntraj) and self.limits.target_sem is None:
            return Outcome(Kind.COMPLETE, ntraj, already=True)
        self.workers.begin(
            self.plan,
            self.limits.max_events,
            self.store.chunk_rows,
            self.shared.shared() if self.shared else None,
        )
        try:
            with stop_on_signals(self._interrupt), engine.ended_with_runs():
                if not block_task.prepare(self.plan, self._may_continue):
                    self.stop.set()
                return self._run(ntraj)
        finally:
            self.workers.end()

    def _may_continue(self) -> bool:
        return not self.interrupted and self._allowed() > 0

    def _run(self, ntraj: int) -> Outcome:
        for goal in self._goals(ntraj):
            stopped = self._simulate_up_to(goal)
            if stopped:
                return Outcome(stopped, ntraj)
            if self.limits.target_sem is not None and goal >= FIRST_CHECK:
                reached = achieved_sem(self.store.moments(goal, pairs=False), self.plan)
                if (reached <= self.limits.target_sem).all():
                    largest = reached[:, np.isfinite(self.limits.target_sem)].max()
                    return Outcome(Kind.TARGET_SEM, goal, sem=float(largest))
        return Outcome(Kind.COMPLETE, ntraj)

    def _goals(self, ntraj: int) -> Iterator[int]:
        """Numbers of trajectories at which `target_sem` is checked; they depend on no block."""
        if self.limits.target_sem is not None:
            check = FIRST_CHECK
            # Single trajectories cannot be excluded from stored sums: no check below their end.
            stored = self.store.ranges()
            only_sums = self.plan.model.samples.record not in self.plan.record
            least = stored[-1][1] if stored and only_sums else 0
            while check < ntraj:
                if check >= least:
                    yield check
                check *= 2
        yield ntraj

    def _simulate_up_to(self, goal: int) -> Kind | None:
        """Simulate the missing indices below `goal`; returns why it stopped early, or None."""
        gaps = self.store.missing(goal)[::-1]
        pending: dict[Future[Any], _Task] = {}
        error: Exception | None = None
        try:
            while gaps or pending:
                try:
                    self._submit_blocks(gaps, pending)
                    self._collect_blocks(gaps, pending)
                except Exception as failure:  # of a task, or of the workers
                    error = error or failure
                self._commit_when_due()
                self.bar.note = "compiling, once; " if engine.compiling_now() else ""
                self.bar.refresh()
                if error or not self._may_continue():
                    self.stop.set()
                    gaps = []
                    _cancel(pending)
        finally:
            self.stop.set()  # also after an error in this method, to stop the workers
            _cancel(pending)
            self._commit()
        self.stop.clear()
        if error:
            raise error
        if self.interrupted:  # also if nothing is missing: the caller may continue with other runs
            return Kind.INTERRUPTED
        return Kind.TIMEOUT if self.store.missing(goal) else None

    def _interrupt(self) -> None:
        self.interrupted = True
        self.stop.set()

    def _submit_blocks(self, gaps: list[Span], pending: dict[Future[Any], _Task]) -> None:
        """Send blocks to the workers: two for each, so that no worker waits for its next block."""
        if self.stop.is_set():
            return
        number = self.workers.number  # also if nothing is left to submit: it warns if there is none
        self.worker_count = max(1, number)
        while gaps and len(pending) < 2 * number:
            first, last = gaps.pop()
            begun = self.store.unfinished.get(first)
            size = 1 if begun else self._size(last - first)
            # An unfinished trajectory is continued as a block of its own.
            further = (index for index in self.store.unfinished if index > first)
            middle = min([last, first + size, *further])
            chunk_rows = self.store.chunk_rows
            if chunk_rows and middle < last and middle - middle % chunk_rows > first:
                middle -= middle % chunk_rows
            if middle < last:
                gaps.append((middle, last))
            name = self.shared.block_name(first, middle) if self.shared else None
            left = self._seconds_left([(first, middle), *gaps], begun)
            future = self.workers.submit(
                first, middle, left, self._proceed, name, begun, self._pause(begun)
            )
            if future is None:
                gaps.append((first, middle))
                self.workers.recover()
                return
            pending[future] = first, middle, begun.events if begun else 0

    def _collect_blocks(self, gaps: list[Span], pending: dict[Future[Any], _Task]) -> None:
        """Wait for blocks and receive them; what they lack becomes a gap again."""
        if not pending:
            self.stop.wait(_POLL_SECONDS)
        lost = None
        for future in wait(pending, _POLL_SECONDS, FIRST_COMPLETED).done:
            first, last, before = pending.pop(future)
            if self.stop.is_set() and future.cancelled():
                continue
            why = self.workers.loss(future)
            if why is None:
                block, seconds = future.result()
                if block.last < last:
                    gaps.append((block.last, last))
                    self.losses.pop(first, None)
                self._receive(block, seconds, before)
                continue
            gaps.append((first, last))
            self.losses[first] += 1
            if self.losses[first] > _MOST_LOSSES:
                raise WorkersError(
                    f"the workers that simulated the trajectories {first} ... {last - 1} were lost "
                    f"{self.losses[first]} times, the last time because {why}; they may need "
                    "more memory, or a smaller `block_size`"
                )
            lost = why
        if lost and not self.stop.is_set():
            self.workers.recover()

    def _seconds_left(self, gaps: list[Span], begun: engine.Unfinished | None) -> float:
        """Expected time until all of this is simulated; 0 while too little is done to know it."""
        if self.seconds < _LEAST_SECONDS and not begun:
            return 0.0
        left = sum(last - first for first, last in gaps) / self.worker_count
        left *= self.seconds / max(self.done, 1)
        if begun:
            left += seconds_left(self.plan, begun)
        return min(left, self._allowed())

    def _allowed(self) -> float:
        """Seconds until the time limit."""
        return self.limits.timeout - (time.monotonic() - self.began)

    def _pause(self, begun: engine.Unfinished | None) -> float:
        """Computing time after which a block is interrupted, so that its state can be written."""
        written = begun.nbytes * _SECONDS_PER_BYTE if begun else 0.0
        return min(self.workers.pause_seconds + written, max(0.0, self._allowed()))

    def _size(self, left: int) -> int:
        """Number of trajectories in the next block, limited by time, memory and what is left."""
        if self.limits.block_size is not None:
            return self.limits.block_size
        per_row = self.bytes // max(self.done, 1)
        # If only sums are stored, `worker_process` simulates a block in groups.
        if self.workers.calls_proceed or self.plan.keeps_trajectories:
            per_row = max(per_row, block_task.bytes_per_row(self.plan))
        seconds = self.workers.block_seconds
        by_time = self.done / self.seconds * seconds if self.seconds else 1
        self.largest = int(min(16 * self.largest, max(by_time, 1)))
        # Smaller blocks towards the end keep all workers busy, but take more time in total.
        shares = 1 if self.worker_count == 1 else 2 * self.worker_count
        share = max(math.ceil(left / shares), int(by_time / 4))
        most = min(block_task.BLOCK_BYTES, _IN_FLIGHT_BYTES // (2 * self.worker_count))
        room = max(1, most // max(1, per_row))
        size = max(1, min(self.largest, share, room))
        together = engine.ENGINES[self.plan.method].together
        if size >= together:
            return size - size % together
        return together if together <= min(4 * size, room) else size

    def _proceed(self, rows: int, events: int) -> bool:
        """Count progress; returns whether to continue. Called by worker threads."""
        self.bar.count(rows, events)
        return not self.stop.is_set()

    def _receive(self, block: Block | WrittenBlock, seconds: float, before: int) -> None:
        """Add a block to the store; `before` events of its first trajectory are counted already."""
        begun = block.unfinished if isinstance(block, Block) else None
        self.seconds += seconds
        if not self.workers.calls_proceed:
            events = block.events + (begun.events if begun else 0) - before
            self.bar.count(block.last - block.first, events)
        if block.last > block.first:
            if isinstance(block, Block):
                self.uncommitted.append(block)
                self.uncommitted_bytes += block.nbytes
            elif self.shared:
                self.shared.add_file(block)
            self.done += block.last - block.first
            self.bytes += block.nbytes
        if begun:
            self.store.unfinished[block.last] = begun

    def _commit_when_due(self) -> None:
        # After a stop, worker processes finish their blocks, which can take long: write at once.
        stopped = self.stop.is_set() and not self.workers.calls_proceed
        due = time.monotonic() - self.committed > _COMMIT_SECONDS
        if due or stopped or self.uncommitted_bytes > _COMMIT_BYTES:
            self._commit()

    def _commit(self) -> None:
        if self.uncommitted:
            self.store.write(self.uncommitted)
        self.uncommitted, self.uncommitted_bytes = [], 0
        self.committed = time.monotonic()


def _cancel(futures: Iterable[Future[Any]]) -> None:
    for future in futures:
        future.cancel()

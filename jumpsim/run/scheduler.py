"""One run while it goes on: blocks of work, workers, writing, and what ends it.

How the work is cut into blocks, which worker does which block, and in which order blocks are
finished changes no number.
"""

import math
import threading
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field

import numpy as np

from .. import engine
from ..errors import WorkersError
from ..store import Store, Written
from ..store.outcome import Kind, Outcome
from ..utils.progress import Progress
from . import block_task
from .stopping import FIRST_LOOK, Limits, achieved_sem, noted_signals
from .workers import ExecutorWorkers, ThreadWorkers

_IN_FLIGHT_BYTES = 2**29  # of all blocks that workers may deliver at the same time
_MOST_LOSSES = 3  # of one block, before it is to blame
_COMMIT_SECONDS = 2.0
_COMMIT_BYTES = 2**25
_POLL_SECONDS = 0.1


@dataclass
class Batch:
    """The work of one call of `simulate`.

    Attributes
    ----------
    store : Store
        Takes the blocks; its plan is carried out.
    limits : Limits
    workers : workers.ThreadWorkers or workers.ExecutorWorkers
        Does the work.
    shared : bool
        Whether workers write their blocks themselves, to the folder of the store.
    bar : Progress
    """

    store: Store
    limits: Limits
    workers: ThreadWorkers | ExecutorWorkers
    shared: bool
    bar: Progress
    uncommitted: list = field(default_factory=list)
    waiting: int = 0  # bytes of those
    done: int = 0
    seconds: float = 0.0
    bytes: int = 0
    largest: int = 1
    interrupted: bool = False
    compiled: bool = False
    first_compiled: object = None  # the first future whose worker compiles
    worker_count: int = 1
    losses: Counter = field(default_factory=Counter)

    def run(self, ntraj: int) -> Outcome:
        """Simulate up to `ntraj`; returns why the run ended."""
        self.plan = self.store.plan
        self.stop = threading.Event()
        self.began = self.committed = time.monotonic()
        if not self.store.missing(ntraj) and self.limits.target_sem is None:
            return Outcome(Kind.COMPLETE, ntraj, already=True)
        self.workers.begin(
            self.plan,
            self.limits.max_events,
            self.store.chunk_rows,
            self.shared and self.store.shared(),
        )
        try:
            with noted_signals(self._interrupt):
                # Also while it compiles: an exception of a signal inside LLVM would be lost.
                model = self.plan.model
                engine.warm(model.engine, model.engine_input, len(model.pools))
                return self._run(ntraj)
        finally:
            self.workers.end()

    def _run(self, ntraj):
        for goal in self._goals(ntraj):
            stopped = self._reach(goal)
            if stopped:
                return Outcome(stopped, ntraj)
            if self.limits.target_sem is not None and goal >= FIRST_LOOK:
                reached = achieved_sem(self.store.moments(goal), self.plan)
                if (reached <= self.limits.target_sem).all():
                    largest = reached[:, np.isfinite(self.limits.target_sem)].max()
                    return Outcome(Kind.TARGET_SEM, goal, sem=float(largest))
        return Outcome(Kind.COMPLETE, ntraj)

    def _goals(self, ntraj):
        """Sizes at which to look: always the same ones, whatever the blocks."""
        if self.limits.target_sem is not None:
            look = FIRST_LOOK
            # Sums that were stored cannot be taken apart again: no look inside of them.
            stored = self.store.ranges()
            whole = self.plan.model.samples.record not in self.plan.record
            least = stored[-1][1] if stored and whole else 0
            while look < ntraj:
                if look >= least:
                    yield look
                look *= 2
        yield ntraj

    def _reach(self, goal):
        """Simulate what is missing below `goal`; returns what stopped it before, or None."""
        gaps = self.store.missing(goal)[::-1]
        pending: dict[Future, tuple[int, int]] = {}
        error, late = None, False
        try:
            while gaps or pending:
                try:
                    self._hand_out(gaps, pending)
                    self._take_in(gaps, pending)
                except Exception as failure:  # of a task, or of those who do them
                    error = error or failure
                self._commit_when_due()
                self.bar.refresh()
                late = time.monotonic() - self.began > self.limits.timeout
                if error or late or self.interrupted:
                    self.stop.set()
                    gaps = []
                    _cancel(pending)
        finally:
            self.stop.set()  # after an error in here no worker may go on for nothing
            _cancel(pending)
            self._commit()
        self.stop.clear()
        if error:
            raise error
        if self.interrupted:  # also with nothing missing: a caller may have more to do
            return Kind.INTERRUPTED
        return Kind.TIMEOUT if self.store.missing(goal) else None

    def _interrupt(self):
        self.interrupted = True
        self.stop.set()

    def _hand_out(self, gaps, pending):
        """Give blocks to the workers: two for each, so that none has to wait for the next one."""
        if self.stop.is_set():
            return
        number = self.workers.number  # also when all is handed out: it says when nobody is there
        self.worker_count = max(1, number)
        while gaps and len(pending) < 2 * number:
            first, last = gaps.pop()
            middle = min(last, first + self._size(last - first))
            chunk_rows = self.store.chunk_rows
            if chunk_rows and middle < last and middle - middle % chunk_rows > first:
                middle -= middle % chunk_rows
            if middle < last:
                gaps.append((middle, last))
            name = self.store.block_name(first, middle) if self.shared else None
            compiled = self._worth_compiling(gaps)
            future = self.workers.submit(first, middle, compiled, self._proceed, name)
            if future is None:
                gaps.append((first, middle))
                self.workers.recover()
                return
            pending[future] = first, middle
            if compiled and self.first_compiled is None:
                self.first_compiled, self.bar.note = future, "compiling, once; "

    def _take_in(self, gaps, pending):
        """Wait for blocks and take them; what was lost with a worker becomes a gap again."""
        if not pending:
            self.stop.wait(_POLL_SECONDS)
        lost = None
        for future in wait(pending, _POLL_SECONDS, FIRST_COMPLETED).done:
            first, last = pending.pop(future)
            if future is self.first_compiled:
                self.bar.note = ""
            if self.stop.is_set() and future.cancelled():
                continue
            why = self.workers.loss(future)
            if why is None:
                self._take(*future.result())
                continue
            gaps.append((first, last))
            self.losses[first] += 1
            if self.losses[first] > _MOST_LOSSES:
                raise WorkersError(
                    f"the workers that had the trajectories {first} ... {last - 1} were lost "
                    f"{self.losses[first]} times, the last time because {why}; they may need "
                    "more memory, or a smaller `block_size`"
                )
            lost = why
        if lost and not self.stop.is_set():
            self.workers.recover()

    def _worth_compiling(self, gaps):
        """Whether so much is left that code for the model pays; from then on always."""
        left = sum(last - first for first, last in gaps)
        each = self.seconds / max(self.done, 1)
        allowed = self.limits.timeout - (time.monotonic() - self.began)
        expected = min(left * each / self.worker_count, allowed)
        self.compiled = self.compiled or engine.compiling_pays(self.seconds, expected)
        return self.compiled

    def _size(self, left):
        """Trajectories in the next block: a second's work, a share of what is left, a few MB."""
        if self.limits.block_size is not None:
            return self.limits.block_size
        per_row = self.bytes // max(self.done, 1)
        # Of sums alone, workers in other processes simulate a block in parts, see `worker_process`.
        if self.workers.calls_proceed or self.plan.keeps_trajectories:
            per_row = max(per_row, block_task.bytes_per_row(self.plan))
        seconds = self.workers.block_seconds
        by_time = self.done / self.seconds * seconds if self.seconds else 1
        self.largest = int(min(16 * self.largest, max(by_time, 1)))
        share = math.ceil(left / (2 * self.worker_count))
        most = min(block_task.BLOCK_BYTES, _IN_FLIGHT_BYTES // (2 * self.worker_count))
        return max(1, min(self.largest, share, most // max(1, per_row)))

    def _proceed(self, rows, events):
        """Called by a worker's thread after every slice."""
        self.bar.count(rows, events)
        return not self.stop.is_set()

    def _take(self, block, seconds):
        if block.last > block.first:
            if isinstance(block, Written):
                self.store.admit(block)
            else:
                self.uncommitted.append(block)
                self.waiting += block.nbytes
            self.done += block.last - block.first
            self.bytes += block.nbytes
            self.seconds += seconds
            if not self.workers.calls_proceed:
                self.bar.count(block.last - block.first, block.events)

    def _commit_when_due(self):
        # After a stop, those in other processes finish what they have, which may take its time.
        stopped = self.stop.is_set() and not self.workers.calls_proceed
        late = time.monotonic() - self.committed > _COMMIT_SECONDS
        if late or stopped or self.waiting > _COMMIT_BYTES:
            self._commit()

    def _commit(self):
        if self.uncommitted:
            self.store.write(self.uncommitted)
        self.uncommitted, self.waiting = [], 0
        self.committed = time.monotonic()


def _cancel(futures):
    for future in futures:
        future.cancel()

"""One run while it goes on: blocks of work, workers, commits, and what ends it.

How the work is cut, by whom it is done and in which order it comes back changes no number.
"""

import contextlib
import math
import signal
import threading
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass, field

import numpy as np

from .. import engine, streams
from ..errors import WorkersError
from ..statistics.moments import Moments
from ..store import Store, Written
from ..store.block import Block, sample_moments
from ..utils.progress import Progress

# Why a run ended before it was complete.
TIMEOUT, INTERRUPTED = "timeout", "interrupted"

FIRST_LOOK = 256  # smallest sample at which `target_sem` may stop a run

_BLOCK_BYTES = 2**24
_IN_FLIGHT_BYTES = 2**29  # of all blocks that workers may deliver at the same time
_MOST_LOSSES = 3  # of one block, before it is to blame
_COMMIT_SECONDS = 2.0
_COMMIT_BYTES = 2**25
_POLL_SECONDS = 0.1
_COMPILE_SECONDS = (
    5.0  # work left for each worker, from which on code for the model is worth compiling
)


@dataclass(frozen=True)
class Limits:
    """What may end a run, and how it is cut; parsed arguments of `simulate`."""

    timeout: float
    target_sem: np.ndarray | None
    max_events: int | None
    block_size: int | None


def run_block(plan, first, last, max_events=None, proceed=None, compiled=False, grain=None):
    """Simulate the trajectories first ... last-1 of a plan; what a worker does.

    With `grain` everything of trajectories is packed in chunks of so many, as a file has them.

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
            plan.method,
            model.lowered,
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
    block = block.packed(grain) if grain else block.narrowed()
    return block, time.perf_counter() - began


def _moments(model, rows):
    if rows.sums is not None:
        return Moments.of_sums(len(rows.event_count), *rows.sums)
    return sample_moments(model, rows.samples)


@dataclass
class Batch:
    """The work of one call of `simulate`.

    Attributes
    ----------
    store : Store
        Takes the blocks; its plan is carried out.
    limits : Limits
    crew : workers.Threads or workers.Others
        Does the work.
    shared : bool
        Whether workers write their blocks themselves, to the folder of the store.
    bar : Progress
    """

    store: Store
    limits: Limits
    crew: object
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
    workers: int = 1
    losses: Counter = field(default_factory=Counter)

    def run(self, ntraj):
        """Simulate up to `ntraj`; returns why the run ended."""
        self.plan = self.store.plan
        self.stop = threading.Event()
        self.began = self.committed = time.monotonic()
        if not self.store.missing(ntraj) and self.limits.target_sem is None:
            return f"nothing to do: all {ntraj} trajectories were there already"
        self.crew.begin(
            self.plan, self.limits.max_events, self.store.grain, self.shared and self.store.shared()
        )
        try:
            with noted_signals(self._interrupt):
                # Under the same roof, because an exception in the midst of LLVM would be lost.
                model = self.plan.model
                engine.warm(self.plan.method, model.lowered, len(model.pools))
                return self._run(ntraj)
        finally:
            self.crew.end()

    def _run(self, ntraj):
        for goal in self._goals(ntraj):
            reason = self._reach(goal)
            if reason:
                return reason
            if self.limits.target_sem is not None and goal >= FIRST_LOOK:
                reached = achieved_sem(self.store.moments(goal), self.plan)
                if (reached <= self.limits.target_sem).all():
                    largest = reached[:, np.isfinite(self.limits.target_sem)].max()
                    return (
                        f"target_sem reached with {goal} trajectories: largest standard error "
                        f"{largest:.3g}"
                    )
        return f"all {ntraj} trajectories are there"

    def _goals(self, ntraj):
        """Sizes at which to look: always the same ones, whatever the blocks."""
        if self.limits.target_sem is not None:
            look = FIRST_LOOK
            # Sums that were stored cannot be taken apart again: no look inside of them.
            stored = self.store.ranges()
            whole = self.plan.model.sampled not in self.plan.record
            least = stored[-1][1] if stored and whole else 0
            while look < ntraj:
                if look >= least:
                    yield look
                look *= 2
        yield ntraj

    def _reach(self, goal):
        """Fill all gaps below `goal`; returns why it could not, or None."""
        gaps = self.store.missing(goal)[::-1]
        pending, error, late = {}, None, False
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
            return INTERRUPTED
        return TIMEOUT if self.store.missing(goal) else None

    def _interrupt(self):
        self.interrupted = True
        self.stop.set()

    def _hand_out(self, gaps, pending):
        """Give blocks to the workers: two for each, so that none has to wait for the next one."""
        if self.stop.is_set():
            return
        number = self.crew.number  # also when all is handed out: it says when nobody is there
        self.workers = max(1, number)
        while gaps and len(pending) < 2 * number:
            first, last = gaps.pop()
            middle = min(last, first + self._size(last - first))
            grain = self.store.grain
            if grain and middle < last and middle - middle % grain > first:
                middle -= middle % grain
            if middle < last:
                gaps.append((middle, last))
            name = self.store.block_name(first, middle) if self.shared else None
            compiled = self._worth_compiling(gaps)
            future = self.crew.submit(first, middle, compiled, self._proceed, name)
            if future is None:
                gaps.append((first, middle))
                self.crew.mend()
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
            why = self.crew.loss(future)
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
            self.crew.mend()

    def _worth_compiling(self, gaps):
        """Whether so much is left that code for the model pays; from then on always."""
        left = sum(last - first for first, last in gaps)
        each = self.seconds / max(self.done, 1)
        allowed = self.limits.timeout - (time.monotonic() - self.began)
        worth = min(left * each / self.workers, allowed) > _COMPILE_SECONDS
        self.compiled = self.compiled or worth
        return self.compiled

    def _size(self, left):
        """Trajectories in the next block: a second's work, a share of what is left, a few MB."""
        if self.limits.block_size is not None:
            return self.limits.block_size
        per_row = self.bytes // max(self.done, 1)
        if self.crew.asks or self.plan.record != ("moments",):  # else workers cut it, see `remote`
            per_row = max(per_row, bytes_per_row(self.plan))
        seconds = self.crew.block_seconds
        by_time = self.done / self.seconds * seconds if self.seconds else 1
        self.largest = int(min(16 * self.largest, max(by_time, 1)))
        share = math.ceil(left / (2 * self.workers))
        most = min(_BLOCK_BYTES, _IN_FLIGHT_BYTES // (2 * self.workers))
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
            if not self.crew.asks:
                self.bar.count(block.last - block.first, block.events)

    def _commit_when_due(self):
        # After a stop, those in other processes finish what they have, which may take its time.
        stopped = self.stop.is_set() and not self.crew.asks
        late = time.monotonic() - self.committed > _COMMIT_SECONDS
        if late or stopped or self.waiting > _COMMIT_BYTES:
            self._commit()

    def _commit(self):
        if self.uncommitted:
            self.store.write(self.uncommitted)
        self.uncommitted, self.waiting = [], 0
        self.committed = time.monotonic()


def bytes_per_row(plan):
    """Bytes that samples and jumps of a trajectory take up while it is simulated."""
    model = plan.model
    columns = len(model.columns[model.sampled])
    if "jumps" in plan.record:
        columns += len(model.channels)
    return 8 * len(plan.times) * columns


def rows_at_once(plan):
    """Trajectories that a worker should have in memory at the same time."""
    return max(1, _BLOCK_BYTES // bytes_per_row(plan))


def _cancel(futures):
    for future in futures:
        future.cancel()


@contextlib.contextmanager
def noted_signals(act):
    """Let SIGINT and SIGTERM call `act` for an orderly stop; a second one acts as it did before."""
    before = {}

    def note(*_):
        act()
        for number, handler in before.items():
            signal.signal(number, handler)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def achieved_sem(moments, plan):
    """Standard errors that `target_sem` is compared with, (n_times, n_columns).

    Where all n trajectories agree after t = 0, the sample knows only that differences are rarer
    than about 3/n; the standard error of such an event, √3/n, stands for the unknown one.
    """
    sem = moments.sem() * plan.model.sample_unit
    unknown = (sem == 0) & (plan.times > 0)[:, None]
    return np.where(unknown, math.sqrt(3) / moments.n, sem)

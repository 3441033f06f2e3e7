"""The one entry: convert, check, cut into blocks, hand them to workers, stop when it is time.

How the work is cut, by whom it is done and in which order it comes back changes no number:
trajectory i depends on the plan and on i alone.
"""

import math
import numbers
import os
import secrets
import threading
import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import numpy as np

from . import engine, streams, units
from .block import Block
from .ensemble import Ensemble
from .errors import InputError, choices, whole_number
from .initial import as_initial
from .model import Model
from .plan import Plan, as_method, as_record, as_seed, as_times
from .progress import Progress
from .statistics import Moments
from .store import MemoryStore, create_store, open_store, store_exists

FIRST_LOOK = 256  # smallest sample at which `target_sem` may stop a run

_BLOCK_SECONDS = 1.0  # work in one block: the most that a crash can cost
_BLOCK_BYTES = 2**22
_COMMIT_SECONDS = 2.0
_COMMIT_BYTES = 2**25
_POLL_SECONDS = 0.1


def simulate(
    model,
    times,
    ntraj=1000,
    initial=None,
    seed=None,
    record="counts",
    *,
    store=None,
    workers=None,
    executor=None,
    progress=None,
    timeout=None,
    target_sem=None,
    max_events=None,
    method="direct",
    block_size=None,
):
    """Simulate trajectories of single events, each one exact.

    Parameters
    ----------
    model : Model
    times : array_like of float or str
        Times to keep in seconds, increasing. Samples are the state after any jump at that instant.
    ntraj : int
        Number of trajectories; with `store`, the number that the file holds afterwards.
    initial : Thermal, Fixed, mapping or sequence
        The start, at t = 0, also when times[0] > 0.
    seed : int, optional
        0 ≤ seed < 2⁶⁴; None draws one, which the result tells. Trajectory i of a seed is one fixed
        thing, whatever the other arguments.
    record : str or list of str
        What to keep: "counts" and cumulative "jumps" per channel at `times`, every "events" (time
        and channel), and the "moments" (mean and covariance) of the counts.

    Other Parameters
    ----------------
    store : path, optional
        HDF5 file to keep the trajectories in; None keeps them in memory. Trajectories that are
        already there are not simulated again.
    workers : int, optional
        Threads; default one per usable core.
    executor : concurrent.futures.Executor, optional
        Does the work instead.
    progress : bool, optional
        Show a bar on stderr; default when that is a terminal.
    timeout : float or str, optional
        Seconds after which to return what is done.
    target_sem : float or mapping of pool to float, optional
        Stop when the standard error of the mean count is at most this at every time (and in every
        pool named). Looks are taken after 256, 512, 1024 ... trajectories, `ntraj` at the most.
        Where no two trajectories differ yet, √3/n stands for the unknown standard error.
    max_events : int, optional
        Events per trajectory at which the run is an error.
    method : str
        Name of the engine.
    block_size : int, optional
        Trajectories per block of work; default about a second's worth.

    Returns
    -------
    Ensemble

    Raises
    ------
    InputError
        An argument is not acceptable; nothing was simulated or written.
    StoreError
        The file cannot be used, or belongs to another run.
    SimulationError
        A trajectory met a negative or infinite rate, or `max_events`.
    """
    # convert
    if not isinstance(model, Model):
        raise InputError(f"`model` must be a jumpsim.Model, but is {type(model).__name__}")
    if initial is None:
        raise InputError(
            "`initial` must be given: jumpsim.Thermal(x=1.0), or a count for each pool"
        )
    initial = as_initial(initial, model)
    plan = Plan(
        model,
        initial,
        as_times(times),
        _new_seed(store) if seed is None else as_seed(seed),
        as_record(record),
        as_method(method),
    )
    ntraj = whole_number(ntraj, "ntraj", 0, 2**53)
    limits = Limits(
        timeout=_seconds(timeout),
        target_sem=_target(target_sem, model),
        max_events=None if max_events is None else whole_number(max_events, "max_events", 1, 2**62),
        block_size=None if block_size is None else whole_number(block_size, "block_size", 1),
    )
    # check
    initial.check(model)
    if limits.target_sem is not None and not {"counts", "moments"} & set(plan.record):
        raise InputError('`target_sem` needs record "counts" or "moments"')
    workers = _usable_cores() if workers is None else whole_number(workers, "workers", 1, 10000)
    if executor is not None and not isinstance(executor, Executor):
        raise InputError(
            "`executor` must be a concurrent.futures.Executor, but is "
            f"{type(executor).__name__}. " + choices("", ["ThreadPoolExecutor", "any other one"])
        )
    if store is None:
        _check_memory(plan, ntraj)
    # run
    kept = MemoryStore(plan) if store is None else create_store(store, plan)
    own = ThreadPoolExecutor(workers) if executor is None else None
    with Progress(ntraj, kept.missing(ntraj), progress) as bar:
        try:
            reason = _Run(plan, kept, limits, executor or own, workers, bar).run(ntraj)
        except BaseException:
            kept.finish("stopped by an error or an interruption", complete=False)
            raise
        finally:
            if own:
                own.shutdown(wait=True)
    kept.finish(reason, complete=reason != "timeout")
    return Ensemble(kept, reason)


@dataclass(frozen=True)
class Limits:
    """What may end a run, and how it is cut; parsed arguments of `simulate`."""

    timeout: float
    target_sem: np.ndarray | None
    max_events: int | None
    block_size: int | None


def run_block(plan, first, last, max_events=None, proceed=None):
    """Simulate the trajectories first ... last-1 of a plan; what a worker does.

    Returns
    -------
    Block
        Shorter than asked for when `proceed` ended it.
    float
        Seconds it took.
    """
    began = time.perf_counter()
    keep = set(plan.record) | ({"counts"} if "moments" in plan.record else set())
    starts = plan.initial.draw(plan.model, plan.seed, first, last)
    states = streams.states(plan.seed, first, last, streams.JUMPS)
    try:
        rows = engine.run(
            plan.model.table, plan.times, starts, states, keep, max_events, None, proceed
        )
    except engine.Fault as fault:
        raise fault.explain(first, plan.model.channels) from None
    alone = plan.record == ("moments",)
    block = Block(
        first,
        first + len(rows.event_count),
        int(rows.event_count.sum()),
        rows.counts if "counts" in plan.record else None,
        rows.jumps,
        None if alone else rows.event_count,
        rows.event_time,
        rows.event_channel,
        Moments.of(rows.counts) if "moments" in plan.record else None,
    )
    return block, time.perf_counter() - began


@dataclass
class _Run:
    """One call of `simulate` while it goes on."""

    plan: Plan
    store: object
    limits: Limits
    executor: Executor
    workers: int
    bar: Progress
    uncommitted: list = field(default_factory=list)
    done: int = 0
    seconds: float = 0.0
    bytes: int = 0
    largest: int = 1

    def run(self, ntraj):
        """Simulate up to `ntraj`; returns why the run ended."""
        self.stop = threading.Event()
        self.began = self.committed = time.monotonic()
        engine.warm(self.plan.model.table)
        for goal in self._goals(ntraj):
            reason = self._reach(goal)
            if reason:
                return reason
            if self.limits.target_sem is not None and goal >= FIRST_LOOK:
                reached = achieved_sem(self.store.moments(goal), self.plan.times)
                if (reached <= self.limits.target_sem).all():
                    return (
                        f"target_sem reached with {goal} trajectories: largest standard error "
                        f"{reached.max():.3g}"
                    )
        return f"all {ntraj} trajectories are there"

    def _goals(self, ntraj):
        """Sizes at which to look: always the same ones, whatever the blocks."""
        if self.limits.target_sem is not None:
            look = FIRST_LOOK
            while look < ntraj:
                yield look
                look *= 2
        yield ntraj

    def _reach(self, goal):
        """Fill all gaps below `goal`; returns why it could not, or None."""
        gaps = self.store.missing(goal)[::-1]
        pending, error, reason = set(), None, None
        try:
            while gaps or pending:
                while gaps and not self.stop.is_set() and len(pending) < 2 * self.workers:
                    pending.add(self._submit(gaps))
                finished, pending = wait(pending, _POLL_SECONDS, FIRST_COMPLETED)
                for future in finished:
                    if future.cancelled():
                        continue
                    if future.exception() is None:
                        self._take(*future.result())
                    else:
                        error = error or future.exception()
                self._commit_when_due()
                self.bar.refresh()
                if error or time.monotonic() - self.began > self.limits.timeout:
                    reason = "timeout"
                    self.stop.set()
                if self.stop.is_set():
                    gaps = []
                    for future in pending:
                        future.cancel()
        except KeyboardInterrupt:
            self.stop.set()
            self._drain(pending)
            raise
        finally:
            self._commit()
        if error:
            raise error
        return reason if self.store.missing(goal) else None

    def _drain(self, pending):
        """Take what workers have finished, once they were told to stop."""
        for future in pending:
            future.cancel()
        for future in wait(pending).done:
            if not future.cancelled() and future.exception() is None:
                self._take(*future.result())

    def _submit(self, gaps):
        """Hand the next block to a worker."""
        first, last = gaps.pop()
        middle = min(last, first + self._size(last - first))
        if middle < last:
            gaps.append((middle, last))
        arguments = (self.plan, first, middle, self.limits.max_events)
        if isinstance(self.executor, ThreadPoolExecutor):
            return self.executor.submit(run_block, *arguments, self._proceed)
        return self.executor.submit(run_block, *arguments)

    def _size(self, left):
        """Trajectories in the next block: a second's work, a share of what is left, a few MB."""
        if self.limits.block_size is not None:
            return self.limits.block_size
        columns = len(self.plan.model.pools)
        if "jumps" in self.plan.record:
            columns += len(self.plan.model.channels)
        per_row = max(8 * len(self.plan.times) * columns, self.bytes // max(self.done, 1))
        by_time = self.done / self.seconds * _BLOCK_SECONDS if self.seconds else 1
        self.largest = int(min(16 * self.largest, max(by_time, 1)))
        share = math.ceil(left / (2 * self.workers))
        return max(1, min(self.largest, share, _BLOCK_BYTES // per_row))

    def _proceed(self, rows, events):
        """Called by a worker's thread after every slice."""
        self.bar.count(rows, events)
        return not self.stop.is_set()

    def _take(self, block, seconds):
        if block.last > block.first:
            self.uncommitted.append(block)
            self.done += block.last - block.first
            self.bytes += block.nbytes
            self.seconds += seconds
            if not isinstance(self.executor, ThreadPoolExecutor):
                self.bar.count(block.last - block.first, block.events)

    def _commit_when_due(self):
        waiting = sum(block.nbytes for block in self.uncommitted)
        if time.monotonic() - self.committed > _COMMIT_SECONDS or waiting > _COMMIT_BYTES:
            self._commit()

    def _commit(self):
        if self.uncommitted:
            self.store.write(self.uncommitted)
        self.uncommitted = []
        self.committed = time.monotonic()


def achieved_sem(moments, times):
    """Standard errors that `target_sem` is compared with, (n_times, n_pools).

    Where all n trajectories agree after t = 0, the sample knows only that differences are rarer
    than about 3/n; the standard error of such an event, √3/n, stands for the unknown one.
    """
    sem = moments.sem()
    unknown = (sem == 0) & (np.asarray(times) > 0)[:, None]
    return np.where(unknown, math.sqrt(3) / moments.n, sem)


def _target(target, model):
    """Largest acceptable standard error of each pool; infinite where it does not matter."""
    if target is None:
        return None
    by_pool = target if isinstance(target, Mapping) else dict.fromkeys(model.pools, target)
    if not by_pool:
        raise InputError("`target_sem` must name a pool, but is empty")
    for name, value in by_pool.items():
        if name not in model.pools:
            raise InputError(f"`target_sem`: unknown pool {name!r}. " + choices(name, model.pools))
        if isinstance(value, bool) or not isinstance(value, numbers.Real) or not value > 0:
            raise InputError(f"`target_sem` must be a count > 0, but is {value!r}")
    return np.array([float(by_pool.get(name, math.inf)) for name in model.pools])


def _new_seed(path):
    """The seed of what is stored already, so that a run can go on; else one from the system."""
    if path is not None and store_exists(path):
        return open_store(path).plan.seed
    return secrets.randbits(63)


def _seconds(timeout):
    return math.inf if timeout is None else units.time(timeout, "timeout")


def _usable_cores():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _check_memory(plan, ntraj):
    """Refuse what will not fit before it starts."""
    columns = {"counts": len(plan.model.pools), "jumps": len(plan.model.channels)}
    per_row = sum(8 * len(plan.times) * columns.get(name, 0) for name in plan.record)
    per_row += 0 if plan.record == ("moments",) else 8  # the number of events
    # Twice: blocks, and the one array they are joined into.
    need, have = 2 * ntraj * per_row, _available_memory()
    if have is not None and need > have:
        raise InputError(
            f"`ntraj` = {ntraj} trajectories need {need / 1e9:.1f} GB of memory, but "
            f'{have / 1e9:.1f} GB are free; give `store="run.h5"`, or record="moments"'
        )


def _available_memory():
    """Free bytes as the system tells them, or None."""
    try:
        with open("/proc/meminfo") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return 1024 * int(line.split()[1])
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None

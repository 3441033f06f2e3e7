"""Who does the work of a run: threads in here, or the workers of any executor.

They take index ranges, a few at a time, and tell what has become of them. A worker that dies costs
what it had in hand; a pool that is broken is made again, or told of, and never waited for.
"""

import pickle
import time
import warnings
import weakref
from concurrent.futures import BrokenExecutor, Executor, ThreadPoolExecutor

from ..errors import InputError, WorkersError, WorkersWarning, choices
from ..utils.resources import usable_cores
from . import block_task
from .worker_process import Order, Task

_BLOCK_SECONDS = 1.0  # work in one block: the most that a crash can cost, but of many workers
_BLOCKS_PER_SECOND = 50.0  # as many as a driver may take in without becoming the slowest of all
_FILE_SECONDS = 10.0  # work in one block that is a file of its own
_MOST_POOLS = 3  # made one after the other although none has delivered anything
_LOOK_SECONDS = 2.0  # between looks at a cluster
_AWAY_SECONDS = 60.0  # that a scheduler may be away, if its client has not given up before
_PATIENCE_SECONDS = 5.0  # without workers before somebody is told


class ThreadWorkers:
    """Threads of this process, which ask after every slice whether to go on.

    Attributes
    ----------
    calls_proceed : bool
        Whether they call `proceed`, and count their progress by it.
    """

    calls_proceed = True
    block_seconds = _BLOCK_SECONDS

    def __init__(self, number, executor=None):
        self.number = number
        self._given = executor

    def begin(self, plan, max_events, chunk_rows, shared):  # noqa: ARG002 - they need no folder
        """Get ready for the work of a plan."""
        self.plan, self.max_events, self.chunk_rows = plan, max_events, chunk_rows
        self._executor = self._given or ThreadPoolExecutor(self.number)

    def submit(self, first, last, compiled, proceed, name):  # noqa: ARG002 - they write no files
        """Hand a range of indices to a worker; returns a future."""
        return self._executor.submit(
            block_task.run_block,
            self.plan,
            first,
            last,
            self.max_events,
            proceed,
            compiled,
            self.chunk_rows,
        )

    def loss(self, future):
        """Say why a future came to nothing through no fault of its work, or None."""

    def recover(self):
        """See to it that work goes on after a loss."""

    def end(self):
        """Let go of what `begin` made."""
        if self._given is None:
            self._executor.shutdown(wait=True)


class ExecutorWorkers:
    """Workers of an executor, which share nothing with this process.

    Parameters
    ----------
    executor : concurrent.futures.Executor or callable
        A function that makes one is called again when it breaks.
    number : int or None
        Workers; None asks the executor.
    """

    calls_proceed = False

    def __init__(self, executor, number):
        self._make = None if isinstance(executor, Executor) else executor
        self._executor = None if self._make else executor
        self._number = number
        self._handed_out = weakref.WeakSet()  # to the pool that there is now
        self._broken = None
        self._barren = 0  # pools that broke since one delivered something

    @property
    def number(self):
        """Workers; 0 while there is none."""
        known = ("num_workers", "_max_workers")  # of MPI; of the standard library
        found = (getattr(self._executor, name, None) for name in known)
        return self._number or next(filter(None, found), None) or usable_cores()

    @property
    def block_seconds(self):
        """Work in one block: so much that the driver is not asked too often."""
        least = _FILE_SECONDS if self._order.folder else _BLOCK_SECONDS
        return max(least, self.number / _BLOCKS_PER_SECOND)

    def begin(self, plan, max_events, chunk_rows, shared):
        """Get ready for the work of a plan; `shared` may be a folder to write to and its note."""
        self._order = Order.of(plan, max_events, chunk_rows, *(shared or ()))
        if self._make:
            self._executor = _made(self._make)

    def submit(self, first, last, compiled, proceed, name):  # noqa: ARG002 - nobody to ask from there
        """Hand a range of indices to a worker; returns a future, or None when nobody takes it."""
        task = pickle.dumps(Task((self._order, first, last, compiled, name)))
        try:
            future = self._send(pickle.loads, task)
            self._handed_out.add(future)
            return future
        except (BrokenExecutor, RuntimeError) as error:  # RuntimeError: it was shut down
            self._broken = str(error) or type(error).__name__
            return None

    def _send(self, *task):
        return self._executor.submit(*task)

    def loss(self, future):
        """Say why a future came to nothing through no fault of its work, or None."""
        if future.cancelled():
            return "it was cancelled"
        error = future.exception()
        if isinstance(error, BrokenExecutor):
            if future in self._handed_out:  # and not to a pool that has been replaced
                self._broken = str(error)
            return str(error)
        if isinstance(error, ImportError | AttributeError) and "jumpsim" in str(error):
            raise InputError(
                f"a worker cannot load this jumpsim ({error}); install the same version there"
            )
        self._barren = self._barren if error else 0
        return None

    def recover(self):
        """See to it that work goes on after a loss; raises `WorkersError` when it cannot."""
        if self._broken is None:
            return
        self._barren += 1
        if self._make is None or self._barren > _MOST_POOLS:
            raise WorkersError(f"the pool of workers is broken ({self._broken.rstrip('.')})")
        self._executor.shutdown(wait=False)
        self._executor, self._broken = _made(self._make), None
        self._handed_out.clear()

    def end(self):
        """Let go of what `begin` made."""
        if self._make:
            self._executor.shutdown(wait=True)


class DaskWorkers(ExecutorWorkers):
    """Workers of a Dask cluster, which come and go; a lost scheduler is given time to return."""

    def __init__(self, executor, number):
        super().__init__(executor, number)
        self._client = executor._client
        if self._client.scheduler is None:
            raise InputError("`executor` is of a Dask client that is closed; connect again")
        self._address = self._client.scheduler.address
        self._threads, self._looked = 0, -_LOOK_SECONDS
        self._alone_since, self._told = None, False
        self._away_since = None

    @property
    def number(self):
        """Threads of all workers, as the scheduler told a moment ago; 0 while it is away."""
        now = time.monotonic()
        if self._client.status != "running":
            self.recover()
            return 0
        self._away_since = None
        if now - self._looked > _LOOK_SECONDS:
            self._looked = now
            try:
                self._threads = sum(self._client.nthreads(callback_timeout=1).values())
            except (OSError, RuntimeError):  # it is just going away, or too busy to answer
                return self._threads
            self._tell_when_alone(now)
        return min(self._number or self._threads, self._threads)

    def _tell_when_alone(self, now):
        self._alone_since = None if self._threads else self._alone_since or now
        if not self._told and self._alone_since and now - self._alone_since > _PATIENCE_SECONDS:
            self._told = True
            text = f"no worker is connected to {self._address}: waiting for one"
            warnings.warn(text, WorkersWarning, stacklevel=2)

    def _send(self, *task):
        try:
            # A task that is equal to a lost one must not give its result.
            return self._executor.submit(*task, pure=False)
        except Exception as error:
            if self._client.status == "running":
                raise
            raise BrokenExecutor(str(error)) from None  # it has just gone away

    def loss(self, future):
        """Say why a future came to nothing through no fault of its work, or None."""
        if not future.cancelled() and type(future.exception()).__name__ == "KilledWorker":
            return "every worker that had it died"
        return super().loss(future)

    def recover(self):
        """See to it that work goes on after a loss; raises `WorkersError` when it cannot."""
        now = time.monotonic()
        self._away_since = self._away_since or now
        gone = self._client.status in ("closed", "closing")
        if gone or now - self._away_since > _AWAY_SECONDS:
            raise WorkersError(f"the scheduler at {self._address} is gone")
        self._broken = None


def as_workers(executor, number):
    """Workers that an argument `executor` of `simulate` stands for.

    Parameters
    ----------
    executor : None, concurrent.futures.Executor or callable
    number : int or None

    Raises
    ------
    InputError
        When it is something else.
    """
    if executor is None or isinstance(executor, ThreadPoolExecutor):
        return ThreadWorkers(number or usable_cores(), executor)
    if isinstance(executor, Executor):
        dask = type(executor).__module__.startswith("distributed.")
        return (DaskWorkers if dask else ExecutorWorkers)(executor, number)
    if callable(executor):
        return ExecutorWorkers(executor, number)
    raise InputError(
        "`executor` must be a concurrent.futures.Executor, but is "
        f"{type(executor).__name__}; "
        + choices("", ["ThreadPoolExecutor", "any other one", "a function that makes one"])
    )


def _made(make):
    executor = make()
    if not isinstance(executor, Executor):
        raise InputError(
            "`executor` must make a concurrent.futures.Executor when it is called, but made "
            f"{type(executor).__name__}"
        )
    return executor

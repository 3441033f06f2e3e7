"""Workers that simulate the blocks of a run: threads of this process, or those of any executor.

Each is given ranges of indices, a few at a time. Of a worker that dies, only its unfinished blocks
are lost; a broken pool is made again, or is an error, but is never waited for.
"""

import pickle
import time
import warnings
import weakref
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor

from ..errors import InputError, WorkersError, WorkersWarning, choices
from ..store.plan import Plan
from ..utils.resources import usable_cores
from . import block_task
from .worker_process import Order, Task

_BLOCK_SECONDS = 1.0  # work in one block: with few workers, the most that a crash can cost
_BLOCKS_PER_SECOND = 50.0  # that the driver can receive without slowing down the workers
_FILE_SECONDS = 10.0  # work in one block that is a file of its own
_MOST_POOLS = 3  # made one after the other without any result
_LOOK_SECONDS = 2.0  # between two requests for the number of workers of a cluster
_AWAY_SECONDS = 60.0  # without connection to a scheduler, unless its client gives up before
_PATIENCE_SECONDS = 5.0  # without workers before a warning


class ThreadWorkers:
    """Threads of this process, which check after every slice whether to go on.

    Attributes
    ----------
    calls_proceed : bool
        Whether they call `proceed`, and count their progress by it.
    """

    calls_proceed = True
    block_seconds = _BLOCK_SECONDS

    def __init__(self, number: int, executor: ThreadPoolExecutor | None = None):
        self.number = number
        self._given = executor

    def begin(
        self,
        plan: Plan,
        max_events: int | None,
        chunk_rows: int | None,
        shared: tuple[str, str] | None,  # noqa: ARG002 - threads need no folder
    ) -> None:
        """Prepare for the blocks of a plan."""
        self.plan, self.max_events, self.chunk_rows = plan, max_events, chunk_rows
        self._executor = self._given or ThreadPoolExecutor(self.number)

    def submit(
        self,
        first: int,
        last: int,
        compiled: bool,
        proceed: Callable[[int, int], bool],
        name: str | None,  # noqa: ARG002 - threads write no files
    ) -> Future:
        """Give a range of indices to a worker; returns a future."""
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

    def loss(self, future: Future) -> str | None:
        """Why a task was lost although the task itself has no error; None when it was not."""

    def recover(self) -> None:
        """Make further work possible after a loss."""

    def end(self) -> None:
        """Shut down what `begin` made."""
        if self._given is None:
            self._executor.shutdown(wait=True)


class ExecutorWorkers:
    """Workers of an executor, which share no memory with this process.

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
        self._barren = 0  # pools that broke since the last result

    @property
    def number(self) -> int:
        """Number of workers; 0 while there is none."""
        known = ("num_workers", "_max_workers")  # of MPI; of the standard library
        found = (getattr(self._executor, name, None) for name in known)
        return self._number or next(filter(None, found), None) or usable_cores()

    @property
    def block_seconds(self) -> float:
        """Work in one block: so much that the driver does not receive too many blocks."""
        least = _FILE_SECONDS if self._order.folder else _BLOCK_SECONDS
        return max(least, self.number / _BLOCKS_PER_SECOND)

    def begin(
        self,
        plan: Plan,
        max_events: int | None,
        chunk_rows: int | None,
        shared: tuple[str, str] | None,
    ) -> None:
        """Prepare for the blocks of a plan; `shared` is what `WritableStore.shared` returns."""
        self._order = Order.of(plan, max_events, chunk_rows, *(shared or ()))
        if self._make:
            self._executor = _made(self._make)

    def submit(
        self,
        first: int,
        last: int,
        compiled: bool,
        proceed: Callable[[int, int], bool],  # noqa: ARG002 - cannot be called from there
        name: str | None,
    ) -> Future | None:
        """Give a range of indices to a worker; returns a future, or None of a broken pool."""
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

    def loss(self, future: Future) -> str | None:
        """Why a task was lost although the task itself has no error; None when it was not."""
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

    def recover(self) -> None:
        """Make further work possible after a loss; raises `WorkersError` when it cannot."""
        if self._broken is None:
            return
        self._barren += 1
        if self._make is None or self._barren > _MOST_POOLS:
            raise WorkersError(f"the pool of workers is broken ({self._broken.rstrip('.')})")
        self._executor.shutdown(wait=False)
        self._executor, self._broken = _made(self._make), None
        self._handed_out.clear()

    def end(self) -> None:
        """Shut down what `begin` made."""
        if self._make:
            self._executor.shutdown(wait=True)


class DaskWorkers(ExecutorWorkers):
    """Workers of a Dask cluster, which may come and go; a lost connection may be restored."""

    def __init__(self, executor, number):
        super().__init__(executor, number)
        self._client = executor._client
        if self._client.scheduler is None:
            raise InputError("`executor` is of a Dask client that is closed; connect again")
        self._address = self._client.scheduler.address
        self._threads, self._looked = 0, -_LOOK_SECONDS
        self._alone_since, self._warned = None, False
        self._away_since = None

    @property
    def number(self) -> int:
        """Threads of all workers, as of a few seconds ago; 0 without a connection."""
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
            self._warn_when_alone(now)
        return min(self._number or self._threads, self._threads)

    def _warn_when_alone(self, now):
        self._alone_since = None if self._threads else self._alone_since or now
        if not self._warned and self._alone_since and now - self._alone_since > _PATIENCE_SECONDS:
            self._warned = True
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

    def loss(self, future: Future) -> str | None:
        """Why a task was lost although the task itself has no error; None when it was not."""
        if not future.cancelled() and type(future.exception()).__name__ == "KilledWorker":
            return "every worker that had it died"
        return super().loss(future)

    def recover(self) -> None:
        """Make further work possible after a loss; raises `WorkersError` when it cannot."""
        now = time.monotonic()
        self._away_since = self._away_since or now
        gone = self._client.status in ("closed", "closing")
        if gone or now - self._away_since > _AWAY_SECONDS:
            raise WorkersError(f"the scheduler at {self._address} is gone")
        self._broken = None


def as_workers(
    executor: Executor | Callable[[], Executor] | None, number: int | None
) -> ThreadWorkers | ExecutorWorkers:
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

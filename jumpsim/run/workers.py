"""Workers that simulate the blocks of a run: threads of this process, or those of any executor.

Each worker gets a few ranges of indices at a time. When a worker process ends unexpectedly, only
its unfinished blocks are lost. A broken pool is replaced by a new one, or raises an error.
"""

import math
import pickle
import time
import warnings
import weakref
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from typing import Any

from ..engine import Unfinished
from ..errors import InputError, WorkersError, WorkersWarning, choices
from ..store.plan import Plan
from ..utils.resources import usable_cores
from . import block_task
from .worker_process import RunDescription, SimulationTask

_BLOCK_SECONDS = 1.0  # computing time of one block: with few workers, a crash loses at most this
_BLOCKS_PER_SECOND = 50.0  # that the driver can receive without slowing down the workers
_PAUSE_SECONDS = 10.0  # computing time of a trajectory that a crash can lose
_STATES_PER_SECOND = 10.0  # of unfinished trajectories that the driver can write, each as a file
_FILE_SECONDS = 10.0  # computing time of one block that is written to a separate file
_MOST_POOLS = 3  # pools that are created one after the other without any result
_QUERY_SECONDS = 2.0  # between two requests for the number of workers of a cluster
_RECONNECT_SECONDS = 60.0  # longest time without connection to a scheduler
_NO_WORKERS_SECONDS = 5.0  # without workers before a warning


class ThreadWorkers:
    """Threads of this process.

    Parameters
    ----------
    number : int
    executor : concurrent.futures.ThreadPoolExecutor, optional
        Default a new one.

    Attributes
    ----------
    number : int
        Number of threads.
    calls_proceed : bool
        Whether the workers call `proceed` after every slice, which counts their progress and
        returns whether to continue.
    block_seconds : float
        Intended computing time of a block.
    pause_seconds : float
        Computing time after which a longer block is interrupted, so that what it has reached can be
        written.
    """

    calls_proceed = True
    block_seconds = _BLOCK_SECONDS
    pause_seconds = _PAUSE_SECONDS

    def __init__(self, number: int, executor: ThreadPoolExecutor | None = None) -> None:
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
        left: float,
        proceed: Callable[[int, int], bool],
        name: str | None,  # noqa: ARG002 - threads write no files
        begun: Unfinished | None = None,
        seconds: float = math.inf,
    ) -> Future[Any] | None:
        """Start the simulation of a range of indices; returns a future of `run_block`."""
        return self._executor.submit(
            block_task.run_block,
            self.plan,
            first,
            last,
            self.max_events,
            proceed,
            left,
            self.chunk_rows,
            begun,
            seconds,
        )

    def loss(self, future: Future[Any]) -> str | None:  # noqa: ARG002 - threads are not lost
        """Why the worker of a task was lost; None when it was not lost."""
        return None

    def recover(self) -> None:
        """Continue after a loss."""

    def end(self) -> None:
        """Shut down the executor that `begin` created."""
        if self._given is None:
            self._executor.shutdown(wait=True)


class ExecutorWorkers:
    """Workers of an executor, which share no memory with this process.

    Parameters
    ----------
    executor : concurrent.futures.Executor or callable
        A function that creates one is called again when the executor breaks.
    number : int or None
        Number of workers; None uses the number that the executor reports.

    Attributes
    ----------
    calls_proceed : bool
        False: see `ThreadWorkers`.
    """

    calls_proceed = False

    def __init__(self, executor: Executor | Callable[[], Executor], number: int | None) -> None:
        self._make = None if isinstance(executor, Executor) else executor
        self._executor: Any = None if self._make else executor
        self._number = number
        self._submitted: weakref.WeakSet[Future[Any]] = weakref.WeakSet()  # to the current pool
        self._broken: str | None = None  # why the current pool is broken
        self._failed_pools = 0  # that broke since the last result

    @property
    def number(self) -> int:
        """Number of workers; 0 while there are none."""
        known = ("num_workers", "_max_workers")  # of MPI; of the standard library
        found = (getattr(self._executor, name, None) for name in known)
        return self._number or next(filter(None, found), None) or usable_cores()

    @property
    def block_seconds(self) -> float:
        """Computing time of a block: long enough that the driver can receive all blocks."""
        least = _FILE_SECONDS if self._run.folder else _BLOCK_SECONDS
        return max(least, self.number / _BLOCKS_PER_SECOND)

    @property
    def pause_seconds(self) -> float:
        """As for `ThreadWorkers`: long enough that the driver can write the states of all."""
        return max(_PAUSE_SECONDS, self.number / _STATES_PER_SECOND)

    def begin(
        self,
        plan: Plan,
        max_events: int | None,
        chunk_rows: int | None,
        shared: tuple[str, str] | None,
    ) -> None:
        """Prepare for the blocks of a plan; `shared` is the result of `WritableStore.shared`."""
        self._run = RunDescription.of(plan, max_events, chunk_rows, *(shared or ()))
        if self._make:
            self._executor = _created(self._make)

    def submit(
        self,
        first: int,
        last: int,
        left: float,
        proceed: Callable[[int, int], bool],  # noqa: ARG002 - cannot be called from there
        name: str | None,
        begun: Unfinished | None = None,
        seconds: float = math.inf,
    ) -> Future[Any] | None:
        """Start the simulation of a range of indices; returns a future, None if the pool broke."""
        arguments = self._run, first, last, left, name, begun, seconds
        task = pickle.dumps(SimulationTask(arguments))
        try:
            future = self._send(pickle.loads, task)
            self._submitted.add(future)
            return future
        except (BrokenExecutor, RuntimeError) as error:  # RuntimeError: it was shut down
            self._broken = str(error) or type(error).__name__
            return None

    def _send(self, *task: Any) -> Future[Any]:
        return self._executor.submit(*task)

    def loss(self, future: Future[Any]) -> str | None:
        """Why the worker of a task was lost; None when it was not lost.

        Raises
        ------
        InputError
            When the worker cannot import the same version of jumpsim.
        """
        if future.cancelled():
            return "it was cancelled"
        error = future.exception()
        if isinstance(error, BrokenExecutor):
            if future in self._submitted:  # else the broken pool was replaced already
                self._broken = str(error)
            return str(error)
        if isinstance(error, ImportError | AttributeError) and "jumpsim" in str(error):
            raise InputError(
                f"a worker cannot load this jumpsim ({error}); install the same version there"
            )
        self._failed_pools = self._failed_pools if error else 0
        return None

    def recover(self) -> None:
        """Replace a broken pool after a loss.

        Raises
        ------
        WorkersError
            When the pool cannot be replaced, or was replaced too often without any result.
        """
        if self._broken is None:
            return
        self._failed_pools += 1
        if self._make is None or self._failed_pools > _MOST_POOLS:
            raise WorkersError(f"the pool of workers is broken ({self._broken.rstrip('.')})")
        self._executor.shutdown(wait=False)
        self._executor, self._broken = _created(self._make), None
        self._submitted.clear()

    def end(self) -> None:
        """Shut down the executor that `begin` created."""
        if self._make:
            self._executor.shutdown(wait=True)


class DaskWorkers(ExecutorWorkers):
    """Workers of a Dask cluster, whose number can change; a lost connection can be restored.

    Parameters
    ----------
    executor : distributed.cfexecutor.ClientExecutor
    number : int or None
        Largest number of workers to use; None uses all.

    Raises
    ------
    InputError
        When the client is closed.
    """

    def __init__(self, executor: Any, number: int | None) -> None:
        super().__init__(executor, number)
        self._client = executor._client
        if self._client.scheduler is None:
            raise InputError("`executor` is of a Dask client that is closed; connect again")
        self._address = self._client.scheduler.address
        self._threads, self._last_query = 0, -_QUERY_SECONDS
        self._no_workers_since: float | None = None
        self._warned = False
        self._disconnected_since: float | None = None

    @property
    def number(self) -> int:
        """Number of threads of all workers, at most a few seconds old; 0 without a connection."""
        now = time.monotonic()
        if self._client.status != "running":
            self.recover()
            return 0
        self._disconnected_since = None
        if now - self._last_query > _QUERY_SECONDS:
            self._last_query = now
            try:
                self._threads = sum(self._client.nthreads(callback_timeout=1).values())
            except (OSError, RuntimeError):  # the connection was just lost, or it does not answer
                return self._threads
            self._warn_without_workers(now)
        return min(self._number or self._threads, self._threads)

    def _warn_without_workers(self, now: float) -> None:
        since = self._no_workers_since = None if self._threads else self._no_workers_since or now
        if not self._warned and since and now - since > _NO_WORKERS_SECONDS:
            self._warned = True
            text = f"no worker is connected to {self._address}: waiting for one"
            warnings.warn(text, WorkersWarning, stacklevel=2)

    def _send(self, *task: Any) -> Future[Any]:
        try:
            # With pure=True, Dask could return the result of an equal task that was lost.
            return self._executor.submit(*task, pure=False)
        except Exception as error:
            if self._client.status == "running":
                raise
            raise BrokenExecutor(str(error)) from None  # the connection was just lost

    def loss(self, future: Future[Any]) -> str | None:
        """Why the worker of a task was lost; None when it was not lost."""
        if not future.cancelled() and type(future.exception()).__name__ == "KilledWorker":
            return "every worker process that simulated them ended unexpectedly"
        return super().loss(future)

    def recover(self) -> None:
        """Wait for the connection; `WorkersError` when it was lost for too long."""
        now = time.monotonic()
        self._disconnected_since = self._disconnected_since or now
        closed = self._client.status in ("closed", "closing")
        if closed or now - self._disconnected_since > _RECONNECT_SECONDS:
            raise WorkersError(f"the connection to the scheduler at {self._address} is lost")
        self._broken = None


def as_workers(
    executor: Executor | Callable[[], Executor] | None, number: int | None
) -> ThreadWorkers | ExecutorWorkers:
    """Workers for the arguments `executor` and `workers` of `simulate`.

    Parameters
    ----------
    executor : None, concurrent.futures.Executor or callable
        None uses threads; a function must create an executor.
    number : int or None
        Number of workers.

    Returns
    -------
    ThreadWorkers or ExecutorWorkers

    Raises
    ------
    InputError
        When `executor` is none of these.

    Examples
    --------
    >>> as_workers(None, 4).number
    4
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


def _created(make: Callable[[], Executor]) -> Executor:
    executor = make()
    if not isinstance(executor, Executor):
        raise InputError(
            "`executor` must return a concurrent.futures.Executor when it is called, but returned "
            f"{type(executor).__name__}"
        )
    return executor

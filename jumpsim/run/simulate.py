"""The function `simulate`: checks all arguments, opens the store, and executes the run.

The number of workers, the size of the blocks and their order change no number: trajectory i
depends only on the plan and on i.
"""

import errno
import math
import numbers
import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

import numpy as np

from .. import units
from ..errors import InputError, StoreError, choices, whole_number
from ..model.base import BaseModel
from ..model.initial import Start, as_initial
from ..store import FileStore, MemoryStore, WritableStore, check_same_run, records, store_exists
from ..store.ensemble import Ensemble
from ..store.index_ranges import gaps
from ..store.outcome import Kind, Outcome
from ..store.paths import blocks_folder
from ..store.plan import Plan, as_record, as_seed
from ..store.same_trajectories import intersect
from ..store.shard import Shard
from ..store.unfinished import readable
from ..systems.twolevel.quantum_jumps import as_simulated
from ..units import as_times
from ..utils.files import AnyPath, as_path
from ..utils.labels import by_name
from ..utils.progress import Progress
from ..utils.resources import available_memory
from ..utils.typing import Array, Times
from .scheduler import Batch
from .stopping import Limits
from .workers import ExecutorWorkers, ThreadWorkers, as_workers

_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


def simulate(
    model: Any,
    times: Times,
    ntraj: int = 1000,
    initial: Start | None = None,
    seed: int | None = None,
    record: str | Sequence[str] | None = None,
    *,
    store: AnyPath | None = None,
    workers: int | None = None,
    executor: Executor | Callable[[], Executor] | None = None,
    progress: bool | None = None,
    timeout: float | str | None = None,
    target_sem: float | Mapping[str, float] | None = None,
    max_events: int | None = None,
    block_size: int | None = None,
    shared_folder: bool = False,
    shard: str | None = None,
) -> Ensemble:
    """Simulate trajectories of single events, each of them exact.

    Parameters
    ----------
    model : Model or TwoLevel
        Trajectories of a `Model` are jumps between counts. Those of a `systems.two_level_mode` or
        `systems.two_level_field` are quantum jumps of a Monte Carlo wave function, whose averages
        are those of the density matrix (W 18). Also accepted is the result of
        `theory.twolevel.quantised_mode` or `classical_field`, whose model is simulated.
    times : array_like of float or str, shape (n_times,)
        Times of the samples, in seconds or with a unit, increasing. A sample is the state after
        any jump at that instant.
    ntraj : int
        Number of trajectories; with `store`, the number that the file contains afterwards.
    initial : Thermal, Fixed, Mixture, mapping or sequence
        Initial state at t = 0, also when times[0] > 0. With a coherent exchange a Fock state, such
        as {"u": 1, "l": 0, "photon": 2} (no photon with a classical field), or a mixture of them.
    seed : int, optional
        0 ≤ seed < 2⁶⁴. Default: the seed of the file if it exists, else a random one, which is
        `Ensemble.seed`. Trajectory i of a seed does not depend on the other options.
    record : str or list of str, optional
        Quantities to store: "counts" (for wave functions expectation values, "expect") and
        cumulative "jumps" per channel at `times`, all "events" (time and channel), and of the
        samples "moments" (mean and covariance) or, for many pools, "variances" (mean and
        variance). Default only the samples.

    Other Parameters
    ----------------
    store : path, optional
        HDF5 file for the trajectories; default is memory. Trajectories that the file already
        contains are not simulated again.
    workers : int, optional
        Number of threads; default one per usable core. With `executor`, the number of workers that
        get blocks at the same time; default all.
    executor : concurrent.futures.Executor or callable, optional
        Runs the simulation instead of threads: processes, the `get_executor()` of a Dask client,
        MPI ranks. When it breaks, the run ends; a function that creates one is called again.
    progress : bool, optional
        Whether to show a progress bar on stderr; default when that is a terminal.
    timeout : float or str, optional
        Time in seconds (or with a unit) after which the finished trajectories are returned. With
        `store`, those that were begun are kept too, and the next call continues them.
    target_sem : float or mapping of pool to float, optional
        Stop when the standard error of the mean count is at most this, at every time (and in every
        named pool). It is checked after 256, 512, 1024 ... trajectories, up to `ntraj`. Where all n
        trajectories are still equal, √3/n is used instead of the unknown standard error.
    max_events : int, optional
        Largest number of events of a trajectory; more events are an error.
    block_size : int, optional
        Number of trajectories per block; default about one second of computing time.
    shared_folder : bool
        Workers write their blocks themselves. All of them must see the folder of `store` under the
        same name.
    shard : str, optional
        "k/K": simulate only part k of K of the indices, into a separate file next to `store`
        (NAME.shard-k-of-K.h5), without those that `store` contains; `compact` joins the files.

    Returns
    -------
    Ensemble

    Raises
    ------
    InputError
        An argument is not acceptable; nothing was simulated or written.
    StoreError
        The file cannot be used, or belongs to another run.
    WorkersError
        The executor is broken, or the connection to its scheduler is lost; with `store`, finished
        trajectories are kept.
    KeyboardInterrupt
        At SIGINT or SIGTERM; with `store`, trajectories are kept, finished or not.
    SimulationError
        A rate was negative or infinite, or a trajectory exceeded `max_events`.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
    >>> run = js.simulate(model, ["0 s", "1 us"], 5, initial={"N": 12, "m": 3}, seed=1)
    >>> run.counts.shape
    (5, 2, 2)
    >>> run.stop_reason
    'all 5 trajectories are there'
    """
    plan = _plan(model, times, initial, seed, record, store)
    ntraj = whole_number(ntraj, "ntraj", 0, 2**53)
    limits = Limits(
        timeout=math.inf if timeout is None else units.time(timeout, "timeout"),
        target_sem=_target(target_sem, plan),
        max_events=None if max_events is None else whole_number(max_events, "max_events", 1, 2**62),
        block_size=None if block_size is None else whole_number(block_size, "block_size", 1),
    )
    part = None if shard is None else Shard.parse(shard)
    if part and (seed is None or store is None or target_sem is not None):
        raise InputError(
            "`shard` needs a `seed` that all shards have in common, a `store`, and no "
            "`target_sem`, which would need the trajectories of all shards"
        )
    number = None if workers is None else whole_number(workers, "workers", 1, 10000)
    pool = as_workers(executor, number)
    if shared_folder and (store is None or pool.calls_proceed):
        raise InputError(
            "`shared_folder` needs a `store`, whose folder the workers share, and workers in other "
            "processes, such as those of --scheduler or --mpi"
        )
    if store is None:
        _check_memory(plan, ntraj)
    try:
        target = MemoryStore(plan) if store is None else _writable(store, plan, ntraj, part)
    except StoreError as error:
        kept = None
        if store is not None and error.errno in _READ_ONLY:
            kept = _complete(store, plan, ntraj, part)
        if kept is None:
            raise
        return Ensemble(kept, Outcome(Kind.COMPLETE, ntraj, already=True, shard=part), progress)
    outcome = _execute(target, ntraj, part, limits, pool, shared_folder, progress)
    if outcome.kind is Kind.INTERRUPTED:
        raise KeyboardInterrupt
    return Ensemble(target, outcome, progress)


def _execute(
    store: MemoryStore | WritableStore,
    ntraj: int,
    shard: Shard | None,
    limits: Limits,
    workers: ThreadWorkers | ExecutorWorkers,
    shared_folder: bool,
    progress: bool | None,
) -> Outcome:
    """Simulate the missing trajectories; the store is finished also after an error."""
    first, last = shard.span(ntraj) if shard else (0, ntraj)
    shared = store if shared_folder and isinstance(store, WritableStore) else None
    outcome = Outcome(Kind.ERROR)
    try:
        store.begin(ntraj)
        missing = store.missing(ntraj)
        with Progress(last - first, missing, progress) as bar:
            outcome = Batch(store, limits, workers, shared, bar).run(ntraj)
        outcome = replace(outcome, shard=shard)
    finally:
        store.finish(outcome, complete=not outcome.stopped_early)
    return outcome


def _plan(
    model: Any,
    times: Times,
    initial: Start | None,
    seed: int | None,
    record: str | Sequence[str] | None,
    store: AnyPath | None,
) -> Plan:
    """Plan from the arguments of `simulate`, all of them checked."""
    simulated: BaseModel = as_simulated(model)
    if initial is None:
        raise InputError(
            "`initial` must be given: jumpsim.Thermal(x=1.0), or a count for each pool"
        )
    start = as_initial(initial, simulated)
    start.check(simulated)
    return Plan(
        simulated,
        start,
        as_times(times),
        new_seed(store) if seed is None else as_seed(seed),
        as_record(record, simulated),
    )


def _target(target: Any, plan: Plan) -> Array | None:
    """Largest acceptable standard error of each column, (n_columns,); infinite without a limit."""
    if target is None:
        return None
    model = plan.model
    records.check_averages(model, plan.record, "`target_sem` needs")
    names = model.samples.names
    what = records.RECORDS[model.samples.record].dimension
    by_pool = by_name(target, "target_sem")
    if by_pool is None:
        by_pool = dict.fromkeys(names, target)
    if not by_pool:
        raise InputError(f"`target_sem` must name a {what}, but is empty")
    for name, value in by_pool.items():
        if name not in names:
            raise InputError(f"`target_sem`: unknown {what} {name!r}; " + choices(name, names))
        real = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not real or not value > 0:
            raise InputError(f"`target_sem` must be a count > 0, but is {value!r}")
    return np.array([float(by_pool.get(name, math.inf)) for name in names])


def new_seed(path: AnyPath | None = None) -> int:
    """Seed of an existing store, so that its run can be continued; else a random seed."""
    if path is not None and store_exists(path):
        return FileStore(path).plan.seed
    if path is not None and (begun := readable(blocks_folder(path))[0]):
        return begun[0].plan.seed
    return secrets.randbits(63)


def _writable(path: AnyPath, plan: Plan, ntraj: int, shard: Shard | None) -> WritableStore:
    """The store to write to; a shard omits the trajectories in the finished file of the run."""
    if shard is None:
        return WritableStore(path, plan)
    own, path = [shard.span(ntraj)], as_path(path, "store")
    if path.is_file():
        finished = FileStore(path)
        check_same_run(finished, plan)
        if finished.plan.record != plan.record:
            raise InputError(
                f"`record` must be that of {path} ({', '.join(finished.plan.record)}), because "
                "shards cannot change it; run again without `shard` to record more"
            )
        own = intersect(own, gaps(finished.ranges(), ntraj))
    return WritableStore(shard.path(path), plan, own or [(0, 0)])


def _complete(path: AnyPath, plan: Plan, ntraj: int, shard: Shard | None) -> FileStore | None:
    """The store that contains all of a run already, to be read only; None if there is none."""
    file = shard.path(path) if shard else path
    if not store_exists(file):
        return None
    found = FileStore(file)
    check_same_run(found, plan)
    own = shard.span(ntraj) if shard else (0, ntraj)
    missing = intersect(gaps(found.ranges(), ntraj), [own])
    return found if set(plan.record) <= set(found.plan.record) and not missing else None


def _check_memory(plan: Plan, ntraj: int) -> None:
    """Raise an error if the trajectories will not fit into memory."""
    columns = sum(len(records.columns(plan.model, name)) for name in plan.record)
    per_row = 8 * len(plan.times) * columns
    per_row += 8 if plan.keeps_trajectories else 0  # the number of events
    need, have = ntraj * per_row, available_memory()
    if have is not None and need > have:
        raise InputError(
            f"`ntraj` = {ntraj} trajectories need {need / 1e9:.1f} GB of memory, but "
            f'{have / 1e9:.1f} GB are free; give `store="run.h5"`, or record="moments"'
        )

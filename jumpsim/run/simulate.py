"""The one entry: convert, check, cut into blocks, hand them to workers, stop when it is time.

How the work is cut, by whom it is done and in which order it comes back changes no number:
trajectory i depends on the plan and on i alone.
"""

import math
import numbers
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from .. import units
from ..errors import InputError, choices, whole_number
from ..model.initial import as_initial
from ..store import FileStore, MemoryStore, WritableStore, check_same_run, records, store_exists
from ..store.ensemble import Ensemble
from ..store.index_ranges import gaps
from ..store.outcome import Kind, Outcome
from ..store.plan import Plan, as_record, as_seed
from ..store.same_trajectories import intersect
from ..store.shard import Shard
from ..systems.twolevel.quantum_jumps import as_simulated
from ..units import as_times
from ..utils.progress import Progress
from ..utils.resources import available_memory
from .scheduler import Batch
from .stopping import Limits
from .workers import as_workers


def simulate(
    model,
    times,
    ntraj=1000,
    initial=None,
    seed=None,
    record=None,
    *,
    store=None,
    workers=None,
    executor=None,
    progress=None,
    timeout=None,
    target_sem=None,
    max_events=None,
    block_size=None,
    shared_folder=False,
    shard=None,
):
    """Simulate trajectories of single events, each one exact.

    Parameters
    ----------
    model : Model or TwoLevel
        Trajectories of a `Model` are jumps between counts; those of a `systems.two_level_mode` or
        `systems.two_level_field` are quantum jumps of a Monte Carlo wave function, whose averages
        are those of the density matrix (W 18). The result of `theory.twolevel.quantised_mode` or
        `classical_field` stands for its model.
    times : array_like of float or str
        Times to keep in seconds, increasing. Samples are the state after any jump at that instant.
    ntraj : int
        Number of trajectories; with `store`, the number that the file holds afterwards.
    initial : Thermal, Fixed, Mixture, mapping or sequence
        The start, at t = 0, also when times[0] > 0. With a coherent exchange a Fock state, such as
        {"u": 1, "l": 0, "photon": 2} (no photon with a classical field), or a mixture of them.
    seed : int, optional
        0 ≤ seed < 2⁶⁴; None draws one, which the result tells. Trajectory i of a seed is one fixed
        thing, whatever the other arguments.
    record : str or list of str
        What to keep: "counts" (of a wave function expectation values, "expect") and cumulative
        "jumps" per channel at `times`, every "events" (time and channel), and the "moments" (mean
        and covariance) of the samples. Default the samples alone.

    Other Parameters
    ----------------
    store : path, optional
        HDF5 file to keep the trajectories in; None keeps them in memory. Trajectories that are
        already there are not simulated again.
    workers : int, optional
        Threads; default one per usable core. With `executor`, for how many workers it is given
        work; default as many as it has.
    executor : concurrent.futures.Executor or callable, optional
        Does the work instead: processes, a Dask client's `get_executor()`, MPI ranks. One that
        breaks ends the run; a function that makes one is called again.
    progress : bool, optional
        Show a bar on stderr; default when that is a terminal.
    timeout : float or str, optional
        Seconds after which to return what is done.
    target_sem : float or mapping of pool to float, optional
        Stop when the standard error of the mean count is at most this at every time (and in every
        pool named). Looks are taken after 256, 512, 1024 ... trajectories, `ntraj` at the most.
        Where no two trajectories differ yet, √3/n stands for the unknown standard error.
    max_events : int, optional
        Most events of a trajectory; one more is an error.
    block_size : int, optional
        Trajectories per block of work; default about a second's worth.
    shared_folder : bool
        Workers write their blocks themselves: all of them see the folder of `store` under the same
        name.
    shard : str
        "k/K": simulate part k of K of the indices alone, into a file of its own beside `store`
        (NAME.shard-k-of-K.h5), without those that `store` holds; `compact` puts all together.

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
        The executor is broken, or its scheduler gone; with `store`, what was finished is kept.
    KeyboardInterrupt
        At SIGINT or SIGTERM; with `store`, what was finished is kept.
    SimulationError
        A trajectory met a negative or infinite rate, or `max_events`.
    """
    # convert
    model = as_simulated(model)
    if initial is None:
        raise InputError(
            "`initial` must be given: jumpsim.Thermal(x=1.0), or a count for each pool"
        )
    initial = as_initial(initial, model)
    shard = None if shard is None else Shard.parse(shard)
    if shard and (seed is None or store is None or target_sem is not None):
        raise InputError(
            "`shard` needs a `seed` that all shards have in common, a `store`, and no "
            "`target_sem`, for which all trajectories would have to be known"
        )
    plan = Plan(
        model,
        initial,
        as_times(times),
        new_seed(store) if seed is None else as_seed(seed),
        as_record(record, model),
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
    if limits.target_sem is not None and not {model.samples.record, "moments"} & set(plan.record):
        raise InputError(f'`target_sem` needs record "{model.samples.record}" or "moments"')
    number = None if workers is None else whole_number(workers, "workers", 1, 10000)
    workers = as_workers(executor, number)
    if shared_folder and (store is None or workers.calls_proceed):
        raise InputError(
            "`shared_folder` needs a `store`, the folder of which is meant, and workers in other "
            "processes, such as those of --scheduler or --mpi"
        )
    if store is None:
        _check_memory(plan, ntraj)
    # run
    kept = MemoryStore(plan) if store is None else _writable(store, plan, ntraj, shard)
    span = shard.span(ntraj) if shard else (0, ntraj)
    outcome = Outcome(Kind.ERROR)
    try:
        kept.begin(ntraj)
        missing = kept.missing(ntraj)
        with Progress(span[1] - span[0], missing, progress) as bar:
            outcome = Batch(kept, limits, workers, shared_folder, bar).run(ntraj)
        outcome = replace(outcome, shard=shard)
    finally:
        kept.finish(outcome, complete=not outcome.stopped_early)
    if outcome.kind is Kind.INTERRUPTED:
        raise KeyboardInterrupt
    return Ensemble(kept, outcome, progress)


def _target(target, model):
    """Largest acceptable standard error of each column; infinite where it does not matter."""
    if target is None:
        return None
    names = model.samples.names
    what = records.RECORDS[model.samples.record].dimension
    by_pool = target if isinstance(target, Mapping) else dict.fromkeys(names, target)
    if not by_pool:
        raise InputError(f"`target_sem` must name a {what}, but is empty")
    for name, value in by_pool.items():
        if name not in names:
            raise InputError(f"`target_sem`: unknown {what} {name!r}; " + choices(name, names))
        if isinstance(value, bool) or not isinstance(value, numbers.Real) or not value > 0:
            raise InputError(f"`target_sem` must be a count > 0, but is {value!r}")
    return np.array([float(by_pool.get(name, math.inf)) for name in names])


def new_seed(path: str | Path | None = None) -> int:
    """The seed of what is stored already, so that a run can go on; else one from the system."""
    if path is not None and store_exists(path):
        return FileStore(path).plan.seed
    return secrets.randbits(63)


def _writable(path, plan, ntraj, shard):
    """The store to write to: of a shard without what the finished file of the run holds."""
    if shard is None:
        return WritableStore(path, plan)
    own = [shard.span(ntraj)]
    if Path(path).is_file():
        whole = FileStore(path)
        check_same_run(whole, plan)
        if whole.plan.record != plan.record:
            raise InputError(
                f"`record` must be that of {path} ({', '.join(whole.plan.record)}), to which "
                "shards cannot add; run it again without `shard` to have more"
            )
        own = intersect(own, gaps(whole.ranges(), ntraj))
    return WritableStore(shard.path(path), plan, own or [(0, 0)])


def _seconds(timeout):
    return math.inf if timeout is None else units.time(timeout, "timeout")


def _check_memory(plan, ntraj):
    """Refuse what will not fit before it starts."""
    columns = sum(len(records.columns(plan.model, name)) for name in plan.record)
    per_row = 8 * len(plan.times) * columns
    per_row += 8 if plan.keeps_trajectories else 0  # the number of events
    # Twice: blocks, and the one array they are joined into.
    need, have = 2 * ntraj * per_row, available_memory()
    if have is not None and need > have:
        raise InputError(
            f"`ntraj` = {ntraj} trajectories need {need / 1e9:.1f} GB of memory, but "
            f'{have / 1e9:.1f} GB are free; give `store="run.h5"`, or record="moments"'
        )

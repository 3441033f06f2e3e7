"""One long trajectory: averages over time, with errors from the scatter of blocks.

Trajectory `index` of a seed is identical, event for event, to that of `simulate`. It is sampled at
evenly spaced times. For each block of samples, only the exact sums and the jumps of each channel
are stored, so that memory does not grow with the number of events.
"""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from .. import engine, streams, units
from ..engine import Fault
from ..errors import InputError, StoreError, whole_number
from ..model.initial import Start, as_initial
from ..model.model import as_model
from ..statistics.moments import Moments
from ..store import long_run_file
from ..store.outcome import Kind, Outcome, restored
from ..store.plan import Plan, as_seed
from ..utils.differences import in_short
from ..utils.files import AnyPath, as_path
from ..utils.progress import Progress
from . import block_task
from .simulate import new_seed
from .stopping import stop_on_signals
from .time_averages import LongRun

_MOST_SAMPLES = 2**17  # in a block, and in all blocks that are simulated together
_COMMIT_SECONDS = 5.0


def long_run(
    model: Any, initial: Start, block: float | str, blocks: int, samples: int = 1000,
    seed: int | None = None, *, warmup: float | str = 0.0, index: int = 0,
    store: AnyPath | None = None, progress: bool | None = None,
    timeout: float | str | None = None,
) -> LongRun:  # fmt: skip
    """Simulate one trajectory for a long time, and average over time.

    Parameters
    ----------
    model : Model
    initial : Thermal, Fixed, Mixture, mapping or sequence
        Initial state at t = 0.
    block : float or str
        Length of a block in seconds, or with a unit such as "20 us"; it must be much longer than
        the correlation time of the system.
    blocks : int
        Number of blocks; with `store`, the number that the file contains afterwards.
    samples : int
        Number of samples in each block, evenly spaced, the last one at its end; at most 2¹⁷.
    seed : int, optional
        Default: the seed of the file if it exists, else a random one.

    Other Parameters
    ----------------
    warmup : float or str, optional
        Time in seconds before the first block, which is not averaged.
    index : int, optional
        Index of the trajectory.
    store : path, optional
        File to create or to continue; it is written every few seconds.
    progress : bool, optional
        Whether to show a progress bar on stderr; default when that is a terminal.
    timeout : float or str, optional
        Time in seconds after which the finished blocks are returned.

    Returns
    -------
    LongRun

    Raises
    ------
    InputError
        An argument is not acceptable.
    StoreError
        The file cannot be used, or belongs to another run.
    SimulationError
        A rate was negative or infinite.
    KeyboardInterrupt
        At SIGINT or SIGTERM; with `store`, finished blocks are kept.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
    >>> run = js.long_run(model, {"N": 12, "m": 3}, "20 us", blocks=10, samples=100, seed=1)
    >>> len(run), run.mean().sum().round(6)  # the number of quanta is conserved
    (10, np.float64(15.0))
    """
    initial = as_initial(initial, as_model(model))
    initial.check(model)
    begin = units.time(warmup, "warmup")
    length = units.time(block, "block")
    if not length > 0 or begin + length == begin:
        raise InputError(f"`block` must be a time > 0, but is {block!r}")
    blocks = whole_number(blocks, "blocks", 1, 2**31)
    samples = whole_number(samples, "samples", 1, _MOST_SAMPLES + 1)
    index = whole_number(index, "index", 0, 2**53)
    limit = math.inf if timeout is None else units.time(timeout, "timeout")
    path = None if store is None else as_path(store, "store")
    existing = open_long(path) if path is not None and path.exists() else None
    seed = (existing.plan.seed if existing else new_seed()) if seed is None else as_seed(seed)
    plan = Plan(model, initial, np.array([begin, begin + length]), seed, ("moments", "jumps"))
    no_sums = replace(Moments.zero((0, len(model.pools))), n=samples)
    no_jumps = np.zeros((0, len(model.channels)), np.int64)
    run = LongRun(plan, index, samples, np.zeros(0), no_sums, no_jumps)
    run.path = path
    if existing:
        _check_same(existing, run)
        run = existing
    return _Continuation(run).simulate(blocks, limit, progress)


def open_long(path: AnyPath) -> LongRun:
    """Open the file of a long run.

    Parameters
    ----------
    path : path

    Returns
    -------
    LongRun

    Raises
    ------
    StoreError
        When there is no such file, when it is not the file of a long run, or when it is damaged.
    """
    path = as_path(path)
    data, arrays, state = long_run_file.read(path)
    times, samples = arrays["time"], data["samples"]
    plan = Plan.fromdict(data, np.array(data["first_block"]))
    totals = Moments.from_words(samples, arrays["count_sum"], arrays["count_product_sum"])
    outcome = restored(data.get("outcome"), data["stop_reason"])
    return LongRun(
        plan, data["index"], samples, times, totals, arrays["jumps"], int(state["events"]),
        path, outcome, state,
    )  # fmt: skip


def _check_same(existing: LongRun, requested: LongRun) -> None:
    """Raise an error if the existing file belongs to another run than the requested one."""
    lines = existing.plan.differences(requested.plan)
    for name in ("index", "samples"):
        stored, given = getattr(existing, name), getattr(requested, name)
        if stored != given:
            lines.append(f"{name}: {stored} instead of {given}")
    if lines:
        raise StoreError(f"{existing.path}: belongs to another run: {in_short(lines)}")


class _Continuation:
    """Simulates the next blocks of a run, and writes them to its file."""

    def __init__(self, run: LongRun) -> None:
        self.run = run
        plan, model = run.plan, run.model
        start = plan.initial.draw(model, plan.seed, run.index, run.index + 1)[0]
        stream = streams.states(plan.seed, run.index, run.index + 1, streams.JUMPS)[0]
        self.trajectory = engine.Path(plan.method, model.engine_input, start, stream)
        if run.state:
            jumps = run.cumulative[-1]
            self.trajectory.go_on_from(**run.state, jumps=jumps)
        self.stopped = False

    def simulate(self, blocks: int, limit: float, show: bool | None) -> LongRun:
        """Simulate until the run has `blocks` blocks, for at most `limit` seconds."""
        run, deadline = self.run, time.monotonic() + limit
        before = len(run)
        outcome = Outcome(Kind.COMPLETE, blocks, already=before >= blocks, unit="blocks")
        run.outcome = None
        with (
            stop_on_signals(self._stop),
            engine.ended_with_runs(),
            Progress(blocks, [(min(before, blocks), blocks)], show, "block") as bar,
        ):

            def may_continue() -> bool:
                return not self.stopped and time.monotonic() < deadline

            def proceed(events: int) -> bool:
                bar.count(0, events)
                bar.note = "compiling, once; " if engine.compiling_now() else ""
                bar.refresh()
                return may_continue()

            block_task.prepare(run.plan, may_continue)
            written = time.monotonic()
            while len(run) < blocks:
                number = max(1, min(blocks - len(run), _MOST_SAMPLES // run.samples))
                if not (may_continue() and self._add_blocks(number, proceed)):
                    kind = Kind.INTERRUPTED if self.stopped else Kind.TIMEOUT
                    outcome = Outcome(kind, blocks, unit="blocks")
                    break
                bar.count(number, 0)
                if time.monotonic() - written > _COMMIT_SECONDS:
                    self._write()
                    written = time.monotonic()
        run.outcome = outcome
        if len(run) > before:
            self._write()
        if self.stopped:
            raise KeyboardInterrupt
        return run

    def _stop(self) -> None:
        self.stopped = True

    def _add_blocks(self, number: int, proceed: Callable[[int], bool]) -> bool:
        """Simulate the next blocks and add them to the run; False when `proceed` stopped it."""
        run, done = self.run, len(self.run)
        new = 1 if done else 0  # the state at the begin of the first block is also sampled
        ticks = np.arange(done * run.samples + new, (done + number) * run.samples + 1)
        times = run.plan.times[0] + run.block * (ticks / run.samples)
        try:
            counts, jumps = self.trajectory.sample(times, proceed)
        except Fault as fault:
            raise fault.explain(run.index, run.model.channels) from None
        if counts is None or jumps is None:
            return False
        counts = counts[1 - new :].reshape(number, run.samples, -1).swapaxes(0, 1)
        sums, ends = Moments.of(counts), slice(new * (run.samples - 1), None, run.samples)
        run.totals = Moments(
            run.samples,
            np.concatenate([run.totals.first, sums.first]),
            np.concatenate([run.totals.second, sums.second]),
        )
        run.times = np.concatenate([run.times, times[ends]])
        run.cumulative = np.concatenate([run.cumulative, jumps[ends]])
        run.events, run.state = self.trajectory.events, self.trajectory.state()
        return True

    def _write(self) -> None:
        run = self.run
        if run.path is None:
            return
        model = run.model
        data = run.plan.asdict() | {
            "index": run.index,
            "samples": run.samples,
            "first_block": run.plan.times.tolist(),
            "stop_reason": run.stop_reason,
            "outcome": run.outcome and run.outcome.asdict(),
        }
        first, second = run.totals.words()
        arrays = {
            "time": run.times,
            "count_sum": first,
            "count_product_sum": second,
            "jumps": run.cumulative,
        }
        names = {"pool": model.pools, "other_pool": model.pools, "channel": model.channels}
        long_run_file.write(run.path, data, arrays, run.state, names)

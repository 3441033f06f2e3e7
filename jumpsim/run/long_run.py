"""One long trajectory: averages over time, with errors from blocks of it.

Trajectory `index` of a seed is the one that `simulate` gives, event for event. It is sampled at
evenly spaced times; of each block of samples the exact sums are kept, and the jumps of each
channel, so that memory does not grow with the number of events.
"""

import math
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from .. import engine, streams, units
from ..engine import Fault
from ..errors import InputError, StoreError, whole_number
from ..model.initial import Fixed, as_initial
from ..model.model import as_model
from ..statistics.moments import Moments
from ..store import long_run_file
from ..store.outcome import Kind, Outcome, restored
from ..store.plan import Plan, as_seed
from ..utils.progress import Progress
from ..utils.text import readable_times
from .simulate import new_seed
from .stopping import noted_signals

_MOST_SAMPLES = 2**17  # of a block, and at a time
_COMMIT_SECONDS = 5.0


@dataclass(eq=False)
class LongRun:
    """Averages over time of one trajectory.

    Attributes
    ----------
    plan : Plan
        Its two times are the ends of the first block.
    index : int
        Of the trajectory.
    samples : int
        In each block.
    times : ndarray, shape (n_blocks + 1,)
        Seconds, the ends of the blocks.
    totals : Moments
        Exact sums over the samples of each block, shape (n_blocks, n_pools).
    cumulative : ndarray of int64, shape (n_blocks + 1, n_channels)
        Jumps of each channel up to these times.
    events : int
        From t = 0 on.
    path : Path or None
    outcome : store.outcome.Outcome or None
        Why the run ended; None while it goes on.
    """

    plan: Plan
    index: int
    samples: int
    times: np.ndarray
    totals: Moments
    cumulative: np.ndarray
    events: int = 0
    path: Path | None = None
    outcome: Outcome | None = None
    state: dict = field(default_factory=dict, repr=False)

    @property
    def stop_reason(self) -> str:
        """Why the run ended, in words; empty while it goes on."""
        return "" if self.outcome is None else str(self.outcome)

    @property
    def model(self):
        """The model."""
        return self.plan.model

    @property
    def start(self):
        """The counts at t = 0."""
        counts = self.plan.initial.draw(self.model, self.plan.seed, self.index, self.index + 1)[0]
        return Fixed(dict(zip(self.model.pools, counts.tolist(), strict=True)))

    @property
    def block(self):
        """Length of a block, seconds."""
        return float(self.plan.times[1] - self.plan.times[0])

    @property
    def means(self):
        """Average counts of each block, (n_blocks, n_pools)."""
        return self.totals.mean()

    @property
    def jumps(self):
        """Jumps of each channel in each block, (n_blocks, n_channels) int64."""
        return np.diff(self.cumulative, axis=0)

    def mean(self):
        """Average counts over all samples, (n_pools,)."""
        return self._total().mean()

    def cov(self):
        """Covariance of the counts over all samples, (n_pools, n_pools)."""
        return self._total().cov()

    def sem(self, joined=1):
        """Standard error of `mean` from the scatter of blocks, (n_pools,); NaN for one block.

        Parameters
        ----------
        joined : int
            Neighbours to join first. Where blocks are long enough it changes the error no more.
        """
        return _scatter(self.joined(joined))

    def joined(self, number):
        """Average counts of so many neighbouring blocks each, (n_blocks // number, n_pools)."""
        whole = len(self) // number
        return self.means[: whole * number].reshape(whole, number, -1).mean(axis=1)

    def cov_error(self):
        """Jackknife error over blocks of `cov`, (n_pools, n_pools)."""
        total, n, each = self._total(), len(self), self.totals
        if n < 2:
            return np.full(self.cov().shape, np.nan)
        first, second = total.first - each.first, total.second - each.second
        left = Moments(total.n - each.n, first, second).cov()
        return np.sqrt((n - 1) / n * ((left - left.mean(axis=0)) ** 2).sum(axis=0))

    def rates(self):
        """Jumps of each channel per second, (n_channels,)."""
        return self.jumps.mean(axis=0) / self.block

    def rates_error(self):
        """Standard error of `rates` from the scatter of blocks, (n_channels,)."""
        return _scatter(self.jumps / self.block)

    def correlation_times(self):
        """∫₀^∞ C(τ)/C(0) dτ of each pool from the scatter of blocks, seconds, (n_pools,).

        NaN where a count does not fluctuate. Blocks must be much longer than this.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.sem() ** 2 * len(self) * self.block / 2 / np.diag(self.cov())

    def neighbours(self):
        """Correlation of neighbouring blocks, (n_pools,): 0 ± 1/√n where they are long enough."""
        away = self.means - self.means.mean(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return (away[1:] * away[:-1]).sum(axis=0) / (away**2).sum(axis=0)

    def drift(self):
        """Second half minus first half of the blocks in standard errors, (n_pools,)."""
        half = len(self) // 2
        first, second = self.means[:half], self.means[half : 2 * half]
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.hypot(_scatter(first), _scatter(second))
            return (second.mean(axis=0) - first.mean(axis=0)) / error

    def _total(self):
        each = self.totals
        return Moments(each.n * len(self), each.first.sum(axis=0), each.second.sum(axis=0))

    def __len__(self):
        return len(self.totals.first)

    def __str__(self):
        lines = [
            f"one trajectory of {self.model.name}, over {len(self)} blocks of "
            f"{_readable(self.block)}, {self.samples} samples in each",
            f"  run       {self.events} events, seed {self.plan.seed}, trajectory {self.index}",
            f"  from      {_readable(self.plan.times[0])} on, until {_readable(self.times[-1])}",
            f"  kept      {self.path or 'in memory'}",
            f"  ended     {self.stop_reason or 'not yet'}",
        ]
        return "\n".join(lines)


def _readable(seconds):
    factor, unit = readable_times([seconds])
    return f"{seconds * factor:.6g} {unit}"


def _scatter(values):
    """Standard error of the mean of values, which are independent; NaN for fewer than two."""
    if len(values) < 2:
        return np.full(values.shape[1:], np.nan)
    return values.std(axis=0, ddof=1) / math.sqrt(len(values))


def long_run(
    model, initial, block, blocks, samples=1000, seed=None, *, warmup=0.0, index=0, store=None,
    progress=None, timeout=None,
):  # fmt: skip
    """Follow one trajectory for a long time, and average over it.

    Parameters
    ----------
    model : Model
    initial : Thermal, Fixed, Mixture, mapping or sequence
        The start, at t = 0.
    block : float or str
        Length of a block: seconds, or such as "20 us". Much longer than what the system remembers.
    blocks : int
        Their number; with `store`, the number that the file holds afterwards.
    samples : int
        Evenly spaced in each block, the last one at its end; at most 2¹⁷.
    seed : int, optional
        None draws one, which the result tells, or goes on with that of the file.

    Other Parameters
    ----------------
    warmup : float or str, optional
        Seconds before the first block, which are left out.
    index : int, optional
        Which trajectory of the seed.
    store : path, optional
        File to go on with, or to make; written every few seconds.
    progress : bool, optional
        Whether to show a bar; default when stderr is a terminal.
    timeout : float or str, optional
        Seconds after which to return what is done.

    Returns
    -------
    LongRun

    Raises
    ------
    InputError
        An argument is not acceptable.
    StoreError
        The file cannot be used, or belongs to another run.
    KeyboardInterrupt
        At SIGINT or SIGTERM; with `store`, what was finished is kept.
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
    path = None if store is None else Path(store)
    held = open_long(path) if path is not None and path.exists() else None
    seed = (held.plan.seed if held else new_seed()) if seed is None else as_seed(seed)
    plan = Plan(model, initial, np.array([begin, begin + length]), seed, ("moments", "jumps"))
    nothing = replace(Moments.zero((0, len(model.pools))), n=samples)
    jumps = np.zeros((0, len(model.channels)), np.int64)
    run = LongRun(plan, index, samples, np.zeros(0), nothing, jumps)
    run.path = path
    if held:
        _check_same(held, run)
        run = held
    return _Follower(run).follow(blocks, limit, progress)


def open_long(path):
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
        When there is no such file, or when it is not that of a long run, or damaged.
    """
    data, arrays, state = long_run_file.read(path)
    times, samples = arrays["time"], data["samples"]
    plan = Plan.fromdict(data, np.array(data["first_block"]))
    totals = Moments.from_words(samples, arrays["count_sum"], arrays["count_product_sum"])
    outcome = restored(data.get("outcome"), data["stop_reason"])
    return LongRun(
        plan, data["index"], samples, times, totals, arrays["jumps"], int(state["events"]),
        Path(path), outcome, state,
    )  # fmt: skip


def _check_same(held, asked):
    """Refuse to go on with another run."""
    lines = held.plan.differences(asked.plan)
    for name in ("index", "samples"):
        mine, theirs = getattr(held, name), getattr(asked, name)
        if mine != theirs:
            lines.append(f"{name}: {mine} against {theirs}")
    if lines:
        raise StoreError(f"{held.path}: belongs to another run: {'; '.join(lines[:3])}")


class _Follower:
    """Follows the trajectory of a run, and writes down what is finished."""

    def __init__(self, run):
        self.run = run
        plan, model = run.plan, run.model
        start = plan.initial.draw(model, plan.seed, run.index, run.index + 1)[0]
        stream = streams.states(plan.seed, run.index, run.index + 1, streams.JUMPS)[0]
        self.trajectory = engine.Path(model.engine, model.engine_input, start, stream)
        if run.state:
            jumps = run.cumulative[-1]
            self.trajectory.go_on_from(**run.state, jumps=jumps)
        self.stopped = False

    def follow(self, blocks, limit, show):
        """Go on until there are so many blocks; returns the run."""
        run, ends = self.run, time.monotonic() + limit
        held = len(run)
        outcome = Outcome(Kind.COMPLETE, blocks, already=held >= blocks, unit="blocks")
        run.outcome = None
        with (
            noted_signals(self._stop),
            Progress(blocks, [(min(held, blocks), blocks)], show, "block") as bar,
        ):

            def go_on():
                return not self.stopped and time.monotonic() < ends

            def proceed(events):
                bar.count(0, events)
                bar.refresh()
                return go_on()

            written = time.monotonic()
            while len(run) < blocks:
                number = max(1, min(blocks - len(run), _MOST_SAMPLES // run.samples))
                if not (go_on() and self._blocks(number, proceed)):
                    kind = Kind.INTERRUPTED if self.stopped else Kind.TIMEOUT
                    outcome = Outcome(kind, blocks, unit="blocks")
                    break
                bar.count(number, 0)
                if time.monotonic() - written > _COMMIT_SECONDS:
                    self._write()
                    written = time.monotonic()
        run.outcome = outcome
        if len(run) > held:
            self._write()
        if self.stopped:
            raise KeyboardInterrupt
        return run

    def _stop(self):
        self.stopped = True

    def _blocks(self, number, proceed):
        """Add the next blocks to the run; False when it was ended before."""
        run, done = self.run, len(self.run)
        new = 1 if done else 0  # the beginning of the first block is looked at too
        ticks = np.arange(done * run.samples + new, (done + number) * run.samples + 1)
        times = run.plan.times[0] + run.block * (ticks / run.samples)
        try:
            counts, jumps = self.trajectory.sample(times, proceed)
        except Fault as fault:
            raise fault.explain(run.index, run.model.channels) from None
        if counts is None:
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

    def _write(self):
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

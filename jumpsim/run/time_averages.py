"""The result of a long run: averages over time of one trajectory, with errors."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..model.base import BaseModel
from ..model.initial import Fixed
from ..statistics.jackknife import covering_error
from ..statistics.moments import Moments
from ..store.outcome import Outcome
from ..store.plan import Plan
from ..utils.text import readable_times
from ..utils.typing import Array, IntArray


@dataclass(eq=False)
class LongRun:
    """Averages over time of one trajectory.

    Attributes
    ----------
    plan : Plan
        Its two times are the begin and end of the first block.
    index : int
        Index of the trajectory.
    samples : int
        Number of samples in each block.
    times : ndarray, shape (n_blocks + 1,)
        Begin of the first block and ends of all blocks, in seconds.
    totals : Moments
        Exact sums over the samples of each block, shape (n_blocks, n_pools).
    cumulative : ndarray of int64, shape (n_blocks + 1, n_channels)
        Number of jumps of each channel from t = 0 up to `times`.
    events : int
        Number of events from t = 0 on.
    path : pathlib.Path or None
        The file; None for a run in memory.
    outcome : store.outcome.Outcome or None
        Why the run ended; None for a run in progress.
    state : dict
        State of the trajectory at the end, from which the run can be continued.
    """

    plan: Plan
    index: int
    samples: int
    times: Array
    totals: Moments
    cumulative: IntArray
    events: int = 0
    path: Path | None = None
    outcome: Outcome | None = None
    state: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def stop_reason(self) -> str:
        """Why the run ended, as a sentence; "" for a run in progress."""
        return "" if self.outcome is None else str(self.outcome)

    @property
    def model(self) -> BaseModel:
        """The model."""
        return self.plan.model

    @property
    def start(self) -> Fixed:
        """The counts at t = 0."""
        counts = self.plan.initial.draw(self.model, self.plan.seed, self.index, self.index + 1)[0]
        return Fixed(dict(zip(self.model.pools, counts.tolist(), strict=True)))

    @property
    def block(self) -> float:
        """Length of a block in seconds."""
        return float(self.plan.times[1] - self.plan.times[0])

    @property
    def means(self) -> Array:
        """Average counts of each block, (n_blocks, n_pools)."""
        return self.totals.mean()

    @property
    def jumps(self) -> IntArray:
        """Number of jumps of each channel in each block, (n_blocks, n_channels) int64."""
        return np.diff(self.cumulative, axis=0)

    def mean(self) -> Array:
        """Average counts over all samples, (n_pools,)."""
        return self._total().mean()

    def cov(self) -> Array:
        """Covariance of the counts over all samples, (n_pools, n_pools)."""
        return self._total().cov()

    def sem(self, joined: int = 1) -> Array:
        """Standard error of `mean` from the scatter of blocks, (n_pools,); NaN for one block.

        Parameters
        ----------
        joined : int
            Number of neighbouring blocks that are averaged first. If the blocks are long enough,
            the error does not depend on it.
        """
        return _scatter(self.joined(joined))

    def joined(self, number: int) -> Array:
        """Average counts of groups of `number` blocks, (n_blocks // number, n_pools)."""
        groups = len(self) // number
        return self.means[: groups * number].reshape(groups, number, -1).mean(axis=1)

    def cov_error(self) -> Array:
        """Jackknife error of `cov` over blocks, (n_pools, n_pools)."""
        total, n, each = self._total(), len(self), self.totals
        if n < 2:
            return np.full(self.cov().shape, np.nan)
        first, second = total.first - each.first, total.second - each.second
        left = Moments(total.n - each.n, first, second).cov()
        return np.sqrt((n - 1) / n * ((left - left.mean(axis=0)) ** 2).sum(axis=0))

    def rates(self) -> Array:
        """Average number of jumps of each channel per second, (n_channels,)."""
        return self.jumps.mean(axis=0) / self.block

    def rates_error(self) -> Array:
        """Standard error of `rates` from the scatter of blocks, (n_channels,)."""
        return _scatter(self.jumps / self.block)

    @property
    def spacing(self) -> float:
        """Time between two samples in seconds."""
        return self.block / self.samples

    def correlation_times(self) -> Array:
        """Correlation time ∫₀^∞ C(τ)/C(0) dτ of each pool, in seconds, (n_pools,).

        It is estimated from the scatter of the blocks, which must be much longer; that their length
        b is finite is corrected to first order, by τ²/b. A time below the spacing of the samples is
        not resolved: the estimate is then an upper bound, between half of the spacing and the
        spacing. NaN where a count does not fluctuate.
        """
        return self._correlation_times(self.sem() ** 2 * len(self), self._total())

    def correlation_times_error(self) -> Array:
        """Error of `correlation_times`, (n_pools,); NaN for fewer than three blocks.

        It contains the scatter of the blocks (`covering_error`, at least that of normally
        distributed averages), the error Δ²/12τ of the finite spacing Δ of the samples, and the
        correction for finite blocks, which is exact for one exponential decay only.
        """
        n, total = len(self), self._total()
        if n < 3:
            return np.full(len(self.model.pools), np.nan)
        away = self.means - self.means.mean(axis=0)
        scatter = ((away**2).sum(axis=0) - away**2 * n / (n - 1)) / (n - 2)  # without each block
        each = self.totals
        rest = Moments(total.n - each.n, total.first - each.first, total.second - each.second)
        times = self.correlation_times()
        normal = times * math.sqrt(2 / (n - 1)) * (1 + 10 / n)  # squares have (skewness)² = 8
        with np.errstate(divide="ignore", invalid="ignore"):
            squares = np.fmax(normal, covering_error(self._correlation_times(scatter, rest))) ** 2
            squares += (self.spacing**2 / 12 / times) ** 2 + (times**2 / self.block) ** 2
        return np.sqrt(squares)

    def _correlation_times(self, scatter: Array, total: Moments) -> Array:
        """From the variance of the block averages, and all samples."""
        with np.errstate(divide="ignore", invalid="ignore"):
            times = scatter * self.block / 2 / total.var()
        return times * (1 + times / self.block)

    def neighbours(self) -> Array:
        """Correlation coefficient of neighbouring blocks, (n_pools,); 0 ± 1/√n for long blocks."""
        away = self.means - self.means.mean(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return (away[1:] * away[:-1]).sum(axis=0) / (away**2).sum(axis=0)

    def drift(self) -> Array:
        """Mean of the second half minus that of the first half, in standard errors, (n_pools,)."""
        half = len(self) // 2
        first, second = self.means[:half], self.means[half : 2 * half]
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.hypot(_scatter(first), _scatter(second))
            return (second.mean(axis=0) - first.mean(axis=0)) / error

    def _total(self) -> Moments:
        each = self.totals
        return Moments(each.n * len(self), each.first.sum(axis=0), each.second.sum(axis=0))

    def __len__(self) -> int:
        return len(self.totals.first)

    def __str__(self) -> str:
        lines = [
            f"one trajectory of {self.model.name}, over {len(self)} blocks of "
            f"{_readable(self.block)}, {self.samples} samples in each",
            f"  run       {self.events} events, seed {self.plan.seed}, trajectory {self.index}",
            f"  from      {_readable(self.plan.times[0])} on, until {_readable(self.times[-1])}",
            f"  kept      {self.path or 'in memory'}",
            f"  ended     {self.stop_reason or 'not yet'}",
        ]
        return "\n".join(lines)


def _readable(seconds: float) -> str:
    factor, unit = readable_times([seconds])
    return f"{seconds * factor:.6g} {unit}"


def _scatter(values: Array) -> Array:
    """Standard error of the mean of independent values; NaN for fewer than two."""
    if len(values) < 2:
        return np.full(values.shape[1:], np.nan)
    return values.std(axis=0, ddof=1) / math.sqrt(len(values))

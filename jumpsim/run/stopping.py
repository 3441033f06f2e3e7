"""Conditions that end a run before all trajectories are simulated: limits and signals."""

import contextlib
import math
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

import numpy as np

from ..statistics.moments import Moments
from ..store.plan import Plan
from ..utils.typing import Array

FIRST_CHECK = 256  # smallest sample for which `target_sem` is checked


@dataclass(frozen=True)
class Limits:
    """Limits of a run and the size of its blocks: checked arguments of `simulate`.

    Attributes
    ----------
    timeout : float
        Seconds; infinite without a limit.
    target_sem : ndarray or None
        Largest acceptable standard error of each column of the samples, (n_columns,).
    max_events : int or None
        Largest number of events of a trajectory.
    block_size : int or None
        Number of trajectories in a block; None chooses it.
    """

    timeout: float
    target_sem: Array | None
    max_events: int | None
    block_size: int | None


@contextlib.contextmanager
def stop_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at the first SIGINT or SIGTERM; the next one has the usual effect.

    In other threads than the main thread, which cannot receive signals, this does nothing.
    """
    before: dict[signal.Signals, Any] = {}

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop()
        for number, handler in before.items():
            signal.signal(number, handler)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def achieved_sem(moments: Moments, plan: Plan) -> Array:
    """Standard errors that are compared with `target_sem`, (n_times, n_columns).

    Where all n trajectories agree at a time t > 0, the sample only shows that a deviation has a
    probability below about 3/n; the standard error √3/n of such an event is used instead of 0.
    """
    sem = moments.sem() * plan.model.samples.unit
    unknown = (sem == 0) & (plan.times > 0)[:, None]
    return np.where(unknown, math.sqrt(3) / moments.n, sem)

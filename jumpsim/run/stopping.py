"""What may end a run before all trajectories are simulated: limits and signals."""

import contextlib
import math
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..statistics.moments import Moments
from ..store.plan import Plan

FIRST_LOOK = 256  # smallest sample at which `target_sem` may stop a run


@dataclass(frozen=True)
class Limits:
    """Limits of a run and the size of its blocks: checked arguments of `simulate`."""

    timeout: float
    target_sem: np.ndarray | None
    max_events: int | None
    block_size: int | None


@contextlib.contextmanager
def noted_signals(act: Callable[[], None]) -> Iterator[None]:
    """Let SIGINT and SIGTERM call `act` to stop in order; a second one acts as it did before."""
    before: dict[int, Any] = {}

    def note(*_):
        act()
        for number, handler in before.items():
            signal.signal(number, handler)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def achieved_sem(moments: Moments, plan: Plan) -> np.ndarray:
    """Standard errors that `target_sem` is compared with, (n_times, n_columns).

    Where all n trajectories agree after t = 0, the sample shows only that differences are rarer
    than about 3/n; the standard error of such an event, √3/n, stands for the unknown one.
    """
    sem = moments.sem() * plan.model.samples.unit
    unknown = (sem == 0) & (plan.times > 0)[:, None]
    return np.where(unknown, math.sqrt(3) / moments.n, sem)

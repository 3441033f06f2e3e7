"""What ends a run before it is complete."""

import contextlib
import math
import signal
import threading
from dataclasses import dataclass

import numpy as np

# Why a run ended before it was complete.
TIMEOUT, INTERRUPTED = "timeout", "interrupted"


FIRST_LOOK = 256  # smallest sample at which `target_sem` may stop a run


@dataclass(frozen=True)
class Limits:
    """What may end a run, and how it is cut; parsed arguments of `simulate`."""

    timeout: float
    target_sem: np.ndarray | None
    max_events: int | None
    block_size: int | None


@contextlib.contextmanager
def noted_signals(act):
    """Let SIGINT and SIGTERM call `act` for an orderly stop; a second one acts as it did before."""
    before = {}

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


def achieved_sem(moments, plan):
    """Standard errors that `target_sem` is compared with, (n_times, n_columns).

    Where all n trajectories agree after t = 0, the sample knows only that differences are rarer
    than about 3/n; the standard error of such an event, √3/n, stands for the unknown one.
    """
    sem = moments.sem() * plan.model.sample_unit
    unknown = (sem == 0) & (plan.times > 0)[:, None]
    return np.where(unknown, math.sqrt(3) / moments.n, sem)

"""Progress bars on stderr: work done, speed, and remaining time."""

import sys
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm

_DELAY = 0.5  # seconds before the bar of a read appears


def reading(ntraj: int, what: str, show: bool | None = None) -> "tqdm[Any]":
    """Progress bar for trajectories read from a store; appears only when reading takes a while.

    Parameters
    ----------
    ntraj : int
        Number of trajectories to read.
    what : str
        Name of the data in the label of the bar.
    show : bool or None
        None shows the bar when stderr is a terminal.

    Returns
    -------
    tqdm.tqdm
        A context manager; ``update(n)`` counts n trajectories.
    """
    from tqdm import tqdm

    return tqdm(
        total=ntraj, desc=f"reading {what}", unit=" traj", unit_scale=True, file=sys.stderr,
        leave=False, delay=_DELAY, disable=None if show is None else not show,
    )  # fmt: skip


def step(text: str, show: bool | None = None) -> None:
    """Print a message about the current step to stderr; by default only on a terminal."""
    if sys.stderr.isatty() if show is None else show:
        print(text, file=sys.stderr, flush=True)


class Progress:
    """Progress bar of a run on stderr; any thread may count, only the main thread draws.

    Parameters
    ----------
    ntraj : int
        Number of trajectories of the complete run.
    missing : list of (first, last)
        Ranges of trajectories that are still to be simulated.
    show : bool or None
        None shows the bar when stderr is a terminal.
    unit : str
        Name of the counted items.

    Attributes
    ----------
    note : str
        Text before the number of events per second.

    Examples
    --------
    >>> with Progress(100, [(0, 100)], show=False) as progress:
    ...     progress.count(rows=50, events=1000)
    ...     progress.refresh()
    """

    def __init__(
        self,
        ntraj: int,
        missing: Sequence[tuple[int, int]],
        show: bool | None = None,
        unit: str = "traj",
    ) -> None:
        self._lock = threading.Lock()
        self._rows = self._events = 0
        self._bar: Any = None
        self.note = ""
        if sys.stderr.isatty() if show is None else show:
            from tqdm import tqdm

            left = sum(last - first for first, last in missing)
            self._bar = tqdm(
                total=ntraj, initial=ntraj - left, unit=f" {unit}", unit_scale=True,
                file=sys.stderr,
            )  # fmt: skip
            self._bar.set_postfix_str("preparing the kernel")
        self._began: float | None = None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.refresh()
        if self._bar is not None:
            self._bar.close()

    def count(self, rows: int, events: int) -> None:
        """Add finished trajectories and events."""
        with self._lock:
            self._rows += rows
            self._events += events

    def refresh(self) -> None:
        """Draw the bar with all that has been counted."""
        if self._bar is None:
            return
        with self._lock:
            rows, self._rows = self._rows, 0
            events = self._events
        self._began = self._began or time.monotonic()
        elapsed = time.monotonic() - self._began
        if elapsed > 0:
            rate = f"{self.note}{events / elapsed / 1e6:.1f} M events/s"
            self._bar.set_postfix_str(rate, refresh=False)
        self._bar.update(rows)

"""Progress bars on stderr: what is done, how fast, and the time left."""

import sys
import threading
import time

_DELAY = 0.5  # seconds


def reading(ntraj, what, show=None):
    """Bar over trajectories that are read from a store; appears only when it takes a while.

    Parameters
    ----------
    ntraj : int
    what : str
    show : bool or None
        None shows a bar when stderr is a terminal.

    Returns
    -------
    context manager
        A `tqdm.tqdm`, whose `update(n)` counts.
    """
    from tqdm import tqdm

    return tqdm(
        total=ntraj, desc=f"reading {what}", unit=" traj", unit_scale=True, file=sys.stderr,
        leave=False, delay=_DELAY, disable=None if show is None else not show,
    )  # fmt: skip


def step(text, show=None):
    """Say on stderr what is being done; unless told otherwise when that is a terminal."""
    if sys.stderr.isatty() if show is None else show:
        print(text, file=sys.stderr, flush=True)


class Progress:
    """A bar on stderr, or nothing; counted up from any thread, drawn by the main one.

    Parameters
    ----------
    ntraj : int
        Trajectories that are wanted.
    missing : list of (first, last)
        Those that are not there yet.
    show : bool or None
        None shows a bar when stderr is a terminal.
    unit : str
        What is counted.

    Attributes
    ----------
    note : str
        Shown before the rate.
    """

    def __init__(self, ntraj, missing, show=None, unit="traj"):
        self._lock = threading.Lock()
        self._rows = self._events = 0
        self._bar, self.note = None, ""
        if sys.stderr.isatty() if show is None else show:
            from tqdm import tqdm

            left = sum(last - first for first, last in missing)
            self._bar = tqdm(
                total=ntraj, initial=ntraj - left, unit=f" {unit}", unit_scale=True,
                file=sys.stderr,
            )  # fmt: skip
            self._bar.set_postfix_str("preparing the kernel")
        self._began = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.refresh()
        if self._bar is not None:
            self._bar.close()

    def count(self, rows, events):
        """Add finished trajectories and events."""
        with self._lock:
            self._rows += rows
            self._events += events

    def refresh(self):
        """Draw what has been counted."""
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

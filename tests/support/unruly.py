"""A run for executors of every kind, and executors that misbehave."""

import concurrent.futures as cf
import pickle
import random
import threading

import jumpsim as js
from support.systems import SMALL_WAVEGUIDE

TIMES = [0.0, 0.3, 1.0]
THERMAL = js.Thermal(1.0)
RECORD = ["counts", "jumps", "events", "moments", "variances"]
NTRAJ = 300


def run(ntraj=NTRAJ, **options):
    options = {"record": RECORD, "block_size": 7} | options
    return js.simulate(SMALL_WAVEGUIDE, TIMES, ntraj, THERMAL, 9, **options)


class Unruly(cf.Executor):
    """Does a task whenever it likes; loses some of them.

    Parameters
    ----------
    seed : int
    lose : callable
        Given the random numbers and the future, it may bring it to nothing and say so.
    """

    _max_workers = 3

    def __init__(self, seed=0, lose=lambda *_: False):
        self.random, self.lose = random.Random(seed), lose
        self.waiting, self.most, self.submitted, self.cancelled = [], 0, 0, 0
        self.lock, self.open = threading.Condition(), True
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def submit(self, function, *arguments):
        """Keep a task for later."""
        future = cf.Future()
        # As in another process: everything travels as bytes.
        with self.lock:
            self.waiting.append((future, pickle.dumps((function, arguments))))
            self.submitted += 1
            self.most = max(self.most, len(self.waiting))
            self.lock.notify()
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):  # noqa: ARG002
        """End the thread."""
        with self.lock:
            self.open = False
            self.lock.notify()
        self.thread.join(30)

    def _work(self):
        while self.open:
            with self.lock:
                self.lock.wait_for(lambda: self.waiting or not self.open)
                if not self.waiting:
                    return
                future, task = self.waiting.pop(self.random.randrange(len(self.waiting)))
            if self.lose(self.random, future):
                self.cancelled += 1
                continue
            if not future.set_running_or_notify_cancel():
                continue
            function, arguments = pickle.loads(task)
            try:
                future.set_result(pickle.loads(pickle.dumps(function(*arguments))))
            except Exception as error:
                future.set_exception(pickle.loads(pickle.dumps(error)))


def cancel_every(n, most=3):
    """Cancel one future in n, as Dask does when the scheduler comes back without memory."""
    left = iter(range(most))

    def lose(numbers, future):
        if numbers.randrange(n) or next(left, None) is None:
            return False
        future.cancel()
        future.set_running_or_notify_cancel()
        return True

    return lose

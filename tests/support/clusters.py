"""Real Dask clusters for tests: a scheduler and workers as processes that can be killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time


class Cluster:
    """A scheduler and workers of one thread on this machine; a context manager.

    Parameters
    ----------
    folder : path
        For the scheduler's file and what the processes say.
    workers : int
    before : sequence of str
        Command that starts the command of a worker.
    environment
        More variables for the workers.
    """

    def __init__(self, folder, workers=2, before=(), **environment):
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.before, self.environment = before, environment
        self.processes = []
        self.workers = []
        self.wanted = workers

    def __enter__(self):
        self.start_scheduler()
        deadline = time.monotonic() + 60
        while not self.file.exists() or not self.file.read_text().endswith("}"):
            assert time.monotonic() < deadline, "no scheduler"
            time.sleep(0.05)
        self.address = json.loads(self.file.read_text())["address"]
        for _ in range(self.wanted):
            self.add_worker()
        return self

    def __exit__(self, *_):
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def start_scheduler(self, port="0"):
        """Start a scheduler, at a port of one that was there before."""
        self.scheduler = self._start(
            "scheduler", "--no-dashboard", "--host", "127.0.0.1", "--port", port,
            "--scheduler-file", str(self.file),
        )  # fmt: skip

    def add_worker(self):
        """Start one more worker, without anyone who would start it again."""
        self.workers.append(
            self._start(
                "worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
                "--local-directory", str(self.folder), before=self.before, **self.environment,
            )
        )  # fmt: skip

    def kill(self, process):
        """Kill with all that belongs to it."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _start(self, *arguments, before=(), **environment):
        with open(self.folder / "printed", "a") as printed:
            process = subprocess.Popen(
                [*before, sys.executable, "-m", "dask", *arguments],
                stdout=printed,
                stderr=printed,
                start_new_session=True,
                env={**os.environ, **environment},
                cwd=self.folder,
            )
        self.processes.append(process)
        return process

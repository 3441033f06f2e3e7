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
    environment
        More variables for the workers.
    """

    def __init__(self, folder, workers=2, **environment):
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.environment = environment
        self.processes = []
        self.workers = []
        self.wanted = workers

    def __enter__(self):
        self.scheduler = self._start(
            "scheduler", "--no-dashboard", "--host", "127.0.0.1", "--port", "0",
            "--scheduler-file", str(self.file),
        )  # fmt: skip
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

    def add_worker(self):
        """Start one more worker, without anyone who would start it again."""
        self.workers.append(
            self._start(
                "worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
                "--local-directory", str(self.folder), **self.environment,
            )
        )  # fmt: skip

    def kill(self, process):
        """Kill with all that belongs to it."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _start(self, *arguments, **environment):
        with open(self.folder / "told", "a") as told:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments],
                stdout=told,
                stderr=told,
                start_new_session=True,
                env={**os.environ, **environment},
                cwd=self.folder,
            )
        self.processes.append(process)
        return process

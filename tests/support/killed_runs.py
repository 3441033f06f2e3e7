"""What the tests of survival share: a short run as a process that can be killed or slowed down.

As a program, `survival.py OPTIONS run SPEC -o OUT ...` is `jumpsim run` with the places made slow
and the commits made frequent that OPTIONS (JSON) names:

commit    seconds between commits
pause     seconds that a worker rests after each block
states    seconds after which the state of an unfinished trajectory is written
finished  file that takes a line for each block that a worker has finished
held      file that takes what the store holds when a run is put together
slow      [place, seconds]: rest there while a run is put together; place is "write", "rename",
          "renamed" or "unlink"
reached   file that is made when that place is reached
executor  "spawn" or "fork": `simulate` with processes, and not the command
"""

import contextlib
import faulthandler
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).parents[2]
NTRAJ, BLOCK = 200, 10
SPEC = f"""
system = "open_waveguide"
[parameters]
tls = 100
modes = 100
gamma_dec = "10 kHz"
gamma_0 = "10 kHz"
gamma_tilde = ["10 MHz", 0]
gamma_tilde_wg = ["10 MHz", 0]
[start]
thermal = 1.0
[times]
stop = "2 us"
points = 41
[run]
ntraj = {NTRAJ}
seed = 7
record = ["counts", "jumps", "events"]
block_size = {BLOCK}
"""


def prepared(folder, text=SPEC):
    """File of a run that nothing disturbs, from a parameter file of this text."""
    from jumpsim.cli.main import main

    (folder / "spec.toml").write_text(text)
    assert main(["run", str(folder / "spec.toml"), "-o", str(folder / "out.h5"), "-q"]) == 0
    return folder / "out.h5"


class Run:
    """A run as a process of its own; a context manager that leaves no process behind.

    Parameters
    ----------
    spec, out : path
    arguments
        More of the command line.
    how : str
        "fork" of this process (which is quick), "process" (this file as a program), or "plain"
        (`python -m jumpsim`, where options are ignored).
    options
        As the module says.
    """

    def __init__(self, spec, out, *arguments, how="fork", **options):
        self.out = Path(out)
        options = {"commit": 0, **options}
        command = ["run", str(spec), "-o", str(out), "-q", *map(str, arguments)]
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end
        if how == "fork":
            self._child = None
            self.pid = fork(lambda: _main(options, command), self._stderr)
        else:
            program = ["-m", "jumpsim"] if how == "plain" else [__file__, json.dumps(options)]
            self._child = subprocess.Popen(
                [sys.executable, *program, *command],
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                start_new_session=True,  # its workers are of its group
            )
            self.pid = self._child.pid
        self.status = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.wait()
        self._stderr.close()

    def poll(self):
        """Exit status, or None while it runs."""
        if self.status is None and self._child is not None:
            self.status = self._child.poll()
        elif self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if pid else None
        return self.status

    def wait(self, seconds=120):
        """Wait for the end; returns the exit status."""
        self.wait_for(lambda: False, seconds)
        return self.status

    def wait_for(self, condition, seconds=60):
        """Wait until the condition holds or the process has ended."""
        deadline = time.monotonic() + seconds
        while not condition() and self.poll() is None:
            assert time.monotonic() < deadline, "the run never came there"
            time.sleep(0.002)

    def begun(self):
        """Whether it has its folder."""
        return (blocks_folder(self.out) / "run.json").exists() or self.out.exists()

    def signal(self, number):
        """Send a signal to the process, and not to its workers."""
        assert self.poll() is None, f"ended too early: {self.end()}"
        os.kill(self.pid, number)

    def end(self, seconds=120):
        """Exit status and stderr, after the end."""
        self.wait(seconds)
        self._stderr.seek(0)
        return self.status, self._stderr.read().decode(errors="replace")


def completed(spec, out, *arguments, **options):
    """Run to the end; returns the exit status and stderr."""
    with Run(spec, out, *arguments, **options) as run:
        return run.end()


def blocks_folder(out):
    return out.with_name(f"{out.name}.blocks")


def blocks(out):
    """Committed blocks: what would change if one were written again."""
    found = {}
    for file in sorted(blocks_folder(out).glob("traj-*.h5")):
        with contextlib.suppress(FileNotFoundError):
            state = file.stat()
            digest = hashlib.blake2b(file.read_bytes()).hexdigest()
            found[file.name] = [state.st_ino, state.st_mtime_ns, digest]
    return found


def indices(names):
    """Trajectories that blocks of these names hold."""
    return {i for name in names for i in range(int(name[5:17]), int(name[18:30]))}


def temporaries(out):
    return [*out.parent.glob(".*.tmp"), *blocks_folder(out).glob(".*.tmp")]


def datasets(path):
    """Every dataset of a file by name, and the attributes that a rerun must give again."""
    import h5py

    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}))
        for name in ("run", "ranges", "events", "checksum", "header_checksum"):
            found[f"attribute {name}"] = file.attrs[name]
    return found


def assert_same(path, reference):
    import numpy as np

    a, b = datasets(path), datasets(reference)
    assert a.keys() == b.keys()
    for name in a:
        assert np.asarray(a[name]).dtype == np.asarray(b[name]).dtype, name
        assert np.array_equal(a[name], b[name]), name


def assert_nothing_left(out):
    """Assert that a finished run has left its file, and nothing beside it."""
    assert out.is_file()
    assert not blocks_folder(out).exists(), list(blocks_folder(out).iterdir())
    assert not temporaries(out)


def assert_one_line(printed):
    assert printed.startswith("jumpsim "), printed
    assert printed.endswith("\n"), printed
    assert printed.count("\n") == 1, printed
    assert "Traceback" not in printed


def in_child(function, seconds=60, memory=None):
    """Call in a forked child.

    Returns
    -------
    int
        What the function returned, 99 after an exception, minus the signal that ended the child.
    str
        stderr of the child.
    """
    with tempfile.TemporaryFile() as printed:
        _, status = os.waitpid(fork(function, printed, seconds, memory), 0)
        printed.seek(0)
        return os.waitstatus_to_exitcode(status), printed.read().decode(errors="replace")


def fork(function, printed, seconds=0, memory=None):
    """Call in a child, stderr of which goes to the file `printed`; returns its process id."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads that numpy may have
        child = os.fork()
    if child == 0:
        _as_child(function, printed.fileno(), seconds, memory)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.setpgid(child, child)  # here and there: the first to come does it
    return child


def _as_child(function, printed, seconds, memory):
    status = 99
    try:
        os.setpgid(0, 0)
        faulthandler.disable()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(printed, 2)
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - not pytest's
        sys.stderr = open(2, "w", closefd=False, buffering=1)  # noqa: SIM115
        warnings.resetwarnings()  # as in a process of its own
        warnings.simplefilter("ignore", DeprecationWarning)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.alarm(seconds)
        if memory is not None:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        status = function()
        status = 0 if status is None else status
    except SystemExit as end:
        status = end.code
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stderr.flush()
        os._exit(status)


def _main(options, arguments):
    import jumpsim.run.scheduler
    from jumpsim.run import workers
    from jumpsim.store import disk

    jumpsim.run.scheduler._COMMIT_SECONDS = options.get(
        "commit", jumpsim.run.scheduler._COMMIT_SECONDS
    )
    if "states" in options:
        workers._PAUSE_SECONDS = workers.ThreadWorkers.pause_seconds = options["states"]
    _slow_down(options, disk.WritableStore)
    run_block = jumpsim.run.block_task.run_block

    def noted(*given):
        result = run_block(*given)
        if "finished" in options:
            with open(options["finished"], "a") as file:
                file.write(f"{result[0].first} {result[0].last}\n")
        time.sleep(options.get("pause", 0))
        return result

    if "executor" in options:
        return _in_processes(options["executor"], arguments)
    if {"finished", "pause"} & set(options):
        jumpsim.run.block_task.run_block = noted
    from jumpsim.cli.main import main

    return main(arguments)


def _slow_down(options, store):
    from jumpsim.store import chunks

    place, seconds = options.get("slow", (None, 0))
    together = threading.Event()
    compact, replace, unlink = store._compact, os.replace, Path.unlink
    cut = chunks.cut

    def rest(here):
        if together.is_set() and here == place:
            Path(options["reached"]).touch()
            time.sleep(seconds)

    def noted_compact(self, *given):
        if "held" in options:
            Path(options["held"]).write_text(json.dumps(blocks(self.path)))
        together.set()
        return compact(self, *given)

    def slow_replace(*given, **named):
        rest("rename")
        replace(*given, **named)
        rest("renamed")

    def slow_unlink(*given, **named):
        rest("unlink")
        unlink(*given, **named)

    def slow_cut(*given):
        for chunk in cut(*given):
            rest("write")
            yield chunk

    store._compact = noted_compact
    if place is not None:
        os.replace, Path.unlink = slow_replace, slow_unlink
        chunks.cut = slow_cut


def _in_processes(kind, arguments):
    import concurrent.futures
    import multiprocessing

    import jumpsim as js

    spec = js.load_spec(arguments[1])
    context = multiprocessing.get_context(kind)
    with concurrent.futures.ProcessPoolExecutor(2, context) as executor:
        js.simulate(
            spec.model,
            spec.times,
            initial=spec.initial,
            store=arguments[3],
            executor=executor,
            progress=False,
            **spec.run,
        )
    return 0


if __name__ == "__main__":
    sys.exit(_main(json.loads(sys.argv[1]), sys.argv[2:]))

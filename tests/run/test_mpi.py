"""Runs on the ranks of a real MPI job, which are killed; and jobs that cannot be used."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from support.killed_runs import (
    SPEC,
    assert_nothing_left,
    assert_one_line,
    assert_same,
    blocks_folder,
    prepared,
)

import jumpsim as js

pytest.importorskip("mpi4py")
if shutil.which("mpiexec") is None:
    pytest.skip("no mpiexec", allow_module_level=True)

pytestmark = pytest.mark.slow

LONG = SPEC.replace('"2 us"', '"2 ms"').replace("ntraj = 200", "ntraj = 16000")
LONG = LONG.replace(', "events"', "")


@pytest.fixture(scope="module")
def long_reference(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("long"), LONG)


def mpiexec(ranks, *arguments, program=("-m", "jumpsim", "run", "spec.toml", "-o", "out.h5", "-q")):
    """An MPI job as a process group of its own; a context manager that leaves nothing behind."""
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    room = {
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    }
    return subprocess.Popen(
        ["mpiexec", "-n", str(ranks), sys.executable, *program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | root | room,
        start_new_session=True,
    )


def end(job, seconds=90):
    """Exit status, and what jumpsim itself said; a hang is a failure."""
    try:
        _, printed = job.communicate(timeout=seconds)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(job.pid, signal.SIGKILL)
    assert "Traceback" not in printed
    assert "finalize" not in printed  # what mpiexec says of ranks that just vanish
    said = [line for line in printed.splitlines(keepends=True) if line.startswith("jumpsim")]
    return job.returncode, "".join(said)


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("more", [(), ("--shared-folder",)])
def test_ranks_give_the_same_file(ranks, more, folder, reference):
    assert end(mpiexec(ranks, "--mpi", *more)) == (0, "")
    assert_same(folder / "out.h5", reference)
    assert_nothing_left(folder / "out.h5")
    assert end(mpiexec(ranks, "--mpi", *more)) == (0, "")  # nothing to do


def test_the_library_takes_a_pool_of_ranks(folder, reference):
    (folder / "script.py").write_text(
        "import jumpsim as js\n"
        "from mpi4py.futures import MPIPoolExecutor\n"
        "if __name__ == '__main__':\n"
        "    spec = js.load_spec('spec.toml')\n"
        "    with MPIPoolExecutor() as pool:\n"
        "        js.simulate(spec.model, spec.times, initial=spec.initial, store='out.h5',\n"
        "                    executor=pool, progress=False, **spec.run)\n"
    )
    assert end(mpiexec(3, program=("-m", "mpi4py.futures", "script.py"))) == (0, "")
    assert_same(folder / "out.h5", reference)


def test_what_cannot_be_run(folder):
    (folder / "bad.toml").write_text(SPEC.replace("tls = 100", "tls = -1"))
    program = ("-m", "jumpsim", "run", "bad.toml", "-o", "out.h5", "--mpi")
    status, printed = end(mpiexec(3, program=program))
    assert status == 2
    assert_one_line(printed)  # and not one for each rank
    assert "`tls` must be a whole number" in printed
    status, printed = end(mpiexec(1, "--mpi"))
    assert status == 2
    assert_one_line(printed)
    assert "`--mpi` needs at least two ranks" in printed
    status, printed = end(mpiexec(3, "--mpi", "--max-events", "3"))
    assert status == 2
    assert_one_line(printed)
    assert "more events than `max_events` = 3" in printed
    assert not (folder / "out.h5").exists()


def ranks_of(job):
    """Process ids of the ranks, in their order."""
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(job.pid)], capture_output=True, text=True, check=True
    )
    return sorted(map(int, found.stdout.split()))


@pytest.mark.parametrize("what", ["driver", "worker", "SIGTERM", "SIGINT", "limit"])
def test_a_job_that_is_ended_goes_on(what, folder, long_reference):
    (folder / "spec.toml").write_text(LONG)
    job = mpiexec(3, "--mpi", *(["--time-limit", "3 s"] if what == "limit" else []))
    deadline = time.monotonic() + 60
    while not list(blocks_folder(folder / "out.h5").glob("traj-*")):
        assert job.poll() is None, job.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    before = {p.name: p.read_bytes() for p in blocks_folder(folder / "out.h5").glob("traj-*")}
    if what in ("driver", "worker"):
        os.kill(ranks_of(job)[0 if what == "driver" else -1], signal.SIGKILL)
    elif what != "limit":
        job.send_signal(getattr(signal, what))
    status, printed = end(job, 30)
    assert status != 0
    assert printed.count("\n") <= 1  # not one for each rank
    if what == "limit":
        assert status == 75
        assert_one_line(printed)
    left = {p.name: p.read_bytes() for p in blocks_folder(folder / "out.h5").glob("traj-*")}
    assert {name: left.get(name) for name in before} == before
    assert js.open("out.h5").ntraj < 16000
    assert end(mpiexec(3, "--mpi")) == (0, "")
    assert_same(folder / "out.h5", long_reference)
    assert_nothing_left(folder / "out.h5")

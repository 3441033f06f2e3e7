"""Measure the efficiency of each kind of workers on this machine, for docs/clusters.md.

    python scripts/measure_clusters.py data/open_waveguide.toml -n 4000
    mpiexec -n 3 python -m mpi4py.futures scripts/measure_clusters.py SPEC.toml -n 4000 --mpi

One or two workers with one thread each, after a warm-up; minimum of two runs: wall time, CPU time
of all processes, CPU time of the driver. Then the overhead of an empty task.
"""

import argparse
import contextlib
import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import jumpsim as js

TASKS = 400


@contextlib.contextmanager
def spawned(number):
    """Pool of spawned processes."""
    with ProcessPoolExecutor(number, multiprocessing.get_context("spawn")) as pool:
        yield pool


@contextlib.contextmanager
def dask(number):
    """Workers of a local Dask cluster, each a process with one thread."""
    from distributed import Client, LocalCluster

    made = LocalCluster(n_workers=number, threads_per_worker=1, dashboard_address=None)
    with made as cluster, Client(cluster) as client:
        yield client.get_executor()


@contextlib.contextmanager
def ranks(_):
    """Ranks of this MPI job."""
    from mpi4py.futures import MPIPoolExecutor

    with MPIPoolExecutor() as pool:
        yield pool


def busy(root):
    """CPU seconds of a process and all its descendants."""
    total, children = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            words = stat.read_text().rpartition(")")[2].split()
            number = int(stat.parent.name)
            total[number] = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
            children.setdefault(int(words[1]), []).append(number)
    found = [root]
    for number in found:
        found += children.get(number, [])
    return sum(total.get(number, 0) for number in found)


def timed(spec, ntraj, record, root, **options):
    """Minimum wall time, CPU time of all and of this process, and size of the file."""
    found = []
    with tempfile.TemporaryDirectory(dir=".") as folder:
        for attempt in range(3):  # the first attempt loads and compiles
            store = Path(folder) / f"{attempt}.h5"
            number = ntraj if attempt else max(1, ntraj // 20)
            began = time.perf_counter(), busy(root), time.process_time()
            js.simulate(spec.model, spec.times, number, spec.initial, 1, record, store=store,
                        progress=False, **options)  # fmt: skip
            ended = time.perf_counter(), busy(root), time.process_time()
            taken = [b - a for a, b in zip(began, ended, strict=True)]
            found.append((*taken, store.stat().st_size))
    return [min(column) for column in zip(*found[1:], strict=True)]


def row(spec, ntraj, record, name, number, **options):
    """Print one line of the table."""
    root = os.getppid() if name.startswith("MPI") else os.getpid()
    wall, all_, own, size = timed(spec, ntraj, record, root, **options)
    print(f"{record:8} {name:18} {number:2} {wall:8.2f} {all_:8.2f} {own:8.2f} {size / 1e6:8.1f}",
          flush=True)  # fmt: skip


def measure(spec, few, ways):
    """Print a line for each kind and number of workers, and the overhead of a task."""
    print("record   workers             n     wall processor  driver  MB file")
    for record, ntraj in (("moments", 30 * few), ("counts", few)):
        row(spec, ntraj, record, "threads", 1, workers=1)
        row(spec, ntraj, record, "threads", 2, workers=2)
        for name, way, numbers in ways:
            for number in numbers:
                with way(number) as pool:
                    row(spec, ntraj, record, name, number, executor=pool)
                    shared = {"executor": pool, "shared_folder": True}
                    row(spec, ntraj, record, f"{name}, shared", number, **shared)
    empty = js.systems.hohlraum(1, 1, 0.0)
    for name, way, numbers in ways:
        with way(numbers[-1]) as pool:
            for _ in range(2):
                began = time.perf_counter()
                js.simulate(empty, [1.0], TASKS, {"N": 0, "m": 0}, 1, "moments", executor=pool,
                            block_size=1, progress=False)  # fmt: skip
                cost = (time.perf_counter() - began) / TASKS
            print(f"overhead of an empty task, {name}: {1e3 * cost:.2f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("spec", metavar="SPEC.toml")
    parser.add_argument("-n", "--ntraj", type=int, default=4000)
    parser.add_argument("--mpi", action="store_true")
    options = parser.parse_args()
    processes = (("processes", spawned, (1, 2)), ("Dask", dask, (1, 2)))
    number = 0
    if options.mpi:
        from mpi4py import MPI

        number = MPI.COMM_WORLD.size - 1
    ways = (("MPI ranks", ranks, (number,)),) if options.mpi else processes
    measure(js.load_spec(options.spec), options.ntraj, ways)

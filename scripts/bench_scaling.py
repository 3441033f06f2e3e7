"""Time to a first result, and how time, memory and disk grow with cores, size and trajectories.

    python scripts/bench_scaling.py
    python scripts/bench_scaling.py --parts first memory --repeats 1

The open waveguide of BM Fig. 2 with M two-level systems, 10 µs, 101 stored times. Every measurement
runs in a separate process; medians of the repeats with minimum and maximum. First results: wall and
CPU time of the whole process. All others: time of one call of `simulate` after small calls that
load and compile everything; peak memory of the process. Absolute values depend on the machine.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS")})

from jumpsim.utils.resources import usable_cores
from jumpsim.utils.tables import columns

SPEC = Path(__file__).parent.parent / "data" / "open_waveguide.toml"
FIRST = f"""
import jumpsim as js
spec = js.load_spec({str(SPEC)!r})
js.simulate(spec.model, spec.times, 100, spec.initial, 1).mean()
"""
# M: trajectories, about 4e8 events
SIZES = {100: 2_000_000, 1000: 800_000, 10_000: 100_000, 100_000: 10_000, 1_000_000: 1000}

# Parameter file: seconds of one trajectory, number of channels with a rate > 0
STATIONARY = {
    "hohlraum": (0.2, 2), "embedded_cavity": (0.04, 6), "two_level": (10.0, 8),
    "closed_waveguide": (0.2, 18),
}  # fmt: skip


def process(arguments, cache=None):
    """Run Python in a separate process; return its times and memory, and its output."""
    env = os.environ | ({"NUMBA_CACHE_DIR": cache} if cache else {})
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *map(str, arguments)], stdout=subprocess.PIPE, text=True, env=env
    ) as child:
        printed = child.stdout.read()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{arguments} ended with {child.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
    wall, cpu = time.perf_counter() - began, used.ru_utime + used.ru_stime
    return {"wall": wall, "cpu": cpu, "peak": used.ru_maxrss * unit / 1e6}, printed


def simulate(tls, ntraj, workers, record, store):
    """Print times, events and bytes of one run as JSON; called in a separate process."""
    # Imported here, because peak memory of a child process is at least the memory of its parent.
    import numpy as np
    from bench import use_generated_code, waveguide

    import jumpsim as js
    from jumpsim import engine, streams

    def starting(tls):
        return js.Fixed({"A": 58, "B": 58, "m": round(0.269 * tls)})

    use_generated_code()
    times, small = np.linspace(0, 10e-6, 101), waveguide(10)
    starts, states = starting(10).draw(small, 1, 0, 64), streams.states(1, 0, 64, streams.JUMPS)
    engine.run("direct", small.table, times, starts, states, {"samples"}, left=np.inf)
    js.simulate(small, times, 5000, starting(10), 1, record)
    model, start = waveguide(tls), starting(tls)
    wall, cpu = time.perf_counter(), time.process_time()
    run = js.simulate(model, times, ntraj, start, 1, record, workers=workers, store=store)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    size = Path(store).stat().st_size if store else 0
    print(json.dumps({"wall": wall, "cpu": cpu, "events": run.n_events, "bytes": size}))


def measured(repeats, tls, ntraj, workers=1, record="moments", stored=False):
    """Times, memory and bytes of the same run in `repeats` separate processes."""
    found = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            store = str(Path(folder) / "run.h5") if stored else None
            run = json.dumps([tls, ntraj, workers, record, store])
            used, printed = process([__file__, "--run", run])
            found.append(used | json.loads(printed))
    return found


def against_kernel(ntraj, repeats):
    """Print the ratios of CPU times of complete runs and of the kernel as JSON."""
    import numpy as np
    from bench import use_generated_code, waveguide

    import jumpsim as js
    from jumpsim import engine, streams

    use_generated_code()
    model, times, counts = waveguide(100), np.linspace(0, 10e-6, 101), [58, 58, 27]

    def kernel(number):
        for first in range(0, number, 6000):
            states = streams.states(1, first, first + 6000, streams.JUMPS)
            starts = np.tile(counts, (6000, 1))
            engine.run("direct", model.table, times, starts, states, {"samples"}, left=np.inf)

    def run(number, record, path):
        start = dict(zip("ABm", counts, strict=True))
        js.simulate(model, times, number, start, 1, record, workers=1, store=path, progress=False)

    def took(call, *arguments):
        began = time.process_time()
        call(*arguments)
        return time.process_time() - began

    found = {"moments": [], "counts in a file": [], "counts in memory": []}
    for k in range(repeats + 1):  # the first repeat compiles and is not counted
        with tempfile.TemporaryDirectory() as folder:
            file = str(Path(folder) / "run.h5")
            number = ntraj if k else 6000
            alone = took(kernel, number)
            for name, path in zip(found, (None, file, None), strict=True):
                ratio = took(run, number, name.split()[0], path) / alone
                found[name] += [{"ratio": ratio}] if k else []
    print(json.dumps(found))


def engines(repeats):
    """Print events per CPU second of each kernel as JSON; called in a separate process."""
    import numpy as np
    from bench import use_generated_code

    import jumpsim as js
    from jumpsim import engine, streams

    use_generated_code()
    found = {}
    for name, (stop, *_) in STATIONARY.items():
        model = js.load_spec(SPEC.parent / f"{name}.toml").model
        start = js.load_spec(SPEC.parent / f"{name}.toml").initial
        for way, rows, left in (
            ("plain", 1, 0.0), ("one", 1, np.inf), ("lanes", 2000, np.inf)
        ):  # fmt: skip
            starts = start.draw(model, 1, 0, rows)
            states = streams.states(1, 0, rows, streams.JUMPS)
            times = np.linspace(0, stop if rows == 1 else stop / 500, 11)
            arguments = "direct", model.table, times, starts, states, {"samples"}
            engine.run(*arguments, left=left)
            for _ in range(repeats):
                began = time.process_time()
                events = engine.run(*arguments, left=left).event_count.sum()
                speed = float(events) / (time.process_time() - began) / 1e6
                found.setdefault(name, {}).setdefault(way, []).append({"speed": speed})
    print(json.dumps(found))


def median_and_range(found, quantity):
    """Median and range of a quantity, given by its name or as a function of a measurement."""
    values = [one[quantity] if isinstance(quantity, str) else quantity(one) for one in found]
    middle = statistics.median(values)
    return f"{middle:.3g}" + f" ({min(values):.3g}-{max(values):.3g})" * (len(values) > 1)


def first(repeats):
    """Time to a first result."""
    ways = {"import jumpsim": [], "100 trajectories, nothing compiled yet": [], "again": []}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as cache:
            for name, code in zip(ways, ("import jumpsim", FIRST, FIRST), strict=True):
                ways[name].append(process(["-c", code], cache)[0])
    yield "first result", "wall s", "CPU s", "peak MB"
    for name, found in ways.items():
        yield (
            name,
            median_and_range(found, "wall"),
            median_and_range(found, "cpu"),
            median_and_range(found, "peak"),
        )


def cores(repeats):
    """Time of a run against the number of workers."""
    yield "workers", "wall s", "CPU s", "speed-up"
    alone = None
    for workers in range(1, usable_cores() + 1):
        found = measured(repeats, 100, SIZES[100], workers)
        wall = statistics.median(one["wall"] for one in found)
        alone = alone or wall
        yield (
            f"{workers}",
            median_and_range(found, "wall"),
            median_and_range(found, "cpu"),
            f"{alone / wall:.3g}",
        )


def sizes(repeats):
    """Events and trajectories per CPU second against the size of the system."""
    yield "M", "trajectories", "events each", "10⁶ events/CPU s", "trajectories/CPU s"
    for tls, ntraj in SIZES.items():
        found = measured(repeats, tls, ntraj)
        events = median_and_range(found, lambda one: one["events"] / one["cpu"] / 1e6)
        each = median_and_range(found, lambda one, ntraj=ntraj: ntraj / one["cpu"])
        yield f"{tls:,}", f"{ntraj:,}", f"{found[0]['events'] / ntraj:,.0f}", events, each


def memory(repeats):
    """Memory and disk space against the number of trajectories, M = 100."""
    yield "stored", "trajectories", "wall s", "CPU s", "peak MB", "bytes per trajectory"
    for record, stored in (("moments", False), ("counts", True)):
        for ntraj in (1000, 10_000, 100_000, 1_000_000):
            found = measured(repeats, 100, ntraj, 1, record, stored)
            took = [median_and_range(found, quantity) for quantity in ("wall", "cpu", "peak")]
            disk = f"{found[0]['bytes'] / ntraj:.1f}" if stored else "-"
            yield record + ", in a file" * stored, f"{ntraj:,}", *took, disk


def complete_runs(repeats):
    """CPU time of complete runs of 300,000 trajectories relative to the kernel."""
    yield "stored, M = 100", "CPU time / CPU time of the kernel"
    found = json.loads(process([__file__, "--kernel", repeats])[1])
    for name, ratios in found.items():
        yield name, median_and_range(ratios, "ratio")


def kernels(repeats):
    """Kernels of the direct method for stationary systems, 10⁶ events per CPU second."""
    yield "system", "channels", "generic", "generated for the model", "lockstep, 64 trajectories"
    found = json.loads(process([__file__, "--engines", repeats])[1])
    for name, ways in found.items():
        speeds = [median_and_range(ways[way], "speed") for way in ("plain", "one", "lanes")]
        yield name, f"{STATIONARY[name][1]}", *speeds


PARTS = {
    "first": first, "cores": cores, "sizes": sizes, "memory": memory, "whole": complete_runs,
    "kernels": kernels,
}  # fmt: skip


def main():
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--run", help=argparse.SUPPRESS)  # one measurement, in its own process
    parser.add_argument("--kernel", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--engines", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.kernel:
        against_kernel(300_000, options.kernel)
        return
    if options.engines:
        engines(options.engines)
        return
    if options.run:
        simulate(*json.loads(options.run))
        return
    for part in options.parts:
        head, *rows = PARTS[part](options.repeats)
        print("\n".join(["", *columns(rows, head, right=range(1, len(head)))]), flush=True)


if __name__ == "__main__":
    main()

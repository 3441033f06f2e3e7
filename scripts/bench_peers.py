"""Trajectories and events per CPU second of jumpsim and other exact simulators.

    pip install 'jumpsim[bench]'
    python scripts/bench_peers.py
    python scripts/bench_peers.py --cases waveguide-100 vilar --tools "jumpsim, kernel" BNGsim

Cases (`peers/cases.py`): the open waveguide of BM Fig. 2 with M equal two-level systems, and with
M emitters that are all different (10 µs, 101 stored times); Vilar's genetic oscillator (200 hours,
201 stored times); one long stationary trajectory of an embedded cavity (101 stored times). All
counts at the stored times are kept and returned as arrays. Each simulator (`peers/tools.py`) runs
in a process of its own on one core; the measurements of all simulators alternate.

Printed are Markdown tables: medians and ranges of the speeds in CPU time; the number of events is
that of jumpsim for the same model. "Deviation" verifies the results: the averages at the stored
times are compared with those of the first simulator of the table, and the largest difference is
given in standard errors. With hundreds of averages 3 to 4 is expected; 6 or more is an error.
Absolute values depend on the machine; compare ratios.
"""

import argparse
import multiprocessing
import os
import platform
import sys
import time
from importlib import metadata
from pathlib import Path

# Each simulator uses one thread.
os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "NUMBA", "RAYON")})
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_ENABLE_X64"] = "1"

import numpy as np
from bench import use_generated_code
from peers.cases import CASES
from peers.tools import TOOLS, cpu

NUMBERS = 3 * 10**7  # counts in memory at the same time
HEAD = (
    "tool", "trajectories per CPU second", "10⁶ events per CPU second", "kernel is faster by",
    "deviation",
)  # fmt: skip
PACKAGES = (
    "jumpsim", "bngsim", "rebop", "gillespy2", "libroadrunner", "python-copasi", "crn-jax",
    "stochastix", "jax", "numba", "numpy",
)  # fmt: skip


class Simulator:
    """A simulator of one case in a process of its own.

    Attributes
    ----------
    speeds : list of float
        Trajectories per CPU second.
    sums : list
        Number of trajectories, sum of counts and of their squares at each stored time.
    error : str
        Why there is no result, if there is none.
    """

    def __init__(self, tool, case, seconds, limit):
        self.speeds, self.sums, self.error, self.limit = [], [], "", limit
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        arguments = theirs, tool, case, seconds
        self.process = context.Process(target=serve, args=arguments, daemon=True)
        self.process.start()
        theirs.close()

    def measure(self, seed):
        """Simulate for some seconds, unless there was an error before."""
        if self.error:
            return
        try:
            self.pipe.send(seed)
            if not self.pipe.poll(self.limit):
                self.error = f"not ready after {self.limit:.0f} s"
                return
            answer = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join(1)
            self.error = f"its process ended with status {self.process.exitcode}"
            return
        if isinstance(answer, str):
            self.error = answer
        elif seed:
            self.speeds.append(answer[0])
            self.sums.append(answer[1:])

    def end(self):
        """End the process."""
        self.pipe.close()
        self.process.join(1)
        self.process.kill()

    def average(self):
        """Number of samples, averages and variances at the stored times."""
        number, total, squares = (sum(part) for part in zip(*self.sums, strict=True))
        mean = total / number
        return number, mean, squares / number - mean**2


def serve(pipe, tool, name, seconds):
    """Prepare at the first request; answer each later one with speed and sums of the counts."""
    use_generated_code()
    try:
        case, began = CASES[name](), time.monotonic()
        pipe.recv()
        simulate = TOOLS[tool](case)
        most = NUMBERS // ((case.steps + 1) * len(case.counts))
        ntraj = 1 if case.long else getattr(simulate, "together", 2)
        list(simulate(ntraj, 0))  # compiles
        spent = 0.0
        while not case.long and spent < seconds / 4 and 2 * ntraj <= most:
            spent = cpu()
            simulate(ntraj, 0)
            spent = cpu() - spent
            ntraj *= 2
        pipe.send(time.monotonic() - began)
        while True:
            pipe.send(measurement(case, simulate, ntraj, pipe.recv(), seconds))
    except (EOFError, ConnectionError):
        return
    except Exception as error:  # missing, or fails for this case
        pipe.send(f"{type(error).__name__}: {error}".splitlines()[0][:120])


def measurement(case, simulate, ntraj, seed, seconds):
    """Speed, and number, sum and sum of squares of the samples; simulates for some seconds."""
    columns, used, calls, number, total, squares = case.columns().values(), 0.0, 0, 0, 0, 0
    while used < seconds:
        began = cpu()
        blocks = simulate(ntraj, 100 * seed + calls)
        used += cpu() - began
        calls += 1
        for block in blocks:
            counts = np.stack([block[:, :, some].sum(axis=2) for some in columns], axis=-1)
            if case.long:  # stored times are independent samples of the stationary state
                counts = counts[:, 1:].swapaxes(0, 1)
            number += len(counts)
            total = total + counts.sum(axis=0)
            squares = squares + (counts.astype(float) ** 2).sum(axis=0)
    return ntraj * calls / used, number, total, squares


def deviation(simulator, first):
    """Largest difference of the averages in standard errors, with the variance of both together.

    The variance of one of them alone may be much too small where rare events dominate it.
    """
    (n, mean, variance), (reference, expected, spread) = simulator.average(), first.average()
    variance = (n * variance + reference * spread) / (n + reference)
    error = np.sqrt(np.maximum(variance, 1e-12) * (1 / n + 1 / reference))
    return np.max(np.abs(mean - expected) / error)


def table(family, names, tools, options):
    """Lines of the table of one family of cases."""
    yield f"### {family}\n"
    notes = []
    yield "| " + " | ".join(("M" if family in ("waveguide", "emitters") else "case", *HEAD)) + " |"
    yield "|---" * (len(HEAD) + 1) + "|"
    for name in names:
        case = CASES[name]()
        events = case.events().mean()
        channels = sum(channel.rate > 0 for channel in case.model.channel_specs)
        notes.append(
            f"{case.label}: {channels:,} channels, {len(case.reactions):,} reactions by mass "
            f"action, {events:,.0f} events in a trajectory"
        )
        made = {tool: Simulator(tool, name, options.seconds, options.limit) for tool in tools}
        for repeat in range(options.repeats + 1):
            for tool, simulator in made.items():
                print(f"{name}, {tool}, {repeat}", file=sys.stderr, flush=True)
                simulator.measure(repeat)
        yield from (row(case, events, tool, made) for tool in made)
        for simulator in made.values():
            simulator.end()
    yield "\n" + ".\n".join(notes) + "."


def row(case, events, tool, made):
    """A line of the table."""
    simulator = made[tool]
    if simulator.error:
        return f"| {case.label} | {tool} | {simulator.error} | | | |"
    middle, low, high = (f(simulator.speeds) for f in (np.median, min, max))
    best = made.get("jumpsim, kernel")
    ratio = f"{np.median(best.speeds) / middle:.3g}" if best and not best.error else ""
    first = next(one for one in made.values() if not one.error)
    apart = "" if first is simulator else f"{deviation(simulator, first):.1f}"
    return (
        f"| {case.label} | {tool} | {significant(middle)} ({significant(low)}-{significant(high)}) "
        f"| {middle * events / 1e6:.3g} | {ratio} | {apart} |"
    )


def significant(number):
    """A number with three significant digits, without exponent."""
    return f"{float(f'{number:.3g}'):,.10g}"


def versions():
    """Processor and versions."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    found = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    yield f"{found[0] if found else platform.machine()}, Python {platform.python_version()}"
    for package in PACKAGES:
        try:
            yield f"{package} {metadata.version(package)}"
        except metadata.PackageNotFoundError:
            yield f"{package} not installed"


def main():
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for option, known in (("cases", CASES), ("tools", TOOLS)):
        parser.add_argument(
            f"--{option}", nargs="+", default=list(known), metavar="NAME",
            help=", ".join(f'"{name}"' for name in known),
        )  # fmt: skip
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2, help="of each measurement (CPU)")
    parser.add_argument("--limit", type=float, default=120, help="seconds to prepare a simulator")
    options = parser.parse_args()
    for chosen, known in ((options.cases, CASES), (options.tools, TOOLS)):
        if unknown := set(chosen) - set(known):
            parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    print("; ".join(versions()), flush=True)
    families = {}
    for name in options.cases:
        families.setdefault(name.rpartition("-")[0], []).append(name)
    for family, names in families.items():
        print()
        for line in table(family, names, options.tools, options):
            print(line, flush=True)


if __name__ == "__main__":
    main()

"""Benchmark of the engine: events per second of CPU time on one core.

    python scripts/bench.py

The open waveguide of BM Fig. 2 at M = 100 and 1000 two-level systems, 10 µs, 101 stored times,
from 58, 58 and 0.269 M quanta. The number of events is counted; the time is the user CPU time
of the kernel with counts stored; medians of several runs with their range. Absolute values depend
on the machine and can be compared only within one run of this script.
"""

import argparse
import resource
import statistics

import numpy as np

import jumpsim as js
from jumpsim import engine, streams

EVENTS_PER_RUN = 6_000_000


def waveguide(tls):
    """Open waveguide of BM Fig. 2 with `tls` two-level systems."""
    return js.systems.open_waveguide(
        tls=tls,
        modes=100,
        gamma_dec="10 kHz",
        gamma_0="10 kHz",
        gamma_tilde=("10 MHz", 0),
        gamma_tilde_wg=("10 MHz", 0),
    )


def use_generated_code():
    """Simulate with code for one model from the beginning, as long runs do.

    It is compiled at the first call, which must not be measured.
    """
    from jumpsim.engine.codegen import background
    from jumpsim.run import scheduler

    begin = background.begin

    def begin_and_wait(*arguments):
        process = begin(*arguments)
        process.wait()
        return process

    background.begin = begin_and_wait
    scheduler.Batch._seconds_left = lambda *_: np.inf


def measure(tls, keep, repeats):
    """Events per trajectory, and 10⁶ events per CPU second of each repeat."""
    model, times = waveguide(tls), np.linspace(0, 10e-6, 101)
    start = js.Fixed({"A": 58, "B": 58, "m": round(0.269 * tls)})

    def run(first, last):
        begin = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        rows = engine.run(
            "direct",
            model.table,
            times,
            start.draw(model, 1, first, last),
            streams.states(1, first, last, streams.JUMPS),
            keep,
        )
        seconds = resource.getrusage(resource.RUSAGE_SELF).ru_utime - begin
        return int(rows.event_count.sum()), seconds

    probe, _ = run(0, 200)  # also compiles
    ntraj = EVENTS_PER_RUN * 200 // probe
    runs = [run(r * ntraj, (r + 1) * ntraj) for r in range(repeats)]
    speeds = [events / seconds / 1e6 for events, seconds in runs]
    return sum(events for events, _ in runs) / (ntraj * repeats), speeds


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7, help="runs of each line (default 7)")
    repeats = max(1, parser.parse_args().repeats)
    print(f"jumpsim {js.__version__}, one core, median of {repeats} runs [least, most]")
    print("   M  kept           events/trajectory  10⁶ events/CPU s")
    for tls in (100, 1000):
        for keep in (("samples",), ("samples", "jumps"), ("events",)):
            per_trajectory, speeds = measure(tls, keep, repeats)
            print(
                f"{tls:4d}  {', '.join(keep):<13}  {per_trajectory:17.1f}  "
                f"{statistics.median(speeds):6.1f} [{min(speeds):.1f}, {max(speeds):.1f}]"
            )


if __name__ == "__main__":
    main()

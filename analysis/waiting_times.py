"""Waiting times between events: a table of the probability still to wait.

    python analysis/waiting_times.py run.h5 emission --following absorption --after "2 us"

The same as `jumpsim waiting_times`; all its options are understood.
Reads a store, never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["waiting_times", *sys.argv[1:]])

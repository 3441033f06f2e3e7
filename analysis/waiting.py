"""Waiting times between events: a table of the probability still to wait.

    python analysis/waiting.py run.h5 emission --since absorption --after "2 us"

The same as `jumpsim waiting`; all its options are understood. Reads a store, never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["waiting", *sys.argv[1:]])

"""Flips and dwell times of the single two-level systems of one trajectory.

    python analysis/telegraph.py run.h5 --row 3

The same as `jumpsim telegraph`; all its options are understood. Reads a store, never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["telegraph", *sys.argv[1:]])

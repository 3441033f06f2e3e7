"""Histogram of one pool's count at one stored time: a table, and a figure as PNG and PDF.

    python analysis/distribution.py run.h5 m "1 us"

The same as `jumpsim distribution`; all its options are understood. Reads a store, never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["distribution", *sys.argv[1:]])

"""Fluctuation theorems on trajectories: a table, and a figure as PNG and PDF.

    python analysis/theorem.py run.h5

The same as `jumpsim theorem`; all its options are understood. Reads stores, never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["theorem", *sys.argv[1:]])

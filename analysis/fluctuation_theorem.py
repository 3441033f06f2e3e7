"""Fluctuation theorems on trajectories: a table, and a figure as PNG and PDF.

    python analysis/fluctuation_theorem.py run.h5

The same as `jumpsim fluctuation_theorem`; all its options are understood.
Reads stores, never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["fluctuation_theorem", *sys.argv[1:]])

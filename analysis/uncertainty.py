"""Uncertainty relations of a stationary current: a table, and a figure as PNG and PDF.

    python analysis/uncertainty.py run.h5 CHANNEL --after '5 us'

The same as `jumpsim uncertainty`; all its options are understood. Reads stores, never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["uncertainty", *sys.argv[1:]])

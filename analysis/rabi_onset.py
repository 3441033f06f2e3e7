"""Rabi oscillation in the jump record: a table, and a figure as PNG and PDF.

    python analysis/rabi_onset.py results/rabi/*.h5

The same as `jumpsim rabi_onset`; all its options are understood. Reads stores, never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["rabi_onset", *sys.argv[1:]])

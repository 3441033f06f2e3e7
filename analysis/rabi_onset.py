"""Rabi oscillation in the jump record: a table, and a figure as PNG and PDF.

    python analysis/rabi_onset.py results/rabi/*.h5

The same as `jumpsim rabi`; all its options are understood. Reads stores, never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["rabi", *sys.argv[1:]])

"""Flows, entropy and fluctuations along quantum jumps: a table, and a figure as PNG and PDF.

    python analysis/level_thermodynamics.py results/second_law_jumps.h5 --after "10 s"

The same as `jumpsim level_thermodynamics`; all its options are understood.
Reads stores, never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["level_thermodynamics", *sys.argv[1:]])

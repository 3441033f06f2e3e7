"""Compare stored averages with the rate equations: a table, and a figure as PNG and PDF.

    python analysis/compare.py results/open_waveguide.h5

The same as `jumpsim compare`; all its options are understood. Reads a store, never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["compare", *sys.argv[1:]])

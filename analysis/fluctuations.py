"""Variances and higher cumulants of the counts: a table, and a figure as PNG and PDF.

    python analysis/fluctuations.py results/open_waveguide.h5

The same as `jumpsim fluctuations`; all its options are understood. Reads a store, never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["fluctuations", *sys.argv[1:]])

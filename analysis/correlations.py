"""Correlations and power spectra of a stationary run: a table, and a figure as PNG and PDF.

    python analysis/correlations.py results/hohlraum.h5 --after "2 us"

The same as `jumpsim correlations`; all its options are understood. Reads a store, never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["correlations", *sys.argv[1:]])

"""One HTML page with everything about a run: the audit, every analysis, its figures.

    python analysis/report.py results/open_waveguide.h5 -o results/open_waveguide.html

The same as `jumpsim report`; all its options are understood. Reads a store, never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["report", *sys.argv[1:]])

"""How typical single trajectories are: tables, and a figure as PNG and PDF.

    python analysis/typicality.py results/typicality/*.h5

The same as `jumpsim typicality`; all its options are understood. Reads stores, never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["typicality", *sys.argv[1:]])

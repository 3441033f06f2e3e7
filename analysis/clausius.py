"""How often entropy falls, for systems of several sizes: a table, and a figure as PNG and PDF.

    python analysis/clausius.py results/clausius/*.h5

The same as `jumpsim clausius`; all its options are understood. Reads stores, never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["clausius", *sys.argv[1:]])

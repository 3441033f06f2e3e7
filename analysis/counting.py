"""Count events, or heat into a bath, in windows of time: a table of cumulants.

    python analysis/counting.py results/open_waveguide.h5 "end 1"

The same as `jumpsim counting`; all its options are understood. Reads a store, never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["counting", *sys.argv[1:]])

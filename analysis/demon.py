"""What chiral loops sort, and at what entropy: a table, and a figure as PNG and PDF.

    python analysis/demon.py results/demon/*.h5 --after '40 us'

The same as `jumpsim demon`; all its options are understood. Reads stores, never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["demon", *sys.argv[1:]])

"""First passages of the counts: a table, and a figure as PNG and PDF.

    python analysis/passage.py run.h5 "m <= 10"

The same as `jumpsim passage`; all its options are understood. Reads a store, never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["passage", *sys.argv[1:]])

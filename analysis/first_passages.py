"""First passages of the counts: a table, and a figure as PNG and PDF.

    python analysis/first_passages.py run.h5 "m <= 10"

The same as `jumpsim first_passages`; all its options are understood.
Reads a store, never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["first_passages", *sys.argv[1:]])

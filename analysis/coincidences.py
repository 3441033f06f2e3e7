"""g² of counted events of a stationary run: a table, and a figure as PNG and PDF.

    python analysis/coincidences.py run.h5 "end 1" --after "2 us"

The same as `jumpsim coincidences`; all its options are understood. Reads a store, never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["coincidences", *sys.argv[1:]])

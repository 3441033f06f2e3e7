"""What two levels and a mode of light do as a machine, and how well: a figure as PNG and PDF.

    python analysis/machine_map.py -o results

The same as `jumpsim figures machine_map`; all its options are understood. Never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["figures", "machine_map", *sys.argv[1:]])

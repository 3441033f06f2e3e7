"""A laser through threshold, and its pulled frequency: a figure as PNG and PDF.

    python analysis/pulling.py -o results

The same as `jumpsim figures pulling`; all its options are understood. Never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["figures", "pulling", *sys.argv[1:]])

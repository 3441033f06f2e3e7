"""Entropy production with fillings from bare and from effective energies: a figure as PNG and PDF.

    python analysis/second_law.py -o results

The same as `jumpsim figures second_law`; all its options are understood. Never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["figures", "second_law", *sys.argv[1:]])

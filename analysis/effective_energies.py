"""Effective energies of a detuned two-level system: a figure as PNG and PDF.

    python analysis/effective_energies.py -o results

The same as `jumpsim figures effective_energies`; all its options are understood. Never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["figures", "effective_energies", *sys.argv[1:]])

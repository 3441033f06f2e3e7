"""Bloch gain: net emission of two subbands against the detuning: a figure as PNG and PDF.

    python analysis/bloch_gain.py -o results

The same as `jumpsim figures bloch_gain`; all its options are understood. Never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["figures", "bloch_gain", *sys.argv[1:]])

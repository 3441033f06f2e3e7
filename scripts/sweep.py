r"""Simulate a grid of parameters from a parameter file and store each point.

    python scripts/sweep.py data/open_waveguide.toml -o results/sweep -n 500 \
        --vary parameters.tls=50,100,200 --vary 'parameters.gamma_dec=10 kHz,20 kHz'

Equivalent to `jumpsim sweep`, with the same options.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["sweep", *sys.argv[1:]])

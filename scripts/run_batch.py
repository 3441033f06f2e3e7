"""Simulate a batch of trajectories from a parameter file and store them.

    python scripts/run_batch.py data/open_waveguide.toml -o results/open_waveguide.h5 -n 2000

Equivalent to `jumpsim run`, with the same options.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["run", *sys.argv[1:]])

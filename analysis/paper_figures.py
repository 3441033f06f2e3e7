"""Draw the figures of Braak & Mannhart from stores, which scripts/paper_runs.py makes.

    python analysis/paper_figures.py --stores results -o results

The same as `jumpsim figures --read-only`; all its options are understood.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["figures", "--read-only", *sys.argv[1:]])

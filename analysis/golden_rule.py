"""Golden-rule jumps against the density matrix: errors: a figure as PNG and PDF.

    python analysis/golden_rule.py -o results

The same as `jumpsim figures golden_rule`; all its options are understood. Never simulates.
"""

import sys

from jumpsim.cli.main import entry

if __name__ == "__main__":
    entry(["figures", "golden_rule", *sys.argv[1:]])

"""Simulate and store the runs of all figures of the paper, without drawing them.

    python scripts/paper_runs.py --stores results

Complete runs are not changed; incomplete runs are resumed.
"""

import argparse
from pathlib import Path

from jumpsim.cli.main import main
from jumpsim.papers.braak_mannhart import FIGURES

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="data", help="folder of the parameter files")
    parser.add_argument("--stores", default="results", help="folder of the stores")
    options = parser.parse_args()
    Path(options.stores).mkdir(parents=True, exist_ok=True)
    for name in dict.fromkeys(spec for spec, *_ in FIGURES.values()):
        store = Path(options.stores) / f"{name}.h5"
        if status := main(["run", str(Path(options.data) / f"{name}.toml"), "-o", str(store)]):
            raise SystemExit(status)

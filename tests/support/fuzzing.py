"""Children that try broken files, within limits of time and memory."""

from support.killed_runs import ROOT

MEMORY = 3 * 2**30  # bytes of address space; the libraries alone take about half of one GiB
SECONDS = 20
FILES = {path.name: path.read_bytes() for path in sorted((ROOT / "data").glob("*.toml"))}

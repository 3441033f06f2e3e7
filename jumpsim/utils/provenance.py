"""Where a result came from: software, machine and time, as plain data for a file's attributes.

What defines the numbers themselves is in `plan.Plan`; nothing in here changes one.
"""

import datetime
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

_PACKAGES = ("numpy", "numba", "llvmlite", "scipy", "h5py")


def context():
    """Versions, machine, command and time of this process.

    Returns
    -------
    dict
        Strings and numbers only.
    """
    from .. import __version__

    return {
        "jumpsim": __version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
        "platform": platform.platform(),
        "cpu": _cpu(),
        "host": platform.node(),
        "command": " ".join([os.path.basename(sys.argv[0] or "python"), *sys.argv[1:]]),
        "written": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


@functools.cache
def software():
    """What must be the same wherever trajectories of one run are made.

    Returns
    -------
    dict of str to str
        Of this package version and digest of its sources; versions of what draws and compiles.
    """
    from .. import __version__

    digest = hashlib.blake2b(digest_size=4)
    for file in sorted(Path(__file__).parent.parent.rglob("*.py")):
        if "__pycache__" not in file.parts:  # where engines put what they write
            digest.update(file.read_bytes())
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "numba", "llvmlite")}
    return {"jumpsim": f"{__version__} (sources {digest.hexdigest()})", **versions}


def canonical_json(data):
    """One text for one content: sorted keys, no spaces, no NaN."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


@functools.cache
def _commit():
    """Commit of the source tree that runs, with a '+' when it was edited; None without one."""
    folder = Path(__file__).parents[2]
    if not (folder / ".git").exists():
        return None
    git = ["git", "-C", str(folder)]
    try:
        head = subprocess.run(
            [*git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True
        )
        state = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no", "--", "jumpsim"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return head.stdout.strip() + ("+" if state.stdout.strip() else "")


@functools.cache
def _cpu():
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()

"""Provenance of a result: software, machine and time, as plain data for the metadata of a file.

The numerical result depends only on `store.plan.Plan`, not on anything in this module.
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
from typing import Any

_PACKAGES = ("numpy", "numba", "llvmlite", "scipy", "h5py")


def context() -> dict[str, Any]:
    """Versions, machine, command and time of this process.

    Returns
    -------
    dict
        Of strings, None and dicts of strings.
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
def software() -> dict[str, str]:
    """Software versions that must be the same on all machines that simulate one run.

    Returns
    -------
    dict of str to str
        Version of this package with a digest of its sources, and the versions of the packages
        that draw random numbers and compile kernels.
    """
    from .. import __version__

    digest = hashlib.blake2b(digest_size=4)
    for file in sorted(Path(__file__).parent.parent.rglob("*.py")):
        if "__pycache__" not in file.parts:  # generated code of the engines
            digest.update(file.read_bytes())
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "numba", "llvmlite")}
    return {"jumpsim": f"{__version__} (sources {digest.hexdigest()})", **versions}


def canonical_json(data: Any) -> str:
    """JSON text that is the same for equal data: sorted keys, no spaces, no NaN.

    Examples
    --------
    >>> canonical_json({"b": 1, "a": [1.5]})
    '{"a":[1.5],"b":1}'
    """
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


@functools.cache
def _commit() -> str | None:
    """Git commit of the sources, with '+' for uncommitted changes; None outside a repository."""
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
def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()

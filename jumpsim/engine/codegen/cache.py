"""The cache of compiled kernels: a folder that is named after a digest of the engine's sources.

numba compares the file of a function only, and would use a cached kernel although a function that
it calls, in another file, has been edited.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from numba import config

_HERE = Path(__file__).parent.parent  # jumpsim/engine, with all of its folders


def cache_folder() -> Path:
    """Folder of the compiled kernels: beside the sources, or else in the user's cache.

    Where neither can be written to, kernels are compiled in memory (`utils.compiled`).
    """
    digest = hashlib.blake2b(digest_size=8)
    for file in sorted(_HERE.rglob("*.py")):
        if "__pycache__" not in file.parts:  # where generated code is kept
            digest.update(file.read_bytes())
    name = f"kernels-{digest.hexdigest()}"
    folder = Path(config.CACHE_DIR or _HERE / "__pycache__") / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:  # the package is in a folder without write permission
        pass
    with contextlib.suppress(RuntimeError):  # there is no home
        return Path.home() / ".cache" / "jumpsim" / name
    return folder


@contextlib.contextmanager
def kernel_cache() -> Iterator[None]:
    """Cache functions that are compiled with ``cache=True`` in this block in `cache_folder`."""
    before = config.CACHE_DIR
    config.CACHE_DIR = str(cache_folder())
    try:
        yield
    finally:
        config.CACHE_DIR = before

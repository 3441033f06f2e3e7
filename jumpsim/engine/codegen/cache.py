"""Where compiled kernels are kept: in a folder that is named after the sources of this package.

numba looks at the file of a function alone, and would take a kernel from its cache although a
function that it calls, in another file, has been edited.
"""

import contextlib
import hashlib
import os
from pathlib import Path

from numba import config

_HERE = Path(__file__).parent.parent  # jumpsim/engine, with all of its folders


def cache_folder():
    """Folder named after the digest of these sources, beside them, or else in the user's cache."""
    digest = hashlib.blake2b(digest_size=8)
    for file in sorted(_HERE.rglob("*.py")):
        if "__pycache__" not in file.parts:  # where engines put what they write
            digest.update(file.read_bytes())
    name = f"kernels-{digest.hexdigest()}"
    folder = Path(config.CACHE_DIR or _HERE / "__pycache__") / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:  # installed where nobody may write
        pass
    return Path.home() / ".cache" / "jumpsim" / name


@contextlib.contextmanager
def kernel_cache():
    """Let functions that are compiled with ``cache=True`` in here be cached in that folder."""
    before = config.CACHE_DIR
    config.CACHE_DIR = str(cache_folder())
    try:
        yield
    finally:
        config.CACHE_DIR = before

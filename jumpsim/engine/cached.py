"""Where compiled kernels are kept: in a folder that is named after the sources of this package.

numba looks at the file of a function alone, and would take a kernel from its cache although a
function that it calls, in another file, has been edited.
"""

import contextlib
import hashlib
from pathlib import Path

from numba import config

_HERE = Path(__file__).parent


@contextlib.contextmanager
def kernel_cache():
    """Let functions that are compiled with ``cache=True`` in here be cached in that folder."""
    digest = hashlib.blake2b(digest_size=8)
    for file in sorted(_HERE.glob("*.py")):
        digest.update(file.read_bytes())
    before = config.CACHE_DIR
    config.CACHE_DIR = str(Path(before or _HERE / "__pycache__") / f"kernels-{digest.hexdigest()}")
    try:
        yield
    finally:
        config.CACHE_DIR = before

"""The seal of a file, and what is done with a file that has none.

Damaged bytes can crash HDF5 or let it run for ever. The last bytes of a file are therefore a mark
and the BLAKE2b digest of all bytes before, which is compared before HDF5 opens the file. HDF5
ignores bytes after its own end of the file, and removes them when it opens a file for writing.
A file without a mark is read in a process of its own first.
"""

import functools
import hashlib
import os
import subprocess
import sys
from pathlib import Path

from ..errors import DamagedError, StoreError

SEAL_BYTES = 24

_MARK = b"jumpsim\0"
_LARGEST = 2**32  # the seal of a larger file would take too long to check
_SECONDS = 30.0  # for reading the structure of a file without a seal
_WALK = """
import h5py, sys

def walk(name, item):
    dict(item.attrs)
    if isinstance(item, h5py.Dataset):
        item.shape, item.dtype, item.dims and len(item.dims), item.id.get_storage_size()
        if item.chunks:
            item.id.get_num_chunks()

try:
    with h5py.File(sys.argv[1], "r") as file:
        walk("", file)
        file.visititems(walk)
except Exception:  # an error is reported by the process that opens the file next
    pass
"""


def seal(digest: bytes) -> bytes:
    """Last bytes of a file, from the BLAKE2b digest (of 16 bytes) of all bytes before."""
    return _MARK + digest


def sealed(image: bytes) -> bytes:
    """Content of a file with its seal."""
    return image + seal(hashlib.blake2b(image, digest_size=16).digest())


def has_valid_seal(path: Path) -> bool:
    """Whether the bytes of a file are those that were written; False when it has no seal.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    bool
        False for a file that HDF5 can read, as far as can be said without a seal.

    Raises
    ------
    StoreError
        When there is no such file, or it cannot be read.
    DamagedError
        When the bytes are not those that were sealed, or when HDF5 crashes.
    """
    try:
        with open(path, "rb") as file:
            size = file.seek(0, 2) - SEAL_BYTES
            file.seek(max(size, 0))
            found = file.read(SEAL_BYTES)
            if not 0 < size < _LARGEST or not found.startswith(_MARK):
                status = os.fstat(file.fileno())
                _check_structure(str(path), status.st_mtime_ns, status.st_size)
                return False
            file.seek(0)
            digest = hashlib.blake2b(digest_size=16)
            while size > 0 and (piece := file.read(min(size, 2**22))):
                digest.update(piece)
                size -= len(piece)
    except FileNotFoundError:
        raise StoreError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise DamagedError(f"{path}: damaged: is a folder") from None
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror or error})") from None
    if seal(digest.digest()) != found:
        raise DamagedError(f"{path}: damaged: its bytes are not those that were written")
    return True


@functools.lru_cache(maxsize=4096)
def _check_structure(path: str, changed: int, size: int) -> None:  # noqa: ARG001 - part of the key
    """Let HDF5 read the structure of a file in a process of its own; errors of HDF5 pass."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _WALK, path],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise StoreError(
            f"{path}: HDF5 does not read it within {_SECONDS:g} s: it is damaged, or the disk is "
            "very slow"
        ) from None
    except OSError:  # no other process can be started
        return
    if done.returncode < 0:
        raise DamagedError(f"{path}: damaged: HDF5 crashes when it reads the file")

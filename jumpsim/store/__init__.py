"""Storage of trajectories: in memory, or in one HDF5 file that is also valid netCDF4."""

from .base import Store
from .block import WrittenBlock
from .disk import FileStore, WritableStore, check_same_run, write_block
from .memory import MemoryStore
from .merging import merge
from .paths import store_exists

__all__ = [
    "FileStore",
    "MemoryStore",
    "Store",
    "WritableStore",
    "WrittenBlock",
    "check_same_run",
    "merge",
    "store_exists",
    "write_block",
]

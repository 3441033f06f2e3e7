"""Where trajectories are kept: in memory, or in one file that everyone can read."""

from .base import Store
from .disk import FileStore, WritableStore, Written, check_same_run, write_block
from .memory import MemoryStore
from .merging import merge
from .paths import store_exists

__all__ = [
    "FileStore",
    "MemoryStore",
    "Store",
    "WritableStore",
    "Written",
    "check_same_run",
    "merge",
    "store_exists",
    "write_block",
]

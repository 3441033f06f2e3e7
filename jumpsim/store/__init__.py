"""Where trajectories are kept: in memory, or in one file that everyone can read."""

from .base import Store
from .disk import FileStore, WritableStore, store_exists
from .memory import MemoryStore
from .merging import merge

__all__ = ["FileStore", "MemoryStore", "Store", "WritableStore", "merge", "store_exists"]

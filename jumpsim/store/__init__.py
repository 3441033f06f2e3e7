"""Where trajectories are kept: in memory, or in one file that everyone can read."""

from .disk import create_store, open_store, store_exists
from .memory import MemoryStore

__all__ = ["MemoryStore", "create_store", "open_store", "store_exists"]

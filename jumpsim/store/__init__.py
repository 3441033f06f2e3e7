"""Where trajectories are kept: in memory, or in one file that everyone can read."""

from ..ensemble import Ensemble
from .disk import create_store, open_store, store_exists
from .memory import MemoryStore

__all__ = ["MemoryStore", "create_store", "open", "open_store", "store_exists"]


def open(path):
    """Open a stored run for reading.

    Parameters
    ----------
    path : path
        The output file of a run, finished or not.

    Returns
    -------
    Ensemble
        Reads from the file what is asked for, when it is asked for.

    Raises
    ------
    StoreError
        When there is no such file, or when it cannot be read or is not one of jumpsim.
    """
    return Ensemble(open_store(path))

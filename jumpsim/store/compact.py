"""All that a run has left, put into its one file: blocks and shards."""

from pathlib import Path

from ..errors import StoreError
from . import FileStore, WritableStore, store_exists
from .paths import read_note
from .shard import shards, wanted


def compact(path):
    """Put all that a run has left into its one file, finished or not: its blocks and its shards.

    Parameters
    ----------
    path : path
        The output of the run.

    Returns
    -------
    str
        What was done.

    Raises
    ------
    StoreError
        When one of them is still being written to, belongs to another run, or differs where two
        hold the same trajectory. Nothing is removed then.
    """
    path = Path(path)
    there = [file for file in (path, *(file for _, file in shards(path))) if store_exists(file)]
    if not there:
        raise StoreError(f"{path}: no such file, and no blocks or shards of a run")
    plan = FileStore(there[0]).plan
    stores = []
    try:
        for file in dict.fromkeys((path, *there)):
            stores.append(WritableStore(file, plan))
        text = _united(*stores)
    finally:
        for store in stores:
            store.finish("taken up into another file", complete=False)
    return text


def _united(kept, *others):
    """Take other stores into one, and remove them; returns what it holds then."""
    number = max(_wanted(store) for store in (kept, *others))
    for other in others:
        for part in other.all_parts:
            kept.adopt(part)
    rows = sum(last - first for first, last in kept.ranges())
    number = max(number, *(last for _, last in kept.ranges()))
    text = f"{rows} of {number} trajectories are there"
    kept.finish(text, complete=True)
    for other in others:
        other.discard()
    return f"{kept.path}: {text}"


def _wanted(store):
    """Trajectories that the whole run was to have, as far as a store knows."""
    reasons = [wanted(part.stop_reason) for part in store.all_parts]
    return max([read_note(store.folder).get("wanted", 0), *reasons])

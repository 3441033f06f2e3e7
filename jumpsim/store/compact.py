"""Put everything that a run has on the disk into its one file: blocks and shards."""

from pathlib import Path

from ..errors import StoreError
from . import FileStore, WritableStore, store_exists
from .outcome import Kind, Outcome
from .paths import RunInfo
from .shard import shards


def compact(path: str | Path) -> str:
    """Put the blocks and shards of a run, finished or not, into its one file.

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
            store.finish(None, complete=False)  # releases the lock, also after an error
    return text


def _united(kept, *others):
    """Take other stores into one, and remove them; returns what it holds then."""
    number = max(_requested(store) for store in (kept, *others))
    for other in others:
        for part in other.all_parts:
            kept.adopt(part)
    rows = sum(last - first for first, last in kept.ranges())
    number = max(number, *(last for _, last in kept.ranges()))
    outcome = Outcome(Kind.COMPACTED, number, present=rows)
    kept.finish(outcome, complete=True)
    for other in others:
        other.discard()
    return f"{kept.path}: {outcome}"


def _requested(store):
    """Trajectories that the whole run was to have, as far as a store knows."""
    info = RunInfo.read(store.folder)
    return max([info.requested if info else 0, *(part.requested for part in store.all_parts)])

"""Join the blocks and shards of a run in one file."""

from ..errors import StoreError
from ..utils.files import AnyPath, as_path
from . import FileStore, WritableStore, store_exists
from .outcome import Kind, Outcome
from .paths import RunInfo, blocks_folder, unfinished_files
from .shard import shards
from .unfinished import drop_finished


def compact(path: AnyPath) -> str:
    """Join the blocks and shards of a run, complete or not, in one file.

    Unfinished trajectories stay beside their shard, which continues them when it is run again.

    Parameters
    ----------
    path : path
        The output file of the run.

    Returns
    -------
    str
        One line that describes the result.

    Raises
    ------
    StoreError
        When another process is writing to one of them, when one belongs to another run, or when
        two contain the same trajectory with different numbers. Nothing is removed in these cases.
    """
    path = as_path(path, "store")
    files = [path, *(file for _, file in shards(path))]
    existing = [file for file in files if store_exists(file)]
    if not existing:
        raise StoreError(f"{path}: no such file, and no blocks or shards of a run")
    plan = FileStore(existing[0]).plan
    stores: list[WritableStore] = []
    try:
        for file in files:
            if file in (path, *existing) or unfinished_files(blocks_folder(file)):
                stores.append(WritableStore(file, plan))
        return _join(stores[0], stores[1:])
    finally:
        for store in stores:
            store.finish(None, complete=False)  # releases the lock, also after an error


def _join(target: WritableStore, others: list[WritableStore]) -> str:
    """Add the content of the other stores to `target`, and remove their files."""
    number = max(_requested(store) for store in (target, *others))
    for other in others:
        for part in other.all_parts:
            target.add_part(part)
    rows = sum(last - first for first, last in target.ranges())
    number = max(number, *(last for _, last in target.ranges()))
    outcome = Outcome(Kind.COMPACTED, number, present=rows)
    target.finish(outcome, complete=True)
    for other in others:
        other.discard()
        drop_finished(other.unfinished, target.parts)
    return f"{target.path}: {outcome}"


def _requested(store: WritableStore) -> int:
    """Requested number of trajectories of the whole run, as far as a store contains it."""
    info = RunInfo.read(store.folder)
    return max([info.requested if info else 0, *(part.requested for part in store.all_parts)])

"""Unite stores of one run by the index of their trajectories."""

from pathlib import Path

from ..errors import InputError
from .disk import FileStore, WritableStore, store_exists


def merge(path, inputs):
    """Unite stores of one run; a trajectory that several have must agree, and counts once.

    Parameters
    ----------
    path : path
        The file to make, or to add to.
    inputs : sequence of path
        Stores, finished or not; left as they are.

    Returns
    -------
    str
        What was done.

    Raises
    ------
    StoreError
        When they belong to different runs or records, when a trajectory differs, or when one of
        them is damaged. Nothing is written then.
    """
    path = Path(path)
    others = [Path(p) for p in inputs if Path(p).resolve() != path.resolve()]
    if not others and not store_exists(path):
        raise InputError("nothing to merge: give at least one store")
    stores = [FileStore(p) for p in others]
    plan = FileStore(path).plan if store_exists(path) else stores[0].plan
    kept = WritableStore(path, plan)
    new = complete = False
    try:
        for store in stores:
            for part in store.parts:
                new |= kept.adopt(part)
        complete = new
    finally:
        kept.finish(f"merged from {len(stores)} stores", complete=complete)
    rows = sum(last - first for first, last in kept.ranges())
    if new:
        return f"{path}: {rows} trajectories, merged from {len(stores)} stores"
    return f"{path}: nothing new, {rows} trajectories as before"

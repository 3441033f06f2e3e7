"""Unite stores of one run by the index of their trajectories."""

from pathlib import Path

from ..errors import InputError
from . import index_ranges
from .disk import FileStore, WritableStore
from .paths import store_exists


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
    ranges = kept.ranges()
    rows = sum(last - first for first, last in ranges)
    if not new:
        return f"{path}: nothing new, {rows} trajectories as before"
    missing = [
        f"{first} ... {last - 1}" for first, last in index_ranges.gaps(ranges, ranges[-1][1])
    ]
    told = f"; missing {', '.join(missing[:5])}" if missing else ""
    more = f" and {len(missing) - 5} more ranges" if len(missing) > 5 else ""
    return f"{path}: {rows} trajectories, merged from {len(stores)} stores{told}{more}"

"""Unite stores of one run by the index of their trajectories."""

from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from ..utils.text import readable_ranges
from . import index_ranges
from .disk import FileStore, WritableStore
from .outcome import Kind, Outcome
from .paths import store_exists


def merge(path: str | Path, inputs: Sequence[str | Path]) -> str:
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
    outcome = Outcome(Kind.MERGED, stores=len(stores))
    new = complete = False
    try:
        for store in stores:
            for part in store.parts:
                new |= kept.adopt(part)
        complete = new
    finally:
        kept.finish(outcome, complete=complete)
    ranges = kept.ranges()
    rows = sum(last - first for first, last in ranges)
    if not new:
        return f"{path}: nothing new, {rows} trajectories as before"
    gaps = index_ranges.gaps(ranges, ranges[-1][1])
    missing = f"; missing {readable_ranges(gaps)}" if gaps else ""
    return f"{path}: {rows} trajectories, {outcome}{missing}"

"""Merge stores of one run by the index of their trajectories."""

from collections.abc import Sequence

from ..errors import InputError
from ..utils.files import AnyPath, as_path
from ..utils.text import readable_ranges
from . import index_ranges
from .disk import FileStore, WritableStore
from .outcome import Kind, Outcome
from .paths import store_exists


def merge(path: AnyPath, inputs: Sequence[AnyPath]) -> str:
    """Merge stores of one run in one file.

    A trajectory that several stores contain must be equal in all of them; it is stored once.

    Parameters
    ----------
    path : path
        The file to create, or to extend.
    inputs : sequence of path
        Stores, finished or not; they are not changed.

    Returns
    -------
    str
        One line that describes the result.

    Raises
    ------
    InputError
        When there is nothing to merge.
    StoreError
        When they belong to different runs, have different records, contain a trajectory with
        different numbers, or when one of them is damaged. Nothing is written in these cases.

    Examples
    --------
    >>> import tempfile
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
    >>> run = dict(model=model, times=["0 s", "1 us"], initial={"N": 12, "m": 3}, seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     a = js.simulate(**run, ntraj=2, store=f"{folder}/a.h5")
    ...     b = js.simulate(**run, ntraj=5, store=f"{folder}/b.h5")
    ...     text = js.merge(f"{folder}/all.h5", [a.path, b.path])
    >>> text.split(": ", 1)[1]
    '5 trajectories, merged from 2 stores'
    """
    path, files = as_path(path), [as_path(file, "inputs") for file in inputs]
    others = [file for file in files if file.resolve() != path.resolve()]
    if not others and not store_exists(path):
        raise InputError("nothing to merge: give at least one store")
    stores = [FileStore(p) for p in others]
    plan = FileStore(path).plan if store_exists(path) else stores[0].plan
    target = WritableStore(path, plan)
    outcome = Outcome(Kind.MERGED, stores=len(stores))
    new = complete = False
    try:
        for store in stores:
            for part in store.parts:
                new |= target.add_part(part)
        complete = new
    finally:
        target.finish(outcome, complete=complete)
    ranges = target.ranges()
    rows = sum(last - first for first, last in ranges)
    if not new:
        return f"{path}: nothing new, {rows} trajectories as before"
    gaps = index_ranges.gaps(ranges, ranges[-1][1])
    missing = f"; missing {readable_ranges(gaps)}" if gaps else ""
    return f"{path}: {rows} trajectories, {outcome}{missing}"

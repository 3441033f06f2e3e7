"""The records of a run: quantities that can be stored, each declared once.

A record is one of the names that the argument `record` of `simulate` accepts. Its declaration
states what the engine must compute for it, which variables of a file contain it, and how it is
printed. The first dimension of a variable determines how it is stored, joined, merged and
compared:

- "trajectory": one row for each trajectory,
- "event": one entry for each event, ordered by trajectory,
- any other: a sum or an average over all trajectories.

To add a record, declare it in `RECORDS`, and make the kernels fill its buffer.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .variables import EVENT_COUNT, OF_COUNTS, OF_EXPECT, Averages, Variable

if TYPE_CHECKING:
    from ..model.base import BaseModel


@dataclass(frozen=True)
class Record:
    """One record.

    Attributes
    ----------
    name : str
    letter : str
        Letter for the record in the names of block files, different for all records.
    keep : str
        Entry of the argument `keep` of `engine.run`.
    shown : str
        Format of the printed description; {ntraj}, {times}, {columns}, {events} are replaced.
    variables : tuple of Variable
        Variables of a file. Records of sums have none here: see `averages`.
    averages : Averages or None
        For samples: the variables of the records of their sums.
    pairs : bool
        For sums: whether products of two columns are summed, and not only squares.
    of : str
        The record exists only for models whose samples are "counts" or "expect"; "" for all.
    """

    name: str
    letter: str
    keep: str
    shown: str
    variables: tuple[Variable, ...] = ()
    averages: Averages | None = None
    pairs: bool = False
    of: str = ""

    @property
    def sums(self) -> bool:
        """Whether it consists of sums over trajectories, without data of single trajectories."""
        return not self.variables

    @property
    def dimension(self) -> str:
        """Dimension of its columns, at each of the stored times; "" when it has none."""
        rows = self.variables and self.variables[0].per_trajectory
        return self.variables[0].dimensions[-1] if rows else ""

    @property
    def dtype(self) -> type:
        """Type of the array that `Ensemble` returns, for records with columns."""
        return self.variables[0].memory_type


_ARRAY = "({ntraj}, {times}, {columns})"
RECORDS = {
    record.name: record
    for record in (
        Record(
            "counts",
            "c",
            "samples",
            _ARRAY,
            (
                Variable(
                    "counts",
                    ("trajectory", "time", "pool"),
                    None,
                    "quanta in the pool, right-continuous",
                    buffer="samples",
                ),
            ),
            averages=OF_COUNTS,
            of="counts",
        ),
        Record(
            "expect",
            "x",
            "samples",
            _ARRAY,
            (
                Variable(
                    "expect",
                    ("trajectory", "time", "observable"),
                    np.float64,
                    "expectation value in the state of the trajectory, right-continuous",
                    buffer="samples",
                ),
            ),
            averages=OF_EXPECT,
            of="expect",
        ),
        Record(
            "jumps",
            "j",
            "jumps",
            _ARRAY,
            (
                Variable(
                    "jumps",
                    ("trajectory", "time", "channel"),
                    None,
                    "events of the channel up to and including this time",
                    buffer="jumps",
                ),
            ),
        ),
        Record(
            "events",
            "e",
            "events",
            "{events} times and channels",
            (
                Variable(
                    "event_time",
                    ("event",),
                    np.float64,
                    "time of the event",
                    "s",
                    buffer="event_time",
                ),
                Variable(
                    "event_channel",
                    ("event",),
                    None,
                    "channel of the event, index into channel",
                    buffer="event_channel",
                    index_into="channel",
                ),
            ),
        ),
        Record(
            "moments",
            "m",
            "samples",
            "mean and covariance, {times} times of {columns} columns",
            pairs=True,
        ),
        Record(
            "variances", "v", "samples", "mean and variance, {times} times of {columns} columns"
        ),
    )
}
OF_TRAJECTORIES = (EVENT_COUNT, *(v for record in RECORDS.values() for v in record.variables))
"""Variables with data of single trajectories, in the order of the checksum."""

# Description of the entries of a dimension in the file, and their names for a model.
_LABELS: dict[str, tuple[str, Callable[["BaseModel"], tuple[str, ...]]]] = {
    "pool": ("pool of quanta", lambda model: model.pools),
    "observable": ("what the expectation value is of", lambda model: model.samples.names),
    "channel": ("kind of event", lambda model: model.channels),
}
LABELS = _LABELS | {f"other_{name}": _LABELS[name] for name in ("pool", "observable")}
# Dimensions that have a variable of their own, in the order in which they are written.
DIMENSIONS = (
    "time",
    "trajectory",
    "pool",
    "observable",
    "channel",
    "other_pool",
    "other_observable",
    "word",
)


def labels(model: "BaseModel", dimension: str) -> tuple[str, ...]:
    """Names of the entries of a dimension, such as the names of the pools."""
    return LABELS[dimension][1](model)


def in_order(names: Collection[str]) -> tuple[str, ...]:
    """Names of records in the order of `RECORDS`."""
    return tuple(name for name in RECORDS if name in names)


def offered(model: "BaseModel") -> tuple[str, ...]:
    """Names of the records that a model can have."""
    return tuple(n for n, record in RECORDS.items() if record.of in ("", model.samples.record))


def columns(model: "BaseModel", name: str) -> tuple[str, ...]:
    """Names of the columns of a record at each stored time; () when it has no columns."""
    dimension = RECORDS[name].dimension
    return labels(model, dimension) if dimension else ()


def averages(model: "BaseModel", name: str) -> tuple[Variable, Variable, Variable, Variable]:
    """Variables of a record of sums for a model, see `Averages.kept`."""
    declared = RECORDS[model.samples.record].averages
    assert declared is not None  # samples are numbers, which can be averaged
    return declared.kept(RECORDS[name].pairs)


def sums(names: Collection[str]) -> Record | None:
    """The record of sums that contains all others among these records; None without sums."""
    kept = [RECORDS[name] for name in in_order(names) if RECORDS[name].sums]
    return max(kept, key=lambda record: record.pairs, default=None)


def check_averages(
    model: "BaseModel", names: Collection[str], what: str, pairs: bool = False
) -> None:
    """Raise `InputError` unless averages, or with `pairs` covariances, follow from the records.

    The message begins with `what`, such as "averages need".
    """
    enough = [
        name
        for name, record in RECORDS.items()
        if name == model.samples.record or (record.sums and record.pairs >= pairs)
    ]
    if not set(enough) & set(names):
        known = f"{', '.join(enough[:-1])} or {enough[-1]}"
        raise InputError(f"{what} {known}, but the record is {', '.join(names)}")


def variables(model: "BaseModel", names: Iterable[str]) -> tuple[Variable, ...]:
    """Variables of a file with these records, in the order of the checksum."""
    names = in_order(set(names))
    found: tuple[Variable, ...] = (EVENT_COUNT,) if of_trajectories(names) else ()
    for name in names:
        found += RECORDS[name].variables or averages(model, name)
    return tuple(dict.fromkeys(found))  # records of sums have some in common


def of_trajectories(names: Iterable[str]) -> bool:
    """Whether any record stores single trajectories, and not only sums over them."""
    return any(not RECORDS[name].sums for name in names)


def dimensions(chosen: Iterable[Variable]) -> set[str]:
    """Dimensions that variables have, or that their numbers are indices into."""
    return {d for v in chosen for d in (*v.dimensions, v.index_into) if d}


def engine_keeps(model: "BaseModel", names: Iterable[str]) -> set[str]:
    """The argument `keep` of `engine.run` for these records."""
    names = set(names)
    keep = {RECORDS[name].keep for name in names}
    # Sums of integers are exact in any order, so the engine can add samples that are not stored.
    summed = sums(names)
    if summed and model.samples.record not in names and model.samples.unit == 1:
        keep.add("sums" if summed.pairs else "squares")
    return keep


def shown(name: str, model: "BaseModel", **sizes: int) -> str:
    """Printed description of the size of a record; `sizes` are ntraj, times and events."""
    number = len(columns(model, name) or columns(model, model.samples.record))
    return RECORDS[name].shown.format(columns=number, **sizes)

"""The plan: all data that determine the trajectories of a run; its comparison and JSON form."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import streams
from ..engine import ENGINE_VERSION, ENGINES
from ..errors import InputError, StoreError, choices, whole_number
from ..model import initial as start
from ..model.base import BaseModel
from ..model.initial import Initial
from ..systems.twolevel.quantum_jumps import model_fromdict
from ..units import as_times
from ..utils.differences import differences
from ..utils.typing import Array
from . import records
from .records import RECORDS
from .variables import Variable


@dataclass(frozen=True, eq=False)
class Plan:
    """All data that determine a run, except the number of trajectories and the workers.

    Trajectory i of two runs is identical, bit for bit, if all attributes except `record` are
    equal; `record` only selects what is stored.

    Attributes
    ----------
    model : Model
    initial : Thermal, Fixed or Mixture
    times : ndarray of float64, shape (n_times,)
        Seconds, increasing.
    seed : int
        0 ≤ seed < 2⁶⁴.
    record : tuple of str
        Names of records, in the order of `records.RECORDS`.
    versions : tuple of int
        (engine version, stream version).
    method : str
        Name of the engine in `engine.ENGINES`; that of the model, but for files that were written
        before another engine was chosen for such models.
    """

    model: BaseModel
    initial: Initial
    times: Array
    seed: int
    record: tuple[str, ...]
    versions: tuple[int, int] = (ENGINE_VERSION, streams.STREAM_VERSION)
    method: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "method", self.method or self.model.engine)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Variables of a file with this plan, in the order of the checksum."""
        return records.variables(self.model, self.record)

    @property
    def keeps_trajectories(self) -> bool:
        """Whether single trajectories are stored, and not only sums over them."""
        return records.of_trajectories(self.record)

    def asdict(self) -> dict[str, Any]:
        """Dict of all attributes except the times, which are a variable of the file."""
        return {
            "model": self.model.asdict(),
            "initial": self.initial.asdict(),
            "seed": self.seed,
            "record": list(self.record),
            "method": self.method,
            "engine_version": self.versions[0],
            "stream_version": self.versions[1],
        }

    @classmethod
    def fromdict(cls, data: dict[str, Any], times: Any) -> "Plan":
        """Create a plan from `asdict` and the times.

        Raises
        ------
        StoreError
            When the data are not acceptable.
        """
        try:
            model = model_fromdict(data["model"])
            initial = start.fromdict(data["initial"])
            initial.check(model)
            if data["method"] not in model.engines:
                raise InputError(f"its engine is {data['method']!r}, not {model.engine!r}")
            return cls(
                model,
                initial,
                as_times(times),
                as_seed(data["seed"]),
                as_record(data["record"], model),
                (int(data["engine_version"]), int(data["stream_version"])),
                data["method"],
            )
        except (InputError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise StoreError(f"the description of the run is damaged: {error}") from None

    def differences(self, other: "Plan") -> list[str]:
        """One line for each difference that makes the trajectories of `other` different."""
        mine, theirs = self.asdict(), other.asdict()
        for data in (mine, theirs):
            del data["record"], data["model"]["name"]
        versions = _version_differences(mine, theirs)
        times = _times_differences(self.times, other.times)
        return [*versions, *differences(mine, theirs), *times]


def as_seed(seed: Any) -> int:
    """Check a seed, which must be an integer here, and return it.

    Raises
    ------
    InputError
        When it is no integer with 0 ≤ seed < 2⁶⁴.
    """
    return whole_number(seed, "seed", 0, streams.SEED_LIMIT)


def as_record(record: Any, model: BaseModel | None = None) -> tuple[str, ...]:
    """Check names of records.

    Parameters
    ----------
    record : str or collection of str or None
        None selects the samples of the model.
    model : Model, optional
        Without a model, only the names are checked, and `record` must not be None.

    Returns
    -------
    tuple of str
        The names in the order of `RECORDS`.

    Raises
    ------
    InputError
        When a name is unknown, or when the model or its engine does not have the record.
    """
    if record is None and model is not None:
        record = model.samples.record
    names = [record] if isinstance(record, str) else record
    if not isinstance(names, list | tuple | set) or not names:
        raise InputError(f"`record` must name one or several of {', '.join(RECORDS)}")
    for name in names:
        if name not in RECORDS:
            raise InputError(f"`record`: unknown {name!r}; " + choices(name, RECORDS))
        if model is not None and name not in records.offered(model):
            raise InputError(
                f'`record`: {model.name} has no {name}; its samples are "{model.samples.record}"'
            )
        if model is not None and RECORDS[name].keep not in ENGINES[model.engine].keeps:
            raise InputError(f'`record`: the engine of {model.name} cannot record "{name}"')
    return records.in_order(names)


def _version_differences(mine: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """Remove the versions from both; a line that says what to do when one is different."""
    names = ("engine_version", "stream_version")
    ours, others = ({name: data.pop(name) for name in names} for data in (mine, theirs))
    lines = differences(ours, others)
    if lines:
        lines[-1] += " (other trajectories: give a new output, or use the jumpsim that wrote it)"
    return lines


def _times_differences(a: Array, b: Array) -> list[str]:
    if len(a) != len(b):
        spans = [f"{len(t)} from {t[0]:g} to {t[-1]:g} s" for t in (a, b)]
        return [f"times: {spans[0]} instead of {spans[1]}"]
    differ = ((k, float(a[k]), float(b[k])) for k in np.flatnonzero(a != b))
    return [f"times[{k}]: {mine!r} s instead of {theirs!r} s" for k, mine, theirs in differ]

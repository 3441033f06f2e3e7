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
from ..utils.typing import Array
from . import records
from .records import RECORDS, Variable


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
    """

    model: BaseModel
    initial: Initial
    times: Array
    seed: int
    record: tuple[str, ...]
    versions: tuple[int, int] = (ENGINE_VERSION, streams.STREAM_VERSION)

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
            "method": self.model.engine,
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
            if data["method"] != model.engine:
                raise InputError(f"its engine is {data['method']!r}, not {model.engine!r}")
            return cls(
                model,
                initial,
                as_times(times),
                as_seed(data["seed"]),
                as_record(data["record"], model),
                (int(data["engine_version"]), int(data["stream_version"])),
            )
        except (InputError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise StoreError(f"the description of the run is damaged: {error}") from None

    def differences(self, other: "Plan") -> list[str]:
        """One line for each difference that makes the trajectories of `other` different."""
        mine, theirs = self.asdict(), other.asdict()
        for data in (mine, theirs):
            del data["record"], data["model"]["name"]
        lines = _version_differences(mine, theirs)
        _compare(mine, theirs, "", lines)
        if not np.array_equal(self.times, other.times):
            lines.append(f"times: {_span(self.times)} instead of {_span(other.times)}")
        return lines


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
    lines: list[str] = []
    for name in ("engine_version", "stream_version"):
        _compare(mine.pop(name), theirs.pop(name), name, lines)
    if lines:
        lines[-1] += " (other trajectories: give a new output, or use the jumpsim that wrote it)"
    return lines


def _compare(a: Any, b: Any, where: str, lines: list[str]) -> None:
    """Append one line for each difference of two values of JSON; `where` is their path."""
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        for key in a:
            _compare(a[key], b[key], f"{where}.{key}" if where else key, lines)
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            name = x.get("name", i) if isinstance(x, dict) else i
            _compare(x, y, f"{where}[{name}]", lines)
    elif a != b:
        lines.append(f"{where}: {_short(a)} instead of {_short(b)}")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _span(times: Array) -> str:
    return f"{len(times)} from {times[0]:g} to {times[-1]:g} s"

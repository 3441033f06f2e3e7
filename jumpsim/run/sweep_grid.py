"""The grid of a sweep: varied places in a parameter file, their values, seeds and file names."""

import copy
import hashlib
import itertools
import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError, choices
from ..utils.provenance import canonical_json

TABLES = ("scale", "parameters", "pools", "channels", "start", "times")  # that can be varied
Point = dict[str, Any]  # value by dotted path
Step = tuple[str, Any]  # name of a step along a path, and its key in the table or list

_RESERVED = ("time", "time_index", "pool", "mean", "sem", "variance", "ntraj", "n_events")
_MOST_POINTS = 10**5


@dataclass(frozen=True, eq=False)
class Grid:
    """A grid over places in a parameter file.

    Attributes
    ----------
    data : dict
        Content of the file.
    axes : dict of str to list
        List of values, of the types of JSON, by dotted path.
    names : dict of str to str
        Name of each axis by dotted path: the shortest end of the path that is unique.
    """

    data: dict[str, Any]
    axes: dict[str, list[Any]]
    names: dict[str, str]

    @classmethod
    def of(cls, data: dict[str, Any], vary: Any) -> "Grid":
        """Check the argument `vary` of `run_sweep`.

        Parameters
        ----------
        data : dict
            Content of the parameter file.
        vary : mapping of str to iterable
            Values by dotted path.

        Returns
        -------
        Grid

        Raises
        ------
        InputError
            When a path is not in the file, when values are not acceptable, or when there are too
            many points.

        Examples
        --------
        >>> grid = Grid.of({"parameters": {"tls": 20, "modes": 5}}, {"parameters.tls": [10, 20]})
        >>> grid.names, grid.points()
        ({'parameters.tls': 'tls'}, [{'parameters.tls': 10}, {'parameters.tls': 20}])
        """
        if not isinstance(vary, Mapping) or not vary:
            raise InputError(
                "`vary` must give values by path, such as {'parameters.tls': [50, 100]}"
            )
        axes = {path: _values(data, path, values) for path, values in vary.items()}
        places = {path: [".".join(n for n, _ in s) for s in _places(data, path)] for path in axes}
        for one, other in itertools.permutations(axes, 2):
            for outer, inner in itertools.product(places[one], places[other]):
                if f"{inner}.".startswith(f"{outer}."):
                    raise InputError(f"cannot vary `{other}` and all of `{one}` at once")
        if (points := math.prod(map(len, axes.values()))) > _MOST_POINTS:
            raise InputError(
                f"the grid has {points} points, but at most {_MOST_POINTS} are possible"
            )
        return cls(data, axes, _axis_names(data, axes))

    def points(self) -> list[Point]:
        """Every point, as a dict of path to value."""
        return [
            dict(zip(self.axes, v, strict=True)) for v in itertools.product(*self.axes.values())
        ]

    def placed(self, point: Point) -> dict[str, Any]:
        """Content of the parameter file with the values of a point."""
        return placed(self.data, point)

    def label(self, point: Point) -> str:
        """A point as text, such as "tls=20, modes=5"."""
        return ", ".join(f"{self.names[path]}={value_text(v)}" for path, v in point.items())


def parse_vary(texts: Iterable[str]) -> dict[str, list[Any]]:
    """Values by path from texts such as "parameters.gamma_dec=10 kHz,20 kHz".

    Commas outside brackets and quotes separate values. A value that is valid TOML is read as
    TOML; any other is a text. Paths joined by + get the same value.

    Parameters
    ----------
    texts : iterable of str

    Returns
    -------
    dict of str to list

    Raises
    ------
    InputError
        When a text has another form.

    Examples
    --------
    >>> parse_vary(["parameters.gamma_dec=10 kHz,20 kHz", "parameters.tls=50"])
    {'parameters.gamma_dec': ['10 kHz', '20 kHz'], 'parameters.tls': [50]}
    """
    vary: dict[str, list[Any]] = {}
    for text in texts:
        path, equals, values = (part.strip() for part in text.partition("="))
        if not (path and equals):
            raise InputError(
                "the varied values must be PATH=VALUE,VALUE,... such as parameters.tls=50,100, "
                f"but are {text!r}"
            )
        if path in vary:
            raise InputError(f"`{path}` is varied twice; give all its values at once")
        items = [item.strip() for item in _split(values)] if values else []
        if "" in items:
            raise InputError(f"`{path}`: a value is missing next to a comma in {values!r}")
        vary[path] = [_value(item) for item in items]
    return vary


def placed(data: dict[str, Any], point: Point) -> dict[str, Any]:
    """Copy of the content of a parameter file, with the values of a point."""
    result = copy.deepcopy(data)
    for path, value in point.items():
        for steps in _places(data, path):
            *parents, last = (key for _, key in steps)
            node: Any = result
            for key in parents:
                node = node[key]
            node[last] = copy.deepcopy(value)
    return result


def value_text(value: Any) -> str:
    """A value as text on one line."""
    return value if isinstance(value, str) and value.isprintable() else canonical_json(value)


def are_numbers(values: Iterable[Any]) -> bool:
    """Whether all values are numbers."""
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


def point_seed(seed: int, point: Point) -> int:
    """Seed of one point; the seeds of different points are independent.

    Parameters
    ----------
    seed : int
        Seed of the sweep.
    point : mapping of str to object
        Value by path, as in `index.json`.

    Returns
    -------
    int
        The first 63 bits of BLAKE2b (of 8 bytes) over the JSON text ``[seed,{"path":value}]``,
        with sorted keys and without spaces.
    """
    digest = hashlib.blake2b(canonical_json([seed, point]).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def index_entry(point: Point, names: Mapping[str, str], seed: int) -> dict[str, Any]:
    """Entry of a point in the index; its file name is readable, and unique because of a hash."""
    digest = hashlib.blake2b(canonical_json(point).encode(), digest_size=4).hexdigest()
    words = ",".join(f"{names[path]}={value_text(point[path])}" for path in sorted(point))
    safe = re.sub(r"[^A-Za-z0-9_.,+=-]+", "-", words)[:80].strip(".-")
    return {"values": point, "seed": point_seed(seed, point), "file": f"{safe}-{digest}.h5"}


def _split(text: str) -> list[str]:
    """Cut at commas outside brackets and quotes."""
    parts, depth = [""], 0
    quote: str | None = None
    for c in text:
        if quote:
            quote = None if c == quote else quote
        elif c in "\"'":
            quote = c
        else:
            depth += (c in "[{") - (c in "]}")
        if c == "," and depth <= 0 and not quote:
            parts.append("")
        else:
            parts[-1] += c
    return parts


def _value(text: str) -> Any:
    try:
        data = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # such as 10 kHz
        return text
    return data["value"] if len(data) == 1 else text


def _values(data: dict[str, Any], path: str, values: Any) -> list[Any]:
    """Values of one axis as types of JSON, see `_plain`."""
    _places(data, path)
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        raise InputError(f"`{path}`: the values must be a list, but are {values!r}")
    plain = {}
    for value in values:
        value = _plain(value, path)
        if canonical_json(value) in plain:
            raise InputError(f"`{path}`: the value {value_text(value)} is given twice")
        plain[canonical_json(value)] = value
    if not plain:
        raise InputError(f"`{path}`: the list of values is empty")
    return list(plain.values())


def _plain(value: Any, path: str) -> Any:
    """Value as a type of JSON, equal for equal values: 50 for 50.0, a list for a tuple."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, float) and math.isfinite(value):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item, path) for item in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(item, path) for name, item in value.items()}
    raise InputError(
        f"`{path}`: a value must be a finite number, a text, a list or a table, but is {value!r}"
    )


def _keys(node: Any) -> dict[str, Any]:
    """Keys of the entries of a table or list by name; tables in a list use their own `name`."""
    if isinstance(node, dict):
        return {name: name for name in node}
    if isinstance(node, list):
        named = all(isinstance(item, dict) and "name" in item for item in node)
        return {item["name"] if named else str(i): i for i, item in enumerate(node)}
    return {}


def _places(data: dict[str, Any], path: str) -> list[list[Step]]:
    """Steps to each place of a path: one place, or several joined by +."""
    parts = path.split("+")
    if len(parts) == 1:
        return [_steps(data, path)]
    try:
        return [_steps(data, path)]  # a name can contain a +
    except InputError:
        return [_steps(data, part.strip()) for part in parts]


def _steps(data: dict[str, Any], path: str) -> list[Step]:
    """(name, key) of each step along a dotted path; a name can contain dots."""
    steps: list[Step] = []
    node: Any = data
    rest: str | None = path
    while rest is not None:
        keys = _keys(node) if steps else {name: name for name in TABLES if name in data}
        names = [name for name in keys if f"{rest}.".startswith(f"{name}.")]
        if not names:
            raise InputError(f"cannot vary `{path}`{_unknown(data, steps, rest, keys)}")
        name = max(names, key=len)
        steps.append((name, keys[name]))
        node = node[keys[name]]
        rest = rest[len(name) + 1 :] if len(rest) > len(name) else None
    return steps


def _unknown(
    data: dict[str, Any], steps: Sequence[Step], rest: str, keys: Mapping[str, Any]
) -> str:
    """End of the error message about a step that does not exist, with the possible names."""
    name = rest.split(".")[0]
    if steps:
        where = ".".join(step for step, _ in steps)
        return f": the file has no `{name}` in {where}; {choices(name, keys)}"
    # Users often omit the name of the table.
    full = [f"{table}.{rest}" for table in keys if name in _keys(data[table])]
    return f"; {choices([*full, name][0], [*full, *keys])}"


def _axis_names(data: dict[str, Any], paths: Iterable[str]) -> dict[str, str]:
    """Shortest unique end of each path: "tls", "gamma_tilde_0", "A_size"."""
    paths = list(paths)
    ends = {}
    for path in paths:
        steps = [name for name, _ in _places(data, path)[0]]
        joined = ("_".join(steps[k:]) for k in reversed(range(len(steps))))
        ends[path] = [re.sub(r"\W+", "_", name) for name in joined]
    names = {}
    for path in paths:
        taken = {*_RESERVED, *(name for other in paths if other != path for name in ends[other])}
        free = [name for name in ends[path] if name not in taken and not name.isdigit()]
        names[path] = [*free, path][0]
    return names

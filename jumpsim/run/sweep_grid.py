"""What a sweep varies: places in a parameter file, their values, and what follows from a point."""

import copy
import hashlib
import itertools
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import InputError, choices
from ..utils.provenance import canonical_json

TABLES = ("scale", "parameters", "pools", "channels", "start", "times")  # what makes a point

_TAKEN = ("time", "time_index", "pool", "mean", "sem", "variance", "ntraj", "n_events")
_MOST_POINTS = 10**5


@dataclass(frozen=True, eq=False)
class Grid:
    """A grid over places in a parameter file.

    Attributes
    ----------
    data : dict
        What the file says.
    axes : dict
        List of values by dotted path, all of JSON's types.
    names : dict
        Name of each axis by dotted path: the shortest end of the path that is unique.
    """

    data: dict
    axes: dict
    names: dict

    @classmethod
    def of(cls, data, vary):
        """Check what a user wants to vary.

        Parameters
        ----------
        data : dict
            What the parameter file says.
        vary : mapping of str to iterable
            Values by dotted path.
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

    def points(self):
        """Every point, as a dict of path to value."""
        return [
            dict(zip(self.axes, v, strict=True)) for v in itertools.product(*self.axes.values())
        ]

    def placed(self, point):
        """What a parameter file for a point would say."""
        return placed(self.data, point)

    def label(self, point):
        """A point in words."""
        return ", ".join(f"{self.names[path]}={word(value)}" for path, value in point.items())


def parse_vary(texts):
    """Values by path from texts such as "parameters.gamma_dec=10 kHz,20 kHz".

    Commas outside brackets and quotes separate values. Each is read as TOML if it can be; else it
    is a text. Paths joined by + get the same value.
    """
    vary = {}
    for text in texts:
        path, equals, values = (part.strip() for part in text.partition("="))
        if not (path and equals):
            raise InputError(
                "what to vary must be PATH=VALUE,VALUE,... such as parameters.tls=50,100, but is "
                f"{text!r}"
            )
        if path in vary:
            raise InputError(f"`{path}` is varied twice; give all its values at once")
        items = [item.strip() for item in _split(values)] if values else []
        if "" in items:
            raise InputError(f"`{path}`: a value is missing beside a comma in {values!r}")
        vary[path] = [_value(item) for item in items]
    return vary


def placed(data, point):
    """Copy what a parameter file says, with the values of a point in their places."""
    result = copy.deepcopy(data)
    for path, value in point.items():
        for steps in _places(data, path):
            *parents, last = (key for _, key in steps)
            node = result
            for key in parents:
                node = node[key]
            node[last] = copy.deepcopy(value)
    return result


def differences(a, b, where=""):
    """One line for each place in which two parameter files differ."""
    if isinstance(a, list) and isinstance(b, list):
        a, b = dict(enumerate(a)), dict(enumerate(b))
    if isinstance(a, dict) and isinstance(b, dict):
        return [
            line
            for key in {**a, **b}
            for line in differences(a.get(key), b.get(key), f"{where}.{key}" if where else f"{key}")
        ]
    said = ["nothing" if value is None else repr(value) for value in (a, b)]
    return [f"{where}: {said[0]} against {said[1]}"] if a != b else []


def word(value):
    """A value in one word or a few, on one line."""
    return value if isinstance(value, str) and value.isprintable() else canonical_json(value)


def are_numbers(values):
    """Whether all values are numbers."""
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


def point_seed(seed, point):
    """Seed of one point, so that points are independent of each other.

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


def entry(point, names, seed):
    """What the index says about a point: a file name to be read, made unique by a hash."""
    digest = hashlib.blake2b(canonical_json(point).encode(), digest_size=4).hexdigest()
    words = ",".join(f"{names[path]}={word(point[path])}" for path in sorted(point))
    safe = re.sub(r"[^A-Za-z0-9_.,+=-]+", "-", words)[:80].strip(".-")
    return {"values": point, "seed": point_seed(seed, point), "file": f"{safe}-{digest}.h5"}


def _split(text):
    """Cut at commas outside brackets and quotes."""
    parts, depth, quote = [""], 0, None
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


def _value(text):
    try:
        data = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # such as 10 kHz
        return text
    return data["value"] if len(data) == 1 else text


def _values(data, path, values):
    """Values of one axis in their plain form."""
    _places(data, path)
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        raise InputError(f"`{path}`: the values must be a list, but are {values!r}")
    plain = {}
    for value in values:
        value = _plain(value, path)
        if canonical_json(value) in plain:
            raise InputError(f"`{path}`: the value {word(value)} is given twice")
        plain[canonical_json(value)] = value
    if not plain:
        raise InputError(f"`{path}`: the list of values is empty")
    return list(plain.values())


def _plain(value, path):
    """One form for one value: 50 for 50.0, lists for tuples and arrays."""
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


def _keys(node):
    """Names of what is in a table or list, and their keys; tables in a list go by their name."""
    if isinstance(node, dict):
        return {name: name for name in node}
    if isinstance(node, list):
        named = all(isinstance(item, dict) and "name" in item for item in node)
        return {item["name"] if named else str(i): i for i, item in enumerate(node)}
    return {}


def _places(data, path):
    """Steps to each of the places that a path means: one, or several joined by +."""
    parts = path.split("+")
    if len(parts) == 1:
        return [_steps(data, path)]
    try:
        return [_steps(data, path)]  # a name may hold a + itself
    except InputError:
        return [_steps(data, part.strip()) for part in parts]


def _steps(data, path):
    """(name, key) of each step along a dotted path; a name may hold dots itself."""
    steps, node, rest = [], data, path
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


def _unknown(data, steps, rest, keys):
    """What is wrong with a step of a path, and what would be right."""
    name = rest.split(".")[0]
    if steps:
        where = ".".join(step for step, _ in steps)
        return f": the file has no `{name}` in {where}; {choices(name, keys)}"
    # The table is easily forgotten.
    full = [f"{table}.{rest}" for table in keys if name in _keys(data[table])]
    return f"; {choices([*full, name][0], [*full, *keys])}"


def _axis_names(data, paths):
    """Shortest ends of paths that are unique, as words: "tls", "gamma_tilde_0", "A_size"."""
    ends = {}
    for path in paths:
        steps = [name for name, _ in _places(data, path)[0]]
        joined = ("_".join(steps[k:]) for k in reversed(range(len(steps))))
        ends[path] = [re.sub(r"\W+", "_", name) for name in joined]
    names = {}
    for path in paths:
        taken = {*_TAKEN, *(name for other in paths if other != path for name in ends[other])}
        free = [name for name in ends[path] if name not in taken and not name.isdigit()]
        names[path] = [*free, path][0]
    return names

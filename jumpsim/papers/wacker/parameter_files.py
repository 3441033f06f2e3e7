"""Parameter files of the figures: reading them and checking their entries.

The functions that check one entry take its value and its name, return the value, and raise
`InputError` when it is not valid.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, finite_number, one_line, positive_number, whole_number
from ...run.parameter_file import known_names, naming, one_table, read_toml, several_tables

_MOST = 100_000  # points or parameter sets


def read(path: str | PathLike[str], tables: Mapping[str, Any]) -> dict[str, Any]:
    """Read the parameter file of a figure.

    Parameters
    ----------
    path : path
    tables : dict
        For each table a dict {name: check}, where ``check(value, name)`` returns the value or
        raises `InputError`; a list with one dict for a table that may occur several times. All
        entries are required.

    Returns
    -------
    dict
        "title" and the checked tables.

    Raises
    ------
    InputError
        One line with the file, the place in it, and the valid values.
    """
    data = read_toml(path)
    with naming(path):
        known_names(data, ("title", "source", *tables), "the file")
        for name in ("title", "source"):
            one_line(data.get(name), f"`{name}`")
        found: dict[str, Any] = {"title": data["title"]}
        for name, checks in tables.items():
            if isinstance(checks, list):
                items = several_tables(data, name) if name in data else []
                found[name] = [_checked(item, checks[0], f"[[{name}]]") for item in items]
                if not items:
                    raise InputError(f"must have a table [[{name}]]")
            else:
                found[name] = _checked(one_table(data, name), checks, f"[{name}]")
        return found


def _checked(given: Mapping[str, Any], checks: Mapping[str, Any], where: str) -> dict[str, Any]:
    known_names(given, checks, where)
    for name in checks:
        if name not in given:
            raise InputError(f"{where} must give `{name}`")
    try:
        return {name: check(given[name], name) for name, check in checks.items()}
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def count(value: Any, name: str) -> int:
    """Check a number of points or of parameter sets."""
    return whole_number(value, name, 2, _MOST)


def seed(value: Any, name: str) -> int:
    """Check a seed."""
    return whole_number(value, name, 0, 2**64)


def word(value: Any, name: str) -> str:
    """Check a label."""
    one_line(value, f"`{name}`")
    return value


def filling(value: Any, name: str) -> float:
    """Check a filling, from 0 to 1."""
    if not 0 <= finite_number(value, name) <= 1:
        raise InputError(f"`{name}` must be from 0 to 1, but is {value!r}")
    return float(value)


def numbers(value: Any, name: str) -> list[float]:
    """Check a list of numbers."""
    if not isinstance(value, list) or not value:
        raise InputError(f"`{name}` must be a list of numbers, but is {value!r}")
    return [finite_number(x, name) for x in value]


def interval(value: Any, name: str) -> list[float]:
    """Check an interval: two numbers, the smaller one first."""
    found = numbers(value, name)
    if len(found) != 2 or not found[0] < found[1]:
        raise InputError(f"`{name}` must be two numbers, the smaller one first, but is {value!r}")
    return found


def fillings(value: Any, name: str) -> list[float]:
    """Check an interval of fillings, the smaller one first."""
    return [filling(x, name) for x in interval(value, name)]


def scales(value: Any, name: str) -> list[float]:
    """Check an interval of numbers > 0, in which values are distributed logarithmically."""
    return [positive_number(x, name) for x in interval(value, name)]


def evenly(bounds: Sequence[float], number: int) -> NDArray[np.float64]:
    """Evenly spaced values in an interval, both ends included."""
    return np.linspace(bounds[0], bounds[1], number)

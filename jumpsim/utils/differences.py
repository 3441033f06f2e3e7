"""The differences of two descriptions of a run, in words that show them."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

_LONGEST = 60  # letters of a value


def differences(a: Any, b: Any, where: str = "") -> list[str]:
    """One line for each place in which two values of plain data (JSON or TOML) differ.

    Parameters
    ----------
    a, b : object
        Nested dicts, lists, numbers and texts. Lists of dicts with a "name" are compared by name.
    where : str
        Path of both values, for the lines.

    Returns
    -------
    list of str

    Examples
    --------
    >>> differences({"seed": 5, "rate": 1.0}, {"seed": 6, "rate": 1.0})
    ['seed: 5 instead of 6']
    >>> differences([{"name": "A"}, {"name": "B"}], [{"name": "B"}, {"name": "A"}], "pools")
    ["pools: in another order, with 'A' instead of 'B' at place 1"]
    """
    if isinstance(a, dict) and isinstance(b, dict) and (a.keys() & b.keys() or not where):
        return _by_key(a, b, f"{where}." if where else "", "")
    if isinstance(a, list) and isinstance(b, list):
        names, others = _names(a), _names(b)
        if names is None or others is None:
            names, others = list(range(len(a))), list(range(len(b)))
        mine, theirs = dict(zip(names, a, strict=True)), dict(zip(others, b, strict=True))
        lines = _by_key(mine, theirs, f"{where}[", "]")
        if names != others and set(names) == set(others):
            at = next(i for i, name in enumerate(names) if name != others[i])
            first, second = _texts(names[at], others[at])
            lines.insert(
                0, f"{where}: in another order, with {first} instead of {second} at place {at + 1}"
            )
        return lines
    if a == b:
        return []
    first, second = _texts(a, b)
    return [f"{where}: {first} instead of {second}"]


def in_short(lines: Sequence[str], most: int = 3) -> str:
    """The first lines of `differences` on one line, and how many more there are."""
    more = f" (and {len(lines) - most} more)" if len(lines) > most else ""
    return "; ".join(lines[:most]) + more


def _by_key(a: Mapping[Any, Any], b: Mapping[Any, Any], before: str, after: str) -> list[str]:
    return [
        line
        for key in {**a, **b}
        for line in differences(a.get(key), b.get(key), f"{before}{key}{after}")
    ]


def _names(items: Sequence[Any]) -> list[Any] | None:
    """Names of dicts; None for a list of other values."""
    names = [item.get("name") if isinstance(item, dict) else None for item in items]
    different = all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
    return names if different else None


def _texts(a: Any, b: Any) -> tuple[str, str]:
    """Two different values as texts that differ also for the eye."""
    first, second = ("nothing" if value is None else repr(value) for value in (a, b))
    if unicodedata.normalize("NFKC", first) == unicodedata.normalize("NFKC", second):
        first, second = ascii(a), ascii(b)  # such as the micro sign and the Greek letter
    if max(len(first), len(second)) <= _LONGEST:
        return first, second
    pairs = enumerate(zip(first, second, strict=False))
    same = next((i for i, (x, y) in pairs if x != y), min(len(first), len(second)))
    begin = max(0, same - _LONGEST // 3)
    return _part(first, begin), _part(second, begin)


def _part(text: str, begin: int) -> str:
    end = begin + _LONGEST - 3
    return ("..." if begin else "") + text[begin:end] + ("..." if len(text) > end else "")

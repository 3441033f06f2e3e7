"""Parameter files of these figures: what may stand in them, and who refuses the rest."""

from ...errors import InputError, finite_number, one_line, positive_number, whole_number
from ...run.parameter_file import known_names, naming, one_table, read_toml, several_tables

_MOST = 100_000  # points or parameter sets


def read(path, tables):
    """Read the parameter file of a figure.

    Parameters
    ----------
    path : path
    tables : dict
        By table {name: check}, where ``check(value, name)`` returns the value or refuses it; in a
        list for a table that may stand several times. All of it must be given.

    Returns
    -------
    dict
        "title" and the tables, checked.

    Raises
    ------
    InputError
        One line that names the file, the place in it, and what would be right.
    """
    data = read_toml(path)
    with naming(path):
        known_names(data, ("title", "source", *tables), "the file")
        for name in ("title", "source"):
            one_line(data.get(name), f"`{name}`")
        found = {"title": data["title"]}
        for name, checks in tables.items():
            if isinstance(checks, list):
                items = several_tables(data, name) if name in data else []
                found[name] = [_checked(item, checks[0], f"[[{name}]]") for item in items]
                if not items:
                    raise InputError(f"must have a table [[{name}]]")
            else:
                found[name] = _checked(one_table(data, name), checks, f"[{name}]")
        return found


def _checked(given, checks, where):
    known_names(given, checks, where)
    for name in checks:
        if name not in given:
            raise InputError(f"{where} must give `{name}`")
    try:
        return {name: check(given[name], name) for name, check in checks.items()}
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def count(value, name):
    """Check a number of points or parameter sets."""
    return whole_number(value, name, 2, _MOST)


def seed(value, name):
    """Check a seed."""
    return whole_number(value, name, 0, 2**64)


def word(value, name):
    """Check a label."""
    one_line(value, f"`{name}`")
    return value


def filling(value, name):
    """Check a filling, from 0 to 1."""
    if not 0 <= finite_number(value, name) <= 1:
        raise InputError(f"`{name}` must be from 0 to 1, but is {value!r}")
    return float(value)


def numbers(value, name):
    """Check a list of numbers."""
    if not isinstance(value, list) or not value:
        raise InputError(f"`{name}` must be a list of numbers, but is {value!r}")
    return [finite_number(x, name) for x in value]


def interval(value, name):
    """Check two numbers, the smaller one first."""
    found = numbers(value, name)
    if len(found) != 2 or not found[0] < found[1]:
        raise InputError(f"`{name}` must be two numbers, the smaller one first, but is {value!r}")
    return found


def fillings(value, name):
    """Check two fillings, the smaller one first."""
    return [filling(x, name) for x in interval(value, name)]


def scales(value, name):
    """Check two numbers > 0, the smaller one first, between which powers of ten are spread."""
    return [positive_number(x, name) for x in interval(value, name)]

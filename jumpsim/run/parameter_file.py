"""Parameter files: a small TOML file describes a run."""

import inspect
import tomllib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import units
from ..errors import InputError, choices, positive_number, whole_number
from ..model.declaration import Channel, Pool
from ..model.initial import Fixed, Mixture, Thermal
from ..model.model import Model
from ..store.plan import as_record, as_seed
from ..systems import CATALOGUE
from ..units import as_times

_TABLES = (
    *("system", "title", "source", "scale"),
    *("parameters", "pools", "channels", "start", "times", "run"),
)
_RUN = {  # what may stand in [run], and who refuses a bad value while the file is still named
    "ntraj": lambda value: whole_number(value, "ntraj", 1, 2**53),
    "seed": as_seed,
    "record": as_record,
    "workers": lambda value: whole_number(value, "workers", 1, 10000),
    "timeout": lambda value: units.time(value, "timeout"),
    "target_sem": repr,  # needs the model; refused by `simulate`
    "max_events": lambda value: whole_number(value, "max_events", 1, 2**62),
    "block_size": lambda value: whole_number(value, "block_size", 1),
}
_POOL_KINDS = {
    "bosonic": Pool.bosonic,
    "tls": Pool.tls,
    "fermionic": Pool.fermionic,
    "mass_action": Pool.mass_action,
}
_LARGEST_FILE = 2**24


@dataclass(frozen=True, eq=False)
class Spec:
    """What a parameter file says.

    Attributes
    ----------
    model : Model
    initial : Thermal, Fixed or Mixture
    times : ndarray
        Seconds.
    run : dict
        Keyword arguments of `simulate`.
    system : str or None
        Name of a ready-made system, and its
    parameters : dict
    """

    model: Model
    initial: object
    times: np.ndarray
    run: dict
    system: str | None
    parameters: dict


def load_spec(path):
    """Read a parameter file.

    Parameters
    ----------
    path : path
        A TOML file with ``system`` and ``[parameters]`` of a ready-made system, or ``[[pools]]``
        and ``[[channels]]`` of one's own; ``[start]``, ``[times]`` and ``[run]``.

    Returns
    -------
    Spec

    Raises
    ------
    InputError
        One line that names the file, the place in it, and what would be right.
    """
    data = read_toml(path)
    with naming(path):
        return parse_spec(data)


def read_toml(path):
    """Read a TOML file; what is wrong with it is one line that names the file.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict
    """
    path = Path(path)
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise InputError(f"{path}: too large for a parameter file (TOML)")
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not text, but must be a parameter file (TOML)") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not valid TOML: {error}") from None
    except RecursionError:
        raise InputError(f"{path}: not valid TOML: nested too deeply") from None


@contextmanager
def naming(path):
    """Name a file in what is refused while it is being understood."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except RecursionError:
        raise InputError(f"{path}: nested too deeply") from None


def parse_spec(data):
    """Check what a parameter file says and make a `Spec` of it; errors do not name the file."""
    if not data:
        raise InputError('is empty; it must give a `system` such as "open_waveguide", or `pools`')
    known_names(data, _TABLES, "the file")
    model = _catalogue_model(data) if "system" in data else _own_model(data)
    initial = _start(one_table(data, "start"))
    if "scale" in data:  # the same physics, larger
        scale = positive_number(data["scale"], "scale")
        model, initial = model.scaled(scale), initial.scaled(scale)
    initial.check(model)
    run = one_table(data, "run", needed=False)
    known_names(run, _RUN, "[run]")
    for name, value in run.items():
        _RUN[name](value)
    parameters = data.get("parameters", {})
    times = _times(one_table(data, "times"))
    return Spec(model, initial, times, run, data.get("system"), parameters)


def _catalogue_model(data):
    name = data["system"]
    if not isinstance(name, str) or name not in CATALOGUE:
        raise InputError(f"unknown `system` {name!r}; " + choices(name, CATALOGUE))
    if "pools" in data or "channels" in data:
        raise InputError("give either a `system` or `pools` and `channels`, not both")
    return _call(CATALOGUE[name].declare, one_table(data, "parameters"), "[parameters]")


def _own_model(data):
    if "pools" not in data or "channels" not in data:
        raise InputError(
            "must give a `system` with [parameters], or [[pools]] and [[channels]]. "
            "Ready-made systems: " + ", ".join(CATALOGUE)
        )
    pools = []
    for item in several_tables(data, "pools"):
        item = dict(item)
        kind = item.pop("kind", None)
        if not isinstance(kind, str) or kind not in _POOL_KINDS:
            raise InputError(f"[[pools]]: unknown `kind` {kind!r}; " + choices(kind, _POOL_KINDS))
        pools.append(_call(_POOL_KINDS[kind], item, f"[[pools]] of kind {kind}"))
    channels = [_call(Channel, item, "[[channels]]") for item in several_tables(data, "channels")]
    extra = one_table(data, "parameters", needed=False)
    known_names(extra, ("name", "wavelength"), "[parameters]")
    return Model(pools, channels, **extra)


def _start(data):
    known_names(data, ("thermal", "spread", "counts", "mixture"), "[start]")
    if sum(name in data for name in ("thermal", "counts", "mixture")) != 1:
        raise InputError("[start] must give either `thermal` (ħΩ/k_B T), `counts` or `mixture`")
    if "mixture" in data:
        known_names(data, ("mixture",), "[start] with mixture")
        return _mixture(data["mixture"])
    if "counts" in data:
        known_names(data, ("counts",), "[start] with counts")
        if not isinstance(data["counts"], dict):
            raise InputError("[start]: `counts` must name pools, such as { A = 58, m = 27 }")
        return Fixed(data["counts"])
    return Thermal(data["thermal"], data.get("spread", True))


def _mixture(states):
    if not isinstance(states, list) or not all(isinstance(state, dict) for state in states):
        raise InputError("[start]: `mixture` must list { counts = { ... }, weight = ... }")
    for state in states:
        known_names(state, ("counts", "weight"), "[start] mixture")
    return Mixture([(state.get("counts"), state.get("weight")) for state in states])


def _times(data):
    known_names(data, ("values", "start", "stop", "points", "spacing"), "[times]")
    if "values" in data:
        known_names(data, ("values",), "[times] with values")
        if not isinstance(data["values"], list):
            raise InputError("[times]: `values` must be a list of times")
        return as_times(data["values"])
    for name in ("stop", "points"):
        if name not in data:
            raise InputError(f"[times] must give `{name}`, or `values`")
    stop = units.time(data["stop"], "stop")
    start = units.time(data.get("start", 0.0), "start")
    points = whole_number(data["points"], "points", 1, 10**7)
    spacing = data.get("spacing", "linear")
    if not isinstance(spacing, str) or spacing not in ("linear", "log"):
        raise InputError(
            f"[times]: unknown `spacing` {spacing!r}; " + choices(spacing, ("linear", "log"))
        )
    if points == 1:
        return as_times([stop])
    if not stop > start:
        raise InputError(f"[times]: `stop` must be later than `start`, but is {data['stop']!r}")
    if spacing == "linear":
        return as_times(np.linspace(start, stop, points))
    if start == 0:
        raise InputError('[times]: spacing = "log" needs a `start` > 0, such as "1 ns"')
    return as_times(np.geomspace(start, stop, points))


def _call(function, arguments, where):
    """Call with keyword arguments from a file, after naming unknown and missing ones."""
    if not isinstance(arguments, dict):
        raise InputError(f"{where} must be a table, but is {arguments!r}")
    parameters = inspect.signature(function).parameters
    known_names(arguments, parameters, where)
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in arguments:
            raise InputError(f"{where} must give `{name}`")
    return function(**arguments)


def known_names(data, names, where):
    """Refuse a name that has no place in a table."""
    for name in data:
        if name not in names:
            raise InputError(f"{where}: unknown `{name}`; " + choices(name, names))


def one_table(data, name, needed=True):
    """Give a table of a file, or refuse what is not one."""
    if name not in data and needed:
        raise InputError(f"must have a table [{name}]")
    table = data.get(name, {})
    if not isinstance(table, dict):
        raise InputError(f"`{name}` must be a table [{name}], but is {table!r}")
    return table


def several_tables(data, name):
    """Give the tables [[name]] of a file, one at least, or refuse what they are instead."""
    items = data[name]
    if not isinstance(items, list) or not items or not all(isinstance(i, dict) for i in items):
        raise InputError(f"`{name}` must be one or more tables [[{name}]]")
    return items

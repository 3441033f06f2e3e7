"""Parameter files: TOML files that describe the model and the options of a run."""

import inspect
import os
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import units
from ..errors import InputError, choices, positive_number, whole_number
from ..model.base import BaseModel
from ..model.declaration import Channel, Pool
from ..model.disorder import as_rates
from ..model.initial import Fixed, Initial, Mixture, Thermal
from ..model.model import Model, as_model
from ..store.plan import as_record, as_seed
from ..systems import CATALOGUE
from ..units import as_times
from ..utils.files import AnyPath, as_path
from ..utils.typing import Array

_TABLES = (
    *("system", "title", "source", "scale"),
    *("parameters", "pools", "channels", "start", "times", "run"),
)
# Options in [run] with the function that checks a value, so that the error can name the file.
_RUN: dict[str, Callable[[Any], object]] = {
    "ntraj": lambda value: whole_number(value, "ntraj", 1, 2**53),
    "seed": as_seed,
    "record": as_record,
    "workers": lambda value: whole_number(value, "workers", 1, 10000),
    "timeout": lambda value: units.time(value, "timeout"),
    "target_sem": repr,  # accepts all: `simulate` checks it with the model
    "max_events": lambda value: whole_number(value, "max_events", 1, 2**62),
    "block_size": lambda value: whole_number(value, "block_size", 1),
}
_POOL_KINDS: dict[str, Callable[..., Pool]] = {
    "bosonic": Pool.bosonic,
    "tls": Pool.tls,
    "fermionic": Pool.fermionic,
    "mass_action": Pool.mass_action,
}
_LARGEST_FILE = 2**24  # bytes


@dataclass(frozen=True, eq=False)
class Spec:
    """Content of a parameter file.

    Attributes
    ----------
    model : Model or TwoLevel
    initial : Thermal, Fixed or Mixture
    times : ndarray of float64, shape (n_times,)
        Seconds, increasing.
    run : dict
        Keyword arguments of `simulate`.
    system : str or None
        Name of a ready-made system; None for a model with its own pools and channels.
    parameters : dict
        The table [parameters].
    """

    model: BaseModel
    initial: Initial
    times: Array
    run: dict[str, Any]
    system: str | None
    parameters: dict[str, Any]


def load_spec(path: AnyPath) -> Spec:
    """Read a parameter file.

    Parameters
    ----------
    path : path
        A TOML file with ``system`` and ``[parameters]`` of a ready-made system, or with the
        ``[[pools]]`` and ``[[channels]]`` of another model; and ``[start]``, ``[times]`` and
        ``[run]``.

    Returns
    -------
    Spec

    Raises
    ------
    InputError
        One line that names the file, the place in it, and what would be right.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import jumpsim as js
    >>> text = '''
    ... system = "hohlraum"
    ... parameters = { tls = 20, modes = 10, gamma_tilde = "10 MHz" }
    ... start = { counts = { N = 12, m = 3 } }
    ... times = { stop = "1 us", points = 3 }
    ... run = { ntraj = 100 }
    ... '''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "hohlraum.toml"
    ...     _ = file.write_text(text)
    ...     spec = js.load_spec(file)
    >>> spec.model.pools, spec.times.tolist(), spec.run
    (('N', 'm'), [0.0, 5e-07, 1e-06], {'ntraj': 100})
    """
    data = read_toml(path)
    with naming(path):
        return parse_spec(data)


def read_toml(path: AnyPath) -> dict[str, Any]:
    """Read a TOML file.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict

    Raises
    ------
    InputError
        One line that names the file, when it cannot be read or is not valid.
    """
    text = read_text(path)
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, ValueError) as error:  # a whole number of 10,000 digits
        reason = str(error).splitlines()[0]
    except RecursionError:
        reason = "nested too deeply"
    raise InputError(f"{os.fsdecode(path)}: not valid TOML: {reason}")


def read_text(path: AnyPath) -> str:
    """Text of a parameter file, without a byte order mark.

    Parameters
    ----------
    path : path

    Returns
    -------
    str

    Raises
    ------
    InputError
        One line that names the file, when it cannot be read or is not text.
    """
    path = as_path(path, "spec")
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise InputError(f"{path}: too large for a parameter file (TOML)")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(
            f"{path}: is not text in UTF-8, but must be a parameter file (TOML)"
        ) from None


@contextmanager
def naming(path: AnyPath) -> Iterator[None]:
    """Put the name of a file before the text of each `InputError` that is raised inside."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{os.fsdecode(path)}: {error}") from None
    except RecursionError:
        raise InputError(f"{os.fsdecode(path)}: nested too deeply") from None


def parse_spec(data: Mapping[str, Any]) -> Spec:
    """Check the content of a parameter file.

    Parameters
    ----------
    data : mapping
        The content, as `tomllib` returns it.

    Returns
    -------
    Spec

    Raises
    ------
    InputError
        One line that names the place in the file, but not the file.
    """
    if not data:
        raise InputError('is empty; it must give a `system` such as "open_waveguide", or `pools`')
    known_names(data, _TABLES, "the file")
    model = _catalogue_model(data) if "system" in data else _own_model(data)
    initial = _start(one_table(data, "start"))
    if "scale" in data:  # the same physics, larger
        scale = positive_number(data["scale"], "scale")
        model, initial = as_model(model).scaled(scale), initial.scaled(scale)
    initial.check(model)
    run = one_table(data, "run", needed=False)
    known_names(run, _RUN, "[run]")
    for name, value in run.items():
        _RUN[name](value)
    parameters = data.get("parameters", {})
    times = _times(one_table(data, "times"))
    return Spec(model, initial, times, run, data.get("system"), parameters)


def _catalogue_model(data: Mapping[str, Any]) -> BaseModel:
    name = data["system"]
    if not isinstance(name, str) or name not in CATALOGUE:
        raise InputError(f"unknown `system` {name!r}; " + choices(name, CATALOGUE))
    if "pools" in data or "channels" in data:
        raise InputError("give either a `system` or `pools` and `channels`, not both")
    model: BaseModel = _call(CATALOGUE[name].declare, one_table(data, "parameters"), "[parameters]")
    return model


def _own_model(data: Mapping[str, Any]) -> Model:
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
    channels = [_channel(item, pools) for item in several_tables(data, "channels")]
    extra = one_table(data, "parameters", needed=False)
    known_names(extra, ("name", "wavelength"), "[parameters]")
    return Model(pools, channels, **extra)


def _channel(item: Mapping[str, Any], pools: Sequence[Pool]) -> Channel:
    """A channel; a distribution of rates is drawn for the two-level systems of its pool."""
    given, sides = dict(item), (item.get("takes"), item.get("gives"))
    if isinstance(given.get("rate"), dict):
        names = {name for side in sides if isinstance(side, dict) for name in side}
        sizes = [int(p.size or 0) for p in pools if p.kind == "tls" and p.name in names]
        number = sizes[0] if len(sizes) == 1 else None
        given["rate"] = as_rates(given["rate"], f"rate of channel '{given.get('name')}'", number)
    channel: Channel = _call(Channel, given, "[[channels]]")
    return channel


def _start(data: Mapping[str, Any]) -> Initial:
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


def _mixture(states: Any) -> Mixture:
    if not isinstance(states, list) or not all(isinstance(state, dict) for state in states):
        raise InputError("[start]: `mixture` must list { counts = { ... }, weight = ... }")
    for state in states:
        known_names(state, ("counts", "weight"), "[start] mixture")
    return Mixture([(state.get("counts"), state.get("weight")) for state in states])


def _times(data: Mapping[str, Any]) -> Array:
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
    if (stop - start) / (points - 1) < 4 * np.spacing(stop):
        raise InputError(
            f"[times]: `points` = {points} are too many between `start` and `stop`: neighbouring "
            "times would be the same number"
        )
    if spacing == "linear":
        return as_times(np.linspace(start, stop, points))
    if start == 0:
        raise InputError('[times]: spacing = "log" needs a `start` > 0, such as "1 ns"')
    return as_times(np.geomspace(start, stop, points))


def _call(function: Callable[..., Any], arguments: Any, where: str) -> Any:
    """Call a function with keyword arguments from a file; unknown or missing ones are errors."""
    if not isinstance(arguments, dict):
        raise InputError(f"{where} must be a table, but is {arguments!r}")
    parameters = inspect.signature(function).parameters
    known_names(arguments, parameters, where)
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in arguments:
            raise InputError(f"{where} must give `{name}`")
    return function(**arguments)


def known_names(data: Iterable[str], names: Iterable[str], where: str) -> None:
    """Raise `InputError` if a table contains a name that is not one of `names`."""
    for name in data:
        if name not in names:
            raise InputError(f"{where}: unknown `{name}`; " + choices(name, names))


def one_table(data: Mapping[str, Any], name: str, needed: bool = True) -> dict[str, Any]:
    """Return the table [name] of a file, or raise `InputError` if it is none.

    Parameters
    ----------
    data : mapping
        Content of the file.
    name : str
    needed : bool
        Whether it is an error if the table is missing; else an empty one is returned.
    """
    if name not in data and needed:
        raise InputError(f"must have a table [{name}]")
    table = data.get(name, {})
    if not isinstance(table, dict):
        raise InputError(f"`{name}` must be a table [{name}], but is {table!r}")
    return table


def several_tables(data: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the tables [[name]] of a file, at least one, or raise `InputError`."""
    items = data[name]
    if not isinstance(items, list) or not items or not all(isinstance(i, dict) for i in items):
        raise InputError(f"`{name}` must be one or more tables [[{name}]]")
    return items

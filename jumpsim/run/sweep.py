"""Parameter sweeps: a grid over values of a parameter file, with one store for each point.

A sweep is a folder. Its `index.json` contains the text of the parameter file, the names of the
varied values, and the values, seed and file of each point (see `sweep_index`); it is written
before the first trajectory is simulated.
"""

import math
import os
import sys
import threading
import time
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import units
from ..errors import InputError, SimulationError, StoreError, whole_number
from ..store import store_exists
from ..store.ensemble import open as open_ensemble
from ..store.outcome import Kind
from ..store.plan import as_seed
from ..store.records import RECORDS
from ..utils.files import AnyPath, as_path
from ..utils.provenance import canonical_json
from ..utils.typing import Array
from .parameter_file import Spec, load_spec, parse_spec, read_text
from .simulate import simulate
from .stopping import stop_on_signals
from .sweep_grid import Grid, Point, are_numbers, value_text
from .sweep_index import add_points, read_index

if TYPE_CHECKING:
    import xarray

_LONG_NAMES = {
    "mean": "average count (or expectation value) over trajectories",
    "sem": "standard error of the average",
    "variance": "variance over trajectories, divisor n - 1",
    "ntraj": "number of trajectories",
    "n_events": "number of events of all trajectories",
}


@dataclass(frozen=True)
class Sweep:
    """Result of a call of `run_sweep`.

    Attributes
    ----------
    folder : pathlib.Path
    vary : dict of str to list
        Values by the name of the axis.
    seed : int
        Seed of the sweep.
    points : int
        Number of requested points.
    finished : int
        Number of requested points that are complete.
    """

    folder: Path
    vary: dict[str, list[Any]]
    seed: int
    points: int
    finished: int

    def __str__(self) -> str:
        rows = [(name, ", ".join(map(value_text, values))) for name, values in self.vary.items()]
        rows += [("seed", f"{self.seed}"), ("complete", f"{self.finished}")]
        rows += [("where", f"{self.folder}")]
        width = max(len(name) for name, _ in rows)
        head = f"sweep of {self.points} points"
        return "\n".join([head, *(f"  {name:<{width}}  {text}" for name, text in rows)])


def run_sweep(
    spec: AnyPath,
    folder: AnyPath,
    vary: Mapping[str, Iterable[Any]],
    *,
    progress: bool | None = None,
    **settings: Any,
) -> Sweep:
    """Simulate every point of a grid of parameters.

    Trajectories that the folder already contains are not simulated again.

    Parameters
    ----------
    spec : path
        Parameter file.
    folder : path
        Folder for the files of the points; it is created if it does not exist.
    vary : mapping of str to list
        Values by dotted path in the parameter file, such as ``{"parameters.tls": [50, 100],
        "parameters.gamma_tilde.0": ["5 MHz", "10 MHz"]}``; pools and channels are identified by
        their name (``pools.cavity.modes``). A later call with other values extends the sweep.
    progress : bool, optional
        Whether to show a bar of points on stderr; default when that is a terminal.
    **settings
        Keyword arguments of `simulate`, which replace those of the table [run] of the file.
        `timeout` limits all points together. The seeds of the points are derived from `seed`, see
        `sweep_grid.point_seed`.

    Returns
    -------
    Sweep

    Raises
    ------
    InputError
        An argument or a point of the grid is not acceptable; nothing was simulated or written.
    StoreError
        A file cannot be used, or the folder contains another sweep.
    KeyboardInterrupt
        At SIGINT or SIGTERM; finished trajectories are kept.
    SimulationError
        A rate was negative or infinite, or a trajectory exceeded `max_events`; the text names the
        point.

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
    ... run = { ntraj = 5 }
    ... '''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "hohlraum.toml"
    ...     _ = file.write_text(text)
    ...     sweep = js.run_sweep(file, f"{folder}/sweep", {"parameters.tls": [20, 40]}, seed=1)
    >>> sweep.vary, sweep.points, sweep.finished
    ({'tls': [20, 40]}, 2, 2)
    """
    base, folder = load_spec(spec), as_path(folder, "folder")
    text = read_text(spec)
    settings = {**base.run, **settings}
    seed, timeout = settings.pop("seed", None), settings.pop("timeout", None)
    seed = None if seed is None else as_seed(seed)
    seconds = math.inf if timeout is None else units.time(timeout, "timeout")
    if "ntraj" in settings:
        whole_number(settings["ntraj"], "ntraj", 1, 2**53)
    _check(base, settings)
    grid = Grid.of(tomllib.loads(text), vary)
    specs = [_point_spec(grid, point) for point in grid.points()]
    index = add_points(folder, grid, os.fsdecode(spec), text, seed)
    finished = _run(folder, index, grid, specs, time.monotonic() + seconds, progress, settings)
    shown = {grid.names[path]: values for path, values in grid.axes.items()}
    return Sweep(folder, shown, index["seed"], len(specs), finished)


def open_sweep(folder: AnyPath) -> "xarray.Dataset":
    """Averages of every point of a sweep, as labelled data.

    Parameters
    ----------
    folder : path
        The folder of a sweep, finished or not.

    Returns
    -------
    xarray.Dataset
        `mean`, `sem` and `variance` of the counts with dimensions (axes..., time, pool), `ntraj`
        and `n_events` with dimensions (axes...). A point that was not simulated has NaN and
        ntraj = 0. If the points have different times of equal number, the variable `time` has
        the dimensions (axes..., time_index).

    Raises
    ------
    StoreError
        The folder contains no sweep, no point was simulated yet, or a file cannot be used.
    InputError
        The points do not fit into one array, were recorded with neither counts nor moments, or
        xarray is not installed.
    """
    folder = as_path(folder, "folder")
    index = read_index(folder)
    places = [
        (path, {canonical_json(value): i for i, value in enumerate(axis["values"])})
        for path, axis in index["vary"].items()
    ]
    found: dict[tuple[int, ...], _Summary] = {}
    for point in index["points"]:
        if store_exists(folder / point["file"]):
            place = tuple(number[canonical_json(point["values"][path])] for path, number in places)
            found[place] = _summary(folder / point["file"], point["seed"])
    if not found:
        raise StoreError(f"{folder}: none of the {len(index['points'])} points was simulated yet")
    return _dataset(folder, index, found)


def _check(spec: Spec, settings: Mapping[str, Any]) -> None:
    """Let `simulate` check its arguments, with 0 trajectories."""
    without = {**settings, "ntraj": 0, "seed": 0, "progress": False}
    simulate(spec.model, spec.times, initial=spec.initial, store=None, **without)


def _point_spec(grid: Grid, point: Point) -> Spec:
    try:
        return parse_spec(grid.placed(point))
    except InputError as error:
        raise InputError(f"at {grid.label(point)}: {error}") from None


def _run(
    folder: Path,
    index: dict[str, Any],
    grid: Grid,
    specs: Sequence[Spec],
    deadline: float,
    progress: bool | None,
    settings: Mapping[str, Any],
) -> int:
    """Simulate one point after the other; returns the number of complete points."""
    from tqdm import tqdm

    entries = {canonical_json(entry["values"]): entry for entry in index["points"]}
    hidden = not (sys.stderr.isatty() if progress is None else progress)
    stop = threading.Event()
    bar = tqdm(total=len(specs), unit=" points", file=sys.stderr, disable=hidden)
    # A KeyboardInterrupt between points could be lost in callbacks of other packages.
    with bar, stop_on_signals(stop.set):
        for finished, (spec, point) in enumerate(zip(specs, grid.points(), strict=True)):
            bar.set_postfix_str(grid.label(point))
            entry = entries[canonical_json(point)]
            left = max(0.0, deadline - time.monotonic())
            try:
                ensemble = simulate(
                    spec.model,
                    spec.times,
                    initial=spec.initial,
                    seed=entry["seed"],
                    store=folder / entry["file"],
                    progress=False,
                    timeout=None if left == math.inf else left,
                    **settings,
                )
            except SimulationError as error:
                raise SimulationError(f"at {grid.label(point)}: {error}") from None
            if ensemble.outcome and ensemble.outcome.kind is Kind.TIMEOUT:
                return finished
            bar.update()
            if stop.is_set():
                raise KeyboardInterrupt
    return len(specs)


class _Summary(NamedTuple):
    """Averages of one point."""

    times: Array
    scale: tuple[str, tuple[str, ...]]  # name of the dimension of the columns, and their names
    values: dict[str, Any]  # by the names in _LONG_NAMES


def _summary(file: Path, seed: int) -> _Summary:
    ensemble = open_ensemble(file)
    if ensemble.seed != seed:
        raise StoreError(f"{file}: is of seed {ensemble.seed}, but this point's seed is {seed}")
    values: dict[str, Any] = {"ntraj": ensemble.ntraj, "n_events": ensemble.n_events}
    try:
        values |= {"mean": ensemble.mean(), "sem": ensemble.sem(), "variance": ensemble.var()}
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    samples = ensemble.model.samples
    return _Summary(ensemble.times, (RECORDS[samples.record].dimension, samples.names), values)


def _dataset(
    folder: Path, index: dict[str, Any], found: Mapping[tuple[int, ...], _Summary]
) -> "xarray.Dataset":
    """One dataset from the summaries by their place in the grid."""
    try:
        import xarray
    except ImportError:
        raise InputError("open_sweep needs xarray: pip install 'jumpsim[xarray]'") from None
    times, scale, _ = next(iter(found.values()))
    if any(s != scale or len(t) != len(times) for t, s, _ in found.values()):
        raise InputError(
            f"{folder}: the points have different columns or numbers of times, and do not fit "
            "into one array; open them one by one with jumpsim.open"
        )
    axes: dict[str, Any] = {
        axis["name"]: _coordinate(path, axis) for path, axis in index["vary"].items()
    }
    common = all(np.array_equal(t, times) for t, _, _ in found.values())
    inner = {"time" if common else "time_index": len(times), scale[0]: len(scale[1])}
    grid = {axis["name"]: len(axis["values"]) for axis in index["vary"].values()}
    variables: dict[str, Any] = {}
    for name, long_name in _LONG_NAMES.items():
        sizes, fill = (grid, 0) if name in ("ntraj", "n_events") else (grid | inner, np.nan)
        array = np.full(list(sizes.values()), fill)
        for place, (_, _, values) in found.items():
            array[place] = values[name]
        variables[name] = (list(sizes), array, {"units": "1", "long_name": long_name})
    time_attributes = {"units": "s", "long_name": "time since the start"}
    if common:
        axes["time"] = ("time", times, time_attributes)
    else:
        each = np.full([*grid.values(), len(times)], np.nan)
        for place, (t, _, _) in found.items():
            each[place] = t
        variables["time"] = ([*grid, "time_index"], each, time_attributes)
    attributes = {name: index[name] for name in ("spec", "spec_file", "seed", "jumpsim")}
    return xarray.Dataset(variables, axes | {scale[0]: list(scale[1])}, attributes)


def _coordinate(path: str, axis: Mapping[str, Any]) -> tuple[str, NDArray[Any], dict[str, str]]:
    """Values along an axis: as numbers if all are numbers, else as text."""
    values = axis["values"]
    values = values if are_numbers(values) else [value_text(value) for value in values]
    return axis["name"], np.array(values), {"path": path}

"""Parameter sweeps: a grid over anything that a parameter file says, one store for each point.

A sweep is a folder. `index.json` holds the parameter file's text, what is varied, and the values,
seed and file of each point; it is written before the first trajectory, whole or not at all. Seed
and file name of a point follow from its own values, so that other points never change them.
"""

import contextlib
import fcntl
import json
import math
import os
import re
import secrets
import sys
import threading
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import __version__, units
from ..errors import InputError, SimulationError, StoreError, whole_number
from ..store import store_exists
from ..store.ensemble import open as open_ensemble
from ..store.outcome import Kind
from ..store.plan import as_seed
from ..store.records import RECORDS
from ..utils.files import new_file, remove_temporaries, sync_folder, write_error
from ..utils.provenance import canonical_json
from .parameter_file import load_spec, parse_spec
from .simulate import simulate
from .stopping import noted_signals
from .sweep_grid import TABLES, Grid, are_numbers, differences, entry, placed, word

FORMAT, FORMAT_VERSION = "jumpsim sweep", 1

_INDEX = "index.json"
_SHOWN = {
    "mean": "average count (or expectation value) over trajectories",
    "sem": "standard error of the average",
    "variance": "variance over trajectories, divisor n - 1",
    "ntraj": "number of trajectories",
    "n_events": "number of events of all trajectories",
}


@dataclass(frozen=True)
class Sweep:
    """What a call of `run_sweep` asked for, and how far it came.

    Attributes
    ----------
    folder : pathlib.Path
    vary : dict
        Values by axis name.
    seed : int
        Seed of the sweep.
    points, finished : int
        Points that were asked for, and how many of them are complete.
    """

    folder: Path
    vary: dict
    seed: int
    points: int
    finished: int

    def __str__(self):
        rows = [(name, ", ".join(map(word, values))) for name, values in self.vary.items()]
        rows += [("seed", self.seed), ("complete", self.finished), ("where", self.folder)]
        width = max(len(name) for name, _ in rows)
        head = f"sweep of {self.points} points"
        return "\n".join([head, *(f"  {name:<{width}}  {text}" for name, text in rows)])


def run_sweep(spec, folder, vary, *, progress=None, **settings):
    """Simulate every point of a grid; what is there already is not simulated again.

    Parameters
    ----------
    spec : path
        Parameter file.
    folder : path
        Where the points are stored, one file each; made when it is not there.
    vary : mapping of str to list
        Values by dotted path into the parameter file, such as ``{"parameters.tls": [50, 100],
        "parameters.gamma_tilde.0": ["5 MHz", "10 MHz"]}``; own pools and channels go by name
        (``pools.cavity.modes``). Later calls may give other values, which extends the sweep.
    progress : bool, optional
        Show a bar of points on stderr; default when that is a terminal.
    **settings
        Keyword arguments of `simulate`, which go before the file's [run]. `timeout` is for all
        points together, and from `seed` follow those of the points, see `grid.point_seed`.

    Returns
    -------
    Sweep

    Raises
    ------
    InputError
        An argument or a point of the grid is not acceptable; nothing was simulated or written.
    StoreError
        A file cannot be used, or the folder holds another sweep.
    KeyboardInterrupt
        At SIGINT or SIGTERM; what was finished is kept.
    SimulationError
        A trajectory met a negative or infinite rate, or `max_events`; the text names the point.
    """
    base, folder = load_spec(spec), Path(folder)
    text = Path(spec).read_text("utf-8")
    settings = {**base.run, **settings}
    seed, timeout = settings.pop("seed", None), settings.pop("timeout", None)
    seed = None if seed is None else as_seed(seed)
    seconds = math.inf if timeout is None else units.time(timeout, "timeout")
    if "ntraj" in settings:
        whole_number(settings["ntraj"], "ntraj", 1, 2**53)
    _check(base, settings)
    grid = Grid.of(tomllib.loads(text), vary)
    specs = [_point_spec(grid, point) for point in grid.points()]
    index = _enrol(folder, grid, str(spec), text, seed)
    finished = _run(folder, index, grid, specs, time.monotonic() + seconds, progress, settings)
    shown = {grid.names[path]: values for path, values in grid.axes.items()}
    return Sweep(folder, shown, index["seed"], len(specs), finished)


def open_sweep(folder):
    """Averages of every point of a sweep, as labelled data.

    Parameters
    ----------
    folder : path
        The folder of a sweep, finished or not.

    Returns
    -------
    xarray.Dataset
        `mean`, `sem` and `variance` of the counts over (axes..., time, pool), `ntraj` and
        `n_events` over (axes...). A point that is not there has NaN, and ntraj = 0. Where points
        have different times, but equally many, there is a variable `time` over (axes...,
        time_index).

    Raises
    ------
    StoreError
        The folder holds no sweep, nothing was simulated yet, or a file cannot be used.
    InputError
        Points do not fit into one array, or were recorded with neither counts nor moments.
    """
    folder = Path(folder)
    index = _read_index(folder)
    places = [
        (path, {canonical_json(value): i for i, value in enumerate(axis["values"])})
        for path, axis in index["vary"].items()
    ]
    found = {}
    for point in index["points"]:
        if store_exists(folder / point["file"]):
            place = tuple(at[canonical_json(point["values"][path])] for path, at in places)
            found[place] = _summary(folder / point["file"], point["seed"])
    if not found:
        raise StoreError(f"{folder}: none of the {len(index['points'])} points was simulated yet")
    return _dataset(folder, index, found)


def _check(spec, settings):
    """Let `simulate` check its arguments, by asking for no trajectory at all."""
    nothing = {**settings, "ntraj": 0, "seed": 0, "progress": False}
    simulate(spec.model, spec.times, initial=spec.initial, store=None, **nothing)


def _point_spec(grid, point):
    try:
        return parse_spec(grid.placed(point))
    except InputError as error:
        raise InputError(f"at {grid.label(point)}: {error}") from None


def _run(folder, index, grid, specs, deadline, progress, settings):
    """Simulate one point after the other; returns how many are complete."""
    from tqdm import tqdm

    indexed = {canonical_json(there["values"]): there for there in index["points"]}
    hidden = not (sys.stderr.isatty() if progress is None else progress)
    stop = threading.Event()
    bar = tqdm(total=len(specs), unit=" points", file=sys.stderr, disable=hidden)
    # An exception out of a signal could get lost between points, in callbacks of other packages.
    with bar, noted_signals(stop.set):
        for finished, (spec, point) in enumerate(zip(specs, grid.points(), strict=True)):
            bar.set_postfix_str(grid.label(point))
            there = indexed[canonical_json(point)]
            left = max(0.0, deadline - time.monotonic())
            try:
                ensemble = simulate(
                    spec.model,
                    spec.times,
                    initial=spec.initial,
                    seed=there["seed"],
                    store=folder / there["file"],
                    progress=False,
                    timeout=None if left == math.inf else left,
                    **settings,
                )
            except SimulationError as error:
                raise SimulationError(f"at {grid.label(point)}: {error}") from None
            if ensemble.outcome.kind is Kind.TIMEOUT:
                return finished
            bar.update()
            if stop.is_set():
                raise KeyboardInterrupt
    return len(specs)


def _enrol(folder, grid, file, text, seed):
    """Put the points of a grid into the index; returns the index."""
    _make_folder(folder)
    with _locked(folder):
        remove_temporaries(folder, re.escape(_INDEX))
        if (folder / _INDEX).exists():
            old = _read_index(folder)
            _check_same_sweep(folder, old, grid, text, seed)
        else:
            old = {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                "jumpsim": __version__,
                "spec_file": file,
                "spec": text,
                "seed": secrets.randbits(63) if seed is None else seed,
                "vary": {path: {"name": name} for path, name in grid.names.items()},
                "points": [],
            }
        new = _with_points(old, [there["values"] for there in old["points"]] + grid.points())
        if new["points"] != old["points"]:
            _write_index(folder, new)
    return new


def _check_same_sweep(folder, index, grid, text, seed):
    """Refuse to mix sweeps whose points are different things."""
    if index["vary"].keys() != grid.names.keys():
        lines = [f"it varies {', '.join(index['vary'])}, not {', '.join(grid.names)}"]
    else:
        theirs, mine = (
            {name: data.get(name) for name in ("system", *TABLES)}
            for data in (
                placed(tomllib.loads(source), dict.fromkeys(grid.names))
                for source in (index["spec"], text)
            )
        )
        lines = differences(theirs, mine)
        if seed not in (None, index["seed"]):
            lines.append(f"seed: {index['seed']} against {seed}")
    if lines:
        more = f" (and {len(lines) - 3} more)" if len(lines) > 3 else ""
        raise StoreError(f"{folder}: holds another sweep: {'; '.join(lines[:3])}{more}")


def _with_points(index, points):
    """The index with just these points, each once; numbers along an axis increase."""
    vary = {}
    for path, axis in index["vary"].items():
        values = list({canonical_json(point[path]): point[path] for point in points}.values())
        vary[path] = {
            "name": axis["name"],
            "values": sorted(values) if are_numbers(values) else values,
        }
    names = {path: axis["name"] for path, axis in vary.items()}
    entries = {canonical_json(point): entry(point, names, index["seed"]) for point in points}
    return {**index, "vary": vary, "points": list(entries.values())}


def _make_folder(folder):
    parent = folder.absolute().parent
    if not parent.is_dir():
        raise StoreError(f"{folder}: the folder '{folder.parent}' does not exist")
    try:
        folder.mkdir(exist_ok=True)
        sync_folder(parent)
    except FileExistsError:
        raise StoreError(f"{folder}: is a file, but must be a folder") from None
    except OSError as error:
        raise write_error(error, folder) from None


@contextlib.contextmanager
def _locked(folder):
    """Let one process at a time change the index, where the file system knows locks."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write_index(folder, index):
    with new_file(folder / _INDEX) as temporary:
        temporary.write_text(json.dumps(index, indent=1), "utf-8")


def _read_index(folder):
    """The index, checked: all that follows from the points is made again and compared."""
    path = folder / _INDEX
    try:
        index = json.loads(path.read_text("utf-8"))
        if not isinstance(index, dict) or index.get("format") != FORMAT:
            raise StoreError(f"{path}: is not the index of a jumpsim sweep")
        if index["format_version"] > FORMAT_VERSION:
            raise StoreError(f"{path}: a newer jumpsim wrote this sweep; update jumpsim")
        tomllib.loads(index["spec"])
        again = _with_points(index, [there["values"] for there in index["points"]])
        reason = "" if again == index else "values, seeds and files do not fit together"
    except (FileNotFoundError, NotADirectoryError):
        raise StoreError(f"{folder}: holds no sweep, for there is no {_INDEX}") from None
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
    if reason:
        raise StoreError(
            f"{path}: damaged ({reason}); move it away and run the sweep again with the same seed: "
            "the files of its points are kept"
        )
    return index


def _summary(file, seed):
    """(times, (dimension, names) of the columns, what is shown) of one point."""
    ensemble = open_ensemble(file)
    if ensemble.seed != seed:
        raise StoreError(f"{file}: is of seed {ensemble.seed}, but this point's seed is {seed}")
    try:
        shown = {"mean": ensemble.mean(), "sem": ensemble.sem(), "variance": ensemble.var()}
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    shown |= {"ntraj": ensemble.ntraj, "n_events": ensemble.n_events}
    model = ensemble.model
    return ensemble.times, (RECORDS[model.samples.record].dimension, model.samples.names), shown


def _dataset(folder, index, found):
    """One dataset of summaries by place in the grid."""
    try:
        import xarray
    except ImportError:
        raise InputError("open_sweep needs xarray: pip install 'jumpsim[xarray]'") from None
    times, scale, _ = next(iter(found.values()))
    if any(s != scale or len(t) != len(times) for t, s, _ in found.values()):
        raise InputError(
            f"{folder}: the points have different columns or numbers of times, which fit into "
            "no common array; open them one by one with jumpsim.open"
        )
    axes = {axis["name"]: _coordinate(path, axis) for path, axis in index["vary"].items()}
    common = all(np.array_equal(t, times) for t, _, _ in found.values())
    inner = {"time" if common else "time_index": len(times), scale[0]: len(scale[1])}
    grid = {axis["name"]: len(axis["values"]) for axis in index["vary"].values()}
    variables = {}
    for name, long_name in _SHOWN.items():
        sizes, fill = (grid, 0) if name in ("ntraj", "n_events") else (grid | inner, np.nan)
        array = np.full(list(sizes.values()), fill)
        for place, (_, _, shown) in found.items():
            array[place] = shown[name]
        variables[name] = (list(sizes), array, {"units": "1", "long_name": long_name})
    about_time = {"units": "s", "long_name": "time since the start"}
    if common:
        axes["time"] = ("time", times, about_time)
    else:
        each = np.full([*grid.values(), len(times)], np.nan)
        for place, (t, _, _) in found.items():
            each[place] = t
        variables["time"] = ([*grid, "time_index"], each, about_time)
    attributes = {name: index[name] for name in ("spec", "spec_file", "seed", "jumpsim")}
    return xarray.Dataset(variables, axes | {scale[0]: list(scale[1])}, attributes)


def _coordinate(path, axis):
    """Values along an axis: numbers where all are numbers, else in words."""
    values = axis["values"]
    values = values if are_numbers(values) else [word(value) for value in values]
    return axis["name"], np.array(values), {"path": path}

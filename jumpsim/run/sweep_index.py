"""The index of a sweep: the file `index.json` with the values, seed and file of each point.

It is written under a temporary name and renamed. The seed and the file name of a point depend only
on its own values, so that adding points does not change them.
"""

import contextlib
import fcntl
import json
import os
import re
import secrets
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import StoreError
from ..utils.differences import differences, in_short
from ..utils.files import new_file, remove_temporaries, sync_folder, write_error
from ..utils.provenance import canonical_json
from .sweep_grid import TABLES, Grid, Point, are_numbers, index_entry, placed

FORMAT, FORMAT_VERSION = "jumpsim sweep", 1

_INDEX = "index.json"


def add_points(folder: Path, grid: Grid, file: str, text: str, seed: int | None) -> dict[str, Any]:
    """Add the points of a grid to the index of a sweep; returns the index."""
    _make_folder(folder)
    with _locked(folder):
        remove_temporaries(folder, re.escape(_INDEX))
        if (folder / _INDEX).exists():
            old = read_index(folder)
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
        new = _with_points(old, [entry["values"] for entry in old["points"]] + grid.points())
        if new["points"] != old["points"]:
            _write_index(folder, new)
    return new


def _check_same_sweep(
    folder: Path, index: dict[str, Any], grid: Grid, text: str, seed: int | None
) -> None:
    """Raise an error if the folder contains a sweep with other axes, parameters or seed."""
    if index["vary"].keys() != grid.names.keys():
        lines = [f"it varies {', '.join(index['vary'])}, not {', '.join(grid.names)}"]
    else:
        stored, given = (
            {name: data.get(name) for name in ("system", *TABLES)}
            for data in (
                placed(tomllib.loads(source), dict.fromkeys(grid.names))
                for source in (index["spec"], text)
            )
        )
        lines = differences(stored, given)
        if seed not in (None, index["seed"]):
            lines.append(f"seed: {index['seed']} instead of {seed}")
    if lines:
        raise StoreError(f"{folder}: contains another sweep: {in_short(lines)}")


def _with_points(index: dict[str, Any], points: Sequence[Point]) -> dict[str, Any]:
    """Copy of the index with exactly these points; the numbers along an axis increase."""
    vary = {}
    for path, axis in index["vary"].items():
        values = list({canonical_json(point[path]): point[path] for point in points}.values())
        vary[path] = {
            "name": axis["name"],
            "values": sorted(values) if are_numbers(values) else values,
        }
    names = {path: axis["name"] for path, axis in vary.items()}
    entries = {canonical_json(point): index_entry(point, names, index["seed"]) for point in points}
    return {**index, "vary": vary, "points": list(entries.values())}


def _make_folder(folder: Path) -> None:
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
def _locked(folder: Path) -> Iterator[None]:
    """Let only one process at a time change the index, if the file system supports locks."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write_index(folder: Path, index: dict[str, Any]) -> None:
    with new_file(folder / _INDEX) as temporary:
        temporary.write_text(json.dumps(index, indent=1), "utf-8")


def read_index(folder: Path) -> dict[str, Any]:
    """Read and check the index: its derived entries are computed again and compared."""
    path = folder / _INDEX
    try:
        index = json.loads(path.read_text("utf-8"))
        if not isinstance(index, dict) or index.get("format") != FORMAT:
            raise StoreError(f"{path}: is not the index of a jumpsim sweep")
        if index["format_version"] > FORMAT_VERSION:
            raise StoreError(f"{path}: a newer jumpsim wrote this sweep; update jumpsim")
        tomllib.loads(index["spec"])
        again = _with_points(index, [entry["values"] for entry in index["points"]])
        reason = "" if again == index else "values, seeds and files do not fit together"
    except (FileNotFoundError, NotADirectoryError):
        raise StoreError(f"{folder}: contains no sweep, because there is no {_INDEX}") from None
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
    if reason:
        raise StoreError(
            f"{path}: damaged ({reason}); rename it and run the sweep again with the same seed: "
            "the files of its points are kept"
        )
    return index

"""The file of a long run: sums of each block, and where the trajectory is; also valid netCDF4.

It is small, and each time the whole file is written again, under a temporary name at first.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..errors import DamagedError, StoreError
from ..utils import provenance
from ..utils.files import new_file

FORMAT, FORMAT_VERSION = "a long run of jumpsim", 1

# name: (dimensions, units, long name)
_VARIABLES = {
    "time": (("edge",), "s", "ends of the blocks"),
    "count_sum": (("block", "pool", "word"), "1", "sum of the counts, two words (high, low)"),
    "count_product_sum": (
        ("block", "pool", "other_pool", "word"),
        "1",
        "sum of the products of two pools' counts, two words (high, low)",
    ),
    "jumps": (("edge", "channel"), "1", "events of the channel up to this end of a block"),
}
_STATE = ("clock", "stream", "counts", "events")


def write(
    path: str | Path,
    run: dict[str, Any],
    arrays: dict[str, np.ndarray],
    state: dict[str, Any],
    names: dict[str, Sequence[str]],
) -> None:
    """Write the file.

    Parameters
    ----------
    path : path
    run : dict
        What defines every number.
    arrays : dict
        Variables by name.
    state : dict
        Where the trajectory is: arrays by name.
    names : dict
        Entries of the dimensions "pool", "other_pool" and "channel".
    """
    path, text = Path(path), provenance.canonical_json(run)
    with new_file(path) as temporary:
        with h5py.File(path.name, "w", driver="core", backing_store=False) as file:
            file.attrs["Conventions"] = "CF-1.11"
            file.attrs["format"], file.attrs["format_version"] = FORMAT, FORMAT_VERSION
            file.attrs["run"], file.attrs["context"] = text, json.dumps(provenance.context())
            for name, array in state.items():
                file.attrs[name] = array
            _fill(file, arrays, names)
            file.attrs["checksum"] = _checksum(text, arrays, state)
            file.flush()
            image = file.id.get_file_image()
        temporary.write_bytes(image)


def _fill(file, arrays, names):
    edges = len(arrays["time"])
    text = h5py.string_dtype("utf-8")
    scales = {"block": np.arange(edges - 1), "edge": np.arange(edges), "word": np.arange(2)}
    scales |= names
    for name, values in scales.items():
        kind = None if isinstance(values, np.ndarray) else text
        file.create_dataset(name, data=values, dtype=kind).make_scale(name)
    for name, (dimensions, units, long_name) in _VARIABLES.items():
        dataset = file.create_dataset(name, data=arrays[name])
        dataset.attrs["units"], dataset.attrs["long_name"] = units, long_name
        for axis, dimension in enumerate(dimensions):
            dataset.dims[axis].attach_scale(file[dimension])


def read(path: str | Path) -> tuple[dict[str, Any], dict[str, np.ndarray], dict[str, Any]]:
    """Read the file; returns run, arrays and state as they were written.

    Raises
    ------
    StoreError
        When there is no such file, when it is of another kind, or damaged.
    """
    try:
        with h5py.File(path, "r") as file:
            kind = str(file.attrs.get("format", "none of jumpsim"))
            if kind != FORMAT:
                raise StoreError(f"{path}: must be {FORMAT}, but is {kind}")
            version = int(file.attrs["format_version"])
            if version > FORMAT_VERSION:
                raise StoreError(f"{path}: format {version} is newer than this jumpsim knows")
            text = str(file.attrs["run"])
            arrays = {name: file[name][()] for name in _VARIABLES}
            state = {name: file.attrs[name] for name in _STATE}
            if _checksum(text, arrays, state) != str(file.attrs["checksum"]):
                raise DamagedError(f"{path}: damaged: its content does not fit the checksum")
            return json.loads(text), arrays, state
    except StoreError:
        raise
    except FileNotFoundError:
        raise StoreError(f"{path}: no such file") from None
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        reason = (str(error).splitlines() or ["unknown"])[0]
        raise DamagedError(f"{path}: cannot be read as a long run ({reason})") from None


def is_one(path: str | Path) -> bool:
    """Whether a file is that of a long run."""
    try:
        with h5py.File(path, "r") as file:
            return str(file.attrs.get("format")) == FORMAT
    except OSError:
        return False


def context(path: str | Path) -> dict[str, Any]:
    """Software, machine and command that wrote a file."""
    with h5py.File(path, "r") as file:
        return json.loads(str(file.attrs["context"]))


def _checksum(text, arrays, state):
    digest = hashlib.blake2b(text.encode(), digest_size=16)
    for name in (*_VARIABLES, *_STATE):
        digest.update(np.ascontiguousarray(arrays.get(name, state.get(name))).tobytes())
    return digest.hexdigest()

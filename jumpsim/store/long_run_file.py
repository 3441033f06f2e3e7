"""The file of a long run: sums of each block, and the state of the trajectory; valid netCDF4.

The file is small. Each update writes the complete file under a temporary name and renames it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ..errors import DamagedError, StoreError
from ..utils import provenance
from ..utils.files import new_file
from .seals import has_valid_seal, sealed

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
    arrays: dict[str, NDArray[Any]],
    state: dict[str, Any],
    names: Mapping[str, Sequence[str]],
) -> None:
    """Write the file.

    Parameters
    ----------
    path : path
    run : dict
        All data that determine the numbers of the run.
    arrays : dict of str to ndarray
        Variables by name.
    state : dict
        State of the trajectory from which the run continues, by name.
    names : dict of str to sequence of str
        Entries of the dimensions "pool", "other_pool" and "channel".

    Raises
    ------
    StoreError
        When the file cannot be written; the earlier file then stays as it was.
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
        temporary.write_bytes(sealed(image))


def _fill(
    file: h5py.File, arrays: dict[str, NDArray[Any]], names: Mapping[str, Sequence[str]]
) -> None:
    edges = len(arrays["time"])
    text = h5py.string_dtype("utf-8")
    scales: dict[str, NDArray[Any] | Sequence[str]] = {
        "block": np.arange(edges - 1),
        "edge": np.arange(edges),
        "word": np.arange(2),
        **names,
    }
    for name, values in scales.items():
        kind = None if isinstance(values, np.ndarray) else text
        file.create_dataset(name, data=values, dtype=kind).make_scale(name)
    for name, (dimensions, units, long_name) in _VARIABLES.items():
        dataset = file.create_dataset(name, data=arrays[name])
        dataset.attrs["units"], dataset.attrs["long_name"] = units, long_name
        for axis, dimension in enumerate(dimensions):
            dataset.dims[axis].attach_scale(file[dimension])


def read(path: str | Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]], dict[str, Any]]:
    """Read the file.

    Returns
    -------
    run, arrays, state : dict
        As in `write`.

    Raises
    ------
    StoreError
        When there is no such file, when it is not the file of a long run, or when it is damaged.
    """
    path = Path(path)
    has_valid_seal(path)
    try:
        with h5py.File(path, "r") as file:
            kind = str(file.attrs.get("format", "none of jumpsim"))
            if kind != FORMAT:
                raise StoreError(f"{path}: must be {FORMAT}, but is {kind}")
            version = int(file.attrs["format_version"])
            if version > FORMAT_VERSION:
                raise StoreError(
                    f"{path}: format {version} is newer than this jumpsim can read "
                    f"({FORMAT_VERSION}); update jumpsim"
                )
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


def is_long_run(path: str | Path) -> bool:
    """Whether a file is the file of a long run; `DamagedError` when its bytes have changed."""
    path = Path(path)
    if not path.is_file():
        return False
    has_valid_seal(path)
    try:
        with h5py.File(path, "r") as file:
            return str(file.attrs.get("format")) == FORMAT
    except OSError:
        return False


def context(path: str | Path) -> dict[str, Any]:
    """Software, machine and command that wrote a file."""
    with h5py.File(path, "r") as file:
        return json.loads(str(file.attrs["context"]))


def _checksum(text: str, arrays: dict[str, NDArray[Any]], state: dict[str, Any]) -> str:
    digest = hashlib.blake2b(text.encode(), digest_size=16)
    for name in (*_VARIABLES, *_STATE):
        value: Any = arrays[name] if name in arrays else state.get(name)
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()

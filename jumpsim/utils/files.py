"""Files that are written under a temporary name, so that they are there complete or not at all."""

import contextlib
import errno
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError, StoreError

AnyPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]
_MOST_LINKS = 40  # as in Linux


def as_path(path: AnyPath, name: str = "path") -> Path:
    """Path of a file to read or to write; for a symbolic link, the path of its target.

    A file that is written under another name and renamed would replace a symbolic link.

    Parameters
    ----------
    path : str, bytes or os.PathLike
    name : str
        Name of the argument in an error message.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    InputError
        When it is no path.
    StoreError
        When links point at each other.
    """
    if not isinstance(path, str | bytes | os.PathLike) or b"\0" in os.fsencode(path):
        raise InputError(f"`{name}` must be the path of a file, but is {path!r}")
    found = Path(os.fsdecode(path))
    for _ in range(_MOST_LINKS):
        if not found.is_symlink():
            return found
        found = found.parent / os.readlink(found)
    raise StoreError(f"{os.fsdecode(path)}: is a symbolic link without an end")


def without_ending(path: AnyPath) -> Path:
    """Path without the ending .h5; any other name, such as "T0.5", stays as it is.

    Examples
    --------
    >>> without_ending("T0.5").name, without_ending("T0.5.h5").name
    ('T0.5', 'T0.5')
    """
    path = Path(os.fsdecode(path))
    return path.with_suffix("") if path.suffix == ".h5" else path


@contextlib.contextmanager
def new_file(target: Path, *, replace: bool = True) -> Iterator[Path]:
    """Give a temporary path to write to; what is written there then becomes the file `target`.

    The content is on the disk before the file gets its name, and the name is on the disk when the
    context ends.

    Parameters
    ----------
    target : Path
        For a symbolic link, its target is written.
    replace : bool
        Whether a file of that name is replaced. If not, a file that is there already is left
        exactly as it is, also when another process makes it at the same time.

    Yields
    ------
    Path
        In the folder of the target; nothing is there yet.

    Raises
    ------
    StoreError
        When it cannot be written; `target` is as it was before.
    """
    target = as_path(target)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        if replace:
            os.replace(temporary, target)
        else:
            _name_once(temporary, target)
        sync_folder(target.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, StoreError) or not isinstance(error, OSError | RuntimeError):
            raise
        raise write_error(error, target) from None


def _name_once(temporary: Path, target: Path) -> None:
    """Rename a file, unless `target` exists; also on a file system without hard links."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        pass
    except OSError:
        if not target.exists():
            os.replace(temporary, target)
            return
    os.unlink(temporary)


def remove_temporaries(folder: Path, names: str) -> None:
    """Remove what killed processes left of `new_file`, and nothing else.

    Parameters
    ----------
    folder : Path
    names : str
        Regular expression of the names of the files that they were writing.
    """
    # Earlier versions wrote some without the number that makes a name unique.
    temporary = re.compile(rf"\.({names})(\.[0-9a-f]{{32}})?\.tmp")
    for file in folder.iterdir():
        if temporary.fullmatch(file.name) and file.is_file():
            with contextlib.suppress(OSError):
                file.unlink()


def sync_folder(folder: Path) -> None:
    """Make sure that renamed and removed files of a folder are so on the disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_error(error: Exception, target: Path) -> StoreError:
    """One line for an error that the system or HDF5 raised while `target` was written."""
    number = getattr(error, "errno", None)
    if number == errno.ENOSPC or "No space" in str(error):
        text = "no space left on the disk; what was written before is safe"
    else:
        reason = getattr(error, "strerror", None) or (str(error).splitlines() or ["unknown"])[0]
        text = f"cannot be written ({reason})"
    failure = StoreError(f"{target}: {text}")
    failure.errno = number
    return failure

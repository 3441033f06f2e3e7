"""Files that are written under a temporary name, so that they are there complete or not at all."""

import contextlib
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

from ..errors import StoreError


@contextlib.contextmanager
def new_file(target: Path, *, replace: bool = True) -> Iterator[Path]:
    """Give a temporary path to write to; what is written there then becomes the file `target`.

    The content is on the disk before the file gets its name, and the name is on the disk when the
    context ends.

    Parameters
    ----------
    target : Path
    replace : bool
        Whether a file of that name is replaced. If not, a file that is there already is left
        exactly as it is, also when another process makes it at the same time.

    Yields
    ------
    Path
        In the folder of `target`; nothing is there yet.

    Raises
    ------
    StoreError
        When it cannot be written; `target` is as it was before.
    """
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
    if getattr(error, "errno", None) == 28 or "No space" in str(error):
        return StoreError(f"{target}: no space left on the disk; what was written before is safe")
    reason = getattr(error, "strerror", None) or (str(error).splitlines() or ["unknown"])[0]
    return StoreError(f"{target}: cannot be written ({reason})")

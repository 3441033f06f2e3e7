"""What the files of a store on disk are called, and what lies beside them."""

import json
import re
from pathlib import Path

from ..errors import StoreError

BLOCK_NAME = re.compile(r"traj-(\d{12,})-(\d{12,})(-c?j?e?m?)?\.h5")


def blocks_folder(path):
    """Folder that holds the blocks of a run in progress."""
    path = Path(path)
    if path.is_dir() or not path.name:
        raise StoreError(f"{path}: is a folder, but must be the name of a file")
    return path.with_name(path.name + ".blocks")


def block_name(first, last, record=()):
    """File name of the trajectories first ... last-1, with the initials of a record."""
    initials = "-" + "".join(name[0] for name in record) if record else ""
    return f"traj-{first:012d}-{last:012d}{initials}.h5"


def block_files(folder):
    """Committed blocks, sorted."""
    if not folder.is_dir():
        return []
    return sorted(f for f in folder.iterdir() if BLOCK_NAME.fullmatch(f.name))


def store_exists(path):
    """Whether there is a finished file, or blocks of a run in progress."""
    return Path(path).is_file() or bool(block_files(blocks_folder(path)))


def read_note(folder):
    """What the writer noted when it began, or an empty dict."""
    try:
        note = json.loads((folder / "run.json").read_text())
        return {
            "wanted": int(note["wanted"]),
            "had": int(note["had"]),
            "began": float(note["began"]),
            "pid": int(note["pid"]),
            "host": str(note["host"]),
        }
    except (OSError, ValueError, TypeError, KeyError):
        return {}

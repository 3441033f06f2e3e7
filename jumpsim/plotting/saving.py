"""Writing figures together with a description of their source."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import StoreError
from ..utils.files import AnyPath
from .style import STYLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save(figure: Figure, path: AnyPath, source: str) -> list[Path]:
    """Save a figure as PNG and PDF.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path
        Without a suffix.
    source : str
        Data and command from which the figure was made; written to the metadata of the files.

    Returns
    -------
    list of pathlib.Path
        The PNG and the PDF file.

    Raises
    ------
    StoreError
        When a file cannot be written.
    """
    import matplotlib as mpl

    files = [Path(f"{os.fsdecode(path)}{ending}") for ending in (".png", ".pdf")]
    try:
        with mpl.rc_context(STYLE):
            figure.savefig(files[0], metadata={"Description": source})
            figure.savefig(files[1], metadata={"Subject": source, "CreationDate": None})
    except OSError as error:
        raise StoreError(
            f"{error.filename or files[0]}: the figure cannot be written "
            f"({error.strerror or error}); give another name (--figure), or no figure (--no-figure)"
        ) from None
    return files

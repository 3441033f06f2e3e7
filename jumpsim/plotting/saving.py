"""Writing figures, with what they were made from."""

from pathlib import Path

from ..errors import StoreError
from .style import STYLE


def save(figure, path, source):
    """Save a figure as PNG and PDF.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path
        Without an ending.
    source : str
        What it was made from and how; kept in the files.

    Returns
    -------
    list of pathlib.Path
    """
    import matplotlib as mpl

    files = [Path(f"{path}{ending}") for ending in (".png", ".pdf")]
    try:
        with mpl.rc_context(STYLE):
            figure.savefig(files[0], metadata={"Description": source})
            figure.savefig(files[1], metadata={"Subject": source, "CreationDate": None})
    except OSError as error:
        raise StoreError(f"{error.filename or path}: the figure cannot be written") from None
    return files

"""Figures of Wacker's two levels drawn from changed parameter files, and their parts."""

import re
import tomllib
from pathlib import Path

import numpy as np

from jumpsim.papers import wacker

ROOT = Path(__file__).parents[2]
LEVELS = ROOT / "data" / "levels"


def written(folder, name, **changes):
    """Put the parameter file of a figure, with some of its values changed, into a folder."""
    text = (LEVELS / f"{name}.toml").read_text()
    for key, value in changes.items():
        table, _, entry = key.rpartition("__")
        head, mark, rest = text.partition(f"[{table}]" if table else "")
        rest, times = re.subn(rf"(?m)^{entry} = .*$", f"{entry} = {value}", rest, count=1)
        assert times == 1, key
        text = head + mark + rest
    (folder / "levels").mkdir(exist_ok=True)
    (folder / "levels" / f"{name}.toml").write_text(text)
    return tomllib.loads(text)


def drawn(folder, name, **changes):
    """Tables of a changed parameter file, the axes that are drawn from it, and the findings."""
    tables = written(folder, name, **changes)
    figure, findings, path = wacker.draw(name, folder)
    assert path == folder / "levels" / f"{name}.toml"
    figure.canvas.draw()  # every formula in a label can be read
    for axis in figure.axes:
        assert axis.get_xlabel()
    assert figure.axes[0].get_ylabel()
    assert tables["title"].split()[0] in figure.get_suptitle()
    return tables, figure.axes, findings


def marked(axis):
    """(x, y) of every set of marks on an axis."""
    return [np.array(bars.lines[0].get_data()) for bars in axis.containers]


def line(axis, label):
    return np.array(next(x for x in axis.lines if x.get_label() == label).get_data())

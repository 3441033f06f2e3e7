"""Figures of the detuned two-level system of A. Wacker ("W"), computed from theory.

Each figure has a parameter file in the folder `levels` and needs no trajectories. ħ = k_B = 1;
energies and rates are drawn in units of γ_l.
"""

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from ...run.parameter_file import naming
from . import bloch_gain, effective_energies, golden_rule, machine_map, pulling, second_law
from .parameter_files import read

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Name of a figure: module with the tables of its parameter file and its `draw`, and caption.
FIGURES = {
    "effective_energies": (effective_energies, "effective energies against the detuning"),
    "second_law": (second_law, "entropy production with bare and with effective energies"),
    "machine_map": (
        machine_map,
        "operation of the quantised mode as a machine, and its efficiency",
    ),
    "golden_rule": (golden_rule, "golden-rule jumps compared with the density matrix"),
    "pulling": (pulling, "laser through threshold, and frequency pulling"),
    "bloch_gain": (bloch_gain, "gain and loss of two subbands against the detuning"),
}


def draw(name: str, data: str | PathLike[str]) -> tuple["Figure", list[str], Path]:
    """Draw one figure from its parameter file.

    Parameters
    ----------
    name : str
        One of `FIGURES`.
    data : path
        Folder of the parameter files.

    Returns
    -------
    figure : matplotlib.figure.Figure
    findings : list of str
        Numerical results as text, one line each.
    path : pathlib.Path
        The parameter file that was read.
    """
    module, _ = FIGURES[name]
    path = Path(data) / "levels" / f"{name}.toml"
    settings = read(path, module.TABLES)
    with naming(path):
        figure, findings = module.draw(settings)
    return figure, findings, path

"""Figures of the detuned two-level system: what A. Wacker's paper ("W") finds, drawn from theory.

Each figure has a parameter file of its own, in the folder `levels` beside the other files, and
needs no trajectories. ħ = k_B = 1; energies and rates are drawn in units of γ_l.
"""

from pathlib import Path

from ...run.parameter_file import naming
from . import bloch_gain, effective_energies, golden_rule, machine_map, pulling, second_law
from .parameter_files import read

# Figure: what its parameter file must hold and what draws it, and its caption.
FIGURES = {
    "effective_energies": (effective_energies, "what a transition carries, against the detuning"),
    "second_law": (second_law, "entropy production with bare and with effective energies"),
    "machine_map": (machine_map, "what the quantised mode does, and how well"),
    "golden_rule": (golden_rule, "golden-rule jumps against the density matrix"),
    "pulling": (pulling, "a laser through threshold, and its pulled frequency"),
    "bloch_gain": (bloch_gain, "gain and loss of subbands against the detuning"),
}


def draw(name, data):
    """Draw one figure.

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
        Numbers that go with it.
    path : pathlib.Path
        The parameter file that was read.
    """
    module, _ = FIGURES[name]
    path = Path(data) / "levels" / f"{name}.toml"
    settings = read(path, module.TABLES)
    with naming(path):
        return *module.draw(settings), path

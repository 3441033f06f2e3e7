"""The engines: they simulate trajectories from arrays, independent of models, files and workers."""

from .compiling import compiling_pays
from .engines import ENGINES
from .interface import Engine, Rows, Sizes
from .kernel_state import ENGINE_VERSION
from .path import Path
from .status import Fault
from .trajectories import run, warm
from .unfinished import Unfinished

__all__ = [
    "ENGINES",
    "ENGINE_VERSION",
    "Engine",
    "Fault",
    "Path",
    "Rows",
    "Sizes",
    "Unfinished",
    "compiling_pays",
    "run",
    "warm",
]

"""The engines: they simulate trajectories from arrays, independent of models, files and workers."""

from .codegen.background import compiling_now, ended_with_runs
from .engines import ENGINES
from .interface import Engine, Rows, Sizes
from .kernel_state import ENGINE_VERSION
from .path import Path
from .status import Fault
from .trajectories import run
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
    "compiling_now",
    "ended_with_runs",
    "run",
]

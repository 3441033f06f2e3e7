"""The rule for when code is compiled for one model, and a kernel that follows the rule."""

import time
from typing import Any

from .interface import Engine, Kernel

# Work for the plain kernel from which compiling, which takes two to three seconds once, pays.
PAYS_SECONDS = 4.0


def compiling_pays(done: float, left: float | None = None) -> bool:
    """Whether code for a model is worth compiling.

    Parameters
    ----------
    done : float
        Seconds that a worker has spent in the plain kernel.
    left : float, optional
        Seconds of work that are left for it. By default unknown; then it is assumed to be equal
        to `done`.
    """
    return (done if left is None else left) > PAYS_SECONDS


def switching_kernel(engine: Engine, table: Any, pools: int, compiled: bool = False) -> Kernel:
    """Kernel that goes over to the compiled code of a model once that pays; the same bits.

    Parameters
    ----------
    engine : Engine
    table : object
        Made by `Engine.table`.
    pools : int
    compiled : bool
        Use the compiled code from the beginning.
    """
    began, used = time.monotonic(), engine.kernel
    undecided = True

    def advance(*arguments: Any) -> int:
        nonlocal used, undecided
        if undecided and (compiled or compiling_pays(time.monotonic() - began)):
            used, undecided = engine.compiled_kernel(table, pools) or engine.kernel, False
        return used(*arguments)

    return advance

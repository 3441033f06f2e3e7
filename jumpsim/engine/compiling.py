"""The rule by which code for a single model is compiled, and a kernel that follows this rule."""

import time
from typing import Any

from .interface import Engine, Kernel

# Computing time of the general kernel above which code for one model saves time: its compilation
# takes two to three seconds for up to ten channels, but minutes for hundreds.
PAYS_SECONDS = 4.0


def compiling_pays(done: float, left: float | None = None) -> bool:
    """Whether the compilation of code for a model is expected to save time.

    Parameters
    ----------
    done : float
        Seconds that a worker has spent in the general kernel.
    left : float, optional
        Seconds of remaining work. When this is unknown, it is estimated to be equal to `done`.

    Returns
    -------
    bool
    """
    return (done if left is None else left) > PAYS_SECONDS


def switching_kernel(engine: Engine, table: Any, pools: int, compiled: bool = False) -> Kernel:
    """Kernel that changes to code for one model when its compilation is expected to save time.

    Both kernels give identical results.

    Parameters
    ----------
    engine : Engine
    table : object
        Result of `Engine.table`.
    pools : int
        Number of pools.
    compiled : bool
        Whether the code for this model is used from the beginning.

    Returns
    -------
    callable
    """
    began, used = time.monotonic(), engine.kernel
    undecided = True

    def advance(*arguments: Any) -> int:
        nonlocal used, undecided
        if undecided and (compiled or compiling_pays(time.monotonic() - began)):
            used, undecided = engine.compiled_kernel(table, pools) or engine.kernel, False
        return used(*arguments)

    return advance

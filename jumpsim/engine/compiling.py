"""The rule by which code for a single model is used, and a kernel that follows this rule."""

import time
from typing import Any

from .interface import Engine, Kernel

# Seconds of remaining work in the general kernel above which it saves time to load code for one
# model that was compiled earlier.
LOADING_PAYS = 0.3
# The same for compiling such code, in units of the time that this takes: meanwhile the general
# kernel goes on, with less of the processor where all cores are in use.
COMPILING_PAYS = 1.5
MOST_SECONDS = 10.0  # of a compilation; code that takes longer is not compiled at all


def expected_seconds(size: int) -> float:
    """Seconds that a process needs to start and to compile code for one model.

    Measured for networks of up to 60 channels, 150 pools or 80 factors of one channel: 3 s for two
    channels, 6 s for twenty.

    Parameters
    ----------
    size : int
        Result of `codegen.templates.size`.

    Returns
    -------
    float
    """
    return 2.5 + size / 30


def loading_pays(left: float, size: int) -> bool:
    """Whether code for a model saves time if it need not be compiled.

    Parameters
    ----------
    left : float
        Expected seconds of remaining work.
    size : int
        As for `expected_seconds`.

    Returns
    -------
    bool
        Always False for a model whose code is never compiled.
    """
    return left > LOADING_PAYS and expected_seconds(size) <= MOST_SECONDS


def compiling_pays(left: float, size: int) -> bool:
    """Whether code for a model saves time if it must be compiled.

    Parameters
    ----------
    left, size
        As for `loading_pays`.

    Returns
    -------
    bool
    """
    return loading_pays(left, size) and left > COMPILING_PAYS * expected_seconds(size)


def switching_kernel(engine: Engine, table: Any, pools: int, left: float = 0.0) -> Kernel:
    """Kernel that changes to code for one model when this code is there.

    Both kernels give identical results.

    Parameters
    ----------
    engine : Engine
    table : object
        Result of `Engine.table`.
    pools : int
        Number of pools.
    left : float
        Expected seconds of remaining work. It is taken to be at least as long as the time for which
        this kernel has been used.

    Returns
    -------
    callable
    """
    began = time.monotonic()
    found: Kernel | None = None

    def advance(_: Any, *arguments: Any) -> int:
        nonlocal found
        if found is None:
            expected = max(left, time.monotonic() - began)
            found = engine.compiled_kernel(table, pools, arguments, expected)
        return (found or engine.kernel)(table, *arguments)

    return advance

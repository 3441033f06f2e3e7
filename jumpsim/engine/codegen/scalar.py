"""The direct method with code for one model structure: the same bits, about twice as fast.

It simulates what lanes cannot: one or few long trajectories, and runs that keep every event.
"""

from typing import Any

import numpy as np

from .. import compiling, direct_kernel
from ..interface import Kernel
from . import background, templates
from .scalar_source import UNDECIDED, source


def kernel(
    table: direct_kernel.Table, pools: int, arguments: tuple[Any, ...], left: float
) -> Kernel | None:
    """Function like `direct_kernel.advance`, for models with the structure of this table.

    An event with a rate that is not ≥ 0, a total that is not finite or a count near its limit is
    left to the plain kernel, which also returns the status code of the fault.

    Parameters
    ----------
    table : direct_kernel.Table
    pools : int
    arguments : tuple
        Arguments of `direct_kernel.advance` after the table, of which the types are used.
    left : float
        Expected seconds of remaining work.

    Returns
    -------
    callable or None
        None when there is no such code, or not yet; see `background.find`.
    """
    size = templates.size(table, pools)
    if not len(table.constant) or not compiling.loading_pays(left, size):
        return None
    factors, changes = templates.structure(table)
    moves = np.array(templates.by_pool(changes, pools), float)
    own = templates.numbers(table), moves, table.label
    generated = background.find(
        "scalar", source, (pools, factors, changes), (*own, *arguments), size, left
    )
    if generated is None:
        return None

    def advance(table: direct_kernel.Table, *arguments: Any) -> int:
        status = generated(*own, *arguments)
        return direct_kernel.advance(table, *arguments) if status == UNDECIDED else status

    return advance

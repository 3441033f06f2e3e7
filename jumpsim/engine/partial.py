"""Partial propensities: the engine of models with many channels.

R. Ramaswamy, N. González-Segredo & I. F. Sbalzarini, J. Chem. Phys. 130, 244104 (2009), introduced
partial propensities, for factors that are counts of species. Here they are any affine factors, such
as those of the golden rule. The work for an event is proportional to the number of channels that
depend on the changed pools, without those that depend on them through a shared factor, and to the
logarithm of the number of channels. How the sums are computed: `partial_kernel`.
"""

import functools
from typing import Any

import numpy as np

from .interface import Engine, Sizes
from .partial_groups import chosen_groups, live_channels
from .partial_kernel import Table, advance
from .partial_table import table


class PartialPropensities(Engine):
    """Partial propensities in sum trees; the model input is a `model.rates.RateTable`."""

    kernel = staticmethod(advance)

    def table(self, model_input: Any) -> Table:
        """Table for the kernel, without the channels whose constant is 0."""
        return _table(model_input)

    def sizes(self, model_input: Any) -> Sizes:
        """Array sizes; a sample has the counts of the pools of the model."""
        pools, channels = model_input.pool_index, model_input.channel_index
        counts = model_input.sparse_changes.width
        return Sizes(
            counts,
            0,
            counts if pools is None else int(pools[-1]) + 1,
            np.int64,
            len(model_input.constants) if channels is None else int(channels[-1]) + 1,
        )


@functools.lru_cache(maxsize=8)  # runs call the engine for many blocks, and the table is large
def _table(model_input: Any) -> Table:
    live = live_channels(model_input)
    return table(live, chosen_groups(live))

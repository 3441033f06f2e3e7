"""Trajectories in memory."""

from collections.abc import MutableMapping
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from ..engine import Unfinished
from .base import Store
from .block import Block, join_blocks, neighbours
from .outcome import Outcome
from .plan import Plan
from .unfinished import drop_finished

_SMALL_BYTES = 2**20  # a block from this size on is not copied to join it with others


class MemoryStore(Store[Block]):
    """Blocks in memory, with the same interface as the store on disk.

    Integers have the narrowest type of each block until `whole` is called.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.unfinished: MutableMapping[int, Unfinished] = {}
        self._whole: dict[str, NDArray[Any]] = {}

    def write(self, blocks: list[Block]) -> None:
        """Add blocks."""
        self._parts += blocks
        self._whole.clear()
        drop_finished(self.unfinished, blocks)
        if not self.plan.keeps_trajectories:  # else the sums of every block would use memory
            self._join()

    def finish(self, outcome: Outcome | None, complete: bool) -> None:
        """End a run: store why it ended, and join small blocks, of which there can be many."""
        self.outcome = outcome
        if complete:
            self._join()

    def in_memory(self, name: str) -> NDArray[Any] | None:
        """Result of an earlier call of `whole`."""
        return self._whole.get(name)

    def whole(self, name: str, dtype: Any) -> NDArray[Any]:
        """All rows of a variable; blocks refer to this array afterwards, so that it exists once."""
        self._parts.sort(key=lambda block: block.first)  # they do not overlap
        found, row = super().whole(name, dtype), 0
        for k, block in enumerate(self._parts):
            rows = found[row : row + block.last - block.first]
            self._parts[k] = replace(block, arrays={**block.arrays, name: rows})
            row += len(rows)
        self._whole[name] = found
        return found

    def _join(self) -> None:
        joined = []
        for adjacent in neighbours(self._parts):
            group, size = [adjacent[0]], adjacent[0].nbytes
            for block in adjacent[1:]:
                if size >= _SMALL_BYTES:
                    joined.append(join_blocks(group))
                    group, size = [], 0
                group.append(block)
                size += block.nbytes
            joined.append(join_blocks(group))
        self._parts = joined

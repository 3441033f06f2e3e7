"""Trajectories in memory."""

from collections.abc import MutableMapping

from ..engine import Unfinished
from .base import Store
from .block import Block, join_blocks, neighbours
from .outcome import Outcome
from .plan import Plan
from .unfinished import drop_finished


class MemoryStore(Store[Block]):
    """Blocks in memory, with the same interface as the store on disk."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.unfinished: MutableMapping[int, Unfinished] = {}

    def write(self, blocks: list[Block]) -> None:
        """Add blocks."""
        self._parts += blocks
        drop_finished(self.unfinished, blocks)
        if not self.plan.keeps_trajectories:  # else the sums of every block would use memory
            self._join()

    def finish(self, outcome: Outcome | None, complete: bool) -> None:
        """End a run: store why it ended, and join the blocks if it is complete."""
        self.outcome = outcome
        if complete:
            self._join()

    def _join(self) -> None:
        self._parts = [join_blocks(blocks) for blocks in neighbours(self._parts)]

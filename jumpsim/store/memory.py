"""Trajectories in memory."""

from .base import Store
from .block import Block, join_blocks, neighbours
from .outcome import Outcome


class MemoryStore(Store):
    """Blocks in memory, with the interface of the store on disk."""

    def write(self, blocks: list[Block]) -> None:
        """Add blocks."""
        self._parts += blocks
        if not self.plan.keeps_trajectories:  # or sums would take up room for every block
            self._join()

    def finish(self, outcome: Outcome | None, complete: bool) -> None:
        """End a run: keep why it ended, and join the blocks of a complete one."""
        self.outcome = outcome
        if complete:
            self._join()

    def _join(self):
        self._parts = [join_blocks(run) for run in neighbours(self._parts)]

"""Trajectories in memory."""

from .base import Store
from .block import join_blocks, neighbours


class MemoryStore(Store):
    """Blocks in memory; the twin of the store on disk."""

    def write(self, blocks):
        """Add blocks."""
        self._parts += blocks
        if self.plan.record == ("moments",):  # or sums would take up room for every block
            self._join()

    def finish(self, stop_reason, complete):
        """End a run: note why, and join the blocks."""
        self.stop_reason = stop_reason
        if complete:
            self._join()

    def _join(self):
        self._parts = [join_blocks(run) for run in neighbours(self._parts)]

"""Interface of the parts of a store: blocks in memory and files on disk."""

from collections.abc import Iterator
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..statistics.moments import Moments
from .chunks import Chunk

Span = tuple[int, int]  # a range of indices or rows: first, last + 1


class Part(Protocol):
    """Trajectories of one plan; its rows are in the order of its ranges."""

    @property
    def ranges(self) -> list[Span]:
        """Ranges (first, last + 1) of the trajectory indices, increasing."""

    @property
    def events(self) -> int:
        """Number of simulated events."""

    @property
    def nbytes(self) -> int:
        """Size in bytes."""

    @property
    def sums(self) -> Moments | None:
        """Moments of the samples; None when they are not stored."""

    def dtype(self, name: str) -> np.dtype[Any]:
        """Type with which a variable is stored."""

    def complete_chunks(self, name: str, number: int, dtype: np.dtype[Any]) -> int:
        """Number of compressed chunks of `number` rows of this type that `chunks` can return."""

    def chunks(self, name: str, first: int, last: int) -> Iterator[Chunk]:
        """Yield the compressed chunks first ... last-1 of a variable."""

    def read(self, name: str, first: int, last: int) -> NDArray[Any]:
        """Rows first ... last-1 of a variable that has one row for each trajectory."""

    def read_events(self, first: int, last: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Times and channels of the events of rows first ... last-1, concatenated."""


P = TypeVar("P", bound=Part)
Piece = tuple[int, int, P, int]  # first index, last index + 1, part, first row in the part

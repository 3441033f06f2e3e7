"""Names for the types of arrays that annotations use."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
ComplexArray = NDArray[np.complex128]
IntArray = NDArray[np.int64]
UIntArray = NDArray[np.uint64]
Times = str | Iterable[float | str] | Array | Sequence[float]  # seconds, or strings with a unit

"""Names for the types of arrays that annotations use."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
ComplexArray = NDArray[np.complex128]
IntArray = NDArray[np.int64]
Times = Sequence[float | str] | NDArray[Any]  # seconds, or strings with a unit

"""The variables of the files: their dimensions, types and descriptions."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


@dataclass(frozen=True)
class Variable:
    """One variable of a file.

    Attributes
    ----------
    name : str
    dimensions : tuple of str
        The first one determines how the variable is stored, see the text of this module.
    dtype : type or None
        Type in a file; None stands for the narrowest signed integer type that can represent the
        numbers.
    long_name : str
        Description of the variable in the file.
    units : str
    buffer : str
        Attribute of `engine.Rows` that contains it; "" for sums and averages.
    index_into : str
        Dimension that the numbers are indices into; "" if they are no indices.
    """

    name: str
    dimensions: tuple[str, ...]
    dtype: type | None
    long_name: str
    units: str = "1"
    buffer: str = ""
    index_into: str = ""

    @property
    def per_trajectory(self) -> bool:
        """Whether there is one row for each trajectory."""
        return self.dimensions[0] == "trajectory"

    @property
    def per_event(self) -> bool:
        """Whether there is one entry for each event."""
        return self.dimensions[0] == "event"

    @property
    def narrowed(self) -> bool:
        """Whether it is stored in the narrowest type that can represent the numbers."""
        return self.dtype is None and not self.index_into

    @property
    def file_types(self) -> tuple[np.dtype[Any], ...]:
        """Types that the variable can have in a file."""
        real = self.dtype is np.float64
        return tuple(map(np.dtype, (np.float64,) if real else (np.int16, np.int32, np.int64)))

    @property
    def memory_type(self) -> type:
        """Type of the array that `Ensemble` returns."""
        return self.dtype or np.int64


class Averages(NamedTuple):
    """Variables of sums and averages of one kind of samples over all trajectories.

    Attributes
    ----------
    sums, products, squares : Variable
        Exact sums of the samples, of their products in pairs, and of their squares.
    mean, covariance, variance : Variable
    """

    sums: Variable
    products: Variable
    squares: Variable
    mean: Variable
    covariance: Variable
    variance: Variable

    def kept(self, pairs: bool) -> tuple[Variable, Variable, Variable, Variable]:
        """Both sums, mean, and covariance; without `pairs`, squares and variance instead."""
        if pairs:
            return self.sums, self.products, self.mean, self.covariance
        return self.sums, self.squares, self.mean, self.variance


EVENT_COUNT = Variable(
    "event_count",
    ("trajectory",),
    np.int64,
    "number of events of the trajectory",
    buffer="event_count",
)
OF_COUNTS = Averages(
    Variable(
        "count_sum",
        ("time", "pool", "word"),
        np.int64,
        "sum of the counts over trajectories, as two 64-bit words (high, low)",
    ),
    Variable(
        "count_product_sum",
        ("time", "pool", "other_pool", "word"),
        np.int64,
        "sum of the products of two pools' counts, as two 64-bit words (high, low)",
    ),
    Variable(
        "count_square_sum",
        ("time", "pool", "word"),
        np.int64,
        "sum of the squares of the counts, as two 64-bit words (high, low)",
    ),
    Variable("mean", ("time", "pool"), np.float64, "average count over trajectories"),
    Variable(
        "covariance",
        ("time", "pool", "other_pool"),
        np.float64,
        "covariance of two pools' counts, divisor n - 1",
    ),
    Variable("variance", ("time", "pool"), np.float64, "variance of the count, divisor n - 1"),
)
OF_EXPECT = Averages(
    Variable(
        "expect_sum",
        ("time", "observable", "word"),
        np.int64,
        "sum of the expectation values in whole multiples of 2^-32, as two 64-bit words",
    ),
    Variable(
        "expect_product_sum",
        ("time", "observable", "other_observable", "word"),
        np.int64,
        "sum of their products in multiples of 2^-64, as two 64-bit words (high, low)",
    ),
    Variable(
        "expect_square_sum",
        ("time", "observable", "word"),
        np.int64,
        "sum of their squares in multiples of 2^-64, as two 64-bit words (high, low)",
    ),
    Variable("expect_mean", ("time", "observable"), np.float64, "average over trajectories"),
    Variable(
        "expect_covariance",
        ("time", "observable", "other_observable"),
        np.float64,
        "covariance of two expectation values between trajectories, divisor n - 1",
    ),
    Variable(
        "expect_variance",
        ("time", "observable"),
        np.float64,
        "variance of the expectation value between trajectories, divisor n - 1",
    ),
)

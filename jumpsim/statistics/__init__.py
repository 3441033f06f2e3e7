"""Statistics of samples, independent of models: exact moments, intervals, jackknife errors."""

from .chi_square import chi_square_p_value
from .cumulants import (
    covariance_of_groups,
    cumulants_of_groups,
    power_sums,
    product_sums,
)
from .intervals import median_interval, proportion_interval, survival_function
from .jackknife import covering_error, detailed_slope, group_sums, jackknife, jackknife_error
from .moments import Moments

__all__ = [
    "Moments",
    "chi_square_p_value",
    "covariance_of_groups",
    "covering_error",
    "cumulants_of_groups",
    "detailed_slope",
    "group_sums",
    "jackknife",
    "jackknife_error",
    "median_interval",
    "power_sums",
    "product_sums",
    "proportion_interval",
    "survival_function",
]

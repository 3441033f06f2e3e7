"""Statistics of samples: exact mergeable moments, intervals, jackknife errors. No model in here."""

from .intervals import median_interval, product_limit, proportion_interval
from .jackknife import (
    covariance_of_groups,
    cumulants_of_groups,
    detailed_slope,
    group_sums,
    jackknife,
    jackknife_error,
    power_sums,
    product_sums,
)
from .moments import Moments

__all__ = [
    "Moments",
    "covariance_of_groups",
    "cumulants_of_groups",
    "detailed_slope",
    "group_sums",
    "jackknife",
    "jackknife_error",
    "median_interval",
    "power_sums",
    "product_limit",
    "product_sums",
    "proportion_interval",
]

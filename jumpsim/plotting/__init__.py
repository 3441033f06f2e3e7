"""Figures from results. Nothing is simulated in here.

Lines are theories, marks with bars are what trajectories gave, with standard errors; pools differ
by mark and line style as well as by colour, so that a grey print can be read.
"""

from .averages import comparison
from .distribution import distribution, telegraph
from .entropy import clausius, demon, theorem
from .events import coincidences, counting, uncertainty, waiting
from .fluctuations import correlations, fluctuations
from .long_run import stationary_averages
from .saving import save
from .twolevel import level_thermodynamics, rabi_onset
from .typicality import typicality

__all__ = [
    "clausius",
    "coincidences",
    "comparison",
    "correlations",
    "counting",
    "demon",
    "distribution",
    "fluctuations",
    "level_thermodynamics",
    "rabi_onset",
    "save",
    "stationary_averages",
    "telegraph",
    "theorem",
    "typicality",
    "uncertainty",
    "waiting",
]

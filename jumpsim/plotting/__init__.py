"""Figures from results. Nothing is simulated in here.

Lines are theories, marks with bars are what trajectories gave, with standard errors; pools differ
by mark and line style as well as by colour, so that a grey print can be read.
"""

from .averages import comparison
from .events import coincidences, counting, uncertainty, waiting
from .levels import level_thermodynamics, rabi_onset
from .long import at_rest
from .moments import correlations, fluctuations
from .saving import save
from .secondlaw import clausius, demon, theorem
from .single import distribution, telegraph
from .typical import typicality

__all__ = [
    "at_rest",
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
    "telegraph",
    "theorem",
    "typicality",
    "uncertainty",
    "waiting",
]

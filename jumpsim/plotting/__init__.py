"""Figures of results; nothing is simulated here.

Lines are theoretical curves; markers with error bars are averages over trajectories with standard
errors. Pools differ by marker and line style as well as by colour, so that figures can be read in
grey. Every function returns a `matplotlib.figure.Figure`; `save` writes it.
The result of an analysis is drawn by the function of the same name.

Examples
--------
>>> import jumpsim as js
>>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
>>> run = js.simulate(model, [0, 1e-7], 100, {"N": 10, "m": 5}, seed=1)
>>> figure = js.plotting.distribution(js.distribution(run, "m", 1e-7))
>>> files = js.plotting.save(figure, "m", "100 trajectories")  # doctest: +SKIP
"""

from typing import NoReturn

from .averages import compare
from .distribution import distribution, telegraph
from .entropy import clausius, demon, fluctuation_theorem
from .events import coincidences, counting, first_passages, uncertainty, waiting_times
from .fluctuations import correlations, fluctuations
from .long_run import stationary_averages
from .saving import save
from .twolevel import level_thermodynamics, rabi_onset
from .typicality import typicality

__all__ = [
    "clausius",
    "coincidences",
    "compare",
    "correlations",
    "counting",
    "demon",
    "distribution",
    "first_passages",
    "fluctuation_theorem",
    "fluctuations",
    "level_thermodynamics",
    "rabi_onset",
    "save",
    "stationary_averages",
    "telegraph",
    "typicality",
    "uncertainty",
    "waiting_times",
]

_RENAMED = {
    "comparison": "compare",
    "theorem": "fluctuation_theorem",
    "waiting": "waiting_times` or `first_passages",
}


def __getattr__(name: str) -> NoReturn:
    if name in _RENAMED:
        raise AttributeError(f"`plotting.{name}` is now called `{_RENAMED[name]}`")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")

"""Ready-made models of the systems of both papers, one file for each system.

Examples
--------
>>> import jumpsim as js
>>> js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz").pools
('N', 'm')
>>> sorted(js.systems.CATALOGUE)[:3]
['closed_waveguide', 'embedded_cavity', 'hohlraum']
"""

from collections.abc import Callable

from ..model.base import BaseModel
from .closed_waveguide import closed_waveguide
from .embedded_cavity import embedded_cavity
from .hohlraum import hohlraum
from .open_waveguide import open_waveguide
from .twolevel.catalogue import two_level_field, two_level_mode
from .twolevel.golden_rule import two_level

CATALOGUE: dict[str, Callable[..., BaseModel]] = {
    f.__name__: f
    for f in (
        hohlraum,
        open_waveguide,
        closed_waveguide,
        embedded_cavity,
        two_level,
        two_level_mode,
        two_level_field,
    )
}

__all__ = ["CATALOGUE", *CATALOGUE]

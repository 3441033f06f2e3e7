"""Ready-made declarations of the systems of the papers, one file per system."""

from .closed_waveguide import closed_waveguide
from .embedded_cavity import embedded_cavity
from .hohlraum import hohlraum
from .open_waveguide import open_waveguide
from .twolevel.catalogue import two_level_field, two_level_mode
from .twolevel.golden_rule import two_level

CATALOGUE = {
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

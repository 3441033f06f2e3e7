"""Ready-made declarations of the systems of the papers, one file per system."""

from .hohlraum import hohlraum
from .open_waveguide import open_waveguide

CATALOGUE = {f.__name__: f for f in (hohlraum, open_waveguide)}

__all__ = ["CATALOGUE", *CATALOGUE]

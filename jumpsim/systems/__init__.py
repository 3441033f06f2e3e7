"""Ready-made models of the systems of both papers, one file for each system.

Examples
--------
>>> import jumpsim as js
>>> js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz").pools
('N', 'm')
>>> sorted(js.systems.CATALOGUE)[:3]
['closed_waveguide', 'embedded_cavity', 'hohlraum']
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from ..model.base import BaseModel
from .closed_waveguide import closed_waveguide
from .couplings import Validity, validity
from .embedded_cavity import embedded_cavity
from .hohlraum import hohlraum
from .open_waveguide import open_waveguide
from .twolevel.catalogue import two_level_field, two_level_mode
from .twolevel.golden_rule import two_level


@dataclass(frozen=True)
class System:
    """An entry of the catalogue: how a system is declared, and what can be checked about it.

    Attributes
    ----------
    declare : callable
        Returns the model, or its parameters, for the arguments that a parameter file gives.
    premises : callable, optional
        Checks the premises of the golden rule for some of these arguments.
    """

    declare: Callable[..., BaseModel]
    premises: Callable[..., Validity] | None = None

    def check_premises(self, parameters: dict) -> Validity | None:
        """Check the premises of the golden rule.

        Parameters
        ----------
        parameters : dict
            Arguments of `declare`.

        Returns
        -------
        Validity or None
            None where the system has no such check.
        """
        if self.premises is None:
            return None
        names = inspect.signature(self.premises).parameters
        return self.premises(**{n: value for n, value in parameters.items() if n in names})


CATALOGUE = {
    system.declare.__name__: system
    for system in (
        System(hohlraum),
        System(open_waveguide, premises=validity),
        System(closed_waveguide, premises=validity),
        System(embedded_cavity),
        System(two_level),
        System(two_level_mode),
        System(two_level_field),
    )
}

__all__ = ["CATALOGUE", "System", *CATALOGUE]

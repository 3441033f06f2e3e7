"""Modes of operation of the two-level system as a thermodynamic machine, and its efficiency."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import InputError


@dataclass(frozen=True)
class Operation:
    """One mode of operation.

    Attributes
    ----------
    kind : str
        "light-emitting diode", "cooling light-emitting diode", "thermal emitter", "solar cell",
        "absorber", or "no flow".
    efficiency : float
        Power of the light divided by the electrical power for a diode, and the inverse for a solar
        cell; NaN otherwise.
    bound : float
        Upper bound of the efficiency by the second law: 1/(1 - T/T_b) for a diode with T < T_b,
        infinite for a diode with T ≥ T_b, 1 - T/T_b (Carnot) for a solar cell; NaN otherwise.
    """

    kind: str
    efficiency: float
    bound: float

    def __str__(self) -> str:
        if np.isnan(self.efficiency):
            return self.kind
        return f"{self.kind}, efficiency {self.efficiency:.4g} (at most {self.bound:.4g})"


def operation(steady: Any) -> Operation:
    """Mode of operation of a machine with electron reservoirs of equal temperature (W after 23).

    Parameters
    ----------
    steady : QuantisedMode
        Its parameters must contain temperatures and chemical potentials.

    Returns
    -------
    Operation
        "machine between three temperatures" when T_u ≠ T_l.

    Raises
    ------
    InputError
        When the parameters contain fillings instead of temperatures.

    Examples
    --------
    >>> from jumpsim.theory import twolevel
    >>> mode = twolevel.quantised_mode(
    ...     1.0, 0.0, 1.0, 0.1, 1.0, 1.0, 1.0, T_u=0.5, mu_u=1.0, T_l=0.5, mu_l=0.0, T_b=0.2
    ... )
    >>> print(operation(mode))
    light-emitting diode, efficiency 1 (at most inf)
    """
    reservoirs = steady.parameters.reservoirs
    if None in reservoirs.values():
        raise InputError("a mode of operation needs temperatures and potentials, not fillings")
    (temperature, mu_u), (other, mu_l), light = (reservoirs[name] for name in "ulb")
    if temperature != other:
        return Operation("machine between three temperatures", np.nan, np.nan)
    if steady.R == 0 or steady.parameters.affinity == 0:
        return Operation("no flow", np.nan, np.nan)
    voltage, carnot = mu_u - mu_l, 1 - temperature / light
    if steady.R > 0 and voltage > 0:
        cools = steady.E_ph > voltage
        kind = "cooling light-emitting diode" if cools else "light-emitting diode"
        return Operation(kind, steady.E_ph / voltage, 1 / carnot if carnot > 0 else np.inf)
    if steady.R > 0:
        return Operation("thermal emitter", np.nan, np.nan)
    if voltage > 0:
        return Operation("solar cell", voltage / steady.E_ph, carnot)
    return Operation("absorber", np.nan, np.nan)

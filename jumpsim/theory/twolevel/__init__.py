"""The detuned two-level system of A. Wacker, *Nonresonant two-level transitions* (2022), or "W".

An upper level u and a lower level l are each coupled to an electron reservoir, and a light field
couples the levels. ħ = k_B = 1. The levels exchange electrons with their reservoirs at the rates
γ_u and γ_l; R is the net rate of transitions u → l.

The fillings of the reservoirs are arguments, or they are computed from temperatures and chemical
potentials. They are evaluated at the effective energies (W 14, 21), which satisfies the second law,
or at the bare energies (W 9), which may violate it.
"""

from .approximations import hartree_fock
from .classical_field import ClassicalField, classical_field
from .expectations import expectations
from .laser import Laser, bloch_gain, laser
from .periodic import PeriodicState, periodic, periodic_solutions
from .quantised_mode import QuantisedMode, quantised_mode
from .qutip import to_qutip

__all__ = [
    "ClassicalField",
    "Laser",
    "PeriodicState",
    "QuantisedMode",
    "bloch_gain",
    "classical_field",
    "expectations",
    "hartree_fock",
    "laser",
    "periodic",
    "periodic_solutions",
    "quantised_mode",
    "to_qutip",
]

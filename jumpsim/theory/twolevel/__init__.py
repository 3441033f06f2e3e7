"""The detuned two-level system of A. Wacker, *Nonresonant two-level transitions* (2022); below "W".

An upper level u and a lower level l, each coupled to its own electron reservoir, and a light field
that couples them. ħ = k_B = 1. The levels exchange electrons with their reservoirs at the rates
γ_u and γ_l; R is the net rate of transitions u → l.

Fillings are given, or computed from temperatures and chemical potentials with the effective
energies (W 14, 21), which satisfy the second law, or with the bare ones (W 9), which may violate
it.
"""

from .classical_field import ClassicalField, classical_field
from .expectations import expectations
from .laser import Laser, bloch_gain, laser
from .periodic import PeriodicState, periodic, periodic_solutions
from .quantised_mode import QuantisedMode, hartree_fock, quantised_mode
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

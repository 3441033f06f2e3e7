"""Thermodynamics of pools, baths and single trajectories, computed from counts.

Energies are in ħΩ, temperatures in ħΩ/k_B, entropies in k_B. With ``si=True`` they are in joule,
kelvin and joule per kelvin, which requires that the model has a wavelength.
"""

from .averages import AverageThermodynamics, of_averages
from .entropy_production import (
    EntropyProduction,
    energy_changes,
    entropy_production,
    heat_flows,
    heat_to_baths,
)
from .local_equilibrium import (
    energy_unit,
    entropies,
    entropy_unit,
    inverse_temperatures,
    temperature_unit,
    temperatures,
)
from .trajectory_entropy import (
    TrajectoryEntropy,
    along,
    boltzmann_entropies,
    internal_production,
    ratio_production,
    ratios_are_entropy,
    states_along,
)

__all__ = [
    "AverageThermodynamics",
    "EntropyProduction",
    "TrajectoryEntropy",
    "along",
    "boltzmann_entropies",
    "energy_changes",
    "energy_unit",
    "entropies",
    "entropy_production",
    "entropy_unit",
    "heat_flows",
    "heat_to_baths",
    "internal_production",
    "inverse_temperatures",
    "of_averages",
    "ratio_production",
    "ratios_are_entropy",
    "states_along",
    "temperature_unit",
    "temperatures",
]

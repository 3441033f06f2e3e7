"""jumpsim: exact stochastic simulation of single photon events and of their thermodynamics.

The module of a public name is imported at the first use of the name, so that ``import jumpsim``
takes little time.
"""

import importlib
from typing import TYPE_CHECKING

from .analysis.catalogue import ANALYSES

__version__ = "0.1.0"

_HOME = {
    "Pool": "model.declaration",
    "Channel": "model.declaration",
    "Model": "model.model",
    "Thermal": "model.initial",
    "Fixed": "model.initial",
    "Mixture": "model.initial",
    "lognormal_rates": "model.disorder",
    "simulate": "run.simulate",
    "long_run": "run.long_run",
    "open_long": "run.long_run",
    "stationary_averages": "analysis.averages.long_run",
    "mean_field": "theory.mean_field",
    "steady_states": "theory.steady_states",
    "linear_noise": "theory.linear_noise",
    "stationary_noise": "theory.linear_noise",
    "master_equation": "theory.master_equation",
    "stationary": "theory.stationary",
    "closed_form": "theory.stationary",
    "first_passage_distribution": "theory.first_passage",
    "waiting_time_distribution": "theory.first_passage",
    "Ensemble": "store.ensemble",
    "open": "store.ensemble",
    "merge": "store",
    "compact": "store.compact",
    "status": "store.status",
    "rerun": "run.rerun",
    "load_spec": "run.parameter_file",
    "run_sweep": "run.sweep",
    "open_sweep": "run.sweep",
    "exponential_average": "theory.exponential_average",
    "count_cumulants": "theory.counting_statistics",
    "report": "reporting",
    "InputError": "errors",
    "StoreError": "errors",
    "PhysicsWarning": "errors",
    "TruncationWarning": "errors",
    "StoreWarning": "errors",
    "SimulationError": "errors",
    "WorkersError": "errors",
    "WorkersWarning": "errors",
    **{name: module for analysis in ANALYSES for name, module in analysis.public.items()},
}
_MODULES = {
    "couplings": "systems.couplings",
    **{n: n for n in ("systems", "thermo", "units", "plotting", "statistics", "theory")},
}

_RENAMED = {
    "at_rest": "stationary_averages",
    "first_passage": "first_passage_distribution",
    "resting_noise": "stationary_noise",
    "simulate_wavefunction": "simulate",
    "waiting_time": "waiting_time_distribution",
}

if TYPE_CHECKING:  # for editors; a test compares these with the names that load when used
    from . import plotting as plotting
    from . import statistics as statistics
    from . import systems as systems
    from . import theory as theory
    from . import thermo as thermo
    from . import units as units
    from .analysis.audit import audit_run as audit_run
    from .analysis.averages.long_run import stationary_averages as stationary_averages
    from .analysis.averages.rate_equations import compare as compare
    from .analysis.entropy.clausius import clausius as clausius
    from .analysis.entropy.clausius import window_production as window_production
    from .analysis.entropy.demon import demon as demon
    from .analysis.entropy.demon import sorting as sorting
    from .analysis.entropy.fluctuation_theorem import fluctuation_theorem as fluctuation_theorem
    from .analysis.entropy.production_signs import production_signs as production_signs
    from .analysis.entropy.production_signs import signs_scaling as signs_scaling
    from .analysis.entropy.twolevel import level_thermodynamics as level_thermodynamics
    from .analysis.entropy.uncertainty import uncertainty as uncertainty
    from .analysis.events.coincidences import coincidences as coincidences
    from .analysis.events.counting import counting as counting
    from .analysis.events.first_passages import first_passages as first_passages
    from .analysis.events.rabi_onset import rabi_onset as rabi_onset
    from .analysis.events.telegraph import telegraph as telegraph
    from .analysis.events.waiting_times import waiting_times as waiting_times
    from .analysis.fluctuations.correlations import correlations as correlations
    from .analysis.fluctuations.cumulants import fluctuations as fluctuations
    from .analysis.fluctuations.distribution import distribution as distribution
    from .analysis.fluctuations.gaussian_tail import gaussian_tail as gaussian_tail
    from .analysis.fluctuations.typicality import typicality as typicality
    from .analysis.fluctuations.typicality import typicality_scaling as typicality_scaling
    from .analysis.fluctuations.typicality_study import typicality_study as typicality_study
    from .errors import InputError as InputError
    from .errors import PhysicsWarning as PhysicsWarning
    from .errors import SimulationError as SimulationError
    from .errors import StoreError as StoreError
    from .errors import StoreWarning as StoreWarning
    from .errors import TruncationWarning as TruncationWarning
    from .errors import WorkersError as WorkersError
    from .errors import WorkersWarning as WorkersWarning
    from .model.declaration import Channel as Channel
    from .model.declaration import Pool as Pool
    from .model.disorder import lognormal_rates as lognormal_rates
    from .model.initial import Fixed as Fixed
    from .model.initial import Mixture as Mixture
    from .model.initial import Thermal as Thermal
    from .model.model import Model as Model
    from .reporting import report as report
    from .run.long_run import long_run as long_run
    from .run.long_run import open_long as open_long
    from .run.parameter_file import load_spec as load_spec
    from .run.rerun import rerun as rerun
    from .run.simulate import simulate as simulate
    from .run.sweep import open_sweep as open_sweep
    from .run.sweep import run_sweep as run_sweep
    from .store import merge as merge
    from .store.compact import compact as compact
    from .store.ensemble import Ensemble as Ensemble
    from .store.ensemble import open as open
    from .store.status import status as status
    from .systems import couplings as couplings
    from .theory.counting_statistics import count_cumulants as count_cumulants
    from .theory.exponential_average import exponential_average as exponential_average
    from .theory.first_passage import first_passage_distribution as first_passage_distribution
    from .theory.first_passage import waiting_time_distribution as waiting_time_distribution
    from .theory.linear_noise import linear_noise as linear_noise
    from .theory.linear_noise import stationary_noise as stationary_noise
    from .theory.master_equation import master_equation as master_equation
    from .theory.mean_field import mean_field as mean_field
    from .theory.stationary import closed_form as closed_form
    from .theory.stationary import stationary as stationary
    from .theory.steady_states import steady_states as steady_states
    from .thermo.second_law.audit import audit as audit

__all__ = ["__version__", *_HOME, *_MODULES]


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f".{_MODULES[name]}", __name__)
    if name in _HOME:
        return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    if name in _RENAMED:
        raise AttributeError(f"`{name}` is now called `{_RENAMED[name]}`")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__():
    return sorted(__all__)

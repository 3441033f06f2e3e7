"""jumpsim: single photon events, one by one, and the thermodynamics they add up to.

The public names load when they are used, so that ``import jumpsim`` stays quick.
"""

import importlib
import sys
import types

__version__ = "0.1.0"

_HOME = {
    "Pool": "declaration",
    "Channel": "declaration",
    "Model": "model",
    "Thermal": "initial",
    "Fixed": "initial",
    "Mixture": "initial",
    "simulate": "simulate",
    "simulate_wavefunction": "simulate",
    "long_run": "longrun",
    "open_long": "longrun",
    "at_rest": "inference.atrest",
    "mean_field": "theory.meanfield",
    "steady_states": "theory.steady",
    "linear_noise": "theory.noise",
    "resting_noise": "theory.noise",
    "master_equation": "theory.master",
    "stationary": "theory.stationary",
    "closed_form": "theory.stationary",
    "audit": "secondlaw.audit",
    "first_passage": "theory.passage",
    "waiting_time": "theory.passage",
    "Ensemble": "ensemble",
    "open": "ensemble",
    "merge": "store",
    "compact": "shard",
    "status": "inspection",
    "rerun": "inspection",
    "load_spec": "spec",
    "run_sweep": "sweep",
    "open_sweep": "sweep",
    "compare": "inference.compare",
    "typicality": "inference.typicality",
    "typicality_scaling": "inference.typicality",
    "gaussian_tail": "inference.tail",
    "production_signs": "inference.signs",
    "signs_scaling": "inference.signs",
    "fluctuations": "inference.fluctuations",
    "correlations": "inference.correlations",
    "distribution": "inference.distribution",
    "counting": "inference.counting",
    "coincidences": "inference.coincidence",
    "waiting_times": "inference.waiting",
    "first_passages": "inference.passage",
    "telegraph": "inference.telegraph",
    "window_production": "inference.clausius",
    "clausius": "inference.clausius",
    "sorting": "inference.demon",
    "demon": "inference.demon",
    "uncertainty": "inference.uncertainty",
    "level_thermodynamics": "inference.levels",
    "rabi_onset": "inference.rabi",
    "fluctuation_theorem": "inference.theorem",
    "exponential_average": "theory.exponential",
    "count_cumulants": "theory.counting",
    "report": "report",
    "InputError": "errors",
    "StoreError": "errors",
    "PhysicsWarning": "errors",
    "StoreWarning": "errors",
    "SimulationError": "errors",
    "WorkersError": "errors",
    "WorkersWarning": "errors",
}
_MODULES = ("couplings", "systems", "thermo", "units", "plotting", "statistics", "theory")

__all__ = ["__version__", *_HOME, *_MODULES]


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    if name in _HOME:
        return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__():
    return sorted(__all__)


class _Package(types.ModuleType):
    def __setattr__(self, name, value):
        # Importing the module jumpsim.simulate must not put it in the place of the function.
        if not (name in _HOME and isinstance(value, types.ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

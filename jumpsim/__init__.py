"""jumpsim: single photon events, one by one, and the thermodynamics they add up to.

The public names load when they are used, so that ``import jumpsim`` stays quick.
"""

import importlib

__version__ = "0.1.0"

_HOME = {
    "Pool": "model.declaration",
    "Channel": "model.declaration",
    "Model": "model.model",
    "Thermal": "model.initial",
    "Fixed": "model.initial",
    "Mixture": "model.initial",
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
    "audit": "thermo.second_law.audit",
    "first_passage": "theory.first_passage",
    "waiting_time": "theory.first_passage",
    "Ensemble": "store.ensemble",
    "open": "store.ensemble",
    "merge": "store",
    "compact": "store.compact",
    "status": "store.status",
    "rerun": "run.rerun",
    "load_spec": "run.parameter_file",
    "run_sweep": "run.sweep",
    "open_sweep": "run.sweep",
    "compare": "analysis.averages.rate_equations",
    "typicality": "analysis.fluctuations.typicality",
    "typicality_scaling": "analysis.fluctuations.typicality",
    "gaussian_tail": "analysis.fluctuations.gaussian_tail",
    "production_signs": "analysis.entropy.production_signs",
    "signs_scaling": "analysis.entropy.production_signs",
    "fluctuations": "analysis.fluctuations.cumulants",
    "correlations": "analysis.fluctuations.correlations",
    "distribution": "analysis.fluctuations.distribution",
    "counting": "analysis.events.counting",
    "coincidences": "analysis.events.coincidences",
    "waiting_times": "analysis.events.waiting_times",
    "first_passages": "analysis.events.first_passages",
    "telegraph": "analysis.events.telegraph",
    "window_production": "analysis.entropy.clausius",
    "clausius": "analysis.entropy.clausius",
    "sorting": "analysis.entropy.demon",
    "demon": "analysis.entropy.demon",
    "uncertainty": "analysis.entropy.uncertainty",
    "level_thermodynamics": "analysis.entropy.twolevel",
    "rabi_onset": "analysis.events.rabi_onset",
    "fluctuation_theorem": "analysis.entropy.fluctuation_theorem",
    "exponential_average": "theory.exponential_average",
    "count_cumulants": "theory.counting_statistics",
    "report": "reporting",
    "InputError": "errors",
    "StoreError": "errors",
    "PhysicsWarning": "errors",
    "StoreWarning": "errors",
    "SimulationError": "errors",
    "WorkersError": "errors",
    "WorkersWarning": "errors",
}
_MODULES = {
    "couplings": "systems.couplings",
    **{n: n for n in ("systems", "thermo", "units", "plotting", "statistics", "theory")},
}

__all__ = ["__version__", *_HOME, *_MODULES]


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f".{_MODULES[name]}", __name__)
    if name in _HOME:
        return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__():
    return sorted(__all__)

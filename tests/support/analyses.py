"""Every analysis of one ensemble, with the arguments it needs for a hohlraum."""

import jumpsim as js

ANALYSES = {
    "compare": js.compare,
    "typicality": js.typicality,
    "gaussian_tail": lambda e: js.gaussian_tail(js.typicality(e), paths=1000),
    "production_signs": js.production_signs,
    "fluctuations": js.fluctuations,
    "correlations": lambda e: js.correlations(e, 1.0),
    "distribution": lambda e: js.distribution(e, "m", 1.0),
    "counting": lambda e: js.counting(e, "emission"),
    "waiting_times": lambda e: js.waiting_times(e, "emission"),
    "first_passages": lambda e: js.first_passages(e, "m = 2"),
    "coincidences": lambda e: js.coincidences(e, "emission"),
    "telegraph": lambda e: js.telegraph(e, 0),
    "fluctuation_theorem": js.fluctuation_theorem,
    "window_production": js.window_production,
    "uncertainty": lambda e: js.uncertainty(e, "emission", 1.0),
}

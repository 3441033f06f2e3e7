"""Every analysis of no, few or equal trajectories: a result or one clear line, never NaN."""

import re

import numpy as np
import pytest
from support.analyses import ANALYSES
from support.systems import HOHLRAUM

import jumpsim as js

TIMES = np.linspace(0, 2, 9)
START = {"N": 5, "m": 3}
RECORD = ["counts", "jumps", "events"]
LEAST = {
    "compare": 2, "typicality": 1, "gaussian_tail": 50, "production_signs": 2, "fluctuations": 8,
    "correlations": 16, "distribution": 1, "counting": 8, "waiting_times": 16, "first_passages": 16,
    "coincidences": 16, "telegraph": 1, "fluctuation_theorem": 2, "window_production": 2,
    "uncertainty": 64,
}  # fmt: skip


def printed(analysis, ensemble):
    text = str(ANALYSES[analysis](ensemble))
    assert not re.search(r"\bnan\b|\binf\b", text), text
    return text


@pytest.mark.parametrize("analysis", ANALYSES)
@pytest.mark.parametrize("ntraj", [0, 1, 2, 8, 16, 64])
def test_few_trajectories(analysis, ntraj):
    ensemble = js.simulate(HOHLRAUM, TIMES, ntraj, START, 1, RECORD)
    if ntraj >= LEAST[analysis]:
        printed(analysis, ensemble)
    else:
        with pytest.raises(js.InputError, match=r"trajector|is completed"):
            printed(analysis, ensemble)


@pytest.mark.parametrize("analysis", ANALYSES)
@pytest.mark.parametrize(
    ("model", "start"),
    [(js.systems.hohlraum(8, 5, 0), START), (HOHLRAUM, {"N": 0, "m": 0})],
    ids=["frozen", "absorbed"],
)
def test_all_trajectories_equal(analysis, model, start):
    ensemble = js.simulate(model, TIMES, 64, start, 1, RECORD)
    if analysis in ("waiting_times", "first_passages"):
        with pytest.raises(js.InputError, match="is completed"):
            printed(analysis, ensemble)
    else:
        printed(analysis, ensemble)


@pytest.mark.parametrize("record", ["moments", "variances"])
@pytest.mark.parametrize("analysis", ANALYSES)
def test_what_was_not_kept(analysis, record):
    ensemble = js.simulate(HOHLRAUM, TIMES, 64, START, 1, record)
    if analysis == "compare":
        printed(analysis, ensemble)
    else:
        with pytest.raises(js.InputError, match=record):
            printed(analysis, ensemble)

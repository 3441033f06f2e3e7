"""What the tests of sweeps and of executors share: files, places, an undisturbed run."""

import numpy as np
import pytest
from support.parameter_files import written
from support.sweeps import SPEC
from support.systems import SMALL_WAVEGUIDE
from support.unruly import THERMAL, TIMES, run

from jumpsim import engine
from jumpsim.store.plan import Plan


@pytest.fixture
def spec(tmp_path):
    return written(tmp_path, SPEC)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "sweep"


@pytest.fixture
def calls(monkeypatch):
    """Every call of the kernel."""
    made, real = [], engine.run

    def run(*arguments):
        made.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(engine, "run", run)
    return made


@pytest.fixture(scope="session")
def uncut(tmp_path_factory):
    """The file of the executors' run in one block."""
    path = tmp_path_factory.mktemp("uncut") / "a.h5"
    run(store=path, workers=1, block_size=None)
    return path


@pytest.fixture
def plan():
    return Plan(SMALL_WAVEGUIDE, THERMAL, np.array(TIMES), 9, ("counts",))

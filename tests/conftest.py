"""Fixtures that several folders of tests share."""

import numpy as np
import pytest
from support.killed_runs import SPEC, prepared
from support.parameter_files import written
from support.systems import PUBLISHED

import jumpsim as js


@pytest.fixture
def waveguide():
    """The open waveguide of BM Fig. 2."""
    return js.systems.open_waveguide(**PUBLISHED)


@pytest.fixture
def microseconds():
    """Return eleven times up to 1 µs."""
    return np.linspace(0, 1e-6, 11)


@pytest.fixture(scope="session")
def reference(tmp_path_factory):
    """The file of the run of `support.killed_runs` when nothing disturbs it; to be read only."""
    return prepared(tmp_path_factory.mktemp("reference"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Current folder with the parameter file of that run."""
    written(tmp_path, SPEC)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def compiled_at_once(monkeypatch):
    """Use code for one model where infinite work is left, and compile it in this process."""
    from jumpsim.engine import compiling
    from jumpsim.engine.codegen import background, compile_file

    class Ended:
        def __init__(self, file, signature):
            compile_file.compile_file(file, signature)

        def poll(self):
            return 0

        def kill(self):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(background, "begin", Ended)
    monkeypatch.setattr(compiling, "LOADING_PAYS", 1e9)


@pytest.fixture
def every_block_at_once(monkeypatch):
    """Let the calling thread commit each block as it comes."""
    from jumpsim.run import scheduler

    monkeypatch.setattr(scheduler, "_COMMIT_SECONDS", -1)


@pytest.fixture
def slabs(monkeypatch):
    """Limit how much of an ensemble is read at once: bytes of samples, events."""
    from jumpsim.store import ensemble

    usual = ensemble._SLAB_BYTES, ensemble._SLAB_EVENTS

    def limited(samples=None, events=None):
        monkeypatch.setattr(ensemble, "_SLAB_BYTES", samples or usual[0])
        monkeypatch.setattr(ensemble, "_SLAB_EVENTS", events or usual[1])

    return limited

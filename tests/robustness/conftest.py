"""An undisturbed run, places for the runs that are disturbed, and imports done before forking."""

import pytest
from support.fuzzing import FILES
from support.killed_runs import SPEC
from support.parameter_files import written

from jumpsim.cli.main import main


@pytest.fixture
def spec(tmp_path):
    return written(tmp_path, SPEC)


@pytest.fixture
def out(tmp_path):
    (tmp_path / "store").mkdir()
    return tmp_path / "store" / "out.h5"


@pytest.fixture(scope="session")
def warmed(tmp_path_factory):
    """Import and compile once: children are forked from here."""
    folder = tmp_path_factory.mktemp("warm")
    spec = folder / "spec.toml"
    # The wave function has a kernel of its own, which takes longer to compile than a child may.
    for name in ("open_waveguide", "second_law_jumps"):
        spec.write_bytes(FILES[f"{name}.toml"])
        store = str(folder / f"{name}.h5")
        for command in (["run", str(spec), "-n", "3", "-q", "-o"], ["compare", "--no-figure"]):
            assert main([*command, store]) == 0

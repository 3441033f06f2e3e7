"""Public names: those that editors see are those that load when used; former names are refused."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import jumpsim as js

SOURCE = Path(js.__file__)


def test_editors_see_the_names_that_load_when_used():
    blocks = [node for node in ast.parse(SOURCE.read_text()).body if isinstance(node, ast.If)]
    (block,) = (node for node in blocks if ast.unparse(node.test) == "TYPE_CHECKING")
    seen = {}
    for node in block.body:
        for alias in node.names:
            seen[alias.asname] = ".".join(filter(None, (node.module, alias.name)))
    loaded = {name: f"{module}.{name}" for name, module in js._HOME.items()} | js._MODULES
    assert seen == loaded
    assert SOURCE.with_name("py.typed").exists()


@pytest.mark.parametrize("name", js._RENAMED)
def test_former_names_give_the_present_one(name):
    with pytest.raises(AttributeError, match=f"`{name}` is now called `{js._RENAMED[name]}`"):
        getattr(js, name)
    assert hasattr(js, js._RENAMED[name])


@pytest.mark.parametrize("name", ["comparison", "theorem", "waiting"])
def test_former_figures_give_the_present_one(name):
    with pytest.raises(AttributeError, match=f"`plotting.{name}` is now called `"):
        getattr(js.plotting, name)


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom jumpsim.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = ['numba', 'scipy', 'h5py', 'matplotlib', 'pint', 'tqdm', 'xarray', 'numpy']\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.splitlines()[-1] == "[]"

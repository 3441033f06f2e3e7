"""Examples in docstrings: they run and print what they state, and every public function has one."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import jumpsim as js
from jumpsim import statistics, thermo, units
from jumpsim.theory import twolevel

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

# Public names whose docstring has no example yet. A name with an example must be removed.
WITHOUT_EXAMPLES = {"compact", "open_long", "open_sweep", "report", "stationary_averages"}


def modules_with_examples():
    """Names of the modules of the package whose source contains an example."""
    names = ["jumpsim", *(m.name for m in pkgutil.walk_packages(js.__path__, "jumpsim."))]
    return [name for name in names if ">>> " in source(name)]


def source(name):
    return importlib.util.find_spec(name).loader.get_source(name)


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_print_what_they_state(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(name), optionflags=OPTIONS)
    assert result.attempted > 0
    assert result.failed == 0, "see the captured output"


def public_objects():
    """Functions and classes that users call, by name; exceptions and results are not called."""
    found = {name: getattr(js, name) for name in js.__all__}
    for module in (statistics, thermo, twolevel):
        found |= {f"{module.__name__}.{name}": getattr(module, name) for name in module.__all__}
    found |= {f"{units.__name__}.{name}": member for name, member in vars(units).items()
              if inspect.isfunction(member) and not name.startswith("_")}  # fmt: skip
    return {name: thing for name, thing in found.items() if is_called(name, thing)}


def is_called(name, thing):
    if inspect.isfunction(thing):
        return True
    # The classes of the other packages are results; the functions that return them have examples.
    return inspect.isclass(thing) and not issubclass(thing, Exception) and "." not in name


def has_example(thing):
    doc = inspect.getdoc(thing) or ""
    return "\nExamples\n--------\n" in doc and ">>> " in doc


def test_every_public_name_has_an_example():
    found = public_objects()
    assert len(found) > 60
    without = {name for name, thing in found.items() if not has_example(thing)}
    assert without - WITHOUT_EXAMPLES == set(), "add an Examples section to their docstrings"
    assert WITHOUT_EXAMPLES - without == set(), "remove from the list: they have an example now"

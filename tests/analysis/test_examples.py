"""The examples in the docstrings of the analyses give the printed results."""

import doctest
import pkgutil
from importlib import import_module

import pytest

from jumpsim import analysis

MODULES = [m.name for m in pkgutil.walk_packages(analysis.__path__, f"{analysis.__name__}.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    assert doctest.testmod(import_module(name)).failed == 0

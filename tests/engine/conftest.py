"""Code for one model is compiled when it is asked for; tests/run/test_compiling.py has the rest."""

import pytest


@pytest.fixture(autouse=True)
def _compiled_at_once(compiled_at_once):
    pass

"""Compiled code where nothing can be kept on disk: it is compiled in memory."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest
from numba.core import caching

import jumpsim as js
from jumpsim import engine, streams
from jumpsim.engine.codegen import background, templates
from jumpsim.utils import files
from jumpsim.utils.compiled import njit


def cube(x):
    return x * x * x


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(caching.config, "CACHE_DIR", str(tmp_path))
    return tmp_path


def test_code_is_kept(kept):
    assert njit(cache=True)(cube)(3) == 27
    assert sorted(file.suffix for file in kept.rglob("*.nb?")) == [".nbc", ".nbi"]
    again = njit(cache=True)(cube)
    assert again(2) == 8
    assert sum(again.stats.cache_hits.values()) == 1


def test_no_folder_can_be_written_to(monkeypatch):
    """numba alone: RuntimeError 'no locator available' when the function is declared."""
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    assert njit(cache=True)(cube)(3) == 27


def test_scipy_is_not_imported_for_a_kernel_and_is_there_for_others(kept):
    """In a new process: 0.3 s of its start; numba's linear algebra works as usual."""
    program = """
import sys
import numpy as np
import numba
from jumpsim import engine, streams, systems
model = systems.hohlraum(7, 3, 1.0)
rows = np.tile([3, 2], (4, 1)), streams.states(1, 0, 4, streams.JUMPS)
engine.run("direct", model.table, np.linspace(0, 1, 3), *rows, {"samples"})
assert "scipy.linalg" not in sys.modules
assert "pint" not in sys.modules

@numba.njit
def both(matrix):
    return np.linalg.inv(matrix) @ matrix, np.cov(matrix)

found = both(np.array([[2.0, 1.0], [1.0, 1.0]]))
assert np.allclose(found[0], np.eye(2))
assert np.allclose(found[1], [[0.5, 0.0], [0.0, 0.0]])
"""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(kept)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=120)


@pytest.mark.parametrize("damage", [b"", b"\x80", b"not a pickle" * 20])
def test_damaged_files_are_replaced(kept, damage):
    njit(cache=True)(cube)(3)
    for file in kept.rglob("*.nb?"):
        file.write_bytes(damage)
    assert njit(cache=True)(cube)(4) == 64
    again = njit(cache=True)(cube)
    assert again(2) == 8
    assert sum(again.stats.cache_hits.values()) == 1


def test_a_full_disk_keeps_nothing(kept, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(caching.IndexDataCacheFile, "save", full)
    assert njit(cache=True)(cube)(5) == 125
    assert not list(kept.rglob("*.nb?"))


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EPERM])
def test_no_hard_links(tmp_path, monkeypatch, number):
    """A file system such as exFAT: the file gets its name, an existing one stays as it is."""

    def refused(*_):
        raise OSError(number, "Operation not supported")

    monkeypatch.setattr(os, "link", refused)
    file = tmp_path / "x.py"
    for text in ("one", "two"):
        with files.new_file(file, replace=False) as temporary:
            temporary.write_text(text)
        assert os.listdir(tmp_path) == ["x.py"]
        assert file.read_text() == "one"


def test_no_code_for_a_model_without_a_folder(monkeypatch, compiled_at_once):  # noqa: ARG001
    """Then the general kernel is used: nothing is compiled, and no other process is started."""
    model = js.systems.hohlraum(7, 3, 1.0)
    rows = (
        "direct", model.table, np.linspace(0, 1, 3), np.tile([3, 2], (4, 1)),
        streams.states(1, 0, 4, streams.JUMPS), {"events"},
    )  # fmt: skip
    usual = engine.run(*rows)
    tried = []

    def refused(*_):
        tried.append(1)
        raise js.StoreError("read-only file system")

    monkeypatch.setattr(templates, "written", refused)
    monkeypatch.setattr(background, "begin", None)
    monkeypatch.setattr(background, "_known", {})
    templates.module.cache_clear()
    for _ in range(2):
        again = engine.run(*rows, left=np.inf)
        assert np.array_equal(again.event_time, usual.event_time)
    assert len(tried) == 1

"""Compiled kernels of quantum jumps are made anew when a source file changes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import pytest

import jumpsim as js

_FIRST_EVENT = """
import numpy as np
import jumpsim as js
from jumpsim import engine, streams

table = js.systems.hohlraum(3, 2, 1.0).table
times, start, stream = np.array([9.0]), np.array([[3, 1]]), streams.states(1, 0, 1, 1)
print(engine.run("direct", table, times, start, stream, ("events",)).event_time[0])
"""


def first_event(folder):
    """Its time by the package that was copied there, in a process of its own."""
    env = os.environ | {"PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(folder / "cache")}
    command = [sys.executable, "-B", "-c", _FIRST_EVENT]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


@pytest.mark.slow
def test_edited_draws_make_a_kernel_anew(tmp_path):
    """numba itself would take the kernel of direct.py from its cache, which was not touched."""
    source = Path(js.__file__).parent
    shutil.copytree(source, tmp_path / "jumpsim", ignore=shutil.ignore_patterns("__pycache__"))
    first = first_event(tmp_path)
    folders = sorted((tmp_path / "cache").glob("kernels-*"))
    assert len(folders) == 1
    assert first_event(tmp_path) == first
    assert sorted((tmp_path / "cache").glob("kernels-*")) == folders
    file = tmp_path / "jumpsim" / "engine" / "random.py"
    text = file.read_text()
    changed = text.replace("return -(exponent * 0.69", "return -2.0 * (exponent * 0.69")
    assert changed != text
    file.write_text(changed)
    assert first_event(tmp_path) == 2 * first
    assert len(list((tmp_path / "cache").glob("kernels-*"))) == 2
    file.write_text(text)
    assert first_event(tmp_path) == first


def test_every_file_of_the_kernels_is_in_the_digest(tmp_path, monkeypatch):
    """A comment in any of them makes another folder; afterwards numba's setting is as it was."""
    from jumpsim.engine.codegen import cache

    def folder():
        with cache.kernel_cache():
            return numba.config.CACHE_DIR

    before = numba.config.CACHE_DIR
    assert Path(folder()).parent.name == (Path(before).name if before else "__pycache__")
    assert before == numba.config.CACHE_DIR
    source = Path(js.__file__).parent / "engine"
    shutil.copytree(
        source, tmp_path, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
    )
    monkeypatch.setattr(cache, "_HERE", tmp_path)
    seen = [folder()]
    assert folder() == seen[0]
    for file in sorted(tmp_path.rglob("*.py")):
        file.write_text(file.read_text() + "# edited\n")
        seen.append(folder())
    assert len(set(seen)) == len(seen) == 1 + len(list(tmp_path.rglob("*.py")))
    assert before == numba.config.CACHE_DIR

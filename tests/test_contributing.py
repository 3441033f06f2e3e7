"""The recipes of CONTRIBUTING.md are followed as they stand, in a copy of the package."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
FENCE = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.M | re.S)
RECIPES = {
    title: FENCE.findall(body)
    for title, body in re.findall(r"^## (Add .*?)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
}
# Files that a recipe may touch, its test among them.
MOST_FILES = {
    "Add a system": 3,
    "Add an analysis": 6,
    "Add a record": 6,
    "Add an engine": 3,
}


def edited(text, change):
    """Apply one block marked `diff`, whose unchanged and removed lines must stand there once."""
    lines = change.splitlines()
    before = "\n".join(line[1:] for line in lines if line[0] in " -")
    after = "\n".join(line[1:] for line in lines if line[0] in " +")
    assert text.count(before) == 1, before
    return text.replace(before, after)


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """Folder with a copy of the package in which all recipes have been followed, and commands."""
    folder = tmp_path_factory.mktemp("recipes")
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "jumpsim", folder / "jumpsim", ignore=ignore)
    commands = []
    for blocks in RECIPES.values():
        for kind, name, body in blocks:
            if kind == "console":
                commands += body.splitlines()
                continue
            path = folder / name
            if kind != "diff":
                path.parent.mkdir(parents=True, exist_ok=True)
                assert not path.exists(), name
            path.write_text(edited(path.read_text(), body) if kind == "diff" else body)
    return folder, commands


def run(folder, *command):
    # Without compilation: what is simulated here is small.
    environment = {**os.environ, "PYTHONPATH": str(folder), "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_commands_of_the_recipes_run(followed):
    """All of them in one process, because loading the package anew takes longer than a command."""
    folder, commands = followed
    assert len(commands) == 5
    words = [command.split() for command in commands]
    assert {program for program, *_ in words} == {"jumpsim"}
    code = "import sys\nfrom jumpsim.cli.main import main\n"
    code += f"for words in {words!r}:\n    assert main(words[1:]) == 0, words\n"
    run(folder, "-c", code)
    names = {"leaky_box-activity.png", "leaky_box-report.html", "leaky_box.h5"}
    assert names <= {file.name for file in folder.iterdir()}
    assert "Activity" in (folder / "leaky_box-report.html").read_text()
    assert "activity" in run(folder, "-m", "jumpsim", "--help")


def test_the_tests_of_the_recipes_pass(followed):
    folder, _ = followed
    tests = sorted(str(file) for file in (folder / "tests").rglob("test_*.py"))
    assert len(tests) == 4
    options = "-q", "-p", "no:cacheprovider", "-W", "ignore::RuntimeWarning"
    assert "passed" in run(folder, "-m", "pytest", *options, *tests)


@pytest.mark.parametrize("title", MOST_FILES)
def test_a_recipe_touches_few_files(title):
    files = {name for kind, name, _ in RECIPES[title] if name and not name.endswith(".toml")}
    assert len(files) <= MOST_FILES[title]


def test_every_recipe_is_followed():
    assert RECIPES.keys() == MOST_FILES.keys()

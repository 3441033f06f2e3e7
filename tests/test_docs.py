"""README and guide run as they stand, and print what they say."""

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_code_runs_and_prints_what_the_page_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names, printed = {}, None
    for kind, body in FENCE.findall(page.read_text()):
        if kind == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(body, f"{page.name}", "exec"), names)
            printed = out.getvalue()
        elif kind == "text" and printed is not None:
            assert printed.strip() == body.strip()
            printed = None


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_readme_names_what_exists():
    readme = (ROOT / "README.md").read_text()
    make = (ROOT / "Makefile").read_text()
    for command in re.findall(r"^    make (\w+)", readme, re.M):
        assert re.search(rf"^{command}:", make, re.M), command
    for path in re.findall(r"\b(?:data|scripts|analysis)/[\w.]+\w", readme):
        assert (ROOT / path).exists(), path


def test_the_register_names_tests_that_exist():
    text = (ROOT / "docs" / "verification.md").read_text()
    named = re.findall(r"`(\w+)::(\w+)`", text)
    assert len(named) > 200
    sources = {}
    for module, name in named:
        if module not in sources:
            sources[module] = next((ROOT / "tests").rglob(f"test_{module}.py")).read_text()
        assert f"def test_{name}(" in sources[module], f"{module}::{name}"

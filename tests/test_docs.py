"""README and guide run as they stand, and print what they say."""

import contextlib
import io
import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TABLES = runpy.run_path(str(ROOT / "scripts" / "document_tables.py"))
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


def test_the_register_names_files_that_exist():
    text = (ROOT / "docs" / "verification.md").read_text().split("<!--")[0]
    named = re.findall(r"`(?:tests/)?((?:\w+/)?test_\w+\*?|\w+/\w+\.py)", text)
    assert len(named) > 60
    folder = ""
    for name in named:
        folder = name.split("/")[0] if "/" in name else folder
        pattern = name if "/" in name else f"{folder}/{name}"
        pattern = pattern.removesuffix(".py").removesuffix("*")
        found = [*(ROOT / "tests").glob(f"{pattern}*.py"), *(ROOT / "tests").glob(f"{name}.py")]
        assert found, name


@pytest.mark.parametrize("name", TABLES["TABLES"])
def test_generated_tables_are_up_to_date(name):
    """If not: run `python scripts/document_tables.py`."""
    assert (ROOT / "docs" / name).read_text() == TABLES["with_table"](name)

"""The structure: imports run one way, files stay readable, importing stays quick."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "jumpsim"

# A file or folder of the package may import from the lines above its own, and from itself.
LAYERS = [
    {"errors", "streams"},
    {"units"},
    {"utils"},
    {"statistics"},
    {"model", "engine"},
    {"systems"},
    {"theory", "store"},
    {"thermo", "run"},
    {"analysis"},
    {"plotting"},
    {"papers"},
    {"reporting"},
    {"cli"},
    {"__main__"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
# What must not be reached from a folder, not even by way of other files.
UNREACHABLE = {
    "engine": {"model", "systems", "theory", "store", "run", "units"},
    "theory": {"engine", "store", "run", "analysis"},
    "model": {"engine", "store", "run"},
}


def unit(path):
    """Top-level module or folder of the package that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path):
    """(line, unit) of every import of the package's own modules, at any depth of a file."""
    place = ("jumpsim", *path.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = place[: len(place) - node.level + 1]
            full = base + tuple((node.module or "").split(".") if node.module else ())
            targets = [full] if len(full) > 1 else [(*full, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            targets = [tuple((node.module or "").split("."))]
        elif isinstance(node, ast.Import):
            targets = [tuple(alias.name.split(".")) for alias in node.names]
        else:
            continue
        for target in targets:
            if target[0] == "jumpsim" and len(target) > 1:
                yield node.lineno, target[1]


def test_imports_run_one_way():
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        own = unit(path)
        if own == "__init__":
            continue
        assert own in LEVEL, f"{own} has no place in LAYERS"
        for line, target in imported(path):
            if target not in (own, "__version__") and LEVEL[target] >= LEVEL[own]:
                wrong.append(f"{path.relative_to(PACKAGE)}:{line} imports {target}")
    assert wrong == []


def modules():
    """Every module of the package by its dotted name, with the modules that it imports."""
    files = {}
    for path in PACKAGE.rglob("*.py"):
        if "__pycache__" not in path.parts:
            name = ".".join(("jumpsim", *path.relative_to(PACKAGE).with_suffix("").parts))
            files[name.removesuffix(".__init__")] = path
    graph = {}
    for name, path in files.items():
        place = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
        found = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom):
                continue
            base = place[: len(place) - node.level + 1] if node.level else []
            full = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                target = f"{full}.{alias.name}"
                found.add(target if target in files else full)
        # Importing a module runs the packages around it first; the outermost loads lazily.
        around = {t.rsplit(".", k)[0] for t in found for k in range(1, t.count("."))}
        graph[name] = (found | around) & files.keys() - {"jumpsim"}
    return graph


def reached(graph, names):
    """All that importing these modules, and calling their functions, may load."""
    seen, left = set(), list(names)
    while left:
        name = left.pop()
        if name not in seen:
            seen.add(name)
            left += graph[name]
    return seen


@pytest.mark.parametrize("folder", UNREACHABLE)
def test_imports_followed_through_files(folder):
    graph = modules()
    inside = [name for name in graph if name.split(".")[1:2] == [folder]]
    assert len(inside) > 3
    for name in inside:
        beyond = {other.split(".")[1] for other in reached(graph, [name])}
        assert not beyond & UNREACHABLE[folder], name


def test_files_stay_readable():
    for path in PACKAGE.rglob("*.py"):
        if "__pycache__" in path.parts:  # where engines put what they write
            continue
        assert len(path.read_text().splitlines()) <= 400, path


def test_heavy_packages_load_when_used():
    heavy = ["numba", "matplotlib", "pint", "scipy", "h5py", "xarray", "tqdm"]
    code = f"import sys, jumpsim; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
    code = (
        "import sys, jumpsim as js; print(js.systems.hohlraum(2, 2, 1.0)); "
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.splitlines()[-1] == "[]"


def test_public_names():
    import jumpsim as js

    for name in js.__all__:
        assert getattr(js, name) is not None
    assert set(js.__all__) <= set(dir(js))

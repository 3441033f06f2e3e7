"""The structure: imports run one way, files stay readable, importing stays quick."""

import ast
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "jumpsim"

# A module may import from the lines above its own, and from its own folder.
LAYERS = [
    {"errors", "resources", "sums"},
    {"chunks"},
    {"units", "streams", "statistics", "provenance", "stoichiometry", "rates", "tables"},
    {"declaration", "grid", "couplings", "multiplicity", "levels"},
    {"model"},
    {"coherent"},
    {"initial", "systems", "engine"},
    {"plan", "block"},
    {"theory", "thermo", "store"},
    {"described", "secondlaw", "shard"},
    {"progress"},
    {"ensemble"},
    {"batch"},
    {"remote"},
    {"workers"},
    {"simulate"},
    {"longrun"},
    {"inference", "spec", "inspection"},
    {"plotting", "sweep"},
    {"levelfigures"},
    {"figures", "report"},
    {"options", "cluster"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


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


def test_the_kernels_know_no_model_and_the_theories_no_kernel():
    for folder, forbidden in (
        ("engine", {"model", "rates", "initial", "systems", "plan", "store", "units"}),
        ("theory", {"engine", "simulate", "store", "ensemble"}),
    ):
        for path in (PACKAGE / folder).glob("*.py"):
            assert not {target for _, target in imported(path)} & forbidden, path


def test_files_stay_readable():
    for path in PACKAGE.rglob("*.py"):
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
    # The module jumpsim.run.simulate must not hide the function of that name.
    code = (
        "import jumpsim.cli.main, jumpsim.run.simulate, jumpsim.analysis.averages.rate_equations, jumpsim as js; "
        "js.simulate.__call__, js.compare.__call__"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

"""Parameter files, names and scripts of Wacker's figures, and what is refused."""

import subprocess
import sys

import pytest
from support.wacker_figures import LEVELS, ROOT, written

import jumpsim as js
from jumpsim.cli.main import main
from jumpsim.papers import braak_mannhart, wacker
from jumpsim.papers.wacker.parameter_files import read

BAD = {
    "not TOML": ("second_law", "[scan]", "[scan", "not valid TOML"),
    "no such table": ("second_law", "[scan]", "[scam]", "unknown `scam`; did you mean 'scan'?"),
    "no such entry": ("second_law", "sets =", "setz =", "[random]: unknown `setz`; did you mean"),
    "entry missing": ("second_law", "marked = 12.0", "", "[scan] must give `marked`"),
    "text": ("second_law", "E_u = 10.0", 'E_u = "10"', "[parameters]: `E_u` must be a finite"),
    "rate": (
        "second_law",
        "gamma_u = 1.0",
        "gamma_u = -1",
        "`gamma_u` must be a finite number > 0",
    ),
    "backwards": ("second_law", "[8.0, 14.0]", "[14.0, 8.0]", "`omega` must be two numbers, the"),
    "three": ("pulling", "[-9.0, 9.0]", "[1, 2, 3]", "`detuning` must be two numbers, the"),
    "no list": ("machine_map", "[1.5, 2.5, 4.0]", "2.5", "`T_b` must be a list of numbers, but"),
    "empty": ("machine_map", "[1.5, 2.5, 4.0]", "[]", "`T_b` must be a list of numbers, but is []"),
    "zero": ("golden_rule", "[0.1, 10.0]", "[0.0, 10.0]", "`rates` must be a finite number > 0"),
    "filling": ("golden_rule", "[0.0, 1.0]", "[0.0, 1.5]", "`fillings` must be from 0 to 1, but"),
    "seed": ("golden_rule", "seed = 1", "seed = 1.5", "[random]: `seed` must be a whole number"),
    "one point": (
        "bloch_gain",
        "points = 641",
        "points = 1",
        "`points` must be a whole number ≥ 2",
    ),
    "label": ("bloch_gain", '"inversion"', "3", "[[cases]]: `name` must be one line of readable"),
    "case": ("bloch_gain", "mu_l = 8.5", "", "[[cases]] must give `mu_l`"),
    "no cases": ("bloch_gain", "[[cases]]", "[[pools]]", "the file: unknown `pools`"),
    "no title": ("bloch_gain", 'title = "Bloch gain', 'title = "\\n', "`title` must be one line"),
    "inversion": ("pulling", "[-0.9, 1.0]", "[-1.0, 1.0]", "`inversion` must be > -1 and ≤ 1, but"),
    "width": ("pulling", "[0.05, 0.3, 1.0]", "[0.05, 0]", "[pulling]: `widths` must be a finite"),
    "theory": ("golden_rule", "n_b = 0.1", "n_b = -0.1", "`n_b` must be ≥ 0, but is -0.1"),
    "still": ("effective_energies", "f_l = 0.2", "f_l = 0.9", "[parameters]: nothing flows, so"),
    "cold": ("machine_map", "[1.5, 2.5, 4.0]", "[1.5, -2]", "`T_b` must be > 0, but is -2"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_parameter_files(case, tmp_path, capsys):
    name, old, new, message = BAD[case]
    few = {"golden_rule": {"random__sets": 3}, "machine_map": {"map__columns": 2, "map__rows": 2}}
    written(tmp_path, name, **few.get(name, {}))
    path = tmp_path / "levels" / f"{name}.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    command = ["figures", name, "--data", str(tmp_path), "-o", str(tmp_path)]
    assert main([*command, "--stores", str(tmp_path)]) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert f"{path}: " in printed
    assert message in printed
    assert not list(tmp_path.glob("*.png"))


def test_a_table_that_may_stand_several_times(tmp_path):
    def given(text):
        path = tmp_path / "x.toml"
        path.write_text(f'title = "x"\nsource = "y"\n{text}\n')
        return read(path, {"cases": [{"T": lambda value, _: value}]})

    for text, message in (
        ("", "must have a table [[cases]]"),
        ("cases = 3", "`cases` must be one or more tables [[cases]]"),
        ("[cases]\nT = 1", "`cases` must be one or more tables [[cases]]"),
    ):
        with pytest.raises(js.InputError) as printed:
            given(text)
        assert message in str(printed.value)
    assert given("[[cases]]\nT = 1\n[[cases]]\nT = 2")["cases"] == [{"T": 1}, {"T": 2}]


def test_a_missing_file_and_a_missing_name(tmp_path, capsys):
    command = ["--data", str(tmp_path), "-o", str(tmp_path), "--stores", str(tmp_path)]
    assert main(["figures", "pulling", *command]) == 2
    assert "levels/pulling.toml: cannot be read (No such file" in capsys.readouterr().err
    assert main(["figures", "puling", *command]) == 2
    printed = capsys.readouterr().err
    assert "unknown figure 'puling'; did you mean 'pulling'?" in printed
    assert "fig4" in printed


def test_every_figure_has_its_file_and_its_script(tmp_path, capsys):
    """All are drawn by name, without a store, and say what they are made from."""
    from PIL import Image

    few = {
        "effective_energies": {"scan__points": 2}, "second_law": {"random__sets": 50},
        "machine_map": {"map__columns": 5, "map__rows": 5, "cuts__points": 5},
        "golden_rule": {"random__sets": 10}, "bloch_gain": {},
        "pulling": {"threshold__points": 4, "pulling__points": 4},
    }  # fmt: skip
    assert set(few) == set(wacker.FIGURES) == {path.stem for path in LEVELS.glob("*.toml")}
    for name, changes in few.items():
        tables = written(tmp_path, name, **changes)
        assert "Wacker" in tables["source"]
        script = (ROOT / "analysis" / f"{name}.py").read_text()
        assert f'entry(["figures", "{name}", *sys.argv[1:]])' in script
        assert f"jumpsim figures {name}" in (LEVELS / f"{name}.toml").read_text()
    folder = str(tmp_path / "out")
    where = ["--data", str(tmp_path), "-o", folder, "--stores", folder]
    assert main(["figures", *few, *where, "--read-only"]) == 0
    out = capsys.readouterr().out
    for name, (_, caption) in wacker.FIGURES.items():
        assert f"{name}: {caption}; " in out
        assert (tmp_path / "out" / f"{name}.pdf").stat().st_size > 5000
        with Image.open(tmp_path / "out" / f"{name}.png") as image:
            source = image.text["Description"]
        assert source == f"jumpsim figures {name} from {tmp_path / 'levels' / name}.toml"
    assert out.count("\n  ") >= 18
    assert not list((tmp_path / "out").glob("*.h5"))


def test_no_name_draws_every_figure(tmp_path, monkeypatch):
    one = {"bloch_gain": wacker.FIGURES["bloch_gain"]}
    monkeypatch.setattr(wacker, "FIGURES", one)
    monkeypatch.setattr(braak_mannhart, "FIGURES", {})
    printed = list(braak_mannhart.draw_figures([], ROOT / "data", tmp_path, tmp_path))
    assert printed[0].startswith("bloch_gain: ")
    assert (tmp_path / "bloch_gain.png").exists()


def test_a_script(tmp_path):
    written(tmp_path, "effective_energies", scan__points=2)
    done = subprocess.run(
        [sys.executable, ROOT / "analysis" / "effective_energies.py", "--data", tmp_path,
         "-o", tmp_path, "--stores", tmp_path],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "(b) quantised mode (W 21): energy per particle differs" in done.stdout
    assert (tmp_path / "effective_energies.png").exists()

"""The published figures: what they show, and that they are drawn from stores."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import jumpsim as js
from jumpsim.cli.main import main
from jumpsim.papers import braak_mannhart
from jumpsim.run import block_task
from jumpsim.store.ensemble import open as open_ensemble

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Stores of few trajectories, and what was printed while they were made."""
    folder = tmp_path_factory.mktemp("stores")
    names = list(braak_mannhart.FIGURES)
    lines = list(
        braak_mannhart.draw_figures(names, DATA, folder, folder, ntraj=200, progress=False)
    )
    return folder, lines


def drawn(name, folder):
    spec, draw, _ = braak_mannhart.FIGURES[name]
    run = braak_mannhart._Run(open_ensemble(folder / f"{spec}.h5"))
    figure, findings = braak_mannhart._titled_figure(draw, run)
    return run, figure, findings


def test_every_figure_is_there(stores):
    folder, lines = stores
    assert set(braak_mannhart.FIGURES) == {"fig2", "fig3", "fig4", "fig5", "fig7", "fig8"}
    for name in braak_mannhart.FIGURES:
        assert (folder / f"{name}.png").stat().st_size > 10_000
        assert (folder / f"{name}.pdf").stat().st_size > 5_000
        assert any(line.startswith(f"{name}: ") for line in lines)
    text = "\n".join(lines)
    assert "σ crosses zero at 0.7512 µs (known: 0.751; paper: about 0.75)" in text
    assert "minimum of σ: -175.8 k_B/µs at 0.1330 µs" in text
    assert "S decreases from 474.5 k_B to 285.9 k_B (known: 474.5 to 285.9)" in text
    assert "n_A/n_B = 0.00100 at the end" in text
    assert "n_B = 2.2234" in text


@pytest.mark.parametrize("name", braak_mannhart.FIGURES)
def test_lines_marks_and_trajectories(name, stores):
    run, figure, _ = drawn(name, stores[0])
    for axis in figure.axes:
        assert axis.get_xlabel() == "time (µs)"
        assert axis.get_ylabel()
        assert axis.containers, "averages with error bars"
        assert axis.get_legend() is not None
        long = [line for line in axis.lines if len(line.get_xdata()) == 1501]
        assert long, "rate equations"
        if axis.get_ylabel() != "σ ($k_B$/µs)":
            thin = [line for line in axis.lines if len(line.get_xdata()) == len(run.ensemble.times)]
            assert len(thin) >= 4, "single trajectories"


def marks(axis):
    """x, y and standard errors of the first marks of an axis."""
    bars = axis.containers[0]
    x, y = bars.lines[0].get_data()
    segments = bars.lines[2][0].get_segments()
    return x, y, np.array([(s[1, 1] - s[0, 1]) / 2 for s in segments])


def test_temperatures_are_those_of_the_averages(stores):
    run, figure, _ = drawn("fig2", stores[0])
    ensemble = run.ensemble
    x, y, error = marks(figure.axes[0])
    shown = run.marks()
    kelvin = js.thermo.temperature_unit(run.model)[0]
    T, sem = js.thermo.temperatures(run.model, ensemble.mean(), ensemble.sem())
    np.testing.assert_allclose(x, ensemble.times[shown] * 1e6)
    np.testing.assert_allclose(y, kelvin * T[shown, 0])
    np.testing.assert_allclose(error, kelvin * sem[shown, 0], rtol=1e-9)


def test_entropy_production_by_averages_and_by_trajectories(stores):
    run, figure, _ = drawn("fig4", stores[0])
    left, right = figure.axes
    shown, ensemble = run.marks(), run.ensemble
    sigma = js.thermo.of_averages(ensemble)
    _, y, error = marks(left)
    np.testing.assert_allclose(y, sigma.sigma[shown] / 1e6)
    np.testing.assert_allclose(error, sigma.sigma_sem[shown] / 1e6, rtol=1e-9)
    produced = js.thermo.internal_production(ensemble)
    _, y, error = marks(right)
    np.testing.assert_allclose(y, produced.mean(axis=0)[shown])
    np.testing.assert_allclose(
        error, produced.std(axis=0, ddof=1)[shown] / np.sqrt(200), rtol=1e-6, atol=1e-12
    )
    integral = next(line for line in right.lines if line.get_label() == "∫σ dt")
    k = np.searchsorted(integral.get_xdata(), 0.7512)
    assert integral.get_ydata()[k] == pytest.approx(-52.7, abs=0.5)


def test_read_only_never_simulates(stores, tmp_path, monkeypatch, capsys):
    folder, _ = stores

    def forbidden(*_, **__):
        raise AssertionError("simulated")

    monkeypatch.setattr(braak_mannhart, "simulate", forbidden)
    command = ["figures", "fig3", "--read-only", "--data", str(DATA), "-o", str(tmp_path)]
    assert main([*command, "--stores", str(folder)]) == 0
    assert (tmp_path / "fig3.png").exists()
    assert "fig3: occupations of A and B at long times" in capsys.readouterr().out
    assert main([*command, "--stores", str(tmp_path)]) == 2
    captured = capsys.readouterr().err
    assert captured.count("\n") == 1
    assert "open_waveguide_long.h5: does not exist; make it by: jumpsim run" in captured


def test_number_of_trajectories_on_the_command_line(tmp_path, capsys):
    command = ["figures", "fig7", "--data", str(DATA), "-n", "20", "-q"]
    assert main([*command, "--stores", str(tmp_path), "-o", str(tmp_path)]) == 0
    assert js.open(tmp_path / "closed_waveguide.h5").ntraj == 20
    assert capsys.readouterr().err == ""


def test_drawing_again_computes_nothing(stores, monkeypatch):
    folder, _ = stores
    calls = []
    monkeypatch.setattr(block_task, "run_block", lambda *given: calls.append(given))
    list(braak_mannhart.draw_figures(["fig7"], DATA, folder, folder, ntraj=200, progress=False))
    assert calls == []


def test_refused(tmp_path, capsys):
    assert main(["figures", "fig6", "-o", str(tmp_path), "--stores", str(tmp_path)]) == 2
    captured = capsys.readouterr().err
    assert (
        "unknown figure 'fig6'; did you mean 'fig5'?" in captured
        or "unknown figure 'fig6'" in captured
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    command = ["figures", "fig4", "--data", str(empty), "--stores", str(tmp_path)]
    assert main([*command, "-o", str(tmp_path)]) == 2
    assert "entropy_production.toml: cannot be read" in capsys.readouterr().err


def test_scripts(stores, tmp_path):
    """The script reads the stores; the other finds that there is nothing to do."""
    import subprocess
    import sys

    folder, _ = stores
    copy = tmp_path / "stores"
    shutil.copytree(folder, copy)
    root = DATA.parent
    done = subprocess.run(
        [sys.executable, root / "analysis" / "paper_figures.py", "fig8", "--data", DATA,
         "--stores", copy, "-o", tmp_path],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "fig8: slow occupations of the closed loop" in done.stdout
    small = tmp_path / "data"
    small.mkdir()
    for path in DATA.glob("*.toml"):
        text = path.read_text().replace("ntraj = 2000", "ntraj = 200")
        (small / path.name).write_text(text)
    before = {p.name: p.stat().st_mtime_ns for p in copy.glob("*.h5")}
    done = subprocess.run(
        [sys.executable, root / "scripts" / "paper_runs.py", "--data", small, "--stores", copy],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert {p.name: p.stat().st_mtime_ns for p in copy.glob("*.h5")} == before
    assert done.stdout.count("200 trajectories of") == 5


def test_names_are_drawn_as_they_stand():
    from matplotlib.figure import Figure

    from jumpsim.plotting.style import indexed_symbol, series_style, wrapped_title

    figure = Figure()
    for k, name in enumerate(("a__b", "_", "a_", "m'", "'_'", "~*+-")):
        figure.text(0, k / 6, indexed_symbol("n", name))
        figure.add_subplot().errorbar([0], [1], [1], **series_style(k, name)[1])
    figure.suptitle(wrapped_title("$x_{ of $\\frac $ and\n$", 2))
    figure.canvas.draw()  # no name is a formula that cannot be read
    assert wrapped_title("a_b $x$ c", 10) == "a b \\$x\\$ c"
    assert max(map(len, wrapped_title("word " * 40, 2).split("\n"))) <= 30
    labels = [label for axis in figure.axes for label in axis.get_legend_handles_labels()[1]]
    assert [label.strip() for label in labels] == ["a__b", "_", "a_", "m'", "'_'", "~*+-"]

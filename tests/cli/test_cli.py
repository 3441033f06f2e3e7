"""The command line as a user types it: a real process, its output, its exit status, its files."""

import os
import shlex
import signal
import subprocess
import sys
import time
import weakref
from pathlib import Path

import numpy as np
import pytest
from support.parameter_files import written
from tqdm import tqdm

import jumpsim as js
from jumpsim.cli.main import _Signals, main
from jumpsim.cli.options import as_counted
from jumpsim.utils import progress

ROOT = Path(__file__).parents[2]
SPEC = (ROOT / "data" / "open_waveguide.toml").read_text()


def jumpsim(*arguments, cwd, program=("-m", "jumpsim"), **environment):
    return subprocess.run(
        [sys.executable, *program, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )


def edited(old, new):
    assert old in SPEC
    return SPEC.replace(old, new)


@pytest.fixture
def folder(tmp_path):
    written(tmp_path, SPEC)
    return tmp_path


def test_run_info_and_compare(folder):
    run = jumpsim("run", "spec.toml", "-o", "out.h5", "-n", 300, cwd=folder)
    assert (run.returncode, run.stderr) == (0, "")
    assert "300 trajectories of open_waveguide" in run.stdout
    again = jumpsim("run", "spec.toml", "-o", "out.h5", "-n", 300, "-q", cwd=folder)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")

    info = jumpsim("info", "out.h5", cwd=folder)
    assert info.returncode == 0
    for fact in ("seed      1", "emit B via 1", "T = 1438.8 K", "numba", "run spec.toml -o out.h5"):
        assert fact in info.stdout, fact

    compare = jumpsim("compare", "out.h5", cwd=folder)
    assert (compare.returncode, compare.stderr) == (0, "")
    assert "averages agree with the rate equations" in compare.stdout
    assert (folder / "out-compare.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "out-compare.pdf").read_bytes().startswith(b"%PDF")
    figures = {"out-compare.png", "out-compare.pdf"}
    assert {p.name for p in folder.iterdir()} == {"spec.toml", "out.h5", *figures}


def test_the_library_and_the_command_give_the_same_numbers(folder):
    jumpsim("run", "spec.toml", "-o", "out.h5", "-n", 20, "--seed", 9, cwd=folder)
    spec = js.load_spec(folder / "spec.toml")
    ensemble = js.simulate(spec.model, spec.times, 20, spec.initial, seed=9)
    assert np.array_equal(js.open(folder / "out.h5").counts, ensemble.counts)


def test_the_scripts_are_the_same_commands(folder):
    batch, analysis = ROOT / "scripts/run_batch.py", ROOT / "analysis/compare.py"
    run = jumpsim("spec.toml", "-o", "out.h5", "-n", 50, "-q", cwd=folder, program=(batch,))
    assert (run.returncode, run.stderr) == (0, "")
    compare = jumpsim("out.h5", "--figure", "fig", cwd=folder, program=(analysis,))
    assert (compare.returncode, compare.stderr) == (0, "")
    assert (folder / "fig.png").exists()


@pytest.mark.parametrize("name", [p.name for p in sorted((ROOT / "data").glob("*.toml"))])
def test_every_parameter_file_runs(folder, name):
    run = jumpsim("run", ROOT / "data" / name, "-o", "out.h5", "-n", 2, cwd=folder)
    assert (run.returncode, run.stderr) == (0, "")
    assert "source" in (ROOT / "data" / name).read_text()


def test_time_limit_ends_with_75_and_the_next_run_goes_on(folder):
    command = ("run", "spec.toml", "-o", "out.h5", "-n", 4_000_000)
    first = jumpsim(*command, "--time-limit", "2 s", cwd=folder)
    assert first.returncode == 75
    assert "run the same command again to continue" in first.stderr
    assert first.stderr.count("\n") == 1
    part = js.open(folder / "out.h5")
    assert 0 < part.ntraj < 4_000_000
    few = min(50, part.ntraj)
    spec = js.load_spec(folder / "spec.toml")
    whole = js.simulate(spec.model, spec.times, few, spec.initial, 1)
    assert np.array_equal(part.counts[:few], whole.counts)


BAD_SPECS = {
    "unknown system": (
        edited('system = "open_waveguide"', 'system = "open_wavegiude"'),
        "unknown `system` 'open_wavegiude'; did you mean 'open_waveguide'?",
    ),
    "unknown parameter": (
        edited("gamma_dec =", "gama_dec ="),
        "[parameters]: unknown `gama_dec`; did you mean 'gamma_dec'?",
    ),
    "missing parameter": (edited("modes = 100", ""), "[parameters] must give `modes`"),
    "negative rate": (
        edited('gamma_dec = "10 kHz"', 'gamma_dec = "-3 Hz"'),
        "`gamma_dec` must be a finite rate ≥ 0, but is '-3 Hz'",
    ),
    "infinite rate": (
        edited('gamma_0 = "10 kHz"', "gamma_0 = inf"),
        "`gamma_0` must be a finite rate ≥ 0, but is inf",
    ),
    "undefined rate": (
        edited('gamma_0 = "10 kHz"', "gamma_0 = nan"),
        "`gamma_0` must be a finite rate ≥ 0, but is nan",
    ),
    "wrong dimension": (
        edited('gamma_0 = "10 kHz"', 'gamma_0 = "10 kg"'),
        "`gamma_0` must be a rate such as '10 MHz'",
    ),
    "no TLS": (edited("tls = 100", "tls = 0"), "`tls` must be a whole number ≥ 1"),
    "negative TLS": (edited("tls = 100", "tls = -3"), "`tls` must be a whole number ≥ 1"),
    "broken TLS": (edited("tls = 100", "tls = 2.5"), "but is 2.5"),
    "start outside": (
        edited("thermal = 1.0", "counts = { A = 5, B = 5, m = 101 }"),
        "count of pool 'm' must be a whole number from 0 to 100, but is 101",
    ),
    "broken start": (
        edited("thermal = 1.0", "counts = { A = 5, B = 5.5, m = 1 }"),
        "count of pool 'B' must be a whole number",
    ),
    "no temperature": (edited("thermal = 1.0", "thermal = 0"), "ħΩ/k_B T must be > 0"),
    "two starts": (
        edited("thermal = 1.0", "thermal = 1.0\ncounts = { A = 5, B = 5, m = 1 }"),
        "[start] must give either `thermal` (ħΩ/k_B T), `counts` or `mixture`",
    ),
    "times not increasing": (
        edited('stop = "10 us"\npoints = 101', 'values = ["1 us", "3 us", "2 us"]'),
        "`times` must increase, but times[2] = 2e-06 s does not exceed times[1] = 3e-06 s",
    ),
    "empty": ("", "is empty"),
    "malformed": (edited("tls = 100", "tls = = 100"), "not valid TOML: Invalid value (at line"),
    "binary": ("\x89\x00\xff", "is not text"),
    "unknown run option": (edited("seed = 1", "sed = 1"), "[run]: unknown `sed`; did you mean"),
    "bad record": (edited('["counts", "jumps"]', '"countz"'), "did you mean 'counts'?"),
    "bad ntraj": (edited("ntraj = 2000", "ntraj = -2"), "`ntraj` must be a whole number ≥ 1"),
    "no times": (SPEC[: SPEC.index("[times]")], "must have a table [times]"),
    "hostile unit": (
        edited('gamma_0 = "10 kHz"', 'gamma_0 = "9**9**9**9 Hz"'),
        "`gamma_0` must be a rate such as",
    ),
}


@pytest.mark.parametrize("case", BAD_SPECS)
def test_bad_parameter_files(tmp_path, capsys, case):
    from jumpsim.cli.main import main

    text, message = BAD_SPECS[case]
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="latin-1" if case == "binary" else "utf-8")
    assert main(["run", str(path), "-o", str(tmp_path / "out.h5")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert printed.err.startswith(f"jumpsim run: {path}: ")
    assert printed.err.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["bad.toml"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-n", "-5"], "-n/--ntraj: must be a whole number ≥ 1, but is '-5'"),
        (["-n", "many"], "must be a whole number ≥ 1, but is 'many'"),
        (["-n", "0"], "must be a whole number ≥ 1, but is '0'"),
        (["--seed", "-1"], "--seed: must be a whole number ≥ 0, but is '-1'"),
        (["--seed", "x"], "must be a whole number ≥ 0, but is 'x'"),
        (["--seed", str(2**64)], "`seed` must be a whole number ≥ 0 and < 2^64"),
        (["--record", "counts,jmps"], "did you mean 'jumps'?"),
        (["--workers", "0"], "must be a whole number ≥ 1, but is '0'"),
        (["--time-limit", "3 kg"], "must be a time such as"),
        (["--target-sem", "0"], "must be a number > 0, but is '0'"),
        (["--max-events", "5"], "more events than `max_events` = 5"),
        (["--speed", "9"], "unrecognized arguments: --speed 9"),
    ],
)
def test_bad_options(folder, capsys, arguments, message):
    from jumpsim.cli.main import main

    try:
        status = main(["run", str(folder / "spec.toml"), "-o", str(folder / "o.h5"), *arguments])
    except SystemExit as stop:  # argparse's way
        status = stop.code
    printed = capsys.readouterr()
    assert status == 2
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert [p.name for p in folder.iterdir()] == ["spec.toml"]


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("missing/out.h5", "does not exist"),
        (".", "is a folder"),
        ("/proc/out.h5", "cannot be written"),
        ("spec.toml", "cannot be read as HDF5"),
    ],
)
def test_bad_outputs(folder, output, message):
    run = jumpsim("run", "spec.toml", "-o", output, "-n", 3, cwd=folder)
    assert (run.returncode, run.stdout) == (2, "")
    assert message in run.stderr
    assert run.stderr.count("\n") == 1
    assert [p.name for p in folder.iterdir()] == ["spec.toml"]
    assert (folder / "spec.toml").read_text() == SPEC


def test_missing_files(folder):
    for command in (["run", "no.toml", "-o", "o.h5"], ["info", "no.h5"], ["compare", "no.h5"]):
        printed = jumpsim(*command, cwd=folder)
        assert printed.returncode == 2
        assert printed.stderr.count("\n") == 1
        assert command[1] in printed.stderr


def test_compare_refuses_what_cannot_be_compared(folder):
    for n, record, message in (
        (1, "counts", "needs 2 trajectories"),
        (5, "events", "averages need counts, moments or variances, but the record is events"),
    ):
        jumpsim("run", "spec.toml", "-o", f"{record}.h5", "-n", n, "--record", record, cwd=folder)
        printed = jumpsim("compare", f"{record}.h5", cwd=folder)
        assert printed.returncode == 2
        assert message in printed.stderr


def test_a_terminal_without_greek_letters(folder):
    printed = jumpsim(
        "run", "spec.toml", "-o", "o.h5", "-n", 3, cwd=folder, PYTHONIOENCODING="ascii"
    )
    assert (printed.returncode, printed.stderr) == (0, "")


def swallow_and_wait(number):
    """Let a signal come while a weak reference's callback runs, which swallows its exception."""

    class Thing:
        pass

    def callback(_):
        signal.raise_signal(number)
        sum(range(100))

    thing = Thing()
    watch = weakref.ref(thing, callback)
    del thing
    assert watch() is None
    for _ in range(400):
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_meets_a_callback_is_not_lost(number, capsys):
    before, handler = sys.unraisablehook, signal.getsignal(number)
    signal.signal(number, signal.default_int_handler)
    try:
        with _Signals(), pytest.raises(KeyboardInterrupt):
            swallow_and_wait(number)
    finally:
        signal.signal(number, handler)
    assert capsys.readouterr().err == ""
    assert sys.unraisablehook is before


@pytest.mark.parametrize(
    ("texts", "counted"),
    [
        (["emission"], "emission"),
        (["end 1", "end 2"], ["end 1", "end 2"]),
        (["end 1", "end 2=-1"], {"end 1": 1.0, "end 2": -1.0}),
        (["emission=-2.5"], {"emission": -2.5}),
        (["A=B via 1=-1", "B"], {"A=B via 1": -1.0, "B": 1.0}),
    ],
)
def test_what_to_count(texts, counted):
    assert as_counted(texts) == counted


def test_figures_hold_the_command_that_made_them(folder, capsys, monkeypatch):
    """Quoted for a shell, under the name that was asked for; none is drawn where none is wanted."""
    monkeypatch.chdir(folder)
    made = ["run", str(ROOT / "data/hohlraum.toml"), "-o", "out.h5", "-n", "64", "-q"]
    assert main([*made, "--record", "counts,jumps,events"]) == 0
    ensemble = js.open("out.h5")
    counting = js.counting(ensemble, "emission", "2 us")
    window = js.window_production(ensemble, "1 us", "3 us")
    capsys.readouterr()
    for command, expected in (
        (["first_passages", "out.h5", "m >= 6", "N < 20"],
         js.first_passages(ensemble, ["m >= 6", "N < 20"])),
        (["clausius", "out.h5", "--after", "1 us", "--until", "3 us"], js.clausius([window])),
        (["waiting_times", "out.h5", "emission", "--after", "2 us"],
         js.waiting_times(ensemble, "emission", None, "2 us")),
        (["counting", "out.h5", "emission", "--after", "2 us"], counting),
    ):  # fmt: skip
        assert main([*command, "--no-figure"]) == 0
        assert capsys.readouterr().out == f"{expected}\n"
        assert {p.name for p in folder.iterdir()} == {"spec.toml", "out.h5"}
    command = ["first_passages", "out.h5", "m >= 6", "N < 20", "--figure", "it"]
    assert main(command) == 0
    assert capsys.readouterr().out.endswith("\nfigure: it.png, it.pdf\n")
    assert shlex.join(["jumpsim", *command]).encode() in Path("it.png").read_bytes()


def test_several_stores_are_compared(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    text = (ROOT / "data/hohlraum.toml").read_text()
    for scale in (1, 3):
        Path("hohlraum.toml").write_text(f"scale = {scale}\n{text}")
        assert main(["run", "hohlraum.toml", "-o", f"{scale}.h5", "-n", "20", "-q"]) == 0
    capsys.readouterr()
    assert main(["clausius", "1.h5", "3.h5", "--no-figure"]) == 0
    assert "hohlraum × 3" in capsys.readouterr().out
    assert not list(folder.glob("*.png"))


@pytest.mark.parametrize("show", [True, False, None])
def test_bars_while_reading(folder, capsys, monkeypatch, show, slabs):
    """A slow reading is shown when it is asked for; nothing of a fast one, or beside a pipe."""
    monkeypatch.chdir(folder)
    assert (
        main(["run", "spec.toml", "-o", "out.h5", "-n", "3", "-q", "--record", "counts,events"])
        == 0
    )
    slabs(samples=8 * 101 * 3, events=1)
    assert progress._DELAY == 0.5
    monkeypatch.setattr(progress, "_DELAY", 0.05)
    monkeypatch.setattr(tqdm, "monitor_interval", 0)
    ensemble = js.open("out.h5", progress=show)
    for seconds in (0.0, 0.12):
        capsys.readouterr()
        for _ in ensemble.slabs("counts"):
            time.sleep(seconds)
        printed = capsys.readouterr().err
        assert ("reading counts" in printed) is bool(show and seconds)
        if show and seconds:
            assert "3.00/3.00" in printed
            assert not printed.split("\r")[-2].strip()  # nothing is left of it
        for _ in ensemble.event_slabs():
            time.sleep(seconds)
        printed = capsys.readouterr().err
        assert ("reading events" in printed) is bool(show and seconds)
        assert not (show and seconds) or "3.00/3.00" in printed

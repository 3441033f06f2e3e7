"""Sweeps: every point is a single run, and no point is simulated twice."""

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray
from support.sweeps import GRID, SPEC, TLS, X, index_of, interrupt, stopping

import jumpsim as js
from jumpsim.cli.main import main
from jumpsim.run import block_task, sweep
from jumpsim.run.sweep_grid import point_seed

ROOT = Path(__file__).parents[2]


def trajectories(calls):
    return sum(len(starts) for _, _, _, starts, *_ in calls)


def stored(folder):
    """Every dataset of every store of a sweep."""
    found = {}
    for path in sorted(folder.glob("*.h5")):
        with h5py.File(path) as file:
            for name in file:
                found[path.name, name] = file[name][()].tolist()
    return found


def test_a_grid_is_its_single_runs(spec, out):
    done = js.run_sweep(spec, out, GRID)
    assert (done.points, done.finished, done.seed) == (4, 4, 7)
    index = index_of(out)
    assert len(index["points"]) == 4
    for tls in (4, 6):
        for x in (1, 2.5):
            values = {TLS: tls, X: x}
            (point,) = (p for p in index["points"] if p["values"] == values)
            assert point["seed"] == point_seed(7, values)
            alone = js.simulate(
                js.systems.hohlraum(tls, 3, "1 MHz"),
                np.linspace(0, 1e-6, 4),
                20,
                js.Thermal(x),
                point["seed"],
            )
            ensemble = js.open(out / point["file"])
            assert np.array_equal(ensemble.counts, alone.counts)
            assert ensemble.seed == alone.seed


def test_again_simulates_nothing(spec, out, calls):
    js.run_sweep(spec, out, GRID)
    assert calls
    before = {path.name: (path.read_bytes(), path.stat().st_ino) for path in out.iterdir()}
    calls.clear()
    # Numbers in another form and axes in another order are the same grid.
    done = js.run_sweep(spec, out, {X: np.array([2.5, 1.0]), TLS: (6.0, np.int64(4))})
    assert (calls, done.finished) == ([], 4)
    assert {p.name: (p.read_bytes(), p.stat().st_ino) for p in out.iterdir()} == before
    assert len(before) == 5


def test_more_values_and_more_trajectories(spec, out, tmp_path, calls):
    js.run_sweep(spec, out, GRID)
    first = index_of(out)
    early = {p["file"]: js.open(out / p["file"]).counts for p in first["points"]}
    calls.clear()
    js.run_sweep(spec, out, {TLS: [5], X: [1, 2.5]})
    assert trajectories(calls) == 2 * 20
    index = index_of(out)
    assert index["vary"][TLS] == {"name": "tls", "values": [4, 5, 6]}
    assert index["points"][:4] == first["points"]

    more = {TLS: [4, 5, 6], X: [1, 2.5]}
    js.run_sweep(spec, out, more, ntraj=33)
    for file, counts in early.items():
        ensemble = js.open(out / file)
        assert ensemble.ntraj == 33
        assert np.array_equal(ensemble.counts[:20], counts)
    js.run_sweep(spec, tmp_path / "at once", more, ntraj=33)
    assert stored(out) == stored(tmp_path / "at once")
    assert len(stored(out)) > 6
    xarray.testing.assert_identical(js.open_sweep(out), js.open_sweep(tmp_path / "at once"))


@pytest.mark.parametrize(
    "how", [interrupt, lambda settings: settings.update(timeout=0)], ids=["signal", "time limit"]
)
def test_a_stopped_sweep_goes_on(spec, out, tmp_path, monkeypatch, calls, how):
    js.run_sweep(spec, tmp_path / "undisturbed", GRID)
    with monkeypatch.context() as patch:
        stopping(patch, 2, how)
        try:
            done = js.run_sweep(spec, out, GRID)
            assert (done.points, done.finished) == (4, 2)
        except KeyboardInterrupt:
            assert how is interrupt
    assert len(index_of(out)["points"]) == 4
    data = js.open_sweep(out)
    assert data["ntraj"].values[0].tolist() == [20, 20]
    for place in (1, 0), (1, 1):
        point = data.isel(tls=place[0], thermal=place[1])
        part = int(point["ntraj"])
        assert part < 20
        if not part:
            assert point["n_events"] == 0
            assert all(np.isnan(point[name]).all() for name in ("mean", "sem", "variance"))
    calls.clear()
    assert js.run_sweep(spec, out, GRID).finished == 4
    assert 20 < trajectories(calls) <= 40
    assert stored(out) == stored(tmp_path / "undisturbed")
    assert index_of(out) == index_of(tmp_path / "undisturbed")


@pytest.mark.parametrize("place", ["in the last block of a point", "between points"])
def test_a_signal_is_not_lost(spec, out, monkeypatch, place):
    home, name = (block_task, "run_block") if place.startswith("in") else (sweep, "simulate")
    real, held = getattr(home, name), []

    def signalled(*arguments, **settings):
        result = real(*arguments, **settings)
        if name == "run_block" or settings.get("store"):
            os.kill(os.getpid(), signal.SIGINT)
            held.append(place)  # no exception comes out of the middle of something
        return result

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(home, name, signalled)
    with pytest.raises(KeyboardInterrupt):
        js.run_sweep(spec, out, GRID, block_size=20)
    assert held == [place]
    assert signal.getsignal(signal.SIGINT) is before
    monkeypatch.undo()
    assert js.open_sweep(out)["ntraj"].values.tolist() == [[20, 0], [0, 0]]


def test_a_time_limit_is_for_all_points(spec, out, monkeypatch):
    limits, real = [], sweep.simulate

    def simulate(*arguments, **settings):
        if settings.get("store"):
            limits.append(settings["timeout"])
            time.sleep(0.02)
        return real(*arguments, **settings)

    monkeypatch.setattr(sweep, "simulate", simulate)
    js.run_sweep(spec, out, GRID, timeout="60 s")
    assert limits[0] <= 60
    assert all(later < earlier - 0.02 for earlier, later in itertools.pairwise(limits))
    assert js.run_sweep(spec, out, GRID, ntraj=10**6, timeout=0).finished == 0


def test_points_are_independent_of_each_other_and_of_other_points(spec, out, tmp_path):
    near = [1, 1.0000001, 1.0000002]
    js.run_sweep(spec, out, {X: near}, ntraj=50)
    points = index_of(out)["points"]
    assert len({point["seed"] for point in points}) == 3
    a, b, c = (js.open(out / point["file"]).counts for point in points)
    assert (a != b).any()
    assert (b != c).any()
    js.run_sweep(spec, tmp_path / "one", {X: [1.0000001]})
    assert index_of(tmp_path / "one")["points"] == points[1:2]
    # Written down, because stored sweeps must go on with it.
    assert point_seed(7, {TLS: 4, X: 2.5}) == 2163306522528214816


def test_a_seed_is_drawn_once_and_kept(tmp_path):
    spec = tmp_path / "spec.toml"
    spec.write_text(SPEC.replace("seed = 7\n", ""))
    one, two = (js.run_sweep(spec, tmp_path / name, {TLS: [4]}) for name in "ab")
    assert one.seed != two.seed
    assert js.run_sweep(spec, tmp_path / "a", {TLS: [4, 6]}).seed == one.seed
    assert js.run_sweep(spec, tmp_path / "a", {TLS: [4]}, seed=one.seed).finished == 1
    with pytest.raises(js.StoreError, match=f"another sweep: seed: {one.seed} instead of 5"):
        js.run_sweep(spec, tmp_path / "a", {TLS: [4]}, seed=5)


def test_an_error_in_a_trajectory_names_the_point(spec, out):
    with pytest.raises(js.SimulationError, match=r"at tls=6: trajectory .* more events than"):
        js.run_sweep(spec, out, {TLS: [6]}, max_events=1)


def test_the_bar_shows_points(spec, out, capsys):
    js.run_sweep(spec, out, GRID, progress=True)
    printed = capsys.readouterr().err
    assert "4/4" in printed
    assert "tls=6, thermal=2.5" in printed
    js.run_sweep(spec, out, GRID)  # no terminal
    assert capsys.readouterr().err == ""


def command(*arguments, cwd, wait=True):
    words = [sys.executable, str(ROOT / "scripts/sweep.py"), *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": cwd}
    if wait:
        return subprocess.run(words, timeout=120, check=False, **pipes)
    return subprocess.Popen(words, **pipes)


def test_the_command(spec, out, monkeypatch, capsys):
    options = ["spec.toml", "-o", "sweep", "--vary", f"{TLS}=4,6", "--vary", f"{X}=1,2.5"]
    done = command(*options, cwd=spec.parent)
    assert (done.returncode, done.stderr) == (0, "")
    for line in ("sweep of 4 points", "tls       4, 6", "seed      7", "complete  4", "where   "):
        assert line in done.stdout
    assert js.open_sweep(out)["ntraj"].values.tolist() == [[20, 20], [20, 20]]

    monkeypatch.chdir(spec.parent)
    assert main(["sweep", *options, "-q", "-n", "10"]) == 0
    assert capsys.readouterr() == ("", "")
    limit = ["-q", "-n", "10000000", "--time-limit", "0.1 s", "--record", "moments"]
    assert main(["sweep", *options, *limit, "--seed", "7", "--workers", "1"]) == 75
    assert capsys.readouterr().err == (
        "jumpsim sweep: stopped by the time limit with 0 of 4 points complete; "
        "run the same command again to continue\n"
    )
    for extra in (["--vary", f"{TLS}=5"], ["--record", "countz"], ["--seed", "8"]):
        assert main(["sweep", *options, *extra]) == 2
        printed = capsys.readouterr()
        assert (printed.out, printed.err.count("\n")) == ("", 1)


def test_a_signal_stops_the_command_in_order(spec, out):
    options = ("spec.toml", "-o", "sweep", "--vary", f"{TLS}=400,600", "-q", "--record", "moments")
    process = command(*options, "-n", 10**8, cwd=spec.parent, wait=False)
    give_up = time.monotonic() + 60
    begun = "*.blocks/traj-*.h5"
    while not any(out.glob(begun)) and process.poll() is None and time.monotonic() < give_up:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, printed = process.communicate(timeout=60)
    assert (process.returncode, printed.count("\n")) == (75, 1)
    assert "interrupted; complete trajectories are kept; run the same command again" in printed
    assert len(index_of(out)["points"]) == 2
    assert js.open_sweep(out)["ntraj"].values[0] > 0

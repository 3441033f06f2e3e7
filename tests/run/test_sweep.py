"""Sweeps: every point is a single run, nothing is done twice, nothing depends on other points."""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray

import jumpsim as js
from jumpsim import engine
from jumpsim.cli.main import main
from jumpsim.run import block_task, sweep, sweep_grid
from jumpsim.run.sweep_grid import parse_vary, point_seed

ROOT = Path(__file__).parents[2]
SPEC = """# a small hohlraum
system = "hohlraum"
[parameters]
tls = 6
modes = 3
gamma_tilde = "1 MHz"
[start]
thermal = 1
[times]
stop = "1 us"
points = 4
[run]
ntraj = 20
seed = 7
workers = 1
"""
OWN = """
[[pools]]
kind = "bosonic"
name = "A"
modes = 10
[[pools]]
kind = "bosonic"
name = "B"
modes = 20
[[channels]]
name = "A to B no. 1"
rate = "1 MHz"
takes = { A = 1 }
gives = { B = 1 }
[start]
counts = { A = 3, B = 0 }
[times]
values = ["1 us", "2 us"]
[run]
ntraj = 5
seed = 3
"""
TLS, X = "parameters.tls", "start.thermal"
GRID = {TLS: [4, 6], X: [1, 2.5]}


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "spec.toml"
    path.write_text(SPEC)
    return path


@pytest.fixture
def out(tmp_path):
    return tmp_path / "sweep"


@pytest.fixture
def calls(monkeypatch):
    """Every call of the kernel."""
    made, real = [], engine.run

    def run(*arguments):
        made.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(engine, "run", run)
    return made


def trajectories(calls):
    return sum(len(starts) for _, _, _, starts, *_ in calls)


def index_of(folder):
    return json.loads((folder / "index.json").read_text())


def stored(folder):
    """Every dataset of every store of a sweep."""
    found = {}
    for path in sorted(folder.glob("*.h5")):
        with h5py.File(path) as file:
            for name in file:
                found[path.name, name] = file[name][()].tolist()
    return found


def stopping(monkeypatch, after, how):
    """Let the sweep's call of `simulate` for a point stop it once `after` points are complete."""
    real, done = sweep.simulate, []

    def simulate(*arguments, **settings):
        if settings.get("store"):
            done.append(settings["store"])
            if len(done) > after:
                how(settings)
        return real(*arguments, **settings)

    monkeypatch.setattr(sweep, "simulate", simulate)


def interrupt(_):
    raise KeyboardInterrupt


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


def test_a_sweep_opens_as_labelled_data(spec, out):
    js.run_sweep(spec, out, {"parameters.gamma_tilde": ["1 MHz", "500 kHz"], TLS: [6, 4]})
    data = js.open_sweep(out)
    assert dict(data.sizes) == {"gamma_tilde": 2, "tls": 2, "time": 4, "pool": 2}
    assert data["mean"].dims == ("gamma_tilde", "tls", "time", "pool")
    assert data["ntraj"].dims == data["n_events"].dims == ("gamma_tilde", "tls")
    assert data["tls"].values.tolist() == [4, 6]
    assert data["gamma_tilde"].values.tolist() == ["1 MHz", "500 kHz"]
    assert data["tls"].attrs["path"] == TLS
    assert data["pool"].values.tolist() == ["N", "m"]
    assert np.array_equal(data["time"], np.linspace(0, 1e-6, 4))
    assert (data.attrs["spec"], data.attrs["seed"]) == (SPEC, 7)
    assert data.attrs["spec_file"] == str(spec)
    for point in index_of(out)["points"]:
        values = point["values"]
        here = data.sel(tls=values[TLS], gamma_tilde=values["parameters.gamma_tilde"])
        ensemble = js.open(out / point["file"])
        assert np.array_equal(here["mean"], ensemble.mean())
        assert np.array_equal(here["sem"], ensemble.sem())
        assert np.array_equal(here["variance"], ensemble.var())
        assert (here["ntraj"], here["n_events"]) == (20, ensemble.n_events)
    data.to_netcdf(out / "averages.nc")  # no name or attribute that netCDF cannot hold
    xarray.testing.assert_equal(xarray.load_dataset(out / "averages.nc"), data)


def test_sums_alone_are_enough_for_averages(spec, out, tmp_path):
    js.run_sweep(spec, out, GRID)
    js.run_sweep(spec, tmp_path / "sums", GRID, record="moments")
    xarray.testing.assert_equal(js.open_sweep(out), js.open_sweep(tmp_path / "sums"))


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
    with pytest.raises(js.StoreError, match=f"another sweep: seed: {one.seed} against 5"):
        js.run_sweep(spec, tmp_path / "a", {TLS: [4]}, seed=5)


def test_paths_lead_into_lists_pools_and_channels(tmp_path, out):
    spec = tmp_path / "own.toml"
    spec.write_text(OWN)
    vary = {
        "pools.A.modes": [1, 2],
        "pools.B.modes": [3.5],
        "channels.A to B no. 1.rate": [5],
        "start.counts": [{"A": 2, "B": 1}],
        "times.values.1": ["3 us"],
    }
    js.run_sweep(spec, out, vary)
    data = js.open_sweep(out)
    assert set(data.sizes) == {"A_modes", "B_modes", "rate", "counts", "values_1", "time", "pool"}
    assert data["counts"].values.tolist() == ['{"A":2,"B":1}']
    for point in index_of(out)["points"]:
        ensemble = js.open(out / point["file"])
        assert [p.size for p in ensemble.model.pool_specs] == [
            point["values"]["pools.A.modes"],
            3.5,
        ]
        assert ensemble.model.asdict()["channels"][0]["rate"] == 5
        assert ensemble.initial == js.Fixed({"A": 2, "B": 1})
        assert ensemble.times.tolist() == [1e-6, 3e-6]


def test_names_of_files_can_be_read_and_are_safe(tmp_path, out):
    spec = tmp_path / "own.toml"
    spec.write_text(OWN.replace('name = "A to B no. 1"', 'name = "../γ/../x"'))
    js.run_sweep(spec, out, {"channels.../γ/../x.rate": ["10 kHz", "1/s"], "pools.A.modes": [7]})
    names = sorted(p.name for p in out.glob("*.h5"))
    assert [name.rsplit("-", 1)[0] for name in names] == [
        "rate=1-s,modes=7",
        "rate=10-kHz,modes=7",
    ]
    # Texts that look the same when made safe, and long ones.
    same = {"parameters.name": ["a b", "a/b", "a" * 150]}
    spec.write_text('[parameters]\nname = "x"\n' + OWN)
    js.run_sweep(spec, tmp_path / "same", same)
    names = [p.name for p in (tmp_path / "same").glob("*.h5")]
    assert len(names) == 3
    assert max(map(len, names)) < 100


def test_different_times(spec, out, tmp_path):
    js.run_sweep(spec, out, {"times.stop": ["1 us", "2 us"]})
    data = js.open_sweep(out)
    assert data["mean"].dims == ("stop", "time_index", "pool")
    assert data["time"].dims == ("stop", "time_index")
    assert data["time"].sel(stop="2 us").values.tolist() == np.linspace(0, 2e-6, 4).tolist()
    js.run_sweep(spec, tmp_path / "points", {"times.points": [3, 4]})
    with pytest.raises(js.InputError, match=r"numbers of times.*open them one by one with jumpsim"):
        js.open_sweep(tmp_path / "points")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("50,100", [50, 100]),
        ("10 kHz, 20 kHz", ["10 kHz", "20 kHz"]),
        ("[10e6, 0],[0, 10e6]", [[10e6, 0], [0, 10e6]]),
        ("{A = 1, B = [2, 3]},{A = 2, B = [0, 1]}", [{"A": 1, "B": [2, 3]}, {"A": 2, "B": [0, 1]}]),
        ("'a, b',\"c, d\",e", ["a, b", "c, d", "e"]),
        ("true,1e-3,0x10,.5", [True, 1e-3, 16, ".5"]),
        ("1\nvalue2 = 3", ["1\nvalue2 = 3"]),
        ("", []),
    ],
)
def test_values_are_toml_when_they_can_be(text, values):
    assert parse_vary([f"a.b={text}", "c=1"]) == {"a.b": values, "c": [1]}


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["parameters.tls"], "must be PATH=VALUE,VALUE,... such as parameters.tls=50,100"),
        (["=5"], "must be PATH=VALUE"),
        (["a=1", "b=1", "a=2"], "`a` is varied twice"),
        (["a=1,,2"], "`a`: a value is missing beside a comma in '1,,2'"),
        (["a=1,"], "`a`: a value is missing"),
    ],
)
def test_texts_that_vary_nothing(texts, message):
    with pytest.raises(js.InputError) as refusal:
        parse_vary(texts)
    assert message in str(refusal.value)


class Unused:
    """No value of a parameter file."""


REFUSALS = [
    ({}, {}, "`vary` must give values by path"),
    ([TLS], {}, "`vary` must give values by path"),
    (
        {"parameters.tsl": [1]},
        {},
        "no `tsl` in parameters; did you mean 'tls'? Choose from: tls, m",
    ),
    (
        {"tls": [1]},
        {},
        "cannot vary `tls`; did you mean 'parameters.tls",
    ),
    ({"run.ntraj": [1]}, {}, "cannot vary `run.ntraj`; choose from: parameters, start, times"),
    ({"parameters.tls.0": [1]}, {}, "no `0` in parameters.tls; there is none"),
    ({"parameters.": [1]}, {}, "the file has no `` in parameters"),
    ({TLS: []}, {}, "`parameters.tls`: the list of values is empty"),
    ({TLS: 5}, {}, "`parameters.tls`: the values must be a list, but are 5"),
    ({TLS: "50"}, {}, "`parameters.tls`: the values must be a list, but are '50'"),
    ({TLS: [5, 6, 5.0]}, {}, "`parameters.tls`: the value 5 is given twice"),
    ({TLS: [Unused]}, {}, "`parameters.tls`: a value must be a finite number, a text, a list or"),
    ({X: [float("inf")]}, {}, "must be a finite number, a text, a list or a table, but is inf"),
    ({"start": [{"thermal": 1}], X: [1]}, {}, "cannot vary `start.thermal` and all of `start`"),
    ({TLS: range(1, 1000), X: range(1, 1000)}, {}, "the grid has 998001 points, but at most"),
    ({TLS: [6, 0], X: [1]}, {}, "at tls=0, thermal=1: `tls` must be a whole number ≥ 1"),
    ({"parameters.gamma_tilde": ["1 kg"]}, {}, "at gamma_tilde=1 kg: `gamma_tilde` must be a rate"),
    ({"parameters.gamma_tilde": ["1\nkg"]}, {}, 'at gamma_tilde="1\\nkg": `gamma_tilde` must'),
    ({X: [-1]}, {}, "at thermal=-1: ħΩ/k_B T must be > 0 for the bosonic pool 'N'"),
    (GRID, {"ntraj": 0}, "`ntraj` must be a whole number ≥ 1"),
    (GRID, {"seed": -1}, "`seed` must be a whole number ≥ 0"),
    (GRID, {"record": "countz"}, "`record`: unknown 'countz'; did you mean 'counts'?"),
    (GRID, {"workers": 0}, "`workers` must be a whole number ≥ 1"),
    (GRID, {"timeout": "1 kg"}, "`timeout` must be a time"),
    (GRID, {"target_sem": {"A": 1}}, "`target_sem`: unknown pool 'A'"),
]


@pytest.mark.parametrize(("vary", "settings", "message"), REFUSALS, ids=lambda v: str(v)[:40])
def test_refusals_write_nothing(spec, out, calls, vary, settings, message):
    with pytest.raises(js.InputError) as refusal:
        js.run_sweep(spec, out, vary, **settings)
    assert message in str(refusal.value)
    assert str(refusal.value).startswith("at ") == message.startswith("at ")
    assert "\n" not in str(refusal.value)
    assert calls == []
    assert [p.name for p in spec.parent.iterdir()] == ["spec.toml"]


def test_another_sweep_is_told_from_this_one(spec, out):
    js.run_sweep(spec, out, GRID)
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    for old, new, message in [
        ("modes = 3", "modes = 4", "parameters.modes: 3 against 4"),
        ("modes = 3", 'modes = 3\nwavelength = "1 um"', "parameters.wavelength: nothing against"),
        ("points = 4", "points = 5", "times.points: 4 against 5"),
        ("seed = 7", "seed = 8", "seed: 7 against 8"),
    ]:
        spec.write_text(SPEC.replace(old, new))
        with pytest.raises(js.StoreError, match="holds another sweep") as refusal:
            js.run_sweep(spec, out, GRID)
        assert message in str(refusal.value)
    spec.write_text(SPEC)
    with pytest.raises(js.StoreError, match=f"it varies {TLS}, {X}, not {TLS}$"):
        js.run_sweep(spec, out, {TLS: [4]})
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    # What makes no point may change: comments, [run], and values that are varied anyway.
    spec.write_text(
        SPEC.replace("# a", "# A").replace("ntraj = 20", "").replace("tls = 6", "tls=9")
    )
    assert js.run_sweep(spec, out, GRID, ntraj=20).finished == 4
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before


@pytest.mark.parametrize("name", [".index.json.tmp", f".index.json.{'0a' * 16}.tmp"])
def test_a_leftover_temporary_file_does_no_harm(name, spec, out):
    js.run_sweep(spec, out, {TLS: [4], X: [1]})
    (out / name).write_text('{"format": "jump')
    assert js.open_sweep(out)["ntraj"].values.tolist() == [[20]]
    assert js.run_sweep(spec, out, GRID).finished == 4
    assert len(index_of(out)["points"]) == 4
    assert not (out / name).exists()


def test_the_index_is_replaced_whole(spec, out, monkeypatch):
    js.run_sweep(spec, out, {TLS: [4], X: [1]})
    before = (out / "index.json").read_bytes()

    def no_space(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", no_space)
        with pytest.raises(js.StoreError, match=r"index.json: no space left on the disk"):
            js.run_sweep(spec, out, GRID)
    assert (out / "index.json").read_bytes() == before


def changed(**changes):
    return lambda text: json.dumps(json.loads(text) | changes)


def of_other_file(text):
    index = json.loads(text)
    index["points"][0]["file"] = "../elsewhere.h5"
    return json.dumps(index)


DAMAGES = {
    "truncated": (lambda text: text[: len(text) // 2], "damaged (JSONDecodeError"),
    "empty": (lambda _: "", "damaged (JSONDecodeError"),
    "not JSON": (lambda _: "hello", "damaged (JSONDecodeError"),
    "not text": (lambda _: "\udcff\udcfe", "damaged (UnicodeDecodeError"),
    "too deep": (lambda _: "[" * 100000, "damaged (RecursionError"),
    "another JSON": (lambda _: "[1, 2]", "is not the index of a jumpsim sweep"),
    "foreign": (changed(format="photons"), "is not the index of a jumpsim sweep"),
    "newer": (changed(format_version=99), "a newer jumpsim wrote this sweep"),
    "no version": (changed(format_version=None), "damaged (TypeError"),
    "no points": (changed(points=None), "damaged (TypeError"),
    "no spec": (changed(spec=3), "damaged (AttributeError"),
    "another seed": (changed(seed=8), "damaged (values, seeds and files do not fit together)"),
    "no axes": (changed(vary={}), "damaged (KeyError"),
    "another file": (of_other_file, "damaged (values, seeds and files do not fit together)"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_damaged_index(spec, out, case):
    js.run_sweep(spec, out, {TLS: [4], X: [1]})
    damage, message = DAMAGES[case]
    path = out / "index.json"
    path.write_text(damage(path.read_text()), errors="surrogateescape")
    before = path.read_bytes()
    for use in (lambda: js.open_sweep(out), lambda: js.run_sweep(spec, out, GRID)):
        with pytest.raises(js.StoreError) as refusal:
            use()
        assert message in str(refusal.value)
        assert str(refusal.value).startswith(f"{path}: ")
        assert "\n" not in str(refusal.value)
    assert path.read_bytes() == before


def test_without_its_index_a_sweep_goes_on(spec, out, calls):
    js.run_sweep(spec, out, GRID)
    (out / "index.json").unlink()
    calls.clear()
    assert js.run_sweep(spec, out, GRID).finished == 4
    assert calls == []


def test_folders_that_hold_no_sweep(spec, tmp_path):
    for place in (tmp_path / "missing", tmp_path, spec):
        with pytest.raises(js.StoreError, match="holds no sweep, for there is no index"):
            js.open_sweep(place)
    with pytest.raises(js.StoreError, match="is a file, but must be a folder"):
        js.run_sweep(spec, spec, GRID)
    with pytest.raises(js.StoreError, match=r"the folder '.*missing' does not exist"):
        js.run_sweep(spec, tmp_path / "missing" / "sweep", GRID)
    assert [p.name for p in tmp_path.iterdir()] == ["spec.toml"]


def test_nothing_simulated_yet(spec, out, monkeypatch):
    stopping(monkeypatch, 0, interrupt)
    with pytest.raises(KeyboardInterrupt):
        js.run_sweep(spec, out, GRID)
    with pytest.raises(js.StoreError, match="none of the 4 points was simulated yet"):
        js.open_sweep(out)


def test_stores_that_are_not_those_of_the_points(spec, out):
    js.run_sweep(spec, out, {TLS: [4, 6]})
    a, b = (out / point["file"] for point in index_of(out)["points"])
    a.write_bytes(b.read_bytes())
    with pytest.raises(js.StoreError, match=r"is of seed \d+, but this point's seed is \d+"):
        js.open_sweep(out)
    with pytest.raises(js.StoreError, match="belongs to another run"):
        js.run_sweep(spec, out, {TLS: [4, 6]})


def test_averages_need_counts(spec, out):
    js.run_sweep(spec, out, {TLS: [4]}, record="jumps")
    with pytest.raises(js.InputError, match=r"tls=4-\w+\.h5: averages need counts or moments"):
        js.open_sweep(out)


def test_an_error_in_a_trajectory_names_the_point(spec, out):
    with pytest.raises(js.SimulationError, match=r"at tls=6: trajectory .* more events than"):
        js.run_sweep(spec, out, {TLS: [6]}, max_events=1)


def test_two_writers_of_one_index(spec, out, monkeypatch):
    real = sweep._read_index

    def slowly(folder):
        index = real(folder)
        time.sleep(0.05)
        return index

    js.run_sweep(spec, out, {TLS: [1]})
    monkeypatch.setattr(sweep, "_read_index", slowly)
    writers = [
        threading.Thread(target=js.run_sweep, args=(spec, out, {TLS: [tls]})) for tls in (2, 3, 4)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert index_of(out)["vary"][TLS]["values"] == [1, 2, 3, 4]


def test_the_bar_shows_points(spec, out, capsys):
    js.run_sweep(spec, out, GRID, progress=True)
    told = capsys.readouterr().err
    assert "4/4" in told
    assert "tls=6, thermal=2.5" in told
    js.run_sweep(spec, out, GRID)  # no terminal
    assert capsys.readouterr().err == ""


def test_axes_have_short_names_that_are_unique():
    data = {"parameters": {"a": {"x": 1, "time": 2}, "b": {"x": [5, 6]}}, "start": {"x": 3}}
    paths = ("parameters.a.x", "parameters.a.time", "parameters.b.x.1", "start.x")
    vary = {path: [1] for path in paths}
    assert list(sweep_grid.Grid.of(data, vary).names.values()) == [
        "a_x",
        "a_time",
        "x_1",
        "start_x",
    ]


def test_values_are_put_in_their_places():
    data = {"channels": [{"name": "a", "x": {"y": 1}}, {"name": "a.x", "y": [2, 3]}]}
    found = sweep_grid.Grid.of(data, {"channels.a.x.y.1": [5, 6], "channels.a.name": ["b"]})
    placed = [found.placed(point)["channels"] for point in found.points()]
    assert [channels[1]["y"] for channels in placed] == [[2, 5], [2, 6]]
    assert [channels[0] for channels in placed] == [{"name": "b", "x": {"y": 1}}] * 2
    assert data == {"channels": [{"name": "a", "x": {"y": 1}}, {"name": "a.x", "y": [2, 3]}]}


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
        "run the same command again to go on\n"
    )
    for extra in (["--vary", f"{TLS}=5"], ["--record", "countz"], ["--seed", "8"]):
        assert main(["sweep", *options, *extra]) == 2
        told = capsys.readouterr()
        assert (told.out, told.err.count("\n")) == ("", 1)


def test_a_signal_stops_the_command_in_order(spec, out):
    options = ("spec.toml", "-o", "sweep", "--vary", f"{TLS}=400,600", "-q", "--record", "moments")
    process = command(*options, "-n", 10**8, cwd=spec.parent, wait=False)
    give_up = time.monotonic() + 60
    begun = "*.blocks/traj-*.h5"
    while not any(out.glob(begun)) and process.poll() is None and time.monotonic() < give_up:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told.count("\n")) == (75, 1)
    assert "interrupted; what was finished is kept; run the same command again" in told
    assert len(index_of(out)["points"]) == 2
    assert js.open_sweep(out)["ntraj"].values[0] > 0


def test_paths_joined_by_a_plus_get_the_same_value():
    data = {"parameters": {"a": [1, 2], "b+c": 3, "b": 4, "c": 5}}
    joined = "parameters.a.1 + parameters.b"
    found = sweep_grid.Grid.of(data, {joined: [7, 8], "parameters.b+c": [9]})
    placed = [found.placed(point)["parameters"] for point in found.points()]
    assert [p["a"] for p in placed] == [[1, 7], [1, 8]]
    assert [p["b"] for p in placed] == [7, 8]
    # A name may hold a + itself.
    assert [(p["b+c"], p["c"]) for p in placed] == [(9, 5), (9, 5)]
    assert list(found.names.values()) == ["a_1", "b_c"]
    for other in ("parameters.b", "parameters.a", "parameters.a.1", "parameters.c+parameters.b"):
        with pytest.raises(js.InputError, match="at once"):
            sweep_grid.Grid.of(data, {joined: [7], other: [9]})
    with pytest.raises(js.InputError, match="no `x` in parameters"):
        sweep_grid.Grid.of(data, {"parameters.a.1+parameters.x": [7]})

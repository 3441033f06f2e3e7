"""A sweep opened as labelled data, against its single stores."""

import numpy as np
import pytest
import xarray
from support.sweeps import GRID, SPEC, TLS, index_of, interrupt, stopping

import jumpsim as js
from jumpsim.run import sweep_grid


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
    for record in ("moments", "variances"):
        js.run_sweep(spec, tmp_path / record, GRID, record=record)
        xarray.testing.assert_equal(js.open_sweep(out), js.open_sweep(tmp_path / record))


def test_different_times(spec, out, tmp_path):
    js.run_sweep(spec, out, {"times.stop": ["1 us", "2 us"]})
    data = js.open_sweep(out)
    assert data["mean"].dims == ("stop", "time_index", "pool")
    assert data["time"].dims == ("stop", "time_index")
    assert data["time"].sel(stop="2 us").values.tolist() == np.linspace(0, 2e-6, 4).tolist()
    js.run_sweep(spec, tmp_path / "points", {"times.points": [3, 4]})
    with pytest.raises(js.InputError, match=r"numbers of times.*open them one by one with jumpsim"):
        js.open_sweep(tmp_path / "points")


def test_folders_that_hold_no_sweep(spec, tmp_path):
    for place in (tmp_path / "missing", tmp_path, spec):
        with pytest.raises(js.StoreError, match="contains no sweep, because there is no index"):
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
    with pytest.raises(js.InputError, match=r"tls=4-\w+\.h5: averages need counts, moments or"):
        js.open_sweep(out)


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

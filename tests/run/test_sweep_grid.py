"""Grids of a sweep: paths, values, names of files, and what is refused."""

import pytest
from support.sweeps import GRID, TLS, X, index_of

import jumpsim as js
from jumpsim.run import sweep_grid
from jumpsim.run.sweep_grid import parse_vary

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
        (["a=1,,2"], "`a`: a value is missing next to a comma in '1,,2'"),
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

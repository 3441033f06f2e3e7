"""Parameter files: every way to give pools, channels, starts and times."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

import jumpsim as js
from jumpsim import InputError
from jumpsim.cli.main import main
from jumpsim.run.parameter_file import parse_spec

ROOT = Path(__file__).parents[2]

MODEL = """
[[pools]]
kind = "bosonic"
name = "A"
modes = 10
[[pools]]
kind = "tls"
name = "m"
size = 5
[[channels]]
name = "up"
rate = "1 MHz"
takes = { A = 1 }
gives = { m = 1 }
"""
REST = """
[start]
counts = { A = 3, m = 0 }
[times]
stop = "1 us"
points = 3
"""


def load(tmp_path, text):
    path = tmp_path / "spec.toml"
    path.write_text(text)
    return js.load_spec(path)


def test_own_pools_and_channels(tmp_path):
    spec = load(tmp_path, MODEL + REST)
    assert spec.model == js.Model(
        [js.Pool.bosonic("A", 10), js.Pool.tls("m", 5)],
        [js.Channel("up", 1e6, takes={"A": 1}, gives={"m": 1})],
    )
    assert spec.initial == js.Fixed({"A": 3, "m": 0})
    assert np.array_equal(spec.times, [0, 5e-7, 1e-6])
    assert spec.run == {}


def test_ways_to_say_times(tmp_path):
    head = MODEL + REST[: REST.index("[times]")]
    log = load(tmp_path, head + '[times]\nstart="1 ns"\nstop="1 us"\npoints=4\nspacing="log"')
    assert np.allclose(log.times, [1e-9, 1e-8, 1e-7, 1e-6], rtol=1e-12)
    listed = load(tmp_path, head + '[times]\nvalues = [0, "2 us", 3e-6]')
    assert np.array_equal(listed.times, [0, 2e-6, 3e-6])
    one = load(tmp_path, head + "[times]\nstop = 2\npoints = 1")
    assert np.array_equal(one.times, [2.0])


def test_ways_to_say_a_start(tmp_path):
    def start(text):
        return load(tmp_path, MODEL + REST.replace("counts = { A = 3, m = 0 }", text)).initial

    assert start("thermal = 2") == js.Thermal(2.0)
    assert start("thermal = { A = 2, m = 1 }") == js.Thermal({"A": 2.0, "m": 1.0})
    assert start("thermal = 2\nspread = false") == js.Thermal(2.0, spread=False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MODEL.replace('"tls"', '"tsl"') + REST, "unknown `kind` 'tsl'; did you mean 'tls'?"),
        (MODEL.replace("size = 5", "sise = 5") + REST, "unknown `sise`; did you mean 'size'?"),
        (MODEL.replace("size = 5", "") + REST, "[[pools]] of kind tls must give `size`"),
        (MODEL.replace("A = 1", "B = 1") + REST, "unknown pool 'B' in `takes`"),
        (MODEL.replace("takes =", "take =") + REST, "unknown `take`; did you mean 'takes'?"),
        (MODEL.replace("{ A = 1 }", '"A"') + REST, "`takes` of channel 'up' must give"),
        ('system = "hohlraum"\n' + MODEL + REST, "not both"),
        (REST, "must give a `system` with [parameters], or [[pools]] and [[channels]]"),
        ("pools = 3\nchannels = 4\n" + REST, "`pools` must be one or more tables [[pools]]"),
        (MODEL + REST.replace("points = 3", "points = 0"), "`points` must be a whole number ≥ 1"),
        (MODEL + REST.replace('"1 us"', "0"), "`stop` must be later than `start`"),
        (MODEL + REST.replace("points = 3", ""), "[times] must give `points`"),
        (MODEL + REST + 'spacing = "log"', "needs a `start` > 0"),
        (MODEL + REST + 'spacing = "lin"', "unknown `spacing` 'lin'; did you mean 'linear'?"),
        (MODEL + REST.replace("m = 0", "n = 0"), "unknown pool 'n'"),
        (MODEL + REST + "[start2]\nx = 1", "the file: unknown `start2`; did you mean 'start'?"),
        (MODEL + REST + "[run]\ntimeout = '3 kg'", "`timeout` must be a time"),
    ],
)
def test_refusals_name_the_place(tmp_path, text, message):
    with pytest.raises(js.InputError) as refusal:
        load(tmp_path, text)
    assert message in str(refusal.value)
    assert str(refusal.value).startswith(str(tmp_path / "spec.toml"))
    assert "\n" not in str(refusal.value)


def test_deep_nesting_is_reported_in_one_line(tmp_path):
    for depth in (100, 300, 600, 2000):
        for place in ("values", "spacing"):
            deep = f"{place} = " + "[" * depth + "]" * depth
            with pytest.raises(js.InputError) as refusal:
                load(tmp_path, MODEL + REST + deep)
            assert "\n" not in str(refusal.value)


def test_scale_is_the_same_physics_larger():
    data = tomllib.loads((ROOT / "data" / "typicality.toml").read_text())
    small, large = parse_spec(data), parse_spec({**data, "scale": 2.5})
    assert large.model == small.model.scaled(2.5)
    assert large.model.pool("m").size == 250
    for scale in (0, -1, "x", True, float("nan")):
        with pytest.raises(InputError, match="`scale` must be a finite number > 0"):
            parse_spec({**data, "scale": scale})
    coherent = tomllib.loads((ROOT / "data" / "rabi_onset.toml").read_text())
    with pytest.raises(InputError, match="has no jump rates"):
        parse_spec({**coherent, "scale": 2})


MIXED = """
[start]
mixture = [
    { counts = { A = 3, m = 0 }, weight = 0.25 },
    { counts = { A = 0, m = 5 }, weight = 0.75 },
]
[times]
values = [0, "1 us"]
"""


def test_a_mixture_runs_and_describes_itself(tmp_path, capsys):
    spec = load(tmp_path, MODEL + MIXED)
    mixture = js.Mixture([({"A": 3, "m": 0}, 0.25), ({"A": 0, "m": 5}, 0.75)])
    assert spec.initial == mixture
    assert parse_spec({**tomllib.loads(MODEL + MIXED), "scale": 2}).initial == mixture.scaled(2)
    run = js.simulate(spec.model, spec.times, 400, spec.initial, seed=1)
    at_start = run.counts[:, 0].tolist()
    assert set(map(tuple, at_start)) == {(3, 0), (0, 5)}
    assert abs(at_start.count([0, 5]) / 400 - 0.75) < 4.5 * (0.75 * 0.25 / 400) ** 0.5
    assert "a mixture of 2 states" in str(run)
    path = str(tmp_path / "run.h5")
    assert main(["run", str(tmp_path / "spec.toml"), "-o", path, "-n", "20"]) == 0
    assert js.open(path).initial == mixture
    assert main(["info", path]) == 0
    assert "a mixture of 2 states" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("weight = 0.75", "weight = 0.5", "must add up to 1, but give 0.75"),
        (", weight = 0.75", "", "`weight` must be a finite number > 0"),
        ("weight = 0.75", "wait = 0.75", "[start] mixture: unknown `wait`; did you mean 'weight'?"),
        ("{ counts = { A = 0, m = 5 }, weight = 0.75 }", "0.75", "`mixture` must list"),
        ("counts = { A = 0, m = 5 }, ", "", "must give a count for each pool"),
        ("m = 5", "m = 6", "pool 'm' must be a whole number from 0 to 5"),
        ("m = 5", "n = 5", "unknown pool 'n'"),
        ("[start]\n", "[start]\nspread = true\n", "[start] with mixture: unknown `spread`"),
        ("[start]\n", "[start]\nthermal = 1.0\n", "must give either"),
        ("[start]\n", "[start]\ncounts = { A = 3, m = 0 }\n", "must give either"),
    ],
)
def test_bad_mixtures_name_the_place(tmp_path, old, new, message):
    assert MIXED.count(old) == 1
    with pytest.raises(js.InputError) as refusal:
        load(tmp_path, MODEL + MIXED.replace(old, new))
    assert message in str(refusal.value)
    assert str(refusal.value).startswith(str(tmp_path / "spec.toml"))
    assert "\n" not in str(refusal.value)

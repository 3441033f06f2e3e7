"""Refusals show what differs, whatever differs."""

import numpy as np
import pytest

import jumpsim as js
from jumpsim.utils.differences import differences, in_short
from jumpsim.utils.times import stored_row

START = {"a": 50, "b": 0}


def model(names=("a", "b"), channels=(0, 1), k=1.0, wavelength=None, energy=0.0, kind="x"):
    every = [
        js.Channel(kind, k, {"a": 1}, {"b": 1}),
        js.Channel("y", 2.0, {"b": 1}),
        js.Channel("z", 2.0, {"a": 1}),
    ]
    pools = [js.Pool.mass_action(name, energy=energy) for name in names]
    return js.Model(pools, [every[c] for c in channels], wavelength=wavelength)


@pytest.fixture
def path(tmp_path):
    js.simulate(model(), [0.0, 1.0], 3, START, seed=1, store=tmp_path / "r.h5")
    return tmp_path / "r.h5"


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        (
            {"names": ("b", "a")},
            "model.pools: in another order, with 'a' instead of 'b' at place 1",
        ),
        ({"channels": (1, 0)}, "model.channels: in another order, with 'x' instead of 'y' at"),
        ({"channels": (0,)}, "model.channels[y]: {'name': 'y', 'rate': 2.0, 'takes': {'b': 1}"),
        ({"channels": (0, 1, 2)}, "model.channels[z]: nothing instead of {'name': 'z', 'rate'"),
        ({"k": 1.0000000001}, "model.channels[x].rate: 1.0 instead of 1.0000000001"),
        ({"wavelength": "1 um"}, "model.wavelength: nothing instead of 1e-06"),
        ({"energy": 1.0}, "model.pools[a].energy: 0.0 instead of 1.0; model.pools[b].energy"),
        ({"times": [0.0, 1.0, 2.0]}, "times: 2 from 0 to 1 s instead of 3 from 0 to 2 s"),
        ({"times": [0.0, 1 + 2e-16]}, "times[1]: 1.0 s instead of 1.0000000000000002 s"),
        ({"times": [1e-9, 1.0]}, "times[0]: 0.0 s instead of 1e-09 s"),
        ({"start": {"a": 51, "b": 0}}, "initial.counts.a: 50 instead of 51"),
        (
            {"start": js.Mixture([(START, 1.0)])},
            "initial: {'counts': {'a': 50, 'b': 0}} instead of {'mixture': [{'counts'",
        ),
        ({"seed": 2}, "seed: 1 instead of 2"),
    ],
)
def test_another_run(path, changed, shown):
    run = {"times": [0.0, 1.0], "start": START, "seed": 1}
    parts = {name: value for name, value in changed.items() if name not in run}
    run |= {name: value for name, value in changed.items() if name in run}
    with pytest.raises(js.StoreError, match="belongs to another run: ") as caught:
        js.simulate(model(**parts), run["times"], 3, run["start"], seed=run["seed"], store=path)
    text = str(caught.value)
    assert shown in text
    assert "\n" not in text
    for pair in text.split(": ", 2)[2].split("; "):
        first, second = pair.split(": ", 1)[1].split(" instead of ")
        assert first != second


def test_equal_letters_are_distinguished():
    assert differences("5 \N{MICRO SIGN}s", "5 \N{GREEK SMALL LETTER MU}s", "unit") == [
        "unit: '5 \\xb5s' instead of '5 \\u03bcs'"
    ]


def test_long_values_are_shown_where_they_differ():
    values = list(range(300))
    changed = [*values[:200], -1, *values[201:]]
    assert differences(values, changed, "v") == ["v[200]: 200 instead of -1"]
    (line,) = differences("x" * 500 + "a", "x" * 500 + "b", "text")
    first, second = line.removeprefix("text: ").split(" instead of ")
    assert first != second
    assert len(line) < 200


def test_equal_data_have_no_differences():
    data = {"a": [1, {"name": "x", "b": None}], "c": {}}
    assert differences(data, {"a": [1.0, {"name": "x"}], "c": {}}) == []


def test_many_differences_are_counted():
    lines = differences(list("abcdef"), list("uvwxyz"), "v")
    assert in_short(lines) == (
        "v[0]: 'a' instead of 'u'; v[1]: 'b' instead of 'v'; v[2]: 'c' instead of 'w' (and 3 more)"
    )


def test_a_time_that_is_nearly_stored():
    with pytest.raises(js.InputError, match=r"nearest to 1\.0000001 s is 1\.0 s"):
        stored_row(np.array([0.0, 1.0]), 1.0000001)

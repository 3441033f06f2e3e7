"""Labelled data are taken by name, or refused: a row of a table may have another order."""

from collections import UserDict, namedtuple

import numpy as np
import pytest

import jumpsim as js
from jumpsim.model.declaration import Channel
from jumpsim.theory.counting_statistics import channel_weights
from jumpsim.utils.labels import by_name

MODEL = js.Model(
    [js.Pool.mass_action("prey"), js.Pool.mass_action("predator")],
    [js.Channel("die", 1.0, {"predator": 1}), js.Channel("eaten", 0.1, {"prey": 1})],
)
NAMES, VALUES = ["predator", "prey"], [7, 500]
RIGHT = {"predator": 7, "prey": 500}


class Row:
    """What sqlite3 and h5py give: keys and values by key."""

    def keys(self):
        """Names of the columns."""
        return NAMES

    def __getitem__(self, name):
        return RIGHT[name]


class Series:
    """As much of a pandas Series as matters, without pandas."""

    def __init__(self, values, index):
        self.values, self.index = values, index

    def items(self):
        """Pairs of label and value."""
        return zip(self.index, self.values, strict=True)

    def __array__(self, *_, **__):
        return np.asarray(self.values)


class DataArray:
    """As much of an xarray DataArray as matters."""

    def __init__(self, values, dims, coords):
        self.values, self.dims, self.coords = values, dims, coords

    def __array__(self, *_, **__):
        return np.asarray(self.values)


def labelled():
    structured = np.array([(7, 500)], [("predator", int), ("prey", int)])
    yield "dict", RIGHT
    yield "mapping", UserDict(RIGHT)
    yield "keys", Row()
    yield "named tuple", namedtuple("State", NAMES)(*VALUES)
    yield "structured scalar", structured[0]
    yield "series", Series(VALUES, NAMES)
    yield "coordinates", DataArray(VALUES, ("pool",), {"pool": np.array(NAMES)})


@pytest.mark.parametrize(("kind", "row"), list(labelled()), ids=[kind for kind, _ in labelled()])
def test_by_name_everywhere(kind, row):  # noqa: ARG001 - for the report
    assert MODEL.as_counts(row).tolist() == [500, 7]
    assert MODEL.rates(row).tolist() == [7, 50]
    assert js.Fixed(row).mean(MODEL).tolist() == [500, 7]
    assert js.Mixture([(row, 1.0)]).mean(MODEL).tolist() == [500, 7]
    assert js.simulate(MODEL, [0.0], 2, row, seed=1).counts[0].tolist() == [[500, 7]]
    assert js.mean_field(MODEL, [0.0], row).counts.tolist() == [[500, 7]]


def test_weights_and_quanta():
    row = Series([-1.0, 2.0], ["eaten", "die"])
    for weights in (row, UserDict({"eaten": -1, "die": 2})):
        assert channel_weights(MODEL, weights).tolist() == [2.0, -1.0]
    assert Channel("x", 1.0, Series([2], ["prey"])).takes == {"prey": 2}
    assert js.Thermal(Series([1.0, 2.0], ["b", "a"])).x == {"b": 1.0, "a": 2.0}


def test_tables_of_counts():
    structured = np.array([(7, 500), (8, 400)], [("predator", int), ("prey", int)])
    across = DataArray([[7, 8], [500, 400]], ("pool", "time"), {"pool": np.array(NAMES)})
    for table in (structured, across):
        assert MODEL.as_counts(table).tolist() == [[500, 7], [400, 8]]


def test_data_without_names_are_in_order():
    for plain in ([500, 7], (500, 7), np.array([500, 7]), Series([500, 7], [0, 1])):
        assert by_name(plain, "counts") is None
        assert MODEL.as_counts(plain).tolist() == [500, 7]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (Series([7, 500], ["predator", "predator"]), "the label 'predator' more than once"),
        (Series([7, 500], [1, 0]), "labelled by names, but has the label 1"),
        ({0: 500, 1: 7}, "labelled by names, but has the label 0"),
        (Series([7, 500], ["predator", "hare"]), "unknown pool 'hare'"),
        (namedtuple("State", "prey")(5), "'predator' is missing"),
    ],
)
def test_refused(row, message):
    with pytest.raises(js.InputError, match=message):
        MODEL.as_counts(row)


def test_pandas():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame([[7, 500], [8, 400]], columns=NAMES, index=["a", "b"])
    assert MODEL.rates(table.loc["a"]).tolist() == [7, 50]
    assert MODEL.as_counts(table).tolist() == [[500, 7], [400, 8]]
    assert js.simulate(MODEL, pandas.Series([0.0, 1.0]), 2, table.iloc[1], seed=1).ntraj == 2


def test_xarray():
    xarray = pytest.importorskip("xarray")
    row = xarray.DataArray(VALUES, dims="pool", coords={"pool": NAMES})
    assert MODEL.rates(row).tolist() == [7, 50]
    assert MODEL.as_counts(xarray.Dataset({"predator": 7, "prey": 500})).tolist() == [500, 7]

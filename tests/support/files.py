"""Contents of stores."""

import h5py
import numpy as np


def datasets(path):
    """Every dataset of a file by name, with its dtype."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}))
    return found


def assert_same_content(a, b):
    a, b = datasets(a), datasets(b)
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].dtype == b[name].dtype, name
        assert np.array_equal(a[name], b[name]), name

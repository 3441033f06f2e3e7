"""Labelled data by the names of its labels: rows of tables, arrays with coordinates, records."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import InputError


def by_name(data: Any, name: str) -> dict[str, Any] | None:
    """Values by their labels; None for data without labels, whose order counts.

    Labelled are mappings, rows and frames of pandas, arrays of xarray, structured arrays of numpy,
    named tuples, and everything with ``keys()``. No package is needed for them.

    Parameters
    ----------
    data : object
    name : str
        Name of the argument in an error message.

    Returns
    -------
    dict of str to object, or None

    Raises
    ------
    InputError
        When labels are not names, or occur twice.

    Examples
    --------
    >>> from collections import namedtuple
    >>> by_name(namedtuple("Row", "B A")(7, 500), "counts")
    {'B': 7, 'A': 500}
    >>> by_name([500, 7], "counts")
    """
    labels, values = _labelled(data)
    numbered = labels == list(range(len(labels or ())))  # as rows of a table without an index
    if labels is None or (numbered and not isinstance(data, Mapping)):
        return None
    if wrong := [label for label in labels if not isinstance(label, str)]:
        raise InputError(f"`{name}` must be labelled by names, but has the label {wrong[0]!r}")
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise InputError(f"`{name}` has the label '{twice}' more than once")
    return {label: _plain(value) for label, value in zip(labels, values, strict=True)}


def _labelled(data: Any) -> tuple[list[Any] | None, Any]:
    """Labels and values of data; None for data without labels."""
    names = getattr(getattr(data, "dtype", None), "names", None)
    if names:  # a structured array
        return list(names), [data[label] for label in names]
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return list(data._fields), data
    if not isinstance(data, Mapping) and hasattr(data, "dims") and hasattr(data, "coords"):
        return _of_coordinates(data)
    if hasattr(data, "columns") and hasattr(data, "index"):  # a table: one array for each column
        values = np.moveaxis(np.asarray(data), -1, 0)
        return list(data.columns), values
    if hasattr(data, "index") and hasattr(data, "items"):  # a row or a column of a table
        return list(data.index), np.asarray(data)
    if hasattr(data, "keys"):
        return list(data.keys()), [data[label] for label in data.keys()]  # noqa: SIM118
    return None, data


def _of_coordinates(data: Any) -> tuple[list[Any] | None, Any]:
    """Labels along the axis whose coordinates are names; None when there is no such axis."""
    for axis, dimension in enumerate(data.dims):
        if dimension in data.coords:
            labels = np.asarray(data.coords[dimension]).tolist()
            if any(isinstance(label, str) for label in labels):
                return labels, np.moveaxis(np.asarray(data), axis, 0)
    return None, data


def _plain(value: Any) -> Any:
    """A number instead of an array without axes."""
    return value.item() if hasattr(value, "item") and np.ndim(value) == 0 else value

"""Indices of the entries of sequences that are stored one after the other."""

import numpy as np
from numpy.typing import NDArray


def owners(lengths: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each entry of sequences of these lengths: its sequence, and its place there.

    Parameters
    ----------
    lengths : ndarray of int64, shape (n,)

    Returns
    -------
    sequence, place : ndarray of int64, shape (sum of the lengths,)

    Examples
    --------
    >>> owners(np.array([2, 0, 3]))
    (array([0, 0, 2, 2, 2]), array([0, 1, 0, 1, 2]))
    """
    sequence = np.repeat(np.arange(len(lengths)), lengths)
    return sequence, np.arange(len(sequence)) - (np.cumsum(lengths) - lengths)[sequence]

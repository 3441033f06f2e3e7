"""Rows that are chosen from long tables."""

import numpy as np
import pytest

from jumpsim.utils.tables import log_spaced_rows


@pytest.mark.parametrize("number", [3, 8, 12])
@pytest.mark.parametrize("n", [1, 2, 3, 9, 40, 1001])
def test_rows_are_close_at_first(n, number):
    rows = log_spaced_rows(n, number)
    assert rows[0] == 0
    assert rows[-1] == n - 1
    assert len(rows) <= min(n, number)
    assert (np.diff(rows) > 0).all()
    assert (np.diff(rows, 2) >= 0).all()
    spaced = 1 + log_spaced_rows(n - 1, number) if n > 1 else []
    assert log_spaced_rows(n, number, from_zero=True).tolist() == [0, *spaced]


def test_rows_by_hand():
    assert log_spaced_rows(1000, 4).tolist() == [0, 9, 99, 999]
    assert log_spaced_rows(1001, 4, from_zero=True).tolist() == [0, 1, 10, 100, 1000]

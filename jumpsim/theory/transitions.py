"""Rates of the transitions between states: a generator of which no digits are lost."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..utils.typing import Array, BoolArray, IntArray


@dataclass(frozen=True, eq=False)
class Transitions:
    """Rates of the transitions between n states, and rates at which probability is removed.

    They define the generator G of dp/dt = G p: the rates are its elements off the diagonal, and
    each diagonal element is minus the sum of all rates of leaving a state. The removal is kept
    apart, because in the rounded sum a slow removal beside fast transitions would be lost.

    Attributes
    ----------
    rates : sparse array, shape (n, n)
        Rate per second from the state of the column to the state of the row, ≥ 0; the diagonal is
        empty.
    loss : ndarray, shape (n,)
        Rate per second at which probability is removed from each state; negative for a growth.
    """

    rates: Any
    loss: Array

    def __len__(self) -> int:
        return len(self.loss)

    @cached_property
    def exit_rates(self) -> Array:
        """Total rate of leaving each state, (n,)."""
        return np.asarray(self.rates.sum(axis=0)).ravel() + self.loss

    @cached_property
    def matrix(self) -> Any:
        """The generator G as a sparse array, (n, n)."""
        from scipy import sparse  # here, because it takes long to load

        n = len(self)
        return (self.rates - sparse.dia_array((self.exit_rates[None, :], [0]), (n, n))).tocsc()

    def within(self, members: IntArray | BoolArray) -> "Transitions":
        """Transitions between some of the states; those to the other states remove probability."""
        columns = self.rates[:, members]
        outside = np.ones(len(self), bool)
        outside[members] = False
        lost = np.asarray(columns[outside, :].sum(axis=0)).ravel()
        return Transitions(columns[members, :].tocsc(), self.loss[members] + lost)

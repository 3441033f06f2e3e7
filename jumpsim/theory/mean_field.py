"""The rate equations: mean field, derived from the declaration."""

from dataclasses import dataclass

from ..model.initial import Start, as_initial
from ..model.model import Model, as_model
from ..units import as_times
from ..utils.typing import Array, Times
from .ode import solve


@dataclass(frozen=True, eq=False)
class MeanField:
    """A solution of the rate equations.

    Attributes
    ----------
    model : Model
    times : ndarray, shape (n_times,)
        Seconds.
    counts : ndarray, shape (n_times, n_pools)
    """

    model: Model
    times: Array
    counts: Array

    def __str__(self) -> str:
        last = ", ".join(
            f"{n} = {v:.6g}" for n, v in zip(self.model.pools, self.counts[-1], strict=True)
        )
        return (
            f"rate equations of {self.model.name}: {len(self.times)} times from "
            f"{self.times[0]:g} s to {self.times[-1]:g} s, at the end {last}"
        )


def mean_field(model: Model, times: Times, initial: Start) -> MeanField:
    """Solve the rate equations d⟨N_p⟩/dt = Σ_c change_cp · rate_c(⟨N⟩).

    For the systems of BM these are their Eqs. (2)-(3), (17)-(19), in counts instead of
    occupations. They are not the exact mean: they drop the correlations between pools, an error
    of order one in the counts.

    Parameters
    ----------
    model : Model
    times : array_like of float or str
        Seconds, increasing, ≥ 0.
    initial : Thermal, Fixed, Mixture, mapping or sequence
        The state at t = 0: the mean of the initial distribution (for a thermal start the unrounded
        mean), or counts, which need not be integers.

    Returns
    -------
    MeanField

    Raises
    ------
    InputError
        For bad arguments, or when the solution diverges before the last time.
    """
    times = as_times(times)
    start = as_initial(initial, as_model(model)).mean(model)
    counts = solve(model, times, start, model.table.drift, model.table.jacobian)
    return MeanField(model, times, counts)

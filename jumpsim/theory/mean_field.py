"""The rate equations, which are the mean-field approximation of a model."""

from dataclasses import dataclass, field

from ..model import individual
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
        Mean-field counts of the pools.
    excitations : dict of str to ndarray, shape (n_times, M)
        For each pool with individual rates the mean excitation of each two-level system.
    """

    model: Model
    times: Array
    counts: Array
    excitations: dict[str, Array] = field(default_factory=dict)

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

    For the systems of BM these are Eqs. (2)-(3), (17)-(19), in counts instead of occupations.
    Their solution is not the exact mean, because correlations between pools are neglected; the
    error is of order one in the counts. Of a pool with individual rates each two-level system has
    an equation of its own; all begin with the same mean.

    Parameters
    ----------
    model : Model
    times : array_like of float or str
        Seconds, increasing, ≥ 0.
    initial : Thermal, Fixed, Mixture, mapping or sequence
        The state at t = 0: counts, which need not be integers, or a distribution, whose mean is
        used (without rounding).

    Returns
    -------
    MeanField

    Raises
    ------
    InputError
        When an argument is not valid, or the solution diverges before the last time.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="10 MHz")
    >>> print(js.mean_field(model, ["0 us", "1 us"], {"N": 15, "m": 0}).counts.round(4))
    [[15.      0.    ]
     [ 8.6603  6.3397]]
    """
    times = as_times(times)
    start = as_initial(initial, as_model(model, individual=True)).mean(model)
    table = model.engine_input
    if model.individual:
        start = individual.spread_mean(model, start)
    counts = solve(
        model, times, start, table.drift, table.jacobian, sparse_jacobian=table.sparse_jacobian
    )
    excitations = {
        name: counts[:, table.pool_index == model.pools.index(name)] for name in model.individual
    }
    if model.individual:
        counts = individual.totals(model, counts)
    return MeanField(model, times, counts, excitations)

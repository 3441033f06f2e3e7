"""Ensemble averages compared with the rate equations, in standard errors."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...store.ensemble import Ensemble
from ...theory.linear_noise import LinearNoise, linear_noise
from ...theory.master_equation import MasterEquation, master_equation
from ...theory.mean_field import MeanField, mean_field
from ...utils.tables import columns, log_spaced_rows
from ...utils.text import readable_times, with_error
from ...utils.typing import Array
from ..requirements import exact_solution, optional_theory, rate_model
from .density_matrix import DensityMatrixComparison, compare_density_matrix
from .hotelling import joint_test
from .residuals import Residuals, require_error, standardised_residuals

_SMALL = 20_000  # number of states up to which the exact bias is calculated by default
# Sum of squared deviations, below which the average is not normally distributed: only a few
# trajectories determine it.
_LEAST_DEVIATION = 50
_SPACINGS = 100  # of floats; a standard error must exceed the rounding of a solution
_ONE_QUANTUM = 3.0  # differences up to here are of the order of one quantum


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Residuals):
    """Averages of an ensemble compared with the rate equations.

    Attributes
    ----------
    ensemble, mean, sem, residuals, threshold, joint
        As in `Residuals`; a residual is NaN where nothing fluctuates, or where the sum of squared
        deviations is below 50 (only a few trajectories deviate).
    theory : MeanField
        Solution of the rate equations at the stored times.
    curve : MeanField
        The same solution on a fine grid, for the figure.
    """

    theory: MeanField
    curve: MeanField

    @property
    def noise(self) -> LinearNoise | None:
        """Predicted spread of single trajectories: linear noise, exact for large systems.

        None where it cannot be calculated.
        """
        return self._noise[0]

    @cached_property
    def _noise(self) -> tuple[LinearNoise | None, str]:
        """Linear noise, or why there is none."""
        ensemble = self.ensemble
        return optional_theory(linear_noise, ensemble.model, ensemble.times, ensemble.initial)

    @cached_property
    def exact(self) -> MasterEquation | None:
        """Solution of the master equation for at most 20,000 states, else None."""
        solution, _ = exact_solution(
            master_equation, self.ensemble.model, self.ensemble.times, self.ensemble.initial,
            max_states=_SMALL,
        )  # fmt: skip
        return solution

    @property
    def bias(self) -> Array | None:
        """Exact bias of the rate equations, master equation minus rate equations.

        Shape (n_times, n_pools); None for a large system.
        """
        return None if self.exact is None else self.exact.mean - self.theory.counts

    @property
    def spread(self) -> Array:
        """Standard deviation over trajectories, shape (n_times, n_pools)."""
        return self.sem * np.sqrt(self.ensemble.ntraj)

    def _unit(self, p: int) -> str:
        """Unit of a difference of counts, "quanta in A"; a species has no quanta."""
        pool = self.ensemble.model.pool_specs[p]
        return f"in {pool.name}" if pool.kind == "mass_action" else f"quanta in {pool.name}"

    @property
    def verdict(self) -> str:
        """Agreement in words, with false-alarm rates: each average, and all averages together."""
        text = self.agreement("rate equations")
        if self.agrees is False:
            bias = np.where(np.isnan(self.residuals), 0, self.mean - self.theory.counts)
            p = int(np.abs(bias).max(axis=0).argmax())
            largest = bias[np.abs(bias[:, p]).argmax(), p]
            text += f". The largest difference is {largest:+.3g} {self._unit(p)}; " + (
                "differences of the order of one quantum are expected, because the rate equations "
                "neglect correlations between pools"
                if "quanta" in self._unit(p) and abs(largest) < _ONE_QUANTUM
                else "the rate equations neglect correlations between pools, and describe only "
                "large counts"
            )
        return text if self.joint is None else f"{text}\n{self.joint}"

    def __str__(self) -> str:
        model, times = self.ensemble.model, self.ensemble.times
        # Most rows at early times, when the averages change fastest.
        shown = log_spaced_rows(len(times), 12, from_zero=True)
        factor, unit = readable_times(times)
        head = [f"time ({unit})"]
        for pool in model.pools:
            head += [f"⟨{pool}⟩", "± s.e.", "theory", "resid."]
        rows = self.rows(self.theory.counts, shown, factor)
        title = (
            f"{self.ensemble.ntraj} trajectories of {model.name} compared with the rate equations "
            "(residuals in standard errors)"
        )
        more = ["", *self._at_last_time(factor, unit)]
        if (all_bias := self.bias) is not None:
            k, p = np.unravel_index(np.abs(all_bias).argmax(), all_bias.shape)
            more.append(
                f"largest exact bias, master equation minus rate equations: {all_bias[k, p]:+.3g} "
                f"{self._unit(int(p))} at {times[k] * factor:.4g} {unit}"
            )
        return "\n".join(
            [title, "", *columns(rows, head, right=range(len(head))), "", self.verdict, *more]
        )

    def _at_last_time(self, factor: float, unit: str) -> list[str]:
        """Lines about bias and spread at the last time."""
        n, last = self.ensemble.ntraj, self.ensemble.times[-1]
        exact, bias = self.exact, self.bias
        noise, no_noise = self._noise
        rows = []
        for p, name in enumerate(self.ensemble.model.pools):
            spread = self.spread[-1, p]
            row = [
                name,
                with_error(self.mean[-1, p] - self.theory.counts[-1, p], self.sem[-1, p], "+.4g"),
                with_error(spread, spread / np.sqrt(2 * (n - 1))),
                "-" if noise is None else f"{np.sqrt(noise.covariance[-1, p, p]):.4g}",
            ]
            if exact is not None and bias is not None:
                row.insert(2, f"{bias[-1, p]:+.4g}")
                row.append(f"{np.sqrt(exact.covariance[-1, p, p]):.4g}")
            rows.append(row)
        head = ["pool", "average - theory", "spread", "linear noise"]
        if exact is not None:
            head = [*head[:2], "exact bias", *head[2:], "exact spread"]
        return [
            f"at {last * factor:.4g} {unit}: bias, and spread (standard deviation of single "
            "trajectories; its error is that of a normal distribution)",
            *columns(rows, head),
            *([f"no linear noise: {no_noise}"] if no_noise else []),
        ]


def compare(ensemble: Ensemble) -> Comparison | DensityMatrixComparison:
    """Compare the averages of an ensemble with the rate equations of the same initial mean.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "counts" ("expect"), "moments" or "variances"; at least two trajectories.

    Returns
    -------
    Comparison
        Printable; `plotting.compare` draws it. For a model with quantum jumps, a
        `DensityMatrixComparison`.

    Raises
    ------
    InputError
        When there are fewer than two trajectories.

    Notes
    -----
    The rate equations do not give the exact mean. In large systems of modes and two-level systems
    their bias is of the order of one quantum, so that a sufficiently large ensemble disagrees with
    them. In reaction networks it can be much larger, where few individuals decide the course.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="1 Hz")
    >>> run = js.simulate(model, [0.1, 0.5], 200, {"N": 12, "m": 3}, seed=1, progress=False)
    >>> js.compare(run).agrees
    True
    """
    if not ensemble.model.has_rates:
        return compare_density_matrix(ensemble)
    require_error(ensemble)
    model = rate_model(ensemble)
    theory = mean_field(model, ensemble.times, ensemble.initial)
    curve = mean_field(model, _fine_grid(ensemble.times), ensemble.initial)
    decided = ensemble.var() * (ensemble.ntraj - 1) >= _LEAST_DEVIATION
    # Sums of floats do not resolve the change of a count near 10¹⁵ by some quanta.
    decided &= ensemble.sem() >= _SPACINGS * np.spacing(theory.counts)
    found = standardised_residuals(ensemble, theory.counts, decided)
    joint = joint_test(ensemble, theory.counts, decided)
    return Comparison(ensemble, *found, joint, theory, curve)


def _fine_grid(times: Array) -> Array:
    """Stored times and times between them, for a smooth line; a single time is not changed."""
    if len(times) < 2:
        return times
    places = np.linspace(0, len(times) - 1, max(2001, len(times)))
    return np.unique(np.interp(places, np.arange(len(times)), times))

"""Ensemble averages against the rate equations, in standard errors."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...theory.linear_noise import linear_noise
from ...theory.master_equation import master_equation
from ...theory.mean_field import MeanField, mean_field
from ...utils.tables import columns, log_spaced_rows
from ...utils.text import readable_times, with_error
from ..requirements import if_small
from .density_matrix import compare_density_matrix
from .hotelling import joint_test
from .residuals import Residuals, need_error, scored

_SMALL = 20_000  # states up to which the exact bias is found unasked
# Sum of squared deviations below which too few trajectories carry the average for a normal law.
_LEAST_DEVIATION = 50


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Residuals):
    """Averages of an ensemble beside the rate equations.

    Attributes
    ----------
    ensemble, mean, sem, residuals, threshold, joint
        As in `Residuals`; a residual is NaN where nothing fluctuates, or fewer than about 50
        deviating trajectories carry the average.
    theory : MeanField
    curve : MeanField
        The same solution on a fine grid, for drawing.
    """

    theory: MeanField
    curve: MeanField

    @cached_property
    def noise(self):
        """What single trajectories should spread by, `LinearNoise`: exact for large systems."""
        return linear_noise(self.ensemble.model, self.ensemble.times, self.ensemble.initial)

    @cached_property
    def exact(self):
        """The `MasterEquation` where the system is small enough, else None."""
        return if_small(
            master_equation, self.ensemble.model, self.ensemble.times, self.ensemble.initial,
            max_states=_SMALL,
        )  # fmt: skip

    @property
    def bias(self):
        """Exact bias, master equation less rate equations, (n_times, n_pools), or None."""
        return None if self.exact is None else self.exact.mean - self.theory.counts

    @property
    def spread(self):
        """Standard deviation of single trajectories, (n_times, n_pools)."""
        return self.sem * np.sqrt(self.ensemble.ntraj)

    @property
    def verdict(self) -> str:
        """The outcome in words, with its false-alarm rate, of each average and of all together."""
        text = self.agreement("rate equations")
        if self.agrees is False:
            bias = np.where(np.isnan(self.residuals), 0, self.mean - self.theory.counts)
            p = int(np.abs(bias).max(axis=0).argmax())
            text += (
                f". The largest difference is {bias[np.abs(bias[:, p]).argmax(), p]:+.3g} quanta "
                f"in {self.ensemble.model.pools[p]}; differences of order one quantum are what "
                "the rate equations neglect (correlations between pools)"
            )
        return text if self.joint is None else f"{text}\n{self.joint}"

    def __str__(self):
        """Table of some times, and the verdict."""
        model, times = self.ensemble.model, self.ensemble.times
        # Early times closely, late ones sparsely: that is how the systems change.
        shown = log_spaced_rows(len(times), 12, from_zero=True)
        factor, unit = readable_times(times)
        head = [f"time ({unit})"]
        for pool in model.pools:
            head += [f"⟨{pool}⟩", "± s.e.", "theory", "resid."]
        rows = self.rows(self.theory.counts, shown, factor)
        title = (
            f"{self.ensemble.ntraj} trajectories of {model.name} against the rate equations "
            "(residuals in standard errors)"
        )
        more = ["", *self._at_the_end(factor, unit)]
        if self.exact is not None:
            k, p = np.unravel_index(np.abs(self.bias).argmax(), self.bias.shape)
            more.append(
                f"largest exact bias, master equation less rate equations: {self.bias[k, p]:+.3g} "
                f"quanta in {model.pools[p]} at {times[k] * factor:.4g} {unit}"
            )
        return "\n".join(
            [title, "", *columns(rows, head, right=range(len(head))), "", self.verdict, *more]
        )

    def _at_the_end(self, factor, unit):
        """Lines on bias and spread at the last time."""
        n, last = self.ensemble.ntraj, self.ensemble.times[-1]
        exact = self.exact is not None
        rows = []
        for p, name in enumerate(self.ensemble.model.pools):
            spread = self.spread[-1, p]
            row = [
                name,
                with_error(self.mean[-1, p] - self.theory.counts[-1, p], self.sem[-1, p], "+.4g"),
                with_error(spread, spread / np.sqrt(2 * (n - 1))),
                f"{np.sqrt(self.noise.covariance[-1, p, p]):.4g}",
            ]
            if exact:
                row.insert(2, f"{self.bias[-1, p]:+.4g}")
                row.append(f"{np.sqrt(self.exact.covariance[-1, p, p]):.4g}")
            rows.append(row)
        head = ["pool", "average - theory", "spread", "linear noise"]
        head = [*head[:2], "exact bias", *head[2:], "exact spread"] if exact else head
        return [
            f"at {last * factor:.4g} {unit}: bias, and spread of single trajectories (one standard "
            "deviation; its error as for a normal law)",
            *columns(rows, head),
        ]


def compare(ensemble):
    """Compare the averages of an ensemble with the rate equations, started from the same mean.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "counts" ("expect") or "moments"; at least two trajectories.

    Returns
    -------
    Comparison
        Printable; `plotting.compare` draws it. Of quantum jumps a `DensityMatrixComparison`.

    Notes
    -----
    The rate equations are not the exact mean: their bias is of order one quantum, so that a large
    enough ensemble must disagree with them.
    """
    if not ensemble.model.has_rates:
        return compare_density_matrix(ensemble)
    need_error(ensemble)
    theory = mean_field(ensemble.model, ensemble.times, ensemble.initial)
    curve = mean_field(ensemble.model, _fine(ensemble.times), ensemble.initial)
    decided = ensemble.var() * (ensemble.ntraj - 1) >= _LEAST_DEVIATION
    found = scored(ensemble, theory.counts, decided)
    return Comparison(ensemble, *found, joint_test(ensemble, theory.counts), theory, curve)


def _fine(times):
    """Times between the stored ones, for a smooth line; a single time stays alone."""
    if len(times) < 2:
        return times
    places = np.linspace(0, len(times) - 1, max(2001, len(times)))
    return np.unique(np.interp(places, np.arange(len(times)), times))

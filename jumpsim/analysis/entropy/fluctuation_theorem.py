"""Fluctuation theorems on trajectories: ⟨exp(-Σ)⟩ = 1 and P(Σ)/P(-Σ) = exp(Σ).

Σ is the sum of ln(w/w_reverse) over the jumps of a trajectory plus ln p_0(n_0)/q(n_t), where q is
the law from which the reversed process begins. Three choices of q:

- "start": q = p_0. From a start in which every pool has a temperature of its own, Σ is the heat
  exchanged, Σ_q x_q ΔN_q (Jarzynski and Wójcik), wherever detailed balance holds. Then reversed and
  forward process are the same, and the detailed theorem holds as well.
- "law": q = p_t, from the master equation of a small system. Σ is the total entropy production.
- "none": no boundary term. From fixed counts in a system with detailed balance the average is
  Σ_n p_t(n → n_0), how likely the reversed process is to come back from anywhere.

A jump without a reverse makes Σ infinite, and its trajectory drops out of the average; so does an
end that q excludes. What is missing from 1 is the weight of what has no reverse.
"""

from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ...statistics.intervals import proportion_interval
from ...statistics.jackknife import detailed_slope, group_sums, jackknife
from ...store.ensemble import Ensemble
from ...theory.exponential_average import BOUNDARIES, exponential_average
from ...theory.master_equation import master_equation
from ...thermo import ratio_production, ratios_are_entropy
from ...utils.results import Result
from ...utils.tables import columns, log_spaced_rows
from ...utils.text import readable_times, with_error
from ..requirements import if_small, need

_GROUPS = 64
LEAST = 1000  # trajectories in an exponential average
MOST_VARIANCE = 10.0  # relative variance of exp(-Σ) above which no average is given
_SMALL = 5_000


@dataclass(frozen=True, eq=False, repr=False)
class FluctuationTheorem(Result):
    """The integral and the detailed fluctuation theorem at every stored time.

    Attributes
    ----------
    ensemble : Ensemble
    boundary : str
        "start", "law" or "none".
    production : ndarray, shape (ntraj, n_times)
        Σ of every trajectory, k_B; infinite where it has no reverse.
    average, error : ndarray, shape (n_times,)
        ⟨exp(-Σ)⟩ with a jackknife error.
    variance : ndarray, shape (n_times,)
        Relative variance of exp(-Σ): exact for a small system, else of the sample.
    lost : ndarray, shape (n_times, 3)
        Fraction of trajectories with a jump that has no reverse, with a 95 % interval.
    slope, slope_error : ndarray, shape (n_times,)
        Of ln P(Σ)/P(-Σ) against Σ; NaN where it is undecided, or where no detailed theorem is
        claimed (boundary other than "start").
    exact : ndarray or None, shape (n_times,)
        ⟨exp(-Σ)⟩ of a small system, from the tilted generator.
    """

    ensemble: Ensemble
    boundary: str
    production: np.ndarray
    average: np.ndarray
    error: np.ndarray
    variance: np.ndarray
    lost: np.ndarray
    slope: np.ndarray
    slope_error: np.ndarray
    exact: np.ndarray | None

    @property
    def decided(self):
        """Where there are trajectories enough for the exponential average, (n_times,) bool."""
        return (self.variance < MOST_VARIANCE) & (self.ensemble.ntraj >= LEAST)

    @property
    def verdict(self) -> str:
        """The integral theorem at the last stored time."""
        last = self.verdict_by_time[-1]
        return f"integral fluctuation theorem, at the last stored time: {last}"

    @property
    def verdict_by_time(self):
        """The integral theorem in words, for every stored time."""
        return [self._verdict(k) for k in range(len(self.ensemble.times))]

    def _verdict(self, k):
        if self.ensemble.ntraj < LEAST:
            return f"undecided: fewer than {LEAST} trajectories"
        if self.lost[k, 0] == 1:
            return "FAILS: every trajectory has a jump without a reverse"
        if not self.decided[k]:
            return f"undecided: exp(-Σ) has the relative variance {self.variance[k]:.3g}"
        expected = 1.0 if self.exact is None else self.exact[k]
        holds = abs(self.average[k] - expected) <= 1.96 * max(self.error[k], 1e-12)
        if abs(expected - 1) > 1e-6:
            return "as the master equation says" if holds else "NOT as the master equation says"
        if holds:
            return "holds"
        return f"FAILS: {self.lost[k, 0]:.3g} of the trajectories have no reverse"

    def __str__(self):
        factor, unit = readable_times(self.ensemble.times)
        verdicts, rows = self.verdict_by_time, []
        for k in log_spaced_rows(len(self.ensemble.times), 8):
            average = with_error(self.average[k], self.error[k], ".4f", unknown="-")
            row = [
                f"{self.ensemble.times[k] * factor:.4g}",
                _finite_mean(self.production[:, k]),
                average if self.decided[k] else "-",
                with_error(self.slope[k], self.slope_error[k], ".3f", unknown="-"),
                f"{self.lost[k, 0]:.4g}",
                verdicts[k],
            ]
            if self.exact is not None:
                row.insert(3, f"{self.exact[k]:.4f}")
            rows.append(row)
        head = [f"time ({unit})", "⟨Σ⟩", "⟨exp(-Σ)⟩", "slope", "no reverse", "integral theorem"]
        head = head if self.exact is None else [*head[:3], "exact", *head[3:]]
        sigma = {
            "start": "Σ = Σ_jumps ln(w/w_reverse) + ln p_0(n_0)/p_0(n_t)",
            "law": "Σ = Σ_jumps ln(w/w_reverse) + ln p_0(n_0)/p_t(n_t)",
            "none": "Σ = Σ_jumps ln(w/w_reverse), no boundary term",
        }[self.boundary]
        return "\n".join(
            [
                f"fluctuation theorem, {self.ensemble.ntraj} trajectories of "
                f"{self.ensemble.model.name}: {sigma}",
                "(a verdict misleads in 5% of runs by noise alone)",
                "",
                *columns(rows, head, right=(0,)),
            ]
        )


def fluctuation_theorem(ensemble, boundary="start", max_states=_SMALL):
    """Test the fluctuation theorems on an ensemble.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "events"; "counts" is enough where every event obeys
        w/w_reverse = exp(ΔS_B) and `boundary` is not "law".
    boundary : str
        "start", "law" or "none": the law from which the reversed process begins.
    max_states : int
        Size up to which exact averages are found; 0 for never.

    Returns
    -------
    FluctuationTheorem
        Printable; `plotting.fluctuation_theorem` draws it.

    Raises
    ------
    InputError
        When the store does not hold what is needed, or "law" is asked for of a large system.
    """
    if boundary not in BOUNDARIES:
        raise InputError(f"`boundary` must be one of {', '.join(BOUNDARIES)}, but is {boundary!r}")
    if ensemble.ntraj < 2:
        raise InputError(f"an average needs 2 trajectories, but there are {ensemble.ntraj}")
    if "events" not in ensemble.record and not ratios_are_entropy(ensemble):
        need(ensemble, "events", "forward and reverse rates are needed along every trajectory")
    need(ensemble, "counts", "the ends of the trajectories need the counts")
    jumps, irreversible = ratio_production(ensemble)
    production = jumps + _boundary(ensemble, boundary, max_states)
    production[irreversible > 0] = np.inf
    weights = np.exp(-production)
    average, error = jackknife(*group_sums([weights], min(_GROUPS, ensemble.ntraj)))
    exact, variance = _exact(ensemble, boundary, max_states)
    if exact is None:
        variance = sample_variance(production, weights, boundary)
    lost = (irreversible > 0).sum(axis=0)
    low, high = proportion_interval(lost, ensemble.ntraj)
    slopes = np.array([detailed_slope(s) for s in production.T]).T
    if boundary != "start":
        slopes = np.full_like(slopes, np.nan)
    return FluctuationTheorem(
        ensemble, boundary, production, average, error, variance,
        np.stack([lost / ensemble.ntraj, low, high], axis=-1), *slopes, exact,
    )  # fmt: skip


def _boundary(ensemble, boundary, max_states):
    """ln p_0(n_0)/q(n_t) of every trajectory at every stored time; infinite where q is 0."""
    if boundary == "none":
        return 0.0
    model, initial = ensemble.model, ensemble.initial
    exact = None
    if boundary == "law":
        exact = master_equation(model, ensemble.times, initial, max_states=max_states or 1)
    parts, row = [], 0
    for counts in ensemble.slabs("counts"):
        begin = initial.log_probability(model, ensemble.starts(row, len(counts)))[:, None]
        if exact is None:
            end = initial.log_probability(model, counts)
        else:
            place = exact.space.index(counts)
            with np.errstate(divide="ignore"):
                log = np.log(exact.probabilities)
            end = np.where(place >= 0, log[np.arange(counts.shape[1]), place], -np.inf)
        parts.append(begin - end)
        row += len(counts)
    return np.concatenate(parts)


def _exact(ensemble, boundary, max_states):
    """⟨exp(-Σ)⟩ and the relative variance of exp(-Σ) of a small system; None of a large one."""
    first, second = (
        if_small(
            exponential_average, ensemble.model, ensemble.times, ensemble.initial, boundary, order,
            max_states=max_states,
        )
        for order in (1, 2)
    )  # fmt: skip
    if first is None:
        return None, None
    with np.errstate(divide="ignore", invalid="ignore"):
        return first, np.where(first > 0, second / first**2 - 1, np.inf)


def sample_variance(production, weights, boundary):
    """Relative variance of exp(-Σ) in a sample; infinite where nothing has a reverse."""
    squares = weights**2
    if boundary == "start":
        # By the detailed theorem, which also holds for those that have a reverse, the average of
        # exp(-2Σ) is that of exp(Σ), which a sample sees better.
        with np.errstate(over="ignore"):
            squares = np.where(np.isfinite(production), np.exp(production), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        average = weights.mean(axis=0)
        return np.where(average > 0, squares.mean(axis=0) / average**2 - 1, np.inf)


def _finite_mean(production):
    """Average of the trajectories that have a reverse, in words."""
    finite = production[np.isfinite(production)]
    return f"{finite.mean():.4g}" if len(finite) else "-"

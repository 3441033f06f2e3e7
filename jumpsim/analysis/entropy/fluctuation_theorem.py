"""Fluctuation theorems on trajectories: ⟨exp(-Σ)⟩ = 1 and P(Σ)/P(-Σ) = exp(Σ).

Σ is the sum of ln(w/w_reverse) over the jumps of a trajectory plus ln p_0(n_0)/q(n_t), where q is
the distribution from which the reversed process starts. Three choices of q:

- "start": q = p_0. If every pool starts with its own temperature and detailed balance holds, Σ is
  the exchanged heat Σ_q x_q ΔN_q (Jarzynski and Wójcik). Then the reversed process equals the
  forward process, and the detailed theorem holds as well.
- "distribution": q = p_t, from the master equation of a small system. Σ is the total entropy
  production.
- "none": no boundary term. From fixed counts in a system with detailed balance the average is
  Σ_n p_t(n → n_0), the sum over all n of the probability to return from n to n_0.

A jump without a reverse makes Σ infinite, and so does a final state with q = 0: the trajectory adds
0 to the average of exp(-Σ). The average is then less than 1 by the weight of such trajectories.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ...statistics.intervals import proportion_interval
from ...statistics.jackknife import detailed_slope, group_sums, jackknife
from ...store.ensemble import Ensemble
from ...theory.exponential_average import check_boundary, exponential_average
from ...theory.master_equation import master_equation
from ...thermo import ratio_production, ratios_are_entropy
from ...utils.results import Result
from ...utils.tables import columns, log_spaced_rows
from ...utils.text import readable_times, with_error
from ...utils.typing import Array, BoolArray
from ..requirements import exact_solution, rate_model, require_record

_GROUPS = 64
LEAST = 1000  # trajectories, for an exponential average
MOST_VARIANCE = 10.0  # relative variance of exp(-Σ) above which no average is given
_SMALL = 5_000
_NOWHERE = "end where the start has probability 0"


@dataclass(frozen=True, eq=False, repr=False)
class FluctuationTheorem(Result):
    """The integral and the detailed fluctuation theorem at every stored time.

    Attributes
    ----------
    ensemble : Ensemble
    boundary : str
        "start", "distribution" or "none".
    production : ndarray, shape (ntraj, n_times)
        Σ of every trajectory, k_B; infinite where the trajectory has no reverse.
    average, error : ndarray, shape (n_times,)
        ⟨exp(-Σ)⟩ and its jackknife error.
    variance : ndarray, shape (n_times,)
        Relative variance of exp(-Σ): exact for a small system, else estimated from the sample.
    lost : ndarray, shape (n_times, 3)
        Fraction of trajectories with a jump that has no reverse, and its 95 % confidence interval.
    slope, slope_error : ndarray, shape (n_times,)
        Slope of ln P(Σ)/P(-Σ) as a function of Σ, and its error; NaN where it is undecided, or
        where the detailed theorem is not tested (`boundary` other than "start").
    exact : ndarray or None, shape (n_times,)
        ⟨exp(-Σ)⟩ of a small system, from the tilted generator.
    no_exact : str
        Why there is no exact prediction; empty when there is one or none was wanted.
    """

    ensemble: Ensemble
    boundary: str
    production: Array
    average: Array
    error: Array
    variance: Array
    lost: Array
    slope: Array
    slope_error: Array
    exact: Array | None
    no_exact: str = ""

    @property
    def decided(self) -> BoolArray:
        """Whether there are enough trajectories for the exponential average, shape (n_times,)."""
        return (self.variance < MOST_VARIANCE) & (self.ensemble.ntraj >= LEAST)

    @property
    def verdict(self) -> str:
        """Result for the integral theorem at the last stored time."""
        last = self.verdict_by_time[-1]
        return f"integral fluctuation theorem, at the last stored time: {last}"

    @property
    def verdict_by_time(self) -> list[str]:
        """Result for the integral theorem in words, for every stored time."""
        return [self._verdict(k) for k in range(len(self.ensemble.times))]

    def _verdict(self, k: int) -> str:
        if self.ensemble.ntraj < LEAST:
            return f"undecided: fewer than {LEAST} trajectories"
        if self.lost[k, 0] == 1:
            return "FAILS: every trajectory has a jump without a reverse"
        if np.isinf(self.production[:, k]).all():
            return f"FAILS: all trajectories {_NOWHERE}"
        if not self.decided[k]:
            return f"undecided: the relative variance of exp(-Σ) is {self.variance[k]:.3g}"
        expected = 1.0 if self.exact is None else self.exact[k]
        holds = abs(self.average[k] - expected) <= 1.96 * max(self.error[k], 1e-12)
        if abs(expected - 1) > 1e-6:
            return (
                "as the master equation predicts"
                if holds
                else "NOT as the master equation predicts"
            )
        if holds:
            return "holds"
        lost, infinite = self.lost[k, 0], np.isinf(self.production[:, k]).mean()
        if lost:
            return f"FAILS: {lost:.3g} of the trajectories have no reverse"
        if infinite:
            return (
                f"FAILS: {infinite:.3g} of the trajectories end where the start has probability 0"
            )
        if self.boundary == "none":
            return "not 1: without a boundary term ⟨exp(-Σ)⟩ = 1 holds for uniform starts only"
        return "FAILS"

    def __str__(self) -> str:
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
            "distribution": "Σ = Σ_jumps ln(w/w_reverse) + ln p_0(n_0)/p_t(n_t)",
            "none": "Σ = Σ_jumps ln(w/w_reverse), no boundary term",
        }[self.boundary]
        return "\n".join(
            [
                f"fluctuation theorem, {self.ensemble.ntraj} trajectories of "
                f"{self.ensemble.model.name}: {sigma}",
                "(a verdict is wrong by chance alone in 5% of runs)",
                "",
                *columns(rows, head, right=(0,)),
                *self.missing_exact,
            ]
        )


def fluctuation_theorem(
    ensemble: Ensemble,
    boundary: str = "start",
    truncate: Mapping[str, int] | None = None,
    max_states: int = _SMALL,
) -> FluctuationTheorem:
    """Test the integral and the detailed fluctuation theorem on an ensemble.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "counts" and "events"; "counts" is enough where every event obeys
        w/w_reverse = exp(ΔS_B).
    boundary : str
        Distribution q from which the reversed process starts: "start" for that of the start,
        "distribution" for that at the same time, "none" for no boundary term.
    truncate : mapping of str to int, optional
        Largest counts of the exact solution; by default there are none.
    max_states : int
        Number of states up to which exact averages are calculated; 0 for never.

    Returns
    -------
    FluctuationTheorem
        Printable; `plotting.fluctuation_theorem` draws it.

    Raises
    ------
    InputError
        When a necessary record is missing, for fewer than two trajectories, or for "distribution"
        with a system of more than `max_states` states.

    Notes
    -----
    Σ = Σ_jumps ln(w/w_reverse) + ln p_0(n_0)/q(n_t), in k_B. The integral theorem is
    ⟨exp(-Σ)⟩ = 1, the detailed one P(Σ)/P(-Σ) = exp(Σ).

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="1 Hz")
    >>> run = js.simulate(model, [0.1], 100, {"N": 12, "m": 3}, seed=1, progress=False)
    >>> js.fluctuation_theorem(run, boundary="none").verdict_by_time
    ['undecided: fewer than 1000 trajectories']
    """
    check_boundary(boundary)
    if ensemble.ntraj < 2:
        raise InputError(f"an average needs 2 trajectories, but there are {ensemble.ntraj}")
    if "events" not in ensemble.record and not ratios_are_entropy(ensemble):
        require_record(
            ensemble, "events", "forward and reverse rates are needed along every trajectory"
        )
    require_record(ensemble, "counts", "the first and last states need the counts")
    jumps, irreversible = ratio_production(ensemble)
    production = jumps + _boundary(ensemble, boundary, truncate, max_states)
    production[irreversible > 0] = np.inf
    weights = np.exp(-production)
    average, error = jackknife(*group_sums([weights], min(_GROUPS, ensemble.ntraj)))
    exact, variance, no_exact = _exact(ensemble, boundary, truncate, max_states)
    if variance is None:
        variance = sample_variance(production, weights, boundary)
    lost = (irreversible > 0).sum(axis=0)
    low, high = proportion_interval(lost, ensemble.ntraj)
    slope, slope_error = np.array([detailed_slope(s) for s in production.T]).T
    if boundary != "start":
        slope, slope_error = np.full((2, len(ensemble.times)), np.nan)
    return FluctuationTheorem(
        ensemble, boundary, production, average, error, variance,
        np.stack([lost / ensemble.ntraj, low, high], axis=-1), slope, slope_error, exact,
        no_exact,
    )  # fmt: skip


def _boundary(
    ensemble: Ensemble, boundary: str, truncate: Mapping[str, int] | None, max_states: int
) -> Array | float:
    """ln p_0(n_0)/q(n_t) of every trajectory at every stored time; infinite where q is 0."""
    if boundary == "none":
        return 0.0
    model, initial = rate_model(ensemble), ensemble.initial
    exact = None
    if boundary == "distribution":
        exact = master_equation(model, ensemble.times, initial, truncate, max_states or 1)
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


def _exact(
    ensemble: Ensemble, boundary: str, truncate: Mapping[str, int] | None, max_states: int
) -> tuple[Array | None, Array | None, str]:
    """⟨exp(-Σ)⟩ and the relative variance of exp(-Σ) of a small system, or why there are none."""
    (first, reason), (second, _) = (
        exact_solution(
            exponential_average, ensemble.model, ensemble.times, ensemble.initial, boundary, order,
            truncate=truncate, max_states=max_states,
        )
        for order in (1, 2)
    )  # fmt: skip
    if first is None or second is None:
        return None, None, reason
    with np.errstate(divide="ignore", invalid="ignore"):
        return first, np.where(first > 0, second / first**2 - 1, np.inf), ""


def sample_variance(production: Array, weights: Array, boundary: str) -> Array:
    """Relative variance of exp(-Σ) estimated from a sample.

    Parameters
    ----------
    production, weights : ndarray, shape (ntraj, n_times)
        Σ in k_B, and exp(-Σ).
    boundary : str
        As in `fluctuation_theorem`.

    Returns
    -------
    ndarray, shape (n_times,)
        Infinite where no trajectory has a reverse.
    """
    squares = weights**2
    if boundary == "start":
        # The detailed theorem also holds for the trajectories with a reverse alone. By it the
        # average of exp(-2Σ) equals that of exp(Σ), which a sample estimates with a smaller error.
        with np.errstate(over="ignore"):
            squares = np.where(np.isfinite(production), np.exp(production), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        average = weights.mean(axis=0)
        return np.where(average > 0, squares.mean(axis=0) / average**2 - 1, np.inf)


def _finite_mean(production: Array) -> str:
    """Average over the trajectories with a reverse, as text."""
    finite = production[np.isfinite(production)]
    return f"{finite.mean():.4g}" if len(finite) else "-"

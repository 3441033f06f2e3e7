"""Clausius along trajectories: how often the entropy of a system decreases in a time window.

If detailed balance holds, the entropy of single trajectories can decrease, but this becomes rare in
large systems. In a chiral waveguide the average entropy decreases, and in large systems the entropy
of every trajectory does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ... import units
from ...errors import InputError
from ...statistics.intervals import proportion_interval
from ...store.ensemble import Ensemble
from ...theory.mean_field import mean_field
from ...thermo import entropies, entropy_production, internal_production
from ...utils.results import Result
from ...utils.tables import columns
from ...utils.text import readable_times, with_error, with_interval
from ...utils.times import stored_row_or_start
from ...utils.typing import Array
from ..requirements import ROUNDING, rate_model, require_production_record, scaled_copies

_PANELS, _ORDER = 400, 5  # of the integral of the entropy that the heat carries
_ROUNDING = 1e-12  # relative; smaller counts are below the accuracy of the rate equations


@dataclass(frozen=True, eq=False, repr=False)
class WindowProduction(Result):
    """Entropy produced within the system in a time window, for each trajectory.

    Attributes
    ----------
    ensemble : Ensemble
    begin, end : float
        Limits of the window, seconds.
    size : float
        Number of modes or two-level systems of the largest pool.
    produced : ndarray, shape (ntraj,)
        Sum of the changes ΔS_B of the Boltzmann entropy over the events within the system, k_B.
    expected : float
        ∫σ dt from the rate equations (BM 21, 78), k_B; exact for large systems.
    """

    ensemble: Ensemble
    begin: float
    end: float
    size: float
    produced: Array
    expected: float

    @property
    def mean(self) -> tuple[float, float]:
        """Average of `produced` over trajectories, and its standard error, k_B."""
        n = len(self.produced)
        return float(self.produced.mean()), float(self.produced.std(ddof=1) / np.sqrt(n))

    @property
    def decreasing(self) -> tuple[float, float, float]:
        """Fraction of trajectories with an entropy decrease, and its 95 % confidence interval."""
        count, n = int((self.produced < -ROUNDING).sum()), len(self.produced)
        low, high = proportion_interval(count, n)
        return count / n, float(low), float(high)

    @property
    def verdict(self) -> str:
        """Average entropy production, and how often it is negative."""
        factor, unit = readable_times(np.array([self.begin, self.end]))
        mean, error = self.mean
        return (
            f"entropy produced within {self.ensemble.model.name} from {self.begin * factor:g} to "
            f"{self.end * factor:g} {unit}: {with_error(mean, error, '.5g')} k_B (rate equations, "
            f"for large systems: {self.expected:.5g}); the entropy decreases in "
            f"{with_interval(*self.decreasing)} of {len(self.produced)} trajectories"
        )

    def __str__(self) -> str:
        return self.verdict


@dataclass(frozen=True, eq=False, repr=False)
class Clausius(Result):
    """Time windows of one or several families of systems, each at several sizes.

    Attributes
    ----------
    families : list of list of WindowProduction
        Each family holds systems that differ only in their size, from the smallest to the largest.
    factors : list of ndarray, shape (n_runs,) each
        Size divided by the smallest size of the family.
    """

    families: list[list[WindowProduction]]
    factors: list[Array]

    def label(self, family: int) -> str:
        """Name of a family; "chiral" or "balanced" is added if two families have the same name.

        Parameters
        ----------
        family : int
            Index in `families`.

        Returns
        -------
        str
            A "chiral" system has a channel without a reverse.
        """
        models = [runs[0].ensemble.model for runs in self.families]
        name = models[family].name.replace("_", " ")
        if sum(m.name == models[family].name for m in models) == 1:
            return name
        return f"{name}, {'chiral' if models[family].irreversible else 'balanced'}"

    @property
    def facts(self) -> str:
        """Number of runs, and of families."""
        return f"{sum(map(len, self.families))} runs of {len(self.families)} families"

    @property
    def verdict(self) -> str:
        """Trend of each family with the size; for a single run, how often the entropy decreases."""
        if [len(runs) for runs in self.families] == [1]:
            return self.families[0][0].verdict
        return "\n".join(self._trends())

    def _trends(self) -> list[str]:
        return [f"{self.label(f)}: {self.trend(f)}" for f in range(len(self.families))]

    def trend(self, family: int) -> str:
        """Trend of the fraction of entropy decreases with the size, in words.

        The 95 % confidence intervals of the smallest and of the largest system are compared.
        Decreases become rare if the interval moves down and is below 1/2, almost sure if it moves
        up and is above 1/2; otherwise the trend is undecided.

        Parameters
        ----------
        family : int
            Index in `families`.
        """
        first, last = self.families[family][0], self.families[family][-1]
        (_, low, high), (_, last_low, last_high) = first.decreasing, last.decreasing
        if len(self.families[family]) < 2:
            return "undecided: one size only"
        if last_high < low and last_high < 0.5:
            return "entropy decreases become rare in larger systems"
        if last_low > high and last_low > 0.5:
            return "the entropy decreases almost surely in larger systems"
        return (
            "undecided: no trend outside the 95 % intervals; more sizes or trajectories are needed"
        )

    def __str__(self) -> str:
        rows = []
        for f, (runs, factors) in enumerate(zip(self.families, self.factors, strict=True)):
            for run, factor in zip(runs, factors, strict=True):
                mean, error = run.mean
                rows.append(
                    (
                        f"{self.label(f)} × {factor:g}",
                        f"{len(run.produced)}",
                        with_error(mean / run.size, error / run.size, "+.4g"),
                        f"{run.expected / run.size:+.4g}",
                        with_interval(*run.decreasing),
                    )
                )
        run = self.families[0][0]
        factor, unit = readable_times(np.array([run.begin, run.end]))
        head = (
            "system",
            "trajectories",
            "ΔS_i / size (k_B)",
            "∫σ dt / size",
            "decreases in [95 %]",
        )
        return "\n".join(
            [
                f"entropy produced within the system, from {run.begin * factor:g} to "
                f"{run.end * factor:g} {unit}",
                "",
                *columns(rows, head, right=(1,)),
                "∫σ dt: rate equations, without the entropy of the spread of counts (some k_B)",
                "",
                *self._trends(),
            ]
        )


def window_production(
    ensemble: Ensemble, after: float | str = 0.0, until: float | str | None = None
) -> WindowProduction:
    """Entropy produced within the system in a time window, for each trajectory.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "events"; "counts" is enough if no event exchanges heat with a bath.
    after, until : float or str
        Limits of the window, seconds or a text with a unit: 0 or a stored time, and a later stored
        time; by default the whole run.

    Returns
    -------
    WindowProduction

    Raises
    ------
    InputError
        When a necessary record is missing, for fewer than two trajectories, for limits that are
        not stored or not in order, when no event takes place within the system, or for pools with
        mass-action kinetics, which have no entropy.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="1 Hz")
    >>> run = js.simulate(model, [0.5, 1.0], 100, {"N": 2, "m": 15}, seed=1, progress=False)
    >>> js.window_production(run, until="1 s").mean[0] > 0
    True
    """
    require_production_record(ensemble)
    if ensemble.ntraj < 2:
        raise InputError(f"an average needs 2 trajectories, but there are {ensemble.ntraj}")
    last = ensemble.times[-1] if until is None else units.time(until, "until")
    first, last = units.time(after, "after"), float(last)
    limits = {"after": first, "until": last}
    rows = [stored_row_or_start(ensemble.times, time, name) for name, time in limits.items()]
    if not last > first:
        raise InputError(f"`until` must be later than `after` = {first:g} s, but is {last:g} s")
    produced = internal_production(ensemble)
    gain = produced[:, rows[1]] - (produced[:, rows[0]] if rows[0] >= 0 else 0.0)
    size = max(float(pool.size or 1) for pool in ensemble.model.pool_specs)
    return WindowProduction(ensemble, first, last, size, gain, _expected(ensemble, first, last))


def clausius(windows: Sequence[WindowProduction]) -> Clausius:
    """Compare the entropy production of systems of several sizes, for each family of systems.

    Parameters
    ----------
    windows : list of WindowProduction
        With the same limits. Scaled copies of a system (`Model.scaled`) form a family.

    Returns
    -------
    Clausius
        Printable; `plotting.clausius` draws it.

    Raises
    ------
    InputError
        For an empty list, or for windows with different limits.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="1 Hz")
    >>> run = js.simulate(model, [0.5, 1.0], 100, {"N": 2, "m": 15}, seed=1, progress=False)
    >>> js.clausius([js.window_production(run)]).facts
    '1 runs of 1 families'
    """
    if not windows:
        raise InputError("there is nothing to compare; give at least one store")
    if len({(w.begin, w.end) for w in windows}) > 1:
        raise InputError("the time windows differ; use the same for all runs")
    families: list[list[WindowProduction]] = []
    for window in windows:
        for family in families:
            if _scaled(family[0].ensemble, window.ensemble):
                family.append(window)
                break
        else:
            families.append([window])
    orders = [scaled_copies([w.ensemble for w in family]) for family in families]
    sorted_families = [
        [family[k] for k in order] for family, (order, _) in zip(families, orders, strict=True)
    ]
    return Clausius(sorted_families, [factors for _, factors in orders])


def _scaled(one: Ensemble, other: Ensemble) -> bool:
    try:
        scaled_copies([one, other])
    except InputError:
        return False
    return True


def _expected(ensemble: Ensemble, begin: float, end: float) -> float:
    """∫σ dt of the rate equations: change of the entropy plus the entropy transported by heat."""
    model = rate_model(ensemble)
    ends = mean_field(model, [begin, end], ensemble.initial).counts
    gained = entropies(model, ends).sum(axis=-1)
    change = float(gained[1] - gained[0])
    if not any(c.bath for c in model.channel_specs):
        return change
    # A pool that is empty at first is infinitely cold, but ∫ ln t dt is finite: Gauss's points
    # avoid the begin, and t ∝ u³ removes the singularity there.
    nodes, weights = np.polynomial.legendre.leggauss(_ORDER)
    u = ((np.arange(_PANELS)[:, None] + (nodes + 1) / 2) / _PANELS).ravel()
    steps = np.tile(weights, _PANELS) / (2 * _PANELS) * 3 * u**2 * (end - begin)
    counts = mean_field(model, begin + (end - begin) * u**3, ensemble.initial).counts
    counts = np.maximum(counts, _ROUNDING * counts.max())
    for p, pool in enumerate(model.pool_specs):
        if pool.capacity is not None:
            counts[:, p] = np.clip(counts[:, p], None, pool.capacity * (1 - _ROUNDING))
    flow = entropy_production(model, counts)
    return change + float(steps @ flow.outflow)

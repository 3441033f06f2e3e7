"""Clausius along trajectories: how often the entropy within a system falls in a window of time.

Where detailed balance holds, single trajectories may lose entropy, the more rarely the larger the
system. In a chiral waveguide the average itself falls, and the fall becomes certain.
"""

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
from ..requirements import ROUNDING, need_production, scaled_copies

_FINE = 2001  # times at which the rate equations' entropy production is integrated


@dataclass(frozen=True, eq=False, repr=False)
class WindowProduction(Result):
    """Entropy produced within the system in a window, trajectory by trajectory.

    Attributes
    ----------
    ensemble : Ensemble
    begin, end : float
        The window, seconds.
    size : float
        Modes or two-level systems of the largest pool.
    produced : ndarray, shape (ntraj,)
        Sum of ΔS_B over events within the system, k_B.
    expected : float
        ∫σ dt from the rate equations (BM 21, 78), k_B: exact for large systems.
    """

    ensemble: Ensemble
    begin: float
    end: float
    size: float
    produced: np.ndarray
    expected: float

    @property
    def mean(self):
        """Average, and its standard error, k_B."""
        n = len(self.produced)
        return self.produced.mean(), self.produced.std(ddof=1) / np.sqrt(n)

    @property
    def falling(self):
        """Fraction of trajectories that lose entropy, with a 95 % interval."""
        count, n = int((self.produced < -ROUNDING).sum()), len(self.produced)
        low, high = proportion_interval(count, n)
        return count / n, float(low), float(high)

    @property
    def verdict(self) -> str:
        """Average production, and how often it is negative."""
        factor, unit = readable_times(np.array([self.begin, self.end]))
        mean, error = self.mean
        return (
            f"entropy produced within {self.ensemble.model.name} from {self.begin * factor:g} to "
            f"{self.end * factor:g} {unit}: {with_error(mean, error, '.5g')} k_B (rate equations "
            f"{self.expected:.5g}); it falls in {with_interval(*self.falling)} of "
            f"{len(self.produced)} trajectories"
        )

    def __str__(self):
        return self.verdict


@dataclass(frozen=True, eq=False, repr=False)
class Clausius(Result):
    """Windows of one or several families of systems, each at several sizes.

    Attributes
    ----------
    families : list of list of WindowProduction
        Systems that are the same but for their size, from the smallest to the largest.
    factors : list of ndarray
        How many times larger than the first of its family.
    """

    families: list
    factors: list

    def label(self, family):
        """Name of a family; whether each event can be undone, where two families share a name."""
        models = [runs[0].ensemble.model for runs in self.families]
        name = models[family].name.replace("_", " ")
        if sum(m.name == models[family].name for m in models) == 1:
            return name
        return f"{name}, {'chiral' if models[family].irreversible else 'balanced'}"

    @property
    def facts(self) -> str:
        """How many runs, in how many families."""
        return f"{sum(map(len, self.families))} runs of {len(self.families)} families"

    @property
    def verdict(self) -> str:
        """What happens to each family as it grows; of a single run, how often entropy falls."""
        if [len(runs) for runs in self.families] == [1]:
            return self.families[0][0].verdict
        return "\n".join(self._trends())

    def _trends(self):
        return [f"{self.label(f)}: {self.trend(f)}" for f in range(len(self.families))]

    def trend(self, family):
        """What happens to falling trajectories as the system grows, in words.

        With 95 % intervals; undecided where neither is seen.
        """
        first, last = self.families[family][0], self.families[family][-1]
        (_, low, high), (_, a, b) = first.falling, last.falling
        if len(self.families[family]) < 2:
            return "undecided: one size only"
        if b < low and b < 0.5:
            return "losses of entropy die out with size"
        if a > high and a > 0.5:
            return "losses of entropy become certain with size"
        return "undecided: no trend beyond the intervals; more sizes or trajectories are needed"

    def __str__(self):
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
                        with_interval(*run.falling),
                    )
                )
        run = self.families[0][0]
        factor, unit = readable_times(np.array([run.begin, run.end]))
        head = ("system", "trajectories", "ΔS_i / size (k_B)", "∫σ dt / size", "falls in [95 %]")
        return "\n".join(
            [
                f"entropy produced within, from {run.begin * factor:g} to {run.end * factor:g} "
                f"{unit}",
                "",
                *columns(rows, head, right=(1,)),
                "",
                *self._trends(),
            ]
        )


def window_production(ensemble, after=0.0, until=None):
    """Measure the entropy produced within the system in a window of time.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "events"; or with "counts", where no event exchanges with a bath.
    after, until : float or str
        0 or a stored time, and a later stored time; by default the whole run.

    Returns
    -------
    WindowProduction
    """
    need_production(ensemble)
    if ensemble.ntraj < 2:
        raise InputError(f"an average needs 2 trajectories, but there are {ensemble.ntraj}")
    last = ensemble.times[-1] if until is None else units.time(until, "until")
    first, last = units.time(after, "after"), float(last)
    ends = {"after": first, "until": last}
    rows = [stored_row_or_start(ensemble.times, time, name) for name, time in ends.items()]
    if not last > first:
        raise InputError(f"`until` must lie after `after` = {first:g} s, but is {last:g} s")
    produced = internal_production(ensemble)
    gain = produced[:, rows[1]] - (produced[:, rows[0]] if rows[0] >= 0 else 0.0)
    size = max(float(pool.size or 1) for pool in ensemble.model.pool_specs)
    return WindowProduction(ensemble, first, last, size, gain, _expected(ensemble, first, last))


def clausius(windows):
    """Put windows of systems of several sizes side by side, family by family.

    Parameters
    ----------
    windows : list of WindowProduction
        Of the same window; systems that are one another's scaled copies make up a family.

    Returns
    -------
    Clausius
        Printable; `plotting.clausius` draws it.
    """
    if not windows:
        raise InputError("there is nothing to compare; give at least one store")
    if len({(w.begin, w.end) for w in windows}) > 1:
        raise InputError("the windows of time differ; give one for all")
    families = []
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


def _scaled(one, other):
    try:
        scaled_copies([one, other])
    except InputError:
        return False
    return True


def _expected(ensemble, begin, end):
    """∫σ dt of the rate equations: what the entropy gained, and what left with heat."""
    from scipy.integrate import trapezoid

    model = ensemble.model
    times = begin + (end - begin) * np.linspace(0, 1, _FINE) ** 2  # closely at first
    course = mean_field(model, times, ensemble.initial).counts
    gained = entropies(model, course[[0, -1]]).sum(axis=-1)
    if not any(c.bath for c in model.channel_specs):
        return float(gained[1] - gained[0])
    outflow = entropy_production(model, course).outflow
    return float(gained[1] - gained[0] + trapezoid(outflow, times))

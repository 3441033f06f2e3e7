"""The effective demon: how far a chiral waveguide sorts photons at rest, and the entropy it costs.

With γ̃_2 = γ̃_1 the loop is reciprocal and both reservoirs are alike; with γ̃_2 = 0 it is fully chiral
and moves photons from A to B against the temperature difference.
"""

from dataclasses import dataclass

import numpy as np

from ... import units
from ...errors import InputError
from ...model.initial import Thermal
from ...statistics.jackknife import group_sums, jackknife_error
from ...store.ensemble import Ensemble
from ...systems.chiral_loop import ChiralLoop, chiral_loop
from ...theory.linear_noise import StationaryNoise, stationary_noise
from ...thermo import entropies, inverse_temperatures
from ...utils.results import Result
from ...utils.tables import columns
from ...utils.text import readable_times, with_error
from ...utils.times import first_row
from ..requirements import need, need_trajectories, significant_drift

_GROUPS = 32
_LEAST_MOVED = 5.0  # standard errors of the sorted number from which a ratio to it is given


@dataclass(frozen=True, eq=False, repr=False)
class Sorting(Result):
    """What one loop sorts at rest.

    Attributes
    ----------
    ensemble : Ensemble
    after : float
        Seconds; where the rest begins.
    loop : ChiralLoop
        The reservoirs A and B (`source`, `sink`), and the asymmetry of the loop.
    counts : ndarray, shape (n_pools,)
        Averages at rest, over trajectories and times.
    sorted_photons, sorted_error : float
        ⟨N_B - N_A⟩.
    spread, spread_error : float
        Standard deviation of N_B - N_A over trajectories.
    deficit, deficit_error : float
        Entropy of the equilibrium with the same energy less that of the averages, k_B.
    noise : StationaryNoise
        Rate equations' steady state and linear noise around it.
    """

    ensemble: Ensemble
    after: float
    loop: ChiralLoop
    counts: np.ndarray
    sorted_photons: float
    sorted_error: float
    spread: float
    spread_error: float
    deficit: float
    deficit_error: float
    noise: StationaryNoise

    @property
    def asymmetry(self) -> float:
        """γ̃_2/γ̃_1: 1 for a reciprocal loop, 0 for a fully chiral one."""
        return self.loop.asymmetry

    @property
    def difference(self) -> str:
        """The difference of counts that is analysed, such as "N_B-N_A"."""
        return f"N_{self.loop.sink}-N_{self.loop.source}"

    @property
    def expected(self):
        """Sorted photons, spread and deficit of the rate equations and linear noise."""
        difference = _difference(self.ensemble.model, self.loop)
        return (
            float(difference @ self.noise.counts),
            float(np.sqrt(difference @ self.noise.covariance @ difference)),
            _deficit(self.ensemble.model, self.noise.counts),
        )

    @property
    def per_photon(self):
        """Entropy deficit per photon moved from A to B, (N_B - N_A)/2 of them, with its error.

        NaN where nothing is known to be sorted.
        """
        moved, error = self.sorted_photons / 2, self.sorted_error / 2
        if not abs(moved) > _LEAST_MOVED * error:
            return np.nan, np.nan
        value = self.deficit / moved
        return value, abs(value) * np.hypot(self.deficit_error / self.deficit, error / moved)

    @property
    def last_photon(self):
        """What one photon more from A to B would change the entropy by, x_B - x_A in k_B."""
        model = self.ensemble.model
        x = dict(zip(model.pools, inverse_temperatures(model, self.counts), strict=True))
        return float(x[self.loop.sink] - x[self.loop.source])

    @property
    def verdict(self) -> str:
        """How many photons are sorted, and at what entropy."""
        if np.isnan(self.per_photon[0]):
            what = "nothing is known to be sorted"
        else:
            moved = with_error(self.sorted_photons, self.sorted_error)
            cost = with_error(self.deficit, self.deficit_error)
            what = (
                f"⟨{self.difference}⟩ = {moved} photons are sorted at an entropy deficit of "
                f"{cost} k_B"
            )
        return f"γ̃_2/γ̃_1 = {self.asymmetry:.4g}: {what}"

    def __str__(self):
        return str(Demon([self]))


@dataclass(frozen=True, eq=False, repr=False)
class Demon(Result):
    """Loops of different asymmetry side by side.

    Attributes
    ----------
    runs : list of Sorting
        From the reciprocal to the fully chiral one.
    """

    runs: list

    @property
    def facts(self) -> str:
        """How many loops."""
        return f"{len(self.runs)} loops of {self.runs[0].ensemble.model.name}"

    @property
    def verdict(self) -> str:
        """What each loop sorts."""
        return "\n".join(run.verdict for run in self.runs)

    def __str__(self):
        rows = []
        for run in self.runs:
            photons, spread, deficit = run.expected
            rows.append(
                (
                    f"{run.asymmetry:.4g}",
                    with_error(run.sorted_photons, run.sorted_error),
                    f"{photons:.4g}",
                    with_error(run.spread, run.spread_error),
                    f"{spread:.4g}",
                    with_error(run.deficit, run.deficit_error),
                    f"{deficit:.4g}",
                    with_error(*run.per_photon),
                    f"{run.last_photon:+.4g}",
                )
            )
        head = (
            "γ̃_2/γ̃_1", f"⟨{self.runs[0].difference}⟩", "rate eq.", "spread", "lin. noise",
            "deficit (k_B)", "rate eq.", "per photon", "last photon",
        )  # fmt: skip
        run = self.runs[0]
        factor, unit = readable_times(run.ensemble.times)
        return "\n".join(
            [
                f"sorting at rest, after {run.after * factor:g} {unit}, in "
                f"{run.ensemble.model.name}: entropy deficit against the equilibrium of the same "
                "energy",
                "",
                *columns(rows, head),
            ]
        )


def sorting(ensemble, after):
    """Measure how far a loop with two reservoirs sorts photons in the steady state.

    Parameters
    ----------
    ensemble : Ensemble
        Of a closed waveguide, or of a model of its structure (`systems.chiral_loop`); recorded
        with "counts".
    after : float or str
        Where the rest begins; the means must not change any more.

    Returns
    -------
    Sorting
        Printable.

    Raises
    ------
    InputError
        When there are no such reservoirs, or the run is not at rest.
    """
    need(ensemble, "counts", "sorting needs the counts")
    need_trajectories(ensemble)
    model, after = ensemble.model, units.time(after, "after")
    first = first_row(ensemble.times, after)
    loop = chiral_loop(model)
    difference = _difference(model, loop)
    found = []
    for counts in ensemble.slabs("counts"):
        rest = counts[:, first:]
        sorted_photons = rest @ difference
        change = sorted_photons[:, -1] - sorted_photons[:, 0]
        squares = (sorted_photons**2.0).mean(axis=1)
        found.append(np.column_stack([rest.mean(axis=1), squares, change]))
    found = np.concatenate(found)
    _check_rest(found[:, -1:], loop)
    numbers, sums = group_sums([found], _GROUPS)
    total, n = sums.sum(axis=0), numbers.sum()
    left = (total - sums) / (n - numbers)[:, None]
    mean, square = total[:-2] / n, total[-2] / n
    left, left_squares = left[:, :-2], left[:, -2]
    spread = np.sqrt(max(square - (mean @ difference) ** 2, 0.0))
    left_spread = np.sqrt(np.maximum(left_squares - (left @ difference) ** 2, 0.0))
    deficits = np.array([_deficit(model, counts) for counts in left])
    return Sorting(
        ensemble, after, loop, mean, float(mean @ difference),
        float(jackknife_error(left @ difference)), float(spread),
        float(jackknife_error(left_spread)), _deficit(model, mean),
        float(jackknife_error(deficits)), stationary_noise(model, ensemble.initial),
    )  # fmt: skip


def demon(runs):
    """Put loops of different asymmetry side by side.

    Parameters
    ----------
    runs : list of Sorting

    Returns
    -------
    Demon
        Printable; `plotting.demon` draws it.
    """
    if not runs:
        raise InputError("there is nothing to compare; give at least one store")
    return Demon(sorted(runs, key=lambda run: -run.asymmetry))


def _difference(model, loop):
    """Weights of the pools in the sorted number, sink less source."""
    return np.array([(name == loop.sink) - 1.0 * (name == loop.source) for name in model.pools])


def _check_rest(drift, loop):
    if (found := significant_drift(drift)) is not None:
        raise InputError(
            f"the run is not at rest: N_{loop.sink} - N_{loop.source} still changes by "
            f"{found[1]:.4g} on average; begin later, or run longer"
        )


def _deficit(model, counts):
    """Entropy of the equilibrium with the same energy, less the entropy of these counts."""
    from scipy.optimize import brentq

    energy = np.array([pool.energy for pool in model.pool_specs])

    def surplus(log_x):
        return energy @ Thermal(float(np.exp(log_x))).mean(model) - energy @ counts

    x = float(np.exp(brentq(surplus, np.log(1e-6), np.log(700.0), xtol=1e-13)))
    best, found = (entropies(model, n).sum() for n in (Thermal(x).mean(model), counts))
    return float(best - found)

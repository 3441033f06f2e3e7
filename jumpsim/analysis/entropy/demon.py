"""Effective demon: photons sorted by a chiral waveguide in the steady state, and their entropy.

With γ̃_2 = γ̃_1 the loop is reciprocal and both reservoirs have the same occupation. With γ̃_2 = 0 it
is fully chiral and moves photons from A to B against the temperature difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import units
from ...errors import InputError
from ...model.initial import Thermal
from ...model.model import Model
from ...statistics.jackknife import group_sums, jackknife_error
from ...store.ensemble import Ensemble
from ...systems.chiral_loop import ChiralLoop, chiral_loop
from ...theory.linear_noise import StationaryNoise, stationary_noise
from ...thermo import entropies, inverse_temperatures
from ...utils.results import Result
from ...utils.tables import columns
from ...utils.text import readable_times, with_error
from ...utils.times import first_row
from ...utils.typing import Array
from ..requirements import (
    rate_model,
    require_record,
    require_trajectories,
    significant_drift,
)

_GROUPS = 32
_LEAST_MOVED = 5.0  # smallest number of sorted photons, in standard errors, for a ratio to it


@dataclass(frozen=True, eq=False, repr=False)
class Sorting(Result):
    """Photons sorted by one loop in the steady state.

    Attributes
    ----------
    ensemble : Ensemble
    after : float
        Start of the steady state, seconds.
    loop : ChiralLoop
        The reservoirs A and B (`source`, `sink`), and the asymmetry of the loop.
    counts : ndarray, shape (n_pools,)
        Counts averaged over trajectories and over the times in the steady state.
    sorted_photons, sorted_error : float
        ⟨N_B - N_A⟩ and its standard error.
    spread, spread_error : float
        Standard deviation of N_B - N_A over trajectories and times, and its standard error.
    deficit, deficit_error : float
        Entropy of the equilibrium state with the same energy minus the entropy of the average
        counts, k_B, and its standard error.
    ratio_error : float
        Jackknife error of the deficit per moved photon, k_B. Both fluctuate together: the error of
        a quotient of independent numbers would be several times too large.
    noise : StationaryNoise
        Steady state of the rate equations, and linear noise around it.
    """

    ensemble: Ensemble
    after: float
    loop: ChiralLoop
    counts: Array
    sorted_photons: float
    sorted_error: float
    spread: float
    spread_error: float
    deficit: float
    deficit_error: float
    ratio_error: float
    noise: StationaryNoise

    @property
    def asymmetry(self) -> float:
        """γ̃_2/γ̃_1: 1 for a reciprocal loop, 0 for a fully chiral one."""
        return self.loop.asymmetry

    @property
    def difference(self) -> str:
        """Name of the analysed difference of counts, such as "N_B-N_A"."""
        return f"N_{self.loop.sink}-N_{self.loop.source}"

    @property
    def expected(self) -> tuple[float, float, float]:
        """Predicted sorted photons, spread and deficit: rate equations, linear noise."""
        model = rate_model(self.ensemble)
        difference = _difference(model, self.loop)
        return (
            float(difference @ self.noise.counts),
            float(np.sqrt(difference @ self.noise.covariance @ difference)),
            _deficit(model, self.noise.counts),
        )

    @property
    def per_photon(self) -> tuple[float, float]:
        """Entropy deficit per photon moved from A to B, and its standard error, k_B.

        The number of moved photons is (N_B - N_A)/2. NaN where it is below 5 standard errors.
        """
        moved, error = self.sorted_photons / 2, self.sorted_error / 2
        if not abs(moved) > _LEAST_MOVED * error:
            return np.nan, np.nan
        return self.deficit / moved, self.ratio_error

    @property
    def last_photon(self) -> float:
        """Change of the entropy if one more photon moves from A to B, x_B - x_A, k_B.

        NaN where a reservoir is empty.
        """
        model = self.ensemble.model
        x = dict(zip(model.pools, inverse_temperatures(model, self.counts), strict=True))
        last = float(x[self.loop.sink] - x[self.loop.source])
        return last if np.isfinite(last) else np.nan

    @property
    def verdict(self) -> str:
        """Number of sorted photons, and the entropy deficit."""
        if np.isnan(self.per_photon[0]):
            what = "no significant number of photons is sorted"
        else:
            moved = with_error(self.sorted_photons, self.sorted_error)
            cost = with_error(self.deficit, self.deficit_error)
            what = (
                f"⟨{self.difference}⟩ = {moved} photons are sorted, with an entropy deficit of "
                f"{cost} k_B"
            )
        return f"γ̃_2/γ̃_1 = {self.asymmetry:.4g}: {what}"

    def __str__(self) -> str:
        return str(Demon([self]))


@dataclass(frozen=True, eq=False, repr=False)
class Demon(Result):
    """Loops of different asymmetry, compared.

    Attributes
    ----------
    runs : list of Sorting
        By decreasing γ̃_2/γ̃_1: from the reciprocal to the fully chiral loop.
    """

    runs: list[Sorting]

    @property
    def facts(self) -> str:
        """Number of loops."""
        return f"{len(self.runs)} loops of {self.runs[0].ensemble.model.name}"

    @property
    def verdict(self) -> str:
        """Verdict of each loop."""
        return "\n".join(run.verdict for run in self.runs)

    def __str__(self) -> str:
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
                    "-" if np.isnan(run.last_photon) else f"{run.last_photon:+.4g}",
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
                f"sorting in the steady state, after {run.after * factor:g} {unit}, in "
                f"{run.ensemble.model.name}: entropy deficit relative to the equilibrium state of "
                "the same energy",
                "",
                *columns(rows, head),
            ]
        )


def sorting(ensemble: Ensemble, after: float | str) -> Sorting:
    """Number of photons that a loop with two reservoirs sorts in the steady state.

    Parameters
    ----------
    ensemble : Ensemble
        Of a closed waveguide, or of a model with the same structure (`systems.chiral_loop`);
        recorded with "counts".
    after : float or str
        Start of the steady state, from which the averages are constant: seconds or a text with a
        unit.

    Returns
    -------
    Sorting
        Printable.

    Raises
    ------
    InputError
        When the model has no such reservoirs, or the run is not stationary after `after`.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.closed_waveguide(
    ...     20, 20, 20, 1.0, 1.0, 1.0, gamma_tilde=(1.0, 0.0), gamma_tilde_wg=(1.0, 0.0)
    ... )
    >>> start = {"A": 20, "B": 10, "1": 0, "2": 0, "m": 10}
    >>> run = js.simulate(model, [20.0, 25.0, 30.0], 100, start, seed=1, progress=False)
    >>> js.sorting(run, after=20).asymmetry
    0.0
    """
    require_record(ensemble, "counts", "sorting needs the counts")
    require_trajectories(ensemble)
    model, after = rate_model(ensemble), units.time(after, "after")
    first = first_row(ensemble.times, after)
    loop = chiral_loop(model)
    difference = _difference(model, loop)
    parts = []
    for counts in ensemble.slabs("counts"):
        stationary = counts[:, first:]
        sorted_photons = stationary @ difference
        change = sorted_photons[:, -1] - sorted_photons[:, 0]
        squares = (sorted_photons**2.0).mean(axis=1)
        parts.append(np.column_stack([stationary.mean(axis=1), squares, change]))
    values = np.concatenate(parts)
    _check_stationary(values[:, -1:], loop)
    numbers, sums = group_sums([values], _GROUPS)
    total, n = sums.sum(axis=0), numbers.sum()
    left = (total - sums) / (n - numbers)[:, None]
    mean, square = total[:-2] / n, total[-2] / n
    left, left_squares = left[:, :-2], left[:, -2]
    spread = np.sqrt(max(square - (mean @ difference) ** 2, 0.0))
    left_spread = np.sqrt(np.maximum(left_squares - (left @ difference) ** 2, 0.0))
    deficits = np.array([_deficit(model, counts) for counts in left])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = deficits / (left @ difference / 2)
        deficit_error, ratio_error = (float(jackknife_error(x)) for x in (deficits, ratios))
    return Sorting(
        ensemble, after, loop, mean, float(mean @ difference),
        float(jackknife_error(left @ difference)), float(spread),
        float(jackknife_error(left_spread)), _deficit(model, mean),
        deficit_error, ratio_error,
        stationary_noise(model, ensemble.initial),
    )  # fmt: skip


def demon(runs: Sequence[Sorting]) -> Demon:
    """Compare loops of different asymmetry.

    Parameters
    ----------
    runs : list of Sorting

    Returns
    -------
    Demon
        Printable; `plotting.demon` draws it.

    Raises
    ------
    InputError
        For an empty list.

    Examples
    --------
    >>> import jumpsim as js
    >>> start, runs = {"A": 20, "B": 10, "1": 0, "2": 0, "m": 10}, []
    >>> for asymmetry in (0.0, 1.0):
    ...     pair = (1.0, asymmetry)
    ...     model = js.systems.closed_waveguide(20, 20, 20, 1.0, 1.0, 1.0, pair, pair)
    ...     run = js.simulate(model, [20.0, 25.0, 30.0], 100, start, seed=1, progress=False)
    ...     runs.append(js.sorting(run, after=20))
    >>> [run.asymmetry for run in js.demon(runs).runs]
    [1.0, 0.0]
    """
    if not runs:
        raise InputError("there is nothing to compare; give at least one store")
    return Demon(sorted(runs, key=lambda run: -run.asymmetry))


def _difference(model: Model, loop: ChiralLoop) -> Array:
    """Weights of the pools in the number of sorted photons: +1 for the sink, -1 for the source."""
    return np.array([(name == loop.sink) - 1.0 * (name == loop.source) for name in model.pools])


def _check_stationary(change: Array, loop: ChiralLoop) -> None:
    """Raise `InputError` if the number of sorted photons changes significantly."""
    if (found := significant_drift(change)) is not None:
        raise InputError(
            f"the run is not stationary: N_{loop.sink} - N_{loop.source} changes by "
            f"{found[1]:.4g} on average; choose a later `after`, or simulate longer"
        )


def _deficit(model: Model, counts: Array) -> float:
    """Entropy of the equilibrium state with the same energy minus that of these counts, k_B."""
    from scipy.optimize import brentq

    energy = np.array([pool.energy for pool in model.pool_specs])

    def surplus(log_x: float) -> Any:
        return energy @ Thermal(float(np.exp(log_x))).mean(model) - energy @ counts

    x = float(np.exp(brentq(surplus, np.log(1e-6), np.log(700.0), xtol=1e-13)))
    best, found = (entropies(model, n).sum() for n in (Thermal(x).mean(model), counts))
    return float(best - found)

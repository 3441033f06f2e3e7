"""The tail of single trajectories' deviations against linear noise."""

from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ...statistics.intervals import proportion_interval
from ...theory.linear_noise import linear_noise
from ...utils.results import Result, trajectories_of
from ...utils.text import with_interval
from .typicality import Typicality

LEAST = 50  # trajectories, for a tail


@dataclass(frozen=True, eq=False, repr=False)
class GaussianTail(Result):
    """How often deviations exceed a level, beside what linear noise predicts.

    Attributes
    ----------
    run : Typicality
    levels : ndarray, shape (n_levels, n_pools)
        Of |N - ⟨N⟩| / size, from the median to the largest deviation.
    observed, low, high : ndarray, shape (n_levels, n_pools)
        Fraction of trajectories beyond, with a 95 % interval.
    predicted : ndarray, shape (n_levels, n_pools)
        The same for Gaussian paths.
    """

    run: Typicality
    levels: np.ndarray
    observed: np.ndarray
    low: np.ndarray
    high: np.ndarray
    predicted: np.ndarray

    def departure(self, pool):
        """Level from which on the prediction lies outside the interval, or None."""
        p = self.run.ensemble.model.pools.index(pool)
        outside = (self.predicted[:, p] < self.low[:, p]) | (self.predicted[:, p] > self.high[:, p])
        inside = np.flatnonzero(~outside)
        first = 0 if not len(inside) else inside[-1] + 1
        return None if first == len(outside) else float(self.levels[first, p])

    @property
    def facts(self) -> str:
        """How many levels, of which run."""
        return f"{len(self.levels)} levels, {trajectories_of(self.run.ensemble)}"

    @property
    def verdict(self) -> str:
        """In which pools the tail departs from linear noise."""
        pools = self.run.ensemble.model.pools
        away = [name for name in pools if self.departure(name) is not None]
        seen = f"departs in {', '.join(away)}" if away else "does not depart"
        return f"the tail {seen} from that of linear noise"

    def __str__(self):
        lines = ["tail of the deviations against linear noise (Gaussian paths)"]
        for p, name in enumerate(self.run.ensemble.model.pools):
            level = self.departure(name)
            k = self.levels.shape[0] * 3 // 4
            seen = with_interval(self.observed[k, p], self.low[k, p], self.high[k, p])
            seen = f"beyond {self.levels[k, p]:.4g}: {seen}, Gaussian {self.predicted[k, p]:.4g}"
            if level is None:
                end = f"no departure is seen down to {1 / self.run.ntraj:.2g}"
            else:
                end = f"departs beyond {level:.4g}"
            lines.append(f"  {name}  {seen}; {end}")
        return "\n".join(lines)


def gaussian_tail(run, paths=100_000, seed=0):
    """Compare the tail of the deviations with that of linear noise.

    Parameters
    ----------
    run : Typicality
    paths : int
        Gaussian paths to sample; their own error is small beside the trajectories' when there are
        many more of them.
    seed : int

    Returns
    -------
    GaussianTail

    Raises
    ------
    InputError
        When the trajectories are too few for a tail.
    """
    if run.ntraj < LEAST:
        raise InputError(f"a tail needs {LEAST} trajectories at least, but there are {run.ntraj}")
    noise = linear_noise(run.ensemble.model, run.ensemble.times, run.ensemble.initial)
    step = max(1, 2**24 // noise.mean.size)
    deviations = np.concatenate(
        [
            np.abs(noise.paths(min(step, paths - k), [seed, k]) - noise.mean).max(axis=1)
            for k in range(0, paths, step)
        ]
    )
    predicted_at = np.sort(deviations / run.sizes, axis=0)
    found = np.sort(run.deviations, axis=0)
    ranks = np.unique(np.geomspace(1, run.ntraj / 2, 40).astype(int))[::-1]
    levels = found[run.ntraj - ranks]
    beyond = np.array(
        [(found[None, :, p] >= levels[:, p, None]).sum(axis=1) for p in range(found.shape[1])]
    ).T
    low, high = proportion_interval(beyond, run.ntraj)
    predicted = np.stack(
        [
            1 - np.searchsorted(predicted_at[:, p], levels[:, p]) / paths
            for p in range(found.shape[1])
        ],
        axis=-1,
    )
    return GaussianTail(run, levels, beyond / run.ntraj, low, high, predicted)

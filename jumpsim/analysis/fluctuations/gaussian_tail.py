"""Tail of the distribution of the trajectories' deviations, compared with linear noise."""

from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ...statistics.intervals import proportion_interval
from ...theory.linear_noise import linear_noise
from ...utils.results import Result, trajectories_of
from ...utils.text import with_interval
from ...utils.typing import Array
from ..requirements import rate_model
from .typicality import Typicality

LEAST = 50  # trajectories


@dataclass(frozen=True, eq=False, repr=False)
class GaussianTail(Result):
    """Fraction of trajectories whose deviation exceeds a threshold, compared with linear noise.

    Attributes
    ----------
    run : Typicality
    thresholds : ndarray, shape (n_thresholds, n_pools)
        Values of |N - ⟨N⟩| / size, from the median to the largest deviation.
    observed, low, high : ndarray, shape (n_thresholds, n_pools)
        Fraction of trajectories with a deviation of at least the threshold, and its 95 %
        confidence interval.
    predicted : ndarray, shape (n_thresholds, n_pools)
        The same fraction for Gaussian paths of linear noise.
    """

    run: Typicality
    thresholds: Array
    observed: Array
    low: Array
    high: Array
    predicted: Array

    def departure(self, pool: str) -> float | None:
        """Threshold above which the prediction is outside the confidence interval.

        Parameters
        ----------
        pool : str
            Name of the pool.

        Returns
        -------
        float or None
            None if the prediction is inside the interval at the largest threshold.
        """
        p = self.run.ensemble.model.pools.index(pool)
        outside = (self.predicted[:, p] < self.low[:, p]) | (self.predicted[:, p] > self.high[:, p])
        inside = np.flatnonzero(~outside)
        first = 0 if not len(inside) else inside[-1] + 1
        return None if first == len(outside) else float(self.thresholds[first, p])

    @property
    def facts(self) -> str:
        """Number of thresholds, and the run."""
        return f"{len(self.thresholds)} thresholds, {trajectories_of(self.run.ensemble)}"

    @property
    def verdict(self) -> str:
        """Pools in which the tail deviates from linear noise."""
        pools = self.run.ensemble.model.pools
        names = [name for name in pools if self.departure(name) is not None]
        result = "agrees with linear noise"
        if names:
            result = f"deviates from linear noise in {', '.join(names)}"
        return f"the tail of the deviations {result}"

    def __str__(self) -> str:
        lines = ["tail of the deviations compared with linear noise (Gaussian paths)"]
        for p, name in enumerate(self.run.ensemble.model.pools):
            limit = self.departure(name)
            k = self.thresholds.shape[0] * 3 // 4
            observed = with_interval(self.observed[k, p], self.low[k, p], self.high[k, p])
            agreement = f"no deviation down to a fraction of {1 / self.run.ntraj:.2g}"
            if limit is not None:
                agreement = f"deviates above {limit:.4g}"
            lines.append(
                f"  {name}  above {self.thresholds[k, p]:.4g}: {observed}, linear noise "
                f"{self.predicted[k, p]:.4g}; {agreement}"
            )
        return "\n".join(lines)


def gaussian_tail(run: Typicality, paths: int = 100_000, seed: int = 0) -> GaussianTail:
    """Compare the tail of the distribution of the deviations with linear noise.

    Parameters
    ----------
    run : Typicality
        Deviations of at least 50 trajectories.
    paths : int
        Number of sampled Gaussian paths. Their sampling error is negligible if there are many more
        paths than trajectories.
    seed : int
        Seed of the Gaussian paths.

    Returns
    -------
    GaussianTail

    Raises
    ------
    InputError
        When there are fewer than 50 trajectories.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="1 Hz")
    >>> run = js.simulate(model, [0.1, 0.5], 200, {"N": 12, "m": 3}, seed=1, progress=False)
    >>> js.gaussian_tail(js.typicality(run), paths=1000).facts
    '29 thresholds, 200 trajectories of hohlraum'
    """
    if run.ntraj < LEAST:
        raise InputError(f"a tail needs at least {LEAST} trajectories, but there are {run.ntraj}")
    noise = linear_noise(rate_model(run.ensemble), run.ensemble.times, run.ensemble.initial)
    step = max(1, 2**24 // noise.mean.size)
    deviations = np.concatenate(
        [
            np.abs(noise.paths(min(step, paths - k), [seed, k]) - noise.mean).max(axis=1)
            for k in range(0, paths, step)
        ]
    )
    of_paths = np.sort(deviations / run.sizes, axis=0)
    of_run = np.sort(run.deviations, axis=0)
    ranks = np.unique(np.geomspace(1, run.ntraj / 2, 40).astype(int))[::-1]
    thresholds = of_run[run.ntraj - ranks]
    above = np.array(
        [(of_run[None, :, p] >= thresholds[:, p, None]).sum(axis=1) for p in range(of_run.shape[1])]
    ).T
    low, high = proportion_interval(above, run.ntraj)
    predicted = np.stack(
        [
            1 - np.searchsorted(of_paths[:, p], thresholds[:, p]) / paths
            for p in range(of_run.shape[1])
        ],
        axis=-1,
    )
    return GaussianTail(run, thresholds, above / run.ntraj, low, high, predicted)

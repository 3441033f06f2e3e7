"""Averages over one long trajectory, beside what theory says of the system at rest."""

from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ...run.long_run import LongRun
from ...theory.linear_noise import stationary_noise
from ...theory.stationary import stationary
from ...utils.results import Result
from ...utils.tables import columns
from ...utils.text import readable_times, with_error

_MOST_STATES = 20_000
_LEAST_BLOCKS = 20  # below which a scatter of blocks is hardly known


@dataclass(frozen=True, eq=False, repr=False)
class StationaryAverages(Result):
    """A long run beside a theory of the system at rest.

    Attributes
    ----------
    run : LongRun
    theory : str or None
        "master equation" for small systems, else "linear noise"; None where there is no rest.
    mean : ndarray, shape (n_pools,)
        Expected counts; NaN without a theory.
    covariance : ndarray, shape (n_pools, n_pools)
    """

    run: LongRun
    theory: str | None
    mean: np.ndarray
    covariance: np.ndarray

    @property
    def scores(self):
        """(average - expected) / standard error, (n_pools,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return (self.run.mean() - self.mean) / self.run.sem()

    @property
    def warnings(self):
        """What speaks against the errors of a run: too few or too short blocks, or a drift."""
        run, n = self.run, len(self.run)
        if n < _LEAST_BLOCKS:
            return [f"{n} blocks are too few for errors; run at least {_LEAST_BLOCKS}"]
        found = []
        if np.nanmax(run.neighbours(), initial=0) > 4 / np.sqrt(n):
            found.append("neighbouring blocks are alike: blocks are too short, errors too small")
        # A first block that is far off widens the errors, so it is judged by the typical block.
        away = np.abs(run.means - np.median(run.means, axis=0))
        early = (away[0] > 6 * 1.4826 * np.median(away, axis=0)) & (np.diag(run.cov()) > 0)
        if early.any() or np.nanmax(np.abs(run.drift()), initial=0) > 4.5:
            found.append("the beginning differs from the rest: warm up longer")
        return found

    @property
    def facts(self) -> str:
        """How many blocks, and which theory stands beside."""
        theory = self.theory or "no theory"
        return f"{len(self.run)} blocks of {self.run.model.name} beside {theory}"

    @property
    def verdict(self) -> str:
        """The largest deviation from the theory, and what speaks against the errors."""
        scores = np.abs(self.scores)
        text = f"undecided: no theory of the steady state of {self.run.model.name}"
        if np.isfinite(scores).any():
            p = int(np.nanargmax(scores))
            text = (
                f"the largest deviation from the {self.theory} is {scores[p]:.2f} standard errors, "
                f"of the average of {self.run.model.pools[p]}"
            )
        return "\n".join([text, *(f"warning: {found}" for found in self.warnings)])

    def __str__(self):
        run = self.run
        variance, error = np.diag(run.cov()), np.diag(run.cov_error())
        expected = np.diag(self.covariance)
        factor, unit = readable_times(run.correlation_times()[None])
        rows = [
            (
                name, with_error(m, s, ".6g"), f"{e:.6g}", f"{z:.2f}", with_error(v, d, ".5g"),
                f"{x:.5g}", f"{tau * factor:.3g}",
            )
            for name, m, s, e, z, v, d, x, tau in zip(
                run.model.pools, run.mean(), run.sem(), self.mean, self.scores, variance, error,
                expected, run.correlation_times(), strict=True,
            )
        ]  # fmt: skip
        theory = self.theory or "no theory"
        head = ("pool", "average", theory, "Z", "variance", theory, f"correlation time ({unit})")
        note = "linear noise is exact only for large systems"
        rates = [
            (name, with_error(rate, error, ".6g"))
            for name, rate, error in zip(
                run.model.channels, run.rates(), run.rates_error(), strict=True
            )
        ]
        return "\n".join(
            [
                str(run),
                "",
                *columns(rows, head),
                *([note] if self.theory == "linear noise" else []),
                "",
                *columns(rates, ("channel", "events per second")),
                *(f"\nwarning: {text}" for text in self.warnings),
            ]
        )


def stationary_averages(run):
    """Put a long run beside the theory of its system at rest.

    Parameters
    ----------
    run : LongRun

    Returns
    -------
    StationaryAverages
        With the stationary law of the master equation where there are at most 20,000 states that
        the start can reach, else with linear noise around the steady state.

    Raises
    ------
    InputError
        When no block is finished.
    """
    if not len(run):
        raise InputError("no block is finished yet; go on with the run")
    n = len(run.model.pools)
    theory, mean, covariance = None, np.full(n, np.nan), np.full((n, n), np.nan)
    try:
        law = stationary(run.model, run.start, max_states=_MOST_STATES)
        theory, mean, covariance = "master equation", law.mean, law.covariance
    except InputError:
        try:
            noise = stationary_noise(run.model, run.start)
            theory, mean, covariance = "linear noise", noise.counts, noise.covariance
        except InputError:
            pass  # it grows, or oscillates
    return StationaryAverages(run, theory, mean, covariance)

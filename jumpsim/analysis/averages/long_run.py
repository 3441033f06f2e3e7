"""Averages over one long trajectory compared with a theory of the steady state."""

from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import numpy as np

from ...errors import InputError
from ...model.model import Model
from ...run.long_run import LongRun
from ...theory.correlation_times import correlation_times, decay_of_noise
from ...theory.linear_noise import stationary_noise
from ...theory.stationary import stationary
from ...utils.results import Result
from ...utils.tables import columns
from ...utils.text import readable_times, with_error
from ...utils.typing import Array

_MOST_STATES = 20_000
_MOST_SECONDS = 20.0
_LEAST_BLOCKS = 20  # for a usable standard deviation over blocks


@dataclass(frozen=True, eq=False, repr=False)
class StationaryAverages(Result):
    """Averages of a long run compared with a theory of the steady state.

    Attributes
    ----------
    run : LongRun
    theory : str or None
        "master equation" for small systems, else "linear noise"; None without a steady state.
    mean : ndarray, shape (n_pools,)
        Expected counts; NaN without a theory.
    covariance : ndarray, shape (n_pools, n_pools)
        Expected covariance of the counts; NaN without a theory.
    times : ndarray, shape (n_pools,)
        Expected correlation times, seconds; NaN without a theory.
    """

    run: LongRun
    theory: str | None
    mean: Array
    covariance: Array
    times: Array

    @property
    def scores(self) -> Array:
        """(average - expected) / standard error, shape (n_pools,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return (self.run.mean() - self.mean) / self.run.sem()

    @property
    def warnings(self) -> list[str]:
        """Reasons why the errors may be wrong: too few or too short blocks, or a drift."""
        run, n = self.run, len(self.run)
        if n < _LEAST_BLOCKS:
            return [f"{n} blocks are too few for standard errors; run at least {_LEAST_BLOCKS}"]
        found = []
        if np.nanmax(run.neighbours(), initial=0) > 4 / np.sqrt(n):
            found.append(
                "neighbouring blocks are correlated: blocks are too short, errors too small"
            )
        # A deviating first block increases the standard error, so it is compared with the median
        # absolute deviation (times 1.4826: the standard deviation of a normal distribution).
        deviation = np.abs(run.means - np.median(run.means, axis=0))
        early = (deviation[0] > 6 * 1.4826 * np.median(deviation, axis=0)) & (
            np.diag(run.cov()) > 0
        )
        if early.any() or np.nanmax(np.abs(run.drift()), initial=0) > 4.5:
            found.append("the beginning differs from the later blocks: use a longer warm-up")
        return found

    @property
    def facts(self) -> str:
        """Number of blocks, and the theory."""
        theory = self.theory or "no theory"
        return f"{len(self.run)} blocks of {self.run.model.name}, {theory}"

    @property
    def verdict(self) -> str:
        """The largest deviation from the theory, and the warnings."""
        scores = np.abs(self.scores)
        text = f"undecided: no theory of the steady state of {self.run.model.name}"
        if np.isfinite(scores).any():
            p = int(np.nanargmax(scores))
            text = (
                f"the largest deviation from the {self.theory} is {scores[p]:.2f} standard errors, "
                f"of the average of {self.run.model.pools[p]}"
            )
        return "\n".join([text, *(f"warning: {found}" for found in self.warnings)])

    def __str__(self) -> str:
        run = self.run
        variance, error = np.diag(run.cov()), np.diag(run.cov_error())
        expected = np.diag(self.covariance)
        factor, unit = readable_times(np.append(run.spacing, self._known_times()))
        rows = [
            (
                name, with_error(m, s, ".6g"), f"{e:.6g}", f"{z:.2f}", with_error(v, d, ".5g"),
                f"{x:.5g}", self._time(p, factor), _or_dash(self.times[p] * factor),
            )
            for p, (name, m, s, e, z, v, d, x) in enumerate(zip(
                run.model.pools, run.mean(), run.sem(), self.mean, self.scores, variance, error,
                expected, strict=True,
            ))
        ]  # fmt: skip
        theory = self.theory or "no theory"
        head = (
            "pool", "average", theory, "Z", "variance", theory, f"correlation time ({unit})",
            self.theory or "no theory",
        )  # fmt: skip
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

    def _known_times(self) -> Array:
        times = self.run.correlation_times()
        return times[np.isfinite(times)]

    def _time(self, p: int, factor: float) -> str:
        """Correlation time of a pool with its error; an upper bound below the sample spacing."""
        run = self.run
        time, error = run.correlation_times()[p], run.correlation_times_error()[p]
        if not np.isfinite(error):
            return "undecided"
        if time < run.spacing:
            bound, spacing = (time + 1.96 * error) * factor, run.spacing * factor
            return f"< {bound:.3g} (sample spacing {spacing:.3g})"
        return with_error(time * factor, error * factor, ".3g")


def _or_dash(value: float) -> str:
    return f"{value:.3g}" if np.isfinite(value) else "-"


def stationary_averages(run: LongRun) -> StationaryAverages:
    """Compare the averages of a long run with a theory of the steady state.

    Parameters
    ----------
    run : LongRun

    Returns
    -------
    StationaryAverages
        Compared with the stationary distribution of the master equation if at most 20,000 states
        can be reached from the start, else with linear noise around the steady state.

    Raises
    ------
    InputError
        When no block is complete.
    """
    if not len(run):
        raise InputError("no block is complete yet; continue the run")
    model = cast("Model", run.model)
    n = len(model.pools)
    theory: str | None = None
    mean, covariance, times = np.full(n, np.nan), np.full((n, n), np.nan), np.full(n, np.nan)
    try:
        exact = stationary(model, run.start, max_states=_MOST_STATES, max_seconds=_MOST_SECONDS)
        theory, mean, covariance = "master equation", exact.mean, exact.covariance
        with suppress(InputError):  # no single steady state
            times = correlation_times(model, run.start, max_states=_MOST_STATES)
    except InputError:
        try:
            noise = stationary_noise(model, run.start)
            theory, mean, covariance = "linear noise", noise.counts, noise.covariance
            times = decay_of_noise(noise, np.zeros(1))[0]
        except InputError:
            pass  # no steady state: the counts grow or oscillate
    return StationaryAverages(run, theory, mean, covariance, times)

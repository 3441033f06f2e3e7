"""Uncertainty relations: lower bounds of the relative variance of a counted current.

For a current J counted in a time window in the steady state,

    Var(J)/⟨J⟩² ≥ 1/⟨K⟩   (kinetic),   Var(J)/⟨J⟩² ≥ 2/⟨Σ⟩   (thermodynamic),

with K the number of all events in the window and Σ their entropy production. The kinetic relation
holds for every stationary Markov jump process and every J that is a number of events with weights
independent of time. The thermodynamic relation also requires that every event has a reverse with
the opposite weight in J.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import InputError
from ...model.initial import Initial
from ...model.model import Model
from ...statistics.jackknife import group_sums, jackknife_error
from ...store.ensemble import Ensemble
from ...theory.counting_statistics import channel_weights, count_cumulants
from ...theory.exponential_average import mean_production
from ...theory.stationary import stationary
from ...thermo import ratio_production
from ...utils.results import Result, trajectories_of
from ...utils.tables import columns, log_spaced_rows
from ...utils.text import readable_times, with_error
from ...utils.times import first_row
from ...utils.typing import Array
from ..requirements import (
    describe_counted,
    exact_solution,
    rate_model,
    require_record,
    require_trajectories,
    significant_drift,
)

_GROUPS = 64
_LEAST = 64
_SMALL = 5_000
_LARGEST_ERROR = 0.2  # relative error above which a ratio is undecided


@dataclass(frozen=True, eq=False, repr=False)
class Uncertainty(Result):
    """Ratios of both sides of the uncertainty relations, for windows of increasing length.

    Attributes
    ----------
    ensemble : Ensemble
    counted : str
        Description of the current.
    windows : ndarray, shape (n_windows,)
        Lengths of the windows, seconds.
    kinetic, kinetic_error : ndarray, shape (n_windows,)
        Var(J) ⟨K⟩/⟨J⟩², at least 1, and its jackknife error; NaN where it is undecided.
    thermodynamic, thermodynamic_error : ndarray, shape (n_windows,)
        Var(J) ⟨Σ⟩/(2 ⟨J⟩²), at least 1, and its jackknife error; NaN where it is undecided, or
        where its conditions do not hold.
    why_not : str or None
        Reason why the thermodynamic relation is not tested.
    exact : tuple of ndarray or None
        Both ratios from the master equation of a small system, each (n_windows,); the second is
        NaN where its conditions do not hold.
    no_exact : str
        Why there is no exact prediction; empty when there is one or none was wanted.
    """

    ensemble: Ensemble
    counted: str
    windows: Array
    kinetic: Array
    kinetic_error: Array
    thermodynamic: Array
    thermodynamic_error: Array
    why_not: str | None
    exact: tuple[Array, Array] | None
    no_exact: str = ""

    @property
    def facts(self) -> str:
        """The current, number of windows, and the run."""
        windows = f"{len(self.windows)} windows"
        return f"current {self.counted} in {windows}, {trajectories_of(self.ensemble)}"

    @property
    def verdict(self) -> str:
        """Both ratios in the longest window."""
        parts = []
        for name in ("kinetic", "thermodynamic"):
            ratio, error = getattr(self, name)[-1], getattr(self, f"{name}_error")[-1]
            parts.append(f"{name} ratio {with_error(ratio, error)}")
        return f"in the longest window: {', '.join(parts)} (bound: 1)"

    def __str__(self) -> str:
        factor, unit = readable_times(self.ensemble.times)
        rows = []
        for k in log_spaced_rows(len(self.windows), 8):
            row = [f"{self.windows[k] * factor:.4g}"]
            found = (
                (self.kinetic, self.kinetic_error),
                (self.thermodynamic, self.thermodynamic_error),
            )
            for which, (value, error) in enumerate(found):
                undecided = "-" if which and self.why_not else "undecided"
                row.append(with_error(value[k], error[k], unknown=undecided))
                if self.exact is not None:
                    exact = self.exact[which][k]
                    row.append(f"{exact:.4g}" if np.isfinite(exact) else "-")
            rows.append(row)
        exact = ["exact"] if self.exact is not None else []
        head = [f"window ({unit})", "kinetic ratio", *exact, "thermodynamic ratio", *exact]
        note = "the thermodynamic relation holds: steady state, every event has a reverse"
        if self.why_not:
            note = f"no thermodynamic relation: {self.why_not}"
        return "\n".join(
            [
                f"uncertainty of the current {self.counted} in {self.ensemble.ntraj} trajectories "
                f"of {self.ensemble.model.name} in the steady state (ratios ≥ 1)",
                "",
                *columns(rows, head, right=(0,)),
                "",
                note,
                *self.missing_exact,
            ]
        )


def uncertainty(
    ensemble: Ensemble,
    counted: str | list[str] | Mapping[str, float],
    after: float | str,
    truncate: Mapping[str, int] | None = None,
    max_states: int = _SMALL,
) -> Uncertainty:
    """Test the kinetic and the thermodynamic uncertainty relation in the steady state.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "jumps"; for the thermodynamic relation also with "events". At least 64
        trajectories.
    counted : str, list of str, or mapping of str to float
        The current J: heat to a bath, events of channels, or events with weights, such as
        {"emission": 1, "absorption": -1}.
    after : float or str
        Start of the steady state and of all windows: a stored time, seconds or a text with a unit.
    truncate : mapping of str to int, optional
        Largest counts of the exact solution; by default they are chosen so that the excluded
        probability is negligible.
    max_states : int
        Number of states up to which exact ratios are calculated; 0 for never.

    Returns
    -------
    Uncertainty
        Printable.

    Raises
    ------
    InputError
        When a necessary record is missing, there are too few trajectories, or the run is not
        stationary after `after`.

    Notes
    -----
    Var(J)/⟨J⟩² ≥ 1/⟨K⟩ with the number K of all events (kinetic), and Var(J)/⟨J⟩² ≥ 2/⟨Σ⟩ with
    their entropy production Σ in k_B (thermodynamic).

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="1 Hz")
    >>> run = js.simulate(
    ...     model, [2.0, 2.5, 3.0], 100, {"N": 12, "m": 3}, 1, ["jumps"], progress=False
    ... )
    >>> bool(js.uncertainty(run, "emission", after=2).kinetic[-1] > 1)
    True
    """
    if not ensemble.model.has_rates:
        raise InputError(
            "uncertainty relations hold for Markov jump processes, but not for quantum jumps with "
            "a coherent exchange; use level_thermodynamics for their precision"
        )
    require_record(ensemble, "jumps", "a current needs the jumps")
    require_trajectories(ensemble, _LEAST)
    model = rate_model(ensemble)
    weights = channel_weights(model, counted)
    first = first_row(ensemble.times, after, least=3)
    windows = ensemble.times[first + 1 :] - ensemble.times[first]
    current, activity, change = _counts_in_windows(ensemble, weights, first)
    _check_stationary(model, change)
    why_not = _why_not(ensemble, weights)
    kinetic = _ratio(current, activity)
    thermodynamic = np.full(len(windows), np.nan), np.full(len(windows), np.nan)
    if why_not is None:
        production, _ = ratio_production(ensemble)
        produced = production[:, first + 1 :] - production[:, first : first + 1]
        thermodynamic = _ratio(current, produced / 2)
    exact, no_exact = exact_solution(
        _exact, model, windows, ensemble.initial, counted, why_not is None, truncate=truncate,
        max_states=max_states,
    )  # fmt: skip
    return Uncertainty(
        ensemble, describe_counted(counted), windows, kinetic[0], kinetic[1], thermodynamic[0],
        thermodynamic[1], why_not, exact, no_exact,
    )  # fmt: skip


def _counts_in_windows(
    ensemble: Ensemble, weights: Array, first: int
) -> tuple[Array, Array, Array]:
    """Weighted events, number of all events, and change of the event rates.

    Returns
    -------
    current, activity : ndarray, shape (ntraj, n_windows)
    change : ndarray, shape (ntraj, n_channels)
        Events per second in the later half of the steady state minus those in the earlier half.
    """
    times = ensemble.times[first:] - ensemble.times[first]
    parts: list[tuple[Array, Array, Array]] = []
    half = first_row(times, times[-1] / 2)
    for jumps in ensemble.slabs("jumps"):
        counts = jumps[:, first:] - jumps[:, first : first + 1]
        early = counts[:, half] / times[half]
        late = (counts[:, -1] - counts[:, half]) / (times[-1] - times[half])
        parts.append(
            (counts[:, 1:] @ weights, counts[:, 1:].sum(axis=2).astype(float), late - early)
        )
    current, activity, change = (np.concatenate(p) for p in zip(*parts, strict=True))
    return current, activity, change


def _check_stationary(model: Model, change: Array) -> None:
    """Raise `InputError` if an event rate differs between both halves of the steady state."""
    if (found := significant_drift(change)) is not None:
        c, mean = found
        raise InputError(
            f"the run is not stationary: the rate of '{model.channels[c]}' changes by {mean:.4g} "
            "events per second from the earlier to the later half; choose a later `after`, or "
            "simulate longer"
        )


def _why_not(ensemble: Ensemble, weights: Array) -> str | None:
    """Reason why the thermodynamic relation does not apply, or None."""
    model = ensemble.model
    if model.irreversible:
        return f"'{model.irreversible[0]}' has no reverse"
    for c, channel in enumerate(model.channel_specs):
        if not channel.occurs or channel.reverse is None:
            continue
        if weights[model.channels.index(channel.reverse)] != -weights[c]:
            return (
                f"'{channel.name}' and its reverse must have opposite weights in the current; "
                f"count {{'{channel.name}': 1, '{channel.reverse}': -1}} instead"
            )
    if "events" not in ensemble.record:
        return 'the entropy production needs every event; run again with record "events" too'
    return None


def _ratio(current: Array, cost: Array) -> tuple[Array, Array]:
    """Var(J) ⟨cost⟩/⟨J⟩² and its jackknife error; NaN where the error is too large."""
    middle = current.mean(axis=0)
    values = np.stack([current - middle, (current - middle) ** 2, cost], axis=1)
    numbers, sums = group_sums([values], _GROUPS)
    numbers, sums = numbers[:, None], np.moveaxis(sums, 1, 0)

    def ratio(n: Any, first: Array, second: Array, cost: Array) -> Array:
        variance = (second - first**2 / n) / (n - 1)
        return variance * (cost / n) / (first / n + middle) ** 2

    with np.errstate(divide="ignore", invalid="ignore"):
        total = sums.sum(axis=1)
        value = ratio(len(current), *total)
        error = jackknife_error(ratio(len(current) - numbers, *(total[:, None] - sums)))
        known = error < _LARGEST_ERROR * value
    return np.where(known, value, np.nan), np.where(known, error, np.nan)


def _exact(
    model: Model,
    windows: Array,
    initial: Initial,
    counted: str | list[str] | Mapping[str, float],
    reversible: bool,
    **limits: Any,
) -> tuple[Array, Array]:
    """Both ratios from the stationary distribution."""
    steady = stationary(model, initial, **limits)
    found = count_cumulants(model, windows, initial, counted, from_stationary=True, **limits)
    mean, variance = found.cumulants[:2]
    source, target, _, rate = steady.space.edges
    activity = float(steady.probabilities[source[target >= 0]] @ rate[target >= 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(np.abs(mean) > 1e-12, variance / mean**2, np.nan)
    production = mean_production(steady.space, steady.probabilities) if reversible else np.nan
    return precision * activity * windows, precision * production * windows / 2

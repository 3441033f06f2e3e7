"""Uncertainty relations: how precise a counted current can be.

For a current J counted in a window at rest,

    Var(J)/⟨J⟩² ≥ 1/⟨K⟩   (kinetic),   Var(J)/⟨J⟩² ≥ 2/⟨Σ⟩   (thermodynamic),

with K all events in the window and Σ the entropy that they produce. The kinetic relation asks for a
stationary Markov jump process and nothing else: J may be any weighted number of events with weights
that do not depend on time. The thermodynamic one asks besides that every event has a reverse, and
that J changes its sign with it.
"""

from dataclasses import dataclass

import numpy as np

from ...errors import InputError
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
from ..requirements import counted_words, if_small, need, need_trajectories, significant_drift

_GROUPS = 64
_LEAST = 64
_SMALL = 5_000
_LARGEST_ERROR = 0.2  # relative, of a ratio that is decided


@dataclass(frozen=True, eq=False, repr=False)
class Uncertainty(Result):
    """Ratios of both sides of the uncertainty relations, for windows of growing length.

    Attributes
    ----------
    ensemble : Ensemble
    counted : str
        The current, in words.
    windows : ndarray, shape (n_windows,)
        Lengths, seconds.
    kinetic, kinetic_error : ndarray, shape (n_windows,)
        Var(J) ⟨K⟩/⟨J⟩², at least 1; NaN where it is undecided.
    thermodynamic, thermodynamic_error : ndarray, shape (n_windows,)
        Var(J) ⟨Σ⟩/(2 ⟨J⟩²), at least 1; NaN where it is undecided, or where its conditions do not
        hold.
    why_not : str or None
        Which condition of the thermodynamic relation does not hold, or what is missing.
    exact : tuple of ndarray or None
        Both ratios from the master equation of a small system, the second NaN without conditions.
    """

    ensemble: Ensemble
    counted: str
    windows: np.ndarray
    kinetic: np.ndarray
    kinetic_error: np.ndarray
    thermodynamic: np.ndarray
    thermodynamic_error: np.ndarray
    why_not: str | None
    exact: tuple | None

    @property
    def facts(self) -> str:
        """Which current in how many windows, of which run."""
        windows = f"{len(self.windows)} windows"
        return f"current {self.counted} in {windows}, {trajectories_of(self.ensemble)}"

    @property
    def verdict(self) -> str:
        """Both relations in the longest window."""
        parts = []
        for name in ("kinetic", "thermodynamic"):
            ratio, error = getattr(self, name)[-1], getattr(self, f"{name}_error")[-1]
            limit = "" if np.isnan(ratio) else " times its limit"
            parts.append(f"{name} relation {with_error(ratio, error)}{limit}")
        return f"in the longest window: {', '.join(parts)}"

    def __str__(self):
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
        note = "conditions of the thermodynamic relation: every event has its reverse, at rest"
        if self.why_not:
            note = f"no thermodynamic relation: {self.why_not}"
        return "\n".join(
            [
                f"uncertainty of the current {self.counted} in {self.ensemble.ntraj} trajectories "
                f"of {self.ensemble.model.name} at rest (ratios ≥ 1)",
                "",
                *columns(rows, head, right=(0,)),
                "",
                note,
            ]
        )


def uncertainty(ensemble, counted, after, max_states=_SMALL):
    """Test the kinetic and the thermodynamic uncertainty relation of a current at rest.

    Parameters
    ----------
    ensemble : Ensemble
        Recorded with "jumps"; with "events" too for the thermodynamic relation.
    counted : str, list of str, or mapping of str to float
        A bath, channels, or weights by channel such as {"emission": 1, "absorption": -1}.
    after : float or str
        Where the rest begins, a stored time; windows begin there.
    max_states : int
        Size up to which exact ratios are found; 0 for never.

    Returns
    -------
    Uncertainty
        Printable.

    Raises
    ------
    InputError
        When the store does not hold what is needed, or the run is not at rest.
    """
    if not ensemble.model.has_rates:
        raise InputError(
            "these relations bind Markov jump processes, and the jumps beside a coherent exchange "
            "are none; level_thermodynamics tells how precise they are"
        )
    need(ensemble, "jumps", "a current needs the jumps")
    need_trajectories(ensemble, _LEAST)
    model = ensemble.model
    weights = channel_weights(model, counted)
    first = first_row(ensemble.times, after, least=3)
    windows = ensemble.times[first + 1 :] - ensemble.times[first]
    current, activity, change = _counted(ensemble, weights, first)
    _check_rest(model, change)
    why_not = _why_not(ensemble, weights)
    produced = None
    if why_not is None:
        production, _ = ratio_production(ensemble)
        produced = production[:, first + 1 :] - production[:, first : first + 1]
    kinetic = _ratio(current, activity)
    thermodynamic = _ratio(current, produced / 2) if why_not is None else _unknown(windows)
    exact = if_small(
        _exact, model, windows, ensemble.initial, counted, why_not is None, max_states=max_states
    )
    words = counted_words(counted)
    return Uncertainty(ensemble, words, windows, *kinetic, *thermodynamic, why_not, exact)


def _counted(ensemble, weights, first):
    """Current and number of all events in every window, (ntraj, n_windows); change of the rates.

    The last is, for every channel, events per second in the later half less those in the earlier.
    """
    times, parts = ensemble.times[first:] - ensemble.times[first], []
    half = first_row(times, times[-1] / 2)
    for jumps in ensemble.slabs("jumps"):
        done = jumps[:, first:] - jumps[:, first : first + 1]
        early = done[:, half] / times[half]
        late = (done[:, -1] - done[:, half]) / (times[-1] - times[half])
        parts.append((done[:, 1:] @ weights, done[:, 1:].sum(axis=2).astype(float), late - early))
    return tuple(np.concatenate(p) for p in zip(*parts, strict=True))


def _check_rest(model, change):
    """Refuse a run in which the rate of some events differs between both halves of the rest."""
    if (found := significant_drift(change)) is not None:
        c, mean = found
        raise InputError(
            f"the run is not at rest: '{model.channels[c]}' changes by {mean:.4g} events per "
            "second from the earlier to the later half; begin later, or run longer"
        )


def _why_not(ensemble, weights):
    """Why the thermodynamic relation cannot be asked for, or None."""
    model = ensemble.model
    if model.irreversible:
        return f"'{model.irreversible[0]}' has no reverse"
    for c, channel in enumerate(model.channel_specs):
        if channel.rate > 0 and weights[model.channels.index(channel.reverse)] != -weights[c]:
            return (
                f"the current does not change its sign with '{channel.name}' reversed; count "
                f"{{'{channel.name}': 1, '{channel.reverse}': -1}} instead"
            )
    if "events" not in ensemble.record:
        return 'the entropy production needs every event; run again with record "events" too'
    return None


def _ratio(current, cost):
    """Var(J) ⟨cost⟩/⟨J⟩² with a jackknife error; NaN where that is too large to tell."""
    middle = current.mean(axis=0)
    values = np.stack([current - middle, (current - middle) ** 2, cost], axis=1)
    numbers, sums = group_sums([values], _GROUPS)
    numbers, sums = numbers[:, None], np.moveaxis(sums, 1, 0)

    def ratio(n, first, second, cost):
        variance = (second - first**2 / n) / (n - 1)
        return variance * (cost / n) / (first / n + middle) ** 2

    with np.errstate(divide="ignore", invalid="ignore"):
        whole = sums.sum(axis=1)
        value = ratio(len(current), *whole)
        error = jackknife_error(ratio(len(current) - numbers, *(whole[:, None] - sums)))
        known = error < _LARGEST_ERROR * value
    return np.where(known, value, np.nan), np.where(known, error, np.nan)


def _unknown(windows):
    return np.full((2, len(windows)), np.nan)


def _exact(model, windows, initial, counted, reversible, max_states):
    """Both ratios from the stationary law."""
    law = stationary(model, initial, max_states=max_states)
    found = count_cumulants(
        model, windows, initial, counted, from_stationary=True, max_states=max_states
    )
    mean, variance = found.cumulants[:2]
    source, _, _, rate = law.space.edges
    activity = float(law.probabilities[source] @ rate)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(np.abs(mean) > 1e-12, variance / mean**2, np.nan)
    production = mean_production(law.space, law.probabilities) if reversible else np.nan
    return precision * activity * windows, precision * production * windows / 2

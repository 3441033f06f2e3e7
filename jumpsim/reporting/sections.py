"""What a report asks of a run: one entry of `SECTIONS` for each question."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .. import plotting, units
from ..analysis.averages.rate_equations import compare
from ..analysis.entropy.clausius import clausius, window_production
from ..analysis.entropy.fluctuation_theorem import fluctuation_theorem
from ..analysis.entropy.production_signs import production_signs
from ..analysis.entropy.uncertainty import uncertainty
from ..analysis.events.counting import counting
from ..analysis.fluctuations.correlations import correlations
from ..analysis.fluctuations.cumulants import fluctuations
from ..analysis.fluctuations.gaussian_tail import GaussianTail, gaussian_tail
from ..analysis.fluctuations.typicality import Typicality, typicality
from ..errors import InputError
from ..theory.mean_field import mean_field
from ..thermo.second_law.audit import audit
from ..utils.text import readable_times
from ..utils.times import first_row

_LEAST_FOR_A_TAIL = 50
_LARGEST_DRIFT = 0.1  # of the mean, in standard deviations of the count, for a run at rest
_ROUNDING = 1e-6
_SMALL = 2_000  # states up to which a page waits for exact averages of exponentials


@dataclass(frozen=True)
class Section:
    """One question to a run.

    Attributes
    ----------
    heading : str
    question : str
        A sentence.
    command : tuple of str
        The command that gives the same, without "jumpsim"; "STORE" stands for the file, and each
        "{}" for the next of what `over` gives.
    measure : callable
        (ensemble, *arguments) to a result whose `str` is the printed table.
    told : callable
        The result to its verdict, in words.
    draw : callable, optional
        The result to a `matplotlib.figure.Figure`.
    over : callable
        The ensemble to a list of the arguments: the question is put once for each of them.
    nothing : str
        Why the question is not put when there are none.
    remedy : str
        What to do when the run cannot answer.
    """

    heading: str
    question: str
    command: tuple
    measure: Callable
    told: Callable
    draw: Callable | None = None
    over: Callable = field(default=lambda ensemble: [()])  # noqa: ARG005
    nothing: str = ""
    remedy: str = ""

    @property
    def anchor(self):
        """Name of the section within the page."""
        return self.heading.lower().replace(" ", "-")

    def words(self, store, arguments):
        """Words of the command that gives the same; what begins with a dash is no option."""
        left, words = iter(arguments), ["jumpsim"]
        for word in self.command:
            if word == "STORE":
                words.append(f"./{store}" if store.startswith("-") else store)
            elif word == "{}":
                argument = next(left)
                words += ["--", argument] if argument.startswith("-") else [argument]
            else:
                words.append(word)
        return words


@dataclass(frozen=True, eq=False)
class _Typical:
    """Deviations of the trajectories, and their tail where there are enough."""

    run: Typicality
    tail: GaussianTail | None

    def __str__(self):
        return f"{self.run}\n\n{self.tail or self.undecided}"

    @property
    def undecided(self):
        return f"tail: undecided, {self.run.ntraj} trajectories are too few"

    @property
    def verdict(self):
        pools, tail = self.run.ensemble.model.pools, self.tail
        middle = ", ".join(f"{m:.3g} ({n})" for m, n in zip(self.run.median[0], pools, strict=True))
        text = f"half of the trajectories stray from the rate equations by at most {middle} of size"
        if tail is None:
            return f"{text}; {self.undecided}"
        away = [name for name in pools if tail.departure(name) is not None]
        seen = f"departs in {', '.join(away)}" if away else "does not depart"
        return f"{text}; the tail {seen} from that of linear noise"


def _typical(ensemble):
    run = typicality(ensemble)
    return _Typical(run, gaussian_tail(run) if run.ntraj >= _LEAST_FOR_A_TAIL else None)


def _signs_told(signs):
    share, error = signs.share
    if np.isnan(share):
        return "undecided: the average production is nowhere known to differ from 0"
    return (
        f"{signs.ever[0]:.3g} [{signs.ever[1]:.3g}, {signs.ever[2]:.3g}] of the trajectories "
        "produce entropy of the other sign than the average at some time; on average a trajectory "
        f"does during {share:.3g} ± {error:.2g} of the time"
    )


def _fano_told(result):
    factor, unit = readable_times(result.ensemble.times)
    fano = result.fano[-1]
    if np.isnan(fano):
        return "nothing was counted"
    return (
        f"in the longest window ({result.windows[-1] * factor:.4g} {unit}) the mean is "
        f"{result.cumulants[0, -1]:.4g} and variance / mean is {fano:.4g} ± "
        f"{result.fano_error[-1]:.2g} (1 for independent single quanta)"
    )


def _theorem_told(result):
    return f"integral fluctuation theorem, at the last stored time: {result.verdicts[-1]}"


def _uncertainty_told(result):
    told = []
    for name in ("kinetic", "thermodynamic"):
        ratio, error = getattr(result, name)[-1], getattr(result, f"{name}_error")[-1]
        known = f"{ratio:.4g} ± {error:.2g} times its limit"
        told.append(f"{name} relation {'undecided' if np.isnan(ratio) else known}")
    return f"in the longest window: {', '.join(told)}"


def _times_told(result):
    return str(result).splitlines()[-1]


def _baths(ensemble):
    baths = dict.fromkeys(c.bath for c in ensemble.model.channel_specs if c.bath is not None)
    return [(name,) for name in baths]


def _baths_later(ensemble):
    return [(*_later_half(ensemble)[0], *bath) for bath in _baths(ensemble)]


def _later_half(ensemble):
    times = ensemble.times
    return [(f"{float(times[first_row(times, times[-1] / 2)])!r} s",)]


def _correlations(ensemble, after):
    result = correlations(ensemble, after)
    _check_rest(ensemble, after)
    return result


def _uncertainty(ensemble, after, bath):
    result = uncertainty(ensemble, bath, after)
    _check_rest(ensemble, after)
    return result


def _check_rest(ensemble, after):
    """Refuse a run that is not at rest by the rate equations.

    Few trajectories hide a drift of their averages, and what is seen then is no property of rest.
    """
    times = np.unique([units.time(after), ensemble.times[-1]])
    counts = mean_field(ensemble.model, times, ensemble.initial).counts
    first, last = counts[0], counts[-1]
    excess = np.abs(last - first) - _LARGEST_DRIFT * np.sqrt(ensemble.var()[-1])
    if (excess > _ROUNDING * last).any():
        p = int(excess.argmax())
        raise InputError(
            "the later half of the run is not at rest: the rate equations take "
            f"{ensemble.model.pools[p]} from {first[p]:.4g} to {last[p]:.4g} there"
        )


SECTIONS = [
    Section(
        "Second law",
        "Do the model's events keep detailed balance, and does the entropy production from this "
        "start ever fall below zero?",
        ("audit", "STORE"),
        lambda ensemble: audit(ensemble.model, ensemble.initial),
        lambda result: result.verdict,
    ),
    Section(
        "Averages",
        "Do the averages over trajectories follow the rate equations?",
        ("compare", "STORE"),
        compare,
        lambda result: "; ".join([result.verdict, *([str(result.joint)] if result.joint else [])]),
        plotting.comparison,
        remedy='run again with more trajectories, and record "counts"',
    ),
    Section(
        "Fluctuations",
        "Do the counts vary as linear noise, or the master equation, says?",
        ("fluctuations", "STORE"),
        fluctuations,
        lambda result: result.verdict,
        plotting.fluctuations,
        remedy='run again with more trajectories, and record "counts"',
    ),
    Section(
        "Typicality",
        "How far do single trajectories stray from the rate equations?",
        ("typicality", "STORE"),
        _typical,
        lambda result: result.verdict,
        lambda result: plotting.typicality([result.run], result.tail),
        remedy='run again with record "counts"',
    ),
    Section(
        "Entropy of single trajectories",
        "How often does a single trajectory produce entropy of the other sign than the average?",
        ("typicality", "STORE", "--no-figure"),
        production_signs,
        _signs_told,
        remedy='run again with records "counts" and "events"',
    ),
    Section(
        "Entropy of the whole run",
        "In how many trajectories does the entropy within the system fall from start to end?",
        ("clausius", "STORE"),
        lambda ensemble: clausius([window_production(ensemble)]),
        lambda result: str(result.families[0][0]),
        plotting.clausius,
        remedy='run again with records "counts" and "events"',
    ),
    Section(
        "Fluctuation theorem",
        "Is ⟨exp(-Σ)⟩ = 1, and P(Σ)/P(-Σ) = exp(Σ), of the entropy production Σ?",
        ("theorem", "STORE"),
        lambda ensemble: fluctuation_theorem(ensemble, max_states=_SMALL),
        _theorem_told,
        plotting.theorem,
        remedy='run again with records "counts" and "events"',
    ),
    Section(
        "Heat",
        "How much heat does each bath receive in windows of time, and how does it vary?",
        ("counting", "STORE", "{}"),
        counting,
        _fano_told,
        plotting.counting,
        over=_baths,
        nothing="no channel of this model exchanges heat with a bath",
        remedy='run again with more trajectories, and record "jumps"',
    ),
    Section(
        "Correlations",
        "How long do fluctuations last in the later half of the run, if it is at rest there?",
        ("correlations", "STORE", "--after", "{}"),
        _correlations,
        _times_told,
        plotting.correlations,
        over=_later_half,
        remedy="store later times, equally spaced, or ask from another time on",
    ),
    Section(
        "Uncertainty",
        "How precise are the currents to the baths in the later half of the run, if it is at rest "
        "there, and how precise may they be?",
        ("uncertainty", "STORE", "--after", "{}", "{}"),
        _uncertainty,
        _uncertainty_told,
        plotting.uncertainty,
        over=_baths_later,
        nothing="no channel of this model exchanges heat with a bath",
        remedy='store later times, and record "jumps"',
    ),
]

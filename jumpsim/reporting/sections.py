"""Sections of a report, from the catalogue of analyses: one for each question that it declares."""

from dataclasses import dataclass
from itertools import product

import numpy as np

from .. import units
from ..analysis.catalogue import ANALYSES
from ..analysis.declaration import Analysis, Section
from ..errors import InputError
from ..store.ensemble import Ensemble
from ..theory.mean_field import mean_field
from ..utils.results import Result
from ..utils.times import first_row

_LARGEST_DRIFT = 0.1  # of the mean, in standard deviations of the count, for a stationary run
_ROUNDING = 1e-6


@dataclass(frozen=True)
class ReportSection:
    """One section of the report.

    Attributes
    ----------
    analysis : Analysis
    section : Section
    """

    analysis: Analysis
    section: Section

    @property
    def heading(self) -> str:
        """Title of the section."""
        return self.section.heading

    @property
    def anchor(self) -> str:
        """Name of the section within the page: that of its function."""
        return self.section.function or self.analysis.name

    @property
    def figure(self) -> bool:
        """Whether the result is drawn."""
        return self.analysis.figure and not self.section.function

    def cases(self, ensemble: Ensemble) -> list[dict[str, str]]:
        """Options of the analysis for each result of the section, as the run gives them."""
        values = [_GIVEN[rule](ensemble) for rule in self.section.given.values()]
        return [dict(zip(self.section.given, case, strict=True)) for case in product(*values)]

    def result(self, ensemble: Ensemble, options: dict[str, str]) -> Result:
        """Analyse the run, with some options."""
        keywords: dict[str, object] = {**options, **self.section.settings}
        if self.section.function:
            result = self.analysis.function(self.section.function)(ensemble, **keywords)
        else:
            result = self.analysis.result([ensemble], **keywords)
        if self.section.steady:
            _check_stationary(ensemble, options["after"])
        return result

    def words(self, store: str, options: dict[str, str]) -> list[str]:
        """Words of the command that gives the same; what begins with a dash is no option."""
        words = ["jumpsim", self.analysis.name, f"./{store}" if store.startswith("-") else store]
        if self.section.function:
            words.append("--no-figure")
        for option in sorted(self.analysis.options, key=lambda option: option.positional):
            if option.name in options:
                value = options[option.name]
                named = [] if option.positional else [f"--{option.name}"]
                dashed = option.positional and value.startswith("-")
                words += ["--", value] if dashed else [*named, value]
        return words


def _baths(ensemble):
    channels = ensemble.model.channel_specs
    return list(dict.fromkeys(c.bath for c in channels if c.bath is not None))


def _later_half(ensemble):
    times = ensemble.times
    return [f"{float(times[first_row(times, times[-1] / 2)])!r} s"]


_GIVEN = {"baths": _baths, "later half": _later_half}


def _check_stationary(ensemble, after):
    """Refuse a run that is not stationary by the rate equations.

    Few trajectories hide a drift of their averages, and what is seen then is no property of the
    steady state.
    """
    times = np.unique([units.time(after), ensemble.times[-1]])
    counts = mean_field(ensemble.model, times, ensemble.initial).counts
    first, last = counts[0], counts[-1]
    excess = np.abs(last - first) - _LARGEST_DRIFT * np.sqrt(ensemble.var()[-1])
    if (excess > _ROUNDING * last).any():
        p = int(excess.argmax())
        raise InputError(
            "the later half of the run is not stationary: the rate equations take "
            f"{ensemble.model.pools[p]} from {first[p]:.4g} to {last[p]:.4g} there"
        )


SECTIONS = [ReportSection(a, section) for a in ANALYSES for section in a.sections]

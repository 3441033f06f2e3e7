"""Sections of a report, as declared in the catalogue of analyses."""

from dataclasses import dataclass
from itertools import product

import numpy as np

from .. import units
from ..analysis.catalogue import ANALYSES
from ..analysis.declaration import Analysis, Section
from ..analysis.requirements import rate_model
from ..errors import InputError
from ..store.ensemble import Ensemble
from ..theory.mean_field import mean_field
from ..utils.results import Result
from ..utils.times import first_row

_LARGEST_DRIFT = 0.1  # change of the mean of a stationary run, in standard deviations
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
        """Anchor of the section in the page: the name of its function."""
        return self.section.function or self.analysis.name

    @property
    def figure(self) -> bool:
        """Whether the result is drawn."""
        return self.analysis.figure and not self.section.function

    def cases(self, ensemble: Ensemble) -> list[dict[str, str]]:
        """Options of the analysis for each result of the section, taken from the run.

        Parameters
        ----------
        ensemble : Ensemble

        Returns
        -------
        list of dict of str to str
            Empty if the run provides no value of an option.
        """
        values = [_GIVEN[rule](ensemble) for rule in self.section.given.values()]
        return [dict(zip(self.section.given, case, strict=True)) for case in product(*values)]

    def result(self, ensemble: Ensemble, options: dict[str, str]) -> Result:
        """Analyse the run with one of `cases`.

        Raises
        ------
        InputError
            When the analysis is not possible, or the run is not stationary where it must be.
        """
        keywords: dict[str, object] = {**options, **self.section.settings}
        if self.section.function:
            result = self.analysis.function(self.section.function)(ensemble, **keywords)
        else:
            result = self.analysis.result([ensemble], **keywords)
        if self.section.steady:
            _check_stationary(ensemble, options["after"])
        return result

    def words(self, store: str, options: dict[str, str]) -> list[str]:
        """Words of the command for the same result; names may begin with a dash."""
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


def _baths(ensemble: Ensemble) -> list[str]:
    channels = ensemble.model.channel_specs
    return list(dict.fromkeys(c.bath for c in channels if c.bath is not None))


def _later_half(ensemble: Ensemble) -> list[str]:
    times = ensemble.times
    return [f"{float(times[first_row(times, times[-1] / 2)])!r} s"]


_GIVEN = {"baths": _baths, "later half": _later_half}


def _check_stationary(ensemble: Ensemble, after: str) -> None:
    """Raise `InputError` for a run that is not stationary by the rate equations.

    With few trajectories a drift of the averages may not be significant, although the results are
    not those of the steady state.
    """
    times = np.unique([units.time(after), ensemble.times[-1]])
    counts = mean_field(rate_model(ensemble), times, ensemble.initial).counts
    first, last = counts[0], counts[-1]
    excess = np.abs(last - first) - _LARGEST_DRIFT * np.sqrt(ensemble.var()[-1])
    if (excess > _ROUNDING * last).any():
        p = int(excess.argmax())
        raise InputError(
            "the later half of the run is not stationary: by the rate equations, "
            f"{ensemble.model.pools[p]} changes from {first[p]:.4g} to {last[p]:.4g}"
        )


SECTIONS = [ReportSection(a, section) for a in ANALYSES for section in a.sections]

"""What the declaration of an analysis holds: its functions, options and sections of the report.

Nothing is imported from the analysis itself until it is used, so that the command line is quick.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from inspect import signature
from typing import Any

REQUIRED = object()


@dataclass(frozen=True)
class Option:
    """One option of an analysis, of its command and of its function alike.

    Attributes
    ----------
    name : str
        Of the option and of the function's keyword.
    help : str
    kind : str
        How text is converted: "text", "time", "whole", "positive", or "counted" (one name, several,
        or names with weights).
    metavar : str
    default : object
        `REQUIRED` where it must be given.
    positional : bool
        Whether it stands behind the store without its name.
    many : bool
        Whether several words are taken.
    choices : tuple of str
    least : int
        Of a whole number.
    """

    name: str
    help: str = ""
    kind: str = "text"
    metavar: str = ""
    default: object = REQUIRED
    positional: bool = False
    many: bool = False
    choices: tuple[str, ...] = ()
    least: int = 1

    @property
    def usage(self) -> str:
        """How it is written on the command line."""
        text = self.metavar or "|".join(self.choices)
        text = f"{text} ..." if self.many else text
        text = text if self.positional else f"--{self.name} {text}"
        return text if self.default is REQUIRED else f"[{text}]"


@dataclass(frozen=True)
class Section:
    """One section of the report.

    Attributes
    ----------
    heading : str
    question : str
        A sentence.
    given : mapping of str to str
        Options that follow from the run: "baths" gives each bath in turn, "later half" the first
        stored time of the later half.
    settings : mapping
        Further keywords of the function, the same for every run.
    steady : bool
        Whether a later half that is not stationary by the rate equations is refused.
    nothing : str
        Why the section is empty for a run that gives none of `given`.
    remedy : str
        What to do when the run does not hold what is needed.
    function : str
        Public name of the function, where it is another than that of the analysis. Its result has
        no figure.
    """

    heading: str
    question: str
    given: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    steady: bool = False
    nothing: str = ""
    remedy: str = ""
    function: str = ""


@dataclass(frozen=True)
class Analysis:
    """One analysis of runs.

    Attributes
    ----------
    name : str
        Of the command, the public function, the figure in `plotting` and the section of the report.
    question : str
        What it answers, for the documentation.
    summary : str
        For the help of the command line.
    module : str
        Where its function is, within the package.
    needs : str
        What must have been recorded.
    options : tuple of Option
    stores : str
        What several stores have in common; empty for an analysis of one store.
    each, together : str
        Public name of the function of one run, and of the function that compares the results of
        several; by default the name of the analysis and nothing. With `each` = "run" runs are
        compared as they are.
    also : mapping of str to str
        Further public functions and their modules.
    figure : bool
        Whether there is a figure.
    of_model : bool
        Whether a parameter file may take the place of a store.
    sections : tuple of Section
    """

    name: str
    question: str
    summary: str
    module: str
    needs: str
    options: tuple[Option, ...] = ()
    stores: str = ""
    each: str = ""
    together: str = ""
    also: Mapping[str, str] = field(default_factory=dict)
    figure: bool = True
    of_model: bool = False
    sections: tuple[Section, ...] = ()

    @property
    def public(self) -> dict[str, str]:
        """Public names and the modules that they are in."""
        return {self.name: self.module, **self.also}

    def function(self, name: str) -> Callable[..., Any]:
        """Load one of the public functions."""
        return getattr(import_module(f"jumpsim.{self.public[name]}"), name)

    def result(self, runs: list, **options: object) -> Any:
        """Analyse runs.

        Parameters
        ----------
        runs : list of Ensemble
            One, unless several can be compared.
        **options
            Keywords of the function of one run, or of the one that compares several.

        Returns
        -------
        Result
        """
        compare = self.function(self.together) if self.together else None
        shared = set(signature(compare).parameters) & set(options) if compare else set()
        if self.each != "run":
            measure = self.function(self.each or self.name)
            own = {name: value for name, value in options.items() if name not in shared}
            runs = [measure(run, **own) for run in runs]
        return compare(runs, **{name: options[name] for name in shared}) if compare else runs[0]

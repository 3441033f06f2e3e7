"""Classes that declare an analysis: its functions, its options, its sections of the report.

The module of an analysis is imported at its first use, so that the command line starts fast.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from inspect import signature
from typing import Any

REQUIRED = object()


@dataclass(frozen=True)
class Option:
    """One option of an analysis: a command-line option and a keyword of the function.

    Attributes
    ----------
    name : str
        Name of the option and of the function's keyword.
    help : str
        Help text of the command line.
    kind : str
        Conversion of the text: "text", "time", "whole", "positive", "counted" (one
        name, several, or names with weights), or "limits" (names with counts).
    metavar : str
        Placeholder of the value in the help.
    default : object
        `REQUIRED` where the option must be given.
    positional : bool
        Whether it follows the store on the command line, without its name.
    many : bool
        Whether it accepts several words.
    choices : tuple of str
        Allowed values; empty for any.
    least : int
        Smallest allowed value of a whole number.
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
        """Notation of the option in the usage of the command."""
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
        The question that the section answers, a sentence.
    given : mapping of str to str
        Options whose values are taken from the run: "baths" stands for one result per bath,
        "later half" for the first stored time of the later half.
    settings : mapping
        Further keywords of the function, equal for every run.
    steady : bool
        Whether the section is refused when, by the rate equations, the later half of the run is
        not stationary.
    nothing : str
        Reason, for a run that provides no value of `given`.
    remedy : str
        Advice when the run lacks the necessary records or times.
    function : str
        Public name of the function, where it is not that of the analysis. Such a section has no
        figure.
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
        Name of the command, of the public function, of the figure in `plotting` and of the section
        of the report.
    question : str
        The question that the analysis answers, for the documentation.
    summary : str
        Help text of the command.
    module : str
        Module of the function, relative to the package.
    needs : str
        Records that a run must have.
    options : tuple of Option
    stores : str
        Description of the stores, for an analysis of several; empty for an analysis of one store.
    each, together : str
        Public names of the function that analyses one run, and of the function that compares the
        results of several; by default the name of the analysis, and no comparison. With `each` =
        "run" the second function takes the runs themselves.
    also : mapping of str to str
        Further public functions and their modules.
    figure : bool
        Whether there is a figure.
    of_model : bool
        Whether a parameter file may be given instead of a store.
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
        """Public names and their modules."""
        return {self.name: self.module, **self.also}

    def function(self, name: str) -> Callable[..., Any]:
        """Import one of the public functions.

        Parameters
        ----------
        name : str
            A key of `public`.
        """
        return getattr(import_module(f"jumpsim.{self.public[name]}"), name)

    def result(self, runs: list[Any], **options: object) -> Any:
        """Analyse runs.

        Parameters
        ----------
        runs : list of Ensemble
            One run, or several for an analysis that compares runs.
        **options
            Keywords of the function that analyses one run, or of the one that compares several.

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

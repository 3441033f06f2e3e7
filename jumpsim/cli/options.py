"""Commands and options of the command line."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from ..analysis.catalogue import ANALYSES
from ..analysis.declaration import REQUIRED, Analysis, Option
from ..errors import InputError

DONE, BAD_INPUT, STOPPED = 0, 2, 75  # exit status
Command = Callable[[argparse.Namespace], int]
_RENAMED_COMMANDS = {
    "levels": "level_thermodynamics",
    "passage": "first_passages",
    "rabi": "rabi_onset",
    "theorem": "fluctuation_theorem",
    "waiting": "waiting_times",
}
_RENAMED_OPTIONS = {"--begin": "--after", "--end": "--until"}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Print the error on one line, and exit."""
        for old, new in _RENAMED_OPTIONS.items():
            if message.startswith("unrecognized arguments:") and old in message.split():
                message = f"{message} ({old} is now called {new})"
        self.exit(BAD_INPUT, f"{self.prog}: {message} (see {self.prog} --help)\n")


def refuse_former_name(words: list[str]) -> None:
    """Exit with an error for the former name of a command, or a name with hyphens.

    Parameters
    ----------
    words : list of str
        Arguments of the command line.
    """
    name = words[0] if words else ""
    present = _RENAMED_COMMANDS.get(name, name.replace("-", "_"))
    if present != name and present in {analysis.name for analysis in ANALYSES}:
        text = f"jumpsim: the command '{name}' is called '{present}' (see jumpsim --help)"
        _Parser(prog="jumpsim").exit(BAD_INPUT, f"{text}\n")


def parser(functions: Mapping[str, Command]) -> argparse.ArgumentParser:
    """Parser of all commands.

    Parameters
    ----------
    functions : mapping of str to callable
        Function of each command; it takes the options and returns the exit status.

    Returns
    -------
    argparse.ArgumentParser
    """
    from .. import __version__

    top = _Parser(prog="jumpsim", description="Single photon events and their thermodynamics.")
    top.add_argument("--version", action="version", version=f"jumpsim {__version__}")
    commands = top.add_subparsers(
        dest="name", required=True, metavar="COMMAND", parser_class=_Parser
    )

    run = commands.add_parser("run", help="simulate the system of a parameter file")
    run.set_defaults(command=functions["run"])
    run.add_argument("spec", metavar="SPEC.toml", help="parameter file")
    run.add_argument("-o", "--output", metavar="OUT.h5", required=True, help="file to write")
    _add_settings(run)
    run.add_argument("--dry-run", action="store_true", help="only estimate events, time and bytes")
    where = run.add_mutually_exclusive_group()
    where.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="use a Dask cluster: tcp://HOST:PORT, or a scheduler file",
    )
    where.add_argument("--mpi", action="store_true", help="use the ranks of mpiexec")
    run.add_argument(
        "--shared-folder", action="store_true",
        help="workers of --scheduler or --mpi write to the output folder themselves",
    )  # fmt: skip
    run.add_argument(
        "--shard", metavar="k/K", help="simulate only part k of K; merge with: compact OUT.h5"
    )

    sweep = commands.add_parser(
        "sweep", help="simulate a grid of parameters, one file for each point"
    )
    sweep.set_defaults(command=functions["sweep"])
    sweep.add_argument("spec", metavar="SPEC.toml", help="parameter file")
    sweep.add_argument("-o", "--output", metavar="FOLDER", required=True, help="folder to write to")
    sweep.add_argument(
        "--vary", metavar="PATH=V1,V2,...", action="append", required=True,
        help="such as parameters.tls=50,100; repeat for further axes",
    )  # fmt: skip
    _add_settings(sweep)

    long = commands.add_parser("long", help="averages over one long trajectory")
    long.set_defaults(command=functions["long"])
    long.add_argument("spec", metavar="SPEC.toml", help="parameter file; [times] is not used")
    long.add_argument("-o", "--output", metavar="OUT.h5", required=True, help="file to write")
    time: dict[str, Any] = {"metavar": "TIME", "type": _seconds}
    long.add_argument("--block", **time, required=True, help="length of a block, such as '20 us'")
    long.add_argument(
        "--blocks", metavar="N", type=_whole(1), default=100, help="number of blocks (default 100)"
    )
    long.add_argument(
        "--samples",
        metavar="N",
        type=_whole(1),
        default=1000,
        help="samples in a block (default 1000)",
    )
    long.add_argument(
        "--warmup", **time, default=0.0, help="time before the first block (default 0)"
    )
    long.add_argument("--seed", metavar="S", type=_whole(0), help="0 ≤ S < 2^64")
    long.add_argument(
        "--index",
        metavar="I",
        type=_whole(0),
        default=0,
        help="index of the trajectory (default 0)",
    )
    long.add_argument("--time-limit", **time, help="stop after this time, such as '90 s' or '2 h'")
    long.add_argument("--figure", metavar="NAME", help="file name of the figure, without suffix")
    long.add_argument("--no-figure", action="store_true", help="do not draw the figure")
    long.add_argument("-q", "--quiet", action="store_true", help="do not print the progress")

    info = commands.add_parser("info", help="print everything about a run that its file contains")
    info.set_defaults(command=functions["info"])
    info.add_argument("store", metavar="OUT.h5")

    status = commands.add_parser(
        "status", help="progress of a run, and whether its files are intact"
    )
    status.set_defaults(command=functions["status"])
    status.add_argument("store", metavar="OUT.h5")

    rerun = commands.add_parser(
        "rerun", help="simulate one trajectory again and compare bit for bit"
    )
    rerun.set_defaults(command=functions["rerun"])
    rerun.add_argument("store", metavar="OUT.h5")
    rerun.add_argument("--index", metavar="I", type=_whole(0), required=True)

    merge = commands.add_parser("merge", help="merge stores of one run into one")
    merge.set_defaults(command=functions["merge"])
    merge.add_argument("stores", metavar="IN.h5", nargs="+")
    merge.add_argument("-o", "--output", metavar="OUT.h5", required=True)

    compact = commands.add_parser("compact", help="merge blocks and shards of a run into one file")
    compact.set_defaults(command=functions["compact"])
    compact.add_argument("store", metavar="OUT.h5")

    for analysis in ANALYSES:
        _add_analysis(functions, commands, analysis)

    report = commands.add_parser("report", help="one HTML page with everything about a run")
    report.set_defaults(command=functions["report"])
    report.add_argument("store", metavar="OUT.h5")
    report.add_argument("-o", "--output", metavar="PAGE.html", help="default: OUT-report.html")

    figures = commands.add_parser("figures", help="draw the figures of the papers")
    figures.set_defaults(command=functions["figures"])
    figures.add_argument(
        "names", metavar="FIGURE", nargs="*", help="such as fig4 or second_law; default: all"
    )
    figures.add_argument(
        "--data", metavar="FOLDER", default="data", help="folder of the parameter files"
    )
    figures.add_argument(
        "--stores", metavar="FOLDER", default="results", help="folder of the stores"
    )
    figures.add_argument(
        "-o", "--output", metavar="FOLDER", default="results", help="folder of the figures"
    )
    figures.add_argument("--read-only", action="store_true", help="do not simulate missing stores")
    figures.add_argument(
        "-n", "--ntraj", metavar="N", type=_whole(1), help="trajectories in each store"
    )
    figures.add_argument("-q", "--quiet", action="store_true", help="do not print the progress")
    return top


def _add_analysis(functions: Mapping[str, Command], commands: Any, analysis: Analysis) -> None:
    """Add the command of an analysis, from its declaration."""
    command = commands.add_parser(
        analysis.name, help=analysis.summary, description=analysis.question
    )
    command.set_defaults(command=functions[analysis.name], analysis=analysis)
    if analysis.stores:
        command.add_argument("stores", metavar="OUT.h5", nargs="+", help=analysis.stores)
    elif analysis.of_model:
        command.add_argument("store", metavar="SPEC.toml|OUT.h5", help="parameter file, or a store")
    else:
        command.add_argument("store", metavar="OUT.h5")
    for option in analysis.options:
        _add_option(command, option)
    if analysis.figure:
        command.add_argument(
            "--figure", metavar="NAME", help="file name of the figure, without suffix"
        )
        command.add_argument("--no-figure", action="store_true", help="do not draw the figure")


def _add_option(command: argparse.ArgumentParser, option: Option) -> None:
    settings: dict[str, Any] = {"help": option.help}
    if option.metavar:
        settings["metavar"] = option.metavar
    if option.choices:
        settings["choices"] = option.choices
    if option.many:
        settings["nargs"] = "+"
    if option.kind in _ACTIONS:
        settings["action"] = _ACTIONS[option.kind]
    elif option.kind != "text":
        kinds = {"time": _seconds, "positive": _positive, "whole": _whole(option.least)}
        settings["type"] = kinds[option.kind]
    optional = option.default is not REQUIRED
    if option.positional:
        if optional:
            settings |= {"nargs": "?", "default": option.default}
        command.add_argument(option.name, **settings)
    else:
        settings |= {"default": option.default} if optional else {"required": True}
        command.add_argument(f"--{option.name}", **settings)


class _Words(argparse.Action):
    """Words that are converted together."""

    convert: Callable[[list[str]], Any]

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        try:
            setattr(namespace, self.dest, type(self).convert(list(values or [])))
        except InputError as error:
            raise argparse.ArgumentError(self, str(error)) from None


def as_counted(texts: list[str]) -> str | list[str] | dict[str, float]:
    """Convert words such as "emission" or "absorption=-1" to the `counted` of functions.

    Parameters
    ----------
    texts : list of str
        Names, or NAME=WEIGHT.

    Returns
    -------
    str, list of str, or dict of str to float
        One name, several, or names with weights.

    Raises
    ------
    InputError
        When a weight is not a number.
    """
    if not any("=" in text for text in texts):
        return texts[0] if len(texts) == 1 else texts
    weights: dict[str, float] = {}
    for text in texts:
        name, equals, weight = text.rpartition("=")
        try:
            weights[name if equals else text] = float(weight) if equals else 1.0
        except ValueError:
            raise InputError(f"a weight must be a number, as in NAME=-1, but is {text!r}") from None
    return weights


def as_limits(texts: list[str]) -> dict[str, int]:
    """Convert words such as "A=30" to the `truncate` of functions.

    Parameters
    ----------
    texts : list of str
        POOL=COUNT.

    Returns
    -------
    dict of str to int

    Raises
    ------
    InputError
        When a word has another form.
    """
    limits = {}
    for text in texts:
        name, _, count = text.rpartition("=")
        if not name or not count.isdecimal():
            raise InputError(f"a largest count is given as POOL=COUNT, but is '{text}'")
        limits[name] = int(count)
    return limits


class _Counted(_Words):
    """Events to count: a bath, channels, or channels with weights such as NAME=-1."""

    convert = staticmethod(as_counted)


class _Limits(_Words):
    """Largest counts of pools, such as A=30."""

    convert = staticmethod(as_limits)


_ACTIONS = {"counted": _Counted, "limits": _Limits}


def _add_settings(command: argparse.ArgumentParser) -> None:
    """Add the common options of the commands that simulate."""
    add = command.add_argument
    add("-n", "--ntraj", metavar="N", type=_whole(1), help="number of trajectories in a file")
    add("--seed", metavar="S", type=_whole(0), help="0 ≤ S < 2^64")
    add(
        "--record", metavar="WHAT", type=lambda text: text.split(","),
        help="counts (expect), jumps, events, moments, variances; separated by commas",
    )  # fmt: skip
    add("--workers", metavar="N", type=_whole(1), help="number of threads (default: all cores)")
    add(
        "--time-limit",
        metavar="TIME",
        type=_seconds,
        help="stop after this time, such as '90 s' or '2 h'",
    )
    add(
        "--target-sem",
        metavar="E",
        type=_positive,
        help="stop when the standard errors are at most E",
    )
    add("--max-events", metavar="N", type=_whole(1), help="error for more events in a trajectory")
    add("-q", "--quiet", action="store_true", help="print neither progress nor summary")


def _whole(least: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        number: int | None
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or number < least:
            raise argparse.ArgumentTypeError(f"must be a whole number ≥ {least}, but is {text!r}")
        return number

    return convert


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not number > 0:
        raise argparse.ArgumentTypeError(f"must be a number > 0, but is {text!r}")
    return number


def _seconds(text: str) -> float:
    from .. import units

    try:
        return units.time(text, "TIME")
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None

"""What the command line understands."""

import argparse
from typing import Any

from ..analysis.catalogue import ANALYSES
from ..analysis.declaration import REQUIRED
from ..errors import InputError

DONE, BAD_INPUT, STOPPED = 0, 2, 75
_RENAMED_COMMANDS = {
    "levels": "level_thermodynamics",
    "passage": "first_passages",
    "rabi": "rabi_onset",
    "theorem": "fluctuation_theorem",
    "waiting": "waiting_times",
}
_RENAMED_OPTIONS = {"--begin": "--after", "--end": "--until"}


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        """Say what is wrong on one line."""
        for old, new in _RENAMED_OPTIONS.items():
            if message.startswith("unrecognized arguments:") and old in message.split():
                message = f"{message} ({old} is now called {new})"
        self.exit(BAD_INPUT, f"{self.prog}: {message} (see {self.prog} --help)\n")


def refuse_former_name(words: list[str]) -> None:
    """Stop with the present name of a command that was renamed, or written with hyphens."""
    name = words[0] if words else ""
    present = _RENAMED_COMMANDS.get(name, name.replace("-", "_"))
    if present != name and present in {analysis.name for analysis in ANALYSES}:
        text = f"jumpsim: the command '{name}' is called '{present}' (see jumpsim --help)"
        _Parser(prog="jumpsim").exit(BAD_INPUT, f"{text}\n")


def parser(functions):
    """Parser of every command.

    Parameters
    ----------
    functions : dict of str to callable
        What carries out each command; it takes the options and returns the exit status.
    """
    from .. import __version__

    top = _Parser(prog="jumpsim", description="Single photon events and their thermodynamics.")
    top.add_argument("--version", action="version", version=f"jumpsim {__version__}")
    commands = top.add_subparsers(
        dest="name", required=True, metavar="COMMAND", parser_class=_Parser
    )

    run = commands.add_parser("run", help="simulate what a parameter file describes")
    run.set_defaults(command=functions["run"])
    run.add_argument("spec", metavar="SPEC.toml", help="parameter file")
    run.add_argument("-o", "--output", metavar="OUT.h5", required=True, help="file to write")
    _add_settings(run)
    run.add_argument("--dry-run", action="store_true", help="judge events, time and bytes only")
    where = run.add_mutually_exclusive_group()
    where.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="work on a Dask cluster: tcp://HOST:PORT, or its file",
    )
    where.add_argument("--mpi", action="store_true", help="work on the ranks of mpiexec")
    run.add_argument(
        "--shared-folder", action="store_true",
        help="workers of --scheduler or --mpi write to the output's folder themselves",
    )  # fmt: skip
    run.add_argument(
        "--shard", metavar="k/K", help="part k of K alone, beside OUT.h5; then: compact OUT.h5"
    )

    sweep = commands.add_parser(
        "sweep", help="simulate a grid of parameters, a file for each point"
    )
    sweep.set_defaults(command=functions["sweep"])
    sweep.add_argument("spec", metavar="SPEC.toml", help="parameter file")
    sweep.add_argument("-o", "--output", metavar="FOLDER", required=True, help="folder to write to")
    sweep.add_argument(
        "--vary", metavar="PATH=V1,V2,...", action="append", required=True,
        help="such as parameters.tls=50,100; again for another axis",
    )  # fmt: skip
    _add_settings(sweep)

    long = commands.add_parser("long", help="average over one long trajectory")
    long.set_defaults(command=functions["long"])
    long.add_argument("spec", metavar="SPEC.toml", help="parameter file; its [times] are not used")
    long.add_argument("-o", "--output", metavar="OUT.h5", required=True, help="file to write")
    time: dict[str, Any] = {"metavar": "TIME", "type": _seconds}
    long.add_argument("--block", **time, required=True, help="length of a block, such as '20 us'")
    long.add_argument("--blocks", metavar="N", type=_whole(1), default=100, help="default 100")
    long.add_argument("--samples", metavar="N", type=_whole(1), default=1000, help="in a block")
    long.add_argument("--warmup", **time, default=0.0, help="left out before the first block")
    long.add_argument("--seed", metavar="S", type=_whole(0), help="0 ≤ S < 2^64")
    long.add_argument("--index", metavar="I", type=_whole(0), default=0, help="which trajectory")
    long.add_argument("--time-limit", **time, help="such as '90 s' or '2 h'")
    long.add_argument("--figure", metavar="NAME", help="name of the figure, without ending")
    long.add_argument("--no-figure", action="store_true", help="print alone")
    long.add_argument("-q", "--quiet", action="store_true", help="no progress")

    info = commands.add_parser("info", help="show everything that a file knows about its run")
    info.set_defaults(command=functions["info"])
    info.add_argument("store", metavar="OUT.h5")

    status = commands.add_parser("status", help="how far a run is, and whether its files are sound")
    status.set_defaults(command=functions["status"])
    status.add_argument("store", metavar="OUT.h5")

    rerun = commands.add_parser("rerun", help="make one trajectory again and compare bit for bit")
    rerun.set_defaults(command=functions["rerun"])
    rerun.add_argument("store", metavar="OUT.h5")
    rerun.add_argument("--index", metavar="I", type=_whole(0), required=True)

    merge = commands.add_parser("merge", help="unite stores of one run")
    merge.set_defaults(command=functions["merge"])
    merge.add_argument("stores", metavar="IN.h5", nargs="+")
    merge.add_argument("-o", "--output", metavar="OUT.h5", required=True)

    compact = commands.add_parser("compact", help="put blocks and shards of a run into one file")
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
    figures.add_argument("--data", metavar="FOLDER", default="data", help="parameter files")
    figures.add_argument("--stores", metavar="FOLDER", default="results", help="stores")
    figures.add_argument("-o", "--output", metavar="FOLDER", default="results", help="figures")
    figures.add_argument("--read-only", action="store_true", help="never simulate")
    figures.add_argument("-n", "--ntraj", metavar="N", type=_whole(1), help="trajectories in each")
    figures.add_argument("-q", "--quiet", action="store_true", help="no progress")
    return top


def _add_analysis(functions, commands, analysis):
    """Command of an analysis, from its declaration."""
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
        command.add_argument("--figure", metavar="NAME", help="name of the figure, without ending")
        command.add_argument("--no-figure", action="store_true", help="print alone")


def _add_option(command, option):
    settings: dict[str, Any] = {"help": option.help}
    if option.metavar:
        settings["metavar"] = option.metavar
    if option.choices:
        settings["choices"] = option.choices
    if option.many:
        settings["nargs"] = "+"
    if option.kind == "counted":
        settings["action"] = _Counted
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


class _Counted(argparse.Action):
    """What to count: one bath or channel, several, or channels with weights such as NAME=-1."""

    def __call__(self, parser, namespace, values, option_string=None):  # noqa: ARG002
        try:
            setattr(namespace, self.dest, as_counted(values))
        except InputError as error:
            raise argparse.ArgumentError(self, str(error)) from None


def as_counted(texts: list[str]) -> str | list[str] | dict[str, float]:
    """Turn words such as "emission" or "absorption=-1" into what counting functions take."""
    if not any("=" in text for text in texts):
        return texts[0] if len(texts) == 1 else texts
    weights = {}
    for text in texts:
        name, equals, weight = text.rpartition("=")
        try:
            weights[name if equals else text] = float(weight) if equals else 1.0
        except ValueError:
            raise InputError(f"a weight must be a number, as in NAME=-1, but is {text!r}") from None
    return weights


def _add_settings(command):
    """Options that mean the same for every command that simulates."""
    add = command.add_argument
    add("-n", "--ntraj", metavar="N", type=_whole(1), help="trajectories in a file")
    add("--seed", metavar="S", type=_whole(0), help="0 ≤ S < 2^64")
    add(
        "--record", metavar="WHAT", type=lambda text: text.split(","),
        help="counts (expect), jumps, events, moments; several with commas",
    )  # fmt: skip
    add("--workers", metavar="N", type=_whole(1), help="threads (default: all cores)")
    add("--time-limit", metavar="TIME", type=_seconds, help="such as '90 s' or '2 h'")
    add("--target-sem", metavar="E", type=_positive, help="stop at this standard error")
    add("--max-events", metavar="N", type=_whole(1), help="per trajectory, an error")
    add("-q", "--quiet", action="store_true", help="no progress, no summary")


def _whole(least):
    def convert(text):
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or number < least:
            raise argparse.ArgumentTypeError(f"must be a whole number ≥ {least}, but is {text!r}")
        return number

    return convert


def _positive(text):
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not number > 0:
        raise argparse.ArgumentTypeError(f"must be a number > 0, but is {text!r}")
    return number


def _seconds(text):
    from .. import units

    try:
        value = float(text)
    except ValueError:
        value = text
    try:
        return units.time(value, "TIME")
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None

"""What the command line understands."""

import argparse

from ..errors import InputError

DONE, BAD_INPUT, STOPPED = 0, 2, 75


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        """Say what is wrong on one line."""
        self.exit(BAD_INPUT, f"{self.prog}: {message} (see {self.prog} --help)\n")


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
    time = {"metavar": "TIME", "type": _seconds}
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

    audit = commands.add_parser("audit", help="detailed balance, first and second law of a model")
    audit.set_defaults(command=functions["audit"])
    audit.add_argument("spec", metavar="SPEC.toml|OUT.h5", help="parameter file, or a store")
    audit.add_argument(
        "--until", metavar="TIME", type=_seconds, help="follow the rate equations to here"
    )

    _add_questions(functions, commands)

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


def _add_questions(functions, commands):
    """Commands that put a question to a store, and draw the answer."""

    def question(name, text, store="store", **more):
        command = commands.add_parser(name, help=text)
        command.set_defaults(command=functions[name])
        command.add_argument(store, metavar="OUT.h5", **more)
        command.add_argument("--figure", metavar="NAME", help="name of the figure, without ending")
        command.add_argument("--no-figure", action="store_true", help="print alone")
        return command.add_argument

    time = {"metavar": "TIME", "type": _seconds}
    question("compare", "averages against the rate equations, or the density matrix")

    add = question("levels", "flows, entropy and fluctuations along quantum jumps")
    add("--after", **time, default=0.0, help="where windows begin")

    add = question("typicality", "how typical single trajectories are", "stores",
                   nargs="+", help="of one or several sizes")  # fmt: skip
    add("--epsilon", metavar="E", type=_positive, help="fraction within E")

    question("rabi", "Rabi oscillation in when the first photon leaves", "stores",
             nargs="+", help="that differ in the coupling")  # fmt: skip

    question("fluctuations", "variances and higher cumulants")

    add = question("correlations", "in time, of a run at rest; spectra")
    add("--after", **time, required=True, help="where the rest begins")

    add = question("counting", "events or heat in windows of time")
    add("counted", metavar="CHANNEL|BATH", nargs="+", help="several with weights: NAME=-1")
    add("--after", **time, default=0.0, help="where windows begin")

    add = question("waiting", "waiting times between events")
    add("channels", metavar="CHANNEL", nargs="+", help="what is waited for")
    add("--since", metavar="CHANNEL", help="wait from every event of this one")
    add("--after", **time, default=0.0, help="leave out earlier events")

    add = question("passage", "first passages of the counts")
    add("target", metavar="CONDITION", nargs="+", help="such as 'm <= 10'; all must be met")

    add = question("coincidences", "g² of counted events at rest")
    add("first", metavar="CHANNEL|BATH")
    add("second", metavar="CHANNEL|BATH", nargs="?", help="the same if left out")
    add("--after", **time, default=0.0, help="where the rest begins")
    add("--longest", **time, help="longest lag")
    add("--bins", metavar="N", type=_whole(1), default=10)

    add = question("distribution", "histogram of a count at one time")
    add("pool", metavar="POOL")
    add("time", **time, help="one of those stored")

    add = question("theorem", "fluctuation theorems")
    add("--boundary", choices=["start", "law", "none"], default="start",
        help="the law from which the reversed process begins")  # fmt: skip

    add = question("clausius", "how often entropy falls, for systems of several sizes", "stores",
                   nargs="+", help="of one or two systems at several sizes")  # fmt: skip
    add("--begin", **time, default=0.0, help="of the window; 0 or a stored time")
    add("--end", **time, help="of the window; a stored time, the last by default")

    add = question("uncertainty", "uncertainty relations of a current at rest")
    add("counted", metavar="CHANNEL|BATH", nargs="+", help="several with weights: NAME=-1")
    add("--after", **time, required=True, help="where the rest begins")

    add = question("demon", "what chiral loops sort at rest, and at what entropy", "stores",
                   nargs="+", help="of one or several asymmetries")  # fmt: skip
    add("--after", **time, required=True, help="where the rest begins")

    add = question("telegraph", "single two-level systems of a trajectory")
    add("--row", metavar="I", type=_whole(0), default=0, help="which trajectory")
    add("--pool", metavar="POOL", default="m")


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

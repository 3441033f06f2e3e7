"""The command line: `jumpsim run`, `sweep`, `status`, `info`, `rerun`, `merge`, `compare`.

Exit status: 0 done; 2 bad input (one line on stderr); 75 stopped early, run again to go on.
"""

import argparse
import contextlib
import os
import signal
import sys
import threading
import warnings
from pathlib import Path

from .errors import InputError, SimulationError, StoreError, StoreWarning

DONE, BAD_INPUT, STOPPED = 0, 2, 75


def main(arguments=None):
    """Run a command; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without Greek letters
    options = _parser().parse_args(arguments)
    say = f"jumpsim {options.name}:"
    with warnings.catch_warnings():
        warnings.simplefilter("always", StoreWarning)
        warnings.showwarning = lambda text, *_: print(say, text, file=sys.stderr)
        try:
            with _Signals() as options.signals:
                return options.command(options)
        except (InputError, StoreError, SimulationError) as error:
            print(say, error, file=sys.stderr)
            return BAD_INPUT
        except KeyboardInterrupt:
            print(say, "interrupted", file=sys.stderr)
            return STOPPED
        except BrokenPipeError:  # the reader of a pipe has left
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return DONE


def entry(arguments=None):
    """Run as a command of its own: `jumpsim` and `python -m jumpsim`."""
    status = main(arguments)
    if status:
        # At once: after an interruption inside compiled code CPython would end by the signal, and
        # after a full disk HDF5 may crash while it tidies up.
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)


class _Signals:
    """SIGINT and SIGTERM, by which batch systems announce their limit, end a command alike."""

    def __init__(self):
        self.held, self.waiting = False, False

    def __enter__(self):
        self.before = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self.before[number] = signal.signal(number, self._arrived)
        return self

    def __exit__(self, *_):
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _arrived(self, *_):
        if not self.held:
            raise KeyboardInterrupt
        self.waiting = True

    @contextlib.contextmanager
    def hold(self):
        """Let a signal wait: one that arrives while numba loads would be lost in its callbacks."""
        self.held = True
        try:
            yield
        finally:
            self.held = False
        if self.waiting:
            raise KeyboardInterrupt


def _run(options):
    from .spec import load_spec

    spec = load_spec(options.spec)
    settings = {**spec.run, **_settings(options)}
    if options.dry_run:
        return _dry_run(spec, settings)
    with options.signals.hold():
        from .simulate import simulate
        from .store import store_exists

    again = "run the same command again to go on"
    try:
        ensemble = simulate(
            spec.model,
            spec.times,
            initial=spec.initial,
            store=options.output,
            progress=False if options.quiet else None,
            **settings,
        )
    except KeyboardInterrupt:
        kept = f"what was finished is in {options.output}" if store_exists(options.output) else ""
        text = kept or "nothing was finished yet"
        print(f"jumpsim run: interrupted; {text}; {again}", file=sys.stderr)
        return STOPPED
    if not options.quiet:
        print(ensemble)
    if ensemble.stop_reason == "timeout":
        print(
            f"jumpsim run: stopped by the time limit with {ensemble.ntraj} trajectories; {again}",
            file=sys.stderr,
        )
        return STOPPED
    return DONE


def _settings(options):
    """Keyword arguments of `simulate` that were given."""
    given = {
        "ntraj": options.ntraj,
        "seed": options.seed,
        "record": options.record,
        "workers": options.workers,
        "timeout": options.time_limit,
        "target_sem": options.target_sem,
        "max_events": options.max_events,
    }
    return {name: value for name, value in given.items() if value is not None}


def _dry_run(spec, settings):
    from .inspection import estimate
    from .plan import Plan, as_record
    from .resources import usable_cores

    plan = Plan(
        spec.model,
        spec.initial,
        spec.times,
        settings.get("seed", 0),
        as_record(settings.get("record", "counts")),
    )
    print(estimate(plan, settings.get("ntraj", 1000), settings.get("workers", usable_cores())))
    return DONE


def _sweep(options):
    with options.signals.hold():
        from .grid import parse_vary
        from .sweep import run_sweep

    again = "run the same command again to go on"
    try:
        sweep = run_sweep(
            options.spec,
            options.output,
            parse_vary(options.vary),
            progress=False if options.quiet else None,
            **_settings(options),
        )
    except KeyboardInterrupt:
        print(f"jumpsim sweep: interrupted; what was finished is kept; {again}", file=sys.stderr)
        return STOPPED
    if not options.quiet:
        print(sweep)
    if sweep.finished < sweep.points:
        reached = f"{sweep.finished} of {sweep.points} points complete"
        print(f"jumpsim sweep: stopped by the time limit with {reached}; {again}", file=sys.stderr)
        return STOPPED
    return DONE


def _status(options):
    from .inspection import status

    print(status(options.store))
    return DONE


def _rerun(options):
    from .inspection import rerun

    result = rerun(options.store, options.index)
    print(result)
    if False in result.equal.values():
        raise StoreError(f"{options.store}: trajectory {options.index} is not what was recorded")
    return DONE


def _merge(options):
    from .store import merge

    print(merge(options.output, options.stores))
    return DONE


def _info(options):
    from .ensemble import open as open_ensemble
    from .store import FileStore

    ensemble = open_ensemble(options.store)
    context = FileStore(options.store).context
    print(ensemble)
    print()
    print(ensemble.model)
    print()
    packages = ", ".join(f"{name} {v}" for name, v in context["packages"].items())
    print(f"written   {context['written']} by jumpsim {context['jumpsim']} on {context['host']}")
    print(f"commit    {context['commit'] or 'not from a checkout'}")
    print(f"command   {context['command']}")
    print(f"machine   {context['cpu']}, {context['platform']}")
    print(f"software  Python {context['python']}, {packages}")
    return DONE


def _compare(options):
    from .ensemble import open as open_ensemble
    from .inference.compare import compare

    result = compare(open_ensemble(options.store))
    print(result)
    if not options.no_figure:
        from . import plotting

        name = options.figure or Path(options.store).with_suffix("")
        source = f"jumpsim compare {options.store}"
        files = plotting.save(plotting.comparison(result), name, source)
        print(f"figure: {', '.join(map(str, files))}")
    return DONE


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        """Say what is wrong on one line."""
        self.exit(BAD_INPUT, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _parser():
    from . import __version__

    parser = _Parser(prog="jumpsim", description="Single photon events and their thermodynamics.")
    parser.add_argument("--version", action="version", version=f"jumpsim {__version__}")
    commands = parser.add_subparsers(
        dest="name", required=True, metavar="COMMAND", parser_class=_Parser
    )

    run = commands.add_parser("run", help="simulate what a parameter file describes")
    run.set_defaults(command=_run)
    run.add_argument("spec", metavar="SPEC.toml", help="parameter file")
    run.add_argument("-o", "--output", metavar="OUT.h5", required=True, help="file to write")
    _add_settings(run)
    run.add_argument("--dry-run", action="store_true", help="judge events, time and bytes only")

    sweep = commands.add_parser(
        "sweep", help="simulate a grid of parameters, a file for each point"
    )
    sweep.set_defaults(command=_sweep)
    sweep.add_argument("spec", metavar="SPEC.toml", help="parameter file")
    sweep.add_argument("-o", "--output", metavar="FOLDER", required=True, help="folder to write to")
    sweep.add_argument(
        "--vary", metavar="PATH=V1,V2,...", action="append", required=True,
        help="such as parameters.tls=50,100; again for another axis",
    )  # fmt: skip
    _add_settings(sweep)

    info = commands.add_parser("info", help="show everything that a file knows about its run")
    info.set_defaults(command=_info)
    info.add_argument("store", metavar="OUT.h5")

    status = commands.add_parser("status", help="how far a run is, and whether its files are sound")
    status.set_defaults(command=_status)
    status.add_argument("store", metavar="OUT.h5")

    rerun = commands.add_parser("rerun", help="make one trajectory again and compare bit for bit")
    rerun.set_defaults(command=_rerun)
    rerun.add_argument("store", metavar="OUT.h5")
    rerun.add_argument("--index", metavar="I", type=_whole(0), required=True)

    merge = commands.add_parser("merge", help="unite stores of one run")
    merge.set_defaults(command=_merge)
    merge.add_argument("stores", metavar="IN.h5", nargs="+")
    merge.add_argument("-o", "--output", metavar="OUT.h5", required=True)

    compare = commands.add_parser("compare", help="averages against the rate equations")
    compare.set_defaults(command=_compare)
    compare.add_argument("store", metavar="OUT.h5")
    compare.add_argument("--figure", metavar="NAME", help="name of the figure, without ending")
    compare.add_argument("--no-figure", action="store_true", help="the table alone")
    return parser


def _add_settings(command):
    """Options that mean the same for every command that simulates."""
    add = command.add_argument
    add("-n", "--ntraj", metavar="N", type=_whole(1), help="trajectories in a file")
    add("--seed", metavar="S", type=_whole(0), help="0 ≤ S < 2^64")
    add(
        "--record", metavar="WHAT", type=lambda text: text.split(","),
        help="counts, jumps, events, moments; several with commas",
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
    from . import units

    try:
        return units.time(float(text) if text.replace(".", "", 1).isdigit() else text, "time-limit")
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None

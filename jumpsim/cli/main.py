"""The command line: `jumpsim run`, `sweep`, `long`, and what `commands` holds.

Exit status: 0 done; 2 bad input (one line on stderr); 75 stopped early, run again to go on.
"""

import contextlib
import os
import signal
import sys
import threading
import warnings

from ..analysis.catalogue import ANALYSES
from ..errors import (
    InputError,
    PhysicsWarning,
    SimulationError,
    StoreError,
    StoreWarning,
    WorkersError,
    WorkersWarning,
)
from . import commands
from .options import BAD_INPUT, DONE, STOPPED, parser, refuse_former_name


def main(arguments=None):
    """Run a command; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without Greek letters
    given = list(sys.argv[1:] if arguments is None else arguments)
    refuse_former_name(given)
    options = parser(_COMMANDS).parse_args(given)
    options.given = given
    say = f"jumpsim {options.name}:"
    with warnings.catch_warnings():
        warnings.simplefilter("always", StoreWarning)
        warnings.simplefilter("always", WorkersWarning)
        warnings.simplefilter("once", PhysicsWarning)
        warnings.showwarning = lambda text, *_: print(say, f"warning: {text}", file=sys.stderr)
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
    status = STOPPED
    with contextlib.suppress(KeyboardInterrupt):  # one that comes when all is said
        status = main(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):  # nothing is left to interrupt
        signal.signal(number, signal.SIG_IGN)
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
        self.hook, sys.unraisablehook = sys.unraisablehook, self._lost
        return self

    def __exit__(self, *_):
        sys.unraisablehook = self.hook
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _arrived(self, *_):
        if not self.held:
            raise KeyboardInterrupt
        self.waiting = True

    def _lost(self, lost):
        """Send a signal again whose exception was swallowed by a callback it happened to meet."""
        if self.before and issubclass(lost.exc_type, KeyboardInterrupt):
            again = threading.Timer(0.05, os.kill, (os.getpid(), next(iter(self.before))))
            again.daemon = True
            again.start()
        else:
            self.hook(lost)

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
    """Find the workers, and run."""
    from ..run.clusters import dask_executor, mpi_executor

    if options.mpi:
        with mpi_executor() as executor:
            return DONE if executor is None else _run_with(executor, options)
    if options.scheduler is not None:
        with dask_executor(options.scheduler) as executor:
            return _run_with(executor, options)
    return _run_with(None, options)


def _run_with(executor, options):
    from ..run.parameter_file import load_spec

    spec = load_spec(options.spec)
    settings = {**spec.run, **_settings(options)}
    if options.dry_run:
        return _dry_run(spec, settings, options.shard)
    with options.signals.hold():
        from ..run.simulate import simulate
        from ..store import store_exists
        from ..store.outcome import Kind
        from ..store.shard import Shard

    again = "run the same command again to go on"
    try:
        ensemble = simulate(
            spec.model,
            spec.times,
            initial=spec.initial,
            store=options.output,
            progress=False if options.quiet else None,
            executor=executor,
            shared_folder=options.shared_folder,
            shard=options.shard,
            **settings,
        )
    except (KeyboardInterrupt, WorkersError) as error:
        output = options.output
        if options.shard is not None:
            output = Shard.parse(options.shard).path(output)
        kept = f"what was finished is in {output}" if store_exists(output) else ""
        text = f"{str(error) or 'interrupted'}; {kept or 'nothing was finished yet'}"
        print(f"jumpsim run: {text}; {again}", file=sys.stderr)
        return STOPPED
    if not options.quiet:
        print(ensemble)
    if ensemble.outcome and ensemble.outcome.kind is Kind.TIMEOUT:
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


def _dry_run(spec, settings, shard):
    from ..run.estimate import estimate
    from ..store.plan import Plan, as_record
    from ..store.shard import Shard
    from ..utils.resources import usable_cores

    plan = Plan(
        spec.model,
        spec.initial,
        spec.times,
        settings.get("seed", 0),
        as_record(settings.get("record"), spec.model),
    )
    ntraj = settings.get("ntraj", 1000)
    if shard is not None:
        first, last = Shard.parse(shard).span(ntraj)
        ntraj = last - first
    print(estimate(plan, ntraj, settings.get("workers", usable_cores())))
    return DONE


def _sweep(options):
    with options.signals.hold():
        from ..run.sweep import run_sweep
        from ..run.sweep_grid import parse_vary

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


def _long(options):
    from ..run.parameter_file import load_spec

    spec = load_spec(options.spec)
    with options.signals.hold():
        from ..run.long_run import long_run
        from ..store.outcome import Kind

    again = "run the same command again to go on"
    try:
        run = long_run(
            spec.model, spec.initial, options.block, options.blocks, options.samples,
            spec.run.get("seed") if options.seed is None else options.seed,
            warmup=options.warmup, index=options.index, store=options.output,
            progress=False if options.quiet else None, timeout=options.time_limit,
        )  # fmt: skip
    except KeyboardInterrupt:
        print(f"jumpsim long: interrupted; finished blocks are kept; {again}", file=sys.stderr)
        return STOPPED
    if run.outcome and run.outcome.kind is Kind.TIMEOUT:
        reached = f"stopped by the time limit with {len(run)} blocks"
        print(f"jumpsim long: {reached}; {again}", file=sys.stderr)
        return STOPPED
    return commands.show_long_run(options, run)


_COMMANDS = {
    "run": _run,
    "sweep": _sweep,
    "long": _long,
    **{
        function.__name__: function
        for function in (
            commands.info,
            commands.status,
            commands.rerun,
            commands.merge,
            commands.compact,
            commands.report,
            commands.figures,
        )
    },
    **{analysis.name: commands.analyse for analysis in ANALYSES},
}

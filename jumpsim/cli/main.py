"""The command line: `jumpsim run`, `sweep` and `long`, and the commands of `commands`.

Exit status: 0 done; 2 invalid input (one line on stderr); 75 stopped early (the same command
continues the run).
"""

import contextlib
import logging
import os
import signal
import sys
import threading
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

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

if TYPE_CHECKING:
    from ..model.initial import Initial
    from ..run.parameter_file import Spec

_CONTINUE = "run the same command again to continue"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Arguments of the command line; by default those of this process.

    Returns
    -------
    int
        The exit status.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # for terminals without Greek letters
    given = list(sys.argv[1:] if arguments is None else arguments)
    refuse_former_name(given)
    options = parser(_COMMANDS).parse_args(given)
    options.given = given
    prefix = f"jumpsim {options.name}:"
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # such as about its own cache
    with warnings.catch_warnings():
        warnings.simplefilter("always", StoreWarning)
        warnings.simplefilter("always", WorkersWarning)
        warnings.simplefilter("once", PhysicsWarning)
        warnings.simplefilter("ignore", ResourceWarning)  # a file that a signal left open
        warnings.showwarning = lambda text, *_: print(prefix, f"warning: {text}", file=sys.stderr)
        try:
            with _Signals() as options.signals:
                return int(options.command(options))
        except (InputError, StoreError, SimulationError) as error:
            print(prefix, error, file=sys.stderr)
            return BAD_INPUT
        except KeyboardInterrupt:
            print(prefix, "interrupted", file=sys.stderr)
            return STOPPED
        except BrokenPipeError:  # the reading process of a pipe has ended
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return DONE
        except OSError as error:  # such as a name that is too long, or a folder without permission
            print(prefix, f"{error.filename or 'a file'}: {error.strerror}", file=sys.stderr)
            return BAD_INPUT
        except MemoryError:
            print(prefix, "there is not enough memory for this", file=sys.stderr)
            return BAD_INPUT


def entry(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the commands `jumpsim` and `python -m jumpsim`.

    Parameters
    ----------
    arguments : sequence of str, optional
        As for `main`.
    """
    status = STOPPED
    with contextlib.suppress(KeyboardInterrupt):  # an interrupt after the last output
        status = main(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):  # the command is complete
        signal.signal(number, signal.SIG_IGN)
    if status:
        # Exit immediately: after an interrupt in compiled code the normal exit of CPython reports
        # the signal, and after a full disk the exit handlers of HDF5 may crash.
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)


class _Signals:
    """Handlers that end a command on SIGINT, and on SIGTERM, which batch systems send."""

    def __init__(self) -> None:
        self.held, self.waiting = False, False  # signals are delayed; one has arrived

    def __enter__(self) -> "_Signals":
        self.before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self.before[number] = signal.signal(number, self._arrived)
        self.hook, sys.unraisablehook = sys.unraisablehook, self._resend
        return self

    def __exit__(self, *_: object) -> None:
        sys.unraisablehook = self.hook
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _arrived(self, *_: object) -> None:
        if not self.held:
            raise KeyboardInterrupt
        self.waiting = True

    def _resend(self, lost: "sys.UnraisableHookArgs") -> None:
        """Send a signal again if its exception was raised in a callback and ignored there."""
        if self.before and issubclass(lost.exc_type, KeyboardInterrupt):
            again = threading.Timer(0.05, os.kill, (os.getpid(), next(iter(self.before))))
            again.daemon = True
            again.start()
        else:
            self.hook(lost)

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Delay signals: while numba is imported, its callbacks would ignore their exceptions."""
        self.held = True
        try:
            yield
        finally:
            self.held = False
        if self.waiting:
            raise KeyboardInterrupt


def _run(options: Namespace) -> int:
    """Start the executor, and simulate."""
    from ..run.clusters import dask_executor, mpi_executor

    if options.mpi:
        with mpi_executor() as executor:
            return DONE if executor is None else _run_with(executor, options)
    if options.scheduler is not None:
        with dask_executor(options.scheduler) as executor:
            return _run_with(executor, options)
    return _run_with(None, options)


def _run_with(executor: Any, options: Namespace) -> int:
    from ..run.parameter_file import load_spec

    spec = load_spec(options.spec)
    settings = {**spec.run, **_settings(options)}
    if options.dry_run:
        return _dry_run(spec, settings, options.shard)
    with options.signals.hold():
        from ..run.simulate import simulate
        from ..store import store_exists
        from ..store.outcome import Kind
        from ..store.paths import blocks_folder
        from ..store.shard import Shard
        from ..store.unfinished import summary

    output = options.output
    if options.shard is not None:
        output = Shard.parse(options.shard).path(output)
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
        kept = "no trajectory is complete yet"
        if store_exists(output):
            kept = f"complete trajectories are in {output}"
        kept = "; ".join(filter(None, (kept, summary(blocks_folder(output)))))
        text = f"{str(error) or 'interrupted'}; {kept}"
        print(f"jumpsim run: {text}; {_CONTINUE}", file=sys.stderr)
        return STOPPED
    if not options.quiet:
        print(ensemble)
    if ensemble.outcome and ensemble.outcome.kind is Kind.TIMEOUT:
        kept = f"stopped by the time limit with {ensemble.ntraj} trajectories"
        kept = "; ".join(filter(None, (kept, summary(blocks_folder(output)))))
        print(f"jumpsim run: {kept}; {_CONTINUE}", file=sys.stderr)
        return STOPPED
    return DONE


def _settings(options: Namespace) -> dict[str, Any]:
    """Keyword arguments of `simulate` that are set on the command line."""
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


def _dry_run(spec: "Spec", settings: dict[str, Any], shard: str | None) -> int:
    from ..run.estimate import estimate
    from ..store.plan import Plan, as_record
    from ..store.shard import Shard
    from ..utils.resources import usable_cores

    plan = Plan(
        spec.model,
        cast("Initial", spec.initial),
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


def _sweep(options: Namespace) -> int:
    with options.signals.hold():
        from ..run.sweep import run_sweep
        from ..run.sweep_grid import parse_vary

    try:
        sweep = run_sweep(
            options.spec,
            options.output,
            parse_vary(options.vary),
            progress=False if options.quiet else None,
            **_settings(options),
        )
    except KeyboardInterrupt:
        print(
            f"jumpsim sweep: interrupted; complete trajectories are kept; {_CONTINUE}",
            file=sys.stderr,
        )
        return STOPPED
    if not options.quiet:
        print(sweep)
    if sweep.finished < sweep.points:
        reached = f"{sweep.finished} of {sweep.points} points complete"
        print(
            f"jumpsim sweep: stopped by the time limit with {reached}; {_CONTINUE}", file=sys.stderr
        )
        return STOPPED
    return DONE


def _long(options: Namespace) -> int:
    from ..run.parameter_file import load_spec

    spec = load_spec(options.spec)
    with options.signals.hold():
        from ..run.long_run import long_run
        from ..store.outcome import Kind

    try:
        run = long_run(
            spec.model, spec.initial, options.block, options.blocks, options.samples,
            spec.run.get("seed") if options.seed is None else options.seed,
            warmup=options.warmup, index=options.index, store=options.output,
            progress=False if options.quiet else None, timeout=options.time_limit,
        )  # fmt: skip
    except KeyboardInterrupt:
        print(f"jumpsim long: interrupted; complete blocks are kept; {_CONTINUE}", file=sys.stderr)
        return STOPPED
    if run.outcome and run.outcome.kind is Kind.TIMEOUT:
        reached = f"stopped by the time limit with {len(run)} blocks"
        print(f"jumpsim long: {reached}; {_CONTINUE}", file=sys.stderr)
        return STOPPED
    return commands.show_long_run(options, run)


_COMMANDS: dict[str, Callable[[Namespace], int]] = {
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

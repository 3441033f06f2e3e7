"""Commands that read stores. The commands that simulate are in `main`."""

import shlex
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from ..errors import StoreError
from ..utils.files import without_ending
from .options import DONE

if TYPE_CHECKING:
    from ..analysis.declaration import Analysis
    from ..run.long_run import LongRun


def status(options: Namespace) -> int:
    """Print the progress of a run, and whether its files are intact."""
    from ..store.status import status

    print(status(options.store))
    return DONE


def rerun(options: Namespace) -> int:
    """Simulate one trajectory again and compare it with the store, bit for bit."""
    from ..run.rerun import rerun

    result = rerun(options.store, options.index)
    print(result)
    if False in result.equal.values():
        raise StoreError(f"{options.store}: trajectory {options.index} differs from the record")
    return DONE


def merge(options: Namespace) -> int:
    """Merge stores of one run into one."""
    from ..store import merge

    print(merge(options.output, options.stores))
    return DONE


def compact(options: Namespace) -> int:
    """Merge blocks and shards of a run into one file."""
    from ..store.compact import compact

    print(compact(options.store))
    return DONE


def info(options: Namespace) -> int:
    """Print everything about a run that its file contains."""
    from ..run.long_run import open_long
    from ..run.time_averages import LongRun
    from ..store import FileStore, long_run_file
    from ..store.ensemble import Ensemble
    from ..store.ensemble import open as open_ensemble
    from ..store.unfinished import summary

    run: LongRun | Ensemble
    begun = ""
    if long_run_file.is_long_run(options.store):
        run, context = open_long(options.store), long_run_file.context(options.store)
    else:
        store = FileStore(options.store)
        run, context = open_ensemble(options.store), store.context
        begun = summary(store.folder)
    print(run)
    if begun:
        print(f"  also      {begun}")
    print()
    print(run.model)
    print()
    packages = ", ".join(f"{name} {v}" for name, v in context["packages"].items())
    print(f"written   {context['written']} by jumpsim {context['jumpsim']} on {context['host']}")
    print(f"commit    {context['commit'] or 'not from a checkout'}")
    print(f"command   {context['command']}")
    print(f"machine   {context['cpu']}, {context['platform']}")
    print(f"software  Python {context['python']}, {packages}")
    return DONE


def report(options: Namespace) -> int:
    """Write one HTML page with everything about a run."""
    from ..reporting import report

    print(f"report: {report(options.store, options.output)}")
    return DONE


def analyse(options: Namespace) -> int:
    """Analyse stores as declared in the catalogue, print the result, and draw its figure."""
    analysis = options.analysis
    stores = options.stores if analysis.stores else [options.store]
    result = analysis.result(
        [_open(store, analysis) for store in stores],
        **{option.name: getattr(options, option.name) for option in analysis.options},
    )
    print(result)
    if analysis.figure and not options.no_figure:
        from .. import plotting

        name = f"{without_ending(stores[0])}-{analysis.name}"
        _save(getattr(plotting, analysis.name)(result), options, name)
    return DONE


def _open(path: str, analysis: "Analysis") -> Any:
    """Ensemble of a store, or the content of a parameter file for an analysis of a model."""
    if analysis.of_model and path.endswith(".toml"):
        from ..run.parameter_file import load_spec

        return load_spec(path)
    from ..store.ensemble import open as open_ensemble

    return open_ensemble(path)


def show_long_run(options: Namespace, run: "LongRun") -> int:
    """Print the averages of a long run compared with theory, and draw the figure."""
    from .. import plotting
    from ..analysis.averages.long_run import stationary_averages

    result = stationary_averages(run)
    print(result)
    if not options.no_figure:
        _save(plotting.stationary_averages(result), options, str(without_ending(options.output)))
    return DONE


def figures(options: Namespace) -> int:
    """Draw the figures of the papers."""
    from ..papers.braak_mannhart import draw_figures

    lines = draw_figures(
        options.names,
        options.data,
        options.stores,
        options.output,
        options.read_only,
        options.ntraj,
        False if options.quiet else None,
    )
    for line in lines:
        print(line, flush=True)
    return DONE


def _save(figure: Any, options: Namespace, name: str) -> None:
    """Save a figure with the command that made it, and print its path."""
    from .. import plotting

    files = plotting.save(figure, options.figure or name, shlex.join(["jumpsim", *options.given]))
    print(f"figure: {', '.join(map(str, files))}")

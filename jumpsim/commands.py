"""Commands that read, judge and draw; those that simulate are in `cli`."""

import inspect
from pathlib import Path

from .errors import StoreError
from .options import DONE


def status(options):
    """How far a run is, and whether its files are sound."""
    from .inspection import status

    print(status(options.store))
    return DONE


def rerun(options):
    """Make one trajectory again and compare it bit for bit."""
    from .inspection import rerun

    result = rerun(options.store, options.index)
    print(result)
    if False in result.equal.values():
        raise StoreError(f"{options.store}: trajectory {options.index} is not what was recorded")
    return DONE


def merge(options):
    """Unite stores of one run."""
    from .store import merge

    print(merge(options.output, options.stores))
    return DONE


def info(options):
    """Show everything that a file knows about its run."""
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


def compare(options):
    """Averages against the rate equations: a table and a figure."""
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


def audit(options):
    """Audit the model of a parameter file, or of a store, against the second law."""
    from .couplings import validity
    from .secondlaw.audit import audit as judge

    if options.spec.endswith(".toml"):
        from .spec import load_spec

        run = load_spec(options.spec)
    else:
        from .ensemble import open as open_ensemble

        run = open_ensemble(options.spec)
    print(judge(run.model, run.initial, options.until and [options.until]))
    if getattr(run, "system", None) in ("open_waveguide", "closed_waveguide"):
        names = inspect.signature(validity).parameters
        print("\npremises of the golden rule")
        print(validity(**{n: v for n, v in run.parameters.items() if n in names}))
    return DONE


def figures(options):
    """Draw the published figures again, with trajectories on top."""
    from .figures import draw_figures

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

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

        _save(plotting.comparison(result), options, Path(options.store).with_suffix(""))
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


def typicality(options):
    """Judge how typical single trajectories are, and how that scales with size."""
    from . import plotting
    from .ensemble import open as open_ensemble
    from .inference.signs import production_signs
    from .inference.tail import gaussian_tail
    from .inference.typicality import typicality as measure
    from .inference.typicality import typicality_scaling

    runs = sorted(
        (measure(open_ensemble(store)) for store in options.stores),
        key=lambda run: run.sizes.max(),
    )
    for run in runs:
        print(run)
        if options.epsilon is not None:
            fraction, low, high = run.within(options.epsilon)
            for p, name in enumerate(run.ensemble.model.pools):
                print(
                    f"  within {options.epsilon:g} in {name}: {fraction[p]:.4g} "
                    f"[{low[p]:.4g}, {high[p]:.4g}] of the trajectories"
                )
        if "events" in run.ensemble.record and run.ntraj > 1:
            print(production_signs(run.ensemble))
        print()
    scaling = typicality_scaling(runs) if len(runs) > 1 else None
    tail = gaussian_tail(runs[0]) if runs[0].ntraj >= 50 else None
    for found in (tail, scaling):
        if found is not None:
            print(found)
    if tail is None:
        print(f"tail: undecided, {runs[0].ntraj} trajectories are too few")
    if not options.no_figure:
        figure = plotting.typicality(runs, tail, scaling)
        _save(figure, options, _beside(options.stores[0], "typicality"))
    return DONE


def fluctuations(options):
    """Cumulants of the counts, beside linear noise and the master equation."""
    from . import plotting
    from .ensemble import open as open_ensemble
    from .inference.fluctuations import fluctuations as measure

    result = measure(open_ensemble(options.store))
    print(result)
    if not options.no_figure:
        _save(plotting.fluctuations(result), options, _beside(options.store, "fluctuations"))
    return DONE


def correlations(options):
    """Two-time correlations and power spectra of a run at rest."""
    from . import plotting
    from .ensemble import open as open_ensemble
    from .inference.correlations import correlations as measure

    result = measure(open_ensemble(options.store), options.after)
    print(result)
    if not options.no_figure:
        _save(plotting.correlations(result), options, _beside(options.store, "correlations"))
    return DONE


def counting(options):
    """Count events or heat in windows of time."""
    from .ensemble import open as open_ensemble
    from .inference.counting import counting as measure

    counted = options.counted[0] if len(options.counted) == 1 else options.counted
    print(measure(open_ensemble(options.store), counted, options.after))
    return DONE


def waiting(options):
    """Waiting times between events."""
    from .ensemble import open as open_ensemble
    from .inference.waiting import waiting_times

    print(
        waiting_times(open_ensemble(options.store), options.channels, options.after, options.begin)
    )
    return DONE


def coincidences(options):
    """Coincidences of events at rest, g²."""
    from .ensemble import open as open_ensemble
    from .inference.coincidence import coincidences as measure

    ensemble = open_ensemble(options.store)
    where = (options.begin, options.longest, options.bins)
    print(measure(ensemble, options.first, options.second, *where))
    return DONE


def distribution(options):
    """Histogram of one pool's count at one stored time."""
    from .ensemble import open as open_ensemble
    from .inference.distribution import distribution as measure

    found = measure(open_ensemble(options.store), options.pool, options.time)
    print("\n".join([*found.table, "", str(found)]))
    return DONE


def telegraph(options):
    """Flips and dwell times of the single two-level systems of one trajectory."""
    from .ensemble import open as open_ensemble
    from .inference.telegraph import telegraph as name_systems

    print(name_systems(open_ensemble(options.store), options.row, options.pool))
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


def _beside(store, what):
    """Name of a figure beside its store, without an ending."""
    return Path(store).with_name(f"{Path(store).stem}-{what}")


def _save(figure, options, name):
    """Save a figure with the command that made it, and say where it is."""
    from . import plotting

    given = vars(options)
    stores = given.get("stores") or [given["store"]]
    after = f" --after {given['after']:g}" if "after" in given else ""
    source = f"jumpsim {options.name} {' '.join(stores)}{after}"
    files = plotting.save(figure, options.figure or name, source)
    print(f"figure: {', '.join(map(str, files))}")

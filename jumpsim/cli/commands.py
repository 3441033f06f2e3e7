"""Commands that read, judge and draw; those that simulate are in `cli`."""

import shlex
from pathlib import Path

from ..errors import InputError, StoreError
from .options import DONE


def status(options):
    """How far a run is, and whether its files are sound."""
    from ..store.status import status

    print(status(options.store))
    return DONE


def rerun(options):
    """Make one trajectory again and compare it bit for bit."""
    from ..run.rerun import rerun

    result = rerun(options.store, options.index)
    print(result)
    if False in result.equal.values():
        raise StoreError(f"{options.store}: trajectory {options.index} is not what was recorded")
    return DONE


def merge(options):
    """Unite stores of one run."""
    from ..store import merge

    print(merge(options.output, options.stores))
    return DONE


def compact(options):
    """Put blocks and shards of a run into one file."""
    from ..store.compact import compact

    print(compact(options.store))
    return DONE


def info(options):
    """Show everything that a file knows about its run."""
    from ..run.long_run import open_long
    from ..store import FileStore, long_run_file
    from ..store.ensemble import open as open_ensemble

    if long_run_file.is_one(options.store):
        run, context = open_long(options.store), long_run_file.context(options.store)
    else:
        run, context = open_ensemble(options.store), FileStore(options.store).context
    print(run)
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


def report(options):
    """Write one page with everything about a run."""
    from ..reporting import report

    print(f"report: {report(options.store, options.output)}")
    return DONE


def compare(options):
    """Averages against the rate equations: a table and a figure."""
    from .. import plotting
    from ..analysis.averages.rate_equations import compare as measure

    return _tell(options, measure, plotting.comparison, name=Path(options.store).with_suffix(""))


def levels(options):
    """Flows, entropy and fluctuations along quantum jumps of two levels and light."""
    from .. import plotting
    from ..analysis.entropy.twolevel import level_thermodynamics

    return _tell(options, level_thermodynamics, plotting.level_thermodynamics, options.after)


def audit(options):
    """Audit the model of a parameter file, or of a store, against the second law."""
    from ..systems import CATALOGUE
    from ..thermo.second_law.audit import audit as judge

    if options.spec.endswith(".toml"):
        from ..run.parameter_file import load_spec

        run = load_spec(options.spec)
    else:
        from ..store.ensemble import open as open_ensemble

        run = open_ensemble(options.spec)
    print(judge(run.model, run.initial, options.until and [options.until]))
    system = CATALOGUE.get(getattr(run, "system", None))  # a store does not keep the parameters
    if system and (premises := system.check_premises(run.parameters)):
        print(f"\npremises of the golden rule\n{premises}")
    return DONE


def typicality(options):
    """Judge how typical single trajectories are, and how that scales with size."""
    from .. import plotting
    from ..analysis.fluctuations.gaussian_tail import gaussian_tail
    from ..analysis.fluctuations.typicality import typicality as measure
    from ..analysis.fluctuations.typicality import typicality_scaling
    from ..store.ensemble import open as open_ensemble

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
        print()
    scaling = typicality_scaling(runs) if len(runs) > 1 else None
    tail = gaussian_tail(runs[0]) if runs[0].ntraj >= 50 else None
    print(tail or f"tail: undecided, {runs[0].ntraj} trajectories are too few")
    if scaling is not None:
        print(f"\n{scaling}")
    signs = _signs(runs)
    if not options.no_figure:
        figure = plotting.typicality(runs, tail, scaling, signs)
        _save(figure, options, _beside(options.stores[0], "typicality"))
    return DONE


def _signs(runs):
    """Tell the signs of the entropy production where events were kept; of several sizes, scaled."""
    from ..analysis.entropy.production_signs import production_signs, signs_scaling

    kept = [r.ensemble for r in runs if "events" in r.ensemble.record]
    kept = [ensemble for ensemble in kept if ensemble.ntraj > 1 and len(ensemble.times) > 1]
    told = [production_signs(ensemble) for ensemble in kept]
    for signs in told:
        print(f"\n{signs}")
    scaling = signs_scaling(told) if len(told) > 1 else None
    if scaling is not None:
        print(f"\n{scaling}")
    return scaling


def fluctuations(options):
    """Cumulants of the counts, beside linear noise and the master equation."""
    from .. import plotting
    from ..analysis.fluctuations.cumulants import fluctuations as measure

    return _tell(options, measure, plotting.fluctuations)


def correlations(options):
    """Two-time correlations and power spectra of a run at rest."""
    from .. import plotting
    from ..analysis.fluctuations.correlations import correlations as measure

    return _tell(options, measure, plotting.correlations, options.after)


def counting(options):
    """Count events or heat in windows of time."""
    from .. import plotting
    from ..analysis.events.counting import counting as measure

    return _tell(options, measure, plotting.counting, _counted(options), options.after)


def waiting(options):
    """Waiting times between events."""
    from .. import plotting
    from ..analysis.events.waiting_times import waiting_times as measure

    where = (options.channels, options.since, options.after)
    return _tell(options, measure, plotting.waiting, *where)


def passage(options):
    """First passages of the counts."""
    from .. import plotting
    from ..analysis.events.first_passages import first_passages as measure

    return _tell(options, measure, plotting.waiting, options.target)


def coincidences(options):
    """Coincidences of events at rest, g²."""
    from .. import plotting
    from ..analysis.events.coincidences import coincidences as measure

    where = (options.after, options.longest, options.bins)
    return _tell(options, measure, plotting.coincidences, options.first, options.second, *where)


def distribution(options):
    """Histogram of one pool's count at one stored time."""
    from .. import plotting
    from ..analysis.fluctuations.distribution import distribution as measure

    return _tell(options, measure, plotting.distribution, options.pool, options.time)


def theorem(options):
    """Fluctuation theorems."""
    from .. import plotting
    from ..analysis.entropy.fluctuation_theorem import fluctuation_theorem as measure

    return _tell(options, measure, plotting.theorem, options.boundary)


def clausius(options):
    """How often entropy falls in a window, in systems of several sizes."""
    from .. import plotting
    from ..analysis.entropy.clausius import clausius as compare
    from ..analysis.entropy.clausius import window_production as measure

    return _tell_all(options, measure, compare, plotting.clausius, options.begin, options.end)


def demon(options):
    """What loops of different asymmetry sort at rest, and at what entropy."""
    from .. import plotting
    from ..analysis.entropy.demon import demon as compare
    from ..analysis.entropy.demon import sorting as measure

    return _tell_all(options, measure, compare, plotting.demon, options.after)


def uncertainty(options):
    """Uncertainty relations of a current at rest."""
    from .. import plotting
    from ..analysis.entropy.uncertainty import uncertainty as measure

    return _tell(options, measure, plotting.uncertainty, _counted(options), options.after)


def _counted(options):
    """What to count: one bath or channel, or channels with weights such as NAME=-1."""
    if not any("=" in text for text in options.counted):
        return options.counted[0] if len(options.counted) == 1 else options.counted
    weights = {}
    for text in options.counted:
        name, equals, weight = text.rpartition("=")
        try:
            weights[name if equals else text] = float(weight) if equals else 1.0
        except ValueError:
            raise InputError(f"a weight must be a number, as in NAME=-1, but is {text!r}") from None
    return weights


def telegraph(options):
    """Flips and dwell times of the single two-level systems of one trajectory."""
    from .. import plotting
    from ..analysis.events.telegraph import telegraph as measure

    return _tell(options, measure, plotting.telegraph, options.row, options.pool)


def rabi(options):
    """Rabi oscillation in when the first photon leaves, for several couplings."""
    from .. import plotting
    from ..analysis.events.rabi_onset import rabi_onset

    return _tell_all(options, lambda ensemble: ensemble, rabi_onset, plotting.rabi_onset)


def tell_long(options, run):
    """Print what a long run gave beside the theory, and draw it."""
    from .. import plotting
    from ..analysis.averages.long_run import stationary_averages

    result = stationary_averages(run)
    print(result)
    if not options.no_figure:
        _save(plotting.stationary_averages(result), options, Path(options.output).with_suffix(""))
    return DONE


def _tell(options, measure, draw, *arguments, name=None):
    """Put a question to a store, print the answer, and draw it."""
    from ..store.ensemble import open as open_ensemble

    result = measure(open_ensemble(options.store), *arguments)
    print(result)
    if not options.no_figure:
        _save(draw(result), options, name or _beside(options.store, options.name))
    return DONE


def figures(options):
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


def _tell_all(options, measure, compare, draw, *arguments):
    """Put a question to several stores, compare the answers, and draw them."""
    from ..store.ensemble import open as open_ensemble

    result = compare([measure(open_ensemble(store), *arguments) for store in options.stores])
    print(result)
    if not options.no_figure:
        _save(draw(result), options, _beside(options.stores[0], options.name))
    return DONE


def _beside(store, what):
    """Name of a figure beside its store, without an ending."""
    return Path(store).with_name(f"{Path(store).stem}-{what}")


def _save(figure, options, name):
    """Save a figure with the command that made it, and say where it is."""
    from .. import plotting

    files = plotting.save(figure, options.figure or name, shlex.join(["jumpsim", *options.given]))
    print(f"figure: {', '.join(map(str, files))}")

"""What a report says about a store: whether it is whole, what was run, and where it came from."""

import datetime
from pathlib import Path

from ..store import export
from ..store.paths import blocks_folder, is_block_name
from ..utils.text import readable_bytes, readable_ranges, readable_times


def notices(status, ensemble):
    """Tell what a reader must know before anything else.

    Parameters
    ----------
    status : inspection.Status
    ensemble : Ensemble

    Returns
    -------
    list of (str, str)
        A heading ("partial", "damaged", "moved", "set aside", "ended") and a sentence each; empty
        for a whole run.
    """
    told = [("damaged", text) for text in status.damaged]
    if status.missing:
        told.append(
            (
                "partial",
                f"{status.done} of {status.wanted} trajectories are there; missing are "
                f"{readable_ranges(status.missing)}. "
                "Everything below is about those that are there",
            )
        )
    if status.running:
        told.append(("partial", f"the run has not ended; {status.running}"))
    elif ensemble.outcome is None:
        text = "the run has not ended, and was not put together into one file"
        told.append(("partial", f"{text}: run the same command again"))
    elif not ensemble.outcome.has_all:
        told.append(("ended", f"the run ended for another reason: {ensemble.stop_reason}"))
    return told + _moved(ensemble) + _aside(Path(ensemble.path))


def _moved(ensemble):
    """Blocks whose name is not that of what they hold."""
    found = []
    for part in ensemble._store.parts:
        first, last = part.ranges[0][0], part.ranges[-1][1]
        own = is_block_name(part.path.name, first, last, part.plan.record)
        if part.path != ensemble.path and not own:
            found.append(
                ("moved", f"{part.path} holds the trajectories {first} ... {last - 1}: it was "
                 "renamed or copied")
            )  # fmt: skip
    return found


def _aside(path):
    """Files of this run that were set aside because they were damaged."""
    beside = [f for f in path.parent.iterdir() if f.name.startswith(f"{path.name}.damaged")]
    folder = blocks_folder(path)
    inside = [f for f in folder.iterdir() if ".h5.damaged" in f.name] if folder.is_dir() else []
    files = [*sorted(beside), *sorted(inside)]
    return [("set aside", f"{file} was found damaged, and is not used") for file in files]


def model(ensemble):
    """Facts of a run beside the table of its model: (name, text) each."""
    times, kept = ensemble.times, ", ".join(ensemble.record)
    factor, unit = readable_times(times)
    return [
        ("Start", export.describe_start(ensemble.initial, ensemble.model)),
        ("Times", f"{len(times)} from {times[0] * factor:g} to {times[-1] * factor:g} {unit}"),
        ("Kept", kept),
        ("Events", f"{ensemble.n_events}"),
        ("Seed", f"{ensemble.seed}"),
        ("Ended", ensemble.stop_reason or "not yet"),
    ]


def provenance(status, ensemble):
    """Where a store came from: (name, text) each. Nothing of it is taken to be well formed."""
    from .. import __version__

    context = ensemble._store.context
    context = context if isinstance(context, dict) else {}
    packages = context.get("packages")
    packages = packages if isinstance(packages, dict) else {}
    parts, (engine, stream) = ensemble._store.parts, ensemble._store.plan.versions
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    rows = [
        ("File", f"{ensemble.path}, {readable_bytes(status.bytes)} in {status.files} files"),
        ("Written", context.get("written")),
        ("jumpsim", f"{context.get('jumpsim')}, engine {engine}, random streams {stream}"),
        ("Commit", context.get("commit") or "not from a checkout"),
        ("Command", context.get("command")),
        ("Host", context.get("host")),
        ("Processor", context.get("cpu")),
        ("Platform", context.get("platform")),
        ("Python", context.get("python")),
        ("Packages", ", ".join(f"{name} {version}" for name, version in packages.items())),
        ("Digest", parts[0].checksum if len(parts) == 1 else f"one in each of {len(parts)} blocks"),
        ("This page", f"made {now} by jumpsim {__version__}"),
    ]
    return [(name, "not known" if text in (None, "") else str(text)) for name, text in rows]

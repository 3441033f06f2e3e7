"""Facts about a run in its report: completeness, model, provenance."""

import datetime
from pathlib import Path
from typing import Any, cast

from ..store import export
from ..store.ensemble import Ensemble
from ..store.paths import blocks_folder, is_block_name
from ..store.status import Status
from ..utils.text import readable_bytes, readable_ranges, readable_times

Pair = tuple[str, str]


def notices(status: Status, ensemble: Ensemble) -> list[Pair]:
    """Messages about missing, damaged or moved parts of a run.

    Parameters
    ----------
    status : Status
    ensemble : Ensemble

    Returns
    -------
    list of (str, str)
        Kind ("partial", "damaged", "moved", "set aside", "ended") and message; empty for a complete
        run.
    """
    found = [("damaged", text) for text in status.damaged]
    if status.missing:
        found.append(
            (
                "partial",
                f"{status.done} of {status.wanted} trajectories are complete; missing are "
                f"{readable_ranges(status.missing)}. "
                "All results below are about the complete trajectories",
            )
        )
    if status.running:
        found.append(("partial", f"the run has not ended; {status.running}"))
    elif ensemble.outcome is None:
        text = "the run has not ended, and its blocks are not merged into one file"
        found.append(("partial", f"{text}: run the same command again"))
    elif not ensemble.outcome.has_all:
        found.append(("ended", f"the run ended for another reason: {ensemble.stop_reason}"))
    return found + _moved(ensemble) + _set_aside(Path(cast("Path", ensemble.path)))


def _moved(ensemble: Ensemble) -> list[Pair]:
    """Blocks whose file name does not match their content."""
    found = []
    for part in cast("Any", ensemble)._store.parts:
        first, last = part.ranges[0][0], part.ranges[-1][1]
        own = is_block_name(part.path.name, first, last, part.plan.record)
        if part.path != ensemble.path and not own:
            found.append(
                ("moved", f"{part.path} contains the trajectories {first} ... {last - 1}: it was "
                 "renamed or copied")
            )  # fmt: skip
    return found


def _set_aside(path: Path) -> list[Pair]:
    """Files of this run that were renamed because they are damaged."""
    next_to_store = [f for f in path.parent.iterdir() if f.name.startswith(f"{path.name}.damaged")]
    folder = blocks_folder(path)
    in_folder = [f for f in folder.iterdir() if ".h5.damaged" in f.name] if folder.is_dir() else []
    files = [*sorted(next_to_store), *sorted(in_folder)]
    return [("set aside", f"{file} is damaged, and is not used") for file in files]


def model(ensemble: Ensemble) -> list[Pair]:
    """Facts about a run in addition to the table of its model: (name, text) each."""
    times, kept = ensemble.times, ", ".join(ensemble.record)
    factor, unit = readable_times(times)
    return [
        ("Start", export.describe_start(ensemble.initial, ensemble.model)),
        ("Times", f"{len(times)} from {times[0] * factor:g} to {times[-1] * factor:g} {unit}"),
        ("Recorded", kept),
        ("Events", f"{ensemble.n_events}"),
        ("Seed", f"{ensemble.seed}"),
        ("Ended", ensemble.stop_reason or "not yet"),
    ]


def provenance(status: Status, ensemble: Ensemble) -> list[Pair]:
    """Origin of a store: (name, text) each. The content of the file may have any form."""
    from .. import __version__

    store: Any = cast("Any", ensemble)._store
    context = store.context
    context = context if isinstance(context, dict) else {}
    packages = context.get("packages")
    packages = packages if isinstance(packages, dict) else {}
    parts, (engine, stream) = store.parts, store.plan.versions
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    rows: list[tuple[str, Any]] = [
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

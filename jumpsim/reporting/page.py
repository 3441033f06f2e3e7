"""The report: an HTML page with one section for each analysis of a run."""

import os
from collections.abc import Sequence
from pathlib import Path

from .. import plotting
from ..errors import InputError, StoreError
from ..store.ensemble import Ensemble
from ..store.ensemble import open as open_ensemble
from ..store.paths import blocks_folder
from ..store.status import Status
from ..store.status import status as store_status
from ..utils.files import AnyPath, as_path, new_file, without_ending
from ..utils.progress import step
from . import facts, markup
from .sections import SECTIONS, ReportSection

_MOST_BYTES = 3_500_000  # of all figures together
_PAGE_BEGINS = b"<!doctype html"
_HDF5_BEGINS = b"\x89HDF\r\n\x1a\n"
_HEADINGS = {"partial": "Partial", "damaged": "Damaged", "moved": "Moved", "ended": "Ended early",
             "set aside": "Set aside"}  # fmt: skip


def report(path: AnyPath, output: AnyPath | None = None, progress: bool | None = None) -> Path:
    """Write one HTML page about a stored run, complete or not.

    Parameters
    ----------
    path : path
        The output file of the run.
    output : path, optional
        File name of the page; by default that of the store with -report.html instead of the
        suffix.
    progress : bool, optional
        Whether to print the progress on stderr; by default if it is a terminal.

    Returns
    -------
    pathlib.Path
        The page. It needs no other file and no network, and contains no script.

    Raises
    ------
    StoreError
        When no trajectory can be read, or the page cannot be written.

    Notes
    -----
    For an analysis that is not possible, because of missing records or damaged files, the page
    states the reason.
    """
    if output is None:
        output = f"{without_ending(path)}-report.html"
    path, output = as_path(path), as_path(output, "output")
    _check_output(path, output)
    step("verifying the store", progress)
    status = store_status(path)
    if not status.done and not path.exists():
        why = status.damaged[0] if status.damaged else f"{status.wanted} are wanted"
        raise StoreError(f"{path}: there is no intact trajectory for a report ({why})")
    ensemble = open_ensemble(path, progress)
    _write(output, _page(status, ensemble, progress).encode())
    return output


def _page(status: Status, ensemble: Ensemble, progress: bool | None) -> str:
    model = ensemble.model
    title = f"{model.name}: {ensemble.ntraj} trajectories, seed {ensemble.seed}"
    contents: list[tuple[str, str, list[str]]] = []
    parts: list[str] = []
    free_bytes = _MOST_BYTES
    for number, section in enumerate(SECTIONS, 1):
        step(f"{number} of {len(SECTIONS)}: {section.heading.lower()}", progress)
        verdicts, body, used = _analyse(section, ensemble, free_bytes)
        free_bytes -= used
        contents.append((section.anchor, section.heading, verdicts))
        parts.append(_section(section.anchor, section.heading, body))
    about = markup.box(markup.rows(facts.model(ensemble)), "facts of the run")
    origin = markup.box(markup.rows(facts.provenance(status, ensemble)), "provenance")
    head = [
        markup.element("h1", markup.bdi(title)),
        _notices(facts.notices(status, ensemble)),
        _contents(contents),
        _section("model", "Model", [markup.printed(str(model), "model"), about]),
    ]
    return markup.page(
        title, "\n".join([*head, *parts, _section("origin", "Provenance", [origin])])
    )


def _section(anchor: str, heading: str, body: Sequence[str]) -> str:
    inner = [markup.element("h2", markup.text(heading)), *body]
    return markup.element("section", "\n".join(inner), id=anchor)


def _notices(found: Sequence[facts.Pair]) -> str:
    """Box at the top of the page about missing or damaged parts; empty for a complete run."""
    if not found:
        return ""
    kinds = list(dict.fromkeys(_HEADINGS[kind] for kind, _ in found))
    bad = {"damaged", "partial"} & {kind for kind, _ in found}
    items = "".join(
        markup.element("li", f"{_HEADINGS[kind]}: {markup.sentence(words)}")
        for kind, words in found
    )
    head = markup.element("strong", f"This run is not complete: {', '.join(kinds).lower()}")
    head = head if bad else markup.element("strong", "Please note")
    kind = "notice bad" if bad else "notice"
    return markup.element("div", head + markup.element("ul", items), kind=kind, role="note")


def _contents(sections: Sequence[tuple[str, str, list[str]]]) -> str:
    """Table of contents, with the verdict of each section."""
    entries: list[tuple[str, str, list[str]]] = [
        ("model", "Model", []),
        *sections,
        ("origin", "Provenance", []),
    ]
    items = []
    for anchor, heading, words in entries:
        link = markup.element("a", markup.text(heading), href=f"#{anchor}")
        verdicts = " ".join(markup.sentence(line) for line in words)
        items.append(markup.element("li", f"{link}. {verdicts}" if words else link))
    return markup.element("nav", markup.element("ol", "\n".join(items)), aria="Contents")


def _analyse(
    section: ReportSection, ensemble: Ensemble, free_bytes: int
) -> tuple[list[str], list[str], int]:
    """Verdicts and markup of all results of a section, and the bytes of its figures."""
    verdicts: list[str] = []
    used = 0
    body = [markup.element("p", markup.text(section.section.question), kind="question")]
    cases = section.cases(ensemble)
    for options in cases:
        name = list(options.values())[-1] if len(cases) > 1 else None
        if name is not None:
            body.append(markup.element("h3", markup.bdi(name)))
        try:
            verdict, more, size = _one_result(section, ensemble, options, free_bytes - used)
        except (InputError, StoreError) as error:
            remedy = section.section.remedy if isinstance(error, InputError) else ""
            verdict, more, size = f"not shown: {error}{remedy and f'; {remedy}'}", [], 0
        verdicts.append(verdict if name is None else f"for {name}: {verdict}")
        body += [markup.element("p", markup.sentence(verdict), kind="verdict"), *more]
        used += size
    if not cases:
        verdicts = [f"not shown: {section.section.nothing}"]
        body.append(markup.element("p", markup.sentence(verdicts[0]), kind="verdict"))
    return verdicts, body, used


def _one_result(
    section: ReportSection, ensemble: Ensemble, options: dict[str, str], free_bytes: int
) -> tuple[str, list[str], int]:
    """Verdict and markup of one result, and the bytes of its figure."""
    result = section.result(ensemble, options)
    words = section.words(str(ensemble.path), options)
    verdict = "; ".join(result.verdict.splitlines())
    body = [markup.printed(str(result), f"{section.heading}: numbers")]
    if not section.figure:
        body.append(markup.element("p", f"Command for this result: {markup.command(words)}"))
        return verdict, body, 0
    draw = getattr(plotting, section.analysis.name)
    kind, content, size = markup.picture(lambda: draw(result))
    if len(content) > free_bytes:
        note = "The figure is omitted to limit the size of this page. Command for it: "
        body.append(markup.element("p", note + markup.command(words)))
        return verdict, body, 0
    alt = f"{section.heading}: {section.section.question} {verdict}"
    body.append(markup.figure(kind, content, size, alt, words))
    return verdict, body, len(content)


def _check_output(path: Path, output: Path) -> None:
    """Raise `StoreError` if the output is a store, or an existing file that is not a page."""
    if output.is_dir() or not output.name:
        raise StoreError(f"{output}: is a folder, but must be the name of a page")
    if not output.parent.is_dir():
        raise StoreError(f"{output}: the folder '{output.parent}' does not exist")
    if output.resolve() == path.resolve() or blocks_folder(output).exists():
        raise StoreError(f"{output}: is a store; give the page another name")
    if not os.path.lexists(output):
        return
    try:
        if output.is_file():
            with output.open("rb") as file:
                beginning = file.read(len(_PAGE_BEGINS))
            if not beginning or beginning.lower() == _PAGE_BEGINS:
                return
            if beginning.startswith(_HDF5_BEGINS):
                raise StoreError(f"{output}: is an HDF5 file; give the page another name")
    except OSError as error:
        if isinstance(error, StoreError):
            raise
    raise StoreError(f"{output}: exists and is not a page; give the page another name")


def _write(output: Path, content: bytes) -> None:
    """Write a file atomically: after an error the former content is unchanged."""
    with new_file(output) as temporary:
        temporary.write_bytes(content)

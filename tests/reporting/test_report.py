"""The page about a run: sections, figures, commands, notices, and how it is written."""

import base64
import itertools
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import h5py
import pytest
from support.html_pages import TAGS, Page
from support.networks import leaky
from support.reported_runs import RECORDS, TIMES, plan

import jumpsim as js
from jumpsim.cli.main import _COMMANDS, main
from jumpsim.cli.options import parser
from jumpsim.reporting import markup, page, sections
from jumpsim.run.block_task import run_block
from jumpsim.store import WritableStore, hdf5_layout
from jumpsim.store.outcome import Outcome
from jumpsim.utils import provenance

ROOT = Path(__file__).parents[2]


def run(path, ntraj=60, record=RECORDS, model=None):
    model = model or leaky()
    start = dict(zip(model.pools, (6, 1), strict=True))
    return js.simulate(
        model, TIMES, ntraj, start, seed=1, record=list(record), store=path, workers=1
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return a whole run, and its page."""
    path = tmp_path_factory.mktemp("whole") / "run.h5"
    run(path, 100)
    return path, js.report(path)


def top(parsed):
    """What stands between the title and the contents."""
    return parsed.source.split("</h1>")[1].split("<nav")[0]


def test_the_page_is_sound_html_and_asks_for_nothing_from_outside(whole):
    parsed = Page(whole[1])
    assert whole[1] == whole[0].with_name("run-report.html")
    assert parsed.source.lower().startswith("<!doctype html>")
    assert parsed.all("html") == [{"lang": "en"}]
    assert parsed.tags[2] == ("meta", {"charset": "utf-8"})  # before any other text
    assert {tag for tag, _ in parsed.tags} <= TAGS
    assert not re.search(r"https?:|url\(|@import|//\w", parsed.source.split("<body>")[0])
    for tag, attrs in parsed.tags:
        assert not [name for name in attrs if name.startswith("on")], tag
        for name in ("src", "href", "action", "srcset", "data"):
            assert re.match(r"#|data:image/(png|svg\+xml);base64,", attrs.get(name, "#")), tag
    policies = [m["content"] for m in parsed.all("meta") if "http-equiv" in m]
    assert policies == [
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    ]
    viewport = {"name": "viewport", "content": "width=device-width, initial-scale=1"}
    assert viewport in parsed.all("meta")
    assert len(parsed.source) < 5_000_000


def test_every_section_is_there_and_linked(whole):
    parsed = Page(whole[1])
    ids = [attrs["id"] for _, attrs in parsed.tags if "id" in attrs]
    assert len(set(ids)) == len(ids)
    assert {a["href"] for a in parsed.all("a")} == {f"#{name}" for name in ids}
    levels = [int(tag[1]) for tag, _ in parsed.tags if re.fullmatch("h[1-6]", tag)]
    assert (levels[0], levels.count(1)) == (1, 1)
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))
    titles = ["Model", *(s.heading for s in sections.SECTIONS), "Provenance"]
    assert parsed.inside("h2") == titles
    ensemble = js.open(whole[0])
    assert parsed.inside("title") == ["leaky cavity: 100 trajectories, seed 1"]
    tables = parsed.inside("pre")
    for result in (ensemble.model, js.compare(ensemble), js.fluctuations(ensemble)):
        assert str(result) in tables
    for words in (
        js.audit(ensemble.model, ensemble.initial).verdict[1:],
        js.compare(ensemble).verdict.split("\n")[0][1:],
        str(js.compare(ensemble).joint),
        js.fluctuations(ensemble).verdict[1:],
        "of the trajectories produce entropy of the sign opposite",
        "the tail",
        "variance / mean is",
    ):
        assert parsed.text.count(words) >= 2, words  # in the contents and in its section
    for fact in (provenance.context()["platform"], "Python", "numba", "engine", "Digest"):
        assert fact in parsed.text
    assert top(parsed).strip() == ""  # nothing to warn of


def test_every_figure_tells_what_it_shows_and_how_it_is_drawn(whole):
    parsed = Page(whole[1])
    images = parsed.all("img")
    assert len(images) == parsed.source.count("<figcaption>") == 6
    for image in images:
        assert len(image["alt"]) > 40
        assert int(image["width"]) > int(image["height"]) > 200
        kind, data = image["src"].split(";base64,")
        data = base64.b64decode(data, validate=True)
        assert data.startswith(b"<?xml" if kind.endswith("svg+xml") else b"\x89PNG")
    places = [m.start() for m in re.finditer("<figure>", parsed.source)]
    assert all(
        parsed.source.index("<figcaption>Command for this figure: <code>jumpsim ", p)
        for p in places
    )


def test_the_commands_are_understood(whole):
    typed = [shlex.split(text) for text in Page(whole[1]).inside("code")]
    assert len(typed) >= 6
    for words in typed:
        assert words[0] == "jumpsim"
        assert str(whole[0]) in words
        parser(_COMMANDS).parse_args(words[1:])
    # A name that begins with a dash is no option.
    section = next(s for s in sections.SECTIONS if s.heading == "Heat")
    words = section.words("-run.h5", {"counted": "-x"})
    options = parser(_COMMANDS).parse_args(words[1:])
    assert (options.store, options.counted) == ("./-run.h5", "-x")


def test_what_is_wide_scrolls_in_its_own_box(whole):
    parsed = Page(whole[1])
    for match in re.finditer("<pre>|<table>|<img ", parsed.source):
        before = parsed.source[: match.start()]
        assert re.search(r'<div class="box[^>]* tabindex="0"[^>]*>$', before), match[0]
    assert re.search(r"\.box \{ overflow-x: auto", parsed.source)


def test_the_page_is_the_same_again_apart_from_its_date(whole, tmp_path):
    pages = (whole[1], js.report(whole[0], tmp_path / "again.html"))
    one, two = (re.sub(r"made [\dT:-]+\+00:00", "", p.read_text()) for p in pages)
    assert one == two


def partial(path, ntraj=100):
    store = WritableStore(path, plan())
    store.begin(ntraj)
    store.write([run_block(plan(), 0, 30)[0]])
    store.write([run_block(plan(), 40, 60)[0]])
    return store


@pytest.mark.usefixtures("bare")
def test_a_partial_store_says_so_at_the_top(tmp_path):
    store = partial(tmp_path / "run.h5")
    parsed = Page(js.report(tmp_path / "run.h5"))
    assert parsed.inside("title") == ["leaky cavity: 50 trajectories, seed 1"]
    assert "This run is not complete: partial" in top(parsed)
    assert "50 of 100 trajectories are complete; missing are 30 ... 39, 60 ... 99." in top(parsed)
    assert f"; running as process {os.getpid()}" in top(parsed)
    store.finish(None, complete=False)
    assert "The run has not ended" in top(Page(js.report(tmp_path / "run.h5")))


@pytest.mark.usefixtures("bare")
def test_a_run_that_ended_early_says_so_at_the_top(tmp_path):
    made = plan(record=("counts",))
    reason = "target_sem reached with 9 trajectories: largest standard error 0.3"
    outcome = Outcome.from_text(reason)
    hdf5_layout.write(tmp_path / "a.h5", made, [(0, 9, run_block(made, 0, 9)[0], 0)], outcome)
    printed = top(Page(js.report(tmp_path / "a.h5")))
    assert f"Ended early: The run ended for another reason: {reason}." in printed
    assert "not complete" not in printed


@pytest.mark.usefixtures("bare")
def test_damaged_blocks_are_named_at_the_top(tmp_path):
    partial(tmp_path / "run.h5")
    folder = tmp_path / "run.h5.blocks"
    first, second = sorted(folder.glob("traj-*.h5"))
    first.write_bytes(first.read_bytes()[:-100])
    moved = second.rename(folder / "traj-000000000007-000000000027.h5")
    (folder / "traj-000000000090-000000000099.h5.damaged").touch()
    (tmp_path / "run.h5.damaged2").touch()
    with pytest.warns(js.StoreWarning, match="It is left out"):
        printed = top(Page(js.report(tmp_path / "run.h5")))
    assert "This run is not complete: damaged, partial, moved, set aside" in printed
    assert f"Damaged: {first}" in printed
    assert f"Moved: {moved} contains the trajectories 40 ... 59" in printed
    assert "20 of 100 trajectories are complete; missing are 0 ... 39, 60 ... 99" in printed
    assert "000000000099.h5.damaged is damaged" in printed
    assert "run.h5.damaged2 is damaged" in printed


def test_a_store_whose_numbers_were_changed_still_has_a_page(tmp_path):
    path = tmp_path / "run.h5"
    run(path)
    with h5py.File(path, "r+") as file:
        file["counts"][17, 3, 1] += 1
    parsed = Page(js.report(path))
    assert "This run is not complete: damaged" in top(parsed)
    assert "its content does not fit the checksum" in top(parsed)
    assert parsed.text.count("Not shown: ") >= 2 * 4
    assert parsed.all("img") == []


@pytest.mark.parametrize(
    ("ntraj", "record", "shown", "refused"),
    [
        (60, ["moments"], {"Averages"}, {
            "Fluctuations": 'fluctuations need the counts, but this run recorded moments; run it '
            'again with record "counts"',
            "Typicality": "typicality needs the counts",
            "Entropy of single trajectories": 'record "events"',
            "Heat": 'record "jumps"',
            "Correlations": 'record "counts"',
        }),
        (1, ["counts"], {"Typicality"}, {
            "Averages": "a comparison needs 2 trajectories for standard errors, but there are 1; "
            "run again with more trajectories",
            "Fluctuations": "four cumulants need 8 trajectories at least, but there are 1",
        }),
        (20, ["events"], {"Entropy of the whole run"}, {"Averages": "averages need counts, "}),
        (60, ["variances"], {"Averages"}, {"Fluctuations": "this run recorded variances; run it"}),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_named(tmp_path, ntraj, record, shown, refused):
    run(tmp_path / "run.h5", ntraj, record)
    parsed = Page(js.report(tmp_path / "run.h5"))
    for section in sections.SECTIONS[1:]:
        body = parsed.source.split(f'id="{section.anchor}"')[1].split("</section>")[0]
        assert ("<img " in body) == (section.heading in shown), section.heading
        if section.heading in refused:
            printed = re.search(r'class="verdict">Not shown: (.*?)</p>', body)[1]
            assert markup.text(refused[section.heading]) in printed
    assert "Traceback" not in parsed.source


def test_correlations_are_shown_of_a_run_in_steady_state_alone(tmp_path, monkeypatch):
    asked = [s for s in sections.SECTIONS if s.heading == "Correlations"]
    monkeypatch.setattr(page, "SECTIONS", asked)
    falling = run(tmp_path / "falling.h5", 16)
    printed = Page(js.report(tmp_path / "falling.h5")).text
    assert "Not shown: the run is not stationary: the mean of A changes from 2.875" in printed
    with pytest.raises(js.InputError, match="not stationary: by the rate equations, A changes"):
        sections._check_stationary(falling, "1e-06 s")  # also where averages do not show it
    store = tmp_path / "run.h5"
    js.simulate(js.systems.hohlraum(3, 2, "5 MHz"), TIMES, 40, [3, 0], seed=1, store=store)
    parsed = Page(js.report(store))
    assert "Correlation times: N: " in parsed.text
    assert shlex.join(["jumpsim", "correlations", str(store), "--after", "1e-06 s"]) in parsed.text
    assert len(parsed.all("img")) == 1


def test_a_run_without_trajectories_is_refused(tmp_path, capsys):
    WritableStore(tmp_path / "run.h5", plan()).begin(100)
    assert main(["report", str(tmp_path / "run.h5")]) == 2
    printed = capsys.readouterr()
    assert "run.h5: there is no intact trajectory for a report (100 are wanted)" in printed.err
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert not (tmp_path / "run-report.html").exists()


def test_a_page_never_takes_the_place_of_something_else(tmp_path, capsys):
    run(tmp_path / "run.h5", 3, ["counts"])
    run(tmp_path / "other.h5", 3, ["counts"])
    WritableStore(tmp_path / "begun.h5", plan()).begin(9)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "link.html").symlink_to("other.h5")

    def files():
        return {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}

    before = files()
    for name, text in (
        ("run.h5", "is a store"),
        ("begun.h5", "is a store"),
        ("other.h5", "is an HDF5 file"),
        ("link.html", "is an HDF5 file"),
        ("notes.txt", "is not a page"),
        ("", "is a folder"),
        ("no/page.html", "does not exist"),
        ("/dev/null", "is not a page"),
    ):
        assert main(["report", str(tmp_path / "run.h5"), "-o", str(tmp_path / name)]) == 2
        printed = capsys.readouterr()
        assert text in printed.err
        assert (printed.out, printed.err.count("\n")) == ("", 1), name
        assert files() == before


def test_a_page_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    target = tmp_path / "page.html"
    page._write(target, b"<!doctype html>old")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(js.StoreError, match=r"page\.html: no space left on the disk"):
            page._write(target, b"<!doctype html>new")
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]
    assert target.read_bytes() == b"<!doctype html>old"


def test_pictures_stay_within_their_room(tmp_path, monkeypatch):
    run(tmp_path / "run.h5", 20, ["counts"])
    monkeypatch.setattr(page, "SECTIONS", [s for s in sections.SECTIONS if s.figure][:1])
    monkeypatch.setattr(markup, "_LARGEST_SVG", 0)
    assert Page(js.report(tmp_path / "run.h5")).all("img")[0]["src"].startswith("data:image/png")
    monkeypatch.setattr(page, "_MOST_BYTES", 0)
    parsed = Page(js.report(tmp_path / "run.h5"))
    assert parsed.all("img") == []
    assert "The figure is omitted to limit the size of this page" in parsed.text


def test_progress_is_reported_when_asked(tmp_path, capsys):
    run(tmp_path / "run.h5", 3, ["counts"])
    js.report(tmp_path / "run.h5", progress=True)
    printed = capsys.readouterr().err
    for number, section in enumerate(sections.SECTIONS, 1):
        assert f"{number} of {len(sections.SECTIONS)}: {section.heading.lower()}" in printed


def test_the_script_is_the_same_command(tmp_path):
    run(tmp_path / "run.h5", 3, ["moments"])
    made = subprocess.run(
        [sys.executable, ROOT / "analysis" / "report.py", "run.h5", "-o", "page.html"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (made.returncode, made.stdout, made.stderr) == (0, "report: page.html\n", "")
    Page(tmp_path / "page.html")
